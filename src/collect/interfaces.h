#pragma once

#include "collect/collect.h"

// The two ways to the interfaces behind collect_interfaces().
namespace netwatch::collect {

// rtnetlink(7), this network namespace; the speed comes from the Root's sys/class/net.
base::Result<model::InterfaceTable> read_interfaces_netlink(const Root& root);

// sys/class/net and proc/net below a root: no IPv4 addresses, for which Linux has no text file.
base::Result<model::InterfaceTable> read_interfaces_sysfs(const Root& root);

// sys/class/net/NAME/speed in bits per second; -1 where the driver does not say.
std::int64_t read_speed_bits_per_s(const Root& root, const std::string& interface);

}  // namespace netwatch::collect
