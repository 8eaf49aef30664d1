// BACnet/IP: ASHRAE 135 annex J (virtual link), clause 6 (network), 20 and 21 (application):
// services with their object and property, devices, values that are written, errors. What is asked
// or told again in the same words is reported once; passwords are passed over.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/bacnet_names.h"
#include "dpi/parts/bacnet_tag.h"
#include "dpi/parts/told_before.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using bacnet::Tag;
using bacnet::take_tag;
using bacnet::value_text;
using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Role;
using model::Side;
using std::string_view;

constexpr string_view kKinds[] = {"link", "network", "request", "response", "error"};
enum Kind : std::uint8_t { kLink, kNetwork, kRequest, kResponse, kError };
enum Field : std::uint8_t {
  kFunction,
  kResult,
  kTtl,
  kForwardedFrom,
  kDestinationNetwork,
  kSourceNetwork,
  kMessage,
  kService,
  kInvoke,
  kDevice,
  kVendor,
  kLowLimit,
  kHighLimit,
  kObject,
  kProperty,
  kValue,
  kPriority,
  kErrorText,
  kLatency,
};
constexpr string_view kDestinationAlias[] = {"bacnet.dnet"};
constexpr string_view kSourceAlias[] = {"bacnet.snet"};
constexpr string_view kInvokeAlias[] = {"bacapp.invoke_id"};
constexpr FieldDef kFields[] = {
    {.name = "bacnet.function",
     .help = "of the virtual link: original_unicast_npdu, register_foreign_device, ..."},
    {.name = "bacnet.result", .help = "of that function", .role = Role::kStatus},
    {.name = "bacnet.ttl_s", .type = FieldType::kUint, .help = "of a foreign device"},
    {.name = "bacnet.forwarded_from",
     .type = FieldType::kAddress,
     .help = "who broadcast what is forwarded"},
    {.name = "bacnet.destination_network",
     .type = FieldType::kUint,
     .help = "65535: all",
     .aliases = kDestinationAlias},
    {.name = "bacnet.source_network", .type = FieldType::kUint, .aliases = kSourceAlias},
    {.name = "bacnet.network_message", .help = "who_is_router_to_network, ..."},
    {.name = "bacnet.service",
     .help = "read_property, who_is, reinitialize_device, ...",
     .role = Role::kMethod},
    {.name = "bacnet.invoke_id",
     .type = FieldType::kUint,
     .help = "joins a request and its response",
     .aliases = kInvokeAlias},
    {.name = "bacnet.device", .type = FieldType::kUint, .help = "number of a device, of i_am"},
    {.name = "bacnet.vendor", .type = FieldType::kUint, .help = "of that device"},
    {.name = "bacnet.low_limit", .type = FieldType::kUint, .help = "of devices asked for"},
    {.name = "bacnet.high_limit", .type = FieldType::kUint, .help = "of devices asked for"},
    {.name = "bacnet.object", .list = true, .help = "analog_input:3, device:100, ..."},
    {.name = "bacnet.property", .list = true, .help = "present_value, object_name, ..."},
    {.name = "bacnet.value", .help = "that is written or was read, of a single one"},
    {.name = "bacnet.priority", .type = FieldType::kUint, .help = "of what is written"},
    {.name = "bacnet.error",
     .help = "class and code, or why it was rejected or aborted",
     .role = Role::kStatus},
    {.name = "bacnet.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "bacnet", .title = "BACnet/IP", .kinds = kKinds, .fields = kFields};

enum LinkFunction : std::uint8_t {
  kLinkResult = 0,
  kReadTable = 2,
  kForwarded = 4,
  kRegister = 5,
  kReadForeign = 6,
  kDeleteForeign = 8,
  kDistribute = 9,
  kUnicast = 10,
  kBroadcast = 11,
};
enum Confirmed : std::uint8_t {
  kSubscribeCov = 5,
  kReadProperty = 12,
  kReadMultiple = 14,
  kWriteProperty = 15,
  kWriteMultiple = 16,
};
enum Unconfirmed : std::uint8_t { kIAm = 0, kIHave = 1, kUnconfirmedCov = 2, kWhoIs = 8 };

// What lies in a datagram, as far as its heads say.
struct Packet {
  std::uint8_t function = 0;
  Bytes link;  // behind the link's head, if it is not forwarded
  Bytes origin;
  bool has_network = false;
  bool network_message = false;
  std::int32_t destination = -1;
  std::int32_t source = -1;
  Bytes payload;  // of the network layer
};

// J.2: what a function of the link carries; tables have rows of ten bytes.
bool link_fits(std::uint8_t function, std::size_t size) {
  switch (function) {
    case kLinkResult:
    case kRegister:
      return size == 2;
    case kReadTable:
    case kReadForeign:
      return size == 0;
    case kDeleteForeign:
      return size == 6;
    default:
      return size % 10 == 0;
  }
}

bool read_packet(Bytes bytes, Packet& packet) {
  Cursor in(bytes);
  if (in.u8() != 0x81) return false;
  packet.function = in.u8();
  const std::size_t size = in.u16();
  if (!in.ok() || size != bytes.size() || bacnet::link_function_name(packet.function).empty())
    return false;
  packet.link = in.rest();
  if (packet.function == kForwarded) {
    packet.origin = in.take(6);
  } else if (packet.function < kDistribute) {
    return link_fits(packet.function, in.remaining());
  }
  // 6.2.2: version, control, then addresses.
  constexpr std::uint8_t kReserved = 0x50;
  constexpr std::size_t kMostAddress = 20;
  const bool version = in.u8() == 1;
  const std::uint8_t control = in.u8();
  if (!in.ok() || !version || (control & kReserved) != 0) return false;
  packet.has_network = true;
  packet.network_message = (control & 0x80) != 0;
  if ((control & 0x20) != 0) {
    packet.destination = in.u16();
    const std::size_t address = in.u8();
    if (address > kMostAddress) return false;
    in.skip(address);
  }
  if ((control & 8) != 0) {
    packet.source = in.u16();
    const std::size_t address = in.u8();
    if (address == 0 || address > kMostAddress) return false;
    in.skip(address);
  }
  if ((control & 0x20) != 0) in.skip(1);  // hops
  packet.payload = in.rest();
  return in.ok() && !packet.payload.empty();
}

// An application message's type and reserved bits, 20.1.
bool is_application(Bytes apdu) {
  const std::uint8_t type = apdu[0] >> 4;
  const std::uint8_t flags = apdu[0] & 0x0F;
  switch (type) {
    case 0:
      return apdu.size() >= 4 && (flags & 1) == 0;
    case 1:
      return apdu.size() >= 2 && flags == 0 && apdu[1] <= 12;
    case 2:
      return apdu.size() == 3 && flags == 0;
    case 3:
      return apdu.size() >= 3 && (flags & 3) == 0;
    case 4:
      return apdu.size() == 4 && (flags & 12) == 0;
    case 5:
      return apdu.size() >= 3 && flags == 0;
    case 6:
      return apdu.size() == 3 && flags == 0;
    case 7:
      return apdu.size() == 3 && (flags & 14) == 0;
    default:
      return false;
  }
}

bool is_mine(Bytes bytes, Packet& packet) {
  if (bytes.size() < 4 || bytes[0] != 0x81 || !read_packet(bytes, packet)) return false;
  return !packet.has_network || packet.network_message || is_application(packet.payload);
}

Probe probe_bacnet(const ProbeInput& input) {
  Packet packet;
  return is_mine(input.of(input.latest), packet) ? Probe::kYes : Probe::kNo;
}

class BacnetDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  struct Call {
    base::TimeNs time_ns = 0;
    std::int32_t network = -1;
    std::uint8_t invoke = 0;
    std::uint8_t service = 0;
    Side side = Side::kOriginator;
    bool used = false;
    bool quiet = false;
  };
  static void link(const Packet& packet, model::RecordBuilder& record);
  void application(const Packet& packet, const model::StreamChunk& chunk, Context& context);
  void answer(const Packet& packet, const model::StreamChunk& chunk, Context& context);
  static void confirmed(std::uint8_t service, Cursor in, model::RecordBuilder& record);
  static void unconfirmed(std::uint8_t service, Cursor in, model::RecordBuilder& record);
  static void properties(Cursor& in, model::RecordBuilder& record);
  static void start(const Packet& packet, Kind kind, model::RecordBuilder& record);

  std::array<Call, 24> calls_{};
  ToldBefore<64> told_before_;
  std::uint8_t next_call_ = 0;
};

void BacnetDecoder::start(const Packet& packet, Kind kind, model::RecordBuilder& record) {
  record.start(kSchema, kind);
  record.add_text(kFunction, bacnet::link_function_name(packet.function));
  if (packet.origin.size() == 6)
    record.add_address(kForwardedFrom, base::IpAddress::v4(packet.origin.data()));
  if (packet.destination >= 0)
    record.add_uint(kDestinationNetwork, static_cast<std::uint64_t>(packet.destination));
  if (packet.source >= 0)
    record.add_uint(kSourceNetwork, static_cast<std::uint64_t>(packet.source));
}

Step BacnetDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Packet packet;
  if (!is_mine(chunk.bytes, packet)) return {.verdict = Verdict::kNotMine};
  const Step done{.consumed = chunk.bytes.size()};
  if (packet.has_network && !packet.network_message) {
    const std::uint8_t type = packet.payload[0] >> 4;
    if (type <= 1) {
      application(packet, chunk, context);
    } else {
      answer(packet, chunk, context);
    }
    return done;
  }
  if (told_before_({chunk.bytes})) return done;
  model::RecordBuilder& record = context.record();
  if (packet.network_message) {
    start(packet, kNetwork, record);
    record.add_text(kMessage, bacnet::network_message_name(packet.payload[0]));
  } else {
    start(packet, kLink, record);
    link(packet, record);
  }
  context.emit(chunk.side);
  return done;
}

void BacnetDecoder::link(const Packet& packet, model::RecordBuilder& record) {
  Cursor in(packet.link);
  if (packet.function == kLinkResult) record.add_text(kResult, bacnet::link_result_name(in.u16()));
  if (packet.function == kRegister) record.add_uint(kTtl, in.u16());
}

// Requests, 20.1.2 and 20.1.3.
void BacnetDecoder::application(const Packet& packet, const model::StreamChunk& chunk,
                                Context& context) {
  constexpr std::uint8_t kSegmented = 8;
  Cursor in(packet.payload);
  const std::uint8_t head = in.u8();
  const bool asks = (head >> 4) == 0;
  if (asks) in.skip(1);
  const std::uint8_t invoke = asks ? in.u8() : std::uint8_t{0};
  bool first = true;
  if (asks && (head & kSegmented) != 0) {
    first = in.u8() == 0;
    in.skip(1);
  }
  const std::uint8_t service = in.u8();
  if (!in.ok() || !first) return;
  const bool changes = asks && service != kReadProperty && service != kReadMultiple &&
                       service != kSubscribeCov && service != 1;
  // Of notifications the values differ: the objects, which come first, count.
  const bool told = !asks && (service == kUnconfirmedCov || service == 3);
  const std::size_t words = told ? std::min<std::size_t>(in.remaining(), 12) : in.remaining();
  Bytes same = packet.payload.subspan(in.offset() - 1, words + 1);
  const bool quiet = !changes && told_before_({same});
  if (asks) {
    calls_[next_call_] = {chunk.time_ns, packet.destination, invoke, service, chunk.side, true,
                          quiet};
    next_call_ = static_cast<std::uint8_t>((next_call_ + 1) % calls_.size());
    context.set_originator(chunk.side);
  }
  if (quiet) return;
  model::RecordBuilder& record = context.record();
  start(packet, kRequest, record);
  record.add_text(kService, asks ? bacnet::confirmed_service_name(service)
                                 : bacnet::unconfirmed_service_name(service));
  if (asks) {
    record.add_uint(kInvoke, invoke);
    confirmed(service, in, record);
  } else {
    unconfirmed(service, in, record);
  }
  if (chunk.cut) record.mark_cut();
  context.emit(chunk.side);
}

// An object, then a property of it, its value and the priority; or lists of them.
void BacnetDecoder::properties(Cursor& in, model::RecordBuilder& record) {
  constexpr int kMostTags = 48;
  constexpr int kMostNames = 12;
  int depth = 0;
  int names = 0;
  Tag tag;
  for (int i = 0; i < kMostTags && !in.at_end() && take_tag(in, tag); ++i) {
    if (tag.opening) ++depth;
    if (tag.closing) --depth;
    if (tag.opening || tag.closing || names >= kMostNames) continue;
    const bool object = tag.is(0) && tag.value.size() == 4 && depth == 0;
    if (object) record.add_text(kObject, bacnet::object_text(tag.uint()));
    const bool property = (tag.is(1) && depth == 0) || (tag.is(0) && depth == 1);
    if (property) record.add_text(kProperty, bacnet::property_name(tag.uint()));
    if (object || property) ++names;
    if (tag.is(4) && depth == 0) record.add_uint(kPriority, tag.uint());
    const std::string value = depth == 1 ? value_text(tag) : std::string{};
    if (!value.empty()) record.add_text(kValue, value);
  }
}

void BacnetDecoder::confirmed(std::uint8_t service, Cursor in, model::RecordBuilder& record) {
  Tag tag;
  switch (service) {
    case kReadProperty:
    case kReadMultiple:
    case kWriteProperty:
    case kWriteMultiple:
      properties(in, record);
      break;
    case kSubscribeCov:
      take_tag(in, tag);  // the process
      if (take_tag(in, tag) && tag.is(1)) record.add_text(kObject, bacnet::object_text(tag.uint()));
      break;
    default:
      break;
  }
}

void BacnetDecoder::unconfirmed(std::uint8_t service, Cursor in, model::RecordBuilder& record) {
  Tag tag;
  if (service == kIAm) {
    if (!take_tag(in, tag) || tag.number != bacnet::kIdentifierTag) return;
    record.add_uint(kDevice, tag.uint() & 0x3FFFFF);
    take_tag(in, tag);  // longest message
    take_tag(in, tag);  // segments
    if (take_tag(in, tag)) record.add_uint(kVendor, tag.uint());
  } else if (service == kIHave) {
    for (int i = 0; i < 2 && take_tag(in, tag) && tag.number == bacnet::kIdentifierTag; ++i)
      record.add_text(kObject, bacnet::object_text(tag.uint()));
  } else if (service == kWhoIs) {
    if (take_tag(in, tag) && tag.is(0)) record.add_uint(kLowLimit, tag.uint());
    if (take_tag(in, tag) && tag.is(1)) record.add_uint(kHighLimit, tag.uint());
  } else if (service == kUnconfirmedCov || service == 3) {
    for (std::uint8_t number = 0; number <= 2; ++number) {
      if (!take_tag(in, tag) || !tag.is(number)) return;
      if (number > 0) record.add_text(kObject, bacnet::object_text(tag.uint()));
    }
  }
}

// Acknowledgements, errors, rejections and aborts: 20.1.4 to 20.1.9.
void BacnetDecoder::answer(const Packet& packet, const model::StreamChunk& chunk,
                           Context& context) {
  enum Type : std::uint8_t { kSimple = 2, kComplex = 3, kFailed = 5, kReject = 6 };
  constexpr std::uint8_t kSegmented = 8;
  Cursor in(packet.payload);
  const std::uint8_t head = in.u8();
  const std::uint8_t type = head >> 4;
  if (type == 4) return;  // of segments
  const std::uint8_t invoke = in.u8();
  bool first = true;
  if (type == kComplex && (head & kSegmented) != 0) {
    first = in.u8() == 0;
    in.skip(1);
  }
  if (!first) return;
  auto* const call = std::ranges::find_if(calls_, [&](const Call& one) {
    return one.used && one.invoke == invoke && one.side != chunk.side &&
           one.network == packet.source;
  });
  const bool known = call != calls_.end();
  if (known) call->used = false;
  if (known && call->quiet && type <= kComplex) return;
  context.set_originator(model::other(chunk.side));
  model::RecordBuilder& record = context.record();
  start(packet, type <= kComplex ? kResponse : kError, record);
  if (type <= kFailed) {
    const std::uint8_t service = in.u8();
    if (in.ok()) record.add_text(kService, bacnet::confirmed_service_name(service));
    if (type == kComplex && service == kReadProperty) properties(in, record);
  } else if (known) {
    record.add_text(kService, bacnet::confirmed_service_name(call->service));
  }
  record.add_uint(kInvoke, invoke);
  Tag error_class;
  Tag code;
  if (type == kFailed) {
    if (take_tag(in, error_class) && error_class.opening) take_tag(in, error_class);
    if (take_tag(in, code))
      record.add_text(kErrorText, bacnet::error_text(error_class.uint(), code.uint()));
  } else if (type > kFailed) {
    const std::uint8_t reason = in.u8();
    record.add_text(kErrorText,
                    type == kReject ? bacnet::reject_name(reason) : bacnet::abort_name(reason));
  }
  if (known && chunk.time_ns >= call->time_ns)
    record.add_int(kLatency, chunk.time_ns - call->time_ns);
  if (chunk.cut) record.mark_cut();
  context.emit(chunk.side);
}

constexpr std::uint16_t kPorts[] = {47808};

}  // namespace

extern const ProtocolDef kBacnet;
constinit const ProtocolDef kBacnet{
    .name = "bacnet",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x81"),
    .usual_ports = kPorts,
    .probe = probe_bacnet,
    .schema = &kSchema,
    .state_bytes = sizeof(BacnetDecoder),
    .make = make_decoder<BacnetDecoder>,
};

}  // namespace netwatch::dpi
