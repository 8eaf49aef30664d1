#include "pipeline/outer_fragments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "export/ndjson.h"
#include "flow/fragment_maker.h"
#include "pipeline/engine.h"

// Outer packets of tunnels that come in fragments, alone and down the whole road.
namespace netwatch::pipeline {
namespace {

using flow::testing::fragment4;
using flow::testing::fragment6;
using flow::testing::Frame;
using flow::testing::udp_bytes;
using model::Drop;

constexpr base::TimeNs kStart = 1'700'000'000 * base::kNsPerSecond;

Frame joined(std::initializer_list<Frame> parts) {
  Frame all;
  for (const Frame& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// What a packet carries behind its IP header, by the protocol.
struct Outer {
  const char* tunnel;
  std::uint8_t proto;
  Frame before;  // the inner packet
};
const std::vector<Outer>& outers() {
  static const std::vector<Outer> kOuters{
      {"ip", 4, {}},
      {"gre", 47, {0, 0, 8, 0}},
      {"vxlan", 17,
       joined(
           {{0xc0, 0, 0x12, 0xb5, 0, 0, 0, 0}, {8, 0, 0, 0, 0, 0, 42, 0}, Frame(12, 2), {8, 0}})},
      {"gtp", 17, {}},
  };
  return kOuters;
}

Frame body_of(const Outer& outer, const Frame& inner) {
  if (std::string_view(outer.tunnel) == "gtp") {
    Frame header{0x08, 0x68, 0x08, 0x68, 0, 0, 0, 0, 0x30, 0xff};
    flow::testing::put_be16(header, inner.size());
    return joined({header, {0, 0, 0, 9}, inner});
  }
  return joined({outer.before, inner});
}

std::vector<Frame> cut(std::uint8_t proto, const Frame& body, std::size_t step, std::uint32_t id,
                       bool v6 = false) {
  std::vector<Frame> parts;
  for (std::size_t at = 0; at < body.size(); at += step) {
    const std::size_t len = std::min(step, body.size() - at);
    const bool more = at + len < body.size();
    const base::Bytes part = base::Bytes(body).subspan(at, len);
    parts.push_back(v6 ? fragment6(proto, id, at, more, part)
                       : fragment4(proto, id, at, more, part));
  }
  return parts;
}

// A whole IPv4 packet between 192.0.2.1 and 192.0.2.2.
Frame inner_packet(std::uint8_t proto, const Frame& body) {
  return fragment4(proto, 1, 0, false, body);
}
Frame request(const std::string& host, std::size_t filling) {
  return inner_packet(
      6, flow::testing::tcp_bytes(
             "GET / HTTP/1.1\r\nX: " + std::string(filling, 'x') + "\r\nHost: " + host + "\r\n\r\n",
             0));
}

// Packets in order, and what an engine makes of them.
class Link {
 public:
  void send(const Frame& frame, base::TimeNs wait_ns = base::kNsPerUs) {
    time_ns_ += wait_ns;
    frames_.push_back(frame);
    times_.push_back(time_ns_);
  }
  void send(const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) send(frame);
  }
  [[nodiscard]] model::PacketBatchPtr batch(std::size_t from, std::size_t count) const {
    auto batch = std::make_shared<model::PacketBatch>();
    for (std::size_t i = from; i < std::min(from + count, frames_.size()); ++i) {
      batch->packets.push_back({.number = i + 1,
                                .time_ns = times_[i],
                                .linktype = wire::linktype::kRaw,
                                .wire_len = static_cast<std::uint32_t>(frames_[i].size()),
                                .bytes = frames_[i]});
    }
    return batch;
  }
  [[nodiscard]] std::size_t size() const { return frames_.size(); }

  struct Sink final : ResultSink {
    void on_record(const model::Record& record) override {
      exporting::append_record(lines, record);
    }
    void on_flow(const model::Flow& flow) override {
      exporting::append_flow(lines, flow);
      packets += flow.sides[0].packets + flow.sides[1].packets;
      wire_bytes += flow.sides[0].wire_bytes + flow.sides[1].wire_bytes;
      ids.push_back(flow.id);
    }
    void on_packet(const model::Packet& packet) override { written.push_back(packet.number); }
    [[nodiscard]] bool says(std::string_view what) const {
      return lines.find(what) != std::string::npos;
    }
    std::string lines;
    std::uint64_t packets = 0;
    std::uint64_t wire_bytes = 0;
    std::vector<model::FlowId> ids;
    std::vector<std::uint64_t> written;
    Totals totals;
  };
  [[nodiscard]] Sink run(const EngineOptions& options = {}, std::size_t batch_size = 2048) const {
    Sink sink;
    Engine engine(options, sink);
    for (std::size_t at = 0; at < frames_.size(); at += batch_size) {
      engine.push(batch(at, batch_size));
    }
    engine.finish();
    sink.totals = engine.totals();
    return sink;
  }

 private:
  std::vector<Frame> frames_;
  std::vector<base::TimeNs> times_;
  base::TimeNs time_ns_ = kStart;
};

TEST(OuterFragments, WhatIsInsideIsSeenWhole) {
  for (const Outer& outer : outers()) {
    for (const bool v6 : {false, true}) {
      Link link;
      const Frame inner = request("inside.example", 2500);
      const std::vector<Frame> parts = cut(outer.proto, body_of(outer, inner), 1480, 7, v6);
      ASSERT_EQ(parts.size(), 2U);
      link.send(parts);
      const Link::Sink sink = link.run();
      EXPECT_TRUE(sink.says("\"host\":\"inside.example\"")) << outer.tunnel;
      EXPECT_TRUE(sink.says("\"packet\":2")) << outer.tunnel;  // the one that completed it
      EXPECT_TRUE(sink.says("\"tunnel\":[\"" + std::string(outer.tunnel))) << sink.lines;
      EXPECT_EQ(sink.ids.size(), 1U);
      EXPECT_EQ(sink.packets, 2U);
      EXPECT_EQ(sink.wire_bytes, parts[0].size() + parts[1].size());
      EXPECT_TRUE(sink.says("\"ip_bytes\":" + std::to_string(inner.size())));
      EXPECT_EQ(sink.totals.drops[Drop::kFragments], 0U);
      EXPECT_EQ(sink.totals.drops[Drop::kStreamGapBytes], 0U);
    }
  }
}

TEST(OuterFragments, ComeInAnyOrderWhereTheProtocolTells) {
  const Outer& gre = outers()[1];
  const Frame body = body_of(gre, request("inside.example", 1500));
  for (unsigned turn = 0; turn < 20; ++turn) {
    std::vector<Frame> parts = cut(gre.proto, body, 200, turn);
    std::mt19937 order(turn);
    std::shuffle(parts.begin(), parts.end(), order);
    Link link;
    link.send(parts);
    const Link::Sink sink = link.run({}, 3);
    EXPECT_TRUE(sink.says("\"host\":\"inside.example\""));
    EXPECT_EQ(sink.packets, parts.size());
  }
}

// A datagram over UDP that is none of a tunnel's never gets here.
TEST(OuterFragments, OthersGoToTheShardOfTheirAddresses) {
  OuterFragments outer(std::size_t{4} << 20, false);
  std::vector<DerivedPacket> out;
  const std::vector<Frame> parts = cut(17, udp_bytes(std::string(3000, 'x')), 1480, 7);
  for (const Frame& part : parts) {
    model::Packet packet{.linktype = wire::linktype::kRaw,
                         .wire_len = static_cast<std::uint32_t>(part.size()),
                         .bytes = part};
    wire::Decoded decoded = wire::decode(packet);
    EXPECT_TRUE(decoded.detour);
    EXPECT_FALSE(outer.take(packet, 0, kStart, decoded, out));
  }
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(outer.used_bytes(), 0U);
}

TEST(OuterFragments, ABeginningIsOpenedOnceItIsClearThatNoMoreComes) {
  const Outer& gre = outers()[1];
  const auto beginning = [&](std::uint32_t id) {
    return cut(gre.proto, body_of(gre, request("inside.example", 1500)), 1480, id)[0];
  };
  {  // by time, or the input's end
    Link link;
    link.send(beginning(1));
    const Link::Sink sink = link.run();
    EXPECT_TRUE(sink.says("\"packet\":1,\"from\":\"orig\",\"proto\":\"http\""));
    EXPECT_FALSE(sink.says("inside.example"));
    EXPECT_EQ(sink.packets, 1U);
    Link::Sink waiting;
    Engine engine({}, waiting);
    engine.push(link.batch(0, 1));
    engine.heartbeat(kStart + OuterFragments::kPatienceNs, false);
    EXPECT_EQ(engine.totals().records, 0U);
    engine.heartbeat(kStart + OuterFragments::kPatienceNs + base::kNsPerMs, false);
    EXPECT_EQ(engine.totals().records, 1U);
  }
  {  // by what its sender went on with
    OuterFragments outer(std::size_t{4} << 20, false);
    std::vector<DerivedPacket> out;
    for (std::uint32_t id = 1; id <= 2 + OuterFragments::kMostOvertaking; ++id) {
      EXPECT_TRUE(out.empty());
      const Frame frame = beginning(id);
      const model::Packet packet{.number = id, .linktype = 101, .wire_len = 1500, .bytes = frame};
      wire::Decoded decoded = wire::decode(packet);
      EXPECT_TRUE(outer.take(packet, id, kStart, decoded, out));
    }
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(out[0].packet.number, 1U);
    EXPECT_EQ(out[0].index, 2 + OuterFragments::kMostOvertaking);
    EXPECT_FALSE(out[0].completed);
    EXPECT_TRUE(out[0].decoded.first_fragment);
    EXPECT_LT(out[0].decoded.payload.size(), out[0].decoded.payload_wire_len);
  }
}

TEST(OuterFragments, WhereNoLaterOnesAreCapturedNothingWaits) {
  const Outer& vxlan = outers()[2];
  OuterFragments outer(std::size_t{4} << 20, false);
  std::vector<DerivedPacket> out;
  const auto take = [&](std::uint32_t id, std::size_t part) {
    const Frame frame =
        cut(vxlan.proto, body_of(vxlan, request("inside.example", 1500)), 1480, id)[part];
    const model::Packet packet{.number = id,
                               .linktype = 101,
                               .wire_len = static_cast<std::uint32_t>(frame.size()),
                               .bytes = frame};
    wire::Decoded decoded = wire::decode(packet);
    const bool kept = outer.take(packet, id, kStart, decoded, out);
    EXPECT_EQ(kept, decoded.status != wire::DecodeStatus::kFlow);
    return kept;
  };
  std::uint32_t id = 0;
  while (id < OuterFragments::kMaxBarren) EXPECT_TRUE(take(++id, 0));
  EXPECT_FALSE(take(++id, 0));
  EXPECT_EQ(outer.used_bytes(), 0U);
  ASSERT_EQ(out.size(), OuterFragments::kMaxBarren);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i].packet.number, i + 1);
  // One later fragment, of whatever it is, and they are waited for again.
  const Frame later = cut(17, udp_bytes(std::string(3000, 'x')), 1480, 77)[1];
  model::Packet packet{.linktype = 101, .wire_len = 1500, .bytes = later};
  wire::Decoded decoded = wire::decode(packet);
  EXPECT_FALSE(outer.take(packet, 0, kStart, decoded, out));
  out.clear();
  EXPECT_TRUE(take(++id, 0));
  EXPECT_TRUE(take(id, 1));
  EXPECT_EQ(out.size(), 1U);
}

TEST(OuterFragments, AFloodStaysInItsBudgetAndHoldsNothingUp) {
  constexpr std::size_t kBudget = std::size_t{256} << 10;
  OuterFragments outer(kBudget, false);
  std::vector<DerivedPacket> out;
  const Frame body(1480, 'x');
  std::uint64_t given_up = 0;
  for (std::uint32_t n = 0; n < 5000; ++n) {
    Frame frame = fragment4(47, n, n % 3 == 0 ? 0 : 1480, true, body);
    frame[15] = static_cast<std::uint8_t>(n >> 8);  // no two of the same ends in a row
    frame[16] = static_cast<std::uint8_t>(n);
    const model::Packet packet{.number = n, .linktype = 101, .wire_len = 1500, .bytes = frame};
    wire::Decoded decoded = wire::decode(packet);
    EXPECT_TRUE(outer.take(packet, 0, kStart, decoded, out));
    EXPECT_LE(outer.used_bytes(), kBudget);
    given_up += out.size();
    out.clear();
  }
  outer.finish(0, out);
  given_up += out.size();
  model::DropCounters drops;
  outer.add_to(drops);
  EXPECT_EQ(given_up + drops[Drop::kFragments], 5000U);
  EXPECT_GT(drops[Drop::kFragmentEvicted], 4000U);
  EXPECT_EQ(outer.used_bytes(), 0U);
}

// A datagram in fragments inside a tunnel whose packets come in fragments, and that once more.
TEST(OuterFragments, MayBeInsideEachOther) {
  const Outer& gre = outers()[1];
  const Outer& ip = outers()[0];
  for (const bool tunnel : {false, true}) {
    Link link;
    const Frame request_in = request("inside.example", 3000);
    const std::vector<Frame> inner =
        tunnel ? cut(ip.proto, request_in, 1400, 5)
               : cut(6, Frame(request_in.begin() + 20, request_in.end()), 1400, 5);
    ASSERT_EQ(inner.size(), 3U);
    std::uint32_t id = 0;
    std::size_t frames = 0;
    for (const Frame& part : inner) {
      const std::vector<Frame> parts = cut(gre.proto, body_of(gre, part), 800, ++id);
      frames += parts.size();
      link.send(parts);
    }
    const Link::Sink sink = link.run();
    EXPECT_TRUE(sink.says("\"host\":\"inside.example\""));
    EXPECT_TRUE(sink.says(tunnel ? "\"tunnel\":[\"gre\",\"ip\"]" : "\"tunnel\":[\"gre\"]"));
    EXPECT_TRUE(sink.says("\"packet\":" + std::to_string(frames)));
    EXPECT_EQ(sink.ids.size(), 1U);
    EXPECT_EQ(sink.packets, frames);
  }
}

// Tunnels with many inner flows, whose fragments are now and then lost, doubled or late.
Link rough_link() {
  Link link;
  std::mt19937 chance(5);
  std::vector<Frame> held;
  for (std::uint32_t n = 0; n < 1500; ++n) {
    const Outer& outer = outers()[chance() % 4];
    const std::size_t step = 8 * (20 + chance() % 100);
    Frame inner = request("host" + std::to_string(n % 7), chance() % 2500);
    inner[15] = static_cast<std::uint8_t>(chance() % 40);
    inner[21] = static_cast<std::uint8_t>(n);
    const bool v6 = chance() % 4 == 0;
    for (const Frame& part : cut(outer.proto, body_of(outer, inner), step, n, v6)) {
      const std::size_t fate = chance() % 50;
      if (fate == 0) continue;
      if (fate == 1) held.push_back(part);
      if (fate == 2) link.send(part);
      if (fate != 1) link.send(part, static_cast<base::TimeNs>(chance() % 2000) * base::kNsPerUs);
    }
    if (chance() % 20 == 0) {
      link.send(held);
      held.clear();
    }
  }
  return link;
}

TEST(OuterFragments, ThreadsDoNotChangeWhatTheyBecome) {
  const Link link = rough_link();
  const Link::Sink one = link.run({}, 70);
  EXPECT_EQ(one.packets + one.totals.drops[Drop::kFragments], link.size());
  EXPECT_GT(one.packets, link.size() * 9 / 10);
  EXPECT_EQ(one.totals.packets, link.size());
  for (const unsigned threads : {2U, 5U}) {
    const Link::Sink more = link.run({.threads = threads}, 70);
    EXPECT_EQ(more.lines, one.lines);
    EXPECT_EQ(more.totals.drops.counts, one.totals.drops.counts);
  }
}

TEST(OuterFragments, AreWrittenWithTheFlowInside) {
  const Link link = rough_link();
  const Link::Sink all = link.run();
  FlowSet selected;
  for (const model::FlowId id : all.ids) selected.insert(id);
  const Link::Sink written = link.run({.threads = 2, .selected = &selected});
  EXPECT_TRUE(std::is_sorted(written.written.begin(), written.written.end()));
  EXPECT_EQ(std::adjacent_find(written.written.begin(), written.written.end()),
            written.written.end());
  // All but those whose datagram was completed or given up in a later batch.
  EXPECT_LE(written.written.size(), all.packets);
  EXPECT_GT(written.written.size(), all.packets * 98 / 100);

  FlowSet few;
  few.insert(all.ids.front());
  const Link::Sink some = link.run({.selected = &few});
  EXPECT_EQ(some.written.size(), some.packets);
}

}  // namespace
}  // namespace netwatch::pipeline
