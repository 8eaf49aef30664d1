// STUN and TURN, over UDP and TCP: RFC 8489, RFC 8656 (TURN), RFC 8445 (ICE), RFC 3489 (classic).
// What shares the flow with it (RFC 7983: DTLS, RTP), and what TURN relays, is the child.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/stun_message.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;

enum Kind : std::uint8_t { kRequest, kIndication, kSuccess, kErrorKind };
constexpr std::array<std::string_view, 4> kKinds{"request", "indication", "success", "error"};

enum Field : std::uint8_t {
  kMethod,
  kClassic,
  kTransaction,
  kSoftware,
  kUser,
  kRealm,
  kMapped,
  kMappedPort,
  kPeer,
  kPeerPort,
  kRelayed,
  kRelayedPort,
  kOther,
  kLifetime,
  kChannel,
  kTransport,
  kError,
  kReason,
  kUseCandidate,
  kControlling,
  kIntegrity,
  kFingerprint,
  kLatency,
};

constexpr std::string_view kMethodAlias[] = {"stun.type.method"};
constexpr std::string_view kIdAlias[] = {"stun.id"};
constexpr std::string_view kSoftwareAlias[] = {"stun.att.software"};
constexpr std::string_view kUserAlias[] = {"stun.att.username"};
constexpr std::string_view kRealmAlias[] = {"stun.att.realm"};
constexpr std::string_view kErrorAlias[] = {"stun.att.error"};

constexpr FieldDef kFields[] = {
    {.name = "stun.method",
     .help = "binding, allocate, refresh, ...",
     .role = Role::kMethod,
     .aliases = kMethodAlias},
    {.name = "stun.classic", .type = FieldType::kBool, .help = "RFC 3489's form, without a cookie"},
    {.name = "stun.transaction",
     .type = FieldType::kBytes,
     .help = "transaction id",
     .aliases = kIdAlias},
    {.name = "stun.software",
     .help = "program that sends",
     .role = Role::kUserAgent,
     .aliases = kSoftwareAlias},
    {.name = "stun.user",
     .help = "user name; of ICE: the fragments of both sides",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "stun.realm", .help = "where the user name is valid", .aliases = kRealmAlias},
    {.name = "stun.mapped_address",
     .type = FieldType::kAddress,
     .help = "where the client seems to be",
     .privacy = Privacy::kPersonal},
    {.name = "stun.mapped_port",
     .type = FieldType::kUint,
     .help = "the client's port, as the server sees it"},
    {.name = "stun.peer_address",
     .type = FieldType::kAddress,
     .list = true,
     .help = "whom TURN relays to",
     .privacy = Privacy::kPersonal},
    {.name = "stun.peer_port",
     .type = FieldType::kUint,
     .list = true,
     .help = "ports of peers, in the order of their addresses"},
    {.name = "stun.relayed_address",
     .type = FieldType::kAddress,
     .help = "where TURN takes what is for the client"},
    {.name = "stun.relayed_port",
     .type = FieldType::kUint,
     .help = "port that the server relays from"},
    {.name = "stun.other_address",
     .type = FieldType::kAddress,
     .help = "second address of the server, or another server"},
    {.name = "stun.lifetime_s", .type = FieldType::kUint, .help = "of the allocation, in seconds"},
    {.name = "stun.channel", .type = FieldType::kUint, .help = "number of TURN's channel"},
    {.name = "stun.transport", .help = "what TURN shall relay: udp or tcp"},
    {.name = "stun.error",
     .type = FieldType::kUint,
     .help = "error code",
     .role = Role::kStatus,
     .aliases = kErrorAlias},
    {.name = "stun.reason", .help = "the error in words"},
    {.name = "stun.use_candidate", .type = FieldType::kBool, .help = "ICE: this pair is chosen"},
    {.name = "stun.controlling", .type = FieldType::kBool, .help = "ICE: the sender chooses"},
    {.name = "stun.integrity", .type = FieldType::kBool, .help = "signed with a password"},
    {.name = "stun.fingerprint", .type = FieldType::kBool, .help = "has a checksum; it is right"},
    {.name = "stun.latency_us",
     .type = FieldType::kDuration,
     .help = "request to this answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kStunSchema{"stun", "STUN", kKinds, kFields};

// IANA, STUN Attributes.
enum Attribute : std::uint16_t {
  kAttMapped = 0x0001,
  kAttChangedAddress = 0x0005,
  kAttUser = 0x0006,
  kAttIntegrity = 0x0008,
  kAttError = 0x0009,
  kAttChannel = 0x000C,
  kAttLifetime = 0x000D,
  kAttPeer = 0x0012,
  kAttData = 0x0013,
  kAttRealm = 0x0014,
  kAttRelayed = 0x0016,
  kAttTransport = 0x0019,
  kAttIntegrity256 = 0x001C,
  kAttXorMapped = 0x0020,
  kAttUseCandidate = 0x0025,
  kAttXorMappedOld = 0x8020,
  kAttSoftware = 0x8022,
  kAttAlternate = 0x8023,
  kAttFingerprint = 0x8028,
  kAttControlled = 0x8029,
  kAttControlling = 0x802A,
  kAttOther = 0x802C,
};

std::string method_name(std::uint16_t method) {
  constexpr std::array<std::string_view, 13> kNames{"",
                                                    "binding",
                                                    "shared_secret",
                                                    "allocate",
                                                    "refresh",
                                                    "",
                                                    "send",
                                                    "data",
                                                    "create_permission",
                                                    "channel_bind",
                                                    "connect",
                                                    "connection_bind",
                                                    "connection_attempt"};
  if (method == 0x80) return "goog_ping";
  return method < kNames.size() && !kNames[method].empty() ? std::string(kNames[method])
                                                           : hex_number(method, 3);
}

// RFC 8656 section 12: a channel from 0x4000 to 0x4FFF, a length, data.
bool read_channel_data(Bytes bytes, Bytes& data) {
  base::Cursor in(bytes);
  const std::uint16_t channel = in.u16();
  data = in.take(in.u16());
  return in.ok() && channel >= 0x4000 && channel <= 0x4FFF;
}

class StunDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  Step on_frames(const model::StreamChunk& chunk, Context& context);
  // How many bytes were read; 0 if it is no message, `wanted` set if it may become one.
  std::size_t read_one(Bytes bytes, const model::StreamChunk& chunk, Context& context,
                       std::size_t& wanted);
  void report(const StunMessage& message, const model::StreamChunk& chunk, Context& context);
  void attribute(const StunMessage& message, const StunAttribute& attribute,
                 model::RecordBuilder& record);
  void number_or_flag(const StunAttribute& attribute, model::RecordBuilder& record);
  void address(const StunMessage& message, Bytes value, bool combined, Field field,
               model::RecordBuilder& record);
  bool is_news(const StunMessage& message);
  void carry(Bytes data, const model::StreamChunk& chunk, Context& context);

  Waiting<std::uint64_t, 6> waiting_;
  std::array<std::uint32_t, 16> reported_{};
  std::uint8_t next_reported_ = 0;
  bool known_ = false;
  bool framed_ = false;  // RFC 4571: a length of two bytes before each message
  bool child_over_ = false;
};

std::uint64_t key_of(Bytes transaction) {
  std::uint64_t key = 14695981039346656037U;
  for (std::uint8_t byte : transaction) key = (key ^ byte) * 1099511628211U;
  return key;
}

void StunDecoder::address(const StunMessage& message, Bytes value, bool combined, Field field,
                          model::RecordBuilder& record) {
  const auto read = read_stun_address(value, message, combined);
  if (!read) return;
  record.add_address(field, read->address);
  if (field != kOther) record.add_uint(static_cast<std::uint8_t>(field + 1), read->port);
}

void StunDecoder::attribute(const StunMessage& message, const StunAttribute& attribute,
                            model::RecordBuilder& record) {
  const Bytes value = attribute.value;
  switch (attribute.type) {
    case kAttMapped:
      return address(message, value, false, kMapped, record);
    case kAttXorMapped:
    case kAttXorMappedOld:
      return address(message, value, true, kMapped, record);
    case kAttPeer:
      return address(message, value, true, kPeer, record);
    case kAttRelayed:
      return address(message, value, true, kRelayed, record);
    case kAttOther:
    case kAttAlternate:
    case kAttChangedAddress:
      return address(message, value, false, kOther, record);
    case kAttUser:
      return record.add_text(kUser, until_nul(value));
    case kAttRealm:
      return record.add_text(kRealm, until_nul(value));
    case kAttSoftware:
      return record.add_text(kSoftware, until_nul(value));
    default:
      return number_or_flag(attribute, record);
  }
}

void StunDecoder::number_or_flag(const StunAttribute& attribute, model::RecordBuilder& record) {
  base::Cursor in(attribute.value);
  switch (attribute.type) {
    case kAttError: {
      in.skip(2);
      const unsigned hundreds = in.u8() & 7;
      const unsigned rest = in.u8();
      if (!in.ok()) return;
      record.add_uint(kError, hundreds * 100 + rest);
      const std::string_view reason = until_nul(in.rest());
      if (!reason.empty()) record.add_text(kReason, reason);
      return;
    }
    case kAttLifetime:
      if (attribute.value.size() == 4) record.add_uint(kLifetime, in.u32());
      return;
    case kAttChannel:
      if (attribute.value.size() == 4) record.add_uint(kChannel, in.u16());
      return;
    case kAttTransport: {
      const std::uint8_t protocol = in.u8();
      if (protocol == 6 || protocol == 17)
        record.add_text(kTransport, protocol == 6 ? "tcp" : "udp");
      return;
    }
    case kAttUseCandidate:
      return record.add_bool(kUseCandidate, true);
    case kAttControlling:
    case kAttControlled:
      return record.add_bool(kControlling, attribute.type == kAttControlling);
    case kAttIntegrity:
    case kAttIntegrity256:
      return record.add_bool(kIntegrity, true);
    case kAttFingerprint:
      return record.add_bool(kFingerprint, true);
    default:
      return;
  }
}

// ICE asks the same all the time; a message is reported once for all that say the same.
bool StunDecoder::is_news(const StunMessage& message) {
  std::uint64_t key =
      14695981039346656037U ^ message.method ^ std::uint64_t{message.message_class} << 12;
  Bytes rest = message.attributes;
  StunAttribute attribute;
  while (!rest.empty() && next_stun_attribute(rest, attribute)) {
    const bool fresh = attribute.type == kAttIntegrity || attribute.type == kAttIntegrity256 ||
                       attribute.type == kAttFingerprint || attribute.type == kAttData;
    key = (key ^ attribute.type) * 1099511628211U;
    if (fresh) continue;
    // What is combined with the transaction is different each time, though it says the same.
    const auto plain = read_stun_address(attribute.value, message, true);
    const bool combined = attribute.type == kAttXorMapped || attribute.type == kAttPeer;
    const Bytes value = combined && plain ? Bytes(plain->address.bytes()) : attribute.value;
    for (std::uint8_t byte : value) key = (key ^ byte) * 1099511628211U;
  }
  const auto hash = static_cast<std::uint32_t>(key ^ key >> 32);
  if (std::ranges::find(reported_, hash) != reported_.end()) return false;
  reported_[next_reported_] = hash;
  next_reported_ = static_cast<std::uint8_t>((next_reported_ + 1) % reported_.size());
  return true;
}

void StunDecoder::report(const StunMessage& message, const model::StreamChunk& chunk,
                         Context& context) {
  const std::uint64_t key = key_of(message.transaction);
  base::TimeNs latency_ns = -1;
  if (message.message_class == kRequest) waiting_.ask(key, chunk.side, chunk.time_ns);
  if (message.message_class >= kSuccess) {
    latency_ns = waiting_.answer(key, chunk.side, chunk.time_ns);
  }
  if (!is_news(message)) return;
  model::RecordBuilder& record = context.record();
  record.start(kStunSchema, message.message_class);
  record.add_text(kMethod, method_name(message.method));
  if (message.classic) record.add_bool(kClassic, true);
  record.add_bytes(kTransaction, message.transaction);
  Bytes rest = message.attributes;
  StunAttribute one;
  while (!rest.empty() && next_stun_attribute(rest, one)) attribute(message, one, record);
  if (latency_ns >= 0) record.add_int(kLatency, latency_ns);
  context.emit(chunk.side);
}

void StunDecoder::carry(Bytes data, const model::StreamChunk& chunk, Context& context) {
  if (child_over_ || data.empty()) return;
  child_over_ = !context.child({.side = chunk.side,
                                .time_ns = chunk.time_ns,
                                .packet = chunk.packet,
                                .bytes = data,
                                .datagram = true,
                                .cut = chunk.cut});
}

std::size_t StunDecoder::read_one(Bytes bytes, const model::StreamChunk& chunk, Context& context,
                                  std::size_t& wanted) {
  StunMessage message;
  const StunLook look = look_at_stun(bytes, message);
  if (look == StunLook::kYes) {
    known_ = true;
    report(message, chunk, context);
    const bool relays = message.method == 6 || message.method == 7;  // send, data
    Bytes rest = message.attributes;
    StunAttribute one;
    while (relays && !rest.empty() && next_stun_attribute(rest, one)) {
      if (one.type == kAttData) carry(one.value, chunk, context);
    }
    return kStunHeaderBytes + message.attributes.size();
  }
  Bytes data;
  if (known_ && read_channel_data(bytes, data)) {
    carry(data, chunk, context);
    // Over TCP it is padded, RFC 8656 section 12.5.
    return chunk.datagram ? bytes.size() : 4 + (data.size() + 3) / 4 * 4;
  }
  base::Cursor in(bytes);
  const std::uint16_t type = in.u16();
  const std::size_t length = in.u16();
  const bool channel = known_ && type >= 0x4000 && type <= 0x4FFF;
  if (!in.ok() || look == StunLook::kMore || channel) {
    wanted = !in.ok() ? 4 : channel ? 4 + length : kStunHeaderBytes + length;
  }
  return 0;
}

// ICE over TCP (RFC 6544): each message, STUN or not, stands behind its length.
bool is_framed(Bytes bytes) {
  base::Cursor in(bytes);
  const std::size_t length = in.u16();
  StunMessage message;
  const Bytes inner = in.take_up_to(length);
  return in.ok() && inner.size() == length && look_at_stun(inner, message) == StunLook::kYes &&
         !message.classic && kStunHeaderBytes + message.attributes.size() == length;
}

Step StunDecoder::on_frames(const model::StreamChunk& chunk, Context& context) {
  Step step;
  while (step.consumed < chunk.bytes.size()) {
    const Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    base::Cursor in(rest);
    const std::size_t length = in.u16();
    step.wanted = 2 + length;
    const Bytes inner = in.take(length);
    if (!in.ok()) return step;
    std::size_t wanted = 0;
    if (read_one(inner, chunk, context, wanted) == 0) carry(inner, chunk, context);
    step.consumed += 2 + length;
    step.wanted = 0;
  }
  return step;
}

Step StunDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  std::size_t wanted = 0;
  if (chunk.datagram) {
    if (read_one(chunk.bytes, chunk, context, wanted) == 0) {
      if (!known_) return {.verdict = Verdict::kNotMine};
      carry(chunk.bytes, chunk, context);
    }
    return {.consumed = chunk.bytes.size()};
  }
  framed_ |= !known_ && is_framed(chunk.bytes);
  if (framed_) return on_frames(chunk, context);
  Step step;
  while (step.consumed < chunk.bytes.size()) {
    const Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    const std::size_t used = read_one(rest, chunk, context, wanted);
    if (used == 0 && wanted <= rest.size()) return {.verdict = Verdict::kNotMine};
    step.wanted = used == 0 ? wanted : 0;
    if (used == 0) return step;
    step.consumed += used;
  }
  return step;
}

Probe probe_stun(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  StunMessage message;
  if (is_framed(bytes)) return Probe::kYes;
  switch (look_at_stun(bytes, message)) {
    case StunLook::kYes:
      return Probe::kYes;
    case StunLook::kMore:  // of a stream; a classic one has no form that could be told by half
      return bytes.size() < 8 || !message.classic ? Probe::kMore : Probe::kNo;
    case StunLook::kNo:
      break;
  }
  return Probe::kNo;
}

constexpr std::uint16_t kUsualPorts[] = {3478};

}  // namespace

extern const ProtocolDef kStun;
constinit const ProtocolDef kStun{
    .name = "stun",
    .transport = Transport::kBoth,
    .first = FirstBytes{{~0ULL, 0, 0, 0}},  // the two upper bits are zero
    .usual_ports = kUsualPorts,
    .probe = probe_stun,
    .schema = &kStunSchema,
    .state_bytes = sizeof(StunDecoder),
    .make = make_decoder<StunDecoder>,
};

}  // namespace netwatch::dpi
