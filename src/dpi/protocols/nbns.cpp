// NetBIOS name service over UDP: RFC 1001 section 15, RFC 1002 section 4.2. DNS's header, but names
// in an encoding of their own, which is what it is known by.
#include <array>
#include <string>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/netbios_name.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;

enum Kind : std::uint8_t { kRequest, kResponse };
constexpr std::array<std::string_view, 2> kKinds{"request", "response"};

enum Field : std::uint8_t {
  kTransaction,
  kOperation,
  kName,
  kSuffix,
  kScope,
  kType,
  kBroadcast,
  kResult,
  kGroup,
  kAddress,
  kMember,
  kStation,
  kMac,
  kLatency,
};

constexpr std::string_view kIdAlias[] = {"nbns.id"};
constexpr std::string_view kOperationAlias[] = {"nbns.flags.opcode"};
constexpr std::string_view kTypeAlias[] = {"nbns.type"};
constexpr std::string_view kResultAlias[] = {"nbns.flags.rcode"};
constexpr std::string_view kAddressAlias[] = {"nbns.addr"};

constexpr FieldDef kFields[] = {
    {.name = "nbns.transaction",
     .type = FieldType::kUint,
     .help = "transaction id",
     .aliases = kIdAlias},
    {.name = "nbns.operation",
     .help = "query, registration, release, wack, refresh",
     .role = Role::kMethod,
     .aliases = kOperationAlias},
    {.name = "nbns.name",
     .help = "name that is asked for, registered or released",
     .role = Role::kQueryName,
     .privacy = Privacy::kPersonal},
    {.name = "nbns.suffix", .help = "what the name is for: workstation, file_server, ..."},
    {.name = "nbns.scope", .help = "NetBIOS scope"},
    {.name = "nbns.record",
     .help = "nb (address) or nbstat (status of a node)",
     .aliases = kTypeAlias},
    {.name = "nbns.broadcast", .type = FieldType::kBool, .help = "to everybody on the link"},
    {.name = "nbns.result",
     .help = "result of a response, if it is an error",
     .role = Role::kStatus,
     .aliases = kResultAlias},
    {.name = "nbns.group", .type = FieldType::kBool, .help = "the name is a group's"},
    {.name = "nbns.address",
     .type = FieldType::kAddress,
     .list = true,
     .help = "addresses of a name that is nobody else's",
     .role = Role::kAnswerAddress,
     .privacy = Privacy::kPersonal,
     .aliases = kAddressAlias},
    // A group's name is not the name of any of its members: without the role.
    {.name = "nbns.member",
     .type = FieldType::kAddress,
     .list = true,
     .help = "addresses that belong to the group",
     .privacy = Privacy::kPersonal},
    {.name = "nbns.station",
     .list = true,
     .help = "names that a node has, with what they are for",
     .privacy = Privacy::kPersonal},
    {.name = "nbns.mac", .help = "hardware address of the node", .privacy = Privacy::kPersonal},
    {.name = "nbns.latency_us",
     .type = FieldType::kDuration,
     .help = "request to this response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kNbnsSchema{"nbns", "NetBIOS name service", kKinds, kFields};

constexpr std::uint16_t kNb = 0x20, kNbstat = 0x21, kNull = 0x0A, kInternet = 1;
constexpr unsigned kMaxNames = 32;
constexpr unsigned kWack = 7;

struct Message {
  std::uint16_t id = 0;
  bool response = false;
  std::uint8_t operation = 0;
  std::uint8_t result = 0;
  bool broadcast = false;
  NetbiosName name;
  std::uint16_t type = 0;
  bool has_record = false;
  Bytes data;
};

// RFC 1002 section 4.2.1: one question, or one answer, and with a registration its record.
bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  message.id = in.u16();
  const std::uint16_t flags = in.u16();
  message.response = (flags & 0x8000) != 0;
  message.operation = (flags >> 11) & 0xF;
  message.broadcast = (flags & 0x0010) != 0;
  message.result = flags & 0xF;
  const unsigned questions = in.u16();
  const unsigned answers = in.u16();
  const unsigned authorities = in.u16();
  const unsigned additionals = in.u16();
  const bool known = message.operation == 0 || (message.operation >= 5 && message.operation <= 9) ||
                     message.operation == 15;
  if (!in.ok() || !known || questions > 1 || answers > 1 || authorities > 1 || additionals > 1) {
    return false;
  }
  if (questions + answers == 0) return false;
  bool named = false;
  if (questions == 1) {
    if (!read_netbios_name(in, message.name)) return false;
    named = true;
    message.type = in.u16();
    const std::uint16_t cls = in.u16();
    if (!in.ok() || cls != kInternet) return false;
  }
  if (answers + authorities + additionals > 0) {
    if (!read_netbios_name(in, message.name, named)) return false;
    message.type = in.u16();
    const std::uint16_t cls = in.u16();
    in.skip(4);  // time to live
    message.data = in.take_up_to(in.u16());
    message.has_record = in.ok();
    if (in.ok() && cls != kInternet) return false;
  }
  return message.type == kNb || message.type == kNbstat || message.type == kNull;
}

std::string operation_name(const Message& message) {
  switch (message.operation) {
    case 0:
      return "query";
    case 5:
      return "registration";
    case 6:
      return "release";
    case kWack:
      return "wack";
    case 8:
    case 9:
      return "refresh";
    case 15:
      return "multi_homed_registration";
    default:
      return std::to_string(message.operation);
  }
}

std::string result_name(std::uint8_t result) {
  constexpr std::array<std::string_view, 8> kNames{"",        "format_error", "server_failure",
                                                   "no_name", "unsupported",  "refused",
                                                   "active",  "conflict"};
  return result < kNames.size() ? std::string(kNames[result]) : std::to_string(result);
}

class NbnsDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  Waiting<std::uint16_t, 6> waiting_;
};

void addresses(const Message& message, model::RecordBuilder& record) {
  Cursor in(message.data);
  for (unsigned i = 0; i < kMaxNames && in.remaining() >= 6; ++i) {
    const std::uint16_t flags = in.u16();
    const Bytes raw = in.take(4);
    const bool group = (flags & 0x8000) != 0;
    if (i == 0 && group) record.add_bool(kGroup, true);
    record.add_address(group ? kMember : kAddress, base::IpAddress::v4(raw.data()));
  }
}

// RFC 1002 section 4.2.18: names of 16 bytes with flags, then the hardware address.
void stations(const Message& message, model::RecordBuilder& record) {
  Cursor in(message.data);
  const unsigned count = in.u8();
  for (unsigned i = 0; i < count && in.remaining() >= 18; ++i) {
    const NetbiosName name = plain_netbios_name(in.take(16));
    in.skip(2);
    if (i < kMaxNames) {
      record.add_text(kStation, name.name + "<" + netbios_suffix_name(name.suffix) + ">");
    }
  }
  const Bytes mac = in.take(6);
  if (in.ok()) record.add_text(kMac, mac_text(mac));
}

Step NbnsDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Message message;
  if (!read_message(chunk.bytes, message)) return {.verdict = Verdict::kNotMine};
  model::RecordBuilder& record = context.record();
  record.start(kNbnsSchema, message.response ? kResponse : kRequest);
  record.add_uint(kTransaction, message.id);
  record.add_text(kOperation, operation_name(message));
  record.add_text(kName, message.name.name);
  record.add_text(kSuffix, netbios_suffix_name(message.name.suffix));
  if (!message.name.scope.empty()) record.add_text(kScope, message.name.scope);
  if (message.type != kNull) record.add_text(kType, message.type == kNb ? "nb" : "nbstat");
  if (message.broadcast) record.add_bool(kBroadcast, true);
  if (message.response && message.result != 0) {
    record.add_text(kResult, result_name(message.result));
  }
  const bool said = message.has_record && (!message.response || message.result == 0);
  if (said && message.type == kNb && message.operation != kWack) {
    addresses(message, record);
  }
  if (message.has_record && message.type == kNbstat) stations(message, record);
  if (message.response) {
    const base::TimeNs ns = waiting_.answer(message.id, chunk.side, chunk.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  } else {
    waiting_.ask(message.id, chunk.side, chunk.time_ns);
  }
  if (chunk.cut) record.mark_cut();
  context.set_originator(message.response ? model::other(chunk.side) : chunk.side);
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

Probe probe_nbns(const ProbeInput& input) {
  Message message;
  return read_message(input.of(input.latest), message) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kUsualPorts[] = {137};

}  // namespace

extern const ProtocolDef kNbns;
constinit const ProtocolDef kNbns{
    .name = "nbns",
    .transport = Transport::kUdp,
    .first = FirstBytes::any(),
    .usual_ports = kUsualPorts,
    .probe = probe_nbns,
    .schema = &kNbnsSchema,
    .state_bytes = sizeof(NbnsDecoder),
    .make = make_decoder<NbnsDecoder>,
};

}  // namespace netwatch::dpi
