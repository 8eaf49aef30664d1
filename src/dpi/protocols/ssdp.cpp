// SSDP: UPnP Device Architecture 1.1, section 1 (search, advertisement) and section 4.3 (multicast
// events). Its messages have HTTP's form and so HTTP's field names; its own are under "ssdp".
#include <algorithm>
#include <array>
#include <optional>

#include "dpi/parts/http_message.h"
#include "dpi/parts/shown_uri.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;

enum Kind : std::uint8_t { kSearch, kNotify, kResponse };
constexpr std::array<std::string_view, 3> kKinds{"search", "notify", "response"};

enum Field : std::uint8_t {
  kMethod,
  kHost,
  kUri,
  kStatus,
  kUserAgent,
  kServer,
  kTarget,
  kName,
  kEvent,
  kLocation,
  kMaxAge,
  kMaxWait,
  kLatency,
};

constexpr std::string_view kMethodAlias[] = {"http.request.method"};
constexpr std::string_view kUriAlias[] = {"http.request.uri"};
constexpr std::string_view kStatusAlias[] = {"http.response.code"};

constexpr FieldDef kFields[] = {
    {.name = "http.method",
     .help = "M-SEARCH or NOTIFY",
     .role = Role::kMethod,
     .aliases = kMethodAlias},
    // A group's address, not the name of anybody: without the role.
    {.name = "http.host", .help = "Host header", .privacy = Privacy::kPersonal},
    {.name = "http.uri",
     .help = "request target: *",
     .privacy = Privacy::kPersonal,
     .aliases = kUriAlias},
    {.name = "http.status",
     .type = FieldType::kUint,
     .help = "status code",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "http.user_agent", .help = "program that searches", .role = Role::kUserAgent},
    {.name = "http.server", .help = "system and program that answers", .role = Role::kSubject},
    {.name = "ssdp.target", .help = "device or service that is looked for or there (ST, NT)"},
    {.name = "ssdp.usn",
     .help = "unique name of the device and its service",
     .privacy = Privacy::kPersonal},
    {.name = "ssdp.event", .help = "ssdp:alive, ssdp:byebye, ssdp:update"},
    {.name = "ssdp.location",
     .help = "where the device describes itself",
     .privacy = Privacy::kPersonal,
     .max_bytes = 1024},
    {.name = "ssdp.max_age_s", .type = FieldType::kUint, .help = "how long this holds, in seconds"},
    {.name = "ssdp.max_wait_s",
     .type = FieldType::kUint,
     .help = "answers are spread over so many seconds (MX)"},
    {.name = "ssdp.latency_us",
     .type = FieldType::kDuration,
     .help = "search to this answer; answers wait on purpose",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kSsdpSchema{"ssdp", "SSDP", kKinds, kFields};

struct Row {
  std::string_view name;
  Field field;
};
constexpr std::array<Row, 8> kHeaders{{{"Host", kHost},
                                       {"User-Agent", kUserAgent},
                                       {"Server", kServer},
                                       {"ST", kTarget},
                                       {"NT", kTarget},
                                       {"USN", kName},
                                       {"NTS", kEvent},
                                       {"Location", kLocation}}};

struct Start {
  Kind kind = kSearch;
  RequestLine request;
  std::uint16_t status = 0;
  std::string_view headers;
};

bool has_header(std::string_view headers, std::string_view name) {
  HeaderCursor cursor(headers);
  HeaderCursor::Field field;
  while (cursor.next(field, true)) {
    if (same_ignoring_case(field.name, name)) return true;
  }
  return false;
}

// A request is known by its method and "*"; an answer looks like any HTTP and must name what was
// searched for.
bool read_start(std::string_view text, Start& start) {
  std::string_view rest = text;
  std::string_view line;
  if (!next_line(rest, line)) return false;
  start.headers = rest;
  if (line.starts_with("HTTP/1.")) {
    const StatusLine status = parse_status_line(line);
    start.kind = kResponse;
    start.status = status.status;
    return status.status_ok && (has_header(rest, "ST") || has_header(rest, "USN"));
  }
  start.request = parse_request_line(line, "HTTP/");
  if (start.request.uri != "*" || !start.request.version.starts_with("HTTP/1.")) return false;
  if (start.request.method == "M-SEARCH") start.kind = kSearch;
  if (start.request.method == "NOTIFY") start.kind = kNotify;
  return start.request.method == "M-SEARCH" || start.request.method == "NOTIFY";
}

std::optional<std::uint64_t> max_age(std::string_view value) {
  constexpr std::string_view kWord = "max-age";
  const auto* const found =
      std::search(value.begin(), value.end(), kWord.begin(), kWord.end(),
                  [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
  value.remove_prefix(static_cast<std::size_t>(found - value.begin()));
  if (value.empty()) return std::nullopt;
  value.remove_prefix(kWord.size());
  value = trim_blanks(value);
  if (!value.starts_with('=')) return std::nullopt;
  value = trim_blanks(value.substr(1));
  return parse_decimal(value.substr(0, value.find_first_not_of("0123456789")));
}

class SsdpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  void headers(std::string_view section, model::RecordBuilder& record);

  base::TimeNs asked_ns_ = -1;
  model::Side asker_ = model::Side::kOriginator;
};

void SsdpDecoder::headers(std::string_view section, model::RecordBuilder& record) {
  std::array<bool, kLatency> seen{};
  HeaderCursor cursor(section);
  HeaderCursor::Field field;
  while (cursor.next(field, true)) {
    for (const Row& row : kHeaders) {
      // The first of several counts.
      if (!same_ignoring_case(field.name, row.name) || seen[row.field]) continue;
      seen[row.field] = true;
      if (field.value.empty()) continue;
      // A location is a URL, and may hold a password.
      record.add_text(row.field,
                      row.field == kLocation ? ShownUri(field.value).text() : field.value);
    }
    if (same_ignoring_case(field.name, "Cache-Control")) {
      if (const auto age = max_age(field.value)) record.add_uint(kMaxAge, *age);
    } else if (same_ignoring_case(field.name, "MX")) {
      if (const auto wait = parse_decimal(field.value)) record.add_uint(kMaxWait, *wait);
    }
  }
}

Step SsdpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Start start;
  if (!read_start(base::as_text(chunk.bytes), start)) return {.verdict = Verdict::kNotMine};
  model::RecordBuilder& record = context.record();
  record.start(kSsdpSchema, start.kind);
  if (start.kind == kResponse) {
    record.add_uint(kStatus, start.status);
  } else {
    record.add_text(kMethod, start.request.method);
    record.add_text(kUri, ShownUri(start.request.uri).text());
    context.set_originator(chunk.side);
  }
  headers(start.headers, record);
  if (start.kind == kSearch) {
    asked_ns_ = chunk.time_ns;
    asker_ = chunk.side;
  } else if (start.kind == kResponse && asked_ns_ >= 0 && chunk.side != asker_ &&
             chunk.time_ns >= asked_ns_) {
    record.add_int(kLatency, chunk.time_ns - asked_ns_);
  }
  if (chunk.cut) record.mark_cut();
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

Probe probe_ssdp(const ProbeInput& input) {
  Start start;
  return read_start(base::as_text(input.of(input.latest)), start) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kUsualPorts[] = {1900};

}  // namespace

extern const ProtocolDef kSsdp;
constinit const ProtocolDef kSsdp{
    .name = "ssdp",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("MNH"),
    .usual_ports = kUsualPorts,
    .probe = probe_ssdp,
    .schema = &kSsdpSchema,
    .state_bytes = sizeof(SsdpDecoder),
    .make = make_decoder<SsdpDecoder>,
};

}  // namespace netwatch::dpi
