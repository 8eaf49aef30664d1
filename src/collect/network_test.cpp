// Interfaces, routes, neighbours and resolvers over a made-up host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collect/collect.h"
#include "collect/resolvers.h"
#include "collect/vendors.h"

namespace netwatch::collect {
namespace {

using testing::ElementsAre;

Root web_host() { return Root{NETWATCH_SOURCE_DIR "/testdata/root/web-host"}; }
Root no_host() { return Root{NETWATCH_SOURCE_DIR "/testdata/root/none"}; }

std::vector<std::string> addresses_of(const std::vector<model::Resolver>& resolvers) {
  std::vector<std::string> found;
  found.reserve(resolvers.size());
  for (const model::Resolver& resolver : resolvers) {
    found.push_back(resolver.address.to_string() + (resolver.zone.empty() ? "" : "%") +
                    resolver.zone);
  }
  return found;
}

TEST(FakeRootInterfaces, StatesAndRoles) {
  const auto table = collect_interfaces(web_host());
  ASSERT_TRUE(table);
  ASSERT_EQ(table->interfaces.size(), 3U);
  EXPECT_EQ(table->interfaces[0].role, model::InterfaceRole::kLoopback);
  EXPECT_EQ(table->interfaces[1].role, model::InterfaceRole::kPhysical);
  EXPECT_EQ(table->interfaces[1].state, model::LinkState::kUp);
  EXPECT_EQ(table->interfaces[2].role, model::InterfaceRole::kWireless);
  EXPECT_EQ(table->interfaces[2].state, model::LinkState::kDormant);
}

TEST(FakeRootRoutes, GatewaysOfBothFamilies) {
  const auto table = collect_routes(web_host());
  ASSERT_TRUE(table);
  EXPECT_EQ(table->routes.size(), 5U);
  const model::Route* v4 = table->default_route(true);
  ASSERT_NE(v4, nullptr);
  EXPECT_EQ(v4->gateway.to_string(), "192.0.2.1");
  EXPECT_EQ(v4->interface, "eth0");
  EXPECT_EQ(v4->ifindex, 2U);
  const model::Route* v6 = table->default_route(false);
  ASSERT_NE(v6, nullptr);
  EXPECT_EQ(v6->gateway.to_string(), "fe80::1");
  EXPECT_FALSE(collect_routes(no_host()));
}

TEST(FakeRootNeighbours, WithTheirVendors) {
  const VendorTable vendors = VendorTable::read(LocalHost(web_host()));
  const auto table = collect_neighbours(web_host(), &vendors);
  ASSERT_TRUE(table);
  ASSERT_EQ(table->neighbours.size(), 4U);
  EXPECT_EQ(table->neighbours[0].vendor, "Intel Corporate");
  EXPECT_EQ(table->neighbours[0].ifindex, 2U);
  EXPECT_EQ(table->neighbours[1].mac, "");
  EXPECT_EQ(table->neighbours[1].vendor, "");
  EXPECT_EQ(table->neighbours[2].vendor, "Made Up, Inc.");
  EXPECT_EQ(table->neighbours[3].vendor, "") << "assigned by a container runtime, not by IEEE";
  EXPECT_FALSE(collect_neighbours(no_host()));
}

TEST(FakeRootResolvers, AStubSaysWhomItAsks) {
  const auto list = collect_resolvers(web_host());
  ASSERT_TRUE(list);
  EXPECT_THAT(addresses_of(list->configured), ElementsAre("127.0.0.53"));
  EXPECT_THAT(addresses_of(list->upstream), ElementsAre("192.0.2.53", "fe80::1%eth0"));
  EXPECT_FALSE(collect_resolvers(no_host()));
}

TEST(ResolvConf, NameServersOnly) {
  EXPECT_THAT(addresses_of(parse_resolv_conf("nameserver 192.0.2.1\n"
                                             " nameserver 192.0.2.2\n"
                                             "#nameserver 192.0.2.3\n"
                                             "nameserver\t2001:db8::53 # ours\n"
                                             "nameserver example.org\nnameserver\n"
                                             "nameserver 192.0.2.1\n"
                                             "nameservers 192.0.2.4\n"
                                             "nameserver 192.0.2.5\nnameserver 192.0.2.6")),
              ElementsAre("192.0.2.1", "2001:db8::53", "192.0.2.5"));
  EXPECT_TRUE(parse_resolv_conf("").empty());
}

}  // namespace
}  // namespace netwatch::collect
