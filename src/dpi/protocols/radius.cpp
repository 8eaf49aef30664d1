// RADIUS: RFC 2865 (access), RFC 2866 (accounting), RFC 5176 (changes of authorisation), RFC 3579
// (EAP), RFC 3162 (IPv6). Passwords do not enter the record; that one was sent does.
#include <algorithm>
#include <array>
#include <string>

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
using model::Privacy;
using model::Role;

struct Code {
  std::uint8_t code;
  bool answer;
};
// RFC 2865 section 3, RFC 2866, RFC 5176, RFC 5997: a kind is the place here.
constexpr std::array<Code, 14> kCodes{{{1, false},
                                       {2, true},
                                       {3, true},
                                       {4, false},
                                       {5, true},
                                       {11, true},
                                       {12, false},
                                       {13, true},
                                       {40, false},
                                       {41, true},
                                       {42, true},
                                       {43, false},
                                       {44, true},
                                       {45, true}}};
constexpr std::array<std::string_view, 14> kKinds{"access_request",
                                                  "access_accept",
                                                  "access_reject",
                                                  "accounting_request",
                                                  "accounting_response",
                                                  "access_challenge",
                                                  "status_server",
                                                  "status_client",
                                                  "disconnect_request",
                                                  "disconnect_ack",
                                                  "disconnect_nak",
                                                  "coa_request",
                                                  "coa_ack",
                                                  "coa_nak"};

enum Field : std::uint8_t {
  kCode,
  kId,
  kUser,
  kPassword,
  kMethod,
  kNasAddress,
  kNasId,
  kNasPort,
  kNasPortType,
  kServiceType,
  kFramedAddress,
  kCalledStation,
  kCallingStation,
  kReplyMessage,
  kAccounting,
  kSession,
  kSessionTime,
  kInBytes,
  kOutBytes,
  kTerminateCause,
  kVendor,
  kEap,
  kLatency,
};

constexpr std::string_view kUserAlias[] = {"radius.User_Name"};
constexpr std::string_view kNasAlias[] = {"radius.NAS_IP_Address"};
constexpr std::string_view kNasIdAlias[] = {"radius.NAS_Identifier"};
constexpr std::string_view kFramedAlias[] = {"radius.Framed_IP_Address"};
constexpr std::string_view kCalledAlias[] = {"radius.Called_Station_Id"};
constexpr std::string_view kCallingAlias[] = {"radius.Calling_Station_Id"};
constexpr std::string_view kSessionAlias[] = {"radius.Acct_Session_Id"};
constexpr std::string_view kLatencyAlias[] = {"radius.time"};

constexpr FieldDef kFields[] = {
    {.name = "radius.code", .type = FieldType::kUint, .help = "number of the message's kind"},
    {.name = "radius.id", .type = FieldType::kUint, .help = "number that an answer repeats"},
    {.name = "radius.user",
     .help = "who wants in",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal,
     .aliases = kUserAlias},
    {.name = "radius.password",
     .type = FieldType::kBool,
     .help = "a password is sent; its value is never kept",
     .privacy = Privacy::kSecret},
    {.name = "radius.method", .help = "pap, chap, mschap or eap", .role = Role::kMethod},
    {.name = "radius.nas_address",
     .type = FieldType::kAddress,
     .help = "network access server that asks",
     .aliases = kNasAlias},
    {.name = "radius.nas", .help = "its name", .aliases = kNasIdAlias},
    {.name = "radius.nas_port", .type = FieldType::kUint, .help = "its port to the user"},
    {.name = "radius.nas_port_type", .help = "ethernet, wifi, virtual, ..."},
    {.name = "radius.service_type", .type = FieldType::kUint, .help = "service that is wanted"},
    {.name = "radius.framed_address",
     .type = FieldType::kAddress,
     .help = "address that the user gets",
     .privacy = Privacy::kPersonal,
     .aliases = kFramedAlias},
    {.name = "radius.called_station",
     .help = "whom the user called: an access point, often with its network's name",
     .aliases = kCalledAlias},
    {.name = "radius.calling_station",
     .help = "where the user calls from: often the hardware address",
     .privacy = Privacy::kPersonal,
     .aliases = kCallingAlias},
    {.name = "radius.reply_message",
     .list = true,
     .help = "text for the user",
     .privacy = Privacy::kPersonal},
    {.name = "radius.accounting", .help = "start, stop, interim, on, off"},
    {.name = "radius.session",
     .help = "name of the session in the accounts",
     .privacy = Privacy::kPersonal,
     .aliases = kSessionAlias},
    {.name = "radius.session_time_s", .type = FieldType::kUint, .help = "length in seconds"},
    {.name = "radius.in_bytes", .type = FieldType::kUint, .help = "from the user"},
    {.name = "radius.out_bytes", .type = FieldType::kUint, .help = "to the user"},
    {.name = "radius.terminate_cause", .type = FieldType::kUint, .help = "why a session ended"},
    {.name = "radius.vendor",
     .type = FieldType::kUint,
     .list = true,
     .help = "enterprise numbers of vendors' attributes"},
    {.name = "radius.eap", .help = "request, response, success or failure"},
    {.name = "radius.latency_us",
     .type = FieldType::kDuration,
     .help = "request to this answer",
     .role = Role::kLatency,
     .aliases = kLatencyAlias},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kRadiusSchema{"radius", "RADIUS", kKinds, kFields};

// RFC 2865 section 5, RFC 2866 section 5, RFC 2869, RFC 3162.
enum Attribute : std::uint8_t {
  kAttUser = 1,
  kAttPassword = 2,
  kAttChap = 3,
  kAttNasAddress = 4,
  kAttNasPort = 5,
  kAttServiceType = 6,
  kAttFramedAddress = 8,
  kAttReply = 18,
  kAttVendor = 26,
  kAttCalled = 30,
  kAttCalling = 31,
  kAttNasId = 32,
  kAttAccounting = 40,
  kAttInOctets = 42,
  kAttOutOctets = 43,
  kAttSession = 44,
  kAttSessionTime = 46,
  kAttCause = 49,
  kAttInGigawords = 52,
  kAttOutGigawords = 53,
  kAttNasPortType = 61,
  kAttEap = 79,
  kAttNasAddress6 = 95,
};

constexpr std::size_t kHeaderBytes = 20;
constexpr std::size_t kMaxBytes = 4096;  // RFC 2865 section 3
constexpr std::size_t kMaxVendors = 8;
constexpr std::uint32_t kMicrosoft = 311;

struct Message {
  std::uint8_t code = 0;
  std::uint8_t kind = 0;
  bool answer = false;
  std::uint8_t id = 0;
  Bytes attributes;
  bool damaged = false;  // not all of them could be read
};

// Attributes of type, length and value up to the end.
template <typename Visit>
bool for_each_attribute(Bytes bytes, Visit visit) {
  Cursor in(bytes);
  while (in.ok() && !in.at_end()) {
    const std::uint8_t type = in.u8();
    const std::size_t length = in.u8();
    if (length < 2 || type == 0) return false;
    const Bytes value = in.take(length - 2);
    if (in.ok()) visit(type, value);
  }
  return in.ok();
}

bool is_user(std::uint8_t type, Bytes value) {
  constexpr std::size_t kShortestName = 4;
  return type == kAttUser && value.size() >= kShortestName &&
         std::ranges::all_of(value.first(kShortestName),
                             [](std::uint8_t c) { return c > ' ' && c < 0x7f; });
}

// RFC 2865 section 5.26: a number whose first byte is 0, then as a rule a type and a length.
bool is_vendors(std::uint8_t type, Bytes value) {
  return type == kAttVendor && value.size() > 6 && value[0] == 0 && value[5] == value.size() - 4;
}

bool is_address(std::uint8_t type, Bytes value) {
  return (type == kAttNasAddress || type == kAttFramedAddress) && value.size() == 4;
}

// Whether the attributes are those of a message. One whose length is wrong ends the list; if a user
// was named before it, or two others were as they have to be, the message is RADIUS all the same.
// So it is if bytes follow that are none of it: section 3 calls them padding.
bool believed(Message& message, bool padded) {
  bool named = false;
  unsigned right = 0;
  message.damaged = !for_each_attribute(message.attributes, [&](std::uint8_t type, Bytes value) {
    named = named || is_user(type, value);
    right += is_vendors(type, value) || is_address(type, value) ? 1 : 0;
  });
  if (padded) return !message.damaged && named && right > 0;
  return !message.damaged || named || right >= 2;
}

bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  message.code = in.u8();
  message.id = in.u8();
  const std::size_t length = in.u16();
  in.skip(16);  // authenticator
  if (!in.ok() || length > bytes.size() || length < kHeaderBytes || length > kMaxBytes) {
    return false;
  }
  message.attributes = in.take(length - kHeaderBytes);
  for (std::size_t i = 0; i < kCodes.size(); ++i) {
    if (kCodes[i].code != message.code) continue;
    message.kind = static_cast<std::uint8_t>(i);
    message.answer = kCodes[i].answer;
    return believed(message, length != bytes.size());
  }
  return false;
}

std::string port_type_name(std::uint32_t type) {
  switch (type) {
    case 0:
      return "async";
    case 5:
      return "virtual";
    case 15:
      return "ethernet";
    case 19:
      return "wifi";
    default:
      return std::to_string(type);
  }
}

std::string accounting_name(std::uint32_t status) {
  switch (status) {
    case 1:
      return "start";
    case 2:
      return "stop";
    case 3:
      return "interim";
    case 7:
      return "on";
    case 8:
      return "off";
    default:
      return std::to_string(status);
  }
}

// Puts the attributes of one message into the record at hand.
class Report {
 public:
  explicit Report(model::RecordBuilder& out) : out_(out) {}
  void attribute(std::uint8_t type, Bytes value);
  void finish();

 private:
  void number(std::uint8_t type, std::uint32_t value);
  void vendor(Bytes value);
  void eap(Bytes value);
  void method(std::string_view name);

  model::RecordBuilder& out_;
  std::size_t vendors_ = 0;
  std::uint64_t in_bytes_ = 0;
  std::uint64_t out_bytes_ = 0;
  bool counted_ = false;
  bool has_method_ = false;
  bool has_eap_ = false;
};

void Report::attribute(std::uint8_t type, Bytes value) {
  const auto text = [&](Field field) {
    const std::string_view words = until_nul(value);
    if (!words.empty()) out_.add_text(field, words);
  };
  switch (type) {
    case kAttUser:
      return text(kUser);
    case kAttPassword:
      out_.add_bool(kPassword, true);
      return method("pap");
    case kAttChap:
      out_.add_bool(kPassword, true);
      return method("chap");
    case kAttNasAddress:
    case kAttFramedAddress:
      if (value.size() != 4) return;
      return out_.add_address(type == kAttNasAddress ? kNasAddress : kFramedAddress,
                              base::IpAddress::v4(value.data()));
    case kAttNasAddress6:
      if (value.size() == 16) out_.add_address(kNasAddress, base::IpAddress::v6(value.data()));
      return;
    case kAttReply:
      return text(kReplyMessage);
    case kAttVendor:
      return vendor(value);
    case kAttCalled:
      return text(kCalledStation);
    case kAttCalling:
      return text(kCallingStation);
    case kAttNasId:
      return text(kNasId);
    case kAttSession:
      return text(kSession);
    case kAttEap:
      return eap(value);
    default:
      if (value.size() == 4) number(type, Cursor(value).u32());
  }
}

void Report::number(std::uint8_t type, std::uint32_t value) {
  switch (type) {
    case kAttNasPort:
      return out_.add_uint(kNasPort, value);
    case kAttNasPortType:
      return out_.add_text(kNasPortType, port_type_name(value));
    case kAttServiceType:
      return out_.add_uint(kServiceType, value);
    case kAttAccounting:
      return out_.add_text(kAccounting, accounting_name(value));
    case kAttSessionTime:
      return out_.add_uint(kSessionTime, value);
    case kAttCause:
      return out_.add_uint(kTerminateCause, value);
    case kAttInOctets:
    case kAttInGigawords:
      in_bytes_ += std::uint64_t{value} << (type == kAttInOctets ? 0 : 32);
      counted_ = true;
      return;
    case kAttOutOctets:
    case kAttOutGigawords:
      out_bytes_ += std::uint64_t{value} << (type == kAttOutOctets ? 0 : 32);
      counted_ = true;
      return;
    default:
      return;
  }
}

void Report::vendor(Bytes value) {
  Cursor in(value);
  const std::uint32_t number = in.u32();
  const std::uint8_t type = in.u8();
  if (!in.ok()) return;
  if (vendors_++ < kMaxVendors) out_.add_uint(kVendor, number);
  // RFC 2548: MS-CHAP-Response and MS-CHAP2-Response.
  if (number == kMicrosoft && (type == 1 || type == 25)) {
    out_.add_bool(kPassword, true);
    method("mschap");
  }
}

// A long message comes in several attributes: the first has the head.
void Report::eap(Bytes value) {
  constexpr std::array<std::string_view, 5> kNames{"", "request", "response", "success", "failure"};
  if (has_eap_ || value.size() < 4) return;
  has_eap_ = true;
  if (value[0] >= 1 && value[0] <= 4) out_.add_text(kEap, kNames[value[0]]);
  method("eap");
}

void Report::method(std::string_view name) {
  if (!has_method_) out_.add_text(kMethod, name);
  has_method_ = true;
}

void Report::finish() {
  if (!counted_) return;
  out_.add_uint(kInBytes, in_bytes_);
  out_.add_uint(kOutBytes, out_bytes_);
}

class RadiusDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  Waiting<std::uint8_t, 16> waiting_;
};

Step RadiusDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Message message;
  if (!read_message(chunk.bytes, message)) return {.verdict = Verdict::kNotMine};
  model::RecordBuilder& record = context.record();
  record.start(kRadiusSchema, message.kind);
  record.add_uint(kCode, message.code);
  record.add_uint(kId, message.id);
  Report report(record);
  for_each_attribute(message.attributes,
                     [&](std::uint8_t type, Bytes value) { report.attribute(type, value); });
  report.finish();
  if (message.answer) {
    const base::TimeNs ns = waiting_.answer(message.id, chunk.side, chunk.time_ns);
    if (ns >= 0) record.add_int(kLatency, ns);
  } else {
    waiting_.ask(message.id, chunk.side, chunk.time_ns);
  }
  context.set_originator(message.answer ? model::other(chunk.side) : chunk.side);
  context.emit(chunk.side);
  if (message.damaged) context.odd("attribute_length");
  return {.verdict = message.damaged ? Verdict::kOdd : Verdict::kFine,
          .consumed = chunk.bytes.size()};
}

Probe probe_radius(const ProbeInput& input) {
  Message message;
  return read_message(input.of(input.latest), message) ? Probe::kYes : Probe::kNo;
}

constexpr std::uint16_t kUsualPorts[] = {1812, 1813, 3799};

}  // namespace

extern const ProtocolDef kRadius;
constinit const ProtocolDef kRadius{
    .name = "radius",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x01\x02\x03\x04\x05\x0b\x0c\x0d\x28\x29\x2a\x2b\x2c\x2d"),
    .usual_ports = kUsualPorts,
    .probe = probe_radius,
    .schema = &kRadiusSchema,
    .state_bytes = sizeof(RadiusDecoder),
    .make = make_decoder<RadiusDecoder>,
};

}  // namespace netwatch::dpi
