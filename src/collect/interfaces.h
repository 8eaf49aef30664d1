#pragma once

#include "collect/collect.h"

// The two ways to the tables behind collect_interfaces(), collect_routes(), collect_neighbours().
namespace netwatch::collect {

// rtnetlink(7), this network namespace; speed and Wi-Fi come from the Root's sys/class/net.
base::Result<model::InterfaceTable> read_interfaces_netlink(const Root& root);
base::Result<model::RouteTable> read_routes_netlink(const Root& root);
base::Result<model::NeighbourTable> read_neighbours_netlink(const Root& root);

// sys/class/net and proc/net below a root: no IPv4 addresses, for which Linux has no text file,
// and no IPv6 neighbours.
base::Result<model::InterfaceTable> read_interfaces_sysfs(const Root& root);
base::Result<model::RouteTable> read_routes_proc(const Root& root);
base::Result<model::NeighbourTable> read_neighbours_proc(const Root& root);

// sys/class/net/NAME/ifindex; 0 where there is none.
std::uint32_t read_ifindex(const Root& root, const std::string& interface);
// sys/class/net/NAME/speed in bits per second; -1 where the driver does not say.
std::int64_t read_speed_bits_per_s(const Root& root, const std::string& interface);
// By the files below sys/class/net/NAME; kVirtual if nothing there says more.
model::InterfaceRole read_role(const Root& root, const std::string& interface);

}  // namespace netwatch::collect
