#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/time.h"

// What the kernel tells of this host's network: interfaces, routes, neighbours, resolvers.
namespace netwatch::model {

// ifOperStatus of RFC 2863, as the kernel numbers it. Loopback and tunnels stay "unknown".
enum class LinkState : std::uint8_t {
  kUnknown,
  kNotPresent,
  kDown,
  kLowerLayerDown,
  kTesting,
  kDormant,
  kUp,
};
std::string_view link_state_name(LinkState state);  // "lowerlayerdown", as ip(8) and sysfs say it

// What an interface is. By its driver's own kind, never by its name.
enum class InterfaceRole : std::uint8_t {
  kUnknown,
  kLoopback,
  kPhysical,  // has a device on a bus
  kWireless,  // likewise, IEEE 802.11
  kBridge,
  kBond,  // and team
  kVlan,
  kVeth,
  kTun,  // tun and tap: a program is the other end
  kWireguard,
  kTunnel,   // VXLAN, Geneve, GRE, IPIP, SIT, ...
  kMacvlan,  // and ipvlan
  kVrf,
  kDummy,
  kVirtual,  // no device and another kind
};
std::string_view interface_role_name(InterfaceRole role);

// A network interface of this host as the kernel describes it.
struct Interface {
  std::string name;
  std::uint32_t ifindex = 0;
  std::string mac;  // empty if it has none
  std::vector<base::IpAddress> addresses;
  bool up = false;  // switched on, and the link works as far as the driver tells
  LinkState state = LinkState::kUnknown;
  bool loopback = false;
  InterfaceRole role = InterfaceRole::kUnknown;
  std::string kind;                    // the driver's: "veth"; empty if it has none
  std::uint32_t master = 0;            // ifindex of the bridge or bond that it is a port of
  std::uint32_t lower = 0;             // ifindex of what it stands on (VLAN) or its peer (veth)
  bool is_default = false;             // carries the default route
  std::int64_t speed_bits_per_s = -1;  // -1: the driver does not say
  std::uint32_t mtu = 0;
  std::uint64_t rx_bytes = 0;  // since boot, 64-bit kernel counters
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t rx_dropped = 0;
  std::uint64_t tx_dropped = 0;
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_errors = 0;
};

struct InterfaceTable {
  base::TimeNs taken_ns = 0;
  std::vector<Interface> interfaces;
};

// Something that happened to an interface.
struct LinkEvent {
  enum class Kind : std::uint8_t {
    kAppeared,
    kRemoved,
    kUp,
    kDown,
    kAddresses,  // it has others than before
    kDefault,    // it carries the default route now, or no more
    kLost,       // too much happened to be told; the interface means nothing
  };
  Kind kind = Kind::kAppeared;
  base::TimeNs time_ns = 0;  // of the look that saw it, or when the kernel's message was read
  Interface interface;       // as it is now; of kRemoved as it was
};
std::string_view link_event_name(LinkEvent::Kind kind);  // "appeared"

// A unicast route of the main table. With several next hops: one row each.
struct Route {
  base::IpAddress destination;
  std::uint8_t prefix_bits = 0;
  bool v4 = true;
  base::IpAddress gateway;  // unspecified: the destination is on the link; may be IPv6 for IPv4
  std::uint32_t ifindex = 0;
  std::string interface;
  std::uint32_t metric = 0;

  [[nodiscard]] bool is_default() const { return prefix_bits == 0; }
  friend bool operator==(const Route&, const Route&) = default;
};

struct RouteTable {
  base::TimeNs taken_ns = 0;
  std::vector<Route> routes;
  std::uint64_t not_kept = 0;  // beyond the bound of one look; default routes are always kept

  // The default route of lowest metric, the first of several; null if there is none.
  [[nodiscard]] const Route* default_route(bool v4) const;
};

// Somebody on a link of this host (ARP, RFC 4861).
struct Neighbour {
  base::IpAddress address;
  std::uint32_t ifindex = 0;
  std::string interface;
  std::string mac;     // empty while it is not known
  std::string vendor;  // who was assigned the MAC's block; empty if nobody was or it is not known
  std::string_view state;  // "reachable", "stale", ..., as ip(8) says it
  bool router = false;     // it says so itself (IPv6)
};

struct NeighbourTable {
  base::TimeNs taken_ns = 0;
  std::vector<Neighbour> neighbours;
  std::uint64_t not_kept = 0;  // beyond the bound of one look
};

struct Resolver {
  base::IpAddress address;
  std::string zone;  // interface of a link-local address
  friend bool operator==(const Resolver&, const Resolver&) = default;
};

// Whom this host asks for names.
struct ResolverList {
  std::vector<Resolver> configured;  // of resolv.conf(5), in the order of asking
  // Whom these ask, where they are a stub on this host that says so (systemd-resolved,
  // NetworkManager); else the same as `configured`.
  std::vector<Resolver> upstream;
};

// A network namespace of this host: its own, a container's, one that somebody named.
struct NetworkNamespace {
  std::uint64_t inode = 0;
  bool own = false;       // ours
  bool unread = false;    // its sockets could not be read at this look
  std::uint32_t pid = 0;  // the lowest one in it; 0: no process is
  std::string name;       // below /run/netns (ip-netns(8)); empty if it has none
  std::string container;  // of that process
  std::string pod;
};

// What has changed since the last time: which tables to look at anew.
struct NetworkChanges {
  bool interfaces = false;  // links and their addresses
  bool routes = false;
  bool neighbours = false;
  bool lost = false;         // the kernel had to drop messages: all of the above are set
  std::uint64_t events = 0;  // messages that were read
  // What happened to links, in its order; may repeat what was known.
  struct Link {
    std::uint32_t ifindex = 0;
    std::string name;
    bool removed = false;
    bool up = false;
  };
  std::vector<Link> links;
};

}  // namespace netwatch::model
