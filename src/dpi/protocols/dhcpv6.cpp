// DHCP for IPv6: RFC 8415 (messages, options), RFC 3646 (DNS), RFC 4704 (client FQDN), RFC 5007
// (lease query). A relay's message is opened down to the client's: one record a datagram.
#include <algorithm>
#include <array>
#include <optional>
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

// A kind is the message type less one: RFC 8415 section 7.3, RFC 5007 section 4.1, RFC 5460.
constexpr std::array<std::string_view, 17> kKinds{"solicit",
                                                  "advertise",
                                                  "request",
                                                  "confirm",
                                                  "renew",
                                                  "rebind",
                                                  "reply",
                                                  "release",
                                                  "decline",
                                                  "reconfigure",
                                                  "information_request",
                                                  "relay_forward",
                                                  "relay_reply",
                                                  "lease_query",
                                                  "lease_query_reply",
                                                  "lease_query_done",
                                                  "lease_query_data"};
constexpr std::uint8_t kAdvertise = 2, kReply = 7, kRelayForward = 12, kRelayReply = 13;

enum Field : std::uint8_t {
  kTransaction,
  kType,
  kClientId,
  kServerId,
  kClientMac,
  kAddress,
  kPrefix,
  kLifetime,
  kStatus,
  kParameters,
  kFqdn,
  kVendorClass,
  kUserClass,
  kDnsServer,
  kDomain,
  kRapidCommit,
  kRelayLink,
  kRelayPeer,
  kRelayInterface,
  kLatency,
};

constexpr std::string_view kTransactionAlias[] = {"dhcpv6.xid"};
constexpr std::string_view kTypeAlias[] = {"dhcpv6.msgtype"};
constexpr std::string_view kAddressAlias[] = {"dhcpv6.iaaddr.ip"};
constexpr std::string_view kFqdnAlias[] = {"dhcpv6.client_domain"};

constexpr FieldDef kFields[] = {
    {.name = "dhcpv6.transaction",
     .type = FieldType::kUint,
     .help = "transaction id",
     .aliases = kTransactionAlias},
    {.name = "dhcpv6.type",
     .type = FieldType::kUint,
     .help = "number of the message type",
     .aliases = kTypeAlias},
    {.name = "dhcpv6.client_id",
     .type = FieldType::kBytes,
     .help = "DUID of the client",
     .privacy = Privacy::kPersonal},
    {.name = "dhcpv6.server_id", .type = FieldType::kBytes, .help = "DUID of the server"},
    {.name = "dhcpv6.client_mac",
     .help = "hardware address in the client's DUID",
     .privacy = Privacy::kPersonal},
    {.name = "dhcpv6.address",
     .type = FieldType::kAddress,
     .list = true,
     .help = "addresses that are asked for or given",
     .privacy = Privacy::kPersonal,
     .aliases = kAddressAlias},
    {.name = "dhcpv6.prefix",
     .list = true,
     .help = "prefixes that are delegated",
     .privacy = Privacy::kPersonal},
    {.name = "dhcpv6.lifetime_s",
     .type = FieldType::kUint,
     .list = true,
     .help = "how long each address or prefix is valid, in seconds"},
    {.name = "dhcpv6.status", .help = "result, if it is not success", .role = Role::kStatus},
    {.name = "dhcpv6.parameters",
     .help = "options that the client asks for, in its order: tells operating systems apart",
     .role = Role::kFingerprint,
     .max_bytes = 1024},
    {.name = "dhcpv6.fqdn",
     .help = "full name of the client",
     .privacy = Privacy::kPersonal,
     .aliases = kFqdnAlias},
    {.name = "dhcpv6.vendor_class",
     .list = true,
     .help = "enterprise number and kind of client program or device",
     .role = Role::kUserAgent},
    {.name = "dhcpv6.user_class", .list = true, .help = "classes of the client"},
    {.name = "dhcpv6.dns_server",
     .type = FieldType::kAddress,
     .list = true,
     .help = "name servers"},
    {.name = "dhcpv6.domain", .list = true, .help = "DNS search domains"},
    {.name = "dhcpv6.rapid_commit", .type = FieldType::kBool, .help = "two messages are enough"},
    {.name = "dhcpv6.relay_link",
     .type = FieldType::kAddress,
     .help = "address that names the client's link to the server"},
    {.name = "dhcpv6.relay_peer",
     .type = FieldType::kAddress,
     .help = "whom the relay got the message from",
     .privacy = Privacy::kPersonal},
    {.name = "dhcpv6.relay_interface",
     .type = FieldType::kBytes,
     .help = "the relay's port to the client",
     .privacy = Privacy::kPersonal},
    {.name = "dhcpv6.latency_us",
     .type = FieldType::kDuration,
     .help = "client's message to this answer",
     .role = Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kDhcpv6Schema{"dhcpv6", "DHCPv6", kKinds, kFields};

// RFC 8415 section 21 and the RFCs above.
enum Option : std::uint16_t {
  kOptClientId = 1,
  kOptServerId = 2,
  kOptIaNa = 3,
  kOptIaTa = 4,
  kOptAddress = 5,
  kOptRequest = 6,
  kOptElapsed = 8,
  kOptRelayed = 9,
  kOptStatus = 13,
  kOptRapidCommit = 14,
  kOptUserClass = 15,
  kOptVendorClass = 16,
  kOptInterfaceId = 18,
  kOptDnsServers = 23,
  kOptDomains = 24,
  kOptIaPd = 25,
  kOptPrefix = 26,
  kOptFqdn = 39,
};

constexpr int kMaxRelays = 8;  // RFC 8415 section 7.6: HOP_COUNT_LIMIT
constexpr int kMaxIaDepth = 2;
constexpr std::size_t kRelayHeadBytes = 34;
// The highest option code that IANA has given is 148; the rest is room for some years.
constexpr std::uint16_t kHighestOption = 255;

// Calls visit(code, value) for each option; false if they do not add up.
template <typename Visit>
bool for_each_option(Bytes options, Visit visit) {
  Cursor in(options);
  while (in.ok() && !in.at_end()) {
    const std::uint16_t code = in.u16();
    const Bytes value = in.take(in.u16());
    if (!in.ok() || code == 0) return false;
    visit(code, value);
  }
  return in.ok();
}

bool is_relay(std::uint8_t type) { return type == kRelayForward || type == kRelayReply; }

Bytes options_of(Bytes message) {
  const std::size_t head = !message.empty() && is_relay(message[0]) ? kRelayHeadBytes : 4;
  return message.size() < head ? Bytes{} : message.subspan(head);
}

// RFC 8415 section 11: a type of 1 to 4, and something after it.
bool is_duid(Bytes value) {
  return value.size() >= 4 && value.size() <= 130 && value[0] == 0 && value[1] >= 1 &&
         value[1] <= 4;
}

// One datagram is all there is to see, so its options have to add up, be known, and hold one that
// can hardly be there by chance.
bool is_message(Bytes bytes) {
  if (bytes.size() < 8 || bytes[0] == 0 || bytes[0] > kKinds.size()) return false;
  const Bytes options = options_of(bytes);
  if (options.empty()) return false;
  bool proof = false;
  bool sane = true;
  const bool relay = is_relay(bytes[0]);
  const bool whole = for_each_option(options, [&](std::uint16_t code, Bytes value) {
    sane &= code <= kHighestOption;
    if (code == kOptClientId || code == kOptServerId) {
      proof |= !relay && is_duid(value);
    } else if (code == kOptElapsed) {
      proof |= value.size() == 2;
      sane &= value.size() == 2;
    } else if (code == kOptRequest) {
      proof |= value.size() >= 2 && value.size() % 2 == 0;
    } else if (code == kOptRelayed) {
      proof |= relay && value.size() >= 4 && value[0] >= 1 && value[0] <= kKinds.size();
    }
  });
  return whole && sane && proof;
}

Probe probe_dhcpv6(const ProbeInput& input) {
  return is_message(input.of(input.latest)) ? Probe::kYes : Probe::kNo;
}

// RFC 8415 section 21.13 and RFC 3633.
std::string status_name(std::uint16_t code) {
  constexpr std::array<std::string_view, 7> kNames{
      "Success",   "UnspecFail",   "NoAddrsAvail",  "NoBinding",
      "NotOnLink", "UseMulticast", "NoPrefixAvail",
  };
  return code < kNames.size() ? std::string(kNames[code]) : std::to_string(code);
}

// Names in DNS's form, uncompressed, as RFC 8415 section 10 has them.
std::optional<std::string> next_name(Cursor& in) {
  std::string name;
  while (in.ok() && !in.at_end()) {
    const std::uint8_t length = in.u8();
    if (length == 0) break;
    if (length > 63 || name.size() > 255) return std::nullopt;
    if (!name.empty()) name += '.';
    name += base::as_text(in.take(length));
  }
  return in.ok() && !name.empty() ? std::optional(name) : std::nullopt;
}

// Puts the options of one message into the record at hand.
class Report {
 public:
  explicit Report(model::RecordBuilder& out) : out_(out) {}
  bool options(Bytes bytes, int depth);

 private:
  void option(std::uint16_t code, Bytes value, int depth);
  void text_option(std::uint16_t code, Bytes value);
  void client_id(Bytes value);
  void address(Bytes value);
  void prefix(Bytes value);
  void addresses(Field field, Bytes value);
  void list(Field field, Cursor in, const std::string& before);

  model::RecordBuilder& out_;
};

bool Report::options(Bytes bytes, int depth) {
  return for_each_option(bytes,
                         [&](std::uint16_t code, Bytes value) { option(code, value, depth); });
}

void Report::option(std::uint16_t code, Bytes value, int depth) {
  switch (code) {
    case kOptClientId:
      return client_id(value);
    case kOptServerId:
      return out_.add_bytes(kServerId, value);
    case kOptIaNa:
    case kOptIaPd:  // number and two times, then options
      if (depth < kMaxIaDepth && value.size() > 12) options(value.subspan(12), depth + 1);
      return;
    case kOptIaTa:
      if (depth < kMaxIaDepth && value.size() > 4) options(value.subspan(4), depth + 1);
      return;
    case kOptAddress:
      return address(value);
    case kOptPrefix:
      return prefix(value);
    case kOptDnsServers:
      return addresses(kDnsServer, value);
    case kOptRapidCommit:
      return out_.add_bool(kRapidCommit, true);
    case kOptInterfaceId:
      return out_.add_bytes(kRelayInterface, value);
    default:
      return text_option(code, value);
  }
}

void Report::text_option(std::uint16_t code, Bytes value) {
  Cursor in(value);
  if (code == kOptStatus && value.size() >= 2) {
    const std::uint16_t status = in.u16();
    if (status != 0) out_.add_text(kStatus, status_name(status));
  } else if (code == kOptRequest) {
    std::string list;
    while (in.remaining() >= 2) list += (list.empty() ? "" : ",") + std::to_string(in.u16());
    if (!list.empty()) out_.add_text(kParameters, list);
  } else if (code == kOptVendorClass && value.size() > 4) {
    const std::string enterprise = std::to_string(in.u32()) + ":";
    list(kVendorClass, in, enterprise);
  } else if (code == kOptUserClass) {
    list(kUserClass, in, "");
  } else if (code == kOptFqdn && !value.empty()) {
    in.skip(1);  // flags
    if (const auto name = next_name(in)) out_.add_text(kFqdn, *name);
  } else if (code == kOptDomains) {
    while (const auto name = next_name(in)) out_.add_text(kDomain, *name);
  }
}

// RFC 8415 sections 11.2 and 11.4: kinds 1 and 3 end with a hardware address.
void Report::client_id(Bytes value) {
  out_.add_bytes(kClientId, value);
  Cursor in(value);
  const std::uint16_t kind = in.u16();
  in.skip(kind == 1 ? 6 : 2);
  if (in.ok() && (kind == 1 || kind == 3) && in.remaining() == 6) {
    out_.add_text(kClientMac, mac_text(in.rest()));
  }
}

void Report::address(Bytes value) {
  Cursor in(value);
  const Bytes raw = in.take(16);
  in.skip(4);
  const std::uint32_t valid_s = in.u32();
  if (!in.ok()) return;
  out_.add_address(kAddress, base::IpAddress::v6(raw.data()));
  if (valid_s != 0) out_.add_uint(kLifetime, valid_s);
}

void Report::prefix(Bytes value) {
  Cursor in(value);
  in.skip(4);
  const std::uint32_t valid_s = in.u32();
  const std::uint8_t bits = in.u8();
  const Bytes raw = in.take(16);
  if (!in.ok() || bits > 128) return;
  out_.add_text(kPrefix, base::IpAddress::v6(raw.data()).to_string() + "/" + std::to_string(bits));
  if (valid_s != 0) out_.add_uint(kLifetime, valid_s);
}

void Report::addresses(Field field, Bytes value) {
  constexpr std::size_t kMost = 8;
  for (std::size_t i = 0; i < std::min(value.size() / 16, kMost); ++i) {
    out_.add_address(field, base::IpAddress::v6(value.subspan(i * 16, 16).data()));
  }
}

void Report::list(Field field, Cursor in, const std::string& before) {
  while (in.ok() && !in.at_end()) {
    const Bytes part = in.take(in.u16());
    if (in.ok() && !part.empty()) out_.add_text(field, before + std::string(base::as_text(part)));
  }
}

class Dhcpv6Decoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  Waiting<std::uint32_t, 4> waiting_;
};

Step Dhcpv6Decoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Bytes message = chunk.bytes;
  if (message.size() < 4 || message[0] == 0 || message[0] > kKinds.size()) {
    return {.verdict = Verdict::kNotMine};
  }
  model::RecordBuilder& record = context.record();
  Report report(record);
  record.start(kDhcpv6Schema, static_cast<std::uint8_t>(message[0] - 1));
  bool whole = true;
  bool relayed = false;
  // Down to what the relays, at most eight in a row, pass on.
  for (int hop = 0; hop < kMaxRelays && is_relay(message[0]); ++hop) {
    Bytes inner;
    whole &= for_each_option(options_of(message), [&](std::uint16_t code, Bytes value) {
      if (code == kOptRelayed) inner = value;
      if (code == kOptInterfaceId && hop == 0) record.add_bytes(kRelayInterface, value);
    });
    if (message.size() >= kRelayHeadBytes && hop == 0) {
      relayed = true;
      record.add_address(kRelayLink, base::IpAddress::v6(message.subspan(2, 16).data()));
      record.add_address(kRelayPeer, base::IpAddress::v6(message.subspan(18, 16).data()));
    }
    if (inner.empty()) break;
    message = inner;
  }
  if (message.size() >= 4 && !is_relay(message[0])) {
    Cursor in(message);
    const std::uint8_t type = in.u8();
    const std::uint32_t transaction = in.u24();
    record.add_uint(kTransaction, transaction);
    record.add_uint(kType, type);
    whole &= report.options(in.rest(), 0);
    if (type == kAdvertise || type == kReply) {
      const base::TimeNs ns = waiting_.answer(transaction, chunk.side, chunk.time_ns);
      if (ns >= 0) record.add_int(kLatency, ns);
    } else {
      waiting_.ask(transaction, chunk.side, chunk.time_ns);
    }
  } else if (relayed) {
    record.add_uint(kType, chunk.bytes[0]);
  }
  if (chunk.cut) record.mark_cut();
  context.emit(chunk.side);
  if (whole || chunk.cut) return {.consumed = chunk.bytes.size()};
  context.odd("option_overrun");
  return {.verdict = Verdict::kOdd, .consumed = chunk.bytes.size()};
}

constexpr std::uint16_t kUsualPorts[] = {546, 547};

}  // namespace

extern const ProtocolDef kDhcpv6;
constinit const ProtocolDef kDhcpv6{
    .name = "dhcpv6",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11"),
    .usual_ports = kUsualPorts,
    .probe = probe_dhcpv6,
    .schema = &kDhcpv6Schema,
    .state_bytes = sizeof(Dhcpv6Decoder),
    .make = make_decoder<Dhcpv6Decoder>,
};

}  // namespace netwatch::dpi
