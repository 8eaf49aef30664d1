// IEC 60870-5-104: frames (APCI, clause 5), their control functions, and of ASDUs (IEC 60870-5-101
// clause 7) type, cause, addresses; commands with their values, monitored data when something of a
// kind comes first, and as sums.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/iec104_types.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using iec104::Type;
using model::FieldDef;
using model::FieldType;
using model::Role;
using model::Side;
using std::string_view;

constexpr string_view kKinds[] = {"control", "command", "data", "summary"};
enum Kind : std::uint8_t { kControl, kCommand, kData, kSummary };
enum Field : std::uint8_t {
  kFunction,
  kType,
  kTypeId,
  kCause,
  kNegative,
  kTest,
  kOriginatorAddress,
  kCommonAddress,
  kObject,
  kCount,
  kValue,
  kQualifier,
  kAsdus,
  kObjects,
  kLatency,
};
constexpr string_view kTypeAlias[] = {"iec60870_asdu.typeid"};
constexpr string_view kNegativeAlias[] = {"iec60870_asdu.nega"};
constexpr string_view kTestAlias[] = {"iec60870_asdu.test"};
constexpr string_view kOriginatorAlias[] = {"iec60870_asdu.oa"};
constexpr string_view kAddressAlias[] = {"iec60870_asdu.addr"};
constexpr string_view kObjectAlias[] = {"iec60870_asdu.ioa"};
constexpr string_view kCountAlias[] = {"iec60870_asdu.numix"};
constexpr FieldDef kFields[] = {
    {.name = "iec104.function",
     .help = "of a frame without an ASDU: startdt_act, testfr_con, ...",
     .role = Role::kMethod},
    {.name = "iec104.type", .help = "C_SC_NA_1, M_ME_NC_1, ...", .role = Role::kMethod},
    {.name = "iec104.type_id",
     .type = FieldType::kUint,
     .help = "number of the type",
     .aliases = kTypeAlias},
    {.name = "iec104.cause", .help = "of transmission: activation, spontaneous, ..."},
    {.name = "iec104.negative",
     .type = FieldType::kBool,
     .help = "a command was refused",
     .role = Role::kStatus,
     .aliases = kNegativeAlias},
    {.name = "iec104.test",
     .type = FieldType::kBool,
     .help = "sent as a test",
     .aliases = kTestAlias},
    {.name = "iec104.originator",
     .type = FieldType::kUint,
     .help = "address of the controlling station, if it has one",
     .aliases = kOriginatorAlias},
    {.name = "iec104.common_address",
     .type = FieldType::kUint,
     .help = "station that it is about; 65535: all",
     .aliases = kAddressAlias},
    {.name = "iec104.ioa",
     .type = FieldType::kUint,
     .list = true,
     .help = "first information objects",
     .aliases = kObjectAlias},
    {.name = "iec104.count",
     .type = FieldType::kUint,
     .help = "objects of the ASDU",
     .aliases = kCountAlias},
    {.name = "iec104.value", .list = true, .help = "of those objects: on, off, 12.5, ..."},
    {.name = "iec104.qualifier",
     .help = "select or execute; what an interrogation is about: station, group_1, ..."},
    {.name = "iec104.asdus",
     .type = FieldType::kUint,
     .help = "of monitored data, of the whole flow"},
    {.name = "iec104.objects", .type = FieldType::kUint, .help = "in them"},
    {.name = "iec104.latency_us",
     .type = FieldType::kDuration,
     .help = "activation to its confirmation",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "iec104", .title = "IEC 60870-5-104", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeadBytes = 6;  // start, length, control
constexpr std::size_t kAsduHead = 6;   // type, count, cause, originator, common address
constexpr std::size_t kAddressBytes = 3;
constexpr std::uint8_t kStart = 0x68;
constexpr std::uint8_t kSequence = 0x80;  // one address, the rest counts on

enum class Format : std::uint8_t { kNone, kInformation, kSupervisory, kUnnumbered };

string_view function_name(std::uint8_t control) {
  switch (control) {
    case 0x07:
      return "startdt_act";
    case 0x0B:
      return "startdt_con";
    case 0x13:
      return "stopdt_act";
    case 0x23:
      return "stopdt_con";
    case 0x43:
      return "testfr_act";
    case 0x83:
      return "testfr_con";
    default:
      return {};
  }
}

// 5.1: the first control octet's low bits; what is reserved is zero.
Format format_of(Bytes head) {
  const Bytes control = head.subspan(2);
  const std::uint8_t length = head[1];
  if ((control[0] & 1) == 0) {
    return (control[2] & 1) == 0 && length >= 4 + kAsduHead ? Format::kInformation : Format::kNone;
  }
  if (length != 4) return Format::kNone;
  if (control[0] == 1) {
    return control[1] == 0 && (control[2] & 1) == 0 ? Format::kSupervisory : Format::kNone;
  }
  const bool rest_zero = control[1] == 0 && control[2] == 0 && control[3] == 0;
  return rest_zero && !function_name(control[0]).empty() ? Format::kUnnumbered : Format::kNone;
}

struct Asdu {
  const Type* type = nullptr;
  std::uint8_t type_id = 0;
  bool sequence = false;
  std::uint8_t count = 0;
  std::uint8_t cause = 0;
  bool negative = false;
  bool test = false;
  std::uint8_t originator = 0;
  std::uint16_t address = 0;
  Bytes objects;
};

Asdu read_asdu(Bytes bytes) {
  Asdu asdu;
  Cursor in(bytes);
  asdu.type_id = in.u8();
  asdu.type = iec104::find_type(asdu.type_id);
  const std::uint8_t count = in.u8();
  asdu.sequence = (count & kSequence) != 0;
  asdu.count = count & 0x7F;
  const std::uint8_t cause = in.u8();
  asdu.cause = cause & 0x3F;
  asdu.negative = (cause & 0x40) != 0;
  asdu.test = (cause & 0x80) != 0;
  asdu.originator = in.u8();
  asdu.address = in.u16le();
  asdu.objects = in.rest();
  return asdu;
}

// Its objects fill it.
bool fits(const Asdu& asdu) {
  if (asdu.type == nullptr || asdu.count == 0 || asdu.cause == 0) return false;
  if (asdu.type->bytes == iec104::kAnySize) return asdu.objects.size() > kAddressBytes;
  const std::size_t size = asdu.type->bytes;
  return asdu.objects.size() ==
         (asdu.sequence ? kAddressBytes + asdu.count * size : asdu.count * (kAddressBytes + size));
}

// What a side has said so far must be such frames; of the first, all of it is looked at.
Probe look(Bytes bytes) {
  for (bool first = true; !bytes.empty(); first = false) {
    if (bytes[0] != kStart) return Probe::kNo;
    if (bytes.size() > 1 && (bytes[1] < 4 || bytes[1] > 253)) return Probe::kNo;
    if (bytes.size() < kHeadBytes) return first ? Probe::kMore : Probe::kYes;
    const Format format = format_of(bytes);
    if (format == Format::kNone) return Probe::kNo;
    const std::size_t size = bytes[1] + std::size_t{2};
    if (bytes.size() < size) return first ? Probe::kMore : Probe::kYes;
    if (format == Format::kInformation &&
        !fits(read_asdu(bytes.subspan(kHeadBytes, size - kHeadBytes))))
      return Probe::kNo;
    bytes = bytes.subspan(size);
  }
  return Probe::kYes;
}

Probe probe_iec104(const ProbeInput& input) { return probe_sides(input, look); }

class Iec104Decoder final : public FrameDecoder {
 public:
  void on_end(Context& context) override;

 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    if (bytes[0] != kStart) return FrameSize::bad();
    if (bytes.size() < kHeadBytes) return {};
    if (bytes[1] < 4 || format_of(bytes) == Format::kNone) return FrameSize::bad();
    return FrameSize::known(bytes[1] + std::uint64_t{2});
  }
  bool begins_with(Bytes bytes, Side /*side*/) override { return look(bytes) == Probe::kYes; }
  Onward on_frame(const Frame& frame) override;

 private:
  struct Key {
    std::uint32_t object;
    std::uint16_t address;
    std::uint8_t type;
    bool operator==(const Key&) const = default;
  };
  struct Seen {  // monitored data that was reported once
    std::uint16_t address = 0;
    std::uint8_t type = 0;
    std::uint8_t cause = 0;
    bool operator==(const Seen&) const = default;
  };
  struct Sum {
    std::uint64_t asdus = 0;
    std::uint64_t objects = 0;
  };
  void control(const Frame& frame);
  void asdu(const Asdu& asdu, const Frame& frame);
  bool is_new(const Asdu& asdu);
  static std::uint32_t objects(const Asdu& asdu, model::RecordBuilder& record);

  Waiting<Key, 24> waiting_;
  std::array<Seen, 48> seen_{};
  std::uint8_t seen_count_ = 0;
  std::array<Sum, 2> sums_{};
};

Onward Iec104Decoder::on_frame(const Frame& frame) {
  const Format format = format_of(frame.bytes);
  if (format == Format::kUnnumbered) control(frame);
  if (format == Format::kInformation && frame.bytes.size() >= kHeadBytes + kAsduHead) {
    const Asdu read = read_asdu(frame.bytes.subspan(kHeadBytes));
    if (!fits(read) && !frame.cut()) frame.context.odd("bad_asdu");
    asdu(read, frame);
  }
  return {};
}

void Iec104Decoder::control(const Frame& frame) {
  const string_view name = function_name(frame.bytes[2]);
  if (name == "startdt_act" || name == "stopdt_act") frame.context.set_originator(frame.side);
  if (name == "startdt_con" || name == "stopdt_con")
    frame.context.set_originator(model::other(frame.side));
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kControl);
  record.add_text(kFunction, name);
  // No type has the number 0. The bit of a confirmation is the next higher one.
  const std::uint32_t bit = frame.bytes[2] & 0xFCU;
  if (name.ends_with("_act")) {
    waiting_.ask({bit, 0, 0}, frame.side, frame.time_ns);
  } else {
    const base::TimeNs ns = waiting_.answer({bit >> 1, 0, 0}, frame.side, frame.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  frame.context.emit(frame.side);
}

// Reported once for its type, cause and station; 48 of them.
bool Iec104Decoder::is_new(const Asdu& asdu) {
  const Seen one{asdu.address, asdu.type_id, asdu.cause};
  auto* const end = seen_.begin() + seen_count_;
  if (std::find(seen_.begin(), end, one) != end || seen_count_ == seen_.size()) return false;
  seen_[seen_count_++] = one;
  return true;
}

void Iec104Decoder::asdu(const Asdu& asdu, const Frame& frame) {
  enum Cause : std::uint8_t {
    kActivation = 6,
    kActivationConfirm = 7,
    kDeactivation = 8,
    kDeactivationConfirm = 9
  };
  const bool monitored = asdu.type != nullptr && asdu.type->monitored();
  if (monitored) {
    Sum& sum = sums_[model::index(frame.side)];
    ++sum.asdus;
    sum.objects += asdu.count;
    if (!is_new(asdu)) return;
    frame.context.set_originator(model::other(frame.side));
  } else if (asdu.cause == kActivation || asdu.cause == kDeactivation) {
    frame.context.set_originator(frame.side);
  }
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, monitored ? kData : kCommand);
  if (asdu.type != nullptr) record.add_text(kType, asdu.type->name);
  record.add_uint(kTypeId, asdu.type_id);
  record.add_text(kCause, iec104::cause_name(asdu.cause));
  if (asdu.negative) record.add_bool(kNegative, true);
  if (asdu.test) record.add_bool(kTest, true);
  if (asdu.originator != 0) record.add_uint(kOriginatorAddress, asdu.originator);
  record.add_uint(kCommonAddress, asdu.address);
  const std::uint32_t object = objects(asdu, record);
  const Key key{object, asdu.address, asdu.type_id};
  if (!monitored && (asdu.cause == kActivation || asdu.cause == kDeactivation)) {
    waiting_.ask(key, frame.side, frame.time_ns);
  } else if (asdu.cause == kActivationConfirm || asdu.cause == kDeactivationConfirm) {
    const base::TimeNs ns = waiting_.answer(key, frame.side, frame.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

// The first few of them; returns the first one's address.
std::uint32_t Iec104Decoder::objects(const Asdu& asdu, model::RecordBuilder& record) {
  constexpr int kMost = 8;
  record.add_uint(kCount, asdu.count);
  if (asdu.type == nullptr || asdu.type->bytes == iec104::kAnySize) return 0;
  Cursor in(asdu.objects);
  std::uint32_t first = 0;
  std::uint32_t address = 0;
  for (int i = 0; i < std::min<int>(asdu.count, kMost); ++i) {
    if (i == 0 || !asdu.sequence) {
      address = static_cast<std::uint32_t>(in.le(kAddressBytes));
    } else {
      ++address;
    }
    const Bytes element = in.take(asdu.type->bytes);
    if (!in.ok()) break;
    if (i == 0) first = address;
    record.add_uint(kObject, address);
    const std::string value = iec104::value_text(*asdu.type, element);
    if (!value.empty()) record.add_text(kValue, value);
    const std::string qualifier = i == 0 ? iec104::qualifier_text(*asdu.type, element) : "";
    if (!qualifier.empty()) record.add_text(kQualifier, qualifier);
  }
  return first;
}

void Iec104Decoder::on_end(Context& context) {
  for (Side side : {Side::kOriginator, Side::kResponder}) {
    const Sum& sum = sums_[model::index(side)];
    if (sum.asdus == 0) continue;
    model::RecordBuilder& record = context.record();
    record.start(kSchema, kSummary);
    record.add_uint(kAsdus, sum.asdus);
    record.add_uint(kObjects, sum.objects);
    context.emit(side);
  }
}

constexpr std::uint16_t kPorts[] = {2404};

}  // namespace

extern const ProtocolDef kIec104;
constinit const ProtocolDef kIec104{
    .name = "iec104",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x68"),
    .usual_ports = kPorts,
    .probe = probe_iec104,
    .schema = &kSchema,
    .state_bytes = sizeof(Iec104Decoder),
    .make = make_decoder<Iec104Decoder>,
    .late = true,
};

}  // namespace netwatch::dpi
