// NetBIOS session service: RFC 1001 section 16, RFC 1002 section 4.3. Who calls whom; then what the
// session carries (SMB, whose messages have the same four bytes in front) is handed on.
#include <array>
#include <iterator>
#include <string>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/netbios_name.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using std::string_view;

// By packet type less 0x81.
constexpr std::array<string_view, 4> kKinds{"request", "positive", "negative", "retarget"};
enum Kind : std::uint8_t { kRequest, kPositive, kNegative, kRetarget };
enum Field : std::uint8_t {
  kCalled,
  kCalledSuffix,
  kCalling,
  kCallingSuffix,
  kError,
  kAddress,
  kPort,
  kLatency,
};

constexpr string_view kCalledAlias[] = {"nbss.called_name"};
constexpr string_view kCallingAlias[] = {"nbss.calling_name"};
constexpr string_view kErrorAlias[] = {"nbss.error_code"};
constexpr string_view kAddressAlias[] = {"nbss.retarget_ip_address"};
constexpr string_view kPortAlias[] = {"nbss.retarget_port"};
constexpr FieldDef kFields[] = {
    {.name = "nbss.called",
     .help = "name the session is for",
     .role = model::Role::kHostName,
     .privacy = Privacy::kPersonal,
     .aliases = kCalledAlias},
    {.name = "nbss.called_suffix", .help = "what that name is for"},
    {.name = "nbss.calling",
     .help = "name of the client",
     .privacy = Privacy::kPersonal,
     .aliases = kCallingAlias},
    {.name = "nbss.calling_suffix", .help = "what the client's name is for"},
    {.name = "nbss.error",
     .help = "why it is refused",
     .role = model::Role::kStatus,
     .aliases = kErrorAlias},
    {.name = "nbss.address",
     .type = FieldType::kAddress,
     .help = "where to call instead",
     .aliases = kAddressAlias},
    {.name = "nbss.port", .type = FieldType::kUint, .aliases = kPortAlias},
    {.name = "nbss.latency_us",
     .type = FieldType::kDuration,
     .help = "request to its answer",
     .role = model::Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "nbss", .title = "NetBIOS session", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeadBytes = 4;
constexpr std::uint8_t kFirstType = 0x81;
constexpr std::uint8_t kLastType = 0x84;

struct Packet {
  std::uint8_t kind = 0;
  NetbiosName called;
  NetbiosName calling;
  Bytes body;
};

// kMore: it is not here whole.
Probe read_packet(Bytes bytes, Packet& packet) {
  constexpr std::array<std::size_t, 4> kFewest{68, 0, 1, 6};
  constexpr std::array<std::size_t, 4> kMost{510, 0, 1, 6};
  Cursor in(bytes);
  const std::uint8_t type = in.u8();
  if (type < kFirstType || type > kLastType) return Probe::kNo;
  packet.kind = static_cast<std::uint8_t>(type - kFirstType);
  const std::size_t size = in.u24();
  if (!in.ok()) return Probe::kMore;
  if (size < kFewest[packet.kind] || size > kMost[packet.kind]) return Probe::kNo;
  if (in.remaining() < size) return Probe::kMore;
  packet.body = in.take(size);
  if (packet.kind == kNegative && packet.body[0] < 0x80) return Probe::kNo;
  if (packet.kind != kRequest) return Probe::kYes;
  Cursor names(packet.body);
  const bool named = read_netbios_name(names, packet.called) &&
                     read_netbios_name(names, packet.calling) && names.at_end();
  return named ? Probe::kYes : Probe::kNo;
}

// Does a session message with SMB in it begin here, as far as there is something?
Probe session_message(Bytes bytes) {
  if (bytes.empty()) return Probe::kMore;
  if (bytes[0] != 0) return Probe::kNo;
  if (bytes.size() < kHeadBytes + 4) return Probe::kMore;
  return base::as_text(bytes.subspan(kHeadBytes + 1, 3)) == "SMB" ? Probe::kYes : Probe::kNo;
}

// A request is proof. An answer has few bytes: it must be all there is, or SMB follows it.
Probe probe_nbss(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    Packet packet;
    const Probe probe = read_packet(bytes, packet);
    if (probe == Probe::kMore) best = probe;
    if (probe != Probe::kYes) continue;
    if (packet.kind == kRequest) return probe;
    const Probe rest = session_message(bytes.subspan(kHeadBytes + packet.body.size()));
    if (rest == Probe::kYes) return rest;
    if (rest == Probe::kMore) best = rest;
  }
  return best;
}

std::string error_name(std::uint8_t error) {
  switch (error) {
    case 0x80:
      return "not_listening_on_called_name";
    case 0x81:
      return "not_listening_for_calling_name";
    case 0x82:
      return "called_name_not_present";
    case 0x83:
      return "insufficient_resources";
    case 0x8F:
      return "unspecified_error";
    default:
      return hex_number(error, 2);
  }
}

class NbssDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& /*chunk*/, Context& context) override {
    context.hand_on();
    return Verdict::kFine;
  }

 private:
  void report(const Packet& packet, const model::StreamChunk& chunk, Context& context);

  base::TimeNs asked_ns_ = -1;
};

Step NbssDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Step step;
  while (step.consumed < chunk.bytes.size()) {
    const Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    Packet packet;
    const Probe probe = read_packet(rest, packet);
    if (probe == Probe::kMore) return step;
    if (probe == Probe::kNo) {
      // The client does not wait for the answer, or the answer is not in the capture.
      if (session_message(rest) == Probe::kNo) return {.verdict = Verdict::kNotMine};
      context.hand_on();
      return step;
    }
    report(packet, chunk, context);
    step.consumed += kHeadBytes + packet.body.size();
    if (packet.kind == kPositive) context.hand_on();
    if (packet.kind >= kNegative) step.verdict = Verdict::kDone;
    if (packet.kind != kRequest) return step;
  }
  return step;
}

void NbssDecoder::report(const Packet& packet, const model::StreamChunk& chunk, Context& context) {
  context.set_originator(packet.kind == kRequest ? chunk.side : model::other(chunk.side));
  model::RecordBuilder& record = context.record();
  record.start(kSchema, packet.kind);
  Cursor body(packet.body);
  switch (packet.kind) {
    case kRequest:
      asked_ns_ = chunk.time_ns;
      record.add_text(kCalled, packet.called.name);
      record.add_text(kCalledSuffix, netbios_suffix_name(packet.called.suffix));
      record.add_text(kCalling, packet.calling.name);
      record.add_text(kCallingSuffix, netbios_suffix_name(packet.calling.suffix));
      break;
    case kNegative:
      record.add_text(kError, error_name(body.u8()));
      break;
    case kRetarget:
      record.add_address(kAddress, base::IpAddress::v4(body.take(4).data()));
      record.add_uint(kPort, body.u16());
      break;
    default:
      break;
  }
  if (packet.kind != kRequest && asked_ns_ >= 0 && chunk.time_ns >= asked_ns_) {
    record.add_int(kLatency, chunk.time_ns - asked_ns_);
  }
  context.emit(chunk.side);
}

constexpr std::uint16_t kPorts[] = {139};

}  // namespace

extern const ProtocolDef kNbss;
constinit const ProtocolDef kNbss{
    .name = "nbss",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x81\x82\x83\x84"),
    .usual_ports = kPorts,
    .probe = probe_nbss,
    .schema = &kSchema,
    .state_bytes = sizeof(NbssDecoder),
    .make = make_decoder<NbssDecoder>,
};

}  // namespace netwatch::dpi
