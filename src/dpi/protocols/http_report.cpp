// What is reported of an HTTP/1 message: RFC 9110 (semantics), RFC 9112 (message format). Header
// values are reported as sent; the first of several counts, as most recipients have it.
#include "dpi/protocols/http_report.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

#include "dpi/parts/shown_uri.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse };

enum Field : std::uint8_t {
  kMethod,
  kHost,
  kUri,
  kVersion,
  kUserAgent,
  kReferer,
  kContentType,
  kContentLength,
  kContentEncoding,
  kTransferEncoding,
  kServer,
  kLocation,
  kStatus,
  kReason,
  kLatency,
  kUpgrade,
  kAuthScheme,
  kCookie,
  kForwardedFor,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kMethodAlias[] = {"http.request.method"};
constexpr string_view kUriAlias[] = {"http.request.uri"};
constexpr string_view kVersionAlias[] = {"http.request.version", "http.response.version"};
constexpr string_view kLengthAlias[] = {"http.content_length_header"};
constexpr string_view kStatusAlias[] = {"http.response.code"};
constexpr string_view kReasonAlias[] = {"http.response.phrase"};
constexpr string_view kLatencyAlias[] = {"http.time"};
constexpr string_view kAuthAlias[] = {"http.authorization", "http.www_authenticate"};

constexpr std::uint16_t kUriTextBytes = 2048;
constexpr std::uint16_t kLongTextBytes = 1024;

constexpr FieldDef kFields[] = {
    {.name = "http.method",
     .help = "request method",
     .role = Role::kMethod,
     .aliases = kMethodAlias},
    {.name = "http.host",
     .help = "Host header, or else the authority of the request's URI",
     .role = Role::kHostName,
     .privacy = Privacy::kPersonal},
    {.name = "http.uri",
     .help = "request target as in the request line; passwords masked",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kUriAlias,
     .max_bytes = kUriTextBytes},
    {.name = "http.version",
     .help = "HTTP/1.0, HTTP/1.1",
     .role = Role::kVersion,
     .aliases = kVersionAlias,
     .max_bytes = 64},
    {.name = "http.user_agent",
     .help = "program that asks",
     .role = Role::kUserAgent,
     .max_bytes = kLongTextBytes},
    {.name = "http.referer",
     .help = "page that led here",
     .privacy = Privacy::kPersonal,
     .max_bytes = kLongTextBytes},
    {.name = "http.content_type", .help = "media type of the body"},
    {.name = "http.content_length",
     .type = FieldType::kUint,
     .help = "length of the body",
     .aliases = kLengthAlias},
    {.name = "http.content_encoding", .help = "compression of the content", .max_bytes = 128},
    {.name = "http.transfer_encoding", .help = "encoding of the message", .max_bytes = 128},
    {.name = "http.server", .help = "program that answers", .role = Role::kSubject},
    {.name = "http.location",
     .help = "where a redirection points",
     .privacy = Privacy::kPersonal,
     .max_bytes = kLongTextBytes},
    {.name = "http.status",
     .type = FieldType::kUint,
     .help = "status code",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "http.reason", .help = "status in words", .aliases = kReasonAlias, .max_bytes = 256},
    {.name = "http.latency_us",
     .type = FieldType::kDuration,
     .help = "end of the request's header to the end of the response's",
     .role = Role::kLatency,
     .aliases = kLatencyAlias},
    {.name = "http.upgrade", .help = "protocol that is offered or taken", .max_bytes = 128},
    {.name = "http.auth_scheme",
     .help = "authentication scheme; never the credentials",
     .aliases = kAuthAlias,
     .max_bytes = 64},
    {.name = "http.cookie",
     .type = FieldType::kBool,
     .help = "a cookie is sent or set; its value is never kept"},
    {.name = "http.x_forwarded_for",
     .help = "client that a proxy names",
     .privacy = Privacy::kPersonal},
};

enum class Header : std::uint8_t {
  kText,  // goes into its field as it is
  kHost,
  kUri,  // text that may hold a password
  kLength,
  kEncoding,
  kConnection,
  kUpgrade,
  kAuth,
  kCookie,
};

struct HeaderRow {
  string_view name;
  Header header;
  Field field;
};

constexpr HeaderRow kHeaders[] = {
    {"Host", Header::kHost, kHost},
    {"User-Agent", Header::kText, kUserAgent},
    {"Referer", Header::kUri, kReferer},
    {"Content-Type", Header::kText, kContentType},
    {"Content-Length", Header::kLength, kContentLength},
    {"Content-Encoding", Header::kText, kContentEncoding},
    {"Transfer-Encoding", Header::kEncoding, kTransferEncoding},
    {"Connection", Header::kConnection, kVersion},
    {"Server", Header::kText, kServer},
    {"Location", Header::kUri, kLocation},
    {"Upgrade", Header::kUpgrade, kUpgrade},
    {"Authorization", Header::kAuth, kAuthScheme},
    {"Proxy-Authorization", Header::kAuth, kAuthScheme},
    {"WWW-Authenticate", Header::kAuth, kAuthScheme},
    {"Proxy-Authenticate", Header::kAuth, kAuthScheme},
    {"Cookie", Header::kCookie, kCookie},
    {"Set-Cookie", Header::kCookie, kCookie},
    {"X-Forwarded-For", Header::kText, kForwardedFor},
};

// A bit for each row whose name is so long: most headers are of a length that none or one has.
constexpr auto kRowsOfLength = [] {
  std::array<std::uint32_t, 32> rows{};
  for (std::size_t i = 0; i < std::size(kHeaders); ++i) rows[kHeaders[i].name.size()] |= 1U << i;
  return rows;
}();
static_assert(std::size(kHeaders) <= 32);

const HeaderRow* find_header(string_view name) {
  if (name.size() >= kRowsOfLength.size()) return nullptr;
  for (std::uint32_t rows = kRowsOfLength[name.size()]; rows != 0; rows &= rows - 1) {
    const HeaderRow& row = kHeaders[std::countr_zero(rows)];
    if (same_ignoring_case(row.name, name)) return &row;
  }
  return nullptr;
}

// Reads one header section.
class HeadReader {
 public:
  explicit HeadReader(model::RecordBuilder& out) : out_(out) {}

  HttpHead run(string_view section, bool complete);

 private:
  void request_line(string_view line, bool cut);
  void status_line(string_view line);
  void header(const HeaderCursor::Field& field);
  void length(string_view value);
  void encoding(string_view value);
  void add_once(Field field, string_view value);
  // Marks `field` as reported; whether it was not yet.
  bool first_of(Field field);
  void odd(string_view what) {
    if (head_.odd.empty()) head_.odd = what;
  }

  model::RecordBuilder& out_;
  HttpHead head_;
  std::uint32_t seen_ = 0;  // fields
  string_view uri_host_;
  bool says_upgrade_ = false;
};

HttpHead HeadReader::run(string_view section, bool complete) {
  string_view line;
  const bool cut_line = !next_line(section, line);
  if (cut_line) {
    line = section;
    section = {};
  }
  head_.request = !line.starts_with("HTTP/") && !line.starts_with("ICY ");
  out_.start(kHttpSchema, head_.request ? kRequest : kResponse);
  head_.request ? request_line(line, cut_line) : status_line(line);
  HeaderCursor headers(section);
  HeaderCursor::Field field;
  const char* const end = section.data() + section.size();
  while (headers.next(field, !complete)) {
    // Half a name would be another host's.
    const bool cut_short = !complete && field.value.data() + field.value.size() == end;
    if (!cut_short || !same_ignoring_case(field.name, "Host")) header(field);
  }
  if (headers.junk_lines() > 0) odd("header_without_colon");
  if (head_.request && !uri_host_.empty()) add_once(kHost, uri_host_);
  head_.upgrade = head_.upgrade && says_upgrade_;
  if (head_.framing.length && head_.framing.has_encoding) odd("length_and_encoding");
  if (!complete) out_.mark_cut();
  return head_;
}

void HeadReader::request_line(string_view line, bool cut) {
  const RequestLine request =
      cut ? parse_cut_request_line(line, "HTTP/") : parse_request_line(line, "HTTP/");
  head_.connect = request.method == "CONNECT";
  head_.head = request.method == "HEAD";
  out_.add_text(kMethod, request.method);
  if (!request.uri.empty()) out_.add_text(kUri, ShownUri(request.uri).text());
  if (!request.version.empty()) out_.add_text(kVersion, request.version);
  const bool bad = request.version.empty() || request.uri.empty();
  if (bad && !cut) odd("bad_request_line");
  if (first_blank(request.uri) != string_view::npos) odd("blank_in_uri");
  uri_host_ = authority_of(request.uri).host;
}

void HeadReader::status_line(string_view line) {
  const StatusLine status = parse_status_line(line);
  head_.status = status.status;
  if (status.has_status) out_.add_uint(kStatus, status.status);
  if (!status.status_ok) odd("bad_status");
  out_.add_text(kVersion, status.version);
  if (!status.reason.empty()) out_.add_text(kReason, status.reason);
}

void HeadReader::header(const HeaderCursor::Field& field) {
  if (field.odd_name) odd("blank_in_header_name");
  const HeaderRow* row = find_header(field.name);
  if (row == nullptr) return;
  std::array<char, kLongTextBytes> unfolded;
  const string_view value = field.folded ? unfold(field.value, unfolded) : field.value;
  switch (row->header) {
    case Header::kText:
      return add_once(row->field, value);
    case Header::kHost:
      if ((seen_ & (1U << kHost)) != 0) odd("several_hosts");
      return add_once(row->field, value);
    case Header::kUri:
      return add_once(row->field, ShownUri(value).text());
    case Header::kLength:
      return length(value);
    case Header::kEncoding:
      return encoding(value);
    case Header::kConnection:
      head_.keep_alive = head_.keep_alive || list_holds(value, "keep-alive");
      says_upgrade_ = says_upgrade_ || list_holds(value, "upgrade");
      return;
    case Header::kUpgrade:
      head_.upgrade = !value.empty();
      head_.upgrade_to = field.value;
      return add_once(row->field, value);
    case Header::kAuth:
      return add_once(row->field, http_auth_scheme(value));
    case Header::kCookie:
      if (first_of(row->field)) out_.add_bool(row->field, true);
      return;
  }
}

// RFC 9112 section 6.3 (5): several equal lengths are one.
void HeadReader::length(string_view value) {
  auto number = parse_decimal(value);
  if (!number) {
    odd("bad_content_length");
    number = parse_decimal(last_list_element(value));
    if (!number) return;
  }
  if (head_.framing.length && *head_.framing.length != *number) odd("several_lengths");
  head_.framing.length = number;
  if (first_of(kContentLength)) out_.add_uint(kContentLength, *number);
}

void HeadReader::encoding(string_view value) {
  head_.framing.has_encoding = true;
  head_.framing.chunked = same_ignoring_case(last_list_element(value), "chunked");
  if (!head_.framing.chunked) odd("encoding_not_chunked");
  add_once(kTransferEncoding, value);
}

void HeadReader::add_once(Field field, string_view value) {
  if (!value.empty() && first_of(field)) out_.add_text(field, value);
}

bool HeadReader::first_of(Field field) {
  const std::uint32_t bit = 1U << field;
  const bool first = (seen_ & bit) == 0;
  seen_ |= bit;
  return first;
}

}  // namespace

const model::Schema kHttpSchema{"http", "HTTP/1", kKinds, kFields};

HttpHead report_http_head(string_view section, bool complete, model::RecordBuilder& out) {
  return HeadReader(out).run(section, complete);
}

void add_http_latency(model::RecordBuilder& out, std::int64_t latency_ns) {
  out.add_int(kLatency, latency_ns);
}

}  // namespace netwatch::dpi
