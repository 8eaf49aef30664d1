// DHCP: RFC 2131 (messages), RFC 2132 (options), RFC 3046 (relay agent), RFC 4702 (client FQDN),
// and BOOTP (RFC 951) as far as it has RFC 1497's cookie. One record a message.
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

// A kind is the message type of option 53; 0 is a message without one.
constexpr std::array<std::string_view, 19> kKinds{"bootp",
                                                  "discover",
                                                  "offer",
                                                  "request",
                                                  "decline",
                                                  "ack",
                                                  "nak",
                                                  "release",
                                                  "inform",
                                                  "force_renew",
                                                  "lease_query",
                                                  "lease_unassigned",
                                                  "lease_unknown",
                                                  "lease_active",
                                                  "bulk_lease_query",
                                                  "lease_query_done",
                                                  "active_lease_query",
                                                  "lease_query_status",
                                                  "tls"};

enum Field : std::uint8_t {
  kTransaction,
  kType,
  kClientMac,
  kClientAddress,
  kYourAddress,
  kNextServer,
  kRelay,
  kHostname,
  kDomain,
  kFqdn,
  kVendorClass,
  kUserClass,
  kClientId,
  kRequestedAddress,
  kServerId,
  kLease,
  kSubnetMask,
  kRouter,
  kDnsServer,
  kNtpServer,
  kParameters,
  kMaxMessage,
  kMessage,
  kServerName,
  kBootFile,
  kCircuitId,
  kRemoteId,
  kLatency,
};

constexpr std::string_view kTransactionAlias[] = {"dhcp.id"};
constexpr std::string_view kTypeAlias[] = {"dhcp.option.dhcp"};
constexpr std::string_view kMacAlias[] = {"dhcp.hw.mac_addr"};
constexpr std::string_view kClientAlias[] = {"dhcp.ip.client"};
constexpr std::string_view kYourAlias[] = {"dhcp.ip.your"};
constexpr std::string_view kNextAlias[] = {"dhcp.ip.server"};
constexpr std::string_view kRelayAlias[] = {"dhcp.ip.relay"};
constexpr std::string_view kHostnameAlias[] = {"dhcp.option.hostname"};
constexpr std::string_view kDomainAlias[] = {"dhcp.option.domain_name"};
constexpr std::string_view kFqdnAlias[] = {"dhcp.fqdn.name"};
constexpr std::string_view kVendorAlias[] = {"dhcp.option.vendor_class_id"};
constexpr std::string_view kRequestedAlias[] = {"dhcp.option.requested_ip_address"};
constexpr std::string_view kServerAlias[] = {"dhcp.option.dhcp_server_id"};
constexpr std::string_view kLeaseAlias[] = {"dhcp.option.ip_address_lease_time"};
constexpr std::string_view kMaskAlias[] = {"dhcp.option.subnet_mask"};
constexpr std::string_view kRouterAlias[] = {"dhcp.option.router"};
constexpr std::string_view kDnsAlias[] = {"dhcp.option.domain_name_server"};
constexpr std::string_view kNtpAlias[] = {"dhcp.option.ntp_server"};
constexpr std::string_view kMessageAlias[] = {"dhcp.option.message"};
constexpr std::string_view kServerNameAlias[] = {"dhcp.server"};
constexpr std::string_view kFileAlias[] = {"dhcp.file"};

constexpr FieldDef kFields[] = {
    {.name = "dhcp.transaction",
     .type = FieldType::kUint,
     .help = "transaction id",
     .aliases = kTransactionAlias},
    {.name = "dhcp.type",
     .type = FieldType::kUint,
     .help = "number of the message type",
     .aliases = kTypeAlias},
    {.name = "dhcp.client_mac",
     .help = "hardware address of the client",
     .privacy = Privacy::kPersonal,
     .aliases = kMacAlias},
    {.name = "dhcp.client_address",
     .type = FieldType::kAddress,
     .help = "address that the client has already",
     .privacy = Privacy::kPersonal,
     .aliases = kClientAlias},
    {.name = "dhcp.your_address",
     .type = FieldType::kAddress,
     .help = "address that the server gives",
     .privacy = Privacy::kPersonal,
     .aliases = kYourAlias},
    {.name = "dhcp.next_server",
     .type = FieldType::kAddress,
     .help = "server to boot from",
     .aliases = kNextAlias},
    {.name = "dhcp.relay",
     .type = FieldType::kAddress,
     .help = "relay agent",
     .aliases = kRelayAlias},
    {.name = "dhcp.hostname",
     .help = "name the client gives itself, or is given",
     .privacy = Privacy::kPersonal,
     .aliases = kHostnameAlias},
    {.name = "dhcp.domain",
     .help = "DNS domain of the network",
     .privacy = Privacy::kPersonal,
     .aliases = kDomainAlias},
    {.name = "dhcp.fqdn",
     .help = "full name of the client",
     .privacy = Privacy::kPersonal,
     .aliases = kFqdnAlias},
    {.name = "dhcp.vendor_class",
     .help = "kind of client program or device",
     .role = Role::kUserAgent,
     .aliases = kVendorAlias},
    {.name = "dhcp.user_class", .list = true, .help = "classes that the client was put into"},
    {.name = "dhcp.client_id",
     .type = FieldType::kBytes,
     .help = "what the server knows the client by",
     .privacy = Privacy::kPersonal},
    {.name = "dhcp.requested_address",
     .type = FieldType::kAddress,
     .help = "address that the client asks for",
     .privacy = Privacy::kPersonal,
     .aliases = kRequestedAlias},
    {.name = "dhcp.server_id",
     .type = FieldType::kAddress,
     .help = "server that is meant or that answers",
     .aliases = kServerAlias},
    {.name = "dhcp.lease_s",
     .type = FieldType::kUint,
     .help = "how long the address may be used, in seconds",
     .aliases = kLeaseAlias},
    {.name = "dhcp.subnet_mask", .type = FieldType::kAddress, .aliases = kMaskAlias},
    {.name = "dhcp.router", .type = FieldType::kAddress, .list = true, .aliases = kRouterAlias},
    {.name = "dhcp.dns_server", .type = FieldType::kAddress, .list = true, .aliases = kDnsAlias},
    {.name = "dhcp.ntp_server", .type = FieldType::kAddress, .list = true, .aliases = kNtpAlias},
    {.name = "dhcp.parameters",
     .help = "options that the client asks for, in its order: tells operating systems apart",
     .role = Role::kFingerprint,
     .max_bytes = 1024},
    {.name = "dhcp.max_message_bytes",
     .type = FieldType::kUint,
     .help = "longest message that the sender takes"},
    {.name = "dhcp.message", .help = "why the server refuses", .aliases = kMessageAlias},
    {.name = "dhcp.server_name", .help = "name of the server", .aliases = kServerNameAlias},
    {.name = "dhcp.boot_file", .help = "file to boot", .aliases = kFileAlias},
    {.name = "dhcp.relay_circuit",
     .type = FieldType::kBytes,
     .help = "the relay agent's port to the client",
     .privacy = Privacy::kPersonal},
    {.name = "dhcp.relay_remote",
     .type = FieldType::kBytes,
     .help = "the relay agent's name for the client",
     .privacy = Privacy::kPersonal},
    {.name = "dhcp.latency_us",
     .type = FieldType::kDuration,
     .help = "client's message to this answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kDhcpSchema{"dhcp", "DHCP", kKinds, kFields};

constexpr std::size_t kServerNameBytes = 64;
constexpr std::size_t kFileBytes = 128;
constexpr std::uint32_t kCookie = 0x63825363;
constexpr std::uint8_t kMaxAddresses = 8;  // of one option

// RFC 2132 sections 3 to 9 and the RFCs above.
enum Option : std::uint8_t {
  kOptPad = 0,
  kOptSubnetMask = 1,
  kOptRouter = 3,
  kOptDns = 6,
  kOptHostname = 12,
  kOptDomain = 15,
  kOptNtp = 42,
  kOptRequested = 50,
  kOptLease = 51,
  kOptOverload = 52,
  kOptType = 53,
  kOptServerId = 54,
  kOptParameters = 55,
  kOptMessage = 56,
  kOptMaxMessage = 57,
  kOptVendorClass = 60,
  kOptClientId = 61,
  kOptServerName = 66,
  kOptBootFile = 67,
  kOptUserClass = 77,
  kOptFqdn = 81,
  kOptRelay = 82,
  kOptEnd = 255,
};

struct Message {
  bool reply = false;
  std::uint8_t hardware_bytes = 0;
  std::uint32_t transaction = 0;
  std::array<Bytes, 4> addresses;  // client, your, next server, relay
  Bytes hardware;
  Bytes server_name;
  Bytes file;
  Bytes options;
};

// False if it cannot be one, or ends before its options.
bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  const std::uint8_t op = in.u8();
  in.skip(1);  // kind of hardware
  message.hardware_bytes = in.u8();
  in.skip(1);  // hops
  message.transaction = in.u32();
  in.skip(4);  // seconds, flags
  for (Bytes& address : message.addresses) address = in.take(4);
  message.hardware = in.take(16);
  message.server_name = in.take(kServerNameBytes);
  message.file = in.take(kFileBytes);
  const std::uint32_t cookie = in.u32();
  message.options = in.rest();
  message.reply = op == 2;
  return in.ok() && (op == 1 || op == 2) && message.hardware_bytes <= 16 && cookie == kCookie;
}

// Calls visit(code, value) for each option; false if one overruns.
template <typename Visit>
bool for_each_option(Bytes options, Visit visit) {
  Cursor in(options);
  while (in.ok() && !in.at_end()) {
    const std::uint8_t code = in.u8();
    if (code == kOptPad) continue;
    if (code == kOptEnd) return true;
    const Bytes value = in.take(in.u8());
    if (in.ok()) visit(code, value);
  }
  return in.ok();
}

Probe probe_dhcp(const ProbeInput& input) {
  Message message;
  return read_message(input.of(input.latest), message) ? Probe::kYes : Probe::kNo;
}

class DhcpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  Waiting<std::uint32_t, 4> waiting_;
};

// Puts one message into the record at hand.
class Report {
 public:
  Report(const Message& message, model::RecordBuilder& out) : message_(message), out_(out) {}
  // False if an option overruns.
  bool run();
  [[nodiscard]] std::uint8_t type() const { return type_; }

 private:
  void head();
  void option(std::uint8_t code, Bytes value);
  void numbers(std::uint8_t code, Bytes value);
  void address(Field field, Bytes value);
  void addresses(Field field, Bytes value);
  void text(Field field, Bytes value);
  void parameters(Bytes value);
  void user_classes(Bytes value);
  void fqdn(Bytes value);
  void relay(Bytes value);

  const Message& message_;
  model::RecordBuilder& out_;
  std::uint8_t type_ = 0;
  std::uint8_t overload_ = 0;
};

bool Report::run() {
  for_each_option(message_.options, [this](std::uint8_t code, Bytes value) {
    if (code == kOptType && value.size() == 1 && value[0] < kKinds.size()) type_ = value[0];
    if (code == kOptOverload && value.size() == 1) overload_ = value[0];
  });
  out_.start(kDhcpSchema, type_);
  head();
  const auto visit = [this](std::uint8_t code, Bytes value) { option(code, value); };
  bool ok = for_each_option(message_.options, visit);
  // RFC 2132 section 9.3: the two name fields may hold options.
  if ((overload_ & 1) != 0) {
    ok &= for_each_option(message_.file, visit);
  } else {
    text(kBootFile, message_.file);
  }
  if ((overload_ & 2) != 0) {
    ok &= for_each_option(message_.server_name, visit);
  } else {
    text(kServerName, message_.server_name);
  }
  return ok;
}

void Report::head() {
  out_.add_uint(kTransaction, message_.transaction);
  if (type_ != 0) out_.add_uint(kType, type_);
  const Bytes mac = message_.hardware.first(message_.hardware_bytes);
  if (!mac.empty()) out_.add_text(kClientMac, mac_text(mac));
  constexpr std::array kPlaces{kClientAddress, kYourAddress, kNextServer, kRelay};
  for (std::size_t i = 0; i < kPlaces.size(); ++i) {
    const auto value = base::IpAddress::v4(message_.addresses[i].data());
    if (std::ranges::any_of(message_.addresses[i], [](std::uint8_t b) { return b != 0; })) {
      out_.add_address(kPlaces[i], value);
    }
  }
}

void Report::option(std::uint8_t code, Bytes value) {
  switch (code) {
    case kOptSubnetMask:
      return address(kSubnetMask, value);
    case kOptRouter:
      return addresses(kRouter, value);
    case kOptDns:
      return addresses(kDnsServer, value);
    case kOptNtp:
      return addresses(kNtpServer, value);
    case kOptRequested:
      return address(kRequestedAddress, value);
    case kOptServerId:
      return address(kServerId, value);
    case kOptHostname:
      return text(kHostname, value);
    case kOptDomain:
      return text(kDomain, value);
    case kOptMessage:
      return text(kMessage, value);
    case kOptVendorClass:
      return text(kVendorClass, value);
    case kOptUserClass:
      return user_classes(value);
    case kOptServerName:
      return text(kServerName, value);
    case kOptBootFile:
      return text(kBootFile, value);
    case kOptParameters:
      return parameters(value);
    case kOptFqdn:
      return fqdn(value);
    case kOptRelay:
      return relay(value);
    default:
      return numbers(code, value);
  }
}

void Report::numbers(std::uint8_t code, Bytes value) {
  Cursor in(value);
  if (code == kOptClientId && !value.empty()) out_.add_bytes(kClientId, value);
  if (code == kOptLease && value.size() == 4) out_.add_uint(kLease, in.u32());
  if (code == kOptMaxMessage && value.size() == 2) out_.add_uint(kMaxMessage, in.u16());
}

void Report::address(Field field, Bytes value) {
  if (value.size() == 4) out_.add_address(field, base::IpAddress::v4(value.data()));
}

void Report::addresses(Field field, Bytes value) {
  const std::size_t count = value.size() / 4;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, kMaxAddresses); ++i) {
    out_.add_address(field, base::IpAddress::v4(value.subspan(i * 4, 4).data()));
  }
  if (count > kMaxAddresses) out_.mark_cut();
}

void Report::text(Field field, Bytes value) {
  const std::string_view text = until_nul(value);
  if (!text.empty()) out_.add_text(field, text);
}

void Report::parameters(Bytes value) {
  std::string list;
  for (std::uint8_t code : value) {
    if (!list.empty()) list += ',';
    list += std::to_string(code);
  }
  if (!list.empty()) out_.add_text(kParameters, list);
}

// RFC 3004 section 4: each class behind its length. Many clients send one class and no length.
void Report::user_classes(Bytes value) {
  Cursor check(value);
  while (check.ok() && !check.at_end()) {
    if (check.take(check.u8()).empty()) check.fail();
  }
  if (!check.ok()) return text(kUserClass, value);
  for (Cursor in(value); !in.at_end();) text(kUserClass, in.take(in.u8()));
}

// RFC 4702 section 2: flags, two result codes, and the name in DNS's form or as text.
void Report::fqdn(Bytes value) {
  constexpr std::uint8_t kEncoded = 0x04;
  Cursor in(value);
  const std::uint8_t flags = in.u8();
  in.skip(2);
  if (!in.ok()) return;
  if ((flags & kEncoded) == 0) return text(kFqdn, in.rest());
  std::string name;
  while (in.ok() && !in.at_end()) {
    const std::uint8_t length = in.u8();
    if (length == 0 || length > 63) break;
    if (!name.empty()) name += '.';
    name += base::as_text(in.take(length));
  }
  if (in.ok() && !name.empty()) out_.add_text(kFqdn, name);
}

// RFC 3046 section 2: options of its own.
void Report::relay(Bytes value) {
  Cursor in(value);
  while (in.ok() && !in.at_end()) {
    const std::uint8_t code = in.u8();
    const Bytes part = in.take(in.u8());
    if (!in.ok() || part.empty()) continue;
    if (code == 1) out_.add_bytes(kCircuitId, part);
    if (code == 2) out_.add_bytes(kRemoteId, part);
  }
}

Step DhcpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Message message;
  if (!read_message(chunk.bytes, message)) return {.verdict = Verdict::kNotMine};
  Report report(message, context.record());
  const bool whole = report.run();
  if (chunk.cut) context.record().mark_cut();
  if (message.reply) {
    const base::TimeNs ns = waiting_.answer(message.transaction, chunk.side, chunk.time_ns);
    if (ns >= 0) context.record().add_int(kLatency, ns);
  } else {
    waiting_.ask(message.transaction, chunk.side, chunk.time_ns);
    // Not so from an answer: it may be sent to everybody, who opened nothing.
    context.set_originator(chunk.side);
  }
  context.emit(chunk.side);
  if (!whole && !chunk.cut) {
    context.odd("option_overrun");
    return {.verdict = Verdict::kOdd, .consumed = chunk.bytes.size()};
  }
  return {.consumed = chunk.bytes.size()};
}

constexpr std::uint16_t kUsualPorts[] = {67, 68};

}  // namespace

extern const ProtocolDef kDhcp;
constinit const ProtocolDef kDhcp{
    .name = "dhcp",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x01\x02"),
    .usual_ports = kUsualPorts,
    .probe = probe_dhcp,
    .schema = &kDhcpSchema,
    .state_bytes = sizeof(DhcpDecoder),
    .make = make_decoder<DhcpDecoder>,
};

}  // namespace netwatch::dpi
