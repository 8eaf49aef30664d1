#include "collect/proc_net.h"

#include <gtest/gtest.h>

namespace netwatch::collect {
namespace {

std::vector<model::Socket> sockets(std::string_view text,
                                   std::uint8_t proto = model::ip_proto::kTcp) {
  std::vector<model::Socket> found;
  parse_proc_net_sockets(text, proto, found);
  return found;
}

TEST(ProcNetSockets, ReadsALineOfEachFamily) {
  const auto found = sockets(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
      "4242 1 0000000000000000 100 0 0 10 0\n"
      "   1: B80D0120000000000000000001000000:01BB B80D0120000000000000000002000000:C350 01 "
      "00000000:00000000 00:00000000 00000000     0        0 4243 1\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].local.address.to_string(), "127.0.0.1");
  EXPECT_EQ(found[0].local.port, 8080);
  EXPECT_TRUE(found[0].remote.address.is_unspecified());
  EXPECT_EQ(found[0].state, model::TcpState::kListen);
  EXPECT_EQ(found[0].uid, 1000U);
  EXPECT_EQ(found[0].inode, 4242U);
  EXPECT_EQ(found[0].bytes_sent, -1);
  EXPECT_EQ(found[1].local.address.to_string(), "2001:db8::1");
  EXPECT_EQ(found[1].remote.address.to_string(), "2001:db8::2");
  EXPECT_EQ(found[1].remote.port, 50000);
  EXPECT_EQ(found[1].state, model::TcpState::kEstablished);
}

TEST(ProcNetSockets, UdpHasNoTcpState) {
  const auto found = sockets(
      "  12: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 99 2 0 0\n",
      model::ip_proto::kUdp);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, model::TcpState::kNone);
  EXPECT_EQ(found[0].proto, model::ip_proto::kUdp);
}

TEST(ProcNetSockets, PassesOverWhatIsNotALine) {
  for (const std::string_view line : {
           "",
           "\n\n",
           "   0:",
           "   0: 0100007F:1F90",
           "   0: 0100007F 00000000:0000 0A 0:0 0:0 0 0 0 1",
           "   0: 0100007F:1F90 00000000:0000 ZZ 0:0 0:0 0 0 0 1",
           "   0: 0100007F:FFFFF 00000000:0000 0A 0:0 0:0 0 0 0 1",
           "   0: 0100007F0:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1",
           "   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 99999999999999999999999",
           "   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 -1 0 1",
       }) {
    EXPECT_TRUE(sockets(line).empty()) << line;
  }
}

TEST(ProcNetSockets, AnUnknownStateIsNone) {
  const auto found = sockets("0: 0100007F:1F90 00000000:0000 7F 0:0 0:0 0 0 0 1");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, model::TcpState::kNone);
}

model::RouteTable routes_of(std::string_view v4, std::string_view v6 = {}) {
  model::RouteTable table;
  parse_proc_route(v4, table.routes);
  parse_proc_ipv6_route(v6, table.routes);
  return table;
}

TEST(ProcRoute, LowestMetricWins) {
  const auto table = routes_of(
      "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
      "wlan0 00000000 010200C0 0003 0 0 600 00000000 0 0 0\n"
      "eth0 00000000 020200C0 0003 0 0 100 00000000 0 0 0\n"
      "eth1 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
      "down0 00000000 010200C0 0002 0 0 1 00000000 0 0 0\n"
      "no0 00000000 00000000 0201 0 0 2 00000000 0 0 0\n");
  ASSERT_EQ(table.routes.size(), 3U);
  const model::Route* route = table.default_route(true);
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(route->interface, "eth0");
  EXPECT_EQ(route->metric, 100U);
  EXPECT_EQ(route->gateway.to_string(), "192.0.2.2");
  EXPECT_EQ(table.routes[2].destination.to_string(), "192.0.2.0");
  EXPECT_EQ(table.routes[2].prefix_bits, 24);
  EXPECT_TRUE(table.routes[2].gateway.is_unspecified());
  EXPECT_EQ(table.default_route(false), nullptr);
  EXPECT_EQ(routes_of("Iface Destination\n").default_route(true), nullptr);
}

TEST(ProcRoute, SplitDefaultIsNoDefault) {
  // 0.0.0.0/1, as VPN clients set it: a route to half the world.
  const auto table = routes_of("heading\ntun0 00000000 00000000 0003 0 0 0 00000080 0 0 0\n");
  EXPECT_EQ(table.default_route(true), nullptr);
  EXPECT_EQ(table.routes.size(), 1U);
}

TEST(ProcIpv6Route, IgnoresTheRejectingDefault) {
  const std::string zero(32, '0');
  const std::string reject =
      zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200       lo\n";
  EXPECT_TRUE(routes_of("", reject).routes.empty());
  const auto table = routes_of("", reject + zero + " 00 " + zero +
                                       " 00 fe800000000000000000000000000001 00000400 00000002 "
                                       "00000000 00000003 eth0\n");
  const model::Route* route = table.default_route(false);
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(route->interface, "eth0");
  EXPECT_EQ(route->metric, 0x400U);
  EXPECT_EQ(route->gateway.to_string(), "fe80::1");
  EXPECT_EQ(table.default_route(true), nullptr);
}

TEST(ProcArp, CompleteAndIncomplete) {
  std::vector<model::Neighbour> found;
  parse_proc_arp(
      "IP address       HW type     Flags       HW address            Mask     Device\n"
      "192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n"
      "192.0.2.7        0x1         0x0         00:00:00:00:00:00     *        eth0\n"
      "192.0.2.8        0x1         0x6         02:fc:00:00:00:08     *        eth1\n"
      "192.0.2.9        0x1\nx 0x1 0x2 02:fc:00:00:00:05 * eth0\n",
      found);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].address.to_string(), "192.0.2.1");
  EXPECT_EQ(found[0].mac, "02:fc:00:00:00:05");
  EXPECT_EQ(found[0].interface, "eth0");
  EXPECT_EQ(found[0].state, "") << "the text does not say how fresh it is";
  EXPECT_EQ(found[1].mac, "");
  EXPECT_EQ(found[1].state, "incomplete");
  EXPECT_EQ(found[2].state, "permanent");
}

TEST(ProcIfInet6, NamesTheInterface) {
  const auto found = parse_proc_if_inet6(
      "20010db8000000000000000000000010 02 40 00 80     eth0\nxyz 02 40 00 80 eth0\n"
      "20010db80000000000000000000000 02 40 00 80 eth0\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].interface, "eth0");
  EXPECT_EQ(found[0].address.to_string(), "2001:db8::10");
}

}  // namespace
}  // namespace netwatch::collect
