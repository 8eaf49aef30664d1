#include "flow/fragments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "flow/fragment_maker.h"
#include "flow/packet_maker.h"

namespace netwatch::flow {
namespace {

using base::kNsPerSecond;
using base::TimeNs;
using model::Drop;
using testing::Frame;
using testing::RecordingSink;

constexpr TimeNs kStart = 1'700'000'000 * kNsPerSecond;

struct Table {
  explicit Table(const FlowBudget& budget = {}) : table(sink, 1, budget) {}

  FlowHandle send(const Frame& frame, TimeNs after_ns = 0, std::uint32_t ifindex = 0) {
    return send(wire::decode(wire::linktype::kRaw, frame, wire_len(frame)), wire_len(frame),
                after_ns, ifindex);
  }
  FlowHandle send(const wire::Decoded& decoded, std::uint32_t wire_len, TimeNs after_ns,
                  std::uint32_t ifindex = 0) {
    model::Packet packet;
    packet.number = ++number;
    packet.time_ns = kStart + after_ns;
    packet.wire_len = wire_len;
    packet.ifindex = ifindex;
    return table.packet(packet, decoded);
  }
  static std::uint32_t wire_len(const Frame& frame) {
    return static_cast<std::uint32_t>(frame.size());
  }
  model::Flow flow(FlowHandle handle) const { return table.to_flow(handle, model::FlowEnd::kOpen); }
  std::uint64_t drop(Drop what) const { return table.drops()[what]; }

  RecordingSink sink;
  FlowTable table;
  std::uint64_t number = 0;
};

// A UDP datagram, cut into parts of `step` bytes.
struct Datagram {
  explicit Datagram(const std::string& text, std::size_t step = 8, bool v6 = false,
                    std::uint32_t id = 7)
      : body(testing::udp_bytes(text)) {
    for (std::size_t at = 0; at < body.size(); at += step) {
      const std::size_t n = std::min(step, body.size() - at);
      const bool more = at + n < body.size();
      const base::Bytes part = base::Bytes(body).subspan(at, n);
      parts.push_back(v6 ? testing::fragment6(17, id, at, more, part)
                         : testing::fragment4(17, id, at, more, part));
    }
  }
  Frame body;
  std::vector<Frame> parts;
};

constexpr const char* kText = "a datagram that is cut into many parts of eight bytes";

TEST(Fragments, ComeTogetherInAnyOrderAndCountWithTheirFlow) {
  for (const bool v6 : {false, true}) {
    for (unsigned turn = 0; turn < 20; ++turn) {
      Table t;
      Datagram datagram(kText, 8, v6);
      std::mt19937 order(turn);
      std::shuffle(datagram.parts.begin(), datagram.parts.end(), order);
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < datagram.parts.size(); ++i) {
        const Frame& part = datagram.parts[i];
        bytes += part.size();
        const FlowHandle handle = t.send(part, TimeNs(i) * base::kNsPerMs);
        EXPECT_EQ(handle.index != FlowHandle::kNone, i + 1 == datagram.parts.size());
      }
      EXPECT_EQ(t.sink.streams[0], '[' + std::string(kText) + ']');
      const model::Flow flow = t.flow(FlowHandle{0});
      EXPECT_EQ(flow.orig.port, 1000);
      EXPECT_EQ(flow.sides[0].packets, datagram.parts.size());
      EXPECT_EQ(flow.sides[0].ip_bytes, bytes);
      EXPECT_EQ(flow.sides[0].wire_bytes, bytes);
      EXPECT_EQ(flow.sides[0].payload_bytes, std::string_view(kText).size());
      EXPECT_EQ(flow.first_packet, 1U);
      EXPECT_EQ(flow.last_packet, datagram.parts.size());
      EXPECT_EQ(flow.last_ns - flow.first_ns, TimeNs(datagram.parts.size() - 1) * base::kNsPerMs);
      EXPECT_EQ(t.sink.chunks[0].packet, datagram.parts.size());
      EXPECT_EQ(t.table.last_parts().packets.size(), datagram.parts.size());
      EXPECT_EQ(t.table.fragment_bytes(), 0U);
      EXPECT_EQ(t.drop(Drop::kFragments), 0U);
    }
  }
}

// RFC 1858: even the flags of TCP may stand in the second fragment.
TEST(Fragments, ATcpHeaderMayBeCutAnywhere) {
  const Frame segment = testing::tcp_bytes("GET / HTTP/1.1\r\n\r\n", 12);
  for (const std::size_t first : {8U, 16U, 24U, 32U, 40U}) {
    Table t;
    const base::Bytes all = segment;
    EXPECT_EQ(t.send(testing::fragment4(6, 1, 0, true, all.first(first))).index, FlowHandle::kNone);
    t.send(testing::fragment4(6, 1, first, false, all.subspan(first)));
    EXPECT_EQ(t.sink.streams[0], "GET / HTTP/1.1\r\n\r\n") << first;
    EXPECT_EQ(t.flow(FlowHandle{0}).sides[0].packets, 2U);
  }
}

TEST(Fragments, HeadersBehindTheIpv6FragmentHeaderAreWalkedThrough) {
  Table t;
  Frame body{17, 0, 1, 4, 0, 0, 0, 0};  // destination options: padding
  const Frame udp = testing::udp_bytes("behind options");
  body.insert(body.end(), udp.begin(), udp.end());
  const base::Bytes all = body;
  t.send(testing::fragment6(17, 1, 16, false, all.subspan(16)));  // a later one may say another
  t.send(testing::fragment6(60, 1, 0, true, all.first(16)));
  EXPECT_EQ(t.sink.streams[0], "[behind options]");
}

TEST(Fragments, OnlyTheSameDatagramMeets) {
  const Datagram one(kText, 32);
  const Datagram other(kText, 32, false, 8);
  Table t;
  t.send(one.parts[0]);
  t.send(other.parts[1]);
  wire::Decoded decoded = wire::decode(wire::linktype::kRaw, one.parts[1], 52);
  decoded.scope = 5;
  t.send(decoded, 52, 0);  // another VLAN
  decoded.scope = 0;
  std::swap(decoded.src, decoded.dst);
  t.send(decoded, 52, 0);  // the other way
  Frame part(one.parts[1]);
  part[9] = 132;
  t.send(part);  // another protocol
  EXPECT_EQ(t.sink.streams[0], "");
  t.send(one.parts[1]);
  EXPECT_EQ(t.sink.streams[0], '[' + std::string(kText) + ']');
}

TEST(Fragments, OfIpv4TheFirstBytesWin) {
  const Datagram datagram("aaaaaaaabbbbbbbbccccccccdddddddd");
  const Datagram forged("AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDD", 24);
  Table t;
  t.send(datagram.parts[2]);
  t.send(forged.parts[0]);  // bytes 0 to 23: its last eight are there
  t.send(datagram.parts[3]);
  t.send(datagram.parts[3]);  // a copy
  t.send(datagram.parts[4]);
  EXPECT_EQ(t.sink.streams[0], "[AAAAAAAAbbbbbbbbccccccccdddddddd]");
  EXPECT_EQ(t.drop(Drop::kFragmentOverlaps), 1U);
  EXPECT_EQ(t.flow(FlowHandle{0}).sides[0].packets, 5U);
}

TEST(Fragments, AnOverlapEndsAnIpv6Datagram) {
  const Datagram datagram("aaaaaaaabbbbbbbbccccccccdddddddd", 8, true);
  const Datagram forged("AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDD", 24, true);
  Table t;
  t.send(datagram.parts[2]);
  t.send(datagram.parts[2]);  // RFC 8200 4.5: an exact copy is no overlap
  EXPECT_EQ(t.drop(Drop::kFragmentOverlaps), 0U);
  t.send(forged.parts[0]);
  for (const Frame& part : datagram.parts) t.send(part);
  EXPECT_TRUE(t.sink.chunks.empty());
  EXPECT_EQ(t.drop(Drop::kFragmentOverlaps), 1U);
  EXPECT_EQ(t.drop(Drop::kFragments), 3 + datagram.parts.size());
  t.table.advance(kStart + 31 * kNsPerSecond);
  for (const Frame& part : datagram.parts) t.send(part, 31 * kNsPerSecond);
  EXPECT_EQ(t.sink.chunks.size(), 1U);
}

TEST(Fragments, ContradictionsAboutTheLengthEndADatagram) {
  const Frame bytes(64, 'x');
  const base::Bytes all = bytes;
  struct Part {
    std::size_t at, len;
    bool more;
  };
  const std::vector<std::vector<Part>> cases = {
      {{32, 8, false}, {40, 8, false}},  // two ends
      {{32, 8, false}, {40, 8, true}},   // bytes behind the end
      {{40, 8, true}, {32, 8, false}},   // an end before bytes that came
      {{32, 8, false}, {32, 8, true}},   // more behind the end
  };
  for (const auto& parts : cases) {
    Table t;
    for (const Part& part : parts) {
      t.send(testing::fragment4(17, 1, part.at, part.more, all.first(part.len)));
    }
    t.send(testing::fragment4(17, 1, 0, true, all.first(32)));
    t.table.finish();
    EXPECT_EQ(t.table.created(), 0U);
    EXPECT_EQ(t.drop(Drop::kFragments), 3U);
  }
}

TEST(Fragments, WhatNoDatagramCanHoldIsDropped) {
  const Frame bytes(64, 'x');
  const base::Bytes all = bytes;
  Table t;
  t.send(testing::fragment4(17, 1, 65512, false, all.first(8)));  // with its header over 65,535
  t.send(testing::fragment4(17, 1, 65528, true, all.first(64)));  // RFC 791: over 65,535
  t.send(testing::fragment6(17, 1, 65520, false, all.first(16)));
  t.send(testing::fragment4(17, 1, 8, true, all.first(9)));  // only the last may be odd
  t.send(testing::fragment4(17, 1, 8, false, {}));           // nothing in it
  EXPECT_EQ(t.drop(Drop::kFragments), 5U);
  EXPECT_EQ(t.table.fragment_bytes(), 0U);
  const Datagram longest(std::string(65507, 'y'), 1480);
  for (const Frame& part : longest.parts) t.send(part);
  EXPECT_EQ(t.sink.streams[0].size(), 65507U + 2);
}

// What is in a tunnel belongs to another shard: see pipeline/outer_fragments.h.
TEST(Fragments, OfATunnelAreNoFlow) {
  const Frame inside = testing::fragment4(17, 1, 0, false, testing::udp_bytes("a longer message"));
  const base::Bytes all = inside;
  Table t;
  t.send(testing::fragment4(4, 1, 0, true, all.first(24)));
  t.send(testing::fragment4(4, 1, 24, false, all.subspan(24)));
  t.send(testing::fragment4(4, 2, 0, true, all.first(32)));
  t.table.finish();
  EXPECT_EQ(t.table.created(), 0U);
  EXPECT_EQ(t.drop(Drop::kFragments), 3U);
}

TEST(Fragments, AHoleMakesThemWaitThirtySeconds) {
  const Datagram datagram(kText, 16);
  Table t;
  t.send(datagram.parts[0]);
  t.send(datagram.parts[1]);
  t.send(datagram.parts[3]);
  const Datagram headless(kText, 16, false, 9);
  t.send(headless.parts[2], kNsPerSecond);
  t.table.advance(kStart + 30 * kNsPerSecond);
  EXPECT_TRUE(t.sink.chunks.empty());
  const Datagram later("later");
  t.send(testing::fragment4(17, 3, 0, false, later.body), 29 * kNsPerSecond);
  EXPECT_EQ(t.flow(FlowHandle{0}).last_packet, 5U);
  t.sink.streams[0].clear();
  t.table.advance(kStart + 30 * kNsPerSecond + 1);
  EXPECT_EQ(t.sink.streams[0], '[' + std::string(kText).substr(0, 24) + "~]");
  EXPECT_EQ(t.flow(FlowHandle{0}).sides[0].packets, 4U);
  EXPECT_EQ(t.flow(FlowHandle{0}).first_ns, kStart);
  EXPECT_EQ(t.flow(FlowHandle{0}).first_packet, 1U);
  EXPECT_EQ(t.flow(FlowHandle{0}).last_packet, 5U);
  EXPECT_EQ(t.drop(Drop::kFragments), 0U);
  t.table.advance(kStart + 32 * kNsPerSecond);
  EXPECT_EQ(t.drop(Drop::kFragments), 1U);
  EXPECT_EQ(t.table.fragment_bytes(), 0U);
  t.send(datagram.parts[2], 32 * kNsPerSecond);  // too late
  EXPECT_EQ(t.sink.chunks.size(), 2U);
}

TEST(Fragments, TheEndOfTheInputGivesOutBeginnings) {
  const Datagram datagram(kText, 16);
  const Datagram six(kText, 16, true);
  Table t;
  t.send(datagram.parts[0]);
  t.send(six.parts[0]);
  t.table.finish();
  ASSERT_EQ(t.sink.ended.size(), 2U);
  EXPECT_EQ(t.sink.streams[0], "[a datagr~][a datagr~]");
}

TEST(Fragments, TheOldestDatagramMakesRoom) {
  FlowBudget budget;
  budget.fragment_bytes = std::size_t{64} << 10;
  Table t(budget);
  std::vector<Datagram> datagrams;
  datagrams.reserve(100);
  for (std::uint32_t id = 0; id < 100; ++id) datagrams.emplace_back(kText, 32, false, id);
  for (const Datagram& datagram : datagrams) {
    t.send(datagram.parts[1]);
    EXPECT_LE(t.table.fragment_bytes(), budget.fragment_bytes);
  }
  const std::uint64_t evicted = t.drop(Drop::kFragmentEvicted);
  EXPECT_GT(evicted, 50U);
  EXPECT_EQ(t.drop(Drop::kFragments), evicted);
  // Those that are left are the youngest.
  for (std::size_t id = datagrams.size(); id-- > evicted + 5;) t.send(datagrams[id].parts[0]);
  EXPECT_EQ(t.sink.chunks.size(), datagrams.size() - evicted - 5);

  Table none(FlowBudget{.fragment_bytes = 100});
  none.send(datagrams[0].parts[0]);
  EXPECT_EQ(none.drop(Drop::kFragments), 1U);
  EXPECT_EQ(none.drop(Drop::kFragmentEvicted), 0U);
}

TEST(Fragments, TooManyHolesEndADatagram) {
  const Frame bytes(8, 'x');
  Table t;
  for (std::size_t i = 0; i <= Fragments::kMaxRanges; ++i) {
    t.send(testing::fragment4(17, 1, 16 * i + 8, true, bytes));
  }
  EXPECT_EQ(t.drop(Drop::kFragments), Fragments::kMaxRanges + 1);
}

TEST(Fragments, WhatASnaplenCutOffIsCutOffTheDatagram) {
  const Datagram datagram(kText, 32);
  Table t;
  for (const Frame& part : datagram.parts) {
    const base::Bytes captured = base::Bytes(part).first(20 + 16);
    const auto wire_len = static_cast<std::uint32_t>(part.size());
    t.send(wire::decode(wire::linktype::kRaw, captured, wire_len), wire_len, 0);
  }
  EXPECT_EQ(t.sink.streams[0], "[a datagr~]");
  EXPECT_EQ(t.flow(FlowHandle{0}).sides[0].payload_bytes, std::string_view(kText).size());
}

TEST(Fragments, CopiesFromSeveralInterfacesArePutTogetherEachForItself) {
  const Datagram datagram(kText, 16);
  Table t(FlowBudget{.first_sighting_only = true});
  for (const Frame& part : datagram.parts) {
    t.send(part, 0, 1);
    t.send(part, 0, 2);
  }
  EXPECT_EQ(t.sink.chunks.size(), 1U);
  EXPECT_EQ(t.flow(FlowHandle{0}).sides[0].packets, datagram.parts.size());
  EXPECT_EQ(t.drop(Drop::kDuplicate), datagram.parts.size());
  EXPECT_EQ(t.drop(Drop::kFragments), 0U);
}

}  // namespace
}  // namespace netwatch::flow
