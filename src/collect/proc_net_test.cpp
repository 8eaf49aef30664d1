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

TEST(ProcRoute, LowestMetricWins) {
  const auto route = parse_proc_route(
      "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
      "wlan0 00000000 010200C0 0003 0 0 600 00000000 0 0 0\n"
      "eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0\n"
      "eth1 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
      "down0 00000000 010200C0 0002 0 0 1 00000000 0 0 0\n"
      "no0 00000000 00000000 0201 0 0 2 00000000 0 0 0\n");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->interface, "eth0");
  EXPECT_EQ(route->metric, 100U);
  EXPECT_FALSE(parse_proc_route("Iface Destination\n"));
}

TEST(ProcRoute, SplitDefaultIsNoDefault) {
  // 0.0.0.0/1, as VPN clients set it: a route to half the world.
  EXPECT_FALSE(
      parse_proc_route("heading\ntun0 00000000 00000000 0003 0 0 0 00000080 0 0 0\n").has_value());
}

TEST(ProcIpv6Route, IgnoresTheRejectingDefault) {
  const std::string zero(32, '0');
  const std::string reject =
      zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200       lo\n";
  EXPECT_FALSE(parse_proc_ipv6_route(reject));
  const auto route = parse_proc_ipv6_route(reject + zero + " 00 " + zero +
                                           " 00 fe800000000000000000000000000001 00000400 00000002 "
                                           "00000000 00000003 eth0\n");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->interface, "eth0");
  EXPECT_EQ(route->metric, 0x400U);
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
