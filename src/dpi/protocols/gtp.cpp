// GTP's control plane: 3GPP TS 29.060 (GTPv1-C, and version 0 before it), TS 29.274 (GTPv2-C),
// TS 32.295 (GTP', charging), and the messages of TS 29.281 (GTP-U) that carry no packet; those
// that do are a tunnel, and none of this layer.
#include <algorithm>
#include <array>
#include <string>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/gtp_message.h"
#include "dpi/parts/gtp_names.h"
#include "dpi/parts/waiting.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using gtp::for_each_element;
using gtp::kPrime;
using gtp::Message;
using gtp::read_message;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::RecordBuilder;
using model::Role;
using std::string_view;

enum Kind : std::uint8_t { kRequest, kResponse, kNotice };
constexpr string_view kKinds[] = {"request", "response", "notice"};

enum Field : std::uint8_t {
  kVersion,
  kMessage,
  kMessageType,
  kTeid,
  kSequence,
  kCause,
  kCauseCode,
  kImsi,
  kMsisdn,
  kImei,
  kApn,
  kAccess,
  kNetwork,
  kAddress,
  kFteid,
  kNode,
  kBearer,
  kRestarts,
  kRecords,
  kLatency,
};
constexpr string_view kMessageAlias[] = {"gtp.message", "gtpv2.message_type"};
constexpr string_view kTeidAlias[] = {"gtpv2.teid"};
constexpr string_view kSequenceAlias[] = {"gtp.seq_number", "gtpv2.seq"};
constexpr string_view kCauseAlias[] = {"gtpv2.cause"};
constexpr string_view kImsiAlias[] = {"e212.imsi"};
constexpr string_view kMsisdnAlias[] = {"e164.msisdn"};
constexpr string_view kImeiAlias[] = {"gtp.ext_imeisv", "gtpv2.mei"};
constexpr string_view kApnAlias[] = {"gtpv2.apn"};
constexpr string_view kAccessAlias[] = {"gtp.ext_rat_type", "gtpv2.rat_type"};
constexpr string_view kAddressAlias[] = {"gtp.user_ipv4", "gtp.user_ipv6",
                                         "gtpv2.pdn_addr_and_prefix"};
constexpr string_view kNodeAlias[] = {"gtp.gsn_ipv4", "gtp.gsn_ipv6"};
constexpr string_view kBearerAlias[] = {"gtp.nsapi", "gtpv2.ebi"};
constexpr string_view kRestartsAlias[] = {"gtp.recovery", "gtpv2.rec"};
constexpr FieldDef kFields[] = {
    {.name = "gtp.version", .help = "0, 1, 2, or prime (charging)", .role = Role::kVersion},
    {.name = "gtp.message_name",
     .help = "create_session_request, echo_response, ...",
     .role = Role::kMethod,
     .aliases = std::span(kMessageAlias).first(1)},
    {.name = "gtp.message_type",
     .type = FieldType::kUint,
     .help = "its number",
     .aliases = std::span(kMessageAlias).last(1)},
    {.name = "gtp.teid",
     .type = FieldType::kUint,
     .help = "tunnel end point that the message is for",
     .aliases = kTeidAlias},
    {.name = "gtp.sequence",
     .type = FieldType::kUint,
     .help = "number that an answer repeats",
     .aliases = kSequenceAlias},
    {.name = "gtp.cause",
     .help = "request_accepted, or why not",
     .role = Role::kStatus,
     .aliases = kCauseAlias},
    {.name = "gtp.cause_code", .type = FieldType::kUint, .help = "its number"},
    {.name = "gtp.imsi",
     .help = "subscriber",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kImsiAlias},
    {.name = "gtp.msisdn",
     .help = "telephone number",
     .privacy = Privacy::kPersonal,
     .aliases = kMsisdnAlias},
    {.name = "gtp.imei", .help = "device", .privacy = Privacy::kPersonal, .aliases = kImeiAlias},
    {.name = "gtp.apn",
     .help = "access point: the network that is wanted",
     .role = Role::kSubject,
     .aliases = kApnAlias},
    {.name = "gtp.rat", .help = "radio access: geran, utran, eutran, nr", .aliases = kAccessAlias},
    {.name = "gtp.network", .help = "country and network code of where the subscriber is"},
    {.name = "gtp.address",
     .type = FieldType::kAddress,
     .list = true,
     .help = "given to the subscriber",
     .privacy = Privacy::kPersonal,
     .aliases = kAddressAlias},
    {.name = "gtp.fteid", .list = true, .help = "new tunnel end points: interface, TEID, address"},
    {.name = "gtp.node",
     .type = FieldType::kAddress,
     .list = true,
     .help = "addresses of the nodes that serve the subscriber",
     .aliases = kNodeAlias},
    {.name = "gtp.bearer",
     .type = FieldType::kUint,
     .list = true,
     .help = "bearers (NSAPI, EBI)",
     .aliases = kBearerAlias},
    {.name = "gtp.restarts",
     .type = FieldType::kUint,
     .help = "how often the sender restarted",
     .aliases = kRestartsAlias},
    {.name = "gtp.records", .type = FieldType::kUint, .help = "charging records in the message"},
    {.name = "gtp.latency_us",
     .type = FieldType::kDuration,
     .help = "request to response",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);
constexpr model::Schema kSchema{
    .proto = "gtp", .title = "GTP control plane", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kMostListed = 8;

// Digits two a byte, the lower half first, up to a filler (TS 29.002, TBCD-STRING).
std::string digits(Bytes bytes) {
  constexpr std::size_t kMostBytes = 9;
  constexpr std::uint8_t kFiller = 15;
  std::string out;
  for (std::uint8_t byte : bytes.first(std::min(bytes.size(), kMostBytes))) {
    for (const int digit : {byte & 15, byte >> 4}) {
      if (digit == kFiller) return out;
      out += "0123456789*#abc"[digit];
    }
  }
  return out;
}

// TS 24.008 section 10.5.1.3: country code, and a network code of two or three digits.
std::string network(Bytes bytes) {
  constexpr string_view kDigits = "0123456789abcdef";
  std::string out{kDigits[bytes[0] & 15], kDigits[bytes[0] >> 4], kDigits[bytes[1] & 15], '-'};
  out += kDigits[bytes[2] & 15];
  out += kDigits[bytes[2] >> 4];
  if ((bytes[1] >> 4) != 15) out += kDigits[bytes[1] >> 4];
  return out;
}

// TS 23.003 section 9.1: labels with their lengths.
std::string access_point(Bytes bytes) {
  std::string out;
  Cursor in(bytes);
  while (in.ok() && !in.at_end()) {
    const Bytes label = in.take(in.u8());
    if (!out.empty()) out += '.';
    out += base::as_text(label);
  }
  return out;
}

// Puts the elements that are reported into a record.
class Report {
 public:
  explicit Report(RecordBuilder& out) : out_(out) {}
  void elements(const Message& message, bool inner = false);

 private:
  void first(std::uint8_t version, std::uint8_t type, Bytes value);
  void second(std::uint8_t type, Bytes value, bool inner);
  void once(Field field, const std::string& text) {
    if (text.empty() || (seen_ & 1U << field) != 0) return;
    seen_ |= 1U << field;
    out_.add_text(field, text);
  }
  void cause(std::uint8_t version, std::uint8_t code) {
    if ((seen_ & 1U << kCauseCode) != 0) return;
    seen_ |= 1U << kCauseCode;
    out_.add_uint(kCauseCode, code);
    once(kCause, std::string(gtp::cause_name(version, code)));
  }
  void number(Field field, std::uint64_t value) {
    if (listed_[field]++ < kMostListed) out_.add_uint(field, value);
  }
  void address(Field field, Bytes value) {
    if (value.size() != 4 && value.size() != 16) return;
    const base::IpAddress address =
        value.size() == 4 ? base::IpAddress::v4(value.data()) : base::IpAddress::v6(value.data());
    // "0.0.0.0" asks for one.
    const bool none = std::ranges::all_of(value, [](std::uint8_t byte) { return byte == 0; });
    if (!none && listed_[field]++ < kMostListed) out_.add_address(field, address);
  }
  void teid(string_view what, Bytes value) {
    if (listed_[kFteid]++ >= kMostListed) return;
    out_.add_text(kFteid, std::string(what) + ' ' + hex_number(Cursor(value).u32(), 8));
  }
  void fteid(Bytes value);
  void allocation(Bytes value);

  RecordBuilder& out_;
  std::uint32_t seen_ = 0;
  std::array<std::uint8_t, kLatency> listed_{};
};

void Report::elements(const Message& message, bool inner) {
  for_each_element(message, [&](std::uint8_t type, Bytes value) {
    if (value.empty()) return;
    if (message.version == 2) return second(type, value, inner);
    first(message.version, type, value);
  });
}

// TS 29.060 section 7.7, TS 32.295 section 6.2.
void Report::first(std::uint8_t version, std::uint8_t type, Bytes value) {
  constexpr std::uint8_t kUserData = 16;
  constexpr std::uint8_t kControl = 17;
  const auto text = [&](Field field) { once(field, digits(value)); };
  switch (type) {
    case 1:
      return cause(version, value[0]);
    case 2:
      return text(kImsi);
    case 3:
      return once(kNetwork, network(value));
    case 14:
      return number(kRestarts, value[0]);
    case kUserData:
    case kControl:
      if (version != 0) teid(type == kUserData ? "user" : "control", value);
      return;
    case 20:
      return number(kBearer, value[0] & 15);
    case 128:  // organisation, type, address
      if (value.size() > 2) address(kAddress, value.subspan(2));
      return;
    case 131:
      return once(kApn, access_point(value));
    case 133:
      return address(kNode, value);
    case 134:
      return once(kMsisdn, digits(value.subspan(1)));
    case 151:
      return once(kAccess, std::string(gtp::access_name(value[0])));
    case 154:
      return text(kImei);
    case 252:
      return number(kRecords, value[0]);
    default:
      return;
  }
}

// TS 29.274 section 8.
void Report::second(std::uint8_t type, Bytes value, bool inner) {
  switch (type) {
    case 1:
      return once(kImsi, digits(value));
    case 2:
      if (!inner) cause(2, value[0]);
      return;
    case 3:
      return number(kRestarts, value[0]);
    case 71:
      return once(kApn, access_point(value));
    case 73:
      return number(kBearer, value[0] & 15);
    case 75:
      return once(kImei, digits(value));
    case 76:
      return once(kMsisdn, digits(value));
    case 79:
      return allocation(value);
    case 82:
      return once(kAccess, std::string(gtp::access_name(value[0])));
    case 83:
      if (value.size() >= 3) once(kNetwork, network(value));
      return;
    case 87:
      return fteid(value);
    case 93: {  // a bearer's context: elements in an element, one deep
      if (inner) return;
      Message context;
      context.version = 2;
      context.elements = value;
      return elements(context, true);
    }
    default:
      return;
  }
}

// Section 8.22.
void Report::fteid(Bytes value) {
  constexpr std::uint8_t kV4 = 0x80;
  constexpr std::uint8_t kV6 = 0x40;
  Cursor in(value);
  const std::uint8_t flags = in.u8();
  const Bytes number = in.take(4);
  const string_view name = gtp::interface_name(flags & 0x3F);
  std::string text(name.empty() ? std::to_string(flags & 0x3F) : std::string(name));
  if (!in.ok() || listed_[kFteid]++ >= kMostListed) return;
  text += ' ' + hex_number(Cursor(number).u32(), 8);
  const Bytes v4 = (flags & kV4) != 0 ? in.take(4) : Bytes{};
  const Bytes v6 = (flags & kV6) != 0 ? in.take(16) : Bytes{};
  if (v4.size() == 4) text += ' ' + base::IpAddress::v4(v4.data()).to_string();
  if (v6.size() == 16) text += ' ' + base::IpAddress::v6(v6.data()).to_string();
  out_.add_text(kFteid, text);
}

// Section 8.14: with a prefix length before the IPv6 address.
void Report::allocation(Bytes value) {
  constexpr std::uint8_t kIpv4 = 1;
  constexpr std::uint8_t kIpv6 = 2;
  constexpr std::uint8_t kBoth = 3;
  Cursor in(value);
  const std::uint8_t type = in.u8() & 7;
  if (type == kIpv6 || type == kBoth) {
    in.skip(1);
    address(kAddress, in.take(16));
  }
  if (type == kIpv4 || type == kBoth) address(kAddress, in.take(4));
}

Kind kind_of(string_view name) {
  if (name.ends_with("_request") || name.ends_with("_command")) return kRequest;
  const bool answer = name.ends_with("_response") || name.ends_with("_acknowledge") ||
                      name.ends_with("_failure_indication") || name == "version_not_supported" ||
                      name == "version_not_supported_indication";
  return answer ? kResponse : kNotice;
}

class GtpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  void message(const Message& message, const model::StreamChunk& chunk, Context& context);

  Waiting<std::uint32_t, 24> waiting_;
  bool confirmed_ = false;
};

void GtpDecoder::message(const Message& message, const model::StreamChunk& chunk,
                         Context& context) {
  const string_view name = gtp::message_name(message.version, message.type);
  const Kind kind = kind_of(name);
  RecordBuilder& record = context.record();
  record.start(kSchema, kind);
  record.add_text(kVersion, message.version == kPrime ? "prime" : std::to_string(message.version));
  record.add_text(kMessage, name);
  record.add_uint(kMessageType, message.type);
  if (message.has_teid) record.add_uint(kTeid, message.teid);
  if (message.has_sequence) record.add_uint(kSequence, message.sequence);
  Report report(record);
  const bool has_tid =
      std::ranges::any_of(message.tid, [](std::uint8_t byte) { return byte != 0; });
  if (has_tid && message.tid[0] != 0xFF) record.add_text(kImsi, digits(message.tid).substr(0, 15));
  report.elements(message);
  const std::uint32_t key = std::uint32_t{message.version} << 24 | message.sequence;
  if (kind == kRequest && message.has_sequence) waiting_.ask(key, chunk.side, chunk.time_ns);
  if (kind == kResponse && message.has_sequence) {
    const base::TimeNs ns = waiting_.answer(key, chunk.side, chunk.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  }
  // Either end of a path may ask: the first word counts.
  if (kind == kRequest) context.set_originator(chunk.side);
  if (kind == kResponse) context.set_originator(model::other(chunk.side));
  context.emit(chunk.side);
}

Step GtpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Bytes rest = chunk.bytes;
  Message message;
  if (!read_message(rest, message)) {
    return {.verdict = confirmed_ ? Verdict::kFine : Verdict::kNotMine, .consumed = rest.size()};
  }
  // Charging's shortest messages are six bytes: one alone is little.
  if (message.version == kPrime && message.elements.empty() && !confirmed_) {
    confirmed_ = true;
    return {.consumed = rest.size(), .unsure = true};
  }
  confirmed_ = true;
  this->message(message, chunk, context);
  // Of version 2, another message may ride on it.
  rest = rest.subspan(std::min(message.size, rest.size()));
  if (!rest.empty() && read_message(rest, message) && message.version == 2) {
    this->message(message, chunk, context);
  }
  return {.consumed = chunk.bytes.size()};
}

Probe probe_gtp(const ProbeInput& input) {
  Message message;
  return read_message(input.of(input.latest), message) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kPorts[] = {2123, 2152, 3386};

}  // namespace

extern const ProtocolDef kGtp;
constinit const ProtocolDef kGtp{
    .name = "gtp",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x0e\x0f\x1e\x1f\x2e\x2f\x30\x31\x32\x33\x34\x35\x36\x37"
                            "\x40\x44\x48\x4c\x4e\x4f\x50\x54\x58\x5c"),
    .usual_ports = kPorts,
    .probe = probe_gtp,
    .schema = &kSchema,
    .state_bytes = sizeof(GtpDecoder),
    .make = make_decoder<GtpDecoder>,
};

}  // namespace netwatch::dpi
