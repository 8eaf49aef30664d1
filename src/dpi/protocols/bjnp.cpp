// BJNP, Canon's protocol of printers and scanners (and MFNP, its form for multi-function devices):
// the header as the open drivers have it; Canon published none. Discovery, identity and jobs are
// reported; pages and scans are passed over.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/utf16.h"
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
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse };
constexpr string_view kKinds[] = {"request", "response"};

enum Field : std::uint8_t {
  kDevice,
  kCommand,
  kCode,
  kSequence,
  kSession,
  kMac,
  kAddress,
  kModel,
  kHost,
  kUser,
  kJob,
  kError,
  kLatency,
};
constexpr string_view kCodeAlias[] = {"bjnp.code"};
constexpr string_view kSequenceAlias[] = {"bjnp.seq_no"};
constexpr string_view kSessionAlias[] = {"bjnp.session_id"};
constexpr FieldDef kFields[] = {
    {.name = "bjnp.device", .help = "printer, scanner"},
    {.name = "bjnp.command", .help = "discover, get_id, job_details, ...", .role = Role::kMethod},
    {.name = "bjnp.command_code",
     .type = FieldType::kUint,
     .help = "its number",
     .aliases = kCodeAlias},
    {.name = "bjnp.sequence",
     .type = FieldType::kUint,
     .help = "number that an answer repeats",
     .aliases = kSequenceAlias},
    {.name = "bjnp.session",
     .type = FieldType::kUint,
     .help = "number of a job's session",
     .aliases = kSessionAlias},
    {.name = "bjnp.mac", .help = "hardware address that a device gives"},
    {.name = "bjnp.address", .type = FieldType::kAddress, .help = "address that a device gives"},
    {.name = "bjnp.model", .help = "what the device is", .role = Role::kSubject},
    {.name = "bjnp.host", .help = "computer that prints or scans", .privacy = Privacy::kPersonal},
    {.name = "bjnp.user",
     .help = "who prints or scans",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "bjnp.job", .help = "title of the job", .privacy = Privacy::kPersonal},
    {.name = "bjnp.error",
     .type = FieldType::kUint,
     .help = "why a device refuses",
     .role = Role::kStatus},
    {.name = "bjnp.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "bjnp", .title = "BJNP (Canon)", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kHeaderBytes = 16;
constexpr std::uint8_t kAnswer = 0x80;
enum Code : std::uint8_t {
  kDiscover = 0x01,
  kStart = 0x02,
  kJobDetails = 0x10,
  kClose = 0x11,
  kJobDetails2 = 0x12,
  kRead = 0x20,
  kWrite = 0x21,
  kGetId = 0x30,
  kPrint = 0x22,
  kPoll = 0x32,
};

string_view command_name(std::uint8_t code) {
  switch (code) {
    case kDiscover:
      return "discover";
    case kStart:
      return "start";
    case kJobDetails:
    case kJobDetails2:
      return "job_details";
    case kClose:
      return "close";
    case kRead:
      return "read";
    case kWrite:
      return "write";
    case kGetId:
      return "get_id";
    case kPrint:
      return "print";
    case kPoll:
      return "poll";
    default:
      return {};
  }
}

struct Message {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t error = 0;
  std::uint16_t sequence = 0;
  std::uint16_t session = 0;
  std::uint32_t length = 0;
  Bytes payload;

  [[nodiscard]] bool answers() const { return (type & kAnswer) != 0; }
};

bool is_mark(Bytes mark) {
  return std::ranges::equal(mark, base::as_bytes("BJNP")) ||
         std::ranges::equal(mark, base::as_bytes("MFNP")) ||
         std::ranges::equal(mark, base::as_bytes("BJNB"));
}

bool read_message(Bytes bytes, Message& message) {
  constexpr std::uint8_t kLastDevice = 3;
  constexpr std::uint32_t kMostBytes = 1U << 24;
  Cursor in(bytes);
  if (!is_mark(in.take(4))) return false;
  message.type = in.u8();
  message.code = in.u8();
  message.error = in.u16();
  message.sequence = in.u16();
  message.session = in.u16();
  message.length = in.u32();
  message.payload = in.take_up_to(message.length);
  const int device = message.type & ~kAnswer;
  return in.ok() && device <= kLastDevice && message.length <= kMostBytes;
}

class BjnpDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, model::Side side) override;
  bool begins_with(Bytes bytes, model::Side /*side*/) override {
    Message message;
    return read_message(bytes, message);
  }
  Onward on_frame(const Frame& frame) override;

 private:
  static void discovered(Cursor in, model::RecordBuilder& record);
  static void identity(Bytes payload, model::RecordBuilder& record);
  static void job(Bytes payload, model::RecordBuilder& record);

  Waiting<std::uint32_t, 8> waiting_;
};

FrameSize BjnpDecoder::size_of(Bytes bytes, model::Side /*side*/) {
  if (bytes.size() < kHeaderBytes) return {};
  Message message;
  if (!read_message(bytes, message)) return FrameSize::bad();
  return FrameSize::known(kHeaderBytes + std::uint64_t{message.length});
}

// Sizes of a hardware and a network address, then both.
void BjnpDecoder::discovered(Cursor in, model::RecordBuilder& record) {
  constexpr std::size_t kMacBytes = 6;
  in.skip(4);
  const std::size_t mac_size = in.u8();
  const std::size_t address_size = in.u8();
  const Bytes mac = in.take(mac_size);
  const Bytes address = in.take(address_size);
  if (!in.ok()) return;
  if (mac_size == kMacBytes) record.add_text(kMac, mac_text(mac));
  if (address_size == 4) record.add_address(kAddress, base::IpAddress::v4(address.data()));
  if (address_size == 16) record.add_address(kAddress, base::IpAddress::v6(address.data()));
}

// IEEE 1284: "MFG:Canon;MDL:MX920 series;...", behind its length.
void BjnpDecoder::identity(Bytes payload, model::RecordBuilder& record) {
  Cursor in(payload);
  in.skip(2);
  const string_view text = base::as_text(in.rest());
  for (const string_view key : {"MDL:", "MODEL:", "DES:"}) {
    const std::size_t at = text.find(key);
    if (at == string_view::npos) continue;
    const string_view model = text.substr(at + key.size());
    const string_view value = model.substr(0, model.find(';'));
    if (is_text(base::as_bytes(value))) record.add_text(kModel, value);
    return;
  }
}

// Texts in UTF-16, big-endian, of a fixed size and filled up with zeros.
void BjnpDecoder::job(Bytes payload, model::RecordBuilder& record) {
  constexpr std::size_t kNameBytes = 64;
  constexpr std::size_t kTitleBytes = 256;
  Cursor in(payload);
  in.skip(8);
  const auto add = [&](Field field, std::size_t size) {
    std::array<std::uint8_t, kTitleBytes> swapped{};
    const Bytes bytes = in.take_up_to(size);
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
      swapped[i] = bytes[i + 1];
      swapped[i + 1] = bytes[i];
    }
    const std::string text = utf16_text(swapped);
    if (!text.empty()) record.add_text(field, text);
  };
  add(kHost, kNameBytes);
  add(kUser, kNameBytes);
  add(kJob, kTitleBytes);
}

Onward BjnpDecoder::on_frame(const Frame& frame) {
  Message message;
  if (!read_message(frame.bytes, message)) return {};
  const std::uint32_t key = std::uint32_t{message.code} << 16 | message.sequence;
  const bool answers = message.answers();
  if (!answers) waiting_.ask(key, frame.side, frame.time_ns);
  const base::TimeNs ns = answers ? waiting_.answer(key, frame.side, frame.time_ns) : -1;
  const bool data = message.code == kRead || message.code == kWrite || message.code == kPrint ||
                    message.code == kPoll;
  if (data && message.error == 0) return {};
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, answers ? kResponse : kRequest);
  constexpr std::array<string_view, 4> kDevices{"", "printer", "scanner", "device"};
  const string_view device = kDevices[message.type & 3];
  if (!device.empty()) record.add_text(kDevice, device);
  const string_view name = command_name(message.code);
  if (!name.empty()) record.add_text(kCommand, name);
  record.add_uint(kCode, message.code);
  record.add_uint(kSequence, message.sequence);
  if (message.session != 0) record.add_uint(kSession, message.session);
  if (answers && message.error != 0) record.add_uint(kError, message.error);
  if (answers && message.code == kDiscover) discovered(Cursor(message.payload), record);
  if (answers && message.code == kGetId) identity(message.payload, record);
  const bool details = message.code == kJobDetails || message.code == kJobDetails2;
  if (!answers && details) job(message.payload, record);
  if (ns >= 0) record.add_int(kLatency, ns);
  frame.context.set_originator(answers ? model::other(frame.side) : frame.side);
  frame.context.emit(frame.side);
  return {};
}

Probe probe_bjnp(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  if (bytes.size() < kHeaderBytes) {
    const bool mark = bytes.size() < 4 || is_mark(bytes.first(4));
    return mark && !input.datagram ? Probe::kMore : Probe::kNo;
  }
  Message message;
  if (!read_message(bytes, message)) return Probe::kNo;
  const bool whole = message.payload.size() == message.length &&
                     bytes.size() == kHeaderBytes + message.payload.size();
  return whole || !input.datagram ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {8610, 8611, 8612, 8613};

}  // namespace

extern const ProtocolDef kBjnp;
constinit const ProtocolDef kBjnp{
    .name = "bjnp",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("BM"),
    .usual_ports = kPorts,
    .probe = probe_bjnp,
    .schema = &kSchema,
    .state_bytes = sizeof(BjnpDecoder),
    .make = make_decoder<BjnpDecoder>,
};

}  // namespace netwatch::dpi
