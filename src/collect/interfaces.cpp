#include "collect/interfaces.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "collect/proc_net.h"
#include "collect/rtnetlink_linux.h"
#include "collect/text_file.h"
#include "collect/vendors.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxValueBytes = 4096;
constexpr std::size_t kMaxTableBytes = 64U << 20;
constexpr std::int64_t kMbit = 1'000'000;
// include/uapi/linux/if.h
constexpr std::uint32_t kFlagUp = 0x1;
constexpr std::uint32_t kFlagLoopback = 0x8;

std::string read_value(const Root& root, const std::string& interface, std::string_view name) {
  std::string path = "sys/class/net/" + interface + '/';
  path += name;
  auto text = read_text_file(root.join(path), kMaxValueBytes);
  if (!text) return {};
  return text->substr(0, text->find('\n'));
}

std::uint64_t read_counter(const Root& root, const std::string& interface, std::string_view name) {
  std::string path = "statistics/";
  path += name;
  return to_number<std::uint64_t>(read_value(root, interface, path)).value_or(0);
}

std::uint32_t read_flags(const Root& root, const std::string& interface) {
  const std::string text = read_value(root, interface, "flags");  // "0x1003"
  return text.starts_with("0x")
             ? to_number<std::uint32_t>(std::string_view(text).substr(2), 16).value_or(0)
             : 0;
}

bool is_zero_mac(std::string_view mac) {
  return mac.find_first_not_of("0:") == std::string_view::npos;
}

bool exists(const Root& root, const std::string& interface, std::string_view name) {
  std::string path = "sys/class/net/" + interface + '/';
  path += name;
  return ::access(root.join(path).c_str(), F_OK) == 0;
}

model::LinkState state_of(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(model::LinkState::kUp); ++i) {
    const auto state = static_cast<model::LinkState>(i);
    if (model::link_state_name(state) == text) return state;
  }
  return model::LinkState::kUnknown;
}

model::Interface read_interface(const Root& root, std::string name) {
  model::Interface interface;
  interface.ifindex = read_ifindex(root, name);
  interface.mac = read_value(root, name, "address");
  if (is_zero_mac(interface.mac)) interface.mac.clear();
  const std::uint32_t flags = read_flags(root, name);
  interface.state = state_of(read_value(root, name, "operstate"));
  interface.up = (flags & kFlagUp) != 0 && (interface.state == model::LinkState::kUp ||
                                            interface.state == model::LinkState::kUnknown);
  interface.loopback = (flags & kFlagLoopback) != 0;
  interface.role = interface.loopback ? model::InterfaceRole::kLoopback : read_role(root, name);
  interface.lower = to_number<std::uint32_t>(read_value(root, name, "iflink")).value_or(0);
  if (interface.lower == interface.ifindex) interface.lower = 0;
  interface.mtu = to_number<std::uint32_t>(read_value(root, name, "mtu")).value_or(0);
  interface.speed_bits_per_s = read_speed_bits_per_s(root, name);
  interface.rx_bytes = read_counter(root, name, "rx_bytes");
  interface.tx_bytes = read_counter(root, name, "tx_bytes");
  interface.rx_packets = read_counter(root, name, "rx_packets");
  interface.tx_packets = read_counter(root, name, "tx_packets");
  interface.rx_dropped = read_counter(root, name, "rx_dropped");
  interface.tx_dropped = read_counter(root, name, "tx_dropped");
  interface.rx_errors = read_counter(root, name, "rx_errors");
  interface.tx_errors = read_counter(root, name, "tx_errors");
  interface.name = std::move(name);
  return interface;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

std::int64_t read_speed_bits_per_s(const Root& root, const std::string& interface) {
  const auto mbit = to_number<std::int64_t>(read_value(root, interface, "speed"));
  return mbit && *mbit > 0 && *mbit < INT64_MAX / kMbit ? *mbit * kMbit : -1;
}

std::uint32_t read_ifindex(const Root& root, const std::string& interface) {
  return to_number<std::uint32_t>(read_value(root, interface, "ifindex")).value_or(0);
}

model::InterfaceRole read_role(const Root& root, const std::string& interface) {
  using Role = model::InterfaceRole;
  const std::string folder = "sys/class/net/" + interface;
  const auto uevent = read_text_file(root.join(folder + "/uevent"), kMaxValueBytes);
  if (!uevent && !exists(root, interface, "ifindex")) return Role::kUnknown;
  constexpr std::string_view kType = "DEVTYPE=";
  std::string_view rest = uevent ? std::string_view(*uevent) : std::string_view();
  while (const auto line = next_line(rest)) {
    if (!line->starts_with(kType)) continue;
    const Role role = role_of_kind(line->substr(kType.size()));
    if (role != Role::kUnknown) return role;
  }
  if (exists(root, interface, "phy80211")) return Role::kWireless;
  if (exists(root, interface, "tun_flags")) return Role::kTun;
  if (exists(root, interface, "bridge")) return Role::kBridge;
  if (exists(root, interface, "bonding")) return Role::kBond;
  return exists(root, interface, "device") ? Role::kPhysical : Role::kVirtual;
}

base::Result<model::InterfaceTable> read_interfaces_sysfs(const Root& root) {
  const std::string path = root.join("sys/class/net");
  const std::unique_ptr<DIR, CloseDirectory> folder(::opendir(path.c_str()));
  if (!folder) return base::errno_error(errno, path);
  model::InterfaceTable table;
  table.taken_ns = base::wall_clock_ns();
  while (const dirent* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] == '.') continue;
    model::Interface interface = read_interface(root, entry->d_name);
    if (interface.ifindex != 0) table.interfaces.push_back(std::move(interface));  // not a file
  }
  std::sort(table.interfaces.begin(), table.interfaces.end(),
            [](const auto& a, const auto& b) { return a.ifindex < b.ifindex; });
  if (const auto text = read_text_file(root.join("proc/net/if_inet6"), kMaxTableBytes)) {
    for (const InterfaceAddress& found : parse_proc_if_inet6(*text)) {
      for (model::Interface& interface : table.interfaces) {
        if (interface.name == found.interface) interface.addresses.push_back(found.address);
      }
    }
  }
  if (const auto routes = read_routes_proc(root)) {
    for (const bool v4 : {true, false}) {
      const model::Route* route = routes->default_route(v4);
      if (route == nullptr) continue;
      for (model::Interface& interface : table.interfaces) {
        if (interface.name == route->interface) interface.is_default = true;
      }
    }
  }
  return table;
}

base::Result<model::RouteTable> read_routes_proc(const Root& root) {
  model::RouteTable table;
  table.taken_ns = base::wall_clock_ns();
  const auto v4 = read_text_file(root.join("proc/net/route"), kMaxTableBytes);
  const auto v6 = read_text_file(root.join("proc/net/ipv6_route"), kMaxTableBytes);
  if (!v4 && !v6) return v4.error();
  if (v4) parse_proc_route(*v4, table.routes);
  if (v6) parse_proc_ipv6_route(*v6, table.routes);
  for (model::Route& route : table.routes) route.ifindex = read_ifindex(root, route.interface);
  return table;
}

base::Result<model::NeighbourTable> read_neighbours_proc(const Root& root) {
  model::NeighbourTable table;
  table.taken_ns = base::wall_clock_ns();
  const auto text = read_text_file(root.join("proc/net/arp"), kMaxTableBytes);
  if (!text) return text.error();
  parse_proc_arp(*text, table.neighbours);
  for (model::Neighbour& neighbour : table.neighbours) {
    neighbour.ifindex = read_ifindex(root, neighbour.interface);
  }
  return table;
}

base::Result<model::InterfaceTable> collect_interfaces(const Root& root) {
  if (root.path == "/") {
    if (auto table = read_interfaces_netlink(root)) return table;
  }
  return read_interfaces_sysfs(root);
}

base::Result<model::RouteTable> collect_routes(const Root& root) {
  if (root.path == "/") {
    if (auto table = read_routes_netlink(root)) return table;
  }
  return read_routes_proc(root);
}

base::Result<model::NeighbourTable> collect_neighbours(const Root& root,
                                                       const VendorTable* vendors) {
  auto table = root.path == "/" ? read_neighbours_netlink(root) : read_neighbours_proc(root);
  if (!table && root.path == "/") table = read_neighbours_proc(root);
  if (!table || vendors == nullptr) return table;
  for (model::Neighbour& neighbour : table->neighbours) {
    neighbour.vendor = vendors->find(neighbour.mac);
  }
  return table;
}

}  // namespace netwatch::collect
