#include "collect/rtnetlink_linux.h"

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

#include "collect/netlink_linux.h"

namespace netwatch::collect {
namespace {

// Splits a body into its fixed head (struct ifinfomsg, ifaddrmsg, rtmsg) and its attributes.
template <typename Head>
std::optional<std::pair<Head, base::Bytes>> split(base::Bytes body) {
  Head head{};
  if (body.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, body.data(), sizeof head);
  return std::pair(head, body.subspan(sizeof head));
}

std::string mac_text(base::Bytes mac) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::size_t kMaxMacBytes = 8;  // tunnels put addresses here
  std::string text;
  bool zero = true;
  for (const std::uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    text += kHex[byte >> 4];
    text += kHex[byte & 0xF];
    zero = zero && byte == 0;
  }
  return zero || mac.size() > kMaxMacBytes || mac.size() < 6 ? std::string() : text;
}

void take_counters(const rtnl_link_stats64& counters, model::Interface& out) {
  out.rx_bytes = counters.rx_bytes;
  out.tx_bytes = counters.tx_bytes;
  out.rx_packets = counters.rx_packets;
  out.tx_packets = counters.tx_packets;
  out.rx_dropped = counters.rx_dropped;
  out.tx_dropped = counters.tx_dropped;
  out.rx_errors = counters.rx_errors;
  out.tx_errors = counters.tx_errors;
}

std::string kind_of(base::Bytes link_details) {
  while (const auto attribute = next_attribute(link_details)) {
    if (attribute->type == IFLA_INFO_KIND) return std::string(attribute->text());
  }
  return {};
}

std::optional<base::IpAddress> address_of(base::Bytes value) {
  if (value.size() == 4) return base::IpAddress::v4(value.data());
  if (value.size() == 16) return base::IpAddress::v6(value.data());
  return std::nullopt;
}

// RTA_VIA: the gateway is of another family (struct rtvia).
std::optional<base::IpAddress> via_address_of(base::Bytes value) {
  constexpr std::size_t kFamilyBytes = sizeof(__kernel_sa_family_t);
  return value.size() < kFamilyBytes ? std::nullopt : address_of(value.subspan(kFamilyBytes));
}

void take_next_hop(const NetlinkAttribute& attribute, model::Route& route) {
  if (attribute.type == RTA_OIF) route.ifindex = attribute.as<std::uint32_t>();
  if (attribute.type == RTA_GATEWAY)
    route.gateway = address_of(attribute.value).value_or(route.gateway);
  if (attribute.type == RTA_VIA)
    route.gateway = via_address_of(attribute.value).value_or(route.gateway);
}

// RTA_MULTIPATH: {struct rtnexthop, attributes} one after the other.
std::vector<model::Route> split_next_hops(base::Bytes hops, const model::Route& common) {
  std::vector<model::Route> routes;
  rtnexthop head{};
  while (hops.size() >= sizeof head) {
    std::memcpy(&head, hops.data(), sizeof head);
    if (head.rtnh_len < sizeof head || head.rtnh_len > hops.size()) break;
    model::Route& route = routes.emplace_back(common);
    route.ifindex = static_cast<std::uint32_t>(head.rtnh_ifindex);
    base::Bytes attributes = hops.subspan(sizeof head, head.rtnh_len - sizeof head);
    while (const auto attribute = next_attribute(attributes)) take_next_hop(*attribute, route);
    hops = hops.subspan(std::min<std::size_t>(RTNH_ALIGN(head.rtnh_len), hops.size()));
  }
  return routes;
}

std::string_view neighbour_state_name(std::uint16_t state) {
  switch (state) {
    case NUD_INCOMPLETE:
      return "incomplete";
    case NUD_REACHABLE:
      return "reachable";
    case NUD_STALE:
      return "stale";
    case NUD_DELAY:
      return "delay";
    case NUD_PROBE:
      return "probe";
    case NUD_FAILED:
      return "failed";
    case NUD_PERMANENT:
      return "permanent";
    default:
      return "none";
  }
}

}  // namespace

model::InterfaceRole role_of_kind(std::string_view kind) {
  using Role = model::InterfaceRole;
  struct Row {
    std::string_view kind;
    Role role;
  };
  static constexpr std::array<Row, 31> kRows{{
      {"bridge", Role::kBridge},   {"bond", Role::kBond},
      {"team", Role::kBond},       {"vlan", Role::kVlan},
      {"veth", Role::kVeth},       {"netkit", Role::kVeth},
      {"tun", Role::kTun},         {"wireguard", Role::kWireguard},
      {"vxlan", Role::kTunnel},    {"geneve", Role::kTunnel},
      {"gre", Role::kTunnel},      {"gretap", Role::kTunnel},
      {"ip6gre", Role::kTunnel},   {"ip6gretap", Role::kTunnel},
      {"erspan", Role::kTunnel},   {"ip6erspan", Role::kTunnel},
      {"ipip", Role::kTunnel},     {"sit", Role::kTunnel},
      {"ip6tnl", Role::kTunnel},   {"vti", Role::kTunnel},
      {"vti6", Role::kTunnel},     {"xfrm", Role::kTunnel},
      {"gtp", Role::kTunnel},      {"bareudp", Role::kTunnel},
      {"macvlan", Role::kMacvlan}, {"macvtap", Role::kMacvlan},
      {"ipvlan", Role::kMacvlan},  {"ipvtap", Role::kMacvlan},
      {"vrf", Role::kVrf},         {"dummy", Role::kDummy},
      {"wlan", Role::kWireless},
  }};
  for (const Row& row : kRows) {
    if (row.kind == kind) return row.role;
  }
  return Role::kUnknown;
}

std::optional<model::Interface> parse_link(base::Bytes body) {
  auto parts = split<ifinfomsg>(body);
  if (!parts || parts->first.ifi_index <= 0) return std::nullopt;
  auto [head, attributes] = *parts;
  // A bridge tells of its ports in messages of its own (AF_BRIDGE): one that leaves is "deleted".
  if (head.ifi_family != AF_UNSPEC) return std::nullopt;
  model::Interface interface;
  interface.ifindex = static_cast<std::uint32_t>(head.ifi_index);
  interface.loopback = (head.ifi_flags & IFF_LOOPBACK) != 0;
  bool on_a_bus = false;
  while (const auto attribute = next_attribute(attributes)) {
    switch (attribute->type) {
      case IFLA_IFNAME:
        interface.name = attribute->text();
        break;
      case IFLA_ADDRESS:
        interface.mac = mac_text(attribute->value);
        break;
      case IFLA_MTU:
        interface.mtu = attribute->as<std::uint32_t>();
        break;
      case IFLA_OPERSTATE:
        if (const auto state = attribute->as<std::uint8_t>();
            state <= static_cast<std::uint8_t>(model::LinkState::kUp)) {
          interface.state = static_cast<model::LinkState>(state);
        }
        break;
      case IFLA_STATS64:
        take_counters(attribute->as<rtnl_link_stats64>(), interface);
        break;
      case IFLA_MASTER:
        interface.master = attribute->as<std::uint32_t>();
        break;
      case IFLA_LINK:
        interface.lower = attribute->as<std::uint32_t>();
        break;
      case IFLA_LINKINFO:
        interface.kind = kind_of(attribute->value);
        break;
      case IFLA_PARENT_DEV_NAME:  // since Linux 5.14
        on_a_bus = true;
        break;
      default:
        break;
    }
  }
  if (interface.name.empty()) return std::nullopt;
  interface.up = (head.ifi_flags & IFF_UP) != 0 && (interface.state == model::LinkState::kUnknown ||
                                                    interface.state == model::LinkState::kUp);
  if (interface.lower == interface.ifindex) interface.lower = 0;
  if (interface.loopback) {
    interface.role = model::InterfaceRole::kLoopback;
  } else if (!interface.kind.empty()) {
    interface.role = role_of_kind(interface.kind);
    if (interface.role == model::InterfaceRole::kUnknown) {
      interface.role = model::InterfaceRole::kVirtual;
    }
  } else if (on_a_bus) {
    interface.role = model::InterfaceRole::kPhysical;
  }
  return interface;
}

std::optional<LinkAddress> parse_address(base::Bytes body) {
  auto parts = split<ifaddrmsg>(body);
  if (!parts) return std::nullopt;
  auto [head, attributes] = *parts;
  const std::size_t size = head.ifa_family == AF_INET ? 4 : 16;
  std::optional<base::IpAddress> address;
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->value.size() != size) continue;
    // On a point-to-point link IFA_ADDRESS is the peer's and IFA_LOCAL ours.
    if (attribute->type == IFA_LOCAL || (attribute->type == IFA_ADDRESS && !address)) {
      address = address_of(attribute->value);
    }
  }
  if (!address) return std::nullopt;
  return LinkAddress{head.ifa_index, *address};
}

std::vector<model::Route> parse_route(base::Bytes body) {
  auto parts = split<rtmsg>(body);
  if (!parts) return {};
  auto [head, attributes] = *parts;
  const bool known = head.rtm_family == AF_INET || head.rtm_family == AF_INET6;
  if (!known || head.rtm_type != RTN_UNICAST || (head.rtm_flags & RTM_F_CLONED) != 0) return {};
  model::Route route;
  route.v4 = head.rtm_family == AF_INET;
  route.prefix_bits = head.rtm_dst_len;
  const std::array<std::uint8_t, 4> zero{};
  if (route.v4) route.destination = base::IpAddress::v4(zero.data());
  std::uint32_t table = head.rtm_table;
  base::Bytes next_hops;
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type == RTA_DST) {
      route.destination = address_of(attribute->value).value_or(route.destination);
    }
    if (attribute->type == RTA_PRIORITY) route.metric = attribute->as<std::uint32_t>();
    if (attribute->type == RTA_TABLE) table = attribute->as<std::uint32_t>();
    if (attribute->type == RTA_MULTIPATH) next_hops = attribute->value;
    take_next_hop(*attribute, route);
  }
  if (table != RT_TABLE_MAIN) return {};
  if (!next_hops.empty()) return split_next_hops(next_hops, route);
  if (route.ifindex == 0) return {};
  return {route};
}

std::optional<model::Neighbour> parse_neighbour(base::Bytes body) {
  auto parts = split<ndmsg>(body);
  if (!parts) return std::nullopt;
  auto [head, attributes] = *parts;
  if (head.ndm_family != AF_INET && head.ndm_family != AF_INET6) return std::nullopt;
  if (head.ndm_ifindex <= 0 || (head.ndm_state & NUD_NOARP) != 0) return std::nullopt;
  model::Neighbour neighbour;
  neighbour.ifindex = static_cast<std::uint32_t>(head.ndm_ifindex);
  neighbour.state = neighbour_state_name(head.ndm_state);
  neighbour.router = (head.ndm_flags & NTF_ROUTER) != 0;
  std::optional<base::IpAddress> address;
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type == NDA_DST) address = address_of(attribute->value);
    if (attribute->type == NDA_LLADDR) neighbour.mac = mac_text(attribute->value);
  }
  if (!address) return std::nullopt;
  neighbour.address = *address;
  return neighbour;
}

}  // namespace netwatch::collect
