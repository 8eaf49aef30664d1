// Payload by peer of unconnected UDP sockets, by the programs in this machine's kernel, against
// what other programs know of their own traffic.
#include <gtest/gtest.h>
#include <linux/errqueue.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include "ebpf/test_tracker.h"

namespace netwatch::ebpf {
namespace {

using Moved = std::pair<std::int64_t, std::int64_t>;  // sent, received
using ByPeer = std::map<model::Endpoint, Moved>;

ByPeer by_peer(const model::SocketPeers& peers) {
  ByPeer out;
  for (const model::PeerPayload& one : peers.peers) {
    out[one.peer] = {static_cast<std::int64_t>(one.sent), static_cast<std::int64_t>(one.received)};
  }
  return out;
}

void send_to(int fd, SocketAddress to, std::size_t bytes) {
  const std::string text(bytes, 'x');
  if (::sendto(fd, text.data(), bytes, 0, to.get(), to.length) != static_cast<ssize_t>(bytes)) {
    std::perror("sendto");
  }
}

// Takes one datagram; with or without asking whose it is.
ssize_t take(int fd, int flags = 0, SocketAddress* from = nullptr) {
  std::array<char, 2048> bytes{};
  return ::recvfrom(fd, bytes.data(), bytes.size(), flags, from == nullptr ? nullptr : from->get(),
                    from == nullptr ? nullptr : &from->length);
}

class PeersInKernel : public testing::Test, public TrackerRig {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_programs(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_TRUE(sandbox_.ready());
  }
  void open() { ASSERT_EQ(open_tracker(Lengths::kTracepoints), ""); }
  void wait_draining(pid_t pid) { EXPECT_EQ(drain_until_end(pid), 0); }
  // What `program` does with its sockets, in a process of its own, to the end.
  void run(const std::function<void()>& program) {
    open();
    if (!tracker_) return;
    wait_draining(sandbox_.start("nw-udp", program));
  }
  // The one that ended with this port, after all have.
  const model::Socket& ended(std::uint16_t port) {
    static const model::Socket kNone;
    for (const model::ClosedSocket& one : closed_) {
      if (one.socket.local.port == port) return one.socket;
    }
    ADD_FAILURE() << "no socket had port " << port;
    return kNone;
  }
  // Shared with the programs that are started.
  struct Shared {
    std::atomic<std::uint16_t> port = 0;
    std::array<std::atomic<std::uint16_t>, 16> others{};
    std::array<std::atomic<std::int64_t>, 16> sent{};
  };
  PeersInKernel() {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = new (memory) Shared;
  }
  ~PeersInKernel() override { ::munmap(shared_, sizeof(Shared)); }
  Shared* shared_ = nullptr;
};

TEST_F(PeersInKernel, EachPeerHasItsPayload) {
  constexpr std::size_t kPeers = 5;
  constexpr int kRounds = 50;
  open();
  for (const int family : {AF_INET, AF_INET6}) {
    const auto [server, port] = serve("nw-server", family, SOCK_DGRAM, [&](int fd) {
      for (int i = 0; i < kRounds * static_cast<int>(kPeers); ++i) {
        SocketAddress from;
        if (take(fd, 0, &from) < 0) std::perror("recvfrom");
        send_to(fd, from, 7);
      }
    });
    ByPeer wanted;
    std::array<model::Endpoint, kPeers> clients;
    const pid_t client = sandbox_.start("nw-client", [&, to = port] {
      std::array<int, kPeers> fds{};
      for (std::size_t i = 0; i < kPeers; ++i) {
        std::uint16_t own = 0;
        fds[i] = bound(family, SOCK_DGRAM, own);
        shared_->others[i] = own;
      }
      for (int round = 0; round < kRounds; ++round) {
        for (std::size_t i = 0; i < kPeers; ++i) {
          send_to(fds[i], loopback(family, to), 10 + i);
          if (take(fds[i]) != 7) std::perror("recv");
        }
      }
    });
    wait_draining(client);
    wait_draining(server);
    for (std::size_t i = 0; i < kPeers; ++i) {
      const model::Endpoint peer = endpoint_of(loopback(family, shared_->others[i]));
      wanted[peer] = {7 * kRounds, (10 + static_cast<std::int64_t>(i)) * kRounds};
      // The client asked nobody whose the answer was.
      const model::Socket& of_client = ended(shared_->others[i]);
      ASSERT_TRUE(of_client.peers);
      EXPECT_EQ(by_peer(*of_client.peers),
                (ByPeer{{endpoint_of(loopback(family, port)), {wanted[peer].second, 0}}}));
      EXPECT_EQ(of_client.peers->unknown_received, 7U * kRounds);
    }
    const model::Socket& socket = ended(port);
    ASSERT_TRUE(socket.peers);
    EXPECT_EQ(by_peer(*socket.peers), wanted);
    EXPECT_EQ(socket.peers->unknown_sent, 0U);
    EXPECT_EQ(socket.peers->unknown_received, 0U);
    EXPECT_EQ(socket.users, model::SocketUsers::kOne);
  }
}

TEST_F(PeersInKernel, OfSocketsThatLiveAtEachLook) {
  std::array<int, 2> go{};
  std::array<int, 2> done{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC) + ::pipe2(done.data(), O_CLOEXEC), 0);
  open();
  const auto [program, port] = serve("nw-udp", AF_INET, SOCK_DGRAM, [&](int fd) {
    char byte = 0;
    while (::read(go[0], &byte, 1) == 1 && byte != 'e') {
      for (std::uint16_t to = 1; to <= 3; ++to) send_to(fd, loopback(AF_INET, to), to);
      (void)!::write(done[1], "d", 1);
    }
  });
  std::uint64_t cookie = 0;
  // More looks than it takes until what was written is summed up elsewhere.
  for (std::int64_t round = 1; round <= 6; ++round) {
    char byte = 0;
    ASSERT_EQ(::write(go[1], "g", 1), 1);
    ASSERT_EQ(::read(done[0], &byte, 1), 1);
    const auto all = tracker_->holdings();
    ASSERT_TRUE(all) << all.error().message;
    std::shared_ptr<const model::SocketPeers> peers;
    for (const model::SocketHolding& one : all->holdings) {
      if (one.netns != sandbox_.netns()) continue;
      peers = one.peers;
      cookie = one.cookie;
      EXPECT_EQ(one.sent, 6 * round);
    }
    ASSERT_TRUE(peers);
    ByPeer wanted;
    for (std::uint16_t to = 1; to <= 3; ++to) {
      wanted[endpoint_of(loopback(AF_INET, to))] = {to * round, 0};
    }
    EXPECT_EQ(by_peer(*peers), wanted);
  }
  ASSERT_EQ(::write(go[1], "e", 1), 1);
  wait_draining(program);
  EXPECT_EQ(ended(port).cookie, cookie);
  ASSERT_TRUE(ended(port).peers);
  EXPECT_EQ(ended(port).peers->peers.size(), 3U);
  EXPECT_EQ(ended(port).peers->peers[0].sent, 6U);
  for (const int fd : {go[0], go[1], done[0], done[1]}) ::close(fd);
}

// A socket for both families, in calls that move several datagrams, and in parts of one.
TEST_F(PeersInKernel, EveryWayToSendAndReceive) {
  run([&] {
    std::uint16_t port = 0;
    std::uint16_t own = 0;
    const int v4 = bound(AF_INET, SOCK_DGRAM, own);
    shared_->others[0] = own;
    const int fd = ::socket(AF_INET6, SOCK_DGRAM, 0);
    SocketAddress any = loopback(AF_INET6, 0);
    reinterpret_cast<sockaddr_in6&>(any.storage).sin6_addr = in6addr_any;
    if (::bind(fd, any.get(), any.length) != 0) std::perror("bind");
    ::getsockname(fd, any.get(), &any.length);
    port = endpoint_of(any).port;
    shared_->port = port;
    // From an IPv4 address (RFC 4291 section 2.5.5.2), and to it by its IPv4-mapped one.
    send_to(v4, loopback(AF_INET, port), 5);
    SocketAddress from;
    take(fd, 0, &from);
    send_to(fd, from, 6);
    take(v4);
    // Three datagrams in one call, two of them to one peer.
    std::array<SocketAddress, 3> to = {from, loopback(AF_INET6, 1), from};
    std::array<iovec, 3> bytes{};
    std::array<mmsghdr, 3> messages{};
    std::string text(100, 'x');
    for (std::size_t i = 0; i < 3; ++i) {
      bytes[i] = {text.data(), 10 + i};
      messages[i].msg_hdr = {.msg_name = to[i].get(),
                             .msg_namelen = to[i].length,
                             .msg_iov = &bytes[i],
                             .msg_iovlen = 1,
                             .msg_control = nullptr,
                             .msg_controllen = 0,
                             .msg_flags = 0};
    }
    if (::sendmmsg(fd, messages.data(), 3, 0) != 3) std::perror("sendmmsg");
    take(v4);
    take(v4);
    // One datagram in two parts: of the second the kernel is not told where it goes.
    SocketAddress peer = loopback(AF_INET6, 2);
    (void)!::sendto(fd, text.data(), 20, MSG_MORE, peer.get(), peer.length);
    (void)!::send(fd, text.data(), 3, 0);
    // From one that has been connected on the way.
    for (int i = 0; i < 2; ++i) send_to(v4, loopback(AF_INET, port), 8);
    for (mmsghdr& one : messages) one.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    if (::recvmmsg(fd, messages.data(), 2, 0, nullptr) != 2) std::perror("recvmmsg");
    if (::connect(fd, from.get(), from.length) != 0) std::perror("connect");
    (void)!::send(fd, text.data(), 30, 0);
    send_to(v4, loopback(AF_INET, port), 9);
    take(fd, 0, &from);
  });
  ASSERT_FALSE(closed_.empty());
  const model::Socket& socket = ended(shared_->port);
  ASSERT_TRUE(socket.peers);
  EXPECT_EQ(by_peer(*socket.peers),
            (ByPeer{{endpoint_of(loopback(AF_INET, shared_->others[0])), {6 + 22 + 30, 5 + 16 + 9}},
                    {endpoint_of(loopback(AF_INET6, 1)), {11, 0}},
                    {endpoint_of(loopback(AF_INET6, 2)), {20, 0}}}));
  EXPECT_EQ(socket.peers->unknown_sent, 3U);
  EXPECT_EQ(socket.peers->unknown_received, 0U);
  EXPECT_EQ(socket.bytes_sent, 6 + 33 + 23 + 30);
}

// Who did not ask, looked only, or failed: nothing of that is a peer's.
TEST_F(PeersInKernel, WhatIsNotKnownIsNobodys) {
  run([&] {
    std::uint16_t port = 0;
    std::uint16_t own = 0;
    const int fd = bound(AF_INET, SOCK_DGRAM, port);
    const int other = bound(AF_INET, SOCK_DGRAM, own);
    const int third = bound(AF_INET, SOCK_DGRAM, own);
    shared_->port = port;
    const auto offer = [&, to = loopback(AF_INET, port)](int from, std::size_t bytes) {
      send_to(from, to, bytes);
    };
    // Before the first peer is named.
    offer(other, 100);
    take(fd);
    SocketAddress from;
    offer(other, 1);
    take(fd, 0, &from);
    shared_->others[0] = endpoint_of(from).port;
    offer(third, 20);
    take(fd);
    // Looks whose the next one is, and takes it without asking.
    offer(other, 300);
    take(fd, MSG_PEEK, &from);
    take(fd);
    // What does not go out.
    std::string much(70000, 'x');
    SocketAddress to = loopback(AF_INET, own);
    if (::sendto(fd, much.data(), much.size(), 0, to.get(), to.length) >= 0) std::perror("sent");
    offer(third, 4000);
    take(fd);
    // What comes back with an error is no payload from outside.
    const int one = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof one);
    send_to(fd, loopback(AF_INET, 9), 50);
    pollfd waiting{.fd = fd, .events = 0, .revents = 0};
    ::poll(&waiting, 1, 1000);
    if (take(fd, MSG_ERRQUEUE, &from) != 50) std::perror("errors");
  });
  ASSERT_FALSE(closed_.empty());
  const model::Socket& socket = ended(shared_->port);
  ASSERT_TRUE(socket.peers);
  EXPECT_EQ(by_peer(*socket.peers),
            (ByPeer{{endpoint_of(loopback(AF_INET, shared_->others[0])), {0, 1}},
                    {endpoint_of(loopback(AF_INET, 9)), {50, 0}}}));
  EXPECT_EQ(socket.bytes_received, 100 + 1 + 20 + 300 + 2048);
  EXPECT_EQ(socket.peers->unknown_received, 100U + 20 + 300 + 2048);
  EXPECT_EQ(socket.bytes_sent, 50);
  EXPECT_EQ(socket.peers->unknown_sent, 0U);
}

// However many threads: what a peer is told to have moved it has, and nothing is lost.
TEST_F(PeersInKernel, ThreadsOfOneSocket) {
  constexpr int kDatagrams = 3000;
  for (const std::size_t threads : {4U, 12U}) {
    closed_.clear();
    run([&] {
      std::uint16_t port = 0;
      const int fd = bound(AF_INET, SOCK_DGRAM, port);
      shared_->port = port;
      std::vector<std::thread> all;
      all.reserve(threads);
      for (std::size_t i = 0; i < threads; ++i) {
        all.emplace_back([&, i] {
          std::uint16_t own = 0;
          const int peer = bound(AF_INET, SOCK_DGRAM, own);
          shared_->others[i] = own;
          for (int n = 0; n < kDatagrams; ++n) {
            send_to(fd, loopback(AF_INET, own), 100 + i);
            take(peer);
          }
          shared_->sent[i] = static_cast<std::int64_t>(100 + i) * kDatagrams;
        });
      }
      for (std::thread& one : all) one.join();
    });
    const model::Socket& socket = ended(shared_->port);
    ASSERT_TRUE(socket.peers);
    const ByPeer told = by_peer(*socket.peers);
    auto sum = static_cast<std::int64_t>(socket.peers->unknown_sent);
    for (std::size_t i = 0; i < threads; ++i) {
      const auto one = told.find(endpoint_of(loopback(AF_INET, shared_->others[i])));
      ASSERT_NE(one, told.end());
      EXPECT_LE(one->second.first, shared_->sent[i]);
      sum += one->second.first;
    }
    EXPECT_EQ(told.size(), threads);
    EXPECT_EQ(sum, socket.bytes_sent);
    const bool has_room = threads <= 4;
    EXPECT_TRUE(!has_room || socket.peers->unknown_sent == 0);
    std::printf("%zu threads: %llu of %lld bytes are of no known peer\n", threads,
                static_cast<unsigned long long>(socket.peers->unknown_sent),
                static_cast<long long>(socket.bytes_sent));
  }
}

// A socket may be held by who never uses it (socket activation), or by several who do.
TEST_F(PeersInKernel, OneUserOrSeveral) {
  open();
  for (const bool parent_uses : {false, true}) {
    closed_.clear();
    const auto [parent, port] = serve("nw-manager", AF_INET, SOCK_DGRAM, [&](int fd) {
      if (parent_uses) send_to(fd, loopback(AF_INET, 9), 3);
      const pid_t service = ::fork();
      if (service == 0) {
        ::prctl(PR_SET_NAME, "nw-service");
        std::thread([fd] { send_to(fd, loopback(AF_INET, 9), 4); }).join();
        send_to(fd, loopback(AF_INET, 9), 5);
        ::_exit(0);
      }
      wait_for(service);
    });
    wait_draining(parent);
    const model::Socket& socket = ended(port);
    ASSERT_TRUE(socket.owner.process);
    EXPECT_EQ(socket.owner.process->comm, "nw-service");
    EXPECT_EQ(socket.users, parent_uses ? model::SocketUsers::kSeveral : model::SocketUsers::kOne);
  }
}

}  // namespace
}  // namespace netwatch::ebpf
