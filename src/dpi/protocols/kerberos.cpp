// Kerberos 5 over UDP and TCP (a length of four bytes before each message): RFC 4120; names of
// encryption types: IANA, Kerberos Encryption Type Numbers. Tickets and keys are passed over.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/cursor.h"
#include "dpi/parts/ber.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Role;

enum Kind : std::uint8_t { kAsReq, kAsRep, kTgsReq, kTgsRep, kApReq, kApRep, kErrorKind };
constexpr std::array<std::string_view, 7> kKinds{"as_req", "as_rep", "tgs_req", "tgs_rep",
                                                 "ap_req", "ap_rep", "error"};

enum Field : std::uint8_t {
  kType,
  kRealm,
  kClient,
  kService,
  kEtypes,
  kTicketEtype,
  kReplyEtype,
  kPadata,
  kOptions,
  kTill,
  kErrorCode,
  kReason,
  kLatency,
};

constexpr std::string_view kTypeAlias[] = {"kerberos.msg_type"};
constexpr std::string_view kClientAlias[] = {"kerberos.CNameString"};
constexpr std::string_view kServiceAlias[] = {"kerberos.SNameString"};
constexpr std::string_view kEtypeAlias[] = {"kerberos.etype"};
constexpr std::string_view kErrorAlias[] = {"kerberos.error_code"};

constexpr FieldDef kFields[] = {
    {.name = "kerberos.type",
     .type = FieldType::kUint,
     .help = "number of the message type",
     .aliases = kTypeAlias},
    {.name = "kerberos.realm", .help = "realm of the service, or of the client"},
    {.name = "kerberos.client",
     .help = "principal that asks",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kClientAlias},
    {.name = "kerberos.service",
     .help = "principal that a ticket is for",
     .privacy = Privacy::kPersonal,
     .aliases = kServiceAlias},
    {.name = "kerberos.etypes",
     .list = true,
     .help = "encryption types that the client offers, in its order",
     .aliases = kEtypeAlias},
    {.name = "kerberos.ticket_etype", .help = "encryption of the ticket"},
    {.name = "kerberos.reply_etype", .help = "encryption of the rest of the answer"},
    {.name = "kerberos.padata",
     .type = FieldType::kInt,
     .list = true,
     .help = "numbers of the pre-authentication data"},
    {.name = "kerberos.options", .type = FieldType::kUint, .help = "KDC options, 32 bits"},
    {.name = "kerberos.till", .help = "how long the ticket shall be valid, as it is sent"},
    {.name = "kerberos.error",
     .help = "error that the server answers",
     .role = Role::kStatus,
     .aliases = kErrorAlias},
    {.name = "kerberos.reason", .help = "the error in words"},
    {.name = "kerberos.latency_us",
     .type = FieldType::kDuration,
     .help = "request to this answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kKerberosSchema{"kerberos", "Kerberos", kKinds, kFields};

constexpr std::size_t kMaxMessageBytes = 60000;
constexpr int kMaxList = 16;

// The application tags of RFC 4120 section 5.10.
std::optional<Kind> kind_of(std::uint8_t tag) {
  if (tag >= ber::application(10) && tag <= ber::application(15)) {
    return static_cast<Kind>(tag - ber::application(10));
  }
  if (tag == ber::application(30)) return kErrorKind;
  return std::nullopt;
}

constexpr std::array<std::int64_t, 7> kTypes{10, 11, 12, 13, 14, 15, 30};

// How a message begins: its tag, then SEQUENCE { [n] 5, [n + 1] type }. Requests to the KDC count
// from 1, the others from 0.
bool begins_right(Bytes content, Kind kind) {
  BerHead head;
  if (look_at_ber(content, head) != BerLook::kYes || head.tag != ber::kSequence) return false;
  const Bytes in = content.subspan(head.head_bytes);
  const bool to_kdc = kind == kAsReq || kind == kTgsReq;
  const auto first = ber::context(to_kdc ? 1 : 0);
  const auto second = static_cast<std::uint8_t>(first + 1);
  const std::array<std::uint8_t, 10> wanted{
      first,  3, ber::kInteger, 1, 5,
      second, 3, ber::kInteger, 1, static_cast<std::uint8_t>(kTypes[kind])};
  return in.size() >= wanted.size() && std::equal(wanted.begin(), wanted.end(), in.begin());
}

std::string etype_name(std::int64_t etype) {
  switch (etype) {
    case 1:
      return "des-cbc-crc";
    case 3:
      return "des-cbc-md5";
    case 16:
      return "des3-cbc-sha1";
    case 17:
      return "aes128-cts-hmac-sha1-96";
    case 18:
      return "aes256-cts-hmac-sha1-96";
    case 19:
      return "aes128-cts-hmac-sha256-128";
    case 20:
      return "aes256-cts-hmac-sha384-192";
    case 23:
      return "rc4-hmac";
    case 24:
      return "rc4-hmac-exp";
    case 25:
      return "camellia128-cts-cmac";
    case 26:
      return "camellia256-cts-cmac";
    default:
      return std::to_string(etype);
  }
}

// RFC 4120 section 7.5.9, as far as they are common.
std::string error_name(std::int64_t code) {
  switch (code) {
    case 6:
      return "client_unknown";
    case 7:
      return "service_unknown";
    case 12:
      return "policy";
    case 13:
      return "bad_option";
    case 14:
      return "etype_unsupported";
    case 18:
      return "client_revoked";
    case 23:
      return "key_expired";
    case 24:
      return "preauth_failed";
    case 25:
      return "preauth_required";
    case 29:
      return "service_unavailable";
    case 31:
      return "bad_integrity";
    case 32:
      return "ticket_expired";
    case 33:
      return "ticket_not_yet_valid";
    case 37:
      return "clock_skew";
    case 41:
      return "modified";
    case 52:
      return "response_too_big";
    case 60:
      return "generic";
    case 68:
      return "wrong_realm";
    default:
      return std::to_string(code);
  }
}

// PrincipalName: SEQUENCE { [0] type, [1] SEQUENCE OF string }, joined as people write it.
std::string principal(BerReader in) {
  BerReader name = in.enter(ber::kSequence);
  name.take(ber::context(0));
  BerReader list = name.enter(ber::context(1)).enter(ber::kSequence);
  std::string out;
  for (int i = 0; i < kMaxList && list.ok() && !list.at_end(); ++i) {
    if (!out.empty()) out += '/';
    out += base::as_text(list.next());
  }
  return list.ok() ? out : std::string();
}

// Puts one message into the record at hand. Every part is optional: what does not fit is left out.
class Report {
 public:
  explicit Report(model::RecordBuilder& out) : out_(out) {}
  bool run(Kind kind, Bytes content);

 private:
  void request(BerReader in);
  void body(BerReader in);
  void reply(BerReader in);
  void error(BerReader in);
  void padata(BerReader list);
  void ticket(BerReader in);
  void encrypted(Field field, BerReader in);
  void text(Field field, Bytes value) {
    if (!value.empty()) out_.add_text(field, base::as_text(value));
  }
  void name(Field field, BerReader in) {
    const std::string whole = principal(in);
    if (!whole.empty()) out_.add_text(field, whole);
  }

  model::RecordBuilder& out_;
};

bool Report::run(Kind kind, Bytes content) {
  BerReader outer(content);
  BerReader in = outer.enter(ber::kSequence);
  if (!in.ok()) return false;
  out_.add_uint(kType, static_cast<std::uint64_t>(kTypes[kind]));
  in.next();  // version
  in.next();  // type
  switch (kind) {
    case kAsReq:
    case kTgsReq:
      request(in);
      break;
    case kAsRep:
    case kTgsRep:
      reply(in);
      break;
    case kApReq:
      in.next();  // options
      if (in.peek() == ber::context(3)) ticket(in.enter(ber::context(3)));
      break;
    case kApRep:
      break;
    case kErrorKind:
      error(in);
      break;
  }
  return true;
}

// Section 5.4.1: [3] padata, [4] body.
void Report::request(BerReader in) {
  if (in.peek() == ber::context(3)) padata(in.enter(ber::context(3)).enter(ber::kSequence));
  body(in.enter(ber::context(4)).enter(ber::kSequence));
}

void Report::padata(BerReader list) {
  for (int i = 0; i < kMaxList && list.ok() && !list.at_end(); ++i) {
    BerReader one = list.enter(ber::kSequence);
    const std::int64_t type = one.enter(ber::context(1)).integer();
    if (one.ok()) out_.add_int(kPadata, type);
  }
}

void Report::body(BerReader in) {
  while (in.ok() && !in.at_end()) {
    const std::uint8_t tag = in.peek();
    BerReader value(in.next());
    if (tag == ber::context(0)) {
      const Bytes bits = value.take(ber::kBitString);
      if (bits.size() == 5) {
        base::Cursor options(bits.subspan(1));
        out_.add_uint(kOptions, options.u32());
      }
    } else if (tag == ber::context(1)) {
      name(kClient, value);
    } else if (tag == ber::context(2)) {
      text(kRealm, value.next());
    } else if (tag == ber::context(3)) {
      name(kService, value);
    } else if (tag == ber::context(5)) {
      text(kTill, value.next());
    } else if (tag == ber::context(8)) {
      BerReader list = value.enter(ber::kSequence);
      for (int i = 0; i < kMaxList && list.ok() && !list.at_end(); ++i) {
        const std::int64_t etype = list.integer();
        if (list.ok()) out_.add_text(kEtypes, etype_name(etype));
      }
    }
  }
}

// Section 5.4.2: [2] padata, [3] crealm, [4] cname, [5] ticket, [6] enc-part.
void Report::reply(BerReader in) {
  while (in.ok() && !in.at_end()) {
    const std::uint8_t tag = in.peek();
    BerReader value(in.next());
    if (tag == ber::context(2)) padata(value.enter(ber::kSequence));
    if (tag == ber::context(3)) text(kRealm, value.next());
    if (tag == ber::context(4)) name(kClient, value);
    if (tag == ber::context(5)) ticket(value);
    if (tag == ber::context(6)) encrypted(kReplyEtype, value);
  }
}

// Section 5.3: [APPLICATION 1] SEQUENCE { version, realm, sname, enc-part }.
void Report::ticket(BerReader in) {
  BerReader fields = in.enter(ber::application(1)).enter(ber::kSequence);
  while (fields.ok() && !fields.at_end()) {
    const std::uint8_t tag = fields.peek();
    BerReader value(fields.next());
    if (tag == ber::context(2)) name(kService, value);
    if (tag == ber::context(3)) encrypted(kTicketEtype, value);
  }
}

void Report::encrypted(Field field, BerReader in) {
  BerReader data = in.enter(ber::kSequence);
  const std::int64_t etype = data.enter(ber::context(0)).integer();
  if (data.ok()) out_.add_text(field, etype_name(etype));
}

// Section 5.9.1.
void Report::error(BerReader in) {
  while (in.ok() && !in.at_end()) {
    const std::uint8_t tag = in.peek();
    BerReader value(in.next());
    if (tag == ber::context(6)) {
      const std::int64_t code = value.integer();
      if (value.ok()) out_.add_text(kErrorCode, error_name(code));
    } else if (tag == ber::context(8)) {
      name(kClient, value);
    } else if (tag == ber::context(9)) {
      text(kRealm, value.next());
    } else if (tag == ber::context(10)) {
      name(kService, value);
    } else if (tag == ber::context(11)) {
      text(kReason, value.next());
    }
  }
}

class KerberosDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  bool message(Bytes bytes, const model::StreamChunk& chunk, Context& context);

  // Requests and answers have no number in clear: one at a time waits.
  Waiting<std::uint8_t, 1> waiting_;
};

bool KerberosDecoder::message(Bytes bytes, const model::StreamChunk& chunk, Context& context) {
  BerHead head;
  if (look_at_ber(bytes, head) != BerLook::kYes) return false;
  const auto kind = kind_of(head.tag);
  if (!kind || head.head_bytes + head.content_bytes != bytes.size()) return false;
  const Bytes content = bytes.subspan(head.head_bytes);
  if (!begins_right(content, *kind)) return false;
  model::RecordBuilder& record = context.record();
  record.start(kKerberosSchema, *kind);
  if (!Report(record).run(*kind, content)) return false;
  const bool request = *kind == kAsReq || *kind == kTgsReq || *kind == kApReq;
  if (request) {
    waiting_.ask(0, chunk.side, chunk.time_ns);
  } else if (const base::TimeNs ns = waiting_.answer(0, chunk.side, chunk.time_ns); ns >= 0) {
    record.add_int(kLatency, ns);
  }
  context.set_originator(request ? chunk.side : model::other(chunk.side));
  context.emit(chunk.side);
  return true;
}

Step KerberosDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  if (chunk.datagram) {
    const bool mine = message(chunk.bytes, chunk, context);
    return {.verdict = mine ? Verdict::kFine : Verdict::kNotMine, .consumed = chunk.bytes.size()};
  }
  constexpr std::size_t kPrefixBytes = 4;
  Step step;
  while (step.consumed < chunk.bytes.size()) {
    const Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    base::Cursor in(rest);
    const std::size_t length = in.u32();
    step.wanted = kPrefixBytes;
    if (!in.ok()) return step;
    if (length > kMaxMessageBytes) return {.verdict = Verdict::kNotMine};
    step.wanted = kPrefixBytes + length;
    if (rest.size() < step.wanted) return step;
    if (!message(in.take(length), chunk, context)) return {.verdict = Verdict::kNotMine};
    step.consumed += step.wanted;
    step.wanted = 0;
  }
  return step;
}

// Enough of the message's head to be sure; `length` is what all of it takes.
bool looks_right(Bytes bytes, std::size_t length) {
  BerHead head;
  if (look_at_ber(bytes, head) != BerLook::kYes) return false;
  const auto kind = kind_of(head.tag);
  return kind && head.head_bytes + head.content_bytes == length &&
         begins_right(bytes.subspan(head.head_bytes), *kind);
}

Probe probe_kerberos(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  if (bytes.empty()) return Probe::kNo;
  if (kind_of(bytes[0])) return looks_right(bytes, bytes.size()) ? Probe::kYes : Probe::kNo;
  if (bytes[0] != 0) return Probe::kNo;
  constexpr std::size_t kEnough = 32;
  base::Cursor in(bytes);
  const std::size_t length = in.u32();
  if (!in.ok()) return Probe::kMore;
  if (length < kEnough || length > kMaxMessageBytes) return Probe::kNo;
  if (in.remaining() > 0 && !kind_of(in.peek())) return Probe::kNo;
  if (in.remaining() < kEnough) return Probe::kMore;
  return looks_right(in.rest(), length) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kUsualPorts[] = {88};

}  // namespace

extern const ProtocolDef kKerberos;
constinit const ProtocolDef kKerberos{
    .name = "kerberos",
    .transport = Transport::kBoth,
    .first = FirstBytes::of(std::string_view("\x00\x6a\x6b\x6c\x6d\x6e\x6f\x7e", 8)),
    .usual_ports = kUsualPorts,
    .probe = probe_kerberos,
    .schema = &kKerberosSchema,
    .state_bytes = sizeof(KerberosDecoder),
    .make = make_decoder<KerberosDecoder>,
};

}  // namespace netwatch::dpi
