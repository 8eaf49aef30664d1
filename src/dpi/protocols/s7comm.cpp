// S7 communication of Siemens' controllers, over COTP and TPKT (parts/cotp.h). It is not published;
// what is read here is what public descriptions and captures agree on. Its successor (0x72, "S7comm
// plus") is named only.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/cotp.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/parts/s7_names.h"
#include "dpi/parts/told_before.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Role;
using model::Side;
using std::string_view;

constexpr string_view kKinds[] = {"connect", "connect_confirm", "request", "response", "push"};
enum Kind : std::uint8_t { kConnect, kConnectConfirm, kRequest, kResponse, kPush };
enum Field : std::uint8_t {
  kSourceTsap,
  kDestinationTsap,
  kRack,
  kSlot,
  kReference,
  kFunction,
  kPduBytes,
  kItem,
  kItemStatus,
  kBlock,
  kService,
  kSzl,
  kError,
  kLatency,
};
constexpr string_view kReferenceAlias[] = {"s7comm.header.pduref"};
constexpr string_view kPduAlias[] = {"s7comm.param.pdu_length"};
constexpr FieldDef kFields[] = {
    {.name = "s7comm.source_tsap", .help = "the caller's transport selector"},
    {.name = "s7comm.destination_tsap", .help = "the one called"},
    {.name = "s7comm.rack", .type = FieldType::kUint, .help = "that the selector called names"},
    {.name = "s7comm.slot", .type = FieldType::kUint, .help = "in that rack"},
    {.name = "s7comm.pdu_reference",
     .type = FieldType::kUint,
     .help = "joins a request and its response",
     .aliases = kReferenceAlias},
    {.name = "s7comm.function",
     .help = "read_var, plc_stop, read_szl, set_clock, ...",
     .role = Role::kMethod},
    {.name = "s7comm.pdu_bytes",
     .type = FieldType::kUint,
     .help = "longest message that is offered or agreed on",
     .aliases = kPduAlias},
    {.name = "s7comm.item",
     .list = true,
     .help = "first addresses read or written: DB1.DBX0.0 byte 10"},
    {.name = "s7comm.item_status",
     .list = true,
     .help = "of each: success, or why not",
     .role = Role::kStatus},
    {.name = "s7comm.block", .help = "uploaded or downloaded: OB1, DB20", .role = Role::kUri},
    {.name = "s7comm.service", .help = "that a controller is to run: P_PROGRAM, _INSE, ..."},
    {.name = "s7comm.szl", .help = "system status list that is read, and its index"},
    {.name = "s7comm.error", .help = "class and code, of what failed", .role = Role::kStatus},
    {.name = "s7comm.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "s7comm", .title = "S7 communication", .kinds = kKinds, .fields = kFields};

constexpr std::uint8_t kMagic = 0x32;
constexpr std::uint8_t kPlusMagic = 0x72;
constexpr std::size_t kHeadBytes = 10;
enum Type : std::uint8_t { kJob = 1, kAck = 2, kAckData = 3, kUserData = 7 };

struct Message {
  std::uint8_t type = 0;
  std::uint16_t reference = 0;
  std::uint16_t error = 0;
  Bytes parameters;
  Bytes data;  // as much as is here
};

// `size` is what the packet says that there is: its parts fill it.
bool read_message(Bytes bytes, std::size_t size, Message& message) {
  Cursor in(bytes);
  const bool magic = in.u8() == kMagic;
  message.type = in.u8();
  const bool reserved = in.u16() == 0;
  message.reference = in.u16();
  const std::size_t parameters = in.u16();
  const std::size_t data = in.u16();
  const bool answer = message.type == kAck || message.type == kAckData;
  if (answer) message.error = in.u16();
  const bool known = answer || message.type == kJob || message.type == kUserData;
  if (!in.ok() || !magic || !reserved || !known) return false;
  if (in.offset() + parameters + data != size) return false;
  message.parameters = in.take_up_to(parameters);
  message.data = in.take_up_to(data);
  return true;
}

// A version, a length, and a trailer of the same unless more follows.
bool is_plus(Bytes data) {
  Cursor in(data);
  const bool magic = in.u8() == kPlusMagic;
  const std::uint8_t version = in.u8();
  const std::size_t size = in.u16();
  const bool known = (version >= 1 && version <= 3) || version == 0xFE;
  return in.ok() && magic && known && (in.remaining() == size || in.remaining() == size + 4);
}

// The first data behind the connection tells.
Probe look(Bytes bytes, bool plus) {
  while (!bytes.empty()) {
    if (bytes[0] != 3 || (bytes.size() > 1 && bytes[1] != 0)) return Probe::kNo;
    if (bytes.size() < cotp::kDataHeadBytes) return Probe::kMore;
    const std::size_t size = cotp::packet_bytes(bytes);
    if (size == 0) return Probe::kNo;
    cotp::Connect connect;
    if (!cotp::read_connect(bytes, connect)) {
      const std::uint8_t code = bytes[5];
      const bool connects = code == cotp::kRequestCode || code == cotp::kConfirmCode;
      if (connects) return bytes.size() < cotp::kConnectBytes ? Probe::kMore : Probe::kNo;
      const Bytes data = cotp::data_of(bytes);
      if (bytes.size() > cotp::kDataHeadBytes && data.empty()) return Probe::kNo;
      if (!data.empty() && data[0] != (plus ? kPlusMagic : kMagic)) return Probe::kNo;
      const bool whole = bytes.size() >= size;
      if (plus) return !whole ? Probe::kMore : is_plus(data) ? Probe::kYes : Probe::kNo;
      Message message;
      if (read_message(data, size - cotp::kDataHeadBytes, message)) return Probe::kYes;
      return whole || data.size() >= kHeadBytes + 2 ? Probe::kNo : Probe::kMore;
    }
    if (bytes.size() < size) return Probe::kMore;
    bytes = bytes.subspan(size);
  }
  return Probe::kMore;
}

Probe probe_s7(const ProbeInput& input, bool plus) {
  return probe_sides(input, [plus](Bytes bytes) { return look(bytes, plus); });
}

class S7Decoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    if (bytes[0] != 3) return FrameSize::bad();
    if (bytes.size() < cotp::kTpktBytes) return {};
    const std::size_t size = cotp::packet_bytes(bytes);
    return size == 0 ? FrameSize::bad() : FrameSize::known(size);
  }
  bool begins_with(Bytes bytes, Side /*side*/) override {
    return look(bytes, false) == Probe::kYes;
  }
  Onward on_frame(const Frame& frame) override;

 private:
  static void connect(const cotp::Connect& connect, const Frame& frame);
  void request(const Message& message, const Frame& frame);
  void response(const Message& message, const Frame& frame);
  void user_data(const Message& message, const Frame& frame);
  static bool item_states(const Message& message, model::RecordBuilder& record);
  void finish(std::uint16_t reference, const Frame& frame);

  Waiting<std::uint16_t, 16> waiting_;
  Waiting<std::uint16_t, 16> quiet_;  // reads that were reported before
  ToldBefore<32> read_before_;        // hashes of those
  std::uint32_t pushed_ = 0;          // kinds of pushes that were reported
};

Onward S7Decoder::on_frame(const Frame& frame) {
  cotp::Connect connection;
  if (cotp::read_connect(frame.bytes, connection)) {
    connect(connection, frame);
    return {};
  }
  const Bytes data = cotp::data_of(frame.bytes);
  if (!data.empty() && data[0] == kPlusMagic) return Onward::done();
  Message message;
  const auto size = static_cast<std::size_t>(frame.size) - cotp::kDataHeadBytes;
  if (data.empty() || !read_message(data, size, message)) return {};
  if (message.type == kUserData) {
    user_data(message, frame);
  } else if (message.type == kJob) {
    request(message, frame);
  } else {
    response(message, frame);
  }
  return {};
}

// Selectors of these controllers: a kind of connection, then rack and slot in one byte.
void S7Decoder::connect(const cotp::Connect& connect, const Frame& frame) {
  const bool asks = connect.code == cotp::kRequestCode;
  frame.context.set_originator(asks ? frame.side : model::other(frame.side));
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, asks ? kConnect : kConnectConfirm);
  const Bytes calling = cotp::parameter(connect.variable, cotp::kCallingTsap);
  const Bytes called = cotp::parameter(connect.variable, cotp::kCalledTsap);
  if (!calling.empty()) record.add_text(kSourceTsap, hex_text(calling));
  if (!called.empty()) record.add_text(kDestinationTsap, hex_text(called));
  if (asks && called.size() == 2 && called[0] >= 1 && called[0] <= 3) {
    record.add_uint(kRack, called[1] >> 5);
    record.add_uint(kSlot, called[1] & 0x1F);
  }
  frame.context.emit(frame.side);
}

void S7Decoder::finish(std::uint16_t reference, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  base::TimeNs ns = waiting_.answer(reference, frame.side, frame.time_ns);
  if (ns < 0) ns = quiet_.answer(reference, frame.side, frame.time_ns);
  if (ns >= 0) record.add_int(kLatency, ns);
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

void S7Decoder::request(const Message& message, const Frame& frame) {
  constexpr int kMost = 12;
  frame.context.set_originator(frame.side);
  Cursor in(message.parameters);
  const std::uint8_t function = in.u8();
  if (function == s7::kReadVar && read_before_({message.parameters})) {
    quiet_.ask(message.reference, frame.side, frame.time_ns);
    return;
  }
  waiting_.ask(message.reference, frame.side, frame.time_ns);
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kRequest);
  record.add_uint(kReference, message.reference);
  if (in.ok()) record.add_text(kFunction, s7::function_name(function));
  if (function == s7::kReadVar || function == s7::kWriteVar) {
    const int count = std::min<int>(in.u8(), kMost);
    for (int i = 0; i < count && in.ok(); ++i) {
      const std::string item = s7::take_item(in);
      if (!item.empty()) record.add_text(kItem, item);
    }
  } else if (function == s7::kSetup) {
    in.skip(1 + 2 + 2);  // reserved, jobs at a time
    const std::uint16_t size = in.u16();
    if (in.ok()) record.add_uint(kPduBytes, size);
  } else if (function >= s7::kRequestDownload && function <= s7::kStartUpload) {
    in.skip(1 + 2 + 4);  // status, reserved, session
    const string_view file = base::as_text(in.take(in.u8()));
    const std::string block = s7::block_name(file);
    if (!block.empty()) record.add_text(kBlock, block);
  } else if (function == s7::kPlcControl || function == s7::kPlcStop) {
    in.skip(function == s7::kPlcControl ? 7 : 5);
    if (function == s7::kPlcControl) in.skip(in.u16());
    const Bytes name = in.take(in.u8());
    if (in.ok() && is_text(name) && !name.empty()) record.add_text(kService, base::as_text(name));
  }
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
}

// What happened to each item; false if all of it is as it should be.
bool S7Decoder::item_states(const Message& message, model::RecordBuilder& record) {
  constexpr int kMost = 12;
  constexpr std::uint8_t kSuccess = 0xFF;
  Cursor parameters(message.parameters);
  const std::uint8_t function = parameters.u8();
  const int count = std::min<int>(parameters.u8(), kMost);
  bool failed = false;
  Cursor in(message.data);
  for (int i = 0; i < count; ++i) {
    const std::uint8_t code = in.u8();
    if (function == s7::kReadVar) {
      const std::uint8_t unit = in.u8();
      const std::size_t size = in.u16();
      const bool bits = unit >= 3 && unit <= 5;
      const std::size_t bytes = bits ? (size + 7) / 8 : size;
      (void)in.take_up_to(bytes + (i + 1 < count ? bytes % 2 : 0));
    }
    if (!in.ok()) break;
    failed = failed || code != kSuccess;
    record.add_text(kItemStatus, s7::return_code_name(code));
  }
  return failed;
}

void S7Decoder::response(const Message& message, const Frame& frame) {
  frame.context.set_originator(model::other(frame.side));
  Cursor in(message.parameters);
  const std::uint8_t function = in.u8();
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kResponse);
  record.add_uint(kReference, message.reference);
  if (in.ok()) record.add_text(kFunction, s7::function_name(function));
  bool failed = message.error != 0;
  if (function == s7::kReadVar || function == s7::kWriteVar)
    failed = item_states(message, record) || failed;
  if (function == s7::kSetup) {
    in.skip(1 + 2 + 2);
    const std::uint16_t size = in.u16();
    if (in.ok()) record.add_uint(kPduBytes, size);
  }
  if (message.error != 0) record.add_text(kError, hex_number(message.error, 4));
  if (!failed && quiet_.answer(message.reference, frame.side, frame.time_ns) >= 0) return;
  finish(message.reference, frame);
}

// A head of its own: method, kind and group, function, sequence, and of an answer its error.
void S7Decoder::user_data(const Message& message, const Frame& frame) {
  enum Way : std::uint8_t { kAsk = 4, kAnswer = 8 };
  constexpr std::uint8_t kCyclic = 2;
  constexpr std::uint8_t kCpu = 4;
  constexpr std::uint8_t kReadSzl = 1;
  constexpr std::uint8_t kLongHead = 8;
  Cursor in(message.parameters);
  in.skip(3);
  const std::uint8_t size = in.u8();
  in.skip(1);
  const std::uint8_t kind = in.u8();
  const std::uint8_t function = in.u8();
  in.skip(1);
  if (!in.ok()) return;
  const std::uint8_t group = kind & 0x0F;
  const std::uint8_t way = kind >> 4;
  if (way == kAsk) {
    frame.context.set_originator(frame.side);
    const bool polled = group == kCpu || group == kCyclic;
    if (polled && read_before_({message.parameters.first(7), message.data})) {
      quiet_.ask(message.reference, frame.side, frame.time_ns);
      return;
    }
    waiting_.ask(message.reference, frame.side, frame.time_ns);
  } else if (way != kAnswer) {
    const std::uint32_t bit = 1U << ((group * 7U + function) % 32);
    if ((pushed_ & bit) != 0) return;
    pushed_ |= bit;
  }
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, way == kAsk ? kRequest : way == kAnswer ? kResponse : kPush);
  record.add_uint(kReference, message.reference);
  record.add_text(kFunction, s7::service_name(group, function));
  Cursor data(message.data);
  data.skip(4);
  const std::uint16_t list = data.u16();
  const std::uint16_t index = data.u16();
  if (way == kAsk && group == kCpu && function == kReadSzl && data.ok()) {
    record.add_text(kSzl, hex_number(list, 4) + " " + std::to_string(index));
  }
  in.skip(2);
  const std::uint16_t error = in.u16();
  const bool failed = size == kLongHead && in.ok() && error != 0;
  if (failed) record.add_text(kError, hex_number(error, 4));
  if (way == kAnswer && !failed && quiet_.answer(message.reference, frame.side, frame.time_ns) >= 0)
    return;
  if (way == kAnswer) return finish(message.reference, frame);
  frame.context.emit(frame.side);
}

constexpr std::uint16_t kPorts[] = {102};

}  // namespace

extern const ProtocolDef kS7comm;
constinit const ProtocolDef kS7comm{
    .name = "s7comm",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x03"),
    .usual_ports = kPorts,
    .probe = [](const ProbeInput& input) { return probe_s7(input, false); },
    .schema = &kSchema,
    .state_bytes = sizeof(S7Decoder),
    .make = make_decoder<S7Decoder>,
    .late = true,
};
extern const ProtocolDef kS7commPlus;
constinit const ProtocolDef kS7commPlus{
    .name = "s7comm_plus",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x03"),
    .usual_ports = kPorts,
    .probe = [](const ProbeInput& input) { return probe_s7(input, true); },
    .schema = &kSchema,
    .state_bytes = sizeof(S7Decoder),
    .make = make_decoder<S7Decoder>,
    .late = true,
};

}  // namespace netwatch::dpi
