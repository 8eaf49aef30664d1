// What the live table says of bytes that processes own, and of those that none does.
#include <gtest/gtest.h>

#include <string>

#include "pipeline/live_table.h"
#include "pipeline/live_table_fixture.h"

namespace netwatch::pipeline {
namespace {

using Kind = model::UnownedTraffic::Kind;

model::Flow flow_of(model::FlowId id, std::uint8_t proto, const model::Endpoint& orig,
                    const model::Endpoint& resp) {
  model::Flow flow;
  flow.id = id;
  flow.proto = proto;
  flow.orig = orig;
  flow.resp = resp;
  flow.first_ns = flow.last_ns = kStart;
  flow.sides[0] = {.packets = 1, .wire_bytes = 114, .ip_bytes = 100, .payload_bytes = 60};
  flow.sides[1] = {.packets = 2, .wire_bytes = 58, .ip_bytes = 30, .payload_bytes = 7};
  return flow;
}

model::Socket socket_of(const model::Endpoint& local, const model::Endpoint& remote) {
  model::Socket socket;
  socket.local = local;
  socket.remote = remote;
  socket.proto = model::ip_proto::kTcp;
  socket.state = model::TcpState::kEstablished;
  socket.inode = socket.cookie = 4711;
  auto process = std::make_shared<model::Process>();
  process->pid = 7;
  process->comm = "curl";
  socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, std::move(process)};
  socket.followed = true;
  socket.bytes_sent = 10;
  socket.bytes_received = 20;
  return socket;
}

class LiveTableTotals : public testing::Test {
 protected:
  LiveTableTotals() {
    model::Interface interface;
    interface.name = "eth0";
    interface.up = interface.is_default = true;
    interface.addresses = {mine_.address};
    table_.take_interfaces({.taken_ns = kStart, .interfaces = {interface}});
    table_.publish(kStart, kStart, {});
  }
  model::SnapshotPtr publish(base::TimeNs after_ns, std::uint64_t non_ip = 0) {
    Totals totals;
    totals.non_ip = non_ip;
    return table_.publish(kStart + after_ns, kStart + after_ns, totals);
  }
  // What a single flow that nobody owns is told as.
  Kind kind_of(const model::Flow& flow) {
    table_.on_flow(flow);
    const auto unowned = table_.owner_totals().unowned.value();
    for (std::size_t i = 0; i < unowned.parts.size(); ++i) {
      if (unowned.parts[i].packets == 0) continue;
      EXPECT_EQ(unowned.parts[i].ip_bytes, 130U);
      EXPECT_EQ(unowned.parts[i].payload_bytes, 67U);
      return static_cast<Kind>(i);
    }
    return Kind::kCount;
  }

  const model::Endpoint mine_ = at("192.0.2.10", 50000);
  const model::Endpoint theirs_ = at("198.51.100.7", 443);
  const model::Endpoint others_ = at("203.0.113.5", 53);
  LiveTable table_{{.source = "any", .interface = {}, .capturing = true}};
};

constexpr std::uint8_t kTcp = model::ip_proto::kTcp;
constexpr std::uint8_t kUdp = model::ip_proto::kUdp;
constexpr std::uint8_t kIcmp = model::ip_proto::kIcmp;

TEST_F(LiveTableTotals, WhatIsForwarded) {
  EXPECT_EQ(kind_of(flow_of(1, kTcp, theirs_, others_)), Kind::kForwarded);
}

TEST_F(LiveTableTotals, WhatIsForAGroupIsNotForwarded) {
  EXPECT_EQ(kind_of(flow_of(1, kUdp, theirs_, at("224.0.0.251", 5353))), Kind::kUnknown);
}

TEST_F(LiveTableTotals, AnEchoRequestFromOutsideIsAnsweredByTheKernel) {
  EXPECT_EQ(kind_of(flow_of(1, kIcmp, theirs_, mine_)), Kind::kKernel);
}

TEST_F(LiveTableTotals, AnEchoRequestOfOursMayBeARawSockets) {
  EXPECT_EQ(kind_of(flow_of(1, kIcmp, mine_, theirs_)), Kind::kNoPort);
}

TEST_F(LiveTableTotals, AConnectionThatTheKernelRefuses) {
  model::Flow flow = flow_of(1, kTcp, theirs_, mine_);
  flow.quality[1].resets = 2;  // all that we sent
  EXPECT_EQ(kind_of(flow), Kind::kKernel);
}

TEST_F(LiveTableTotals, AConnectionOfAProgramThatWeDoNotKnow) {
  model::Flow flow = flow_of(1, kTcp, theirs_, mine_);
  flow.quality[1].resets = 1;  // after its other packet
  EXPECT_EQ(kind_of(flow), Kind::kUnknown);
}

TEST_F(LiveTableTotals, AnOwnerAtEitherEndIsEnoughAndMayComeLater) {
  table_.on_flow(flow_of(1, kTcp, theirs_, mine_));
  table_.on_flow(flow_of(2, kTcp, at("127.0.0.1", 40'000), at("127.0.0.1", 80)));
  EXPECT_EQ(publish(kSecond)->owners->unowned->sum().packets, 6U);
  auto server = socket_of(at("127.0.0.1", 80), at("127.0.0.1", 40'000));
  server.cookie = server.inode = 4712;
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket_of(mine_, theirs_), server}});
  EXPECT_EQ(publish(2 * kSecond)->owners->unowned->sum().packets, 0U);
}

TEST_F(LiveTableTotals, WhatHasEndedStaysInTheSum) {
  model::Flow flow = flow_of(1, kTcp, theirs_, others_);
  flow.end = model::FlowEnd::kClosed;
  table_.on_flow(flow);
  const auto later = publish(60 * kSecond, 5)->owners;
  EXPECT_EQ((*later->unowned)[Kind::kForwarded].ip_bytes, 130U);
  EXPECT_EQ(later->unowned->sum().ip_bytes, 130U);
  EXPECT_EQ(later->unowned->non_ip_packets, 5U);
}

TEST_F(LiveTableTotals, WithoutCaptureThereIsNone) {
  LiveTable table({.source = "sockets", .interface = {}, .capturing = false});
  EXPECT_FALSE(table.publish(kStart, kStart, {})->owners->unowned);
  table.set_capturing(true);
  table.set_capturing(false);
  EXPECT_TRUE(table.owner_totals().unowned) << "some of it was measured";
}

// What is sent on an interface that we do not capture on is known by the kernel's count alone.
TEST_F(LiveTableTotals, ASocketWithoutPacketsIsCountedByTheKernelWhileOthersAreCaptured) {
  auto socket = socket_of(mine_, theirs_);
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket}});
  publish(kSecond);
  socket.bytes_received += 3000;
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket}});
  const auto snapshot = publish(2 * kSecond);
  const model::ConnectionRow& row = *snapshot->row(0);
  EXPECT_EQ(row.bytes_in(), model::Measure::kPayload);
  EXPECT_FLOAT_EQ(row.down_rate, 3000);
  const model::Talker& talker = *snapshot->talkers.at(0);
  EXPECT_EQ(talker.bytes_in, model::Measure::kPayload);
  EXPECT_EQ(talker.rates_in, model::Measure::kPayload);
  EXPECT_EQ(talker.up_bytes, 10U);
  EXPECT_EQ(talker.down_bytes, 3020U);
  EXPECT_FLOAT_EQ(talker.down_rate, 3000);
  const auto& shares = snapshot->attribution.bytes;
  EXPECT_EQ(shares[0] + shares[1] + shares[2], 0U) << "shares are of what was on the wire";
}

TEST_F(LiveTableTotals, WhatNobodyCountsIsUnknown) {
  auto socket = socket_of(mine_, theirs_);
  socket.proto = kUdp;
  socket.state = model::TcpState::kNone;
  socket.bytes_sent = socket.bytes_received = -1;
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket}});
  const auto snapshot = publish(kSecond);
  EXPECT_EQ(snapshot->talkers.at(0)->bytes_in, model::Measure::kUnknown);
  EXPECT_EQ(snapshot->talkers.at(0)->rates_in, model::Measure::kUnknown);
}

TEST_F(LiveTableTotals, FramesAndPayloadOfOneTalkerAreNeverAddedUp) {
  auto other = socket_of(at("192.0.2.10", 50'001), theirs_);
  other.cookie = other.inode = 4712;
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket_of(mine_, theirs_), other}});
  table_.on_flow(flow_of(1, kTcp, mine_, theirs_));
  auto idle = publish(kSecond);
  ASSERT_EQ(idle->talkers.size(), 1U);
  EXPECT_EQ(idle->talkers[0]->bytes_in, model::Measure::kWire) << "the other one is idle";
  EXPECT_EQ(idle->talkers[0]->up_bytes, 114U);
  EXPECT_EQ(idle->talkers[0]->rates_in, model::Measure::kWire);
  other.bytes_sent += 500;
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket_of(mine_, theirs_), other}});
  auto flow = flow_of(1, kTcp, mine_, theirs_);
  flow.sides[0].wire_bytes += 1000;
  table_.on_flow(flow);
  const auto busy = publish(2 * kSecond);
  EXPECT_EQ(busy->talkers[0]->bytes_in, model::Measure::kBoth);
  EXPECT_EQ(busy->talkers[0]->up_bytes, 1114U);
  EXPECT_EQ(busy->talkers[0]->rates_in, model::Measure::kBoth);
  EXPECT_FLOAT_EQ(busy->talkers[0]->up_rate, 1000);
}

// The link that we capture on is gone, and comes back.
TEST_F(LiveTableTotals, WhatWasCapturedStaysWhenCaptureEnds) {
  auto socket = socket_of(mine_, theirs_);
  const auto look = [&] { table_.take_sockets({.taken_ns = kStart, .sockets = {socket}}); };
  look();
  table_.on_flow(flow_of(1, kTcp, mine_, theirs_));
  publish(kSecond);
  table_.set_capturing(false);
  socket.bytes_sent += 700;
  look();
  const auto without = publish(2 * kSecond);
  EXPECT_EQ(without->talkers.at(0)->bytes_in, model::Measure::kWire);
  EXPECT_EQ(without->talkers.at(0)->up_bytes, 114U);
  EXPECT_EQ(without->talkers.at(0)->down_bytes, 58U);
  EXPECT_EQ(without->talkers.at(0)->rates_in, model::Measure::kPayload);
  EXPECT_FLOAT_EQ(without->talkers.at(0)->up_rate, 700);
  EXPECT_EQ(without->attribution.bytes[2], 700U) << "payload alone";
  auto flow = flow_of(1, kTcp, mine_, theirs_);
  flow.end = model::FlowEnd::kIdle;
  table_.on_flow(flow);
  EXPECT_FLOAT_EQ(publish(3 * kSecond)->row(0)->up_rate, 0) << "no measure is taken for another";
  table_.set_capturing(true);
  const auto again = publish(4 * kSecond);
  EXPECT_EQ(again->talkers.at(0)->up_bytes, 114U);
  EXPECT_EQ(again->attribution.bytes[2], 172U);
}

TEST_F(LiveTableTotals, ProcessesAreCountedByTheirSocketsNotByPackets) {
  table_.on_flow(flow_of(1, kTcp, mine_, theirs_));
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket_of(mine_, theirs_)}});
  auto ended = socket_of(mine_, theirs_);
  ended.bytes_sent = 12;
  table_.take_closed({{.socket = ended, .opened_ns = kStart, .closed_ns = kStart + 1}});
  const auto owners = publish(2 * kSecond)->owners;
  ASSERT_EQ(owners->processes.size(), 1U);
  const model::ProcessRow& row = owners->processes[0];
  EXPECT_EQ(row.process->comm, "curl");
  EXPECT_EQ(row.quality, model::Quality::kExact);
  EXPECT_EQ(row.totals.sent_bytes, 12U);
  EXPECT_EQ(row.totals.received_bytes, 20U);
  EXPECT_FLOAT_EQ(row.totals.received_rate, 10);
}

TEST_F(LiveTableTotals, AProcessThatHasEndedSaysSoAndAnotherOfItsNumberDoesNot) {
  auto socket = socket_of(mine_, theirs_);
  table_.take_sockets({.taken_ns = kStart, .sockets = {socket}});
  const model::Process& process = *socket.owner.process;
  table_.take_ends({{process.pid, process.start_ticks + 1, kStart + 5}});
  EXPECT_EQ(publish(2 * kSecond)->owners->processes.at(0).ended_ns, 0);
  table_.take_ends({{process.pid, process.start_ticks, kStart + 7}});
  EXPECT_EQ(publish(3 * kSecond)->owners->processes.at(0).ended_ns, kStart + 7);
}

}  // namespace
}  // namespace netwatch::pipeline
