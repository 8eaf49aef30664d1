// A live session on real traffic: programs whose connections no look at the sockets could see have
// to be named at both ends of every flow.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>
#include <thread>
#include <tuple>

#include "ebpf/test_programs.h"
#include "ebpf/test_traffic.h"
#include "pipeline/live_session.h"

namespace netwatch::pipeline {
namespace {

constexpr int kConnections = 250;  // of each kind and family

class TotalsSink final : public LiveSink {
 public:
  void on_totals(base::TimeNs, const model::OwnerTotals& told) override { totals = told; }
  model::OwnerTotals totals;
};

class AttributionLive : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = ebpf::why_no_programs(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_TRUE(sandbox_.ready());
  }

  // Threads of a session stay in the namespace in which they were started.
  std::unique_ptr<LiveSession> start(bool capture, bool programs) {
    LiveSessionOptions options;
    options.capture = capture;
    options.sink = &sink_;
    options.open_tracker = [&](ebpf::TrackerOptions wanted) {
      wanted.cgroup = sandbox_.cgroup();
      return programs ? ebpf::Tracker::open(wanted) : ebpf::OpenedTracker{};
    };
    sandbox_.enter();
    auto session = LiveSession::start(options);
    sandbox_.leave();
    EXPECT_TRUE(session) << session.error().message;
    return session ? std::move(*session) : nullptr;
  }

  // TCP and UDP, v4 and v6, both ends. Returns when all programs have ended.
  void make_traffic() {
    for (const int family : {AF_INET, AF_INET6}) {
      std::array<int, 2> ends{};
      ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
      const auto serve = [&](const char* name, int type, auto program) {
        const pid_t pid = sandbox_.start(name, [&] {
          std::uint16_t port = 0;
          const int fd = ebpf::bound(family, type, port);
          if (::write(ends[1], &port, sizeof port) == sizeof port)
            program(ledger_, fd, kConnections);
        });
        std::uint16_t port = 0;
        EXPECT_EQ(::read(ends[0], &port, sizeof port), ssize_t{sizeof port});
        return std::pair(pid, port);
      };
      const auto [tcp_server, tcp_port] = serve("nw-tcp-server", SOCK_STREAM, ebpf::serve_tcp);
      const auto [udp_server, udp_port] = serve("nw-udp-server", SOCK_DGRAM, ebpf::serve_udp);
      const pid_t client = sandbox_.start("nw-client", [&, tcp = tcp_port, udp = udp_port] {
        ebpf::connect_tcp(ledger_, family, tcp, kConnections);
        ebpf::send_udp(ledger_, family, udp, kConnections);
      });
      for (const pid_t pid : {client, tcp_server, udp_server}) {
        EXPECT_EQ(ebpf::wait_for(pid), 0);
      }
      servers_[tcp_port] = static_cast<std::uint32_t>(tcp_server);
      servers_[udp_port] = static_cast<std::uint32_t>(udp_server);
      clients_[tcp_port] = clients_[udp_port] = static_cast<std::uint32_t>(client);
      ::close(ends[0]);
      ::close(ends[1]);
    }
  }

  // Two processes with one UDP and one TCP socket each that live for seconds, so that several looks
  // see them; each is a process of its own.
  pid_t start_slow_pair() {
    return sandbox_.start("nw-slow", [&] {
      std::uint16_t port = 0;
      const int listener = ebpf::bound(AF_INET, SOCK_STREAM, port);
      const pid_t other = ::fork();
      ebpf::SocketAddress address = ebpf::loopback(AF_INET, port);
      const int connected = ::socket(AF_INET, SOCK_STREAM, 0);
      const int fd = other == 0 ? ::accept(listener, nullptr, nullptr) : connected;
      if (other != 0 && ::connect(fd, address.get(), address.length) != 0) ::_exit(1);
      ebpf::LedgerRow row = ebpf::row_of(fd, IPPROTO_TCP);
      std::array<char, 1000> bytes{};
      for (std::size_t turn = 1; turn <= 5; ++turn) {
        row.sent += ::send(fd, bytes.data(), 100 * turn, 0);
        row.received += ::recv(fd, bytes.data(), 100 * turn, MSG_WAITALL);
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
      }
      ledger_.add(row);
      if (other != 0 && ebpf::wait_for(other) != 0) ::_exit(1);
    });
  }

  // Every flow of the traffic as the session last showed it; ended ones are shown for a while only.
  void note_rows(const LiveSession& session) {
    const auto snapshot = session.latest();
    if (!snapshot) return;
    for (const auto& chunk : snapshot->chunks) {
      for (const model::ConnectionRow& row : chunk->rows) {
        if (!row.vacant && row.flow != model::kNoFlow) seen_[row.flow] = row;
      }
    }
  }

  struct Share {
    std::size_t flows = 0;
    std::size_t ends = 0;  // that should have an owner: two a flow
    std::size_t exact = 0;
    std::size_t inferred = 0;
    std::size_t wrong = 0;
  };
  Share share() {
    Share share;
    for (const auto& [id, row] : seen_) {
      const auto server = servers_.find(row.remote.port);
      if (server == servers_.end()) continue;
      ++share.flows;
      for (const std::size_t end : {0U, 1U}) {
        ++share.ends;
        const model::RowOwner& owner = row.owners[end];
        const std::uint32_t wanted = end == 0 ? clients_[server->first] : server->second;
        if (owner.quality == model::Quality::kUnknown) continue;
        ++(owner.quality == model::Quality::kExact ? share.exact : share.inferred);
        if (owner.pid != wanted) ++share.wrong;
      }
    }
    return share;
  }

  // The flows of the ledger. A port that is used twice makes one flow of datagrams.
  std::size_t flows_of_ledger() {
    std::set<std::tuple<std::uint32_t, std::uint8_t, std::uint16_t>> flows;
    for (const ebpf::LedgerRow& row : ledger_.rows()) {
      const bool is_client = std::any_of(clients_.begin(), clients_.end(), [&](const auto& client) {
        return client.second == row.pid;
      });
      if (is_client) flows.emplace(row.pid, row.proto, row.local.port);
    }
    return flows.size();
  }

  // Looks on while the traffic runs, and then until nothing more comes.
  Share watch(const LiveSession& session) {
    std::atomic<bool> done{false};
    std::thread watcher([&] {
      while (!done) {
        note_rows(session);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    });
    make_traffic();
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    done = true;
    watcher.join();
    return share();
  }

  TotalsSink sink_;
  ebpf::Sandbox sandbox_;
  ebpf::Ledger ledger_;
  std::map<std::uint16_t, std::uint32_t> servers_;  // by the port they serve
  std::map<std::uint16_t, std::uint32_t> clients_;  // by the port they connect to
  std::map<model::FlowId, model::ConnectionRow> seen_;
};

TEST_F(AttributionLive, EveryFlowHasItsOwnersAtBothEnds) {
  const auto session = start(true, true);
  ASSERT_TRUE(session);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const Share share = watch(*session);
  std::printf("exact %zu of %zu ends of %zu flows, wrong %zu\n", share.exact, share.ends,
              share.flows, share.wrong);
  EXPECT_EQ(share.flows, flows_of_ledger());
  EXPECT_GE(share.flows, 3U * kConnections);
  EXPECT_EQ(share.exact, share.ends);
  EXPECT_EQ(share.wrong, 0U);
  EXPECT_EQ(session->latest()->drops[model::Drop::kSocketEvents], 0U);
}

// Payload by the kernel's count, of sockets that looks have seen and of those that only their end
// tells of, is what the programs themselves know to have moved; to the byte.
TEST_F(AttributionLive, PayloadOfEachProcessIsThatOfItsLedger) {
  const auto session = start(false, true);
  ASSERT_TRUE(session);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const pid_t slow = start_slow_pair();
  watch(*session);
  EXPECT_EQ(ebpf::wait_for(slow), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> wanted;
  for (const ebpf::LedgerRow& row : ledger_.rows()) {
    wanted[row.pid].first += row.sent;
    wanted[row.pid].second += row.received;
  }
  std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> told;
  const auto snapshot = session->latest();
  for (const model::ProcessRow& row : snapshot->owners->processes) {
    if (row.process == nullptr || !wanted.contains(row.process->pid)) continue;
    told[row.process->pid] = {row.totals.sent_bytes, row.totals.received_bytes};
    EXPECT_EQ(row.totals.bytes[static_cast<std::size_t>(model::Quality::kExact)],
              row.totals.sent_bytes + row.totals.received_bytes);
    EXPECT_EQ(row.totals.open_sockets, 0U) << row.process->comm;
    EXPECT_EQ(row.totals.uncounted_sockets, 0U);
  }
  EXPECT_EQ(told, wanted);
  EXPECT_GE(wanted.size(), 7U);
  EXPECT_FALSE(snapshot->owners->unowned) << "no packets are captured";
}

// Of sockets that are open then, too.
TEST_F(AttributionLive, TotalsAtTheEndAreThoseOfThatMoment) {
  const auto session = start(false, true);
  ASSERT_TRUE(session);
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  std::array<int, 2> go{};
  std::array<int, 2> done{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(done.data(), O_CLOEXEC), 0);
  const pid_t program = sandbox_.start("nw-open", [&] {
    std::uint16_t port = 0;
    const int server = ebpf::bound(AF_INET6, SOCK_DGRAM, port);
    const int client = ::socket(AF_INET6, SOCK_DGRAM, 0);
    ebpf::SocketAddress address = ebpf::loopback(AF_INET6, port);
    std::array<char, 4> bytes{};
    for (int turn = 0; turn < 3; ++turn) {
      (void)!::sendto(client, bytes.data(), bytes.size(), 0, address.get(), address.length);
      (void)!::recv(server, bytes.data(), bytes.size(), 0);
    }
    (void)!::write(done[1], "d", 1);
    (void)!::read(go[0], bytes.data(), 1);
  });
  char byte = 0;
  ASSERT_EQ(::read(done[0], &byte, 1), 1);
  session->finish();
  EXPECT_EQ(::write(go[1], "g", 1), 1);
  EXPECT_EQ(ebpf::wait_for(program), 0);
  const auto row = std::find_if(sink_.totals.processes.begin(), sink_.totals.processes.end(),
                                [&](const model::ProcessRow& one) {
                                  return one.process != nullptr &&
                                         one.process->pid == static_cast<std::uint32_t>(program);
                                });
  ASSERT_NE(row, sink_.totals.processes.end());
  EXPECT_EQ(row->totals.sent_bytes, 12U);
  EXPECT_EQ(row->totals.received_bytes, 12U);
  EXPECT_EQ(row->totals.open_sockets, 2U);
  for (const int fd : {go[0], go[1], done[0], done[1]}) ::close(fd);
}

// What looking at /proc twice a second sees of the same traffic; printed, since it is chance.
TEST_F(AttributionLive, TheFallBackBesideIt) {
  const auto session = start(true, false);
  ASSERT_TRUE(session);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const Share share = watch(*session);
  std::printf("without programs: inferred %zu of %zu ends of %zu flows, wrong %zu\n",
              share.inferred, share.ends, share.flows, share.wrong);
  EXPECT_EQ(share.exact, 0U);
  EXPECT_LT(share.inferred, share.ends);
  EXPECT_EQ(share.wrong, 0U);
}

}  // namespace
}  // namespace netwatch::pipeline
