#include "collect/interfaces.h"

#include <dirent.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "collect/proc_net.h"
#include "collect/text_file.h"

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

model::Interface read_interface(const Root& root, std::string name) {
  model::Interface interface;
  interface.ifindex = to_number<std::uint32_t>(read_value(root, name, "ifindex")).value_or(0);
  interface.mac = read_value(root, name, "address");
  if (is_zero_mac(interface.mac)) interface.mac.clear();
  const std::uint32_t flags = read_flags(root, name);
  const std::string state = read_value(root, name, "operstate");
  interface.up = (flags & kFlagUp) != 0 && (state == "up" || state == "unknown");
  interface.loopback = (flags & kFlagLoopback) != 0;
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

void mark_default(model::InterfaceTable& table, const std::optional<DefaultRoute>& route) {
  if (!route) return;
  for (model::Interface& interface : table.interfaces) {
    if (interface.name == route->interface) interface.is_default = true;
  }
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

std::int64_t read_speed_bits_per_s(const Root& root, const std::string& interface) {
  const auto mbit = to_number<std::int64_t>(read_value(root, interface, "speed"));
  return mbit && *mbit > 0 && *mbit < INT64_MAX / kMbit ? *mbit * kMbit : -1;
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
  if (const auto text = read_text_file(root.join("proc/net/route"), kMaxTableBytes)) {
    mark_default(table, parse_proc_route(*text));
  }
  if (const auto text = read_text_file(root.join("proc/net/ipv6_route"), kMaxTableBytes)) {
    mark_default(table, parse_proc_ipv6_route(*text));
  }
  return table;
}

base::Result<model::InterfaceTable> collect_interfaces(const Root& root) {
  if (root.path == "/") {
    if (auto table = read_interfaces_netlink(root)) return table;
  }
  return read_interfaces_sysfs(root);
}

}  // namespace netwatch::collect
