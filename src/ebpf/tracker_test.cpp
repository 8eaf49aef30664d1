// The programs in this machine's kernel, against a ledger that other programs keep of their own
// traffic.
#include "ebpf/tracker.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <sstream>
#include <thread>
#include <tuple>

#include "ebpf/test_tracker.h"

namespace netwatch::ebpf {
namespace {

constexpr int kConnections = 500;
constexpr int kMultipathTcp = 262;

bool kernel_is_at_least(int major, int minor) {
  utsname kernel{};
  if (::uname(&kernel) != 0) return true;
  int have_major = 0;
  int have_minor = 0;
  std::istringstream words(kernel.release);
  char dot = 0;
  words >> have_major >> dot >> have_minor;
  return std::pair(have_major, have_minor) >= std::pair(major, minor);
}

// Skips, with the exact reason, where there can be no programs; where there can, they must run.
// The rest of a session may run at the same time: nothing is asserted about others' sockets.
class TrackerInKernel : public testing::Test, public TrackerRig {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_programs(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_TRUE(sandbox_.ready());
  }

  void open(Lengths lengths = Lengths::kTracepoints) { ASSERT_EQ(open_tracker(lengths), ""); }
  void wait_draining(pid_t pid) { EXPECT_EQ(drain_until_end(pid), 0); }

  using Key = std::tuple<std::uint8_t, model::Endpoint, model::Endpoint>;
  static Key key(std::uint8_t proto, const model::Endpoint& local, const model::Endpoint& remote) {
    return {proto, local, remote.port == 0 ? model::Endpoint{} : remote};
  }

  // Every row of the ledger has one event, with its owner and its bytes; nothing else is told.
  void expect_the_ledger() {
    std::multimap<Key, const model::ClosedSocket*> events;
    for (const model::ClosedSocket& one : closed_) {
      EXPECT_EQ(one.socket.netns, sandbox_.netns());
      EXPECT_NE(one.socket.cookie, 0U);
      EXPECT_LE(one.opened_ns, one.closed_ns);
      events.emplace(key(one.socket.proto, one.socket.local, one.socket.remote), &one);
    }
    for (const LedgerRow& row : ledger_.rows()) {
      // A port may have been used twice.
      const auto found = events.find(key(row.proto, row.local, row.remote));
      ASSERT_NE(found, events.end()) << row.local.port;
      const model::Socket& socket = found->second->socket;
      ASSERT_TRUE(socket.owner.process);
      EXPECT_EQ(socket.owner.quality,
                lengths_ ? model::Quality::kExact : model::Quality::kInferred);
      EXPECT_EQ(socket.owner.process->pid, row.pid);
      const bool counted = lengths_ || row.proto == model::ip_proto::kTcp;
      EXPECT_EQ(socket.bytes_sent, counted ? row.sent : -1);
      EXPECT_EQ(socket.bytes_received, counted ? row.received : -1);
      events.erase(found);
    }
    EXPECT_TRUE(events.empty()) << events.size();
    EXPECT_EQ(tracker_->lost_events(), 0U);
  }

  // Twenty connections by IPv6 and twenty datagrams by IPv4.
  void talk_a_little() {
    const auto [tcp_server, tcp_port] =
        serve("nw-server", AF_INET6, SOCK_STREAM,
              [&](int listener) { serve_tcp(ledger_, listener, 20); });
    const auto [udp_server, udp_port] =
        serve("nw-server", AF_INET, SOCK_DGRAM, [&](int fd) { serve_udp(ledger_, fd, 20); });
    const pid_t client = sandbox_.start("nw-client", [&, tcp = tcp_port, udp = udp_port] {
      connect_tcp(ledger_, AF_INET6, tcp, 20);
      send_udp(ledger_, AF_INET, udp, 20);
    });
    wait_draining(client);
    wait_draining(tcp_server);
    wait_draining(udp_server);
    ASSERT_EQ(ledger_.rows().size(), 61U);
  }

  Ledger ledger_;
};

TEST_F(TrackerInKernel, ShortTcpConnectionsAtBothEnds) {
  open();
  for (const int family : {AF_INET, AF_INET6}) {
    const auto [server, port] = serve("nw-server", family, SOCK_STREAM, [&](int listener) {
      serve_tcp(ledger_, listener, kConnections);
    });
    const pid_t client = sandbox_.start(
        "nw-client", [&, to = port] { connect_tcp(ledger_, family, to, kConnections); });
    wait_draining(client);
    wait_draining(server);
  }
  ASSERT_EQ(ledger_.rows().size(), 4U * kConnections);
  expect_the_ledger();
  const auto is_short = [](const model::ClosedSocket& one) {
    return one.closed_ns - one.opened_ns < 5 * base::kNsPerMs;
  };
  for (const model::ClosedSocket& one : closed_) {
    EXPECT_GT(one.socket.rtt_us, 0);
    EXPECT_EQ(one.socket.retransmits, 0);
  }
  std::printf("%ld of %zu lived less than 5 ms\n",
              std::count_if(closed_.begin(), closed_.end(), is_short), closed_.size());
}

TEST_F(TrackerInKernel, DatagramsConnectedAndNot) {
  open();
  for (const int family : {AF_INET, AF_INET6}) {
    const auto [server, port] = serve("nw-server", family, SOCK_DGRAM,
                                      [&](int fd) { serve_udp(ledger_, fd, kConnections); });
    const pid_t client = sandbox_.start(
        "nw-client", [&, to = port] { send_udp(ledger_, family, to, kConnections); });
    wait_draining(client);
    wait_draining(server);
  }
  ASSERT_EQ(ledger_.rows().size(), 2U * (kConnections + 1));
  expect_the_ledger();
}

// A program may close long before TCP has sent everything, with or without having sent its FIN.
TEST_F(TrackerInKernel, WhatIsStillQueuedCounts) {
  open();
  constexpr std::int64_t kBytes = 1 << 20;
  for (const bool shut : {false, true}) {
    std::array<int, 2> closed{};
    ASSERT_EQ(::pipe2(closed.data(), O_CLOEXEC), 0);
    const auto [server, port] = serve("nw-server", AF_INET, SOCK_STREAM, [&](int listener) {
      const int fd = ::accept(listener, nullptr, nullptr);
      const int room = 4 * static_cast<int>(kBytes);
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
      const std::string answer(kBytes, 'a');
      LedgerRow row = row_of(fd, IPPROTO_TCP);
      row.sent = ::send(fd, answer.data(), answer.size(), 0);
      if (shut) ::shutdown(fd, SHUT_WR);
      ::close(fd);
      ledger_.add(row);
      EXPECT_EQ(::write(closed[1], "c", 1), 1);
    });
    const pid_t client = sandbox_.start("nw-client", [&, to = port] {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      const int room = 4096;
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
      SocketAddress address = loopback(AF_INET, to);
      if (::connect(fd, address.get(), address.length) != 0) std::perror("connect");
      char byte = 0;
      EXPECT_EQ(::read(closed[0], &byte, 1), 1);
      LedgerRow row = row_of(fd, IPPROTO_TCP);
      row.received = receive_until(fd, kBytes + 1);
      ledger_.add(row);
    });
    wait_draining(client);
    wait_draining(server);
    ::close(closed[0]);
    ::close(closed[1]);
  }
  ASSERT_EQ(ledger_.rows().size(), 4U);
  for (const LedgerRow& row : ledger_.rows()) EXPECT_EQ(row.sent + row.received, kBytes);
  expect_the_ledger();
}

TEST_F(TrackerInKernel, MultipathTcp) {
  const int probe = ::socket(AF_INET, SOCK_STREAM, kMultipathTcp);
  if (probe < 0) GTEST_SKIP() << "the kernel has no Multipath TCP";
  ::close(probe);
  open();
  const auto [server, port] = serve(
      "nw-server", AF_INET, SOCK_STREAM, [&](int listener) { serve_tcp(ledger_, listener, 20); },
      kMultipathTcp);
  const pid_t client = sandbox_.start(
      "nw-client", [&, to = port] { connect_tcp(ledger_, AF_INET, to, 20, kMultipathTcp); });
  wait_draining(client);
  wait_draining(server);
  ASSERT_EQ(ledger_.rows().size(), 40U);
  expect_the_ledger();
}

// What is left of it where the kernel tells of no sends and receives.
TEST_F(TrackerInKernel, WithoutLengths) {
  open(Lengths::kNone);
  EXPECT_FALSE(lengths_);
  talk_a_little();
  expect_the_ledger();
}

// The road of kernels before 6.3, which locked-down ones refuse.
TEST_F(TrackerInKernel, LengthsByFunctions) {
  open(Lengths::kFunctions);
  if (!lengths_) GTEST_SKIP() << "the kernel lets no program follow its functions (fexit)";
  talk_a_little();
  expect_the_ledger();
}

// Descriptors travel: who made a socket, who holds it and who uses it may be three processes.
TEST_F(TrackerInKernel, TheOwnerIsWhoUsesTheSocket) {
  open();
  const auto [server, port] = serve("nw-master", AF_INET, SOCK_STREAM, [&](int listener) {
    // The worker accepts what its parent listens for.
    const pid_t worker = ::fork();
    if (worker == 0) {
      serve_tcp(ledger_, listener, 1);
      ::_exit(0);
    }
    wait_for(worker);
  });
  const pid_t client = sandbox_.start("nw-parent", [&, to = port] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    SocketAddress address = loopback(AF_INET, to);
    if (::connect(fd, address.get(), address.length) != 0) std::perror("connect");
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_NAME, "nw-child");
      LedgerRow row = row_of(fd, IPPROTO_TCP);
      row.sent = ::send(fd, kRequest.data(), kRequest.size(), 0);
      row.received = receive_until(fd, kAnswerBytes + 1);
      ledger_.add(row);
      ::_exit(0);
    }
    wait_for(child);
    ::close(fd);  // the last to let go has not used it
  });
  wait_draining(client);
  wait_draining(server);
  ASSERT_EQ(ledger_.rows().size(), 2U);
  expect_the_ledger();
  for (const model::ClosedSocket& one : closed_) {
    if (one.socket.remote.port == port) {
      EXPECT_EQ(one.socket.owner.process->comm, "nw-child");
      EXPECT_EQ(one.socket.owner.process->parent_pid, static_cast<std::uint32_t>(client));
    }
  }
}

TEST_F(TrackerInKernel, AConnectionThatIsRefusedHasAnOwner) {
  open();
  const pid_t client = sandbox_.start("nw-client", [&] {
    const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
    SocketAddress address = loopback(AF_INET6, 9);
    EXPECT_NE(::connect(fd, address.get(), address.length), 0);
    ::close(fd);
  });
  wait_draining(client);
  ASSERT_EQ(closed_.size(), 1U);
  const model::Socket& socket = closed_[0].socket;
  EXPECT_EQ(socket.remote.port, 9);
  EXPECT_EQ(socket.remote.address.to_string(), "::1");
  EXPECT_NE(socket.local.port, 0);
  ASSERT_TRUE(socket.owner.process);
  EXPECT_EQ(socket.owner.process->comm, "nw-client");
  EXPECT_EQ(socket.bytes_sent, 0);
}

TEST_F(TrackerInKernel, SocketsThatAreOlder) {
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  const auto [server, port] = serve("nw-server", AF_INET, SOCK_STREAM, [&](int listener) {
    char byte = 0;
    const int fd = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    const pid_t other = ::fork();  // a second holder
    if (::read(go[0], &byte, 1) != 1 || other == 0) ::_exit(0);
    LedgerRow row = row_of(fd, IPPROTO_TCP);
    row.sent = ::send(fd, "old", 3, 0);
    row.received = receive_until(fd, 1000);
    ledger_.add(row);
    wait_for(other);
  });
  const pid_t client = sandbox_.start("nw-client", [&, to = port] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    SocketAddress address = loopback(AF_INET, to);
    if (::connect(fd, address.get(), address.length) != 0) std::perror("connect");
    LedgerRow row = row_of(fd, IPPROTO_TCP);
    row.sent = ::send(fd, "before", 6, 0);
    row.received = receive_until(fd, 3);
    ::shutdown(fd, SHUT_WR);
    ledger_.add(row);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  open();
  auto all = tracker_->holdings();
  ASSERT_TRUE(all) << all.error().message;
  std::map<std::uint32_t, std::string> holders;
  for (const model::SocketHolding& one : all->holdings) {
    if (one.netns != sandbox_.netns()) continue;
    holders.emplace(one.holder->pid, one.holder->comm);
    EXPECT_FALSE(one.user) << "nobody has used it since";
    EXPECT_NE(one.cookie, 0U);
  }
  EXPECT_EQ(holders.size(), 3U);
  EXPECT_EQ(holders[static_cast<std::uint32_t>(server)], "nw-server");
  EXPECT_EQ(holders[static_cast<std::uint32_t>(client)], "nw-client");
  ASSERT_EQ(::write(go[1], "gg", 2), 2);
  wait_draining(server);
  wait_draining(client);
  EXPECT_EQ(closed_.size(), 2U);
  expect_the_ledger();
  ::close(go[0]);
  ::close(go[1]);
}

TEST_F(TrackerInKernel, SocketsThatLiveTellTheirPayload) {
  std::array<int, 2> go{};
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
  const auto [program, port] = serve("nw-udp", AF_INET, SOCK_DGRAM, [&](int older) {
    char byte = 0;
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    ::getsockname(older, reinterpret_cast<sockaddr*>(&own), &length);
    const auto send = [&](int fd, std::size_t bytes) {
      std::array<char, 8> text{};
      (void)!::sendto(fd, text.data(), bytes, 0, reinterpret_cast<sockaddr*>(&own), length);
    };
    send(older, 4);  // before anybody counts
    (void)!::write(ready[1], "r", 1);
    (void)!::read(go[0], &byte, 1);
    const int newer = ::socket(AF_INET, SOCK_DGRAM, 0);
    send(older, 3);
    send(newer, 7);
    std::array<char, 8> text{};
    for (int datagrams = 0; datagrams < 3; ++datagrams) (void)!::recv(older, text.data(), 8, 0);
    (void)!::write(ready[1], "r", 1);
    (void)!::read(go[0], &byte, 1);
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  open();
  ASSERT_EQ(::write(go[1], "g", 1), 1);
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const auto all = tracker_->holdings();
  ASSERT_TRUE(all) << all.error().message;
  std::map<bool, std::pair<std::int64_t, std::int64_t>> moved;  // by whether it was followed
  for (const model::SocketHolding& one : all->holdings) {
    if (one.netns == sandbox_.netns()) moved[one.followed] = {one.sent, one.received};
  }
  // Before that a receive may have begun unseen: no figure rather than a part of one.
  const bool older_tell = kernel_is_at_least(6, 3);
  const std::pair<std::int64_t, std::int64_t> older_moved =
      older_tell ? std::pair{3L, 14L} : std::pair{-1L, -1L};
  EXPECT_EQ(moved, (decltype(moved){{true, {7, 0}}, {false, older_moved}}));
  ASSERT_EQ(::write(go[1], "g", 1), 1);
  wait_draining(program);
  ASSERT_EQ(closed_.size(), 2U);
  for (const model::ClosedSocket& one : closed_) {
    const model::Socket& socket = one.socket;
    const bool is_older = socket.local.port == port;
    EXPECT_EQ(socket.followed, !is_older);
    EXPECT_EQ(socket.bytes_sent, is_older ? -1 : 7);
    EXPECT_EQ(socket.seen_sent, is_older && older_tell ? 3 : -1);
    EXPECT_EQ(socket.seen_received, is_older && older_tell ? 14 : -1);
  }
  for (const int fd : {go[0], go[1], ready[0], ready[1]}) ::close(fd);
}

TEST_F(TrackerInKernel, ForOneLookHoldersAreEnough) {
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  const auto [server, port] = serve("nw-server", AF_INET6, SOCK_DGRAM, [&](int) {
    char byte = 0;
    (void)!::read(go[0], &byte, 1);
  });
  TrackerOptions once;
  once.follow = false;
  auto opened = Tracker::open(once);
  ASSERT_EQ(opened.abilities.size(), 1U);
  EXPECT_TRUE(opened.abilities[0].on) << opened.abilities[0].why;
  ASSERT_TRUE(opened.tracker);
  // Nothing runs when others use their sockets.
  EXPECT_TRUE(opened.tracker->costs().size() == 1U) << "programs: the iterator alone";
  const auto all = opened.tracker->holdings();
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(std::count_if(all->holdings.begin(), all->holdings.end(),
                          [&](const model::SocketHolding& one) {
                            return one.netns == sandbox_.netns() &&
                                   one.holder->pid == static_cast<std::uint32_t>(server) &&
                                   one.holder->comm == "nw-server";
                          }),
            1);
  ASSERT_EQ(::write(go[1], "g", 1), 1);
  int status = 0;
  EXPECT_EQ(::waitpid(server, &status, 0), server);
  opened.tracker->drain(closed_);
  EXPECT_TRUE(closed_.empty());
  EXPECT_EQ(opened.tracker->lost_events(), 0U);
  ::close(go[0]);
  ::close(go[1]);
}

// Costs are printed, never asserted: they depend on the machine.
TEST_F(TrackerInKernel, WhatItCosts) {
  open();
  if (const auto counting = tracker_->count_costs(); !counting) {
    GTEST_SKIP() << counting.error().message;
  }
  const auto [server, port] = serve("nw-server", AF_INET, SOCK_STREAM, [&](int listener) {
    serve_tcp(ledger_, listener, kConnections);
  });
  const pid_t client = sandbox_.start(
      "nw-client", [&, to = port] { connect_tcp(ledger_, AF_INET, to, kConnections); });
  wait_draining(client);
  wait_draining(server);
  ASSERT_TRUE(tracker_->holdings());
  std::uint64_t total_ns = 0;
  for (const ProgramCost& cost : tracker_->costs()) {
    if (cost.runs == 0) continue;
    std::printf("%-12s %7llu runs, %6llu ns each\n", cost.name.c_str(),
                static_cast<unsigned long long>(cost.runs),
                static_cast<unsigned long long>(cost.time_ns / cost.runs));
    if (cost.name != "holders") total_ns += cost.time_ns;
    EXPECT_GT(cost.time_ns, 0U);
  }
  std::printf("%llu ns per socket and its life\n",
              static_cast<unsigned long long>(total_ns / (std::uint64_t{2} * kConnections)));
}

}  // namespace
}  // namespace netwatch::ebpf
