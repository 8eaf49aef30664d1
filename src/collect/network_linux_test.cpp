// rtnetlink in a network namespace of its own, changed by ip(8). Skipped without the right to make
// one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "collect/collect.h"
#include "collect/interfaces.h"

namespace netwatch::collect {
namespace {

using Role = model::InterfaceRole;

bool run(const std::string& command) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe,cert-env33-c): the commands stand in this file
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

class NetworkNamespaceTest : public testing::Test {
 protected:
  // Runs `body` on a thread in a new network namespace, with its loopback up; false if there may be
  // none. What the thread starts is in it, too.
  static bool within(const std::function<void()>& body) {
    bool entered = false;
    std::thread([&] {
      if (::unshare(CLONE_NEWNET) != 0 || !run("ip link set lo up")) return;
      entered = true;
      body();
    }).join();
    return entered;
  }

  static model::Interface interface_of(const std::string& name) {
    const auto table = read_interfaces_netlink(Root{});
    EXPECT_TRUE(table);
    if (table) {
      for (const model::Interface& interface : table->interfaces) {
        if (interface.name == name) return interface;
      }
    }
    return {};
  }
};

#define IN_NAMESPACE_OR_SKIP(...) \
  if (!within(__VA_ARGS__)) GTEST_SKIP() << "no right to make a network namespace, or no ip(8)"

struct Driver {
  const char* setup;  // commands that every kernel knows, or empty
  const char* make;
  const char* name;  // that says something else
  Role role;
};

class RoleOfDriver : public NetworkNamespaceTest, public testing::WithParamInterface<Driver> {};

// One test each: a kernel that lacks a driver skips that one and no other.
TEST_P(RoleOfDriver, IsTheDriversOwn) {
  const Driver& driver = GetParam();
  IN_NAMESPACE_OR_SKIP([&driver] {
    if (*driver.setup != '\0') {
      ASSERT_TRUE(run(driver.setup));
    }
    if (!run(driver.make)) GTEST_SKIP() << "the kernel lacks the driver: " << driver.make;
    EXPECT_EQ(interface_of(driver.name).role, driver.role);
  });
}

constexpr const char* kVeth = "ip link add va type veth peer name vb";
INSTANTIATE_TEST_SUITE_P(
    Drivers, RoleOfDriver,
    testing::Values(Driver{"", "true", "lo", Role::kLoopback},
                    Driver{"", "ip link add eth0 type bridge", "eth0", Role::kBridge},
                    Driver{"", "ip link add br0 type veth peer name wlan0", "wlan0", Role::kVeth},
                    Driver{kVeth, "ip link add link va name docker0 type vlan id 5", "docker0",
                           Role::kVlan},
                    Driver{"", "ip tuntap add dev veth7 mode tun", "veth7", Role::kTun},
                    Driver{"", "ip link add vx type vxlan id 7 dstport 4789", "vx", Role::kTunnel},
                    Driver{kVeth, "ip link add link va name mv type macvlan", "mv", Role::kMacvlan},
                    Driver{"", "ip link add wg type wireguard", "wg", Role::kWireguard},
                    Driver{"", "ip link add bo type bond", "bo", Role::kBond},
                    Driver{"", "ip link add du type dummy", "du", Role::kDummy}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(NetworkNamespaceTest, WhatIsSaidOfAPort) {
  IN_NAMESPACE_OR_SKIP([] {
    if (!run("ip link add eth0 type bridge")) GTEST_SKIP() << "the kernel has no bridges";
    ASSERT_TRUE(run("ip link add br0 type veth peer name wlan0"));
    ASSERT_TRUE(run("ip link set br0 master eth0 mtu 1400 address 02:00:00:00:00:07"));
    const model::Interface port = interface_of("br0");
    EXPECT_EQ(port.master, interface_of("eth0").ifindex);
    EXPECT_EQ(port.lower, interface_of("wlan0").ifindex);
    EXPECT_EQ(port.kind, "veth");
    EXPECT_EQ(port.mtu, 1400U);
    EXPECT_EQ(port.mac, "02:00:00:00:00:07");
    EXPECT_EQ(port.state, model::LinkState::kDown);
    EXPECT_EQ(port.speed_bits_per_s, -1) << "this /sys is not of this namespace";
  });
}

TEST_F(NetworkNamespaceTest, TheDefaultGatewayAsItChanges) {
  IN_NAMESPACE_OR_SKIP([] {
    ASSERT_TRUE(
        run("ip link add va type veth peer name vb && ip link set va up && "
            "ip link set vb up && ip addr add 192.0.2.2/24 dev va && "
            "ip addr add 2001:db8::2/64 dev va nodad"));
    EXPECT_EQ(collect_routes()->default_route(true), nullptr);
    ASSERT_TRUE(
        run("ip route add default via 192.0.2.1 metric 100 && "
            "ip route add default via 192.0.2.9 metric 50 && "
            "ip -6 route add default via 2001:db8::1 && "
            "ip route add default via 192.0.2.77 table 77 && "
            "ip route add unreachable 203.0.113.0/24"));
    auto table = collect_routes();
    ASSERT_TRUE(table);
    const model::Route* v4 = table->default_route(true);
    ASSERT_NE(v4, nullptr);
    EXPECT_EQ(v4->gateway.to_string(), "192.0.2.9");
    EXPECT_EQ(v4->interface, "va");
    ASSERT_NE(table->default_route(false), nullptr);
    EXPECT_EQ(table->default_route(false)->gateway.to_string(), "2001:db8::1");
    EXPECT_TRUE(interface_of("va").is_default);
    ASSERT_TRUE(run("ip route del default via 192.0.2.9"));
    EXPECT_EQ(collect_routes()->default_route(true)->gateway.to_string(), "192.0.2.1");
    // A next hop of the other family (RFC 8950), and two next hops.
    ASSERT_TRUE(run("ip route replace 0.0.0.0/0 via inet6 2001:db8::5 dev va metric 10"));
    EXPECT_EQ(collect_routes()->default_route(true)->gateway.to_string(), "2001:db8::5");
    if (run("ip route add 198.51.100.0/24 nexthop via 192.0.2.3 nexthop via 192.0.2.4")) {
      std::vector<std::string> gateways;
      const auto routes = collect_routes();
      for (const model::Route& route : routes->routes) {
        if (route.destination.to_string() != "198.51.100.0") continue;
        EXPECT_EQ(route.prefix_bits, 24);
        gateways.push_back(route.gateway.to_string());
      }
      EXPECT_THAT(gateways, testing::ElementsAre("192.0.2.3", "192.0.2.4"));
    }
  });
}

TEST_F(NetworkNamespaceTest, Neighbours) {
  IN_NAMESPACE_OR_SKIP([] {
    ASSERT_TRUE(
        run("ip link add va type veth peer name vb && ip link set va up && "
            "ip link set vb up && ip addr add 192.0.2.2/24 dev va && "
            "ip neigh add 192.0.2.7 lladdr 00:1b:21:00:00:07 dev va nud permanent && "
            "ip -6 neigh add 2001:db8::7 lladdr 02:00:00:00:00:08 router dev va "
            "nud stale"));
    const auto table = collect_neighbours();
    ASSERT_TRUE(table);
    ASSERT_EQ(table->neighbours.size(), 2U);
    const bool first_is_v4 = table->neighbours[0].address.is_v4();
    const model::Neighbour& v4 = table->neighbours[first_is_v4 ? 0 : 1];
    const model::Neighbour& v6 = table->neighbours[first_is_v4 ? 1 : 0];
    EXPECT_EQ(v4.address.to_string(), "192.0.2.7");
    EXPECT_EQ(v4.mac, "00:1b:21:00:00:07");
    EXPECT_EQ(v4.state, "permanent");
    EXPECT_EQ(v4.interface, "va");
    EXPECT_FALSE(v4.router);
    EXPECT_EQ(v6.address.to_string(), "2001:db8::7");
    EXPECT_EQ(v6.state, "stale");
    EXPECT_TRUE(v6.router);
  });
}

// What one command changes, as the watch tells it.
model::NetworkChanges changes_by(NetworkWatch& watch, const std::string& command) {
  (void)watch.read();
  EXPECT_TRUE(run(command)) << command;
  pollfd readable{watch.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, 5000), 1) << command;
  auto changes = watch.read();
  EXPECT_TRUE(changes);
  return changes ? *std::move(changes) : model::NetworkChanges{};
}

// The kernel tells of a carrier when it comes to it: `changes` may be the first of several.
bool both_come_up(NetworkWatch& watch, model::NetworkChanges changes) {
  std::set<std::string> up;
  for (;;) {
    for (const auto& link : changes.links) {
      if (link.up) up.insert(link.name);
    }
    if (up.contains("va") && up.contains("vb")) return true;
    pollfd readable{watch.fd(), POLLIN, 0};
    if (::poll(&readable, 1, 5000) != 1) return false;
    auto more = watch.read();
    if (!more) return false;
    changes = *std::move(more);
  }
}

TEST_F(NetworkNamespaceTest, TheWatchTellsWhatHasChanged) {
  IN_NAMESPACE_OR_SKIP([] {
    auto watch = NetworkWatch::open();
    ASSERT_TRUE(watch);
    auto changes = watch->read();
    ASSERT_TRUE(changes);
    EXPECT_EQ(changes->events, 0U) << "nothing has happened, and nobody waits";

    *changes = changes_by(*watch, "ip link add va type veth peer name vb");
    EXPECT_TRUE(changes->interfaces);
    EXPECT_FALSE(changes->neighbours || changes->lost);
    ASSERT_GE(changes->links.size(), 2U);
    for (const auto& link : changes->links) EXPECT_FALSE(link.up || link.removed) << link.name;

    *changes = changes_by(*watch, "ip link set vb up && ip link set va up");
    ASSERT_FALSE(changes->links.empty());
    EXPECT_TRUE(both_come_up(*watch, *changes));

    *changes = changes_by(*watch, "ip addr add 192.0.2.2/24 dev va");
    EXPECT_TRUE(changes->interfaces && changes->routes);

    *changes = changes_by(*watch, "ip route add default via 192.0.2.1");
    EXPECT_TRUE(changes->routes);
    EXPECT_TRUE(changes->links.empty());

    *changes =
        changes_by(*watch, "ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev va nud permanent");
    EXPECT_TRUE(changes->neighbours);
    EXPECT_FALSE(changes->interfaces || changes->routes);

    // The kernel does not tell of IPv4 routes that go with their link.
    EXPECT_NE(collect_routes()->default_route(true), nullptr);
    *changes = changes_by(*watch, "ip link set va down");
    EXPECT_TRUE(changes->routes);
    EXPECT_EQ(collect_routes()->default_route(true), nullptr);

    *changes = changes_by(*watch, "ip link del va");
    const auto removed = std::count_if(changes->links.begin(), changes->links.end(),
                                       [](const auto& link) { return link.removed; });
    EXPECT_EQ(removed, 2) << "both ends";
    EXPECT_EQ(watch->overruns(), 0U);
  });
}

// A port that leaves its bridge is said to be deleted, too: from the bridge.
TEST_F(NetworkNamespaceTest, APortThatLeavesItsBridgeIsStillThere) {
  IN_NAMESPACE_OR_SKIP([] {
    if (!run("ip link add bridge0 type bridge && ip link add va type veth peer name vb && "
             "ip link set va master bridge0")) {
      GTEST_SKIP() << "the kernel has no bridges";
    }
    auto watch = NetworkWatch::open();
    ASSERT_TRUE(watch);
    const auto changes = changes_by(*watch, "ip link set va nomaster");
    EXPECT_TRUE(changes.interfaces);
    for (const auto& link : changes.links) EXPECT_FALSE(link.removed) << link.name;
  });
}

TEST_F(NetworkNamespaceTest, LostEventsMeanLookAnew) {
  IN_NAMESPACE_OR_SKIP([] {
    auto watch = NetworkWatch::open(1);  // the kernel's own minimum, some messages
    ASSERT_TRUE(watch);
    ASSERT_TRUE(
        run("for i in 1 2 3 4 5 6 7 8 9; do ip link add v$i type veth peer name w$i; done"));
    auto changes = watch->read();
    ASSERT_TRUE(changes);
    EXPECT_TRUE(changes->lost);
    EXPECT_TRUE(changes->interfaces && changes->routes && changes->neighbours);
    EXPECT_EQ(watch->overruns(), 1U);
    // It goes on.
    *changes = changes_by(*watch, "ip link set v1 up");
    EXPECT_TRUE(changes->interfaces);
    EXPECT_FALSE(changes->lost);
  });
}

}  // namespace
}  // namespace netwatch::collect
