// NTP: RFC 5905 (version 4), RFC 1305 (version 3), RFC 4330 (SNTP), RFC 7822 (extension fields),
// RFC 9327 (control messages, mode 6); mode 7 is private to ntpd and was never specified.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/ntp_names.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Role;

// By mode, RFC 5905 figure 10.
constexpr std::array<std::string_view, 8> kKinds{
    "reserved", "symmetric_active", "symmetric_passive", "client",
    "server",   "broadcast",        "control",           "private",
};
enum Mode : std::uint8_t {
  kSymmetricActive = 1,
  kClient = 3,
  kServer = 4,
  kBroadcast = 5,
  kControl = 6,
  kPrivate = 7,
};

enum Field : std::uint8_t {
  kVersion,
  kMode,
  kLeap,
  kStratum,
  kPoll,
  kPrecision,
  kRootDelay,
  kRootDispersion,
  kRefId,
  kKiss,
  kReference,
  kTransmit,
  kExtensions,
  kKeyId,
  kOpcode,
  kResponse,
  kError,
  kVariables,
  kItems,
  kLatency,
};

constexpr std::string_view kVersionAlias[] = {"ntp.flags.vn"};
constexpr std::string_view kModeAlias[] = {"ntp.flags.mode"};
constexpr std::string_view kLeapAlias[] = {"ntp.flags.li"};
constexpr std::string_view kPollAlias[] = {"ntp.ppoll"};
constexpr std::string_view kReferenceAlias[] = {"ntp.reftime"};
constexpr std::string_view kTransmitAlias[] = {"ntp.xmt"};
constexpr std::string_view kKeyAlias[] = {"ntp.keyid"};
constexpr std::string_view kOpcodeAlias[] = {"ntp.ctrl.flags2.opcode", "ntp.priv.reqcode"};

constexpr FieldDef kFields[] = {
    {.name = "ntp.version",
     .type = FieldType::kUint,
     .help = "1 to 4",
     .role = Role::kVersion,
     .aliases = kVersionAlias},
    {.name = "ntp.mode",
     .type = FieldType::kUint,
     .help = "3 client, 4 server, 6 control, 7 private",
     .aliases = kModeAlias},
    {.name = "ntp.leap",
     .help = "insert, delete a second at the day's end; or the clock is unsynchronised",
     .aliases = kLeapAlias},
    {.name = "ntp.stratum", .type = FieldType::kUint, .help = "distance from a clock, 1 to 15"},
    {.name = "ntp.poll_s",
     .type = FieldType::kUint,
     .help = "longest time between messages, in seconds",
     .aliases = kPollAlias},
    {.name = "ntp.precision", .type = FieldType::kInt, .help = "of the clock: log2 of seconds"},
    {.name = "ntp.root_delay_us",
     .type = FieldType::kDuration,
     .help = "round trip to the clock at the root"},
    {.name = "ntp.root_dispersion_us",
     .type = FieldType::kDuration,
     .help = "largest error against it"},
    {.name = "ntp.refid",
     .help = "kind of clock (GPS, PPS) or address (IPv6: its hash) of the server's own server"},
    {.name = "ntp.kiss",
     .help = "kiss code: why the server does not tell the time (RATE, DENY)",
     .role = Role::kStatus},
    {.name = "ntp.reference_time",
     .type = FieldType::kTime,
     .help = "when the clock was set last",
     .aliases = kReferenceAlias},
    {.name = "ntp.transmit_time",
     .type = FieldType::kTime,
     .help = "sender's clock when it sent this",
     .aliases = kTransmitAlias},
    {.name = "ntp.extension", .list = true, .help = "extension fields: nts_cookie, unique_id, ..."},
    {.name = "ntp.key_id",
     .type = FieldType::kUint,
     .help = "key that the message is signed with",
     .aliases = kKeyAlias},
    {.name = "ntp.opcode",
     .help = "command of a control or private message",
     .role = Role::kMethod,
     .aliases = kOpcodeAlias},
    {.name = "ntp.response", .type = FieldType::kBool, .help = "of a control or private message"},
    {.name = "ntp.error", .type = FieldType::kUint, .help = "error of a control or private answer"},
    {.name = "ntp.variables", .help = "what a control message asks for or answers"},
    {.name = "ntp.items", .type = FieldType::kUint, .help = "entries in a private answer"},
    {.name = "ntp.latency_us",
     .type = FieldType::kDuration,
     .help = "request to this answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kNtpSchema{"ntp", "NTP", kKinds, kFields};

struct Packet {
  std::uint8_t leap = 0;
  std::uint8_t version = 0;
  std::uint8_t mode = 0;
  std::uint8_t stratum = 0;
  std::int8_t poll = 0;
  std::int8_t precision = 0;
  std::uint32_t root_delay = 0;  // 16.16 seconds
  std::uint32_t root_dispersion = 0;
  Bytes refid;
  std::uint64_t reference = 0;  // 32.32 seconds since 1900
  std::uint64_t origin = 0;
  std::uint64_t receive = 0;
  std::uint64_t transmit = 0;
  Bytes rest;  // extension fields and MAC
};

bool read_packet(Bytes bytes, Packet& packet) {
  Cursor in(bytes);
  const std::uint8_t flags = in.u8();
  packet.leap = flags >> 6;
  packet.version = (flags >> 3) & 7;
  packet.mode = flags & 7;
  packet.stratum = in.u8();
  packet.poll = static_cast<std::int8_t>(in.u8());
  packet.precision = static_cast<std::int8_t>(in.u8());
  packet.root_delay = in.u32();
  packet.root_dispersion = in.u32();
  packet.refid = in.take(4);
  packet.reference = in.u64();
  packet.origin = in.u64();
  packet.receive = in.u64();
  packet.transmit = in.u64();
  packet.rest = in.rest();
  return in.ok();
}

// RFC 7822 section 7.5: extension fields of at least 16 bytes in fours, then a MAC of 4 (a
// crypto-NAK), 20 or 24 bytes; 36 to 68 with SHA-2. Calls visit(type) for each, key(id) for the
// MAC.
template <typename Visit, typename Key>
bool read_rest(Bytes rest, Visit visit, Key key) {
  Cursor in(rest);
  while (in.ok() && !in.at_end()) {
    const std::size_t left = in.remaining();
    if (left % 4 != 0) return false;
    const std::size_t length = in.rest().size() < 4 ? 0 : std::size_t{in.peek(2)} << 8 | in.peek(3);
    const bool mac =
        left == 4 || left == 20 || left == 24 || left == 36 || left == 52 || left == 68;
    const bool extension = length >= 16 && length % 4 == 0 && length <= left;
    if (mac && (!extension || left <= 24)) {
      key(in.u32());
      return true;
    }
    if (!extension) return false;
    visit(in.u16());
    in.skip(length - 2);
  }
  return in.ok();
}

// Signed seconds and fractions between two times are small, in whatever era.
bool close_in_time(std::uint64_t a, std::uint64_t b) {
  constexpr std::int64_t kSeconds = std::int64_t{1} << 32;
  const auto apart = static_cast<std::int64_t>(a - b);
  return apart > -64 * kSeconds && apart < 64 * kSeconds;
}

// Half a year, before the message.
bool set_lately(std::uint64_t reference, std::uint64_t transmit) {
  return reference == 0 || transmit - reference < std::uint64_t{1} << (32 + 24);
}

// IANA's extension field types end in 1 to 5; 0xF000 and above are for experiments.
bool is_extension(std::uint16_t type) {
  return type >= 0xF000 || ((type & 0xFF) >= 1 && (type & 0xFF) <= 5);
}

// One datagram of fixed numbers: each has to be where it can be.
bool is_time_message(Bytes bytes) {
  Packet p;
  if (!read_packet(bytes, p)) return false;
  bool known = true;
  known &= read_rest(
      p.rest, [&](std::uint16_t type) { known &= is_extension(type); }, [](std::uint32_t) {});
  if (!known || p.version < 1 || p.version > 4) return false;
  if (p.mode < kSymmetricActive || p.mode > kBroadcast || p.stratum > 16) return false;
  // Precision of 32 is how a client hides its own (draft-ietf-ntp-data-minimization).
  const bool precise = p.precision <= 0 && p.precision >= -40;
  const bool hidden = p.mode == kClient && p.precision == 32;
  if (!precise && !hidden) return false;
  if (p.poll < -8 || p.poll > 24) return false;
  const auto delay_s = static_cast<std::int16_t>(p.root_delay >> 16);
  if (delay_s < -64 || delay_s > 64 || p.root_dispersion >> 16 > 1024) return false;
  if (p.mode == kClient) return true;
  if (p.mode != kServer) return p.transmit != 0 && set_lately(p.reference, p.transmit);
  return p.transmit == 0 ? p.receive == 0 : close_in_time(p.receive, p.transmit);
}

struct ControlMessage {
  bool response = false;
  bool error = false;
  std::uint8_t opcode = 0;
  std::uint16_t sequence = 0;
  std::uint16_t status = 0;
  Bytes data;
};

bool read_control(Bytes bytes, ControlMessage& message) {
  Cursor in(bytes);
  const std::uint8_t flags = in.u8();
  const std::uint8_t second = in.u8();
  message.response = (second & 0x80) != 0;
  message.error = (second & 0x40) != 0;
  message.opcode = second & 0x1F;
  message.sequence = in.u16();
  message.status = in.u16();
  in.skip(2);  // association
  const std::uint16_t offset = in.u16();
  const std::uint16_t count = in.u16();
  message.data = in.take(count);
  // RFC 9327 section 2 wants no leap indicator; ntpsec's ntpq says "unsynchronised".
  const std::uint8_t leap = flags >> 6;
  if (!in.ok() || (flags & 7) != kControl || (leap != 0 && leap != 3)) return false;
  const std::uint8_t version = (flags >> 3) & 7;
  const bool known = message.opcode <= 12 || message.opcode == 31;
  if (version < 1 || version > 4 || !known || message.opcode == 0) return false;
  if (!message.response && ((second & 0x60) != 0 || message.status != 0 || offset != 0)) {
    return false;
  }
  // Padding to four bytes (ntpq: a whole key and MAC may follow).
  const std::size_t left = in.remaining();
  return left < 4 || left == 20 || left == 24 || (left > 20 && left < 28);
}

struct PrivateMessage {
  bool response = false;
  std::uint8_t code = 0;
  std::uint8_t error = 0;
  std::uint16_t items = 0;
};

bool read_private(Bytes bytes, PrivateMessage& message) {
  Cursor in(bytes);
  const std::uint8_t flags = in.u8();
  message.response = (flags & 0x80) != 0;
  const std::uint8_t sequence = in.u8();
  const std::uint8_t implementation = in.u8();
  message.code = in.u8();
  const std::uint16_t error_items = in.u16();
  const std::uint16_t size_bytes = in.u16();
  message.error = static_cast<std::uint8_t>(error_items >> 12);
  message.items = error_items & 0xFFF;
  const std::uint8_t version = (flags >> 3) & 7;
  if (!in.ok() || (flags & 7) != kPrivate || version < 1 || version > 4) return false;
  const bool known = implementation == 0 || implementation == 2 || implementation == 3;
  if (!known || message.code > 45 || message.error > 7 || size_bytes > 0xFFF) return false;
  const std::size_t data_bytes = std::size_t{message.items} * size_bytes;
  if (message.response) return in.remaining() == data_bytes && data_bytes <= 500;
  // A request is padded: ntpdc sends 40 bytes of data and a MAC, or none at all.
  const bool more = (flags & 0x40) != 0;
  return !more && (sequence & 0x7F) == 0 && message.error == 0 && data_bytes <= in.remaining() &&
         in.remaining() <= 192 && in.remaining() % 4 == 0;
}

bool is_ntp(Bytes bytes) {
  ControlMessage control;
  PrivateMessage other;
  const std::uint8_t mode = bytes.empty() ? 0 : bytes[0] & 7;
  if (mode == kControl) return read_control(bytes, control);
  if (mode == kPrivate) return read_private(bytes, other);
  return is_time_message(bytes);
}

Probe probe_ntp(const ProbeInput& input) {
  return is_ntp(input.of(input.latest)) ? Probe::kYes : Probe::kNo;
}

class NtpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  void on_time(const Packet& packet, const model::StreamChunk& chunk, Context& context);
  void on_control(const ControlMessage& message, const model::StreamChunk& chunk, Context& context);
  void on_private(const PrivateMessage& message, const model::StreamChunk& chunk, Context& context);
  void exchange(bool response, std::uint64_t key, const model::StreamChunk& chunk,
                Context& context);

  Waiting<std::uint64_t, 4> waiting_;
};

// An answer of mode 4 repeats the client's transmit time as its origin; of modes 6 and 7 the
// sequence or code.
void NtpDecoder::exchange(bool response, std::uint64_t key, const model::StreamChunk& chunk,
                          Context& context) {
  if (!response) {
    waiting_.ask(key, chunk.side, chunk.time_ns);
    context.set_originator(chunk.side);
    return;
  }
  const base::TimeNs ns = waiting_.answer(key, chunk.side, chunk.time_ns);
  if (ns >= 0) context.record().add_int(kLatency, ns);
  context.set_originator(model::other(chunk.side));
}

std::string refid_text(const Packet& packet) {
  if (packet.stratum <= 1) {
    const std::string_view text = until_nul(packet.refid);
    return is_text(base::as_bytes(text)) ? std::string(text) : hex_text(packet.refid);
  }
  return base::IpAddress::v4(packet.refid.data()).to_string();
}

// RFC 5905 section 6: from 1900, to 2036 in this era; what is lower is of the next.
base::TimeNs time_of(std::uint64_t stamp) {
  constexpr std::int64_t kUnixEpoch = 2'208'988'800;
  constexpr std::int64_t kEra = std::int64_t{1} << 32;
  auto seconds = static_cast<std::int64_t>(stamp >> 32);
  if (seconds < kEra / 2) seconds += kEra;
  const std::uint64_t fraction = stamp & 0xFFFFFFFF;
  const auto nanos = static_cast<std::int64_t>((fraction * base::kNsPerSecond) >> 32);
  return (seconds - kUnixEpoch) * base::kNsPerSecond + nanos;
}

std::int64_t short_ns(std::uint32_t value) {
  return (static_cast<std::int64_t>(static_cast<std::int32_t>(value)) * base::kNsPerSecond) / 65536;
}

void NtpDecoder::on_time(const Packet& p, const model::StreamChunk& chunk, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kNtpSchema, p.mode);
  record.add_uint(kVersion, p.version);
  record.add_uint(kMode, p.mode);
  constexpr std::array<std::string_view, 4> kLeaps{"", "insert", "delete", "unsynchronised"};
  if (p.leap != 0) record.add_text(kLeap, kLeaps[p.leap]);
  record.add_uint(kStratum, p.stratum);
  if (p.poll > 0) record.add_uint(kPoll, std::uint64_t{1} << std::min<int>(p.poll, 24));
  if (p.precision < 0) record.add_int(kPrecision, p.precision);
  if (p.root_delay != 0) record.add_int(kRootDelay, short_ns(p.root_delay));
  if (p.root_dispersion != 0) record.add_int(kRootDispersion, short_ns(p.root_dispersion));
  if (std::ranges::any_of(p.refid, [](std::uint8_t byte) { return byte != 0; })) {
    record.add_text(p.stratum == 0 && p.mode == kServer ? kKiss : kRefId, refid_text(p));
  }
  if (p.reference != 0) record.add_int(kReference, time_of(p.reference));
  // A client's may be random on purpose; only a server's is a time.
  if (p.transmit != 0 && p.mode != kClient) record.add_int(kTransmit, time_of(p.transmit));
  read_rest(
      p.rest, [&](std::uint16_t type) { record.add_text(kExtensions, ntp_extension_name(type)); },
      [&](std::uint32_t key) { record.add_uint(kKeyId, key); });
  if (p.mode == kClient) exchange(false, p.transmit, chunk, context);
  if (p.mode == kServer) exchange(true, p.origin, chunk, context);
}

void NtpDecoder::on_control(const ControlMessage& message, const model::StreamChunk& chunk,
                            Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kNtpSchema, kControl);
  record.add_uint(kVersion, (chunk.bytes[0] >> 3) & 7);
  record.add_uint(kMode, kControl);
  record.add_text(kOpcode, ntp_control_name(message.opcode));
  record.add_bool(kResponse, message.response);
  if (message.error) record.add_uint(kError, message.status >> 8);
  const std::string_view text = until_nul(message.data);
  if (!text.empty() && is_text(base::as_bytes(text))) record.add_text(kVariables, text);
  exchange(message.response, message.sequence, chunk, context);
}

void NtpDecoder::on_private(const PrivateMessage& message, const model::StreamChunk& chunk,
                            Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kNtpSchema, kPrivate);
  record.add_uint(kVersion, (chunk.bytes[0] >> 3) & 7);
  record.add_uint(kMode, kPrivate);
  record.add_text(kOpcode, ntp_private_name(message.code));
  record.add_bool(kResponse, message.response);
  if (message.error != 0) record.add_uint(kError, message.error);
  if (message.response) record.add_uint(kItems, message.items);
  exchange(message.response, message.code, chunk, context);
}

Step NtpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  if (!is_ntp(chunk.bytes)) return {.verdict = Verdict::kNotMine};
  ControlMessage control;
  PrivateMessage other;
  Packet packet;
  const std::uint8_t mode = chunk.bytes[0] & 7;
  if (mode == kControl && read_control(chunk.bytes, control)) {
    on_control(control, chunk, context);
  } else if (mode == kPrivate && read_private(chunk.bytes, other)) {
    on_private(other, chunk, context);
  } else if (read_packet(chunk.bytes, packet)) {
    on_time(packet, chunk, context);
  }
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

constexpr std::uint16_t kUsualPorts[] = {123};

}  // namespace

extern const ProtocolDef kNtp;
constinit const ProtocolDef kNtp{
    .name = "ntp",
    .transport = Transport::kUdp,
    .first = FirstBytes::any(),
    .usual_ports = kUsualPorts,
    .probe = probe_ntp,
    .schema = &kNtpSchema,
    .state_bytes = sizeof(NtpDecoder),
    .make = make_decoder<NtpDecoder>,
};

}  // namespace netwatch::dpi
