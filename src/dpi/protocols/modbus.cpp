// Modbus/TCP: "MODBUS Application Protocol Specification" V1.1b3, "MODBUS Messaging on TCP/IP
// Implementation Guide" V1.0b section 3. Requests and responses look alike: who asks is told by
// what only one of them can be, or by who spoke first. Registers' values are not reported.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/modbus_names.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using namespace modbus;
using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Role;
using model::Side;
using std::string_view;

constexpr string_view kKinds[] = {"request", "response"};
enum Kind : std::uint8_t { kRequest, kResponse };
enum Field : std::uint8_t {
  kTransaction,
  kUnit,
  kFunction,
  kFunctionCode,
  kAddress,
  kCount,
  kWriteAddress,
  kWriteCount,
  kValue,
  kSubfunction,
  kException,
  kIdentity,
  kLatency,
};
constexpr string_view kTransactionAlias[] = {"mbtcp.trans_id"};
constexpr string_view kUnitAlias[] = {"mbtcp.unit_id"};
constexpr string_view kCodeAlias[] = {"modbus.func_code"};
constexpr string_view kAddressAlias[] = {"modbus.reference_num"};
constexpr string_view kCountAlias[] = {"modbus.word_cnt", "modbus.bit_cnt"};
constexpr FieldDef kFields[] = {
    {.name = "modbus.transaction",
     .type = FieldType::kUint,
     .help = "joins a request and its response",
     .aliases = kTransactionAlias},
    {.name = "modbus.unit",
     .type = FieldType::kUint,
     .help = "device behind the address",
     .aliases = kUnitAlias},
    {.name = "modbus.function", .help = "read_coils, write_register, ...", .role = Role::kMethod},
    {.name = "modbus.function_code",
     .type = FieldType::kUint,
     .help = "number of the function",
     .aliases = kCodeAlias},
    {.name = "modbus.address",
     .type = FieldType::kUint,
     .help = "first coil or register, counted from 0",
     .aliases = kAddressAlias},
    {.name = "modbus.count",
     .type = FieldType::kUint,
     .help = "how many coils or registers",
     .aliases = kCountAlias},
    {.name = "modbus.write_address",
     .type = FieldType::kUint,
     .help = "where is written, of a request that reads and writes"},
    {.name = "modbus.write_count", .type = FieldType::kUint, .help = "how many of them"},
    {.name = "modbus.value", .type = FieldType::kUint, .help = "written to a single one"},
    {.name = "modbus.subfunction", .type = FieldType::kUint, .help = "of diagnostics"},
    {.name = "modbus.exception", .help = "why it failed", .role = Role::kStatus},
    {.name = "modbus.identity",
     .list = true,
     .help = "what a device says of itself: vendor, product, revision",
     .role = Role::kSubject},
    {.name = "modbus.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "modbus", .title = "Modbus", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeadBytes = 7;
constexpr std::uint16_t kMaxLength = 254;  // unit and 253 bytes
constexpr std::uint8_t kFailed = 0x80;

struct Message {
  std::uint16_t transaction = 0;
  std::uint16_t length = 0;  // of unit, function and data
  std::uint8_t unit = 0;
  std::uint8_t code = 0;
  Bytes data;
};

// Section 5.1: what makers may define; 90 is Schneider's UMAS.
bool is_own_function(std::uint8_t code) {
  constexpr std::uint8_t kUmas = 90;
  return (code >= 65 && code <= 72) || (code >= 100 && code <= 110) || code == kUmas;
}

// Which of the two can it be? Section 6: what each function's sizes say.
struct Roles {
  bool request = false;
  bool response = false;
};

Roles sizes_fit(const Message& message) {
  const std::size_t size = message.data.size();
  Cursor in(message.data);
  const std::uint8_t first = in.peek();
  const auto counted = [&](std::size_t at) {
    return size > at && size == at + 1 + message.data[at];
  };
  // More registers than a response has room for are asked for all the same.
  const auto count_at_most = [&](std::uint16_t most) {
    Cursor cursor(message.data);
    cursor.skip(2);
    const std::uint16_t count = cursor.u16();
    return cursor.ok() && count >= 1 && count <= most;
  };
  constexpr std::uint16_t kMostBits = 2000;
  switch (message.code) {
    case kReadCoils:
    case kReadInputs:
      return {size == 4 && count_at_most(kMostBits), counted(0) && first > 0};
    case kReadHolding:
    case kReadInputRegisters:
      return {size == 4 && count_at_most(kMostBits), counted(0) && first > 0 && first % 2 == 0};
    case kWriteCoil: {
      const bool value =
          size == 4 && (message.data[2] == 0 || message.data[2] == 0xFF) && message.data[3] == 0;
      return {value, value};
    }
    case kWriteRegister:
    case kDiagnostics:
      return {size == 4, size == 4};
    case kReadException:
      return {size == 0, size == 1};
    case kEventCounter:
      return {size == 0, size == 4};
    case kEventLog:
    case kReportServer:
      return {size == 0, counted(0)};
    case kWriteCoils:
    case kWriteRegisters:
      return {size > 5 && counted(4) && count_at_most(kMostBits),
              size == 4 && count_at_most(kMostBits)};
    case kReadFile:
    case kWriteFile:
      return {counted(0) && first >= 7, counted(0) && first >= 2};
    case kMaskWrite:
      return {size == 6, size == 6};
    case kReadWrite:
      return {size > 9 && counted(8), counted(0) && first % 2 == 0};
    case kReadFifo:
      return {size == 2, size >= 4 && size == std::size_t{2} + Cursor(message.data).u16()};
    case kEncapsulated: {
      constexpr std::uint8_t kCanopen = 13;
      constexpr std::uint8_t kIdentification = 14;
      const bool identification = first == kIdentification;
      return {(identification && (size == 3 || size == 4)) || first == kCanopen,
              (identification && size >= 6) || first == kCanopen};
    }
    default:
      break;
  }
  const bool failed = message.code > kFailed && !function_name(message.code & 0x7F).empty();
  if (failed) return {false, (size == 1 || size == 2) && first >= 1 && first <= 11};
  const bool own = is_own_function(message.code);
  return {own, own};
}

bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  message.transaction = in.u16();
  const std::uint16_t protocol = in.u16();
  message.length = in.u16();
  message.unit = in.u8();
  message.code = in.u8();
  if (!in.ok() || protocol != 0 || message.length < 2 || message.length > kMaxLength) return false;
  message.data = in.take_up_to(message.length - std::size_t{2});
  return true;
}

bool is_whole(const Message& message) {
  return message.data.size() == message.length - std::size_t{2};
}

// A function that the standard has, in a size that it can have; all that one side has sent so far
// must be such messages, and end with one.
Probe look(Bytes bytes, Roles& roles) {
  while (!bytes.empty()) {
    Cursor in(bytes);
    in.skip(2);
    if (in.peek() != 0 || in.peek(1) != 0) return Probe::kNo;
    if (bytes.size() >= 6 && (in.peek(2) != 0 || in.peek(3) < 2)) return Probe::kNo;
    Message message;
    if (bytes.size() < kHeadBytes + 1) return Probe::kMore;
    if (!read_message(bytes, message)) return Probe::kNo;
    if (!is_whole(message)) {
      return function_name(message.code & 0x7F).empty() ? Probe::kNo : Probe::kMore;
    }
    const Roles fit = sizes_fit(message);
    roles.request = roles.request && fit.request;
    roles.response = roles.response && fit.response;
    if (!roles.request && !roles.response) return Probe::kNo;
    bytes = bytes.subspan(std::size_t{message.length} + 6);
  }
  return Probe::kYes;
}

// A request of a function that says twice how long it is, or that a range bounds.
bool speaks_for_itself(const Message& message) {
  switch (message.code) {
    case kReadCoils:
    case kReadInputs:
    case kReadHolding:
    case kReadInputRegisters:
    case kWriteCoils:
    case kWriteRegisters:
    case kReadWrite:
      return sizes_fit(message).request;
    default:
      return false;
  }
}

// A request and its answer, by their heads: what one asks for may be so wrong that it is refused,
// or be of a function that does not exist: exception 1 (section 7).
bool is_refusal(const Message& request, const Message& response) {
  const bool no_such_function =
      function_name(request.code).empty() && response.data.size() == 1 && response.data[0] == 1;
  return request.transaction == response.transaction && request.unit == response.unit &&
         is_whole(response) && response.code == (request.code | kFailed) &&
         request.code < kFailed && (no_such_function || sizes_fit(response).response);
}

// One message alone is little, unless it is one of those: the other side has to answer it, or more
// of the same to follow.
Probe probe_modbus(const ProbeInput& input) {
  std::array<Roles, 2> roles{Roles{true, true}, Roles{true, true}};
  std::array<Message, 2> first;
  std::array<Probe, 2> looks{};
  std::array<bool, 2> alone{};  // one whole message
  for (std::size_t side = 0; side < 2; ++side) {
    const bool read = read_message(input.sides[side], first[side]);
    alone[side] = read && input.sides[side].size() == std::size_t{first[side].length} + 6;
    looks[side] = look(input.sides[side], roles[side]);
  }
  const bool both = !input.sides[0].empty() && !input.sides[1].empty();
  if (both && (is_refusal(first[0], first[1]) || is_refusal(first[1], first[0])))
    return Probe::kYes;
  for (std::size_t side = 0; side < 2; ++side) {
    const bool wrong = looks[side] == Probe::kNo;
    // Its refusal may follow.
    const bool named = !function_name(first[side].code).empty();
    const bool may = named ? is_whole(first[side]) : alone[side] && first[side].code < kFailed;
    if (wrong) return !both && may && first[side].length > 2 ? Probe::kMore : Probe::kNo;
  }
  if (looks[0] == Probe::kMore || looks[1] == Probe::kMore) return Probe::kMore;
  if (both) {
    const bool paired =
        (roles[0].request && roles[1].response) || (roles[0].response && roles[1].request);
    if (!paired || first[0].unit != first[1].unit) return Probe::kNo;
    // A capture may begin with an answer, and another question follow it.
    for (std::size_t side = 0; side < 2; ++side) {
      if (roles[1 - side].response && speaks_for_itself(first[side])) return Probe::kYes;
    }
    if (is_own_function(first[0].code) && first[0].transaction != first[1].transaction)
      return Probe::kNo;
    return (first[0].code & 0x7F) == (first[1].code & 0x7F) ? Probe::kYes : Probe::kNo;
  }
  const std::size_t side = input.sides[0].empty() ? 1 : 0;
  const bool several = input.sides[side].size() > std::size_t{first[side].length} + 6;
  return several || speaks_for_itself(first[side]) ? Probe::kYes : Probe::kMore;
}

class ModbusDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    if (bytes.size() < kHeadBytes + 1) return {};
    Message message;
    if (!read_message(bytes, message)) return FrameSize::bad();
    return FrameSize::known(std::uint64_t{message.length} + 6);
  }
  // A segment mostly holds whole messages.
  bool begins_with(Bytes bytes, Side /*side*/) override {
    Roles roles{true, true};
    return look(bytes, roles) == Probe::kYes;
  }
  Onward on_frame(const Frame& frame) override;

 private:
  struct Key {
    std::uint16_t transaction;
    std::uint8_t unit;
    std::uint8_t code;
    bool operator==(const Key&) const = default;
  };
  void find_client(const Message& message, Side side);
  static void request(const Message& message, model::RecordBuilder& record);
  static void response(const Message& message, model::RecordBuilder& record);

  Waiting<Key, 16> waiting_;
  bool known_ = false;
  bool sure_ = false;
  Side client_ = Side::kOriginator;
};

// Until something was said that only a client or only a server can say, who spoke first asks.
void ModbusDecoder::find_client(const Message& message, Side side) {
  if (sure_) return;
  const Roles roles = sizes_fit(message);
  sure_ = roles.request != roles.response;
  if (known_ && !sure_) return;
  known_ = true;
  client_ = roles.request ? side : model::other(side);
}

Onward ModbusDecoder::on_frame(const Frame& frame) {
  Message message;
  read_message(frame.bytes, message);
  find_client(message, frame.side);
  // The first word counts: a guess must not be it.
  if (sure_) frame.context.set_originator(client_);
  const bool asks = frame.side == client_;
  const std::uint8_t code = message.code & 0x7F;
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, asks ? kRequest : kResponse);
  record.add_uint(kTransaction, message.transaction);
  record.add_uint(kUnit, message.unit);
  const string_view name = function_name(code);
  if (!name.empty()) record.add_text(kFunction, name);
  record.add_uint(kFunctionCode, code);
  const Key key{message.transaction, message.unit, code};
  if (asks) {
    waiting_.ask(key, frame.side, frame.time_ns);
    request(message, record);
  } else {
    response(message, record);
    const base::TimeNs ns = waiting_.answer(key, frame.side, frame.time_ns);
    // A request that only its answer proved is shown with the answer: its own time is not known.
    if (ns > 0) record.add_int(kLatency, ns);
  }
  if (!is_whole(message)) record.mark_cut();
  frame.context.emit(frame.side);
  return {};
}

void ModbusDecoder::request(const Message& message, model::RecordBuilder& record) {
  Cursor in(message.data);
  const auto number = [&](Field field) {
    const std::uint16_t value = in.u16();
    if (in.ok()) record.add_uint(field, value);
  };
  switch (message.code) {
    case kReadCoils:
    case kReadInputs:
    case kReadHolding:
    case kReadInputRegisters:
    case kWriteCoils:
    case kWriteRegisters:
      number(kAddress);
      number(kCount);
      break;
    case kReadWrite:
      number(kAddress);
      number(kCount);
      number(kWriteAddress);
      number(kWriteCount);
      break;
    case kWriteCoil:
    case kWriteRegister:
      number(kAddress);
      number(kValue);
      break;
    case kMaskWrite:
    case kReadFifo:
      number(kAddress);
      break;
    case kDiagnostics:
      number(kSubfunction);
      break;
    default:
      break;
  }
}

void ModbusDecoder::response(const Message& message, model::RecordBuilder& record) {
  constexpr std::uint8_t kIdentification = 14;
  Cursor in(message.data);
  if (message.code >= kFailed) {
    const std::uint8_t code = in.u8();
    if (in.ok()) record.add_text(kException, exception_name(code));
    return;
  }
  if (message.code == kDiagnostics) {
    const std::uint16_t subfunction = in.u16();
    if (in.ok()) record.add_uint(kSubfunction, subfunction);
  }
  // Section 6.21: objects of a number, a length and a text.
  if (message.code != kEncapsulated || in.u8() != kIdentification) return;
  in.skip(4);
  for (std::uint8_t left = in.u8(); left > 0 && in.ok(); --left) {
    in.skip(1);
    const Bytes text = in.take(in.u8());
    if (in.ok() && is_plain_text(base::as_text(text)))
      record.add_text(kIdentity, base::as_text(text));
  }
}

constexpr std::uint16_t kPorts[] = {502};

}  // namespace

extern const ProtocolDef kModbus;
constinit const ProtocolDef kModbus{
    .name = "modbus",
    .transport = Transport::kTcp,
    .first = FirstBytes::any(),
    .usual_ports = kPorts,
    .probe = probe_modbus,
    .schema = &kSchema,
    .state_bytes = sizeof(ModbusDecoder),
    .make = make_decoder<ModbusDecoder>,
};

}  // namespace netwatch::dpi
