#include "collect/netlink_linux.h"

#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "collect/sock_diag_linux.h"

namespace netwatch::collect {
namespace {

using Message = std::vector<std::uint8_t>;

void append(Message& out, const void* bytes, std::size_t length) {
  const auto* begin = static_cast<const std::uint8_t*>(bytes);
  out.insert(out.end(), begin, begin + length);
}

void append_attribute(Message& out, std::uint16_t type, const void* value, std::size_t length) {
  const std::array<std::uint16_t, 2> header = {static_cast<std::uint16_t>(length + 4), type};
  append(out, header.data(), sizeof header);
  append(out, value, length);
  while (out.size() % 4 != 0) out.push_back(0);
}

// An established IPv4 connection of which the kernel sends the first `counter_bytes` of tcp_info.
Message established(std::size_t counter_bytes, std::uint8_t state = 1) {
  inet_diag_msg head{};
  head.idiag_family = AF_INET;
  head.idiag_state = state;
  head.id.idiag_sport = __builtin_bswap16(443);
  head.id.idiag_dport = __builtin_bswap16(50000);
  head.id.idiag_src[0] = __builtin_bswap32(0xC0000201);
  head.id.idiag_dst[0] = __builtin_bswap32(0xC6336407);
  head.id.idiag_cookie[0] = 0x55667788;
  head.id.idiag_cookie[1] = 0x11223344;
  head.idiag_inode = 77;
  tcp_info counters{};
  counters.tcpi_rtt = 1500;
  counters.tcpi_total_retrans = 2;
  counters.tcpi_bytes_acked = 1001;
  counters.tcpi_bytes_received = 501;
  counters.tcpi_bytes_sent = 1200;
  counters.tcpi_bytes_retrans = 200;
  Message message;
  append(message, &head, sizeof head);
  append_attribute(message, 99, "abc", 3);
  append_attribute(message, INET_DIAG_INFO, &counters, counter_bytes);
  return message;
}

model::Socket parsed(const Message& message) {
  model::Socket socket;
  EXPECT_TRUE(parse_sock_diag(message, model::ip_proto::kTcp, socket));
  return socket;
}

TEST(SockDiag, ReadsAddressesAndCounters) {
  const model::Socket socket = parsed(established(sizeof(tcp_info)));
  EXPECT_EQ(socket.local.address.to_string(), "192.0.2.1");
  EXPECT_EQ(socket.local.port, 443);
  EXPECT_EQ(socket.remote.address.to_string(), "198.51.100.7");
  EXPECT_EQ(socket.remote.port, 50000);
  EXPECT_EQ(socket.inode, 77U);
  EXPECT_EQ(socket.cookie, 0x1122334455667788U);
  EXPECT_EQ(socket.rtt_us, 1500);
  EXPECT_EQ(socket.retransmits, 2);
  EXPECT_EQ(socket.bytes_sent, 1000);  // sent minus sent again
  EXPECT_EQ(socket.bytes_received, 501);
}

TEST(SockDiag, OlderKernelsSendLess) {
  const model::Socket no_sent = parsed(established(offsetof(tcp_info, tcpi_bytes_sent)));
  EXPECT_EQ(no_sent.bytes_sent, 1001);  // what is acknowledged
  EXPECT_EQ(no_sent.bytes_received, 501);
  const model::Socket no_bytes = parsed(established(offsetof(tcp_info, tcpi_bytes_acked) + 7));
  EXPECT_EQ(no_bytes.bytes_sent, -1);
  EXPECT_EQ(no_bytes.bytes_received, -1);
  EXPECT_EQ(no_bytes.rtt_us, 1500);
  const model::Socket none = parsed(established(0));
  EXPECT_EQ(none.rtt_us, -1);
  EXPECT_EQ(none.retransmits, -1);
}

TEST(SockDiag, ThePeersFinIsNoPayload) {
  EXPECT_EQ(parsed(established(sizeof(tcp_info), 8)).bytes_received, 500);  // CLOSE-WAIT
}

TEST(SockDiag, ListenersHaveNoCounters) {
  const model::Socket socket = parsed(established(sizeof(tcp_info), 10));
  EXPECT_EQ(socket.state, model::TcpState::kListen);
  EXPECT_EQ(socket.rtt_us, -1);
  EXPECT_EQ(socket.bytes_sent, -1);
}

TEST(SockDiag, TheKernelTellsWhoTakesNoIpv4) {
  for (const int v6_only : {0, 1}) {
    const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) GTEST_SKIP() << "the host has no IPv6";
    ASSERT_EQ(::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only), 0);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
    auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG);
    std::vector<model::Socket> sockets;
    const bool dumped =
        netlink && dump_sock_diag(*netlink, model::ip_proto::kUdp, AF_INET6, sockets);
    ::close(fd);
    if (!dumped) GTEST_SKIP() << "the host has no sock_diag";
    int found = 0;
    for (const model::Socket& socket : sockets) {
      if (socket.local.port != ntohs(address.sin6_port)) continue;
      ++found;
      EXPECT_EQ(socket.v6_only, std::optional(v6_only == 1));
    }
    EXPECT_EQ(found, 1);
  }
}

TEST(SockDiag, OneWalkTellsTcpOfBothFamilies) {
  auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  std::vector<model::Socket> none;
  if (!netlink || !dump_sock_diag(*netlink, model::ip_proto::kTcp, AF_INET, none)) {
    GTEST_SKIP() << "the host has no sock_diag";
  }
  std::vector<int> fds;
  std::vector<std::uint64_t> cookies;
  for (const int family : {AF_INET, AF_INET6}) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;  // no IPv6
    fds.push_back(fd);
    std::uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    ASSERT_EQ(::listen(fd, 1), 0);
    ASSERT_EQ(::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), 0);
    cookies.push_back(cookie);
  }
  std::vector<model::Socket> sockets;
  const auto dumped = dump_tcp_sock_diag(*netlink, sockets);
  for (const int fd : fds) ::close(fd);
  ASSERT_TRUE(dumped) << dumped.error().message;
  for (const std::uint64_t cookie : cookies) {
    EXPECT_EQ(std::count_if(sockets.begin(), sockets.end(),
                            [&](const auto& socket) { return socket.cookie == cookie; }),
              1);
  }
}

TEST(SockDiag, ShortMessagesAreRefused) {
  const Message whole = established(sizeof(tcp_info));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    model::Socket socket;
    const bool fits = length >= sizeof(inet_diag_msg);
    EXPECT_EQ(parse_sock_diag({whole.data(), length}, model::ip_proto::kTcp, socket), fits);
  }
}

TEST(NetlinkAttributes, BadLengthsEndTheWalk) {
  for (const Message& bad : std::vector<Message>{
           {}, {4}, {4, 0, 1}, {0, 0, 1, 0}, {3, 0, 1, 0}, {5, 0, 1, 0}, {255, 255, 1, 0, 0, 0}}) {
    base::Bytes bytes = bad;
    EXPECT_FALSE(next_attribute(bytes)) << bad.size();
  }
}

TEST(NetlinkAttributes, WalksPaddingAndFlags) {
  Message message;
  append_attribute(message, 3, "ab\0", 3);
  append_attribute(message, 0x8004, "xyz", 3);
  message.pop_back();  // the last one may lack its padding
  base::Bytes bytes = message;
  const auto first = next_attribute(bytes);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->text(), "ab");
  const auto second = next_attribute(bytes);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->type, 4);
  EXPECT_EQ(second->text(), "xyz");
  EXPECT_FALSE(next_attribute(bytes));
}

}  // namespace
}  // namespace netwatch::collect
