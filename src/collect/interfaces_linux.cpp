#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "collect/interfaces.h"
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

template <typename Head>
base::Bytes request_of(const Head& head) {
  return {reinterpret_cast<const std::uint8_t*>(&head), sizeof head};
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

std::optional<model::Interface> parse_link(base::Bytes body) {
  auto parts = split<ifinfomsg>(body);
  if (!parts || parts->first.ifi_index <= 0) return std::nullopt;
  auto [head, attributes] = *parts;
  model::Interface interface;
  interface.ifindex = static_cast<std::uint32_t>(head.ifi_index);
  interface.loopback = (head.ifi_flags & IFF_LOOPBACK) != 0;
  std::uint8_t state = 0;
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
        state = attribute->as<std::uint8_t>();
        break;
      case IFLA_STATS64:
        take_counters(attribute->as<rtnl_link_stats64>(), interface);
        break;
      default:
        break;
    }
  }
  // RFC 2863 states: loopback and tunnels stay "unknown" (0), 6 is up.
  interface.up = (head.ifi_flags & IFF_UP) != 0 && (state == 0 || state == 6);
  if (interface.name.empty()) return std::nullopt;
  return interface;
}

model::Interface* find(model::InterfaceTable& table, std::uint32_t ifindex) {
  for (model::Interface& interface : table.interfaces) {
    if (interface.ifindex == ifindex) return &interface;
  }
  return nullptr;
}

void take_address(base::Bytes body, model::InterfaceTable& table) {
  auto parts = split<ifaddrmsg>(body);
  if (!parts) return;
  auto [head, attributes] = *parts;
  model::Interface* interface = find(table, head.ifa_index);
  if (interface == nullptr) return;
  const std::size_t size = head.ifa_family == AF_INET ? 4 : 16;
  base::Bytes address;
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->value.size() != size) continue;
    // On a point-to-point link IFA_ADDRESS is the peer's and IFA_LOCAL ours.
    if (attribute->type == IFA_LOCAL || (attribute->type == IFA_ADDRESS && address.empty())) {
      address = attribute->value;
    }
  }
  if (address.empty()) return;
  interface->addresses.push_back(size == 4 ? base::IpAddress::v4(address.data())
                                           : base::IpAddress::v6(address.data()));
}

struct Route {
  std::uint32_t ifindex = 0;
  std::uint32_t metric = std::numeric_limits<std::uint32_t>::max();
};

void take_route(base::Bytes body, std::uint8_t family, Route& best) {
  auto parts = split<rtmsg>(body);
  if (!parts) return;
  auto [head, attributes] = *parts;
  if (head.rtm_family != family || head.rtm_dst_len != 0 || head.rtm_type != RTN_UNICAST ||
      (head.rtm_flags & RTM_F_CLONED) != 0) {
    return;
  }
  Route route{0, 0};
  std::uint32_t table = head.rtm_table;
  while (const auto attribute = next_attribute(attributes)) {
    if (attribute->type == RTA_OIF) route.ifindex = attribute->as<std::uint32_t>();
    if (attribute->type == RTA_PRIORITY) route.metric = attribute->as<std::uint32_t>();
    if (attribute->type == RTA_TABLE) table = attribute->as<std::uint32_t>();
    if (attribute->type == RTA_MULTIPATH && route.ifindex == 0) {
      route.ifindex = static_cast<std::uint32_t>(attribute->as<rtnexthop>().rtnh_ifindex);
    }
  }
  if (table == RT_TABLE_MAIN && route.ifindex != 0 && route.metric < best.metric) best = route;
}

base::Status read_default_route(NetlinkSocket& netlink, std::uint8_t family,
                                model::InterfaceTable& table) {
  rtmsg request{};
  request.rtm_family = family;
  request.rtm_table = RT_TABLE_MAIN;
  Route best;
  auto status = netlink.dump(
      RTM_GETROUTE, request_of(request), [&](base::Bytes body) { take_route(body, family, best); },
      [&] { best = Route{}; });
  if (!status) return status;
  if (model::Interface* interface = find(table, best.ifindex)) interface->is_default = true;
  return base::ok_status();
}

}  // namespace

base::Result<model::InterfaceTable> read_interfaces_netlink(const Root& root) {
  auto netlink = NetlinkSocket::open(NETLINK_ROUTE);
  if (!netlink) return netlink.error();
  model::InterfaceTable table;
  table.taken_ns = base::wall_clock_ns();
  const ifinfomsg links{};
  auto status = netlink->dump(
      RTM_GETLINK, request_of(links),
      [&](base::Bytes body) {
        if (auto interface = parse_link(body)) table.interfaces.push_back(*std::move(interface));
      },
      [&] { table.interfaces.clear(); });
  if (!status) return status.error();
  const ifaddrmsg addresses{};
  status = netlink->dump(
      RTM_GETADDR, request_of(addresses), [&](base::Bytes body) { take_address(body, table); },
      [&] {
        for (model::Interface& interface : table.interfaces) interface.addresses.clear();
      });
  if (!status) return status.error();
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    // A kernel without one of the families refuses its table; the rest stays true.
    (void)read_default_route(*netlink, family, table);
  }
  for (model::Interface& interface : table.interfaces) {
    interface.speed_bits_per_s = read_speed_bits_per_s(root, interface.name);
  }
  return table;
}

}  // namespace netwatch::collect
