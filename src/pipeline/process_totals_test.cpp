#include "pipeline/process_totals.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace netwatch::pipeline {
namespace {

using Kind = model::ProcessRow::Kind;
using model::Quality;

model::Owner owned_by(const char* comm, std::uint32_t pid, Quality quality = Quality::kExact) {
  auto process = std::make_shared<model::Process>();
  process->pid = pid;
  process->start_ticks = 1000 + pid;
  process->comm = comm;
  return {.quality = quality,
          .via = model::OwnerVia::kEbpf,
          .holders = 1,
          .process = std::move(process)};
}

model::Owner in_container(model::Owner owner, const char* container, const char* unit = "",
                          bool in_proc = true) {
  auto process = std::make_shared<model::Process>(*owner.process);
  process->container = container;
  process->unit = unit;
  process->in_proc = in_proc;
  owner.process = std::move(process);
  return owner;
}

model::Socket tcp(std::uint64_t cookie, model::Owner owner, std::int64_t sent,
                  std::int64_t received) {
  model::Socket socket;
  socket.proto = model::ip_proto::kTcp;
  socket.state = model::TcpState::kEstablished;
  socket.local = {*base::IpAddress::parse("192.0.2.1"), 40'000};
  socket.remote = {*base::IpAddress::parse("192.0.2.2"), 443};
  socket.cookie = cookie;
  socket.inode = cookie + 100;
  socket.owner = std::move(owner);
  socket.bytes_sent = sent;
  socket.bytes_received = received;
  return socket;
}

model::Socket udp(std::uint64_t cookie, model::Owner owner) {
  model::Socket socket = tcp(cookie, std::move(owner), -1, -1);
  socket.proto = model::ip_proto::kUdp;
  socket.state = model::TcpState::kNone;
  socket.remote = {};
  return socket;
}

model::Socket followed(model::Socket socket) {
  socket.followed = true;
  return socket;
}

class ProcessTotalsTest : public testing::Test {
 protected:
  void look(std::vector<model::Socket> sockets) {
    totals_.take_sockets({.taken_ns = 1, .sockets = std::move(sockets)});
  }
  void close(const model::Socket& socket) { totals_.take_closed({{.socket = socket}}); }

  // Rows by name, as "sent/received open o of c, quality"; the sums of all of them must agree.
  std::map<std::string, std::string> rows() const {
    std::map<std::string, std::string> out;
    for (const model::ProcessRow& row : totals_.totals().processes) {
      std::string name = row.process
                             ? row.process->comm
                             : "(" + std::string(model::process_row_kind_name(row.kind)) + ")";
      if (row.kind == Kind::kEarlier) name += " " + std::to_string(row.processes);
      out[name] = text(row.totals);
      const auto& bytes = row.totals.bytes;
      EXPECT_EQ(bytes[0] + bytes[1] + bytes[2], row.totals.sent_bytes + row.totals.received_bytes)
          << name;
    }
    return out;
  }
  static std::string text(const model::PayloadTotals& totals) {
    std::string out =
        std::to_string(totals.sent_bytes) + "/" + std::to_string(totals.received_bytes) + " open " +
        std::to_string(totals.open_sockets) + " of " + std::to_string(totals.connections);
    if (totals.uncounted_sockets > 0) {
      out += " uncounted " + std::to_string(totals.uncounted_sockets);
    }
    return out;
  }
  using Rows = std::map<std::string, std::string>;

  ProcessTotals totals_;
};

TEST_F(ProcessTotalsTest, WhatIsOlderCountsFromTheFirstLookOnAndWhatComesLaterWhole) {
  look({tcp(1, owned_by("ssh", 7), 1000, 5000)});
  EXPECT_EQ(rows(), (Rows{{"ssh", "0/0 open 1 of 1"}}));
  look({tcp(1, owned_by("ssh", 7), 1010, 5001), tcp(2, owned_by("curl", 8), 70, 700)});
  EXPECT_EQ(rows(), (Rows{{"ssh", "10/1 open 1 of 1"}, {"curl", "70/700 open 1 of 1"}}));
}

TEST_F(ProcessTotalsTest, WhatAProcessTakesIsThatOfTheLastLookAtIt) {
  const model::Owner ssh = owned_by("ssh", 7);
  const auto look_with = [&](const std::optional<std::vector<model::ProcessUsage>>& usage) {
    totals_.take_sockets({.taken_ns = 1, .sockets = {tcp(1, ssh, 0, 0)}, .usage = usage});
    return totals_.totals().processes.at(0);
  };
  EXPECT_LT(look_with(std::nullopt).cpu, 0);
  model::ProcessUsage use;
  use.process = ssh.process;
  use.cpu = 0.25;
  use.rss_bytes = 4096;
  EXPECT_EQ(look_with({{use}}).cpu, 0.25);
  EXPECT_EQ(look_with(std::nullopt).cpu, 0.25) << "no news";
  EXPECT_EQ(look_with(std::nullopt).rss_bytes, 4096U);
  use.process = owned_by("ssh", 8).process;
  EXPECT_LT(look_with({{use}}).cpu, 0) << "this was no look at it";
  EXPECT_EQ(look_with(std::nullopt).rss_bytes, 0U);
}

TEST_F(ProcessTotalsTest, RatesOfTheLastMinuteWhereThereAreAny) {
  const auto second = [&](std::int64_t sent, std::int64_t received) {
    look({tcp(1, owned_by("ssh", 7), sent, received)});
    totals_.every_second(1);
    return totals_.totals().processes.at(0).rates;
  };
  EXPECT_TRUE(second(0, 0).empty());
  const auto moved = second(10, 300);
  ASSERT_EQ(moved.size(), 1U);
  EXPECT_FLOAT_EQ(moved[0].up, 10);
  EXPECT_FLOAT_EQ(moved[0].down, 300);
  for (std::size_t i = 1; i < model::ProcessRow::kRateSamples; ++i) {
    EXPECT_EQ(second(10, 300).size(), i + 1);
  }
  EXPECT_TRUE(second(10, 300).empty()) << "still for a minute";
}

TEST_F(ProcessTotalsTest, WhatIsFollowedCountsWholeEvenAtTheFirstLook) {
  look({followed(tcp(1, owned_by("curl", 7), 10, 20))});
  EXPECT_EQ(rows(), (Rows{{"curl", "10/20 open 1 of 1"}}));
}

TEST_F(ProcessTotalsTest, TheEndAddsOnlyWhatNoLookHasCounted) {
  look({});
  look({tcp(1, owned_by("curl", 7), 100, 1000)});
  close(followed(tcp(1, owned_by("curl", 7), 150, 1500)));
  EXPECT_EQ(rows(), (Rows{{"curl", "150/1500 open 0 of 1"}}));
  // The look may be older than the end, and TCP may go on ending without inode.
  look({tcp(1, owned_by("curl", 7), 100, 1000)});
  auto orphan = tcp(1, {}, 170, 1500);
  orphan.inode = 0;
  look({orphan});
  close(followed(tcp(1, owned_by("curl", 7), 150, 1500)));
  EXPECT_EQ(rows(), (Rows{{"curl", "150/1500 open 0 of 1"}}));
}

TEST_F(ProcessTotalsTest, SocketsBetweenTwoLooksCountByTheirEndAlone) {
  close(followed(tcp(1, owned_by("curl", 7), 15, 20)));
  close(tcp(2, owned_by("curl", 7), 1'000'000, 1'000'000));  // older: nobody knows how much is new
  EXPECT_EQ(rows(), (Rows{{"curl", "15/20 open 0 of 2"}}));
}

TEST_F(ProcessTotalsTest, WhatMovedBetweenLooksIsTheOwnersOfTheLook) {
  look({});
  look({tcp(1, owned_by("inetd", 7), 0, 40)});
  look({tcp(1, owned_by("worker", 8), 500, 40)});
  close(followed(tcp(1, owned_by("worker", 8), 600, 60)));
  EXPECT_EQ(rows(), (Rows{{"inetd", "0/40 open 0 of 1"}, {"worker", "600/20 open 0 of 1"}}));
}

TEST_F(ProcessTotalsTest, ABetterKnownOwnerTakesAllOfTheSocket) {
  look({});
  look({tcp(1, {}, 5, 5), tcp(2, owned_by("parent", 7, Quality::kInferred), 30, 30)});
  EXPECT_EQ(rows(), (Rows{{"(unknown)", "5/5 open 1 of 1"}, {"parent", "30/30 open 1 of 1"}}));
  look({tcp(1, owned_by("curl", 9, Quality::kInferred), 6, 6),
        tcp(2, owned_by("child", 8), 31, 31)});
  EXPECT_EQ(rows(), (Rows{{"curl", "6/6 open 1 of 1"},
                          {"parent", "0/0 open 0 of 0"},
                          {"child", "31/31 open 1 of 1"}}));
  // Never downgraded: what it still moves is its last owner's.
  look({tcp(2, {}, 40, 31)});
  EXPECT_EQ(rows()["child"], "40/31 open 1 of 1");
}

TEST_F(ProcessTotalsTest, QualitiesOfBytes) {
  look({});
  look({tcp(1, owned_by("curl", 7, Quality::kInferred), 10, 0)});
  look({tcp(1, owned_by("curl", 7, Quality::kInferred), 30, 0), tcp(2, owned_by("curl", 7), 5, 0)});
  const auto shares = [&] { return totals_.totals().processes.at(0).totals.bytes; };
  EXPECT_EQ(shares(), (std::array<std::uint64_t, 3>{0, 30, 5}));
  close(followed(tcp(1, owned_by("curl", 7), 31, 0)));
  EXPECT_EQ(shares(), (std::array<std::uint64_t, 3>{0, 0, 36}));
}

TEST_F(ProcessTotalsTest, UdpThatNobodyCountsIsSaid) {
  look({udp(1, owned_by("ntpd", 7))});
  EXPECT_EQ(rows(), (Rows{{"ntpd", "0/0 open 1 of 0 uncounted 1"}}));
  close(udp(1, owned_by("ntpd", 7)));
  EXPECT_EQ(rows(), (Rows{{"ntpd", "0/0 open 0 of 0 uncounted 1"}}));
}

TEST_F(ProcessTotalsTest, UdpOfOlderSocketsCountsSinceTheProgramsDo) {
  auto older = udp(1, owned_by("ntpd", 7));
  older.seen_sent = 48;
  older.seen_received = 0;
  look({older});
  older.seen_received = 48;
  close(older);
  EXPECT_EQ(rows(), (Rows{{"ntpd", "48/48 open 0 of 0"}}));
}

TEST_F(ProcessTotalsTest, SubflowsAreNotCountedBesideTheirConnection) {
  look({});
  auto subflow = tcp(2, owned_by("curl", 7), 60, 600);
  subflow.subflow_of = 1;
  look({subflow});
  close(followed(tcp(1, owned_by("curl", 7), 100, 1000)));
  EXPECT_EQ(rows(), (Rows{{"curl", "100/1000 open 0 of 1"}}));
}

TEST_F(ProcessTotalsTest, AListenerIsNoConnectionAndHasNothingToCount) {
  auto listener = tcp(1, owned_by("nginx", 7), -1, -1);
  listener.state = model::TcpState::kListen;
  listener.remote = {};
  look({listener});
  EXPECT_EQ(rows(), (Rows{{"nginx", "0/0 open 1 of 0"}}));
}

TEST_F(ProcessTotalsTest, ASocketThatIsMissingInALookIsNotCountedTwice) {
  look({});
  for (int times = 0; times < 3; ++times) {
    look({tcp(1, owned_by("curl", 7), 100, 0)});
    EXPECT_EQ(rows()["curl"], "100/0 open 1 of 1");
    look({});
    EXPECT_EQ(rows()["curl"], "100/0 open 1 of 1");
    look({});
    EXPECT_EQ(rows()["curl"], "100/0 open 0 of 1");
  }
  // Nor does a torn table end anything.
  look({tcp(1, owned_by("curl", 7), 100, 0)});
  for (int times = 0; times < 3; ++times) {
    totals_.take_sockets({.taken_ns = 1, .sockets = {}, .torn_tables = 1});
  }
  EXPECT_EQ(rows()["curl"], "100/0 open 1 of 1");
}

TEST_F(ProcessTotalsTest, WhatATornFirstLookLackedIsNoNewerForThat) {
  totals_.take_sockets({.taken_ns = 1, .sockets = {}, .torn_tables = 1});
  look({tcp(1, owned_by("ssh", 7), 1000, 0)});
  look({tcp(1, owned_by("ssh", 7), 1001, 0)});
  EXPECT_EQ(rows(), (Rows{{"ssh", "1/0 open 1 of 1"}}));
}

TEST_F(ProcessTotalsTest, NamespacesHaveAFirstLookEach) {
  const auto look_at = [&](std::vector<model::Socket> sockets, bool second, bool unread = false) {
    model::SocketTable table{.taken_ns = 1, .sockets = std::move(sockets)};
    table.namespaces.resize(second ? 2 : 1);
    table.namespaces[0].inode = 10;
    table.namespaces[0].own = true;
    if (second) {
      table.namespaces[1].inode = 20;
      table.namespaces[1].unread = unread;
    }
    totals_.take_sockets(table);
  };
  const auto inside = [](std::uint64_t netns, std::int64_t sent) {
    auto socket = tcp(1, owned_by(netns == 10 ? "mine" : "theirs", 7), sent, 0);
    if (netns != 10) socket.owner = owned_by("theirs", 8);
    socket.netns = netns;
    return socket;
  };
  look_at({}, true, true);
  // Equal numbers of two namespaces: kernels before 5.9 have them. Theirs may be as old as it
  // likes.
  look_at({inside(10, 5), inside(20, 1000)}, true);
  EXPECT_EQ(rows(), (Rows{{"mine", "5/0 open 1 of 1"}, {"theirs", "0/0 open 1 of 1"}}));
  look_at({inside(10, 6), inside(20, 1007)}, true);
  for (int times = 0; times < 3; ++times) look_at({inside(10, 6)}, true, true);
  EXPECT_EQ(rows(), (Rows{{"mine", "6/0 open 1 of 1"}, {"theirs", "7/0 open 1 of 1"}}));
  for (int times = 0; times < 2; ++times) look_at({inside(10, 6)}, false);
  EXPECT_EQ(rows()["theirs"], "7/0 open 0 of 1") << "it went with its namespace";
}

TEST_F(ProcessTotalsTest, WhatALookDidNotReadAnewEndsNothingAndBeginsNothing) {
  look({});
  auto socket = tcp(1, owned_by("curl", 7), 100, 0);
  look({socket});
  socket.kept = true;
  for (int times = 0; times < 3; ++times) look({socket});
  EXPECT_EQ(rows(), (Rows{{"curl", "100/0 open 1 of 1"}}));
  auto other = tcp(2, owned_by("curl", 7), 50, 0);
  other.kept = true;
  look({socket, other});
  EXPECT_EQ(rows(), (Rows{{"curl", "100/0 open 1 of 1"}}));
}

TEST_F(ProcessTotalsTest, RatesAreOfTheLastSecond) {
  look({});
  look({tcp(1, owned_by("curl", 7), 100, 1000)});
  totals_.every_second(2);
  EXPECT_FLOAT_EQ(totals_.totals().processes.at(0).totals.sent_rate, 50);
  EXPECT_FLOAT_EQ(totals_.totals().processes.at(0).totals.received_rate, 500);
  totals_.every_second(1);
  EXPECT_FLOAT_EQ(totals_.totals().processes.at(0).totals.received_rate, 0);
}

TEST_F(ProcessTotalsTest, ContainersAndUnits) {
  look({});
  look({tcp(1, in_container(owned_by("nginx", 7), "c0ffee", "docker.service"), 10, 0),
        tcp(2, in_container(owned_by("worker", 8), "c0ffee"), 5, 0),
        tcp(3, in_container(owned_by("sshd", 9), "", "ssh.service"), 1, 0)});
  // The kernel's word of an end does not say where the process runs.
  close(followed(tcp(2, owned_by("worker", 8), 7, 1)));
  const auto containers = totals_.totals().containers;
  ASSERT_EQ(containers.size(), 2U);
  EXPECT_EQ(containers[0].container, "c0ffee");
  EXPECT_EQ(containers[0].unit, "");
  EXPECT_EQ(containers[0].processes, 2U);
  EXPECT_EQ(text(containers[0].totals), "17/1 open 1 of 2");
  EXPECT_EQ(containers[1].unit, "ssh.service");
  EXPECT_EQ(text(containers[1].totals), "1/0 open 1 of 1");
}

TEST_F(ProcessTotalsTest, WhereAProcessRunsMayBeLearnedLater) {
  close(followed(tcp(1, owned_by("nginx", 7), 10, 0)));
  look({});
  look({tcp(2, in_container(owned_by("nginx", 7), "c0ffee"), 5, 0)});
  const auto containers = totals_.totals().containers;
  ASSERT_EQ(containers.size(), 1U);
  EXPECT_EQ(text(containers[0].totals), "15/0 open 1 of 2");
}

// No look has seen any of their sockets: the cgroup of the kernel's notes places them.
TEST_F(ProcessTotalsTest, ContainersOfProcessesThatNoLookHasSeen) {
  look({});
  const auto told = [](const char* comm, std::uint32_t pid) {
    return in_container(owned_by(comm, pid), "c0ffee", "", false);
  };
  close(followed(tcp(1, told("curl", 7), 10, 100)));
  close(followed(tcp(2, told("curl", 8), 1, 2)));
  close(followed(tcp(3, in_container(owned_by("backup", 9), "", "backup.service", false), 3, 0)));
  close(followed(tcp(4, owned_by("nowhere", 10), 1000, 1000)));
  const auto containers = totals_.totals().containers;
  ASSERT_EQ(containers.size(), 2U);
  EXPECT_EQ(containers[0].container, "c0ffee");
  EXPECT_EQ(containers[0].processes, 2U);
  EXPECT_EQ(text(containers[0].totals), "11/102 open 0 of 2");
  EXPECT_EQ(containers[1].unit, "backup.service");
  EXPECT_EQ(text(containers[1].totals), "3/0 open 0 of 1");
}

// A walk over the cgroups may come after its first socket has ended.
TEST_F(ProcessTotalsTest, TheSameProcessIsPlacedByALaterNote) {
  close(followed(tcp(1, owned_by("curl", 7), 10, 0)));
  close(followed(tcp(2, in_container(owned_by("curl", 7), "c0ffee", "", false), 5, 0)));
  const auto containers = totals_.totals().containers;
  ASSERT_EQ(containers.size(), 1U);
  EXPECT_EQ(text(containers[0].totals), "15/0 open 0 of 2");
}

class BoundedProcessTotals : public ProcessTotalsTest {
 protected:
  BoundedProcessTotals() {
    totals_ = ProcessTotals({.processes = 8, .containers = 2, .sockets = 12, .ended = 4});
  }
};

TEST_F(BoundedProcessTotals, WhatHasNoSocketAndIdledLongestMakesRoom) {
  look({});
  look({tcp(1, owned_by("keeps", 1), 1, 0)});
  for (std::uint32_t pid = 2; pid <= 8; ++pid) {
    close(followed(tcp(pid, owned_by(("p" + std::to_string(pid)).c_str(), pid), pid, 0)));
  }
  EXPECT_EQ(rows().size(), 8U);
  close(followed(tcp(20, owned_by("p2", 2), 100, 0)));  // moved last: the next in line is p3
  close(followed(tcp(21, owned_by("p9", 9), 9, 0)));
  auto now = rows();
  EXPECT_EQ(now.size(), 9U);
  EXPECT_EQ(now["(earlier) 1"], "3/0 open 0 of 1");
  EXPECT_EQ(now["p2"], "102/0 open 0 of 2");
  close(followed(tcp(22, owned_by("p10", 10), 10, 0)));
  now = rows();
  EXPECT_EQ(now["(earlier) 2"], "7/0 open 0 of 2");
  EXPECT_EQ(now["keeps"], "1/0 open 1 of 1");
}

TEST_F(BoundedProcessTotals, WhereAllHaveOpenSocketsTheNewOneIsCountedWithTheEarlier) {
  std::vector<model::Socket> sockets;
  look({});
  for (std::uint32_t pid = 1; pid <= 9; ++pid) {
    sockets.push_back(tcp(pid, owned_by(("p" + std::to_string(pid)).c_str(), pid), 10, 0));
  }
  look(sockets);
  EXPECT_EQ(rows()["(earlier) 0"], "10/0 open 1 of 1");
}

TEST_F(BoundedProcessTotals, ASocketWhoseProcessMadeRoomIsCountedThere) {
  look({});
  auto orphan = tcp(1, owned_by("gone", 1), 10, 0);
  orphan.inode = 0;  // TCP still sends, and nobody holds it
  look({orphan});
  for (std::uint32_t pid = 2; pid <= 9; ++pid) {
    close(followed(tcp(pid, owned_by(("p" + std::to_string(pid)).c_str(), pid), 1, 0)));
  }
  orphan.bytes_sent = 25;
  orphan.owner = {};
  look({orphan});
  auto now = rows();
  EXPECT_EQ(now["(earlier) 1"], "25/0 open 0 of 1");
}

TEST_F(BoundedProcessTotals, SocketsBeyondTheBoundAreSaid) {
  std::vector<model::Socket> sockets;
  for (std::uint64_t cookie = 1; cookie <= 15; ++cookie) {
    sockets.push_back(tcp(cookie, owned_by("many", 1), 0, 0));
  }
  look(sockets);
  EXPECT_EQ(totals_.refused(), 3U);
  EXPECT_EQ(rows()["many"], "0/0 open 12 of 12");
}

TEST_F(BoundedProcessTotals, ContainersMakeRoomLikewise) {
  for (std::uint32_t pid = 1; pid <= 3; ++pid) {
    const std::string id = "c" + std::to_string(pid);
    close(followed(tcp(pid, in_container(owned_by("sh", pid), id.c_str()), pid, 0)));
  }
  close(followed(tcp(9, owned_by("sh", 1), 10, 0)));  // its container is one of the earlier ones
  const auto containers = totals_.totals().containers;
  ASSERT_EQ(containers.size(), 3U);
  EXPECT_TRUE(containers[0].earlier);
  EXPECT_EQ(text(containers[0].totals), "11/0 open 0 of 2");
  EXPECT_EQ(containers[1].container, "c3");
  EXPECT_EQ(containers[2].container, "c2");
}

// What a process moved before its container was known is no rate of the second in which it is.
TEST_F(ProcessTotalsTest, AContainerThatIsKnownLateHasNoRateOfThePast) {
  look({});
  look({tcp(1, owned_by("web", 7), 1000, 5000)});
  totals_.every_second(1);
  look({tcp(1, in_container(owned_by("web", 7), "c1"), 1010, 5020)});
  totals_.every_second(1);
  const auto all = totals_.totals();
  ASSERT_EQ(all.containers.size(), 1U);
  EXPECT_EQ(all.containers[0].totals.sent_bytes, 1010U);
  EXPECT_FLOAT_EQ(all.containers[0].totals.sent_rate, 10);
  EXPECT_FLOAT_EQ(all.containers[0].totals.received_rate, 20);
}

}  // namespace
}  // namespace netwatch::pipeline
