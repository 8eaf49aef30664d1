#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <unordered_map>
#include <utility>

#include "collect/interfaces.h"
#include "collect/kept_access.h"
#include "collect/netlink_linux.h"
#include "collect/rtnetlink_linux.h"

namespace netwatch::collect {
namespace {

// What one look may hold. A router with the whole Internet's table keeps its default routes.
constexpr std::size_t kMaxRoutes = 16384;
constexpr std::size_t kMaxNeighbours = 65536;

template <typename Head>
base::Bytes request_of(const Head& head) {
  return {reinterpret_cast<const std::uint8_t*>(&head), sizeof head};
}

model::Interface* find(model::InterfaceTable& table, std::uint32_t ifindex) {
  for (model::Interface& interface : table.interfaces) {
    if (interface.ifindex == ifindex) return &interface;
  }
  return nullptr;
}

base::Status dump_links(NetlinkSocket& netlink, const std::function<void(model::Interface)>& take,
                        const std::function<void()>& restart) {
  const ifinfomsg request{};
  return netlink.dump(
      RTM_GETLINK, request_of(request),
      [&](base::Bytes body) {
        if (auto interface = parse_link(body)) take(*std::move(interface));
      },
      restart);
}

base::Status dump_addresses(NetlinkSocket& netlink, model::InterfaceTable& table) {
  const ifaddrmsg request{};
  return netlink.dump(
      RTM_GETADDR, request_of(request),
      [&](base::Bytes body) {
        const auto found = parse_address(body);
        model::Interface* interface = found ? find(table, found->ifindex) : nullptr;
        if (interface != nullptr) interface->addresses.push_back(found->address);
      },
      [&] {
        for (model::Interface& interface : table.interfaces) interface.addresses.clear();
      });
}

base::Status dump_routes(NetlinkSocket& netlink, std::uint8_t family, model::RouteTable& table) {
  rtmsg request{};
  request.rtm_family = family;
  request.rtm_table = RT_TABLE_MAIN;
  const std::size_t before = table.routes.size();
  const std::uint64_t not_kept_before = table.not_kept;
  return netlink.dump(
      RTM_GETROUTE, request_of(request),
      [&](base::Bytes body) {
        for (model::Route& route : parse_route(body)) {
          if (route.v4 != (family == AF_INET)) continue;
          if (table.routes.size() < kMaxRoutes || route.is_default()) {
            table.routes.push_back(std::move(route));
          } else {
            ++table.not_kept;
          }
        }
      },
      [&] {
        table.routes.resize(before);
        table.not_kept = not_kept_before;
      });
}

// An error only if neither family has a table.
base::Status dump_all_routes(NetlinkSocket& netlink, model::RouteTable& table) {
  auto v4 = dump_routes(netlink, AF_INET, table);
  auto v6 = dump_routes(netlink, AF_INET6, table);
  return v4 || v6 ? base::ok_status() : v4;
}

// The names of interfaces, for rows that carry their index only.
base::Result<std::unordered_map<std::uint32_t, std::string>> read_names(NetlinkSocket& netlink) {
  std::unordered_map<std::uint32_t, std::string> names;
  auto status = dump_links(
      netlink,
      [&](model::Interface interface) { names[interface.ifindex] = std::move(interface.name); },
      [&] { names.clear(); });
  if (!status) return status.error();
  return names;
}

void add_names(const std::unordered_map<std::uint32_t, std::string>& names, auto& rows) {
  for (auto& row : rows) {
    const auto name = names.find(row.ifindex);
    if (name != names.end()) row.interface = name->second;
  }
}

}  // namespace

base::Result<model::InterfaceTable> read_interfaces_netlink(const Root& root) {
  std::optional<NetlinkSocket> own;
  auto opened = netlink_of(root, NETLINK_ROUTE, own);
  if (!opened) return opened.error();
  NetlinkSocket* const netlink = *opened;
  model::InterfaceTable table;
  table.taken_ns = base::wall_clock_ns();
  auto status = dump_links(
      *netlink,
      [&](model::Interface interface) { table.interfaces.push_back(std::move(interface)); },
      [&] { table.interfaces.clear(); });
  if (!status) return status.error();
  status = dump_addresses(*netlink, table);
  if (!status) return status.error();
  // Without routes the rest stays true.
  model::RouteTable routes;
  (void)dump_all_routes(*netlink, routes);
  for (const bool v4 : {true, false}) {
    const model::Route* route = routes.default_route(v4);
    model::Interface* interface = route != nullptr ? find(table, route->ifindex) : nullptr;
    if (interface != nullptr) interface->is_default = true;
  }
  for (model::Interface& interface : table.interfaces) {
    // /sys may be that of another network namespace, where the name is another's.
    if (read_ifindex(root, interface.name) != interface.ifindex) continue;
    interface.speed_bits_per_s = read_speed_bits_per_s(root, interface.name);
    using Role = model::InterfaceRole;
    if (interface.role == Role::kUnknown || interface.role == Role::kPhysical) {
      const Role told = read_role(root, interface.name);
      if (told != Role::kUnknown) interface.role = told;
    }
  }
  return table;
}

base::Result<model::RouteTable> read_routes_netlink(const Root& root) {
  std::optional<NetlinkSocket> own;
  auto opened = netlink_of(root, NETLINK_ROUTE, own);
  if (!opened) return opened.error();
  NetlinkSocket* const netlink = *opened;
  model::RouteTable table;
  table.taken_ns = base::wall_clock_ns();
  if (auto status = dump_all_routes(*netlink, table); !status) return status.error();
  if (auto names = read_names(*netlink)) add_names(*names, table.routes);
  return table;
}

base::Result<model::NeighbourTable> read_neighbours_netlink(const Root& root) {
  std::optional<NetlinkSocket> own;
  auto opened = netlink_of(root, NETLINK_ROUTE, own);
  if (!opened) return opened.error();
  NetlinkSocket* const netlink = *opened;
  model::NeighbourTable table;
  table.taken_ns = base::wall_clock_ns();
  const ndmsg request{};
  auto status = netlink->dump(
      RTM_GETNEIGH, request_of(request),
      [&](base::Bytes body) {
        auto neighbour = parse_neighbour(body);
        if (!neighbour) return;
        if (table.neighbours.size() < kMaxNeighbours) {
          table.neighbours.push_back(*std::move(neighbour));
        } else {
          ++table.not_kept;
        }
      },
      [&] {
        table.neighbours.clear();
        table.not_kept = 0;
      });
  if (!status) return status.error();
  if (auto names = read_names(*netlink)) add_names(*names, table.neighbours);
  return table;
}

}  // namespace netwatch::collect
