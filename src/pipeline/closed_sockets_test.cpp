#include "pipeline/closed_sockets.h"

#include <gtest/gtest.h>

namespace netwatch::pipeline {
namespace {

model::ClosedSocket closed(std::uint16_t port, std::uint64_t cookie, base::TimeNs opened_ns,
                           base::TimeNs closed_ns) {
  model::ClosedSocket one;
  one.socket.proto = model::ip_proto::kTcp;
  one.socket.local = {.address = *base::IpAddress::parse("192.0.2.1"), .port = port};
  one.socket.remote = {.address = *base::IpAddress::parse("192.0.2.2"), .port = 80};
  one.socket.cookie = cookie;
  one.opened_ns = opened_ns;
  one.closed_ns = closed_ns;
  return one;
}

TEST(ClosedSockets, TheOldestAreForgottenAndNoneIsFoundAfterwards) {
  ClosedSockets sockets(4);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    // Two ports in turn, so that there are always several with equal ends.
    const auto time_ns = static_cast<base::TimeNs>(i) * base::kNsPerSecond;
    sockets.add(0, closed(static_cast<std::uint16_t>(1000 + i % 2), i, time_ns, time_ns));
    EXPECT_LE(sockets.size(), 4U);
    for (std::uint64_t old = 1; old <= i; ++old) {
      const bool kept = old + 4 > i;
      const auto at_ns = static_cast<base::TimeNs>(old) * base::kNsPerSecond;
      const auto one = closed(static_cast<std::uint16_t>(1000 + old % 2), old, at_ns, at_ns);
      const auto* found =
          sockets.find(0, one.socket.proto, one.socket.local, one.socket.remote, at_ns, at_ns)
              .closed;
      ASSERT_EQ(found != nullptr, kept) << old << " of " << i;
      ASSERT_EQ(sockets.find(0, old) != nullptr, kept);
      if (kept) {
        ASSERT_EQ(found->socket.cookie, old);
      }
    }
  }
}

TEST(ClosedSockets, TheLastOfThoseThatMatch) {
  ClosedSockets sockets;
  sockets.add(0, closed(1000, 1, 0, 10 * base::kNsPerMs));
  sockets.add(0, closed(1000, 2, 20 * base::kNsPerMs, 30 * base::kNsPerMs));
  const auto one = closed(1000, 1, 0, 0).socket;
  const auto cookie = [&](base::TimeNs first_ms, base::TimeNs last_ms) {
    const auto* found = sockets
                            .find(0, one.proto, one.local, one.remote, first_ms * base::kNsPerMs,
                                  last_ms * base::kNsPerMs)
                            .closed;
    return found == nullptr ? 0 : found->socket.cookie;
  };
  EXPECT_EQ(cookie(0, 10), 1U);
  EXPECT_EQ(cookie(11, 19), 0U);
  EXPECT_EQ(cookie(5, 25), 2U);
  EXPECT_EQ(cookie(31, 40), 0U);
}

// A UDP socket that connected to one, then to another.
TEST(ClosedSockets, EarlierPeersAreTheSoleUsersToo) {
  const model::Endpoint earlier{.address = *base::IpAddress::parse("192.0.2.9"), .port = 9};
  for (const auto users : {model::SocketUsers::kOne, model::SocketUsers::kSeveral}) {
    model::ClosedSocket one = closed(1000, 1, 0, 10);
    one.socket.proto = model::ip_proto::kUdp;
    one.socket.users = users;
    model::SocketPeers peers;
    peers.peers = {{.peer = one.socket.remote, .sent = 30, .received = 0},
                   {.peer = earlier, .sent = 20, .received = 7}};
    one.socket.peers = std::make_shared<const model::SocketPeers>(std::move(peers));
    ClosedSockets sockets;
    sockets.add(0, one);
    const auto* now =
        sockets.find(0, one.socket.proto, one.socket.local, one.socket.remote, 0, 10).closed;
    ASSERT_NE(now, nullptr);
    EXPECT_EQ(now->socket.cookie, 1U);
    EXPECT_EQ(sockets.find(0, 1), now) << "a number is the socket's last end";
    const auto* before = sockets.find(0, one.socket.proto, one.socket.local, earlier, 0, 10).closed;
    ASSERT_EQ(before != nullptr, users == model::SocketUsers::kOne);
    if (before != nullptr) {
      EXPECT_EQ(before->socket.bytes_sent, 20);
    }
  }
}

TEST(ClosedSockets, NamespacesAreApart) {
  ClosedSockets sockets;
  sockets.add(7, closed(1000, 1, 0, 10));
  const auto one = closed(1000, 1, 0, 0).socket;
  EXPECT_EQ(sockets.find(0, one.proto, one.local, one.remote, 0, 10).closed, nullptr);
  EXPECT_EQ(sockets.find(0, 1), nullptr);
  EXPECT_NE(sockets.find(7, one.proto, one.local, one.remote, 0, 10).closed, nullptr);
  EXPECT_NE(sockets.find(7, 1), nullptr);
}

}  // namespace
}  // namespace netwatch::pipeline
