// LDAP: RFC 4511 (section 4 operations, 5.1 BER), over TCP and, as CLDAP (RFC 1798, Active
// Directory's ping), over UDP. RFC 4513 section 5: of a bind the name and the mechanism are
// reported. StartTLS (RFC 4511 section 4.14) is handed on.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/frame_decoder.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse };
enum Field : std::uint8_t {
  kMessageId,
  kOperation,
  kUser,
  kAuth,
  kPassword,
  kDn,
  kScope,
  kOid,
  kStatus,
  kText,
  kLatency,
};

constexpr string_view kKinds[] = {"request", "response"};
constexpr string_view kMessageAlias[] = {"ldap.messageID"};
constexpr string_view kDnAlias[] = {"ldap.baseObject"};
constexpr string_view kUserAlias[] = {"ldap.name"};
constexpr string_view kStatusAlias[] = {"ldap.resultCode"};
constexpr FieldDef kFields[] = {
    {.name = "ldap.message_id",
     .type = FieldType::kUint,
     .help = "joins a request and its responses",
     .aliases = kMessageAlias},
    {.name = "ldap.operation", .help = "bind, search, modify, ...", .role = Role::kMethod},
    {.name = "ldap.user",
     .help = "name the client binds with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "ldap.auth", .help = "simple, or the SASL mechanism"},
    {.name = "ldap.password", .help = "always masked", .privacy = Privacy::kSecret},
    {.name = "ldap.dn",
     .help = "entry that a request is about; where a search begins",
     .role = Role::kUri,
     .privacy = Privacy::kPersonal,
     .aliases = kDnAlias},
    {.name = "ldap.scope", .help = "base, one, sub or children"},
    {.name = "ldap.oid", .help = "name of an extended operation"},
    {.name = "ldap.status",
     .type = FieldType::kUint,
     .help = "result code",
     .role = Role::kStatus,
     .aliases = kStatusAlias},
    {.name = "ldap.text", .help = "diagnostic message of the result"},
    {.name = "ldap.latency_us",
     .type = FieldType::kDuration,
     .help = "request to its result",
     .role = Role::kLatency},
};
constexpr model::Schema kSchema{
    .proto = "ldap", .title = "LDAP", .kinds = kKinds, .fields = kFields};

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kApplication = 0x40;
constexpr std::uint64_t kMaxMessageBytes = std::uint64_t{1} << 30;
constexpr string_view kStartTls = "1.3.6.1.4.1.1466.20037";

enum Operation : std::uint8_t {
  kBind = 0,
  kBindAnswer = 1,
  kUnbind = 2,
  kSearch = 3,
  kEntry = 4,
  kModify = 6,
  kAdd = 8,
  kDelete = 10,
  kModifyDn = 12,
  kCompare = 14,
  kReference = 19,
  kExtended = 23,
  kExtendedAnswer = 24,
  kIntermediate = 25,
};
constexpr std::array<string_view, 26> kOperations{
    "bind",      "bind",        "unbind",  "search",  "search",  "search",
    "modify",    "modify",      "add",     "add",     "delete",  "delete",
    "modify_dn", "modify_dn",   "compare", "compare", "abandon", "",
    "",          "search",      "",        "",        "",        "extended",
    "extended",  "intermediate"};

// A value of BER: its tag and the length of its contents (section 5.1: definite only).
struct Tlv {
  std::uint8_t tag = 0;
  std::uint64_t length = 0;
  std::size_t header = 0;  // bytes of tag and length; 0 if they are not here whole
  bool bad = false;
};

Tlv read_tlv(Bytes bytes) {
  Tlv tlv;
  base::Cursor cursor(bytes);
  tlv.tag = cursor.u8();
  tlv.length = cursor.u8();
  if (tlv.length > 0x84) tlv.bad = cursor.ok();
  if (tlv.length == 0x80) tlv.bad = true;
  if (tlv.bad) return tlv;
  if (tlv.length > 0x80) tlv.length = cursor.be(static_cast<std::size_t>(tlv.length - 0x80));
  if (cursor.ok()) tlv.header = cursor.offset();
  return tlv;
}

// The contents of the next value, or none and a failed cursor.
Bytes take_value(base::Cursor& cursor, std::uint8_t& tag) {
  const Tlv tlv = read_tlv(cursor.rest());
  if (tlv.bad || tlv.header == 0) {
    cursor.fail();
    return {};
  }
  tag = tlv.tag;
  cursor.skip(tlv.header);
  return cursor.take(static_cast<std::size_t>(std::min<std::uint64_t>(tlv.length, SIZE_MAX / 2)));
}

string_view take_string(base::Cursor& cursor) {
  std::uint8_t tag = 0;
  return base::as_text(take_value(cursor, tag));
}

std::uint64_t take_number(base::Cursor& cursor) {
  std::uint8_t tag = 0;
  const Bytes value = take_value(cursor, tag);
  if (value.size() > 8 || value.empty()) cursor.fail();
  return base::Cursor(value).be(value.size() <= 8 ? value.size() : 0);
}

// LDAPMessage ::= SEQUENCE { messageID INTEGER, protocolOp [APPLICATION n], ... }
struct Envelope {
  std::uint64_t size = 0;  // of all of it; 0 while not known
  std::uint64_t id = 0;
  std::uint8_t operation = 0xff;
  std::size_t body_at = 0;
  std::uint64_t body_size = 0;
  bool bad = false;
  bool more = false;
};

Envelope read_envelope(Bytes bytes) {
  Envelope envelope;
  const Tlv outer = read_tlv(bytes);
  envelope.bad =
      outer.bad || (!bytes.empty() && bytes[0] != kSequence) || outer.length > kMaxMessageBytes;
  envelope.more = outer.header == 0;
  if (envelope.bad || envelope.more) return envelope;
  envelope.size = outer.header + outer.length;
  base::Cursor cursor(bytes.subspan(outer.header));
  const std::uint8_t id_tag = cursor.u8();
  const std::uint8_t id_size = cursor.u8();
  envelope.id = cursor.be(std::min<std::size_t>(id_size, 4));
  const std::size_t at = outer.header + cursor.offset();
  envelope.more = !cursor.ok();
  envelope.bad = !bytes.subspan(outer.header).empty() &&
                 (id_tag != kInteger || (cursor.ok() && (id_size == 0 || id_size > 4)));
  if (envelope.bad || envelope.more) return envelope;
  const Tlv inner = read_tlv(bytes.subspan(at));
  envelope.more = inner.header == 0 && !inner.bad;
  envelope.bad = inner.bad;
  if (envelope.bad || envelope.more) return envelope;
  envelope.operation = inner.tag & 0x1f;
  envelope.body_at = at + inner.header;
  envelope.body_size = inner.length;
  const bool application = (inner.tag & 0xc0) == kApplication;
  const bool known =
      envelope.operation < kOperations.size() && !kOperations[envelope.operation].empty();
  const bool primitive = (inner.tag & 0x20) == 0;
  const bool form = primitive == (envelope.operation == kUnbind || envelope.operation == kDelete ||
                                  envelope.operation == 16);
  envelope.bad = !application || !known || !form || envelope.body_at + inner.length > envelope.size;
  return envelope;
}

// Enough of the body to be sure: numbers and strings where they have to be.
bool body_fits(const Envelope& envelope, Bytes bytes) {
  base::Cursor cursor(bytes.subspan(envelope.body_at));
  switch (envelope.operation) {
    case kBind:
      return cursor.u8() == kInteger && cursor.u8() == 1 && cursor.peek() >= 1 &&
             cursor.peek() <= 3 && cursor.peek(1) == 0x04;
    case kSearch:
    case kModify:
    case kAdd:
    case kModifyDn:
    case kCompare:
    case kEntry:
      return cursor.u8() == 0x04;
    case kExtended:
      return cursor.u8() == 0x80;
    case kUnbind:
      return envelope.body_size == 0 && envelope.size <= 9;
    case kDelete:
    case 16:
    case kReference:
    case kIntermediate:
      return false;  // too little to be told by
    default:         // LDAPResult
      return cursor.u8() == 0x0a && cursor.u8() == 1 && cursor.u8() <= 123 && cursor.u8() == 0x04;
  }
}

Probe probe_ldap(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty() || bytes[0] != kSequence) continue;
    const Envelope envelope = read_envelope(bytes);
    if (envelope.bad) continue;
    if (envelope.more || bytes.size() < envelope.body_at + 6) {
      const bool short_one = !envelope.more && envelope.size == bytes.size();
      if (short_one && body_fits(envelope, bytes)) return Probe::kYes;
      if (!short_one && bytes.size() < 32) best = Probe::kMore;
      continue;
    }
    if (body_fits(envelope, bytes)) return Probe::kYes;
  }
  return best;
}

class LdapDecoder final : public FrameDecoder {
 protected:
  FrameSize size_of(Bytes bytes, Side side) override;
  Onward on_frame(const Frame& frame) override;
  bool begins_with(Bytes bytes, Side /*side*/) override {
    const Envelope envelope = read_envelope(bytes);
    return !envelope.bad && !envelope.more && body_fits(envelope, bytes);
  }
  void on_loss(Side /*side*/) override { asked_id_ = 0; }

 private:
  void request(const Envelope& envelope, Bytes body, const Frame& frame);
  Onward result(const Envelope& envelope, Bytes body, const Frame& frame);

  base::TimeNs asked_ns_ = 0;
  std::uint64_t asked_id_ = 0;  // the last request
  std::uint64_t tls_id_ = 0;    // of StartTLS
  bool known_ = false;
};

FrameSize LdapDecoder::size_of(Bytes bytes, Side /*side*/) {
  const Envelope envelope = read_envelope(bytes);
  if (envelope.bad) return FrameSize::bad();
  if (envelope.more) return {};
  return FrameSize::known(envelope.size);
}

Onward LdapDecoder::on_frame(const Frame& frame) {
  const Envelope envelope = read_envelope(frame.bytes);
  const std::uint8_t operation = envelope.operation;
  const bool entry = operation == kEntry || operation == kReference || operation == kIntermediate;
  if (entry) return {};
  Bytes body = frame.bytes.subspan(envelope.body_at);
  body = body.first(
      static_cast<std::size_t>(std::min<std::uint64_t>(envelope.body_size, body.size())));
  const bool request_like = operation == kExtended || operation == 16 ||
                            (operation % 2 == 0 && operation < 16) || operation == kSearch;
  const bool asks = request_like && operation != kExtendedAnswer;
  if (!known_) frame.context.set_originator(asks ? frame.side : model::other(frame.side));
  known_ = true;
  if (!asks) return result(envelope, body, frame);
  request(envelope, body, frame);
  // Authentication that wraps what follows is not unwrapped: its frames are no LDAP.
  return operation == kUnbind ? Onward::done() : Onward{};
}

void LdapDecoder::request(const Envelope& envelope, Bytes body, const Frame& frame) {
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kRequest);
  record.add_uint(kMessageId, envelope.id);
  record.add_text(kOperation, kOperations[envelope.operation]);
  base::Cursor cursor(body);
  std::uint8_t tag = 0;
  switch (envelope.operation) {
    case kBind: {
      take_number(cursor);
      const string_view name = take_string(cursor);
      base::Cursor credentials(take_value(cursor, tag));
      if (!cursor.ok()) break;
      if (!name.empty()) record.add_text(kUser, name);
      if (tag == 0x80) {
        record.add_text(kAuth, "simple");
        if (!credentials.at_end()) record.add_text(kPassword, kMasked);
      } else if (tag == 0xa3) {
        record.add_text(kAuth, take_string(credentials));
      }
      break;
    }
    case kSearch: {
      constexpr std::array<string_view, 4> kScopes{"base", "one", "sub", "children"};
      const string_view base_object = take_string(cursor);
      if (!base_object.empty()) record.add_text(kDn, base_object);
      const std::uint64_t scope = take_number(cursor);
      if (cursor.ok() && scope < kScopes.size()) {
        record.add_text(kScope, kScopes[static_cast<std::size_t>(scope)]);
      }
      break;
    }
    case kModify:
    case kAdd:
    case kModifyDn:
    case kCompare:
      record.add_text(kDn, take_string(cursor));
      break;
    case kDelete:
      record.add_text(kDn, base::as_text(body));
      break;
    case kExtended: {
      const string_view oid = take_string(cursor);
      record.add_text(kOid, oid);
      if (oid == kStartTls) tls_id_ = envelope.id;
      break;
    }
    default:
      break;
  }
  if (frame.cut()) record.mark_cut();
  frame.context.emit(frame.side);
  asked_id_ = envelope.id;
  asked_ns_ = frame.time_ns;
}

// Section 4.1.9: LDAPResult.
Onward LdapDecoder::result(const Envelope& envelope, Bytes body, const Frame& frame) {
  base::Cursor cursor(body);
  const std::uint64_t code = take_number(cursor);
  take_string(cursor);  // matchedDN
  const string_view text = take_string(cursor);
  if (!cursor.ok()) {
    frame.context.odd("bad_result");
    return {};
  }
  model::RecordBuilder& record = frame.context.record();
  record.start(kSchema, kResponse);
  record.add_uint(kMessageId, envelope.id);
  record.add_text(kOperation, kOperations[envelope.operation]);
  record.add_uint(kStatus, code);
  if (!text.empty()) record.add_text(kText, text);
  if (asked_id_ == envelope.id && envelope.id != 0 && frame.time_ns >= asked_ns_) {
    record.add_int(kLatency, frame.time_ns - asked_ns_);
  }
  frame.context.emit(frame.side);
  const bool tls = tls_id_ != 0 && envelope.id == tls_id_ && envelope.operation == kExtendedAnswer;
  if (!tls) return {};
  tls_id_ = 0;
  return code == 0 ? Onward::hand_on() : Onward{};
}

constexpr std::uint16_t kPorts[] = {389};

}  // namespace

extern const ProtocolDef kLdap;
constinit const ProtocolDef kLdap{
    .name = "ldap",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("0"),
    .usual_ports = kPorts,
    .probe = probe_ldap,
    .schema = &kSchema,
    .state_bytes = sizeof(LdapDecoder),
    .make = make_decoder<LdapDecoder>,
};

}  // namespace netwatch::dpi
