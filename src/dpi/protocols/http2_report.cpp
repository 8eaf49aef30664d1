// What is reported of HTTP/2: RFC 9113 (frames, pseudo-header fields), RFC 9110 (semantics), gRPC
// ("gRPC over HTTP2", protocol-http2.md). Names as HTTP/1's under "http2"; filters on those of
// HTTP/1 find both.
#include "dpi/protocols/http2_report.h"

#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/parts/shown_uri.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using std::string_view;

enum Kind : std::uint8_t {
  kRequest,
  kResponse,
  kTrailers,
  kPushPromise,
  kSettings,
  kReset,
  kGoaway,
};
constexpr string_view kKinds[] = {"request",  "response", "trailers", "push_promise",
                                  "settings", "reset",    "goaway"};

enum Field : std::uint8_t {
  kStream,
  kPromised,
  kMethod,
  kScheme,
  kHost,
  kUri,
  kProtocol,
  kStatus,
  kUserAgent,
  kReferer,
  kContentType,
  kContentLength,
  kContentEncoding,
  kServer,
  kLocation,
  kAuthScheme,
  kCookie,
  kForwardedFor,
  kLatency,
  kError,
  kLastStream,
  kDebug,
  kHeaderTableSize,
  kEnablePush,
  kMaxStreams,
  kWindowSize,
  kMaxFrameSize,
  kMaxHeaderList,
  kGrpcService,
  kGrpcMethod,
  kGrpcStatus,
  kGrpcMessage,
  kGrpcDuration,
};

constexpr string_view kStreamAlias[] = {"http2.streamid"};
constexpr string_view kPromisedAlias[] = {"http2.push_promise.promised_stream"};
constexpr string_view kMethodAlias[] = {"http.method", "http.request.method",
                                        "http2.headers.method"};
constexpr string_view kSchemeAlias[] = {"http2.headers.scheme"};
constexpr string_view kHostAlias[] = {"http.host", "http2.headers.authority"};
constexpr string_view kUriAlias[] = {"http.uri", "http.request.uri", "http2.headers.path"};
constexpr string_view kStatusAlias[] = {"http.status", "http.response.code",
                                        "http2.headers.status"};
constexpr string_view kAgentAlias[] = {"http.user_agent", "http2.headers.user_agent"};
constexpr string_view kRefererAlias[] = {"http.referer", "http2.headers.referer"};
constexpr string_view kTypeAlias[] = {"http.content_type", "http2.headers.content_type"};
constexpr string_view kLengthAlias[] = {"http.content_length", "http2.headers.content_length"};
constexpr string_view kEncodingAlias[] = {"http.content_encoding",
                                          "http2.headers.content_encoding"};
constexpr string_view kServerAlias[] = {"http.server", "http2.headers.server"};
constexpr string_view kLocationAlias[] = {"http.location", "http2.headers.location"};
constexpr string_view kAuthAlias[] = {"http.auth_scheme"};
constexpr string_view kCookieAlias[] = {"http.cookie"};
constexpr string_view kForwardedAlias[] = {"http.x_forwarded_for"};
constexpr string_view kLatencyAlias[] = {"http.latency_us"};

constexpr std::uint16_t kUriTextBytes = 2048;
constexpr std::uint16_t kLongTextBytes = 1024;

constexpr FieldDef number(string_view name, string_view help) {
  return {.name = name, .type = FieldType::kUint, .help = help};
}

constexpr FieldDef kFields[] = {
    {.name = "http2.stream",
     .type = FieldType::kUint,
     .help = "number of the stream",
     .aliases = kStreamAlias},
    {.name = "http2.promised_stream",
     .type = FieldType::kUint,
     .help = "stream on which the server pushes",
     .aliases = kPromisedAlias},
    {.name = "http2.method",
     .help = "request method",
     .role = Role::kMethod,
     .aliases = kMethodAlias},
    {.name = "http2.scheme", .help = "http or https", .aliases = kSchemeAlias, .max_bytes = 64},
    {.name = "http2.host",
     .help = ":authority without user information, or else the Host field",
     .role = Role::kHostName,
     .privacy = Privacy::kPersonal,
     .aliases = kHostAlias},
    {.name = "http2.uri",
     .help = ":path as sent; passwords masked",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kUriAlias,
     .max_bytes = kUriTextBytes},
    {.name = "http2.protocol",
     .help = "what an extended CONNECT opens (RFC 8441): websocket",
     .max_bytes = 64},
    {.name = "http2.status",
     .type = FieldType::kUint,
     .help = "status code",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "http2.user_agent",
     .help = "program that asks",
     .role = Role::kUserAgent,
     .aliases = kAgentAlias,
     .max_bytes = kLongTextBytes},
    {.name = "http2.referer",
     .help = "page that led here",
     .privacy = Privacy::kPersonal,
     .aliases = kRefererAlias,
     .max_bytes = kLongTextBytes},
    {.name = "http2.content_type", .help = "media type of the body", .aliases = kTypeAlias},
    {.name = "http2.content_length",
     .type = FieldType::kUint,
     .help = "length of the body",
     .aliases = kLengthAlias},
    {.name = "http2.content_encoding",
     .help = "compression of the content",
     .aliases = kEncodingAlias,
     .max_bytes = 128},
    {.name = "http2.server",
     .help = "program that answers",
     .role = Role::kSubject,
     .aliases = kServerAlias},
    {.name = "http2.location",
     .help = "where a redirection points",
     .privacy = Privacy::kPersonal,
     .aliases = kLocationAlias,
     .max_bytes = kLongTextBytes},
    {.name = "http2.auth_scheme",
     .help = "authentication scheme; never the credentials",
     .aliases = kAuthAlias,
     .max_bytes = 64},
    {.name = "http2.cookie",
     .type = FieldType::kBool,
     .help = "a cookie is sent or set; its value is never kept",
     .aliases = kCookieAlias},
    {.name = "http2.x_forwarded_for",
     .help = "client that a proxy names",
     .privacy = Privacy::kPersonal,
     .aliases = kForwardedAlias},
    {.name = "http2.latency_us",
     .type = FieldType::kDuration,
     .help = "end of the request's header to the end of the response's",
     .role = Role::kLatency,
     .aliases = kLatencyAlias},
    {.name = "http2.error", .help = "why a stream or the connection ends", .max_bytes = 64},
    number("http2.last_stream", "the last stream that was or will be served"),
    {.name = "http2.debug",
     .help = "what the peer says about the end",
     .privacy = Privacy::kPersonal,
     .max_bytes = 256},
    number("http2.settings.header_table_size", "bytes of header table that the sender keeps"),
    number("http2.settings.enable_push", "whether the server may push"),
    number("http2.settings.max_concurrent_streams", "streams that the other side may open"),
    number("http2.settings.initial_window_size", "bytes of body before the first window update"),
    number("http2.settings.max_frame_size", "longest frame that the sender takes"),
    number("http2.settings.max_header_list_size", "longest header that the sender takes"),
    {.name = "grpc.service", .help = "service that is called, with its package"},
    {.name = "grpc.method", .help = "method that is called"},
    number("grpc.status", "how the call ended; 0 is well"),
    {.name = "grpc.message",
     .help = "what the server says about the error, percent-encoded as sent",
     .privacy = Privacy::kPersonal},
    {.name = "grpc.duration_us",
     .type = FieldType::kDuration,
     .help = "end of the request's header to the call's status"},
};
static_assert(std::size(kFields) == kGrpcDuration + 1);

enum class Header : std::uint8_t {
  kText,  // goes into its field as it is
  kHost,
  kUri,  // text that may hold a password
  kNumber,
  kStatus,
  kContentType,
  kAuth,
  kCookie,
};
// Whose header a pseudo-header field makes of it.
enum class Says : std::uint8_t { kNothing, kRequest, kResponse };

struct HeaderRow {
  string_view name;
  Header header;
  Field field;
  Says says = Says::kNothing;
};

constexpr HeaderRow kHeaders[] = {
    {":method", Header::kText, kMethod, Says::kRequest},
    {":scheme", Header::kText, kScheme, Says::kRequest},
    {":authority", Header::kHost, kHost, Says::kRequest},
    {":path", Header::kUri, kUri, Says::kRequest},
    {":protocol", Header::kText, kProtocol, Says::kRequest},
    {":status", Header::kStatus, kStatus, Says::kResponse},
    {"host", Header::kHost, kHost},
    {"user-agent", Header::kText, kUserAgent},
    {"referer", Header::kUri, kReferer},
    {"content-type", Header::kContentType, kContentType},
    {"content-length", Header::kNumber, kContentLength},
    {"content-encoding", Header::kText, kContentEncoding},
    {"server", Header::kText, kServer},
    {"location", Header::kUri, kLocation},
    {"authorization", Header::kAuth, kAuthScheme},
    {"proxy-authorization", Header::kAuth, kAuthScheme},
    {"www-authenticate", Header::kAuth, kAuthScheme},
    {"proxy-authenticate", Header::kAuth, kAuthScheme},
    {"cookie", Header::kCookie, kCookie},
    {"set-cookie", Header::kCookie, kCookie},
    {"x-forwarded-for", Header::kText, kForwardedFor},
    {"grpc-status", Header::kNumber, kGrpcStatus},
    {"grpc-message", Header::kText, kGrpcMessage},
};

constexpr Kind kind_of(Http2Message message) {
  switch (message) {
    case Http2Message::kRequest:
      return kRequest;
    case Http2Message::kResponse:
      return kResponse;
    case Http2Message::kPromise:
      return kPushPromise;
    case Http2Message::kTrailers:
      break;
  }
  return kTrailers;
}

void add_error(model::RecordBuilder& out, std::uint32_t code) {
  const string_view name = http2_error_name(code);
  name.empty() ? out.add_text(kError, hex_number(code, 1)) : out.add_text(kError, name);
}

}  // namespace

const model::Schema kHttp2Schema{"http2", "HTTP/2", kKinds, kFields};

Http2HeaderReader::Http2HeaderReader(model::RecordBuilder& out, Http2Message expected,
                                     std::uint32_t stream, std::uint64_t& text_left)
    : out_(out), message_(expected), stream_(stream), text_left_(text_left) {}

void Http2HeaderReader::start(Http2Message message) {
  if (started_) return;
  started_ = true;
  if (message_ != Http2Message::kPromise) message_ = message;
  out_.start(kHttp2Schema, kind_of(message_));
  out_.add_uint(kStream, stream_);
}

void Http2HeaderReader::on_header(string_view name, string_view value) {
  const auto* const row = std::ranges::find(kHeaders, name, &HeaderRow::name);
  const bool known = row != std::end(kHeaders);
  Http2Message message = message_;
  if (known && row->says == Says::kRequest) message = Http2Message::kRequest;
  if (known && row->says == Says::kResponse) message = Http2Message::kResponse;
  start(message);
  if (!known) return;
  switch (row->header) {
    case Header::kText:
      return add(row->field, value);
    case Header::kHost:
      return add_host(value);
    case Header::kUri:
      return add(row->field, ShownUri(value).text());
    case Header::kNumber:
      grpc_status_ = grpc_status_ || row->field == kGrpcStatus;
      return add_number(row->field, value);
    case Header::kStatus:
      return add_status(value);
    case Header::kContentType:
      return add_content_type(value);
    case Header::kAuth:
      return add(row->field, http_auth_scheme(value));
    case Header::kCookie:
      if (first_of(row->field)) out_.add_bool(row->field, true);
      return;
  }
}

void Http2HeaderReader::finish(bool whole) {
  start(message_);
  if (!whole || lacks_text_) out_.mark_cut();
  if (!grpc_ || message_ != Http2Message::kRequest) return;
  const auto uri = model::find_value(out_.view(), kUri);
  if (!uri) return;
  // "/" Service-Name "/" {method name}
  std::array<char, kUriTextBytes> copy;  // adding to the record would move what is looked at
  const std::size_t size = uri->text().copy(copy.data(), copy.size());
  const string_view path(copy.data(), size);
  const std::size_t slash = path.rfind('/');
  if (!path.starts_with('/') || slash == 0 || slash + 1 == path.size()) return;
  out_.add_text(kGrpcService, path.substr(1, slash - 1));
  out_.add_text(kGrpcMethod, path.substr(slash + 1));
}

bool Http2HeaderReader::first_of(std::uint8_t field) {
  const std::uint64_t bit = std::uint64_t{1} << field;
  const bool first = (seen_ & bit) == 0;
  seen_ |= bit;
  tells_ = true;
  return first;
}

void Http2HeaderReader::add(std::uint8_t field, string_view value) {
  if (value.empty() || !first_of(field)) return;
  if (value.size() > text_left_) {
    lacks_text_ = true;
    return;
  }
  text_left_ -= value.size();
  out_.add_text(field, value);
}

void Http2HeaderReader::add_number(std::uint8_t field, string_view value) {
  const auto parsed = parse_decimal(value);
  if (parsed && first_of(field)) out_.add_uint(field, *parsed);
  if (!parsed && breach_.empty()) breach_ = "bad_number";
}

// RFC 9113 section 8.3.1: it must not hold user information. If it does, that may be a password.
void Http2HeaderReader::add_host(string_view value) {
  const std::size_t at = value.rfind('@');
  if (at != string_view::npos) {
    if (breach_.empty()) breach_ = "user_in_authority";
    value.remove_prefix(at + 1);
  }
  add(kHost, value);
}

void Http2HeaderReader::add_status(string_view value) {
  const auto status = parse_decimal(value);
  if (!status || value.size() != 3) {
    if (breach_.empty()) breach_ = "bad_status";
    return;
  }
  if (!first_of(kStatus)) return;
  status_ = static_cast<std::uint16_t>(*status);
  out_.add_uint(kStatus, status_);
}

void Http2HeaderReader::add_content_type(string_view value) {
  constexpr string_view kGrpc = "application/grpc";
  const string_view behind = value.substr(std::min(kGrpc.size(), value.size()));
  // application/grpc, application/grpc+proto; not application/grpc-web, which is framed otherwise.
  const bool own = behind.empty() || behind[0] == '+' || behind[0] == ';';
  grpc_ = grpc_ || (begins_ignoring_case(value, kGrpc) && own);
  add(kContentType, value);
}

void add_http2_promised(model::RecordBuilder& out, std::uint32_t stream) {
  out.add_uint(kPromised, stream);
}

void add_http2_latency(model::RecordBuilder& out, std::int64_t latency_ns) {
  out.add_int(kLatency, latency_ns);
}

void add_grpc_duration(model::RecordBuilder& out, std::int64_t duration_ns) {
  out.add_int(kGrpcDuration, duration_ns);
}

// Section 6.5.1: the last value of a setting counts.
bool report_http2_settings(base::Bytes payload, model::RecordBuilder& out) {
  constexpr std::array<Field, 6> kSettingFields{kHeaderTableSize, kEnablePush,   kMaxStreams,
                                                kWindowSize,      kMaxFrameSize, kMaxHeaderList};
  std::array<std::uint32_t, 6> values{};
  unsigned set = 0;
  base::Cursor in(payload);
  while (in.remaining() >= 6) {
    const std::size_t place = std::size_t{in.u16()} - 1;
    const std::uint32_t value = in.u32();
    if (place >= values.size()) continue;
    values[place] = value;
    set |= 1U << place;
  }
  out.start(kHttp2Schema, kSettings);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if ((set >> i & 1) != 0) out.add_uint(kSettingFields[i], values[i]);
  }
  return set != 0;
}

bool report_http2_reset(std::uint32_t stream, base::Bytes payload, model::RecordBuilder& out) {
  base::Cursor in(payload);
  const std::uint32_t code = in.u32();
  if (!in.ok()) return false;
  out.start(kHttp2Schema, kReset);
  out.add_uint(kStream, stream);
  add_error(out, code);
  return true;
}

bool report_http2_goaway(base::Bytes payload, model::RecordBuilder& out) {
  base::Cursor in(payload);
  const std::uint32_t last_stream = in.u32() & 0x7FFFFFFF;
  const std::uint32_t code = in.u32();
  if (!in.ok()) return false;
  out.start(kHttp2Schema, kGoaway);
  out.add_uint(kLastStream, last_stream);
  add_error(out, code);
  const string_view debug = base::as_text(in.rest());
  if (!debug.empty() && is_plain_text(debug)) out.add_text(kDebug, debug);
  return true;
}

}  // namespace netwatch::dpi
