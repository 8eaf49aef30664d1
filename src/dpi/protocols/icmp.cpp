// ICMP: RFC 792, RFC 1191; ICMPv6: RFC 4443; neighbours and routers: RFC 4861, RFC 8106; groups:
// RFC 2710, RFC 3810. Echoes are the flow's own business (their answer times): nothing is said of
// them here.
#include <array>

#include "base/cursor.h"
#include "dpi/parts/field_text.h"
#include "dpi/parts/internet_message.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using base::IpAddress;
using model::FieldDef;
using model::FieldType;
using std::string_view;

enum Kind : std::uint8_t {
  kUnreachable,
  kTooBig,
  kTimeExceeded,
  kParameterProblem,
  kRedirect,
  kRouterSolicitation,
  kRouterAdvertisement,
  kNeighborSolicitation,
  kNeighborAdvertisement,
  kGroupQuery,
  kGroupReport,
  kGroupDone,
  kNoKind,
};
constexpr std::array<string_view, kNoKind> kKinds{"unreachable",
                                                  "packet_too_big",
                                                  "time_exceeded",
                                                  "parameter_problem",
                                                  "redirect",
                                                  "router_solicitation",
                                                  "router_advertisement",
                                                  "neighbor_solicitation",
                                                  "neighbor_advertisement",
                                                  "group_query",
                                                  "group_report",
                                                  "group_done"};

enum Field : std::uint8_t {
  kReason,
  kCode,
  kMtu,
  kGateway,
  kQuotedProto,
  kQuotedSource,
  kQuotedSourcePort,
  kQuotedDestination,
  kQuotedDestinationPort,
  kTarget,
  kLinkAddress,
  kRouter,
  kSolicited,
  kOverride,
  kLifetime,
  kPrefix,
  kLinkMtu,
  kDns,
  kGroup,
  kFieldCount,
};

constexpr string_view kCodeAlias[] = {"icmp.code", "icmpv6.code"};
constexpr string_view kMtuAlias[] = {"icmp.mtu", "icmpv6.mtu"};
constexpr string_view kGatewayAlias[] = {"icmp.redir_gw", "icmpv6.nd.redirect.target_address"};
constexpr string_view kTargetAlias[] = {"icmpv6.nd.ns.target_address",
                                        "icmpv6.nd.na.target_address"};
constexpr string_view kLinkAddressAlias[] = {"icmpv6.opt.linkaddr"};
constexpr string_view kRouterAlias[] = {"icmpv6.nd.na.flag.r"};
constexpr string_view kSolicitedAlias[] = {"icmpv6.nd.na.flag.s"};
constexpr string_view kOverrideAlias[] = {"icmpv6.nd.na.flag.o"};
constexpr string_view kLifetimeAlias[] = {"icmpv6.nd.ra.router_lifetime"};
constexpr string_view kPrefixAlias[] = {"icmpv6.opt.prefix"};
constexpr string_view kLinkMtuAlias[] = {"icmpv6.opt.mtu"};
constexpr string_view kDnsAlias[] = {"icmpv6.opt.rdnss"};
constexpr string_view kGroupAlias[] = {"icmpv6.mld.multicast_address",
                                       "icmpv6.mldr.mar.multicast_address"};

constexpr FieldDef kFields[] = {
    {.name = "icmp.reason", .help = "what the code means: port_unreachable"},
    {.name = "icmp.code_number", .type = FieldType::kUint, .help = "code", .aliases = kCodeAlias},
    {.name = "icmp.next_hop_mtu_bytes",
     .type = FieldType::kUint,
     .help = "MTU of the link that the packet did not fit",
     .aliases = kMtuAlias},
    {.name = "icmp.gateway",
     .type = FieldType::kAddress,
     .help = "better first hop of a redirect",
     .aliases = kGatewayAlias},
    {.name = "icmp.quoted_proto", .help = "transport of the packet in question"},
    {.name = "icmp.quoted_src", .type = FieldType::kAddress, .help = "its source"},
    {.name = "icmp.quoted_sport", .type = FieldType::kUint, .help = "its source port"},
    {.name = "icmp.quoted_dst", .type = FieldType::kAddress, .help = "its destination"},
    {.name = "icmp.quoted_dport", .type = FieldType::kUint, .help = "its destination port"},
    {.name = "ndp.target",
     .type = FieldType::kAddress,
     .help = "address that is looked for or answered for",
     .role = model::Role::kQueryName,
     .aliases = kTargetAlias},
    {.name = "ndp.link_address",
     .help = "link-layer address of the sender or the target",
     .aliases = kLinkAddressAlias},
    {.name = "ndp.router",
     .type = FieldType::kBool,
     .help = "the sender is a router",
     .aliases = kRouterAlias},
    {.name = "ndp.solicited",
     .type = FieldType::kBool,
     .help = "it answers a solicitation",
     .aliases = kSolicitedAlias},
    {.name = "ndp.override",
     .type = FieldType::kBool,
     .help = "it replaces what is known",
     .aliases = kOverrideAlias},
    {.name = "ndp.lifetime_s",
     .type = FieldType::kUint,
     .help = "how long the sender is a default router",
     .aliases = kLifetimeAlias},
    {.name = "ndp.prefix",
     .list = true,
     .help = "prefixes of the link: 2001:db8::/64",
     .aliases = kPrefixAlias},
    {.name = "ndp.mtu_bytes",
     .type = FieldType::kUint,
     .help = "MTU of the link",
     .aliases = kLinkMtuAlias},
    {.name = "ndp.dns",
     .type = FieldType::kAddress,
     .list = true,
     .help = "resolvers the router names",
     .aliases = kDnsAlias},
    {.name = "mld.group",
     .type = FieldType::kAddress,
     .list = true,
     .help = "multicast groups asked about, joined or left",
     .aliases = kGroupAlias},
};
static_assert(std::size(kFields) == kFieldCount);

const model::Schema kIcmpSchema{"icmp", "ICMP", std::span(kKinds).first(kRedirect + 1), kFields};
const model::Schema kIcmp6Schema{"icmp6", "ICMPv6, NDP and MLD", kKinds, kFields};

Kind kind_of_v4(std::uint8_t type) {
  switch (type) {
    case 3:
      return kUnreachable;
    case 5:
      return kRedirect;
    case 11:
      return kTimeExceeded;
    case 12:
      return kParameterProblem;
    default:
      return kNoKind;
  }
}

Kind kind_of_v6(std::uint8_t type) {
  if (type >= 1 && type <= 4) return static_cast<Kind>(type - 1);
  switch (type) {
    case 130:
      return kGroupQuery;
    case 131:
    case 143:
      return kGroupReport;
    case 132:
      return kGroupDone;
    case 133:
      return kRouterSolicitation;
    case 134:
      return kRouterAdvertisement;
    case 135:
      return kNeighborSolicitation;
    case 136:
      return kNeighborAdvertisement;
    case 137:
      return kRedirect;
    default:
      return kNoKind;
  }
}

// IANA, "ICMP Parameters" and "ICMPv6 Parameters"; nothing for a code without a name.
string_view reason_v4(Kind kind, std::uint8_t code) {
  constexpr std::array<string_view, 16> kUnreachableCodes{"net_unreachable",
                                                          "host_unreachable",
                                                          "protocol_unreachable",
                                                          "port_unreachable",
                                                          "fragmentation_needed",
                                                          "source_route_failed",
                                                          "net_unknown",
                                                          "host_unknown",
                                                          "source_isolated",
                                                          "net_prohibited",
                                                          "host_prohibited",
                                                          "net_unreachable_for_tos",
                                                          "host_unreachable_for_tos",
                                                          "admin_prohibited",
                                                          "precedence_violation",
                                                          "precedence_cutoff"};
  if (kind == kUnreachable && code < kUnreachableCodes.size()) return kUnreachableCodes[code];
  if (kind == kTimeExceeded && code == 0) return "ttl_exceeded";
  if (kind == kTimeExceeded && code == 1) return "reassembly_time_exceeded";
  return {};
}

string_view reason_v6(Kind kind, std::uint8_t code) {
  constexpr std::array<string_view, 8> kUnreachableCodes{
      "no_route",         "admin_prohibited",     "beyond_scope",   "host_unreachable",
      "port_unreachable", "source_policy_failed", "route_rejected", "source_routing_error"};
  if (kind == kUnreachable && code < kUnreachableCodes.size()) return kUnreachableCodes[code];
  if (kind == kTimeExceeded && code == 0) return "hop_limit_exceeded";
  if (kind == kTimeExceeded && code == 1) return "reassembly_time_exceeded";
  return {};
}

// What was just read, if it was there.
void add_next(Field field, const IpAddress& value, const Cursor& in, model::RecordBuilder& record) {
  if (in.ok()) record.add_address(field, value);
}

void add_quoted(Bytes bytes, unsigned version, model::RecordBuilder& record) {
  QuotedPacket packet;
  if (!read_quoted_packet(bytes, version, packet)) return;
  record.add_text(kQuotedProto, model::ip_proto_name(packet.proto));
  record.add_address(kQuotedSource, packet.source);
  if (packet.has_ports) record.add_uint(kQuotedSourcePort, packet.source_port);
  record.add_address(kQuotedDestination, packet.destination);
  if (packet.has_ports) record.add_uint(kQuotedDestinationPort, packet.destination_port);
}

// RFC 4861 4.6: type, length in units of 8 bytes, and the rest.
void add_option(std::uint8_t type, Cursor in, model::RecordBuilder& record) {
  enum : std::uint8_t {
    kSourceLink = 1,
    kTargetLink = 2,
    kPrefixInfo = 3,
    kMtuOption = 5,
    kRdnss = 25
  };
  switch (type) {
    case kSourceLink:
    case kTargetLink: {
      const Bytes address = in.rest().first(std::min<std::size_t>(in.remaining(), 6));
      if (!address.empty()) record.add_text(kLinkAddress, mac_text(address));
      return;
    }
    case kPrefixInfo: {
      const unsigned bits = in.u8();
      in.skip(13);
      const IpAddress prefix = next_v6(in);
      if (in.ok() && bits <= 128) {
        record.add_text(kPrefix, prefix.to_string() + "/" + std::to_string(bits));
      }
      return;
    }
    case kMtuOption: {
      in.skip(2);
      const std::uint32_t mtu = in.u32();
      if (in.ok()) record.add_uint(kLinkMtu, mtu);
      return;
    }
    case kRdnss:
      in.skip(6);
      while (in.remaining() >= 16) record.add_address(kDns, next_v6(in));
      return;
    default:
      return;
  }
}

bool add_options(Cursor& in, model::RecordBuilder& record) {
  while (in.remaining() >= 2) {
    const std::uint8_t type = in.u8();
    const std::size_t units = in.u8();
    if (units == 0) return false;
    const Cursor option = in.sub(units * 8 - 2);
    if (!in.ok()) return false;
    add_option(type, option, record);
  }
  return in.ok();
}

// RFC 3810 5.2.
void add_group_records(Cursor& in, model::RecordBuilder& record) {
  in.skip(2);
  for (unsigned left = in.u16(); left > 0 && in.ok(); --left) {
    in.skip(1);
    const std::size_t extra = std::size_t{in.u8()} * 4;
    const std::size_t sources = in.u16();
    const IpAddress group = next_v6(in);
    in.skip(sources * 16 + extra);
    if (in.ok()) record.add_address(kGroup, group);
  }
}

class IcmpDecoder : public Decoder {
 public:
  explicit IcmpDecoder(unsigned version) : version_(version) {}
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  bool body(Kind kind, std::uint8_t type, Cursor in, model::RecordBuilder& record) const;
  void error(Kind kind, std::uint8_t code, Cursor in, model::RecordBuilder& record) const;

  unsigned version_;
};
class Icmp4Decoder final : public IcmpDecoder {
 public:
  Icmp4Decoder() : IcmpDecoder(4) {}
};
class Icmp6Decoder final : public IcmpDecoder {
 public:
  Icmp6Decoder() : IcmpDecoder(6) {}
};

void IcmpDecoder::error(Kind kind, std::uint8_t code, Cursor in,
                        model::RecordBuilder& record) const {
  const string_view reason = version_ == 4 ? reason_v4(kind, code) : reason_v6(kind, code);
  if (!reason.empty()) record.add_text(kReason, reason);
  record.add_uint(kCode, code);
  if (version_ == 4 && kind == kRedirect) {
    add_next(kGateway, next_v4(in), in, record);
  } else {
    // RFC 1191 4: the MTU is the lower half, and 0 from routers that do not know of it.
    const std::uint32_t word = in.u32();
    const std::uint32_t mtu = version_ == 4 ? word & 0xffff : word;
    const bool told = kind == kTooBig || (version_ == 4 && kind == kUnreachable && code == 4);
    if (told && mtu != 0) record.add_uint(kMtu, mtu);
  }
  add_quoted(in.rest(), version_, record);
}

// False where the message is shorter than it says.
bool IcmpDecoder::body(Kind kind, std::uint8_t type, Cursor in,
                       model::RecordBuilder& record) const {
  switch (kind) {
    case kRouterSolicitation:
      in.skip(4);
      return add_options(in, record);
    case kRouterAdvertisement:
      in.skip(2);
      record.add_uint(kLifetime, in.u16());
      in.skip(8);
      return add_options(in, record);
    case kNeighborSolicitation:
      in.skip(4);
      add_next(kTarget, next_v6(in), in, record);
      return add_options(in, record);
    case kNeighborAdvertisement: {
      const std::uint8_t flags = in.u8();
      in.skip(3);
      add_next(kTarget, next_v6(in), in, record);
      record.add_bool(kRouter, (flags & 0x80) != 0);
      record.add_bool(kSolicited, (flags & 0x40) != 0);
      record.add_bool(kOverride, (flags & 0x20) != 0);
      return add_options(in, record);
    }
    case kRedirect:
      in.skip(4);
      add_next(kGateway, next_v6(in), in, record);
      add_next(kTarget, next_v6(in), in, record);
      return add_options(in, record);
    default:
      break;
  }
  if (type == 143) {
    add_group_records(in, record);
    return in.ok();
  }
  in.skip(4);
  // A query for all groups names none.
  if (const IpAddress group = next_v6(in); !group.is_unspecified()) {
    add_next(kGroup, group, in, record);
  }
  return in.ok();
}

Step IcmpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Cursor in(chunk.bytes);
  const std::uint8_t type = in.u8();
  const std::uint8_t code = in.u8();
  in.skip(2);
  const Kind kind = version_ == 4 ? kind_of_v4(type) : kind_of_v6(type);
  if (!in.ok() || kind == kNoKind) return {.verdict = Verdict::kNotMine};
  model::RecordBuilder& record = context.record();
  record.start(version_ == 4 ? kIcmpSchema : kIcmp6Schema, kind);
  const bool is_error = kind <= kParameterProblem || (version_ == 4 && kind == kRedirect);
  if (is_error) {
    error(kind, code, in, record);
  } else if (!body(kind, type, in, record) && !chunk.cut) {
    context.odd("message_overrun");
  }
  if (chunk.cut) record.mark_cut();
  context.emit(chunk.side);
  return {.consumed = chunk.bytes.size()};
}

// A flow of ICMP holds one type and what answers it: its first byte says all.
Probe probe_v4(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  return bytes.size() >= 8 && kind_of_v4(bytes[0]) != kNoKind ? Probe::kYes : Probe::kNo;
}

Probe probe_v6(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  return bytes.size() >= 8 && kind_of_v6(bytes[0]) != kNoKind ? Probe::kYes : Probe::kNo;
}

}  // namespace

extern const ProtocolDef kIcmp{.name = "icmp",
                               .transport = Transport::kIp,
                               .first = FirstBytes::any(),
                               .probe = probe_v4,
                               .schema = &kIcmpSchema,
                               .state_bytes = sizeof(Icmp4Decoder),
                               .make = make_decoder<Icmp4Decoder>,
                               .ip_proto = model::ip_proto::kIcmp};
extern const ProtocolDef kIcmp6{.name = "icmp6",
                                .transport = Transport::kIp,
                                .first = FirstBytes::any(),
                                .probe = probe_v6,
                                .schema = &kIcmp6Schema,
                                .state_bytes = sizeof(Icmp6Decoder),
                                .make = make_decoder<Icmp6Decoder>,
                                .ip_proto = model::ip_proto::kIcmp6};

}  // namespace netwatch::dpi
