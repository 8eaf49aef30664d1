#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/network.h"
#include "model/socket.h"

// The text tables below /proc/net (Linux: net/ipv4/tcp_ipv4.c, net/ipv4/udp.c, net/ipv6/*.c,
// net/ipv4/fib_trie.c,
// net/ipv4/arp.c). Lines that do not have their form are passed over.
namespace netwatch::collect {

// Appends the sockets of /proc/net/{tcp,udp,tcp6,udp6}: addresses, state, uid and inode. The
// kernel prints addresses as 32-bit words in host order.
void parse_proc_net_sockets(std::string_view text, std::uint8_t proto,
                            std::vector<model::Socket>& out);

// Appends the unicast routes of /proc/net/route (main table), /proc/net/ipv6_route (all tables);
// interfaces by name only.
void parse_proc_route(std::string_view text, std::vector<model::Route>& out);
void parse_proc_ipv6_route(std::string_view text, std::vector<model::Route>& out);

// Appends the IPv4 neighbours of /proc/net/arp; interfaces by name only.
void parse_proc_arp(std::string_view text, std::vector<model::Neighbour>& out);

struct InterfaceAddress {
  std::string interface;
  base::IpAddress address;
};
// /proc/net/if_inet6.
std::vector<InterfaceAddress> parse_proc_if_inet6(std::string_view text);

}  // namespace netwatch::collect
