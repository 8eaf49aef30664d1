#include "pipeline/live_table.h"

#include <gtest/gtest.h>

#include <string>

#include "pipeline/live_table_fixture.h"

namespace netwatch::pipeline {
namespace {

class LiveTableTest : public testing::Test {
 protected:
  LiveTableTest() : table_({.source = "any", .interface = {}, .capturing = true}) {
    model::Interface interface;
    interface.name = "eth0";
    interface.up = interface.is_default = true;
    interface.addresses = {mine_.address};
    table_.take_interfaces({.taken_ns = kStart, .interfaces = {interface}});
    table_.publish(kStart, kStart, {});
  }

  model::SnapshotPtr publish(base::TimeNs after_ns) {
    return table_.publish(kStart + after_ns, kStart + after_ns, {});
  }

  static std::vector<model::ConnectionRow> rows(const model::Snapshot& snapshot) {
    std::vector<model::ConnectionRow> found;
    for (const auto& chunk : snapshot.chunks) {
      for (const auto& row : chunk->rows) {
        if (!row.vacant) found.push_back(row);
      }
    }
    return found;
  }

  const model::Endpoint mine_ = at("192.0.2.10", 50000);
  const model::Endpoint theirs_ = at("198.51.100.7", 443);
  LiveTable table_;
};

TEST_F(LiveTableTest, JoinsAFlowWithTheSocketOfItsLocalEnd) {
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1000, 5000));
  table_.take_sockets(
      {.taken_ns = kStart, .sockets = {tcp_socket(mine_, theirs_, owned_by("curl", 7))}});
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].owners[0].name, "curl");
  EXPECT_EQ(all[0].owners[0].quality, model::Quality::kInferred);
  EXPECT_EQ(all[0].owners[1].quality, model::Quality::kUnknown);
  EXPECT_EQ(all[0].up.wire_bytes, 1000U);
  EXPECT_EQ(all[0].down.wire_bytes, 5000U);
  EXPECT_FLOAT_EQ(all[0].down_rate, 5000);
}

TEST_F(LiveTableTest, SocketSeenBeforeItsFirstPacketOwnsTheFlow) {
  table_.take_sockets(
      {.taken_ns = kStart, .sockets = {tcp_socket(mine_, theirs_, owned_by("curl", 7))}});
  table_.take_sockets({.taken_ns = kStart, .sockets = {}});  // and is gone by the next look
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1, 1));
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].owners[0].name, "curl");
}

TEST_F(LiveTableTest, AnOwnerIsNeverDowngraded) {
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1, 1));
  table_.take_sockets(
      {.taken_ns = kStart, .sockets = {tcp_socket(mine_, theirs_, owned_by("curl", 7))}});
  table_.take_sockets(
      {.taken_ns = kStart, .sockets = {tcp_socket(mine_, theirs_)}});  // TIME-WAIT: no inode
  EXPECT_EQ(rows(*publish(kSecond))[0].owners[0].name, "curl");
}

TEST_F(LiveTableTest, AnInboundConnectionIsSeenFromThisHost) {
  table_.on_flow(tcp_flow(1, theirs_, mine_, 300, 70));  // the originator is remote
  const auto all = rows(*publish(kSecond));
  EXPECT_EQ(all[0].local, mine_);
  EXPECT_FALSE(all[0].local_is_originator);
  EXPECT_EQ(all[0].down.wire_bytes, 300U);
  EXPECT_EQ(all[0].up.wire_bytes, 70U);
}

model::ClosedSocket closed_socket(const model::Endpoint& local, const model::Endpoint& remote,
                                  const char* comm, base::TimeNs opened_ns,
                                  base::TimeNs closed_ns) {
  model::ClosedSocket closed;
  closed.socket = tcp_socket(local, remote, owned_by(comm, 7));
  closed.socket.owner.quality = model::Quality::kExact;
  closed.socket.owner.via = model::OwnerVia::kEbpf;
  closed.socket.inode = 0;
  closed.socket.cookie = static_cast<std::uint64_t>(closed_ns);
  closed.socket.bytes_sent = 100;
  closed.socket.bytes_received = 200;
  closed.opened_ns = opened_ns;
  closed.closed_ns = closed_ns;
  return closed;
}

// No look at the sockets has ever seen it: it lived for two milliseconds.
TEST_F(LiveTableTest, AFlowIsJoinedWithASocketThatIsGone) {
  const auto gone =
      closed_socket(mine_, theirs_, "curl", kStart - base::kNsPerMs, kStart + base::kNsPerMs);
  table_.take_closed({gone});
  EXPECT_TRUE(rows(*publish(0)).empty()) << "its packets will tell of it";
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1, 1));
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].owners[0].name, "curl");
  EXPECT_EQ(all[0].owners[0].quality, model::Quality::kExact);
  EXPECT_EQ(all[0].owners[0].via, model::OwnerVia::kEbpf);
}

TEST_F(LiveTableTest, ASocketThatIsGoneIsJoinedWithItsFlow) {
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1, 1));
  table_.take_sockets(
      {.taken_ns = kStart, .sockets = {tcp_socket(mine_, theirs_, owned_by("sh", 6))}});
  table_.take_closed({closed_socket(mine_, theirs_, "curl", kStart - 1, kStart + kSecond)});
  table_.take_sockets({.taken_ns = kStart + kSecond, .sockets = {tcp_socket(mine_, theirs_)}});
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].owners[0].name, "curl");
  EXPECT_EQ(all[0].kernel_up_bytes, 100U);
  EXPECT_EQ(all[0].kernel_down_bytes, 200U);
}

// A port comes again: what was there before, or will be there later, is another's.
TEST_F(LiveTableTest, EqualEndsAreToldByTheirTimes) {
  const auto first = closed_socket(mine_, theirs_, "first", kStart, kStart + kSecond);
  const auto second =
      closed_socket(mine_, theirs_, "second", kStart + 3 * kSecond, kStart + 4 * kSecond);
  table_.take_closed({first});
  const auto flow_at = [&](model::FlowId id, base::TimeNs begin, base::TimeNs end) {
    model::Flow flow = tcp_flow(id, mine_, theirs_, 1, 1);
    flow.first_ns = kStart + begin;
    flow.last_ns = kStart + end;
    table_.on_flow(flow);
  };
  flow_at(1, kSecond / 2, kSecond);
  flow_at(2, 3 * kSecond, 3 * kSecond + kSecond / 2);
  flow_at(3, 5 * kSecond, 6 * kSecond);
  EXPECT_EQ(rows(*publish(0))[1].owners[0].quality, model::Quality::kUnknown);
  table_.take_closed({second});
  flow_at(1, kSecond / 2, kSecond);
  flow_at(2, 3 * kSecond, 4 * kSecond);
  flow_at(3, 5 * kSecond, 6 * kSecond);
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].owners[0].name, "first");
  EXPECT_EQ(all[1].owners[0].name, "second");
  EXPECT_EQ(all[2].owners[0].name, "");
}

// The last look still shows a socket of which we know that it has ended meanwhile.
TEST_F(LiveTableTest, ASocketThatHasEndedOwnsNothingThatBeginsLater) {
  auto gone = closed_socket(mine_, theirs_, "first", kStart, kStart + kSecond / 4);
  model::Socket polled = gone.socket;
  polled.inode = 4711;
  table_.take_sockets({.taken_ns = kStart, .sockets = {polled}});
  table_.take_closed({gone});
  model::Flow flow = tcp_flow(1, mine_, theirs_, 1, 1);
  flow.first_ns = flow.last_ns = kStart + kSecond / 2;
  table_.on_flow(flow);
  for (const auto& row : rows(*publish(kSecond))) {
    if (row.flow != 1) continue;
    EXPECT_EQ(row.owners[0].quality, model::Quality::kUnknown);
  }
}

TEST_F(LiveTableTest, LoopbackOfSocketsThatAreGone) {
  const auto client = at("127.0.0.1", 40000);
  const auto server = at("127.0.0.1", 80);
  table_.take_closed({closed_socket(server, client, "nginx", kStart, kStart + 2),
                      closed_socket(client, server, "curl", kStart - 1, kStart + 1)});
  table_.on_flow(tcp_flow(1, client, server, 10, 20));
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].owners[0].name, "curl");
  EXPECT_EQ(all[0].owners[1].name, "nginx");
}

TEST_F(LiveTableTest, AnUnconnectedSocketThatIsGone) {
  auto gone = closed_socket(at("0.0.0.0", 5000), {}, "dig", kStart, kStart + 1);
  gone.socket.proto = model::ip_proto::kUdp;
  table_.take_closed({gone});
  model::Flow flow = tcp_flow(1, at("192.0.2.10", 5000), at("198.51.100.7", 53), 100, 0);
  flow.proto = model::ip_proto::kUdp;
  table_.on_flow(flow);
  flow.id = 2;
  flow.first_ns = flow.last_ns = kStart + kSecond;
  table_.on_flow(flow);
  const auto all = rows(*publish(kSecond));
  EXPECT_EQ(all[0].owners[0].name, "dig");
  EXPECT_EQ(all[1].owners[0].quality, model::Quality::kUnknown);
}

// An orphan in FIN-WAIT has no inode any more; its number is the same.
TEST_F(LiveTableTest, ASocketWithoutInodeIsKnownByItsCookie) {
  auto gone = closed_socket(mine_, theirs_, "curl", kStart - 1, kStart);
  model::Socket orphan = tcp_socket(mine_, theirs_);
  orphan.inode = 0;
  orphan.cookie = gone.socket.cookie;
  table_.take_closed({gone});
  table_.take_sockets({.taken_ns = kStart + kSecond, .sockets = {orphan}});
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].owners[0].name, "curl");
}

TEST_F(LiveTableTest, WithoutCaptureSocketsThatAreGoneHaveRows) {
  table_.set_capturing(false);
  table_.take_closed({closed_socket(mine_, theirs_, "curl", kStart + 1, kStart + base::kNsPerMs)});
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].owners[0].name, "curl");
  EXPECT_EQ(all[0].end, model::FlowEnd::kClosed);
  EXPECT_FLOAT_EQ(all[0].down_rate, 200);
  EXPECT_TRUE(rows(*publish(20 * kSecond)).empty());
}

TEST_F(LiveTableTest, LoopbackHasAnOwnerAtBothEnds) {
  const auto client = at("127.0.0.1", 40000);
  const auto server = at("127.0.0.1", 80);
  // The server's socket is listed first: the row starts from the wrong end and is turned round.
  table_.take_sockets({.taken_ns = kStart,
                       .sockets = {tcp_socket(server, client, owned_by("nginx", 2)),
                                   tcp_socket(client, server, owned_by("curl", 3))}});
  table_.on_flow(tcp_flow(1, client, server, 10, 20));
  const auto all = rows(*publish(kSecond));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].local, client);
  EXPECT_EQ(all[0].owners[0].name, "curl");
  EXPECT_EQ(all[0].owners[1].name, "nginx");
}

TEST_F(LiveTableTest, UnconnectedUdpIsFoundByItsLocalEnd) {
  model::Socket socket;
  socket.proto = model::ip_proto::kUdp;
  socket.local = at("0.0.0.0", 5353);
  socket.owner = owned_by("avahi", 9);
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket}});
  model::Flow flow = tcp_flow(1, at("192.0.2.10", 5353), at("224.0.0.251", 5353), 100, 0);
  flow.proto = model::ip_proto::kUdp;
  table_.on_flow(flow);
  EXPECT_EQ(rows(*publish(kSecond))[0].owners[0].name, "avahi");
}

TEST_F(LiveTableTest, AListenerOwnsNoConnection) {
  model::Socket listener = tcp_socket(mine_, {}, owned_by("nginx", 2));
  listener.state = model::TcpState::kListen;
  table_.take_sockets({.taken_ns = kStart, .sockets = {listener}});
  table_.on_flow(tcp_flow(1, theirs_, mine_, 1, 1));
  EXPECT_EQ(rows(*publish(kSecond))[0].owners[0].quality, model::Quality::kUnknown);
}

TEST_F(LiveTableTest, SocketOnlyRowsRateOnlyWhatFlowedSinceTheFirstLook) {
  table_.set_capturing(false);
  model::Socket socket = tcp_socket(mine_, theirs_, owned_by("ssh", 5));
  socket.bytes_sent = socket.bytes_received = 1'000'000;
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket}});
  EXPECT_FLOAT_EQ(rows(*publish(kSecond))[0].down_rate, 0);
  socket.bytes_received += 2000;
  table_.take_sockets({.taken_ns = kStart + kSecond, .sockets = {socket}});
  const auto all = rows(*publish(2 * kSecond));
  EXPECT_FLOAT_EQ(all[0].down_rate, 2000);
  EXPECT_TRUE(all[0].has_socket_bytes);
}

TEST_F(LiveTableTest, EndedFlowsStayForAWhileAndTheirBytesStayInTheShares) {
  model::Flow flow = tcp_flow(1, mine_, theirs_, 40, 60);
  flow.end = model::FlowEnd::kClosed;
  table_.on_flow(flow);
  EXPECT_EQ(rows(*publish(5 * kSecond)).size(), 1U);
  const auto later = publish(20 * kSecond);
  EXPECT_TRUE(rows(*later).empty());
  EXPECT_EQ(later->attribution.bytes[static_cast<std::size_t>(model::Quality::kUnknown)], 100U);
}

TEST_F(LiveTableTest, AVanishedSocketEndsItsRow) {
  table_.take_sockets({.taken_ns = kStart, .sockets = {tcp_socket(mine_, theirs_)}});
  table_.take_sockets({.taken_ns = kStart + kSecond, .sockets = {}});
  EXPECT_EQ(rows(*publish(2 * kSecond))[0].end, model::FlowEnd::kClosed);
  EXPECT_TRUE(rows(*publish(20 * kSecond)).empty());
}

TEST_F(LiveTableTest, UnchangedChunksAreShared) {
  for (std::uint16_t i = 0; i < 600; ++i) {
    table_.on_flow(
        tcp_flow(i + 1U, at("192.0.2.10", static_cast<std::uint16_t>(1000 + i)), theirs_, 0, 0));
  }
  const auto one = publish(kSecond / 4);
  table_.on_flow(tcp_flow(600, at("192.0.2.10", 1599), theirs_, 5, 5));
  const auto two = publish(kSecond / 2);
  ASSERT_EQ(one->chunks.size(), 3U);
  EXPECT_EQ(one->chunks[0], two->chunks[0]);
  EXPECT_NE(one->chunks[2], two->chunks[2]);
}

TEST_F(LiveTableTest, TheRowBudgetIsKeptAndEachRefusedFlowCountsOnce) {
  LiveTable small({.source = "any", .interface = {}, .capturing = true, .max_rows = 10});
  for (int report = 0; report < 3; ++report) {
    for (std::uint16_t i = 0; i < 25; ++i) {
      model::Flow flow =
          tcp_flow(i + 1U, at("192.0.2.10", static_cast<std::uint16_t>(1000 + i)), theirs_, 0, 0);
      if (report == 2) flow.end = model::FlowEnd::kClosed;
      small.on_flow(flow);
    }
  }
  const auto snapshot = small.publish(kStart, kStart, {});
  EXPECT_EQ(rows(*snapshot).size(), 10U);
  EXPECT_EQ(snapshot->drops[model::Drop::kRowRefused], 15U);
}

TEST_F(LiveTableTest, FlowsWithEqualEndsHaveARowEach) {
  model::Flow tagged = tcp_flow(2, mine_, theirs_, 10, 10);
  tagged.scope = 10;
  for (int report = 0; report < 5; ++report) {
    table_.on_flow(tcp_flow(1, mine_, theirs_, 100, 100));
    table_.on_flow(tagged);
  }
  EXPECT_EQ(rows(*publish(kSecond)).size(), 2U);
}

TEST_F(LiveTableTest, AFlowOfIpProtocolZeroIsARowLikeAnyOther) {
  model::Flow flow = tcp_flow(1, mine_, theirs_, 1, 1);
  flow.proto = 0;
  table_.on_flow(flow);
  EXPECT_EQ(rows(*publish(kSecond)).size(), 1U);
  flow.end = model::FlowEnd::kIdle;
  table_.on_flow(flow);
  EXPECT_TRUE(rows(*publish(30 * kSecond)).empty());
}

TEST_F(LiveTableTest, WhatIsNotOfThisHostHasNoOwnerHere) {
  model::Socket socket;
  socket.proto = model::ip_proto::kUdp;
  socket.local = at("0.0.0.0", 123);
  socket.owner = owned_by("ntpd", 9);
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket}});
  model::Flow forwarded = tcp_flow(1, at("203.0.113.5", 123), at("203.0.113.6", 123), 1, 1);
  forwarded.proto = model::ip_proto::kUdp;
  table_.on_flow(forwarded);
  EXPECT_EQ(rows(*publish(kSecond))[0].owners[0].quality, model::Quality::kUnknown);
}

TEST_F(LiveTableTest, AVanishedSocketTakesItsStateAlong) {
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1, 1));
  table_.take_sockets({.taken_ns = kStart, .sockets = {tcp_socket(mine_, theirs_)}});
  EXPECT_EQ(rows(*publish(kSecond / 4))[0].state, model::TcpState::kEstablished);
  table_.take_sockets({.taken_ns = kStart, .sockets = {}});
  EXPECT_EQ(rows(*publish(kSecond / 2))[0].state, model::TcpState::kNone);
}

TEST_F(LiveTableTest, AWallClockThatIsSetBackStopsNothing) {
  table_.publish(kStart, kStart, {});
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1000, 0));
  const auto snapshot = table_.publish(kStart - 3600 * kSecond, kStart + kSecond, {});
  EXPECT_FLOAT_EQ(rows(*snapshot)[0].up_rate, 1000);
}

TEST_F(LiveTableTest, TextOfOldSnapshotsOutlivesThePool) {
  LiveTable table({.source = "any", .interface = {}, .capturing = true, .pool_bytes = 16});
  table.publish(kStart, kStart, {});
  model::Flow flow = tcp_flow(1, mine_, theirs_, 10, 10);
  flow.name = "a-rather-long-name.example.org";
  flow.name_from = model::NameSource::kSni;
  table.on_flow(flow);
  const auto old = table.publish(kStart + kSecond, kStart + kSecond, {});
  const auto renewed = table.publish(kStart + 2 * kSecond, kStart + 2 * kSecond, {});
  ASSERT_NE(old->pool, renewed->pool);
  EXPECT_EQ(rows(*old)[0].name, flow.name);
  EXPECT_EQ(rows(*renewed)[0].name, flow.name);
  EXPECT_EQ(renewed->talkers.at(0)->host, flow.name);
}

TEST_F(LiveTableTest, TalkersGroupByProgramAndHost) {
  const auto other_port = at("192.0.2.10", 50001);
  table_.take_sockets({.taken_ns = kStart,
                       .sockets = {tcp_socket(mine_, theirs_, owned_by("curl", 7)),
                                   tcp_socket(other_port, theirs_, owned_by("curl", 8))}});
  table_.on_flow(tcp_flow(1, mine_, theirs_, 100, 1000));
  table_.on_flow(tcp_flow(2, other_port, theirs_, 100, 1000));
  const auto snapshot = publish(kSecond);
  ASSERT_EQ(snapshot->talkers.size(), 1U);
  const model::Talker& talker = *snapshot->talkers[0];
  EXPECT_EQ(talker.process, "curl");
  EXPECT_EQ(talker.pid, 0U);
  EXPECT_EQ(talker.processes, 2U);
  EXPECT_EQ(talker.connections, 2U);
  EXPECT_FLOAT_EQ(talker.down_rate, 2000);
  EXPECT_FLOAT_EQ(talker.spark.back(), 2200);
  EXPECT_EQ(talker.rows.size(), 2U);
}

TEST_F(LiveTableTest, ThroughputComesFromTheDefaultInterface) {
  model::Interface eth;
  eth.name = "eth0";
  eth.up = eth.is_default = true;
  model::Interface lo;
  lo.name = "lo";
  lo.up = lo.loopback = true;
  eth.rx_bytes = 1000;
  lo.rx_bytes = 1000;
  LiveTable table({.source = "any", .interface = "any", .capturing = true});
  table.take_interfaces({.taken_ns = kStart, .interfaces = {eth, lo}});
  table.publish(kStart, kStart, {});
  eth.rx_bytes += 4000;
  lo.rx_bytes += 999;
  table.take_interfaces({.taken_ns = kStart + 2 * kSecond, .interfaces = {eth, lo}});
  const auto snapshot = table.publish(kStart + 2 * kSecond, kStart + 2 * kSecond, {});
  EXPECT_EQ(snapshot->throughput_of, "eth0");
  ASSERT_EQ(snapshot->throughput.size(), 1U);
  EXPECT_FLOAT_EQ(snapshot->throughput[0].down, 2000);
}

TEST_F(LiveTableTest, ThroughputLosesNoByteBetweenTwoSeconds) {
  model::Interface eth;
  eth.name = "eth0";
  eth.up = eth.is_default = true;
  LiveTable table({.source = "any", .interface = "any", .capturing = true});
  table.take_interfaces({.taken_ns = kStart, .interfaces = {eth}});
  table.publish(kStart, kStart, {});
  eth.rx_bytes += 6000;  // all of it in the first half of the second
  table.take_interfaces({.taken_ns = kStart + kSecond / 2, .interfaces = {eth}});
  table.take_interfaces({.taken_ns = kStart + kSecond, .interfaces = {eth}});
  const auto snapshot = table.publish(kStart + kSecond, kStart + kSecond, {});
  EXPECT_FLOAT_EQ(snapshot->throughput.at(0).down, 6000);
}

}  // namespace
}  // namespace netwatch::pipeline
