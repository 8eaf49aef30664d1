#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/network.h"

// Bodies of rtnetlink(7) messages (Linux: include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h,
// neighbour.h). What has not the form is nothing.
namespace netwatch::collect {

// RTM_NEWLINK, RTM_DELLINK. The role is what netlink itself tells: sysfs knows Wi-Fi.
std::optional<model::Interface> parse_link(base::Bytes body);

struct LinkAddress {
  std::uint32_t ifindex = 0;
  base::IpAddress address;
};
// RTM_NEWADDR.
std::optional<LinkAddress> parse_address(base::Bytes body);

// RTM_NEWROUTE: unicast routes of the main table, one row for each next hop; interfaces by index
// only.
std::vector<model::Route> parse_route(base::Bytes body);

// RTM_NEWNEIGH of IPv4 and IPv6, without those that need no asking (multicast, loopback).
std::optional<model::Neighbour> parse_neighbour(base::Bytes body);

// The role of a kind as rtnetlink and sysfs (DEVTYPE) name it; kUnknown for those not known here.
model::InterfaceRole role_of_kind(std::string_view kind);

}  // namespace netwatch::collect
