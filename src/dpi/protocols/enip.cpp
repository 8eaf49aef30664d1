// EtherNet/IP: the CIP Networks Library, volume 2, chapter 2 (encapsulation), with the CIP messages
// inside (parts/cip_message.h). Connected I/O over UDP is not told from other datagrams.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/cip_message.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/parts/told_before.h"
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

constexpr string_view kKinds[] = {"request", "response"};
enum Kind : std::uint8_t { kRequest, kResponse };
enum Field : std::uint8_t {
  kCommand,
  kSession,
  kStatus,
  kVendor,
  kProductCode,
  kProduct,
  kRevision,
  kSerial,
  kService,
  kClass,
  kInstance,
  kAttribute,
  kSymbol,
  kCipStatus,
  kExtendedStatus,
  kLatency,
};
constexpr string_view kSessionAlias[] = {"enip.session"};
constexpr string_view kVendorAlias[] = {"enip.lir.vendor", "cip.id.vendor_id"};
constexpr string_view kProductAlias[] = {"enip.lir.name"};
constexpr string_view kCodeAlias[] = {"enip.lir.prodcode"};
constexpr string_view kSerialAlias[] = {"enip.lir.serial"};
constexpr string_view kSymbolAlias[] = {"cip.symbol"};
constexpr FieldDef kFields[] = {
    {.name = "enip.command",
     .help = "list_identity, register_session, send_rr_data, ...",
     .role = Role::kMethod},
    {.name = "enip.session_handle",
     .type = FieldType::kUint,
     .help = "that the device gave",
     .aliases = kSessionAlias},
    {.name = "enip.status", .help = "of the command, if it failed", .role = Role::kStatus},
    {.name = "enip.vendor",
     .type = FieldType::kUint,
     .help = "number of the maker, of an identity",
     .aliases = kVendorAlias},
    {.name = "enip.product_code",
     .type = FieldType::kUint,
     .help = "of that maker's",
     .aliases = kCodeAlias},
    {.name = "enip.product",
     .help = "name a device gives itself",
     .role = Role::kSubject,
     .aliases = kProductAlias},
    {.name = "enip.revision", .help = "of the device", .role = Role::kVersion},
    {.name = "enip.serial", .help = "number of the device", .aliases = kSerialAlias},
    {.name = "enip.cip_service",
     .help = "get_attribute_single, read_tag, forward_open, ...",
     .role = Role::kMethod},
    {.name = "enip.cip_class", .help = "identity, assembly, ...; its number otherwise"},
    {.name = "enip.cip_instance", .type = FieldType::kUint, .help = "of the class"},
    {.name = "enip.cip_attribute", .type = FieldType::kUint, .help = "of the instance"},
    {.name = "enip.cip_symbol", .help = "tag that is read or written", .aliases = kSymbolAlias},
    {.name = "enip.cip_status", .help = "success, or why not", .role = Role::kStatus},
    {.name = "enip.cip_extended_status", .help = "more about it"},
    {.name = "enip.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "enip", .title = "EtherNet/IP", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeadBytes = 24;
enum Command : std::uint16_t {
  kNop = 0x0000,
  kListServices = 0x0004,
  kListIdentity = 0x0063,
  kListInterfaces = 0x0064,
  kRegisterSession = 0x0065,
  kUnregisterSession = 0x0066,
  kSendRrData = 0x006F,
  kSendUnitData = 0x0070,
};

string_view command_name(std::uint16_t command) {
  switch (command) {
    case kNop:
      return "nop";
    case kListServices:
      return "list_services";
    case kListIdentity:
      return "list_identity";
    case kListInterfaces:
      return "list_interfaces";
    case kRegisterSession:
      return "register_session";
    case kUnregisterSession:
      return "unregister_session";
    case kSendRrData:
      return "send_rr_data";
    case kSendUnitData:
      return "send_unit_data";
    default:
      return {};
  }
}

// 2-3.5.
string_view status_name(std::uint32_t status) {
  switch (status) {
    case 0:
      return "success";
    case 1:
      return "unsupported_command";
    case 2:
      return "insufficient_memory";
    case 3:
      return "incorrect_data";
    case 0x64:
      return "invalid_session";
    case 0x65:
      return "invalid_length";
    case 0x69:
      return "unsupported_revision";
    default:
      return {};
  }
}

struct Head {
  std::uint16_t command = 0;
  std::uint16_t size = 0;  // of what follows
  std::uint32_t session = 0;
  std::uint32_t status = 0;
  Bytes context;
};

bool read_head(Bytes bytes, Head& head) {
  Cursor in(bytes);
  head.command = in.u16le();
  head.size = in.u16le();
  head.session = in.u32le();
  head.status = in.u32le();
  head.context = in.take(8);
  const bool no_options = in.u32le() == 0;
  return in.ok() && no_options && !command_name(head.command).empty() &&
         !status_name(head.status).empty();
}

// What each command may be long, and whether it needs a session (2-4).
bool fits(const Head& head) {
  constexpr std::uint16_t kFewestItems = 6 + 2 + 4 + 4;
  switch (head.command) {
    case kListServices:
    case kListIdentity:
    case kListInterfaces:
      return head.size == 0 || head.size >= 2;
    case kRegisterSession:
      return head.size == 4 || (head.size == 0 && head.status != 0);
    case kUnregisterSession:
      return head.size == 0 && head.session != 0;
    case kSendRrData:
    case kSendUnitData:
      return head.size >= kFewestItems || (head.size == 0 && head.status != 0);
    default:
      return true;
  }
}

// Items of the common packet format (2-6) fill `bytes`, which may end early.
bool items_fit(Bytes bytes, std::size_t size) {
  constexpr std::uint16_t kMostItems = 8;
  Cursor in(bytes);
  const std::uint16_t count = in.u16le();
  std::size_t sum = 2;
  for (std::uint16_t i = 0; i < count && in.remaining() >= 4; ++i) {
    in.skip(2);
    const std::size_t item = in.u16le();
    sum += 4 + item;
    (void)in.take_up_to(item);
  }
  return count >= 1 && count <= kMostItems && (in.at_end() ? sum <= size : sum == size);
}

Probe look(Bytes bytes, bool datagram) {
  if (bytes.size() < 4) return datagram ? Probe::kNo : Probe::kMore;
  if (command_name(Cursor(bytes).u16le()).empty()) return Probe::kNo;
  if (bytes.size() < kHeadBytes) return datagram ? Probe::kNo : Probe::kMore;
  Head head;
  if (!read_head(bytes, head) || head.command == kNop || !fits(head)) return Probe::kNo;
  const Bytes body = bytes.subspan(kHeadBytes);
  if (datagram && body.size() != head.size) return Probe::kNo;
  const Bytes here = body.first(std::min<std::size_t>(body.size(), head.size));
  if (head.command == kRegisterSession && head.size == 4) {
    if (here.size() < 4) return Probe::kMore;
    return Cursor(here).be(4) == 0x01000000 ? Probe::kYes : Probe::kNo;
  }
  const bool send = head.command == kSendRrData || head.command == kSendUnitData;
  if (head.size >= 2) {
    constexpr std::size_t kBeforeItems = 6;
    const std::size_t before = send ? kBeforeItems : 0;
    if (here.size() < before + 2) return Probe::kMore;
    if (send && Cursor(here).u32le() != 0) return Probe::kNo;  // the interface: CIP
    if (!items_fit(here.subspan(before), head.size - before)) return Probe::kNo;
  }
  return Probe::kYes;
}

// A command without data is little more than zeros: of a stream its answer must be there, too.
bool is_weak(Bytes bytes) {
  Head head;
  return read_head(bytes, head) && head.size == 0;
}

Probe probe_enip(const ProbeInput& input) {
  if (input.datagram) {
    const Bytes bytes = input.of(input.latest);
    Head head;
    // 2-4.2: nothing is said but the command and a context.
    if (is_weak(bytes) && read_head(bytes, head) && (head.session != 0 || head.status != 0))
      return Probe::kNo;
    return look(bytes, true);
  }
  return probe_sides(input, [](Bytes bytes) {
    const Probe probe = look(bytes, false);
    return probe == Probe::kYes && is_weak(bytes) ? Probe::kMore : probe;
  });
}

// Who asked what, and when; joined by session, context and, of connected messages, their number.
class EnipReader {
 public:
  void message(const Head& head, Bytes body, bool cut, const model::StreamChunk& chunk,
               Context& context);

 private:
  struct Call {
    base::TimeNs time_ns = 0;
    std::uint64_t key = 0;
    std::uint16_t command = 0;
    std::int64_t class_id = -1;
    std::uint8_t service = 0;
    Side side = Side::kOriginator;
    bool used = false;
    bool quiet = false;  // as one before it: neither it nor its success is reported
  };
  static std::uint64_t key_of(const Head& head, Bytes cip, std::uint16_t number);
  Call* find(std::uint64_t key, std::uint16_t command, Side answering);
  static void add_request(const CipMessage& cip, model::RecordBuilder& record);
  static void report(const Head& head, Bytes body, const CipMessage* cip, const Call* call,
                     bool answer, model::RecordBuilder& record);

  std::array<Call, 16> calls_{};
  ToldBefore<48> asked_before_;
  std::uint8_t next_call_ = 0;
};

std::uint64_t EnipReader::key_of(const Head& head, Bytes cip, std::uint16_t number) {
  const std::uint64_t context = Cursor(head.context).u64();
  const std::uint32_t session = head.command == kRegisterSession ? 0 : head.session;
  return (context * 31 + session) * 31 + number + (cip.empty() ? 1 : 0);
}

EnipReader::Call* EnipReader::find(std::uint64_t key, std::uint16_t command, Side answering) {
  auto* const found = std::ranges::find_if(calls_, [&](const Call& call) {
    return call.used && call.key == key && call.command == command && call.side != answering;
  });
  return found == calls_.end() ? nullptr : &*found;
}

void EnipReader::add_request(const CipMessage& cip, model::RecordBuilder& record) {
  record.add_text(kService, cip_service_name(cip.service, cip.class_id));
  if (cip.class_id >= 0) record.add_text(kClass, cip_class_name(cip.class_id));
  if (cip.instance >= 0) record.add_uint(kInstance, static_cast<std::uint64_t>(cip.instance));
  if (cip.attribute >= 0) record.add_uint(kAttribute, static_cast<std::uint64_t>(cip.attribute));
  if (!cip.symbol.empty()) record.add_text(kSymbol, cip.symbol);
}

// The message among the items of the common packet format; a connected one has a number before it.
Bytes cip_of(Bytes items, std::uint16_t& number) {
  constexpr std::uint16_t kConnected = 0x00B1;
  constexpr std::uint16_t kUnconnected = 0x00B2;
  constexpr int kMostItems = 8;
  Cursor in(items);
  const int count = std::min<int>(in.u16le(), kMostItems);
  for (int i = 0; i < count && in.ok(); ++i) {
    const std::uint16_t type = in.u16le();
    Cursor item(in.take_up_to(in.u16le()));
    if (type == kConnected) number = item.u16le();
    if (type == kConnected || type == kUnconnected) return item.rest();
  }
  return {};
}

// 2-4.2.2: an identity item: version, socket address, then what the device is.
void add_identity(Bytes items, model::RecordBuilder& record) {
  constexpr std::uint16_t kIdentity = 0x000C;
  Cursor in(items);
  if (in.u16le() == 0 || in.u16le() != kIdentity) return;
  in.skip(2 + 2 + 16);
  const std::uint16_t vendor = in.u16le();
  in.skip(2);  // kind of device
  const std::uint16_t product = in.u16le();
  const std::uint8_t major = in.u8();
  const std::uint8_t minor = in.u8();
  in.skip(2);
  const std::uint32_t serial = in.u32le();
  const Bytes name = in.take(in.u8());
  if (!in.ok()) return;
  record.add_uint(kVendor, vendor);
  record.add_uint(kProductCode, product);
  if (is_text(name) && !name.empty()) record.add_text(kProduct, base::as_text(name));
  record.add_text(kRevision, std::to_string(major) + "." + std::to_string(minor));
  record.add_text(kSerial, hex_number(serial, 8));
}

void EnipReader::message(const Head& head, Bytes body, bool cut, const model::StreamChunk& chunk,
                         Context& context) {
  constexpr std::size_t kBeforeItems = 6;
  const bool send = head.command == kSendRrData || head.command == kSendUnitData;
  std::uint16_t number = 0;
  const Bytes outer =
      send ? cip_of(body.subspan(std::min(kBeforeItems, body.size())), number) : Bytes{};
  CipMessage cip;
  const bool has_cip = !outer.empty() && read_cip(outer, cip);
  const Bytes routed = has_cip ? routed_message(cip) : Bytes{};
  CipMessage inner;
  const bool is_routed = !routed.empty() && read_cip(routed, inner);
  if (is_routed) cip = inner;
  const Bytes request = is_routed ? routed : outer;
  // A session is registered, an identity told in messages of the same command.
  Call* const call = find(key_of(head, outer, number), head.command, chunk.side);
  const bool listed = head.command <= kListInterfaces && head.size >= 2;
  const bool answer = has_cip ? cip.response
                              : call != nullptr || listed || head.status != 0 ||
                                    (head.command == kRegisterSession && head.session != 0);
  context.set_originator(answer ? model::other(chunk.side) : chunk.side);
  Call own{.time_ns = chunk.time_ns,
           .key = key_of(head, outer, number),
           .command = head.command,
           .class_id = cip.class_id,
           .service = cip.service,
           .side = chunk.side,
           .used = true,
           .quiet = has_cip && !answer && asked_before_({Bytes(&cip.service, 1), request})};
  if (!answer && head.command != kNop && head.command != kUnregisterSession) {
    calls_[next_call_] = own;
    next_call_ = static_cast<std::uint8_t>((next_call_ + 1) % calls_.size());
  }
  const bool failed = head.status != 0 || (has_cip && cip.response && cip.status != 0);
  const bool quiet = answer ? call != nullptr && call->quiet && !failed : own.quiet;
  if (call != nullptr && answer) call->used = false;
  if (quiet || head.command == kNop) return;
  report(head, body, has_cip ? &cip : nullptr, call, answer, context.record());
  if (answer && call != nullptr && chunk.time_ns >= call->time_ns)
    context.record().add_int(kLatency, chunk.time_ns - call->time_ns);
  if (cut) context.record().mark_cut();
  context.emit(chunk.side);
}

void EnipReader::report(const Head& head, Bytes body, const CipMessage* cip, const Call* call,
                        bool answer, model::RecordBuilder& record) {
  record.start(kSchema, answer ? kResponse : kRequest);
  record.add_text(kCommand, command_name(head.command));
  if (head.session != 0) record.add_uint(kSession, head.session);
  if (head.status != 0) record.add_text(kStatus, status_name(head.status));
  if (head.command == kListIdentity) add_identity(body, record);
  if (cip == nullptr) return;
  if (!cip->response) return add_request(*cip, record);
  const std::int64_t class_id = call != nullptr ? call->class_id : -1;
  record.add_text(kService, cip_service_name(cip->service, class_id));
  if (class_id >= 0) record.add_text(kClass, cip_class_name(class_id));
  record.add_text(kCipStatus, cip_status_name(cip->status));
  if (cip->has_extended) record.add_text(kExtendedStatus, hex_number(cip->extended, 4));
}

class EnipStream final : public FrameDecoder {
 public:
  explicit EnipStream(EnipReader& reader) : reader_(&reader) {}

 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    if (bytes.size() < kHeadBytes) return {};
    Head head;
    if (!read_head(bytes, head)) return FrameSize::bad();
    return FrameSize::known(kHeadBytes + std::uint64_t{head.size});
  }
  bool begins_with(Bytes bytes, Side /*side*/) override {
    return look(bytes, false) == Probe::kYes;
  }
  Onward on_frame(const Frame& frame) override {
    Head head;
    read_head(frame.bytes, head);
    const model::StreamChunk chunk{.side = frame.side, .time_ns = frame.time_ns, .bytes = {}};
    reader_->message(head, frame.bytes.subspan(kHeadBytes), frame.cut(), chunk, frame.context);
    return {};
  }

 private:
  EnipReader* reader_;
};

class EnipDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    if (!chunk.datagram) return stream_.on_bytes(chunk, context);
    Head head;
    if (look(chunk.bytes, true) != Probe::kYes || !read_head(chunk.bytes, head))
      return {.verdict = Verdict::kNotMine};
    reader_.message(head, chunk.bytes.subspan(kHeadBytes), chunk.cut, chunk, context);
    return {.consumed = chunk.bytes.size()};
  }
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override {
    return stream_.on_gap(chunk, context);
  }

 private:
  EnipReader reader_;
  EnipStream stream_{reader_};
};

constexpr std::uint16_t kPorts[] = {44818};

}  // namespace

extern const ProtocolDef kEnip;
constinit const ProtocolDef kEnip{
    .name = "enip",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("\x04\x63\x64\x65\x66\x6F\x70"),
    .usual_ports = kPorts,
    .probe = probe_enip,
    .schema = &kSchema,
    .state_bytes = sizeof(EnipDecoder),
    .make = make_decoder<EnipDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
