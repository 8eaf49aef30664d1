// IKE, both versions: RFC 2408 and 2409 (version 1), RFC 7296 (version 2), over port 500 or behind
// the four zero bytes of RFC 3948; and ESP in UDP, RFC 3948, in flows where such an IKE was seen:
// one ESP datagram on its own looks like noise.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/ike_names.h"
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

enum Kind : std::uint8_t {
  kMainMode,
  kAggressive,
  kInformational1,
  kQuickMode,
  kOther1,
  kSaInit,
  kAuth,
  kCreateChild,
  kInformational2,
  kOther2,
  kEsp,
};
constexpr std::array<std::string_view, 11> kKinds{
    "main_mode", "aggressive",   "informational", "quick_mode", "other", "sa_init",
    "auth",      "create_child", "informational", "other",      "esp"};

enum Field : std::uint8_t {
  kVersion,
  kExchange,
  kInitiatorSpi,
  kResponderSpi,
  kMessageId,
  kResponse,
  kEncrypted,
  kNatTraversal,
  kTransforms,
  kVendor,
  kNotify,
  kIdentity,
  kEspSpi,
  kLatency,
};

constexpr std::string_view kExchangeAlias[] = {"isakmp.exchangetype"};
constexpr std::string_view kInitiatorAlias[] = {"isakmp.ispi"};
constexpr std::string_view kResponderAlias[] = {"isakmp.rspi"};
constexpr std::string_view kIdAlias[] = {"isakmp.messageid"};
constexpr std::string_view kEspAlias[] = {"esp.spi"};

constexpr FieldDef kFields[] = {
    {.name = "ike.version", .type = FieldType::kUint, .help = "1 or 2", .role = Role::kVersion},
    {.name = "ike.exchange",
     .type = FieldType::kUint,
     .help = "number of the exchange's type",
     .aliases = kExchangeAlias},
    {.name = "ike.initiator_spi",
     .type = FieldType::kBytes,
     .help = "the initiator's number of the association",
     .aliases = kInitiatorAlias},
    {.name = "ike.responder_spi",
     .type = FieldType::kBytes,
     .help = "the responder's number of the association",
     .aliases = kResponderAlias},
    {.name = "ike.message_id",
     .type = FieldType::kUint,
     .help = "number of the exchange",
     .aliases = kIdAlias},
    {.name = "ike.response", .type = FieldType::kBool, .help = "version 2: answers a request"},
    {.name = "ike.encrypted", .type = FieldType::kBool, .help = "the rest cannot be read"},
    {.name = "ike.nat_traversal", .type = FieldType::kBool, .help = "in RFC 3948's form"},
    {.name = "ike.transforms",
     .list = true,
     .help = "what the initiator offers, or the responder chose: aes-cbc-256, modp2048, ..."},
    {.name = "ike.vendor", .list = true, .help = "extensions or programs that vendor IDs name"},
    {.name = "ike.notify", .list = true, .help = "notifications", .role = Role::kStatus},
    {.name = "ike.identity",
     .help = "who the sender says it is (version 1, aggressive)",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "ike.esp_spi",
     .type = FieldType::kUint,
     .help = "ESP in UDP: number of the security association",
     .aliases = kEspAlias},
    {.name = "ike.latency_us",
     .type = FieldType::kDuration,
     .help = "version 2: request to its response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kIkeSchema{"ike", "IKE", kKinds, kFields};

constexpr int kMaxPayloads = 32;
constexpr int kMaxTransforms = 24;
constexpr std::uint8_t kEncryptedV1 = 0x01, kResponseV2 = 0x20, kInitiatorV2 = 0x08;

// RFC 7296 section 3.2 and RFC 2408 section 3.1: payload types.
enum Payload : std::uint8_t {
  kSa1 = 1,
  kId1 = 5,
  kNotify1 = 11,
  kVendor1 = 13,
  kSa2 = 33,
  kNotify2 = 41,
  kVendor2 = 43,
  kSealed = 46,
  kSealedFragment = 53,
};

struct Message {
  Bytes initiator;
  Bytes responder;
  std::uint8_t first_payload = 0;
  std::uint8_t version = 0;
  std::uint8_t exchange = 0;
  std::uint8_t flags = 0;
  std::uint32_t id = 0;
  bool nat_traversal = false;
  Bytes payloads;
};

bool is_exchange(const Message& message) {
  const std::uint8_t type = message.exchange;
  // Version 1: base to transaction, quick and new group mode. Version 2: IANA's list.
  if (message.version == 1) return (type >= 1 && type <= 6) || type == 32 || type == 33;
  return type >= 34 && type <= 44;
}

bool is_encrypted(const Message& message) {
  return message.version == 1 && (message.flags & kEncryptedV1) != 0;
}

// Calls visit(type, body) for each payload in clear; false if they do not add up to the end.
template <typename Visit>
bool for_each_payload(const Message& message, Visit visit) {
  Cursor in(message.payloads);
  std::uint8_t type = message.first_payload;
  for (int i = 0; i < kMaxPayloads && type != 0; ++i) {
    const std::uint8_t next = in.u8();
    in.skip(1);
    const std::size_t length = in.u16();
    if (!in.ok() || length < 4) return false;
    const Bytes body = in.take(length - 4);
    if (!in.ok()) return false;
    visit(type, body);
    // What is sealed is the last, and says what is the first inside.
    if (message.version == 2 && (type == kSealed || type == kSealedFragment)) break;
    type = next;
  }
  return in.at_end() || message.version == 1;  // some pad version 1's
}

// The first message of all says so with every byte of its header; what is damaged behind it may be.
bool opens_association(const Message& message) {
  constexpr std::uint8_t kSaV1 = 1;
  constexpr std::uint8_t kSaV2 = 33;
  constexpr std::uint8_t kMainModeV1 = 2;
  constexpr std::uint8_t kAggressiveV1 = 4;
  constexpr std::uint8_t kInitV2 = 34;
  if (message.id != 0 || std::ranges::count(message.responder, 0) != 8) return false;
  if (message.version == 1) {
    return message.first_payload == kSaV1 && message.flags == 0 &&
           (message.exchange == kMainModeV1 || message.exchange == kAggressiveV1);
  }
  return message.first_payload == kSaV2 && message.flags == kInitiatorV2 &&
         message.exchange == kInitV2;
}

bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  message.nat_traversal = bytes.size() > 4 && std::ranges::count(bytes.first(4), 0) == 4;
  if (message.nat_traversal) in.skip(4);
  const Bytes whole = in.rest();
  message.initiator = in.take(8);
  message.responder = in.take(8);
  message.first_payload = in.u8();
  const std::uint8_t version = in.u8();
  message.exchange = in.u8();
  message.flags = in.u8();
  message.id = in.u32();
  const std::size_t length = in.u32();
  message.payloads = in.rest();
  message.version = version >> 4;
  if (!in.ok() || length != whole.size() || (version & 15) != 0) return false;
  if (message.version != 1 && message.version != 2) return false;
  if (std::ranges::count(message.initiator, 0) == 8 || !is_exchange(message)) return false;
  if (message.version == 1 && (message.flags & ~7U) != 0) return false;
  if (message.version == 2 && (message.flags & ~(kResponseV2 | kInitiatorV2 | 0x10U)) != 0) {
    return false;
  }
  if (is_encrypted(message)) return !message.payloads.empty();
  return for_each_payload(message, [](std::uint8_t, Bytes) {}) || opens_association(message);
}

Kind kind_of(const Message& message) {
  if (message.version == 1) {
    switch (message.exchange) {
      case 2:
        return kMainMode;
      case 4:
        return kAggressive;
      case 5:
        return kInformational1;
      case 32:
        return kQuickMode;
      default:
        return kOther1;
    }
  }
  return message.exchange <= 37 ? static_cast<Kind>(kSaInit + (message.exchange - 34)) : kOther2;
}

// Puts the payloads of one message into the record at hand.
class Report {
 public:
  Report(const Message& message, model::RecordBuilder& out) : message_(message), out_(out) {}
  void payload(std::uint8_t type, Bytes body);

 private:
  void proposals(Bytes body);
  void transforms(Cursor in);
  void attributes(Cursor in, IkeTransform& transform);
  void identity(Bytes body);

  const Message& message_;
  model::RecordBuilder& out_;
  int transforms_ = 0;
};

void Report::payload(std::uint8_t type, Bytes body) {
  Cursor in(body);
  switch (type) {
    case kSa1:
      in.skip(8);  // domain of interpretation, situation
      return proposals(in.rest());
    case kSa2:
      return proposals(body);
    case kVendor1:
    case kVendor2:
      return out_.add_text(kVendor, ike_vendor_name(body));
    case kNotify1: {
      in.skip(6);  // domain of interpretation, protocol, SPI's size
      const std::uint16_t code = in.u16();
      if (in.ok()) out_.add_text(kNotify, ike_notify_name(code, 1));
      return;
    }
    case kNotify2: {
      in.skip(2);
      const std::uint16_t code = in.u16();
      if (in.ok()) out_.add_text(kNotify, ike_notify_name(code, 2));
      return;
    }
    case kId1:
      return identity(body);
    case kSealed:
    case kSealedFragment:
      return out_.add_bool(kEncrypted, true);
    default:
      return;
  }
}

// RFC 7296 section 3.3.1 (version 1: RFC 2408 section 3.5): the first is the one that is preferred
// or chosen; the others are of the same kinds, and are left out.
void Report::proposals(Bytes body) {
  Cursor in(body);
  in.skip(2);
  const std::size_t length = in.u16();
  in.skip(2);
  const std::size_t spi_bytes = in.u8();
  in.skip(1 + spi_bytes);
  if (!in.ok() || length < 8 + spi_bytes) return;
  transforms(Cursor(in.take_up_to(length - 8 - spi_bytes)));
}

void Report::transforms(Cursor in) {
  while (in.ok() && !in.at_end() && transforms_ < kMaxTransforms) {
    in.skip(2);
    const std::size_t length = in.u16();
    IkeTransform transform{.version = message_.version};
    transform.type = in.u8();
    in.skip(1);
    transform.id = in.u16();
    if (!in.ok() || length < 8) return;
    attributes(Cursor(in.take_up_to(length - 8)), transform);
    if (message_.version == 1) continue;
    out_.add_text(kTransforms, ike_transform_name(transform));
    ++transforms_;
  }
}

// In version 2 the key's length; in version 1 everything (RFC 2409 appendix A).
void Report::attributes(Cursor in, IkeTransform& transform) {
  while (in.ok() && !in.at_end()) {
    const std::uint16_t type = in.u16();
    const std::uint16_t value = in.u16();
    if ((type & 0x8000) == 0) {
      in.skip(value);
      continue;
    }
    if ((type & 0x7FFF) == 14) transform.key_bits = value;
    if (message_.version == 1 && in.ok() && transforms_ < kMaxTransforms) {
      const std::string name = ike1_attribute_name(type & 0x7FFF, value);
      if (name.empty()) continue;
      out_.add_text(kTransforms, name);
      ++transforms_;
    }
  }
}

// RFC 2407 section 4.6.2.1.
void Report::identity(Bytes body) {
  Cursor in(body);
  const std::uint8_t type = in.u8();
  in.skip(3);
  const Bytes value = in.rest();
  if (!in.ok() || value.empty()) return;
  if (type == 1 && value.size() == 4) {
    out_.add_text(kIdentity, base::IpAddress::v4(value.data()).to_string());
  } else if ((type == 2 || type == 3) && is_text(value)) {
    out_.add_text(kIdentity, base::as_text(value));
  } else {
    out_.add_text(kIdentity, hex_text(value));
  }
}

class IkeDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  void message(const Message& message, const model::StreamChunk& chunk, Context& context);
  void esp(const model::StreamChunk& chunk, Context& context);

  Waiting<std::uint32_t, 4> waiting_;
  std::array<std::uint32_t, 2> esp_spi_{};
  bool nat_traversal_ = false;
};

void IkeDecoder::message(const Message& message, const model::StreamChunk& chunk,
                         Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kIkeSchema, kind_of(message));
  record.add_uint(kVersion, message.version);
  record.add_uint(kExchange, message.exchange);
  record.add_bytes(kInitiatorSpi, message.initiator);
  if (std::ranges::count(message.responder, 0) != 8) {
    record.add_bytes(kResponderSpi, message.responder);
  }
  record.add_uint(kMessageId, message.id);
  const bool response = message.version == 2 && (message.flags & kResponseV2) != 0;
  if (response) record.add_bool(kResponse, true);
  if (message.nat_traversal) record.add_bool(kNatTraversal, true);
  if (is_encrypted(message)) {
    record.add_bool(kEncrypted, true);
  } else {
    Report report(message, record);
    const bool whole = for_each_payload(
        message, [&](std::uint8_t type, Bytes body) { report.payload(type, body); });
    if (!whole) context.odd("payload_overrun");
  }
  if (message.version == 2 && !response) waiting_.ask(message.id, chunk.side, chunk.time_ns);
  if (response) {
    const base::TimeNs ns = waiting_.answer(message.id, chunk.side, chunk.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  if (message.version == 2) {  // the flag says who began the association
    const bool initiator = (message.flags & kInitiatorV2) != 0;
    context.set_originator(initiator ? chunk.side : model::other(chunk.side));
  }
  context.emit(chunk.side);
}

// RFC 3948 section 2.1: an SPI, which is not zero, a number, and what is sealed.
void IkeDecoder::esp(const model::StreamChunk& chunk, Context& context) {
  constexpr std::size_t kLeastBytes = 16;
  Cursor in(chunk.bytes);
  const std::uint32_t spi = in.u32();
  if (chunk.bytes.size() < kLeastBytes) return;  // a keepalive is one byte
  if (std::exchange(esp_spi_[model::index(chunk.side)], spi) == spi) return;
  context.record().start(kIkeSchema, kEsp);
  context.record().add_uint(kEspSpi, spi);
  context.emit(chunk.side);
}

Step IkeDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Message one;
  if (read_message(chunk.bytes, one)) {
    nat_traversal_ |= one.nat_traversal;
    message(one, chunk, context);
  } else if (nat_traversal_) {
    esp(chunk, context);
  } else {
    return {.verdict = Verdict::kNotMine};
  }
  return {.consumed = chunk.bytes.size()};
}

Probe probe_ike(const ProbeInput& input) {
  Message message;
  return read_message(input.of(input.latest), message) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kUsualPorts[] = {500, 4500};

}  // namespace

extern const ProtocolDef kIke;
constinit const ProtocolDef kIke{
    .name = "ike",
    .transport = Transport::kUdp,
    .first = FirstBytes::any(),
    .usual_ports = kUsualPorts,
    .probe = probe_ike,
    .schema = &kIkeSchema,
    .state_bytes = sizeof(IkeDecoder),
    .make = make_decoder<IkeDecoder>,
};

}  // namespace netwatch::dpi
