#include "flow/flow_table.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "flow/flow_index.h"
#include "flow/packet_maker.h"

namespace netwatch::flow {
namespace {

using base::kNsPerSecond;
using base::TimeNs;
using model::Drop;
using model::FlowEnd;
using model::Side;
using testing::MadePacket;
using testing::RecordingSink;

constexpr TimeNs kStart = 1'700'000'000 * kNsPerSecond;

struct Table {
  explicit Table(const FlowBudget& budget = {}, const FlowTimeouts& timeouts = {})
      : table(sink, 1, budget, timeouts) {}

  FlowHandle send(MadePacket made, TimeNs after_ns = 0) {
    made.packet.number = ++number;
    made.packet.time_ns = kStart + after_ns;
    return table.packet(made.packet, made.decoded);
  }
  FlowHandle udp(std::uint32_t src, TimeNs after_ns = 0, std::string_view text = "hi") {
    return send(MadePacket(model::ip_proto::kUdp, src, 5000, 900, 53, base::as_bytes(text)),
                after_ns);
  }
  FlowHandle tcp(std::uint32_t src, std::uint8_t flags, TimeNs after_ns = 0, bool back = false) {
    MadePacket made(model::ip_proto::kTcp, src, 5000, 900, 80);
    if (back) made = made.reversed();
    made.decoded.tcp_flags = flags;
    made.decoded.tcp_seq = 7;
    return send(made, after_ns);
  }
  [[nodiscard]] std::vector<std::uint64_t> ended_counts() const {
    std::vector<std::uint64_t> counts;
    counts.reserve(sink.ended.size());
    for (const auto& ended : sink.ended) counts.push_back(ended.flow.id >> 4);
    return counts;
  }

  RecordingSink sink;
  FlowTable table;
  std::uint64_t number = 0;
};

constexpr std::uint8_t kSyn = wire::tcp_flag::kSyn;
constexpr std::uint8_t kAck = wire::tcp_flag::kAck;
constexpr std::uint8_t kFin = wire::tcp_flag::kFin;
constexpr std::uint8_t kRst = wire::tcp_flag::kRst;
using Counts = std::vector<std::uint64_t>;

TEST(FlowTable, BothDirectionsAreOneFlow) {
  struct Pair {
    std::uint8_t proto;
    std::uint16_t src_port;
    std::uint16_t dst_port;
  };
  // ICMP echo and its answer, as decode() gives them ports: (8, 0) and back.
  for (const Pair& p : {Pair{17, 5000, 53}, Pair{1, 8, 0}, Pair{132, 1, 2}, Pair{47, 0, 0}}) {
    Table t;
    const MadePacket there(p.proto, 1, p.src_port, 2, p.dst_port);
    const FlowHandle one = t.send(there);
    EXPECT_EQ(t.send(there.reversed()).index, one.index);
    EXPECT_EQ(t.table.live(), 1U);
    EXPECT_EQ(t.table.proto(one), p.proto);
    EXPECT_EQ(t.table.port(one, Side::kResponder), p.dst_port);
    const model::Flow flow = t.table.to_flow(one, FlowEnd::kOpen);
    EXPECT_EQ(flow.counters(Side::kOriginator).packets, 1U);
    EXPECT_EQ(flow.counters(Side::kResponder).packets, 1U);
    EXPECT_EQ(flow.conn_state, p.proto == model::ip_proto::kUdp ? "SF" : "");
  }
}

TEST(FlowTable, EveryPartOfTheKeySeparates) {
  Table t;
  const MadePacket plain(17, 1, 1000, 2, 2000);
  std::vector<MadePacket> packets(6, plain);
  packets[1].decoded.scope = 7;
  packets[2].decoded.proto = 132;
  packets[3].decoded.src_port = 1001;
  packets[4].decoded.dst = testing::v4(3);
  std::swap(packets[5].decoded.src_port, packets[5].decoded.dst_port);  // ports, not addresses
  for (const MadePacket& made : packets) t.send(made);
  EXPECT_EQ(t.table.live(), packets.size());
  EXPECT_EQ(t.table.created(), packets.size());
  const MadePacket to_itself(17, 5, 9, 5, 9);
  EXPECT_EQ(t.send(to_itself).index, t.send(to_itself.reversed()).index);
}

TEST(FlowTable, DatagramsAreChunks) {
  Table t;
  t.udp(1, 0, "one");
  t.udp(1, 0, "");  // nothing to read
  MadePacket cut(17, 1, 5000, 900, 53, base::as_bytes("two"));
  cut.decoded.payload_wire_len = 9;
  t.send(cut);
  MadePacket fragment(17, 900, 53, 1, 5000, base::as_bytes("three"));
  fragment.decoded.first_fragment = true;
  t.send(fragment);
  EXPECT_EQ(t.sink.streams[0], "[one][two~]");
  EXPECT_EQ(t.sink.streams[1], "[three~]");
  const std::string ping = "headtext";
  MadePacket echo(1, 1, 8, 2, 0, base::as_bytes(ping).subspan(4));
  echo.decoded.header_bytes = 4;
  t.send(echo);
  // A message of ICMP begins with its header.
  EXPECT_EQ(t.sink.streams[0], "[one][two~][headtext]");
}

TEST(FlowTable, UdpSaysWhoSentAnything) {
  Table t;
  t.udp(1);
  t.udp(2);
  t.send(MadePacket(model::ip_proto::kUdp, 2, 5000, 900, 53).reversed());
  t.send(MadePacket(model::ip_proto::kIcmp, 3, 8, 900, 0));
  t.table.finish();
  ASSERT_EQ(t.sink.ended.size(), 3);
  EXPECT_EQ(t.sink.ended[0].flow.conn_state + t.sink.ended[0].flow.history, "S0D");
  EXPECT_EQ(t.sink.ended[1].flow.conn_state + t.sink.ended[1].flow.history, "SFDd");
  EXPECT_EQ(t.sink.ended[2].flow.conn_state + t.sink.ended[2].flow.history, "");
}

TEST(FlowTable, AnUnwantedFlowIsNotAskedAgain) {
  Table t;
  t.sink.wanted_chunks = 1;
  for (int i = 0; i < 3; ++i) t.udp(1);
  EXPECT_EQ(t.sink.streams[0], "[hi]");
}

TEST(FlowTable, FragmentsAreCountedAndNobodys) {
  Table t;
  MadePacket made(17, 1, 0, 2, 0);
  made.decoded.status = wire::DecodeStatus::kFragment;
  EXPECT_EQ(t.send(made).index, FlowHandle::kNone);
  EXPECT_EQ(t.table.live(), 0U);
  EXPECT_EQ(t.table.drops()[Drop::kFragments], 1U);
}

TEST(FlowTable, SilentFlowsEndInTheOrderOfTheirDeadlines) {
  Table t;
  t.udp(1);                           // 1: 120 s
  t.tcp(2, kSyn);                     // 2: 30 s, half open
  t.tcp(3, kAck);                     // 3: 900 s
  t.send(MadePacket(1, 4, 8, 5, 0));  // 4: 60 s
  t.tcp(5, kSyn | kAck);              // 5: 30 s, an answer alone
  t.tcp(6, kRst);                     // 6: 10 s
  t.udp(1, 5 * kNsPerSecond);         // 1 is active again
  t.table.advance(kStart + 29 * kNsPerSecond);
  EXPECT_EQ(t.ended_counts(), Counts{6});
  t.table.advance(kStart + 100 * kNsPerSecond);
  EXPECT_EQ(t.ended_counts(), (Counts{6, 2, 5, 4}));
  t.table.advance(kStart + 124 * kNsPerSecond);
  EXPECT_EQ(t.table.live(), 2U);
  t.table.advance(kStart + 10'000 * kNsPerSecond);  // and over a long jump
  EXPECT_EQ(t.ended_counts(), (Counts{6, 2, 5, 4, 1, 3}));
  EXPECT_EQ(t.sink.ended[0].end, FlowEnd::kReset);
  EXPECT_EQ(t.sink.ended[1].end, FlowEnd::kIdle);
  EXPECT_EQ(t.table.live(), 0U);
}

TEST(FlowTable, DeadlinesDecideWithinOneTickToo) {
  Table t;
  t.udp(1);
  t.udp(2, base::kNsPerMs);
  t.udp(1, 2 * base::kNsPerMs);
  t.table.advance(kStart + 200 * kNsPerSecond);
  EXPECT_EQ(t.ended_counts(), (Counts{2, 1}));
}

TEST(FlowTable, IdentityDoesNotWaitForAdvance) {
  Table t;
  t.udp(1);
  t.udp(1, 120 * kNsPerSecond);  // just in time
  EXPECT_EQ(t.table.created(), 1U);
  t.udp(1, 240 * kNsPerSecond + 1);
  EXPECT_EQ(t.table.created(), 2U);
  ASSERT_EQ(t.sink.ended.size(), 1U);
  EXPECT_EQ(t.sink.ended[0].end, FlowEnd::kIdle);
}

TEST(FlowTable, OlderPacketsAfterNewerOnesLiveOnTheEnginesClock) {
  Table t;
  t.udp(1, 5000 * kNsPerSecond);
  // Another file, an hour older: its flows are active now.
  for (int i = 0; i < 5; ++i) {
    t.udp(2, i * kNsPerSecond);
    t.table.advance(kStart + 5000 * kNsPerSecond);
  }
  EXPECT_EQ(t.table.created(), 2U);
  const model::Flow flow = t.table.to_flow(FlowHandle{1}, FlowEnd::kOpen);
  EXPECT_EQ(flow.first_ns, kStart);
  EXPECT_EQ(flow.last_ns, kStart + 4 * kNsPerSecond);
  t.table.advance(kStart + 5123 * kNsPerSecond);
  EXPECT_EQ(t.table.live(), 0U);
}

TEST(FlowTable, ClosedConnectionsLingerForTheirLastPackets) {
  Table t;
  t.tcp(1, kSyn);
  t.tcp(1, kSyn | kAck, 0, true);
  t.tcp(1, kFin | kAck);
  t.tcp(1, kFin | kAck, 0, true);
  t.tcp(1, kAck, 9 * kNsPerSecond);
  t.table.advance(kStart + 18 * kNsPerSecond);
  EXPECT_EQ(t.table.live(), 1U);
  t.table.advance(kStart + 21 * kNsPerSecond);
  ASSERT_EQ(t.sink.ended.size(), 1U);
  EXPECT_EQ(t.sink.ended[0].end, FlowEnd::kClosed);
  EXPECT_EQ(t.sink.ended[0].flow.counters(Side::kOriginator).packets, 3U);
}

TEST(FlowTable, AFullTableEvictsHalfOpenThenWhoeverEndsFirst) {
  FlowBudget budget;
  budget.flows = 4;
  Table t(budget);
  t.udp(1, 0);                       // 1
  t.udp(2, 2 * kNsPerSecond);        // 2
  t.tcp(3, kSyn, 4 * kNsPerSecond);  // 3: half open
  t.tcp(4, kAck, 6 * kNsPerSecond);  // 4: open, longest time-out: it stays
  t.udp(1, 8 * kNsPerSecond);        // 1 is fresh again
  for (std::uint32_t i = 0; i < 4; ++i) t.udp(10 + i, (10 + 2 * i) * kNsPerSecond);
  EXPECT_EQ(t.ended_counts(), (Counts{3, 2, 1, 5}));
  for (const auto& ended : t.sink.ended) EXPECT_EQ(ended.end, FlowEnd::kEvicted);
  EXPECT_EQ(t.table.drops()[Drop::kFlowEvicted], 4U);
  EXPECT_EQ(t.table.live(), 4U);

  budget.flows = 0;
  Table none(budget);
  EXPECT_EQ(none.udp(1).index, FlowHandle::kNone);
  EXPECT_EQ(none.table.drops()[Drop::kFlowRefused], 1U);
}

TEST(FlowTable, ASynFloodCostsOnlyHalfOpenFlows) {
  FlowBudget budget;
  budget.flows = 1000;
  Table t(budget);
  t.udp(1);
  for (std::uint32_t i = 0; i < 20'000; ++i) t.tcp(100 + i, kSyn, i * base::kNsPerMs);
  EXPECT_EQ(t.table.live(), 1000U);
  EXPECT_EQ(t.table.drops()[Drop::kFlowEvicted], 20'001U - 1000U);
  EXPECT_EQ(t.udp(1, 21 * kNsPerSecond).index, 0U);
  EXPECT_EQ(t.table.created(), 20'001U);
}

TEST(FlowTable, ChangedFlowsAreVisitedOnceOldestFirst) {
  Table t;
  t.udp(1);
  t.udp(2);
  t.udp(3);
  const auto visited = [&] {
    Counts counts;
    t.table.visit_changed([&](FlowHandle flow) { counts.push_back(t.table.id(flow) >> 4); });
    return counts;
  };
  EXPECT_EQ(visited(), (Counts{1, 2, 3}));
  EXPECT_EQ(visited(), Counts{});
  t.udp(3);
  t.udp(1);
  t.udp(3);
  EXPECT_EQ(visited(), (Counts{1, 3}));
  t.udp(2);
  t.table.advance(kStart + 500 * kNsPerSecond);  // all end; nobody is visited dead
  EXPECT_EQ(visited(), Counts{});
  t.udp(9, 500 * kNsPerSecond);  // in a dead one's place
  EXPECT_EQ(visited(), Counts{4});
  t.udp(8, 500 * kNsPerSecond);
  EXPECT_EQ(visited(), Counts{5});
  t.table.mark_all_changed();  // but not the dead
  EXPECT_EQ(visited(), (Counts{4, 5}));
  EXPECT_EQ(visited(), Counts{});
}

TEST(FlowTable, FinishEndsAllOldestFirst) {
  Table t;
  for (const std::uint32_t src : {9U, 4U, 7U, 1U}) t.udp(src);
  t.tcp(5, kRst);
  t.table.finish();
  EXPECT_EQ(t.ended_counts(), (Counts{1, 2, 3, 4, 5}));
  EXPECT_EQ(t.sink.ended[0].end, FlowEnd::kEndOfInput);
  EXPECT_EQ(t.sink.ended[4].end, FlowEnd::kReset);
  EXPECT_EQ(t.table.live(), 0U);
}

TEST(FlowTable, FinishInPartsEndsTheSameFlowsInTheSameOrder) {
  Table t;
  for (const std::uint32_t src : {9U, 4U, 7U, 1U, 3U}) t.udp(src);
  t.table.finish(2);
  EXPECT_EQ(t.ended_counts(), (Counts{1, 2}));
  t.table.finish(2);
  t.table.finish(2);
  t.table.finish(2);
  EXPECT_EQ(t.ended_counts(), (Counts{1, 2, 3, 4, 5}));
  t.udp(2);
  t.table.finish(2);
  EXPECT_EQ(t.table.live(), 0U);
}

TEST(FlowTable, ReaderSlotsAreTheFlowsOwnAndStartEmpty) {
  Table t;
  const FlowHandle one = t.udp(1);
  t.table.reader_slots(one) = {5, 6};
  EXPECT_EQ(t.table.reader_slots(t.udp(2))[0], 0U);
  EXPECT_EQ(t.table.reader_slots(t.udp(1))[1], 6U);
  t.table.finish();
  EXPECT_EQ(t.table.reader_slots(t.udp(3))[0], 0U);
}

TEST(FlowTable, OnTheAnyDeviceTheFirstSightingCounts) {
  FlowBudget budget;
  budget.first_sighting_only = true;
  Table t(budget);
  MadePacket made(17, 1, 5000, 2, 53, base::as_bytes("q"));
  const auto on = [&](std::uint32_t ifindex, model::PacketDirection direction, bool back,
                      TimeNs after_ns) {
    MadePacket one = back ? made.reversed() : made;
    one.packet.ifindex = ifindex;
    one.packet.direction = direction;
    return t.send(one, after_ns).index != FlowHandle::kNone;
  };
  using enum model::PacketDirection;
  EXPECT_TRUE(on(3, kOutbound, false, 0));
  EXPECT_FALSE(on(2, kOutbound, false, 1));  // the same one, below a bridge
  EXPECT_FALSE(on(3, kInbound, false, 2));   // or the same interface's other side
  EXPECT_TRUE(on(2, kInbound, true, 3));     // answers have a place of their own
  EXPECT_FALSE(on(3, kInbound, true, 4));
  EXPECT_EQ(t.table.drops()[Drop::kDuplicate], 3U);
  EXPECT_EQ(t.sink.streams[0], "[q]");
  EXPECT_TRUE(on(2, kOutbound, false, 3 * kNsPerSecond));  // the first place went quiet
  EXPECT_FALSE(on(3, kOutbound, false, 3 * kNsPerSecond));
}

TEST(FlowTable, AnotherPlaceOfCaptureHidesNoPacketOfFlowsThatStay) {
  FlowBudget budget;
  budget.first_sighting_only = true;
  Table t(budget);
  MadePacket made(17, 1, 5000, 2, 53, base::as_bytes("q"));
  const auto on = [&](std::uint32_t ifindex) {
    MadePacket one = made;
    one.packet.ifindex = ifindex;
    return t.send(one, 0).index != FlowHandle::kNone;
  };
  EXPECT_TRUE(on(3));
  EXPECT_FALSE(on(2));
  t.table.set_first_sighting_only(false);
  EXPECT_TRUE(on(2)) << "of one interface";
  EXPECT_TRUE(on(2));
  t.table.set_first_sighting_only(true);
  EXPECT_TRUE(on(4)) << "of all again: the first place is learned anew";
  EXPECT_FALSE(on(2));
  EXPECT_EQ(t.table.created(), 1U);
  EXPECT_EQ(t.table.drops()[Drop::kDuplicate], 2U);
}

TEST(FlowTable, TheLastSightingIsOfDuplicatesToo) {
  FlowBudget budget;
  budget.first_sighting_only = true;
  Table t(budget);
  MadePacket made(17, 1, 5000, 2, 53, base::as_bytes("q"));
  EXPECT_EQ(t.table.last_sighting().flow, model::kNoFlow);
  const auto on = [&](std::uint32_t ifindex, const MadePacket& packet) {
    MadePacket one = packet;
    one.packet.ifindex = ifindex;
    (void)t.send(one, 0);
    return t.table.last_sighting();
  };
  const auto first = on(3, made);
  EXPECT_NE(first.flow, model::kNoFlow);
  const auto again = on(2, made);
  EXPECT_EQ(t.table.drops()[Drop::kDuplicate], 1U);
  EXPECT_EQ(again.flow, first.flow);
  EXPECT_EQ(again.from_lower, first.from_lower);
  const auto answer = on(3, made.reversed());
  EXPECT_EQ(answer.flow, first.flow);
  EXPECT_EQ(answer.from_lower, !first.from_lower);
  made.decoded.status = wire::DecodeStatus::kFragment;
  EXPECT_EQ(on(3, made).flow, model::kNoFlow);
}

TEST(FlowTable, HostileTimesAreHarmless) {
  Table t;
  for (const TimeNs time : {INT64_MAX, INT64_MIN, TimeNs{0}, INT64_MAX}) {
    MadePacket made(17, 1, 5000, 2, 53);
    made.packet.time_ns = time;
    t.table.packet(made.packet, made.decoded);
    t.table.advance(time);
  }
  t.table.finish();
  EXPECT_GE(t.sink.ended.size(), 1U);
}

// The same packets give the same story, whatever the hash key and the clock's steps between.
TEST(FlowTable, EqualInputGivesEqualOutput) {
  std::string stories[2];
  for (std::string& story : stories) {
    FlowBudget budget;
    budget.flows = 300;
    Table t(budget);
    std::mt19937 random(42);
    for (int i = 0; i < 20'000; ++i) {
      const TimeNs now = i * (kNsPerSecond / 50);
      const auto src = static_cast<std::uint32_t>(1 + random() % 600);
      if (src % 3 == 0) {
        t.tcp(src, static_cast<std::uint8_t>(random() % 32), now, random() % 2 == 0);
      } else {
        t.udp(src, now);
      }
      if (i % 64 == 0) t.table.advance(kStart + now);
    }
    t.table.finish();
    for (const auto& ended : t.sink.ended) {
      story += std::to_string(ended.flow.id) + ended.flow.history +
               ended.flow.orig.address.to_string() + std::to_string(static_cast<int>(ended.end)) +
               ' ';
    }
  }
  EXPECT_GT(stories[0].size(), 10'000U);
  EXPECT_EQ(stories[0], stories[1]);
}

TEST(FlowTable, AFlowCostsAtMost269BytesUntilItIsAnsweredAnd365Then) {
  Table t;
  constexpr std::uint32_t kFlows = 50'000;
  for (const std::uint8_t flags : {kSyn, kSyn, kRst}) {
    for (std::uint32_t i = 0; i < kFlows; ++i) t.tcp(1000 + i, flags);
  }
  EXPECT_EQ(t.table.live(), kFlows);
  EXPECT_LT(t.table.memory_bytes() / kFlows, 270U);
  for (std::uint32_t i = 0; i < kFlows; ++i) t.tcp(1000 + i, kAck);
  EXPECT_EQ(t.table.live(), kFlows);
  EXPECT_LT(t.table.memory_bytes() / kFlows, 366U);
}

TEST(FlowIndex, FindsWhatIsInItThroughInsertsAndErasures) {
  FlowIndex index;
  std::mt19937 random(7);
  std::vector<std::uint32_t> tags(5000);
  // Many equal tags, at the end of the table: probing must go around it.
  for (auto& tag : tags) {
    tag = random() % 8 == 0 ? 0xfffffff0 : static_cast<std::uint32_t>(random());
  }
  std::vector<bool> in(tags.size(), false);
  for (int round = 0; round < 60'000; ++round) {
    const auto at = static_cast<std::uint32_t>(random() % tags.size());
    if (in[at]) {
      index.erase(tags[at], at);
    } else {
      index.insert(tags[at], at);
    }
    in[at] = !in[at];
  }
  std::size_t size = 0;
  for (std::uint32_t at = 0; at < tags.size(); ++at) {
    const std::uint32_t found = index.find(tags[at], [&](std::uint32_t f) { return f == at; });
    EXPECT_EQ(found == at, static_cast<bool>(in[at]));
    if (in[at]) ++size;
  }
  EXPECT_EQ(index.size(), size);
}

}  // namespace
}  // namespace netwatch::flow
