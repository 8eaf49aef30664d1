// RTSP 1.0 and 2.0: RFC 2326, RFC 7826 (section 5 messages, 14 data between them, which are the
// child), with the sessions it describes in SDP (RFC 8866). Media on ports of their own are
// expected where SETUP says (rtp.cpp).
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/header_decoder.h"
#include "dpi/parts/http_message.h"
#include "dpi/parts/media_note.h"
#include "dpi/parts/shown_uri.h"
#include "dpi/protocol.h"

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
  kUri,
  kVersion,
  kStatus,
  kReason,
  kSequence,
  kSession,
  kTransport,
  kUserAgent,
  kServer,
  kUser,
  kMedia,
  kMediaAddress,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kUriAlias[] = {"rtsp.url"};
constexpr FieldDef kFields[] = {
    {.name = "rtsp.method",
     .help = "method of the request",
     .role = Role::kMethod,
     .max_bytes = 32},
    {.name = "rtsp.uri",
     .help = "presentation or stream that is asked for",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kUriAlias,
     .max_bytes = 1024},
    {.name = "rtsp.version", .help = "RTSP/1.0, RTSP/2.0", .role = Role::kVersion, .max_bytes = 16},
    {.name = "rtsp.status", .type = FieldType::kUint, .help = "status code", .role = Role::kStatus},
    {.name = "rtsp.reason", .help = "status in words", .max_bytes = 128},
    {.name = "rtsp.cseq", .help = "joins a request and its response", .max_bytes = 32},
    {.name = "rtsp.session", .help = "session identifier", .max_bytes = 128},
    {.name = "rtsp.transport", .help = "how the media are sent: ports or channels"},
    {.name = "rtsp.user_agent", .help = "program that asks", .role = Role::kUserAgent},
    {.name = "rtsp.server", .help = "program that answers", .role = Role::kSubject},
    {.name = "rtsp.user",
     .help = "name in the credentials; never the rest of them",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "rtsp.media",
     .list = true,
     .help = "media of the session: kind, port, transport, formats",
     .max_bytes = 256},
    {.name = "rtsp.media_address",
     .type = FieldType::kAddress,
     .help = "address in the session's description"},
    {.name = "rtsp.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{
    .proto = "rtsp", .title = "RTSP", .kinds = kKinds, .fields = kFields};

constexpr string_view kProtocol = "RTSP/";

Probe classify(string_view bytes) {
  const std::size_t end = bytes.find('\n');
  const string_view line = bytes.substr(0, end);
  const std::size_t seen = std::min(line.size(), kProtocol.size());
  if (line.substr(0, seen) == kProtocol.substr(0, seen)) {
    if (end == string_view::npos) return line.size() < 256 ? Probe::kMore : Probe::kNo;
    return parse_status_line(line).status_ok ? Probe::kYes : Probe::kNo;
  }
  std::size_t method = 0;
  while (method < line.size() && is_token_char(line[method])) ++method;
  if (method > 20) return Probe::kNo;
  if (end == string_view::npos) {
    if (method == line.size()) return Probe::kMore;
    const string_view uri = line.substr(method + 1);
    const bool may = uri.size() < 7 || begins_ignoring_case(uri, "rtsp") || uri.starts_with("* ");
    return may && line[method] == ' ' && line.size() < 2048 ? Probe::kMore : Probe::kNo;
  }
  const RequestLine request = parse_request_line(trim_blanks(line), kProtocol);
  const bool good =
      request.version.starts_with("RTSP/1.") || request.version.starts_with("RTSP/2.");
  return good && !request.uri.empty() && method >= 3 ? Probe::kYes : Probe::kNo;
}

Probe probe_rtsp(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (base::Bytes side : input.sides) {
    if (side.empty()) continue;
    const Probe probe = classify(base::as_text(side));
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kMore) best = probe;
  }
  return best;
}

struct Reported {
  string_view name;
  Field field;
};
constexpr Reported kReported[] = {
    {"CSeq", kSequence},        {"Session", kSession}, {"Transport", kTransport},
    {"User-Agent", kUserAgent}, {"Server", kServer},
};

class RtspDecoder final : public HeaderDecoder {
 protected:
  void on_message(const Message& message) override;
  [[nodiscard]] Probe begins(string_view bytes) const override {
    // Data may follow a gap; of a header of theirs not all may be here.
    return bytes.starts_with('$') ? Probe::kMore : classify(bytes);
  }
  // RFC 7826 section 14: "$", a channel, a length, data.
  Aside aside(string_view bytes, const model::StreamChunk& chunk, Context& context) override;

 private:
  void expect_ports(string_view transport, const Message& message);

  WaitingRequests waiting_;
  MediaNote note_;  // of what DESCRIBE was answered
  bool known_ = false;
  bool carried_ = true;  // somebody may read the data
};

RtspDecoder::Aside RtspDecoder::aside(string_view bytes, const model::StreamChunk& chunk,
                                      Context& context) {
  if (!bytes.starts_with('$')) return {};
  base::Cursor cursor(base::as_bytes(bytes));
  cursor.skip(2);
  const std::size_t length = cursor.u16();
  if (!cursor.ok()) return {.wanted = 4};
  if (!carried_ || !known_ || length + 4 > kMaxHeldBytes) return {.bytes = length + 4};
  if (cursor.remaining() < length && !chunk.cut) return {.wanted = length + 4};
  const bool cut = cursor.remaining() < length;
  carried_ = context.child({.side = chunk.side,
                            .time_ns = chunk.time_ns,
                            .packet = chunk.packet,
                            .bytes = cursor.take_up_to(length),
                            .datagram = true,
                            .cut = cut});
  return {.bytes = length + 4};
}

// "4000-4001": the first, and the one behind the hyphen or the next.
void expect_pair(string_view ports, const base::IpAddress& address, base::Bytes note,
                 Context& context) {
  const auto first = parse_decimal(ports.substr(0, ports.find('-')));
  if (!first || *first == 0 || *first >= 0xFFFF) return;
  Expected flow{.protocol = "rtp",
                .transport = Transport::kUdp,
                .address = address,
                .port = static_cast<std::uint16_t>(*first),
                .note = note};
  context.expect(flow);
  flow.protocol = "rtcp";
  ++flow.port;
  context.expect(flow);
}

// What SETUP was answered: "RTP/AVP;unicast;client_port=4000-4001;server_port=5000-5001", or
// "RTP/AVP/TCP;interleaved=0-1" (RFC 7826 section 18.54, RFC 2326 section 12.39).
void RtspDecoder::expect_ports(string_view transport, const Message& message) {
  const string_view profile = transport.substr(0, transport.find(';'));
  if (profile.find("RTP/") == string_view::npos) return;
  MediaNote note = note_;
  if (note.empty()) note.begin(profile, {});
  bool ports = false;
  while (!transport.empty()) {
    const std::size_t end = std::min(transport.find(';'), transport.size());
    const string_view one = trim_blanks(transport.substr(0, end));
    transport.remove_prefix(std::min(end + 1, transport.size()));
    const string_view value = one.substr(std::min(one.find('=') + 1, one.size()));
    const bool of_server = one.starts_with("server_port=");
    if (!of_server && !one.starts_with("client_port=")) continue;
    ports = true;
    const model::Side side = of_server ? message.side : model::other(message.side);
    expect_pair(value, message.context.address(side), note.bytes(), message.context);
  }
  if (ports) return;
  message.context.expect(
      {.protocol = "rtp", .transport = Transport::kUdp, .address = {}, .note = note.bytes()});
}

void RtspDecoder::on_message(const Message& message) {
  model::RecordBuilder& record = message.context.record();
  const bool request = !message.start.starts_with(kProtocol);
  if (!known_) {
    message.context.set_originator(request ? message.side : model::other(message.side));
  }
  known_ = true;
  record.start(kSchema, request ? kRequest : kResponse);
  if (request) {
    const RequestLine line = parse_request_line(message.start, kProtocol);
    record.add_text(kMethod, line.method);
    record.add_text(kUri, ShownUri(line.uri).text());
    record.add_text(kVersion, line.version);
    waiting_.push(message.time_ns);
  } else {
    const StatusLine line = parse_status_line(message.start);
    record.add_text(kVersion, line.version);
    record.add_uint(kStatus, line.status);
    if (!line.reason.empty()) record.add_text(kReason, line.reason);
  }
  HeaderCursor cursor(message.fields);
  HeaderCursor::Field field;
  std::uint32_t seen = 0;
  string_view transport;
  while (cursor.next(field, message.cut)) {
    if (same_ignoring_case(field.name, "Authorization") && (seen >> kUser & 1) == 0) {
      const string_view user = quoted_parameter(field.value, "username");
      if (!user.empty()) record.add_text(kUser, user);
      seen |= 1U << kUser;
    }
    for (const Reported& one : kReported) {
      if (!same_ignoring_case(field.name, one.name) || (seen >> one.field & 1) != 0) continue;
      seen |= 1U << one.field;
      if (one.field == kTransport) transport = field.value;
      record.add_text(one.field, field.value);
    }
  }
  add_sdp(message.body, kMedia, kMediaAddress, record);
  if (!request) {
    if (const auto latency = waiting_.answered(message.time_ns)) {
      record.add_int(kLatency, *latency);
    }
  }
  if (message.cut) record.mark_cut();
  message.context.emit(message.side);
  note_media(message.body, {}, note_);
  if (!request && !transport.empty()) expect_ports(transport, message);
}

constexpr std::uint16_t kPorts[] = {554, 8554};

}  // namespace

extern const ProtocolDef kRtsp;
constinit const ProtocolDef kRtsp{
    .name = "rtsp",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("ADGOPRST"),
    .usual_ports = kPorts,
    .probe = probe_rtsp,
    .schema = &kSchema,
    .state_bytes = sizeof(RtspDecoder),
    .make = make_decoder<RtspDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
