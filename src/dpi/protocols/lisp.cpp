// LISP's control plane: RFC 9301 (with the forms of RFC 6830 and RFC 6833), RFC 8060 (addresses in
// LCAF), RFC 8111 (Map-Referral), and the Info-Request of draft-ermagan-lisp-nat-traversal. An
// Encapsulated Control Message is reported as the message that it carries.
#include <array>
#include <string>
#include <utility>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::RecordBuilder;
using model::Role;
using std::string_view;

enum Kind : std::uint8_t {
  kRequest,
  kReply,
  kRegister,
  kNotify,
  kNotifyAck,
  kReferral,
  kInfoRequest,
  kInfoReply,
};
constexpr string_view kKinds[] = {"map_request",    "map_reply",    "map_register", "map_notify",
                                  "map_notify_ack", "map_referral", "info_request", "info_reply"};

enum Field : std::uint8_t {
  kEncapsulated,
  kNonce,
  kFlags,
  kSourceEid,
  kItrRloc,
  kRecords,
  kEid,
  kRloc,
  kTtl,
  kAction,
  kKeyId,
  kXtrId,
  kLatency,
};
constexpr string_view kSourceAlias[] = {"lisp.mreq.srceid.ipv4", "lisp.mreq.srceid_ipv6"};
constexpr string_view kItrAlias[] = {"lisp.mreq.itr_rloc_ipv4", "lisp.mreq.itr_rloc_ipv6"};
constexpr string_view kEidAlias[] = {"lisp.mapping.eid.ipv4", "lisp.mapping.eid.ipv6"};
constexpr string_view kRlocAlias[] = {"lisp.loc.locator"};
constexpr string_view kTtlAlias[] = {"lisp.mapping.ttl"};
constexpr string_view kActionAlias[] = {"lisp.mapping.act"};
constexpr FieldDef kFields[] = {
    {.name = "lisp.encapsulated",
     .type = FieldType::kBool,
     .help = "came in an Encapsulated Control Message"},
    {.name = "lisp.nonce", .type = FieldType::kBytes, .help = "number that an answer repeats"},
    {.name = "lisp.flags", .list = true, .help = "probe, smr, authoritative, proxy_reply, ..."},
    {.name = "lisp.source_eid", .help = "whose packet made the request", .aliases = kSourceAlias},
    {.name = "lisp.itr_rloc",
     .type = FieldType::kAddress,
     .list = true,
     .help = "where the reply may be sent to",
     .aliases = kItrAlias},
    {.name = "lisp.records", .type = FieldType::kUint, .help = "mappings in the message"},
    {.name = "lisp.eid",
     .list = true,
     .help = "prefixes that are asked for or mapped, with [instance]",
     .role = Role::kSubject,
     .aliases = kEidAlias},
    {.name = "lisp.rloc",
     .type = FieldType::kAddress,
     .list = true,
     .help = "locators that they are mapped to",
     .aliases = kRlocAlias},
    {.name = "lisp.ttl_min",
     .type = FieldType::kUint,
     .help = "minutes that the first mapping is good for",
     .aliases = kTtlAlias},
    {.name = "lisp.action",
     .help = "what to do with packets for a prefix without locators",
     .role = Role::kStatus,
     .aliases = kActionAlias},
    {.name = "lisp.key_id",
     .type = FieldType::kUint,
     .help = "key and algorithm of the authentication"},
    {.name = "lisp.xtr_id", .type = FieldType::kBytes, .help = "router that registers"},
    {.name = "lisp.latency_us",
     .type = FieldType::kDuration,
     .help = "request to reply, or registration to its notification",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "lisp", .title = "LISP control plane", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kMostShown = 16;  // prefixes, locators
constexpr std::uint8_t kTypeInfo = 7, kTypeEncapsulated = 8;
// IANA, Address Family Numbers.
enum Afi : std::uint16_t {
  kNone = 0,
  kIpv4 = 1,
  kIpv6 = 2,
  k802 = 6,
  kName = 17,
  kLcaf = 16387,
  kMac = 16389,
};

// A prefix or locator: an address, mostly of IP.
struct Place {
  std::uint16_t afi = kNone;
  std::uint8_t lcaf = 0;  // RFC 8060's type, of those that are passed over
  bool has_instance = false;
  std::uint32_t instance = 0;
  Bytes bytes;

  [[nodiscard]] bool is_ip() const { return afi == kIpv4 || afi == kIpv6; }
  [[nodiscard]] base::IpAddress ip() const {
    return afi == kIpv4 ? base::IpAddress::v4(bytes.data()) : base::IpAddress::v6(bytes.data());
  }
  [[nodiscard]] std::string text() const {
    std::string out;
    if (has_instance) out = '[' + std::to_string(instance) + ']';
    if (is_ip()) return out + ip().to_string();
    if (afi == kMac || afi == k802) return out + mac_text(bytes);
    if (afi == kName) return out + std::string(base::as_text(bytes));
    return lcaf != 0 ? out + "lcaf-" + std::to_string(lcaf) : out;
  }
};

// RFC 8060 section 3: an address that says how long it is. Only an instance's inner one is read.
bool read_lcaf(Cursor& in, Place& place) {
  constexpr std::uint8_t kInstance = 2;
  constexpr std::uint8_t kLastType = 17;
  const std::uint8_t reserved = in.u8();
  in.skip(1);
  const std::uint8_t type = in.u8();
  in.skip(1);
  Cursor body = in.sub(in.u16());
  if (!in.ok() || reserved != 0 || type > kLastType) return false;
  if (type != kInstance) {
    place.lcaf = type;
    return true;
  }
  place.has_instance = true;
  place.instance = body.u32();
  place.afi = body.u16();
  if (place.afi == kIpv4) place.bytes = body.take(4);
  if (place.afi == kIpv6) place.bytes = body.take(16);
  if (place.afi == kMac || place.afi == k802) place.bytes = body.take(6);
  if (place.afi == kLcaf) body.take_up_to(body.remaining());
  return body.ok() && body.at_end();
}

bool read_place(Cursor& in, Place& place) {
  place.afi = in.u16();
  switch (place.afi) {
    case kNone:
      break;
    case kIpv4:
      place.bytes = in.take(4);
      break;
    case kIpv6:
      place.bytes = in.take(16);
      break;
    case k802:
    case kMac:
      place.bytes = in.take(6);
      break;
    case kName: {
      const string_view rest = base::as_text(in.rest());
      const std::size_t end = rest.find('\0');
      if (end == string_view::npos) return false;
      place.bytes = in.take(end);
      in.skip(1);
      break;
    }
    case kLcaf:
      return read_lcaf(in, place);
    default:
      return false;
  }
  return in.ok();
}

// Reads one message to its end; what is in it goes to `out`, if that is given.
class Reader {
 public:
  explicit Reader(RecordBuilder* out) : out_(out) {}

  bool message(Bytes bytes, bool inner = false);
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::uint64_t nonce() const { return nonce_; }

 private:
  bool encapsulated(Bytes bytes);
  void begin(Kind kind, std::size_t records, bool inner);
  bool nonce(Cursor& in);
  bool request(Cursor& in, std::uint32_t word);
  bool registration(Cursor& in, std::uint32_t word);
  bool info(Cursor& in, std::uint32_t word);
  bool authentication(Cursor& in);
  bool records(Cursor& in, std::size_t count, bool referral);
  bool record(Cursor& in, bool referral);
  bool prefix(const Place& place, unsigned bits);
  void flag(std::uint32_t word, unsigned bit, string_view name) {
    if (out_ != nullptr && (word >> (31 - bit) & 1) != 0) out_->add_text(kFlags, name);
  }

  RecordBuilder* out_;
  Kind kind_ = kRequest;
  std::uint64_t nonce_ = 0;
  std::size_t eids_ = 0;
  std::size_t rlocs_ = 0;
  bool first_mapping_ = true;
};

void Reader::begin(Kind kind, std::size_t records, bool inner) {
  kind_ = kind;
  if (out_ == nullptr) return;
  out_->start(kSchema, kind);
  if (inner) out_->add_bool(kEncapsulated, true);
  if (records > 0) out_->add_uint(kRecords, records);
}

bool Reader::nonce(Cursor& in) {
  const Bytes bytes = in.take(8);
  if (!in.ok()) return false;
  nonce_ = Cursor(bytes).u64();
  if (out_ != nullptr) out_->add_bytes(kNonce, bytes);
  return true;
}

// RFC 9301 sections 5.2 to 5.8. Bits are counted as the figures there do, from the left.
bool Reader::message(Bytes bytes, bool inner) {
  Cursor in(bytes);
  const std::uint32_t word = in.u32();
  const auto type = static_cast<std::uint8_t>(word >> 28);
  const std::uint8_t count = word & 0xFF;
  if (!in.ok() || bytes.size() < 16) return false;
  if (type == kTypeEncapsulated) return !inner && encapsulated(bytes);
  if (type == kTypeInfo) {
    if ((word & 0x07FFFFFF) != 0) return false;
    begin((word >> 27 & 1) != 0 ? kInfoReply : kInfoRequest, 0, inner);
    return nonce(in) && info(in, word) && in.at_end();
  }
  if (type < 1 || type > 6 || count == 0) return false;
  // What is reserved.
  constexpr std::array<std::uint32_t, 7> kZero{0,          0x002F8000, 0x01FFFF00, 0x00FFE000,
                                               0x03FFFE00, 0x0FFFFE00, 0x0FFFFF00};
  if ((word & kZero[type]) != 0) return false;
  begin(static_cast<Kind>(type - 1), count, inner);
  if (!nonce(in)) return false;
  switch (kind_) {
    case kRequest:
      return request(in, word) && in.at_end();
    case kReply:
      flag(word, 4, "probe");
      flag(word, 5, "echo_nonce");
      flag(word, 6, "security");
      return records(in, count, false) && in.at_end();
    case kReferral:
      return records(in, count, true) && in.at_end();
    default:
      return registration(in, word) && in.at_end();
  }
}

// Section 5.8: the message as its sender sent it, with headers of IP and UDP. With LISP-SEC, what
// stands before them is enciphered: not read.
bool Reader::encapsulated(Bytes bytes) {
  constexpr std::uint8_t kUdp = 17;
  Cursor in(bytes);
  if ((in.u32() & 0x08FFFFFF) != 0) return false;
  const std::uint8_t version = in.peek() >> 4;
  if (version == 4) {
    const std::size_t header = std::size_t{4} * (in.peek() & 15);
    Cursor fields(in.rest());
    fields.skip(2);
    const std::size_t length = fields.u16();
    fields.skip(5);
    if (header < 20 || fields.u8() != kUdp || length != in.remaining()) return false;
    in.skip(header);
  } else if (version == 6) {
    Cursor fields(in.take(40));
    fields.skip(4);
    const std::size_t length = fields.u16();
    if (fields.u8() != kUdp || length != in.remaining()) return false;
  } else {
    return false;
  }
  Cursor udp(in.take(8));
  udp.skip(4);
  if (udp.u16() != in.remaining() + 8 || !udp.ok()) return false;
  return message(in.rest(), true);
}

bool Reader::request(Cursor& in, std::uint32_t word) {
  flag(word, 4, "authoritative");
  flag(word, 5, "map_data");
  flag(word, 6, "probe");
  flag(word, 7, "smr");
  flag(word, 8, "proxy_itr");
  flag(word, 9, "smr_invoked");
  const bool has_xtr = (word >> 20 & 1) != 0;
  Place source;
  if (!read_place(in, source)) return false;
  if (out_ != nullptr && source.afi != kNone) out_->add_text(kSourceEid, source.text());
  const std::size_t itrs = (word >> 8 & 0x1F) + 1;
  for (std::size_t i = 0; i < itrs; ++i) {
    Place itr;
    if (!read_place(in, itr)) return false;
    if (out_ != nullptr && itr.is_ip() && i < kMostShown) out_->add_address(kItrRloc, itr.ip());
  }
  for (std::size_t left = word & 0xFF; left > 0; --left) {
    const std::uint8_t reserved = in.u8();
    const std::uint8_t bits = in.u8();
    Place eid;
    if ((reserved & 0x7F) != 0 || !read_place(in, eid) || !prefix(eid, bits)) return false;
  }
  // "M": the sender's own mapping follows.
  if ((word >> 26 & 1) != 0 && !record(in, false)) return false;
  if (has_xtr) {
    const Bytes xtr = in.take(16);
    in.skip(8);
    if (out_ != nullptr) out_->add_bytes(kXtrId, xtr);
  }
  return in.ok();
}

bool Reader::registration(Cursor& in, std::uint32_t word) {
  const bool registers = kind_ == kRegister;
  if (registers) {
    flag(word, 4, "proxy_reply");
    flag(word, 5, "security");
    flag(word, 23, "want_map_notify");
  }
  const bool has_xtr = (word >> (registers ? 25 : 27) & 1) != 0 && kind_ != kNotifyAck;
  const bool by_router = (word >> (registers ? 24 : 26) & 1) != 0 && kind_ != kNotifyAck;
  if (!authentication(in) || !records(in, word & 0xFF, false)) return false;
  if (has_xtr) {
    const Bytes xtr = in.take(16);
    in.skip(8);  // site
    if (in.ok() && out_ != nullptr) out_->add_bytes(kXtrId, xtr);
  }
  // draft-ermagan-lisp-nat-traversal section 4.4: a re-encapsulating router signs as well.
  if (by_router && !in.at_end()) {
    in.skip(2);
    in.skip(in.u16());
  }
  return in.ok();
}

bool Reader::authentication(Cursor& in) {
  const std::uint16_t key = in.u16();
  const std::size_t size = in.u16();
  in.skip(size);
  if (in.ok() && out_ != nullptr) out_->add_uint(kKeyId, key);
  return in.ok();
}

bool Reader::info(Cursor& in, std::uint32_t word) {
  if (!authentication(in)) return false;
  const std::uint32_t ttl = in.u32();
  const std::uint8_t reserved = in.u8();
  const std::uint8_t bits = in.u8();
  Place eid;
  if (reserved != 0 || !read_place(in, eid) || !prefix(eid, bits)) return false;
  if (out_ != nullptr) out_->add_uint(kTtl, ttl);
  Place nat;
  constexpr std::uint8_t kNatTraversal = 7;
  const bool is_reply = (word >> 27 & 1) != 0;
  return read_place(in, nat) && nat.afi == (is_reply ? kLcaf : kNone) &&
         nat.lcaf == (is_reply ? kNatTraversal : 0);
}

bool Reader::prefix(const Place& place, unsigned bits) {
  if (place.is_ip() && bits > place.bytes.size() * 8) return false;
  if (out_ == nullptr || eids_++ >= kMostShown) return true;
  out_->add_text(kEid, place.text() + '/' + std::to_string(bits));
  return true;
}

bool Reader::records(Cursor& in, std::size_t count, bool referral) {
  for (; count > 0; --count) {
    if (!record(in, referral)) return false;
  }
  return true;
}

// RFC 9301 section 5.4, RFC 8111 section 6.4: a prefix and its locators.
bool Reader::record(Cursor& in, bool referral) {
  constexpr std::array<string_view, 6> kActions{"no_action", "native_forward", "send_map_request",
                                                "drop",      "drop_policy",    "drop_auth"};
  constexpr std::array<string_view, 6> kReferrals{"node_referral",   "ms_referral",
                                                  "ms_ack",          "not_registered",
                                                  "delegation_hole", "not_authoritative"};
  const std::uint32_t ttl = in.u32();
  const std::uint8_t locators = in.u8();
  const std::uint8_t bits = in.u8();
  const std::uint16_t flags = in.u16();
  const std::uint8_t signatures = in.peek() >> 4;
  in.skip(2);
  Place eid;
  const std::uint16_t reserved = referral ? 0x07FF : 0x0FFF;
  if (!in.ok() || (flags & reserved) != 0 || (!referral && signatures != 0)) return false;
  if (!read_place(in, eid) || !prefix(eid, bits)) return false;
  const std::size_t action = flags >> 13;
  if (action >= kActions.size()) return false;
  const bool shown = std::exchange(first_mapping_, false) && out_ != nullptr;
  if (shown) {
    out_->add_uint(kTtl, ttl);
    if (locators == 0 || referral) {
      out_->add_text(kAction, referral ? kReferrals[action] : kActions[action]);
    }
    if ((flags >> 12 & 1) != 0) out_->add_text(kFlags, "authoritative");
  }
  for (std::size_t left = locators; left > 0; --left) {
    in.skip(4);  // priorities and weights
    const std::uint16_t bits_of_locator = in.u16();
    Place locator;
    if ((bits_of_locator & 0xFFF8) != 0 || !read_place(in, locator)) return false;
    if (out_ != nullptr && locator.is_ip() && rlocs_++ < kMostShown) {
      out_->add_address(kRloc, locator.ip());
    }
  }
  for (std::size_t left = signatures; left > 0; --left) {
    in.skip(16);  // times, signer's TTL and key
    in.skip(in.u16());
  }
  return in.ok();
}

class LispDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  struct Key {
    std::uint64_t nonce;
    bool registers;
    bool operator==(const Key&) const = default;
  };
  Waiting<Key, 16> waiting_;
};

Step LispDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Reader reader(&context.record());
  if (!reader.message(chunk.bytes)) return {.verdict = Verdict::kNotMine};
  const Kind kind = reader.kind();
  const Key key{reader.nonce(), kind == kRegister || kind == kNotify};
  if (kind == kRequest || kind == kRegister) {
    context.set_originator(chunk.side);
    // Registrations of old routers all have the nonce zero: an answer could be any one's.
    if (key.nonce != 0) waiting_.ask(key, chunk.side, chunk.time_ns);
  } else if (kind == kReply || kind == kNotify) {
    const base::TimeNs ns = waiting_.answer(key, chunk.side, chunk.time_ns);
    if (ns >= 0) context.record().add_int(kLatency, ns);
  }
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

Probe probe_lisp(const ProbeInput& input) {
  return Reader(nullptr).message(input.of(input.latest)) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {4342};

// The type is in the first half of the first byte, flags and zeros in the other.
constexpr FirstBytes kFirst = [] {
  FirstBytes set =
      FirstBytes::of("\x40\x44\x48\x4c\x50\x60\x70\x78\x80\x81\x82\x83\x84\x85\x86\x87");
  for (unsigned byte = 0x10; byte <= 0x3F; ++byte) set.bits[0] |= std::uint64_t{1} << byte;
  for (unsigned byte = 0x21; byte <= 0x2F; byte += 2) set.bits[0] &= ~(std::uint64_t{1} << byte);
  return set;
}();

}  // namespace

extern const ProtocolDef kLisp;
constinit const ProtocolDef kLisp{
    .name = "lisp",
    .transport = Transport::kUdp,
    .first = kFirst,
    .usual_ports = kPorts,
    .probe = probe_lisp,
    .schema = &kSchema,
    .state_bytes = sizeof(LispDecoder),
    .make = make_decoder<LispDecoder>,
};

}  // namespace netwatch::dpi
