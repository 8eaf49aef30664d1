#include "pipeline/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "pipeline/file_run.h"

namespace netwatch::pipeline {
namespace {

// A UDP datagram in a raw IPv4 packet.
std::vector<std::uint8_t> udp_packet(std::uint8_t from, std::uint8_t to, std::uint16_t port,
                                     std::string_view payload) {
  const auto total = static_cast<std::uint16_t>(28 + payload.size());
  const auto udp = static_cast<std::uint16_t>(8 + payload.size());
  std::vector<std::uint8_t> bytes{0x45,
                                  0,
                                  static_cast<std::uint8_t>(total >> 8),
                                  static_cast<std::uint8_t>(total),
                                  0,
                                  0,
                                  0,
                                  0,
                                  64,
                                  17,
                                  0,
                                  0,
                                  192,
                                  0,
                                  2,
                                  from,
                                  192,
                                  0,
                                  2,
                                  to,
                                  static_cast<std::uint8_t>(port >> 8),
                                  static_cast<std::uint8_t>(port),
                                  0x30,
                                  0x39,
                                  static_cast<std::uint8_t>(udp >> 8),
                                  static_cast<std::uint8_t>(udp),
                                  0,
                                  0};
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

// Batches of packets of many flows, numbered through.
class Traffic {
 public:
  model::PacketBatchPtr batch(std::size_t packets) {
    auto batch = std::make_shared<model::PacketBatch>();
    auto storage = std::make_shared<std::vector<std::vector<std::uint8_t>>>();
    for (std::size_t i = 0; i < packets; ++i) {
      ++number_;
      storage->push_back(udp_packet(static_cast<std::uint8_t>(number_ % 50),
                                    static_cast<std::uint8_t>(100 + number_ % 7),
                                    static_cast<std::uint16_t>(1000 + number_ % 11), "payload"));
    }
    for (std::size_t i = 0; i < packets; ++i) {
      const auto& bytes = (*storage)[i];
      batch->packets.push_back(
          {.number = number_ - packets + i + 1,
           .time_ns = static_cast<base::TimeNs>(number_ - packets + i) * base::kNsPerMs,
           .linktype = 101,
           .wire_len = static_cast<std::uint32_t>(bytes.size()),
           .bytes = bytes});
    }
    batch->backing = storage;
    return batch;
  }

 private:
  std::uint64_t number_ = 0;
};

// UDP datagrams in three fragments each, the last one first, mixed over batches; every fifth lacks
// its middle.
class FragmentTraffic {
 public:
  explicit FragmentTraffic(std::size_t datagrams) {
    const std::string payload(60, 'x');
    for (std::size_t i = 0; i < datagrams; ++i) {
      const auto whole =
          udp_packet(static_cast<std::uint8_t>(i % 50), static_cast<std::uint8_t>(100 + i % 7),
                     static_cast<std::uint16_t>(1000 + i % 11), payload);
      for (const std::size_t at : {64U, 32U, 0U}) {
        if (at == 32 && i % 5 == 0) continue;
        packets_.push_back(fragment(whole, at, static_cast<std::uint8_t>(i)));
      }
    }
  }
  [[nodiscard]] std::size_t size() const { return packets_.size(); }
  [[nodiscard]] model::PacketBatchPtr batch(std::size_t from, std::size_t count) const {
    auto batch = std::make_shared<model::PacketBatch>();
    for (std::size_t i = from; i < std::min(from + count, packets_.size()); ++i) {
      batch->packets.push_back({.number = i + 1,
                                .time_ns = static_cast<base::TimeNs>(i) * 100 * base::kNsPerMs,
                                .linktype = 101,
                                .wire_len = static_cast<std::uint32_t>(packets_[i].size()),
                                .bytes = packets_[i]});
    }
    return batch;
  }

 private:
  static std::vector<std::uint8_t> fragment(const std::vector<std::uint8_t>& whole, std::size_t at,
                                            std::uint8_t id) {
    const std::size_t len = std::min<std::size_t>(32, whole.size() - 20 - at);
    std::vector<std::uint8_t> bytes(whole.begin(), whole.begin() + 20);
    const auto body = whole.begin() + 20 + static_cast<std::ptrdiff_t>(at);
    bytes.insert(bytes.end(), body, body + static_cast<std::ptrdiff_t>(len));
    bytes[3] = static_cast<std::uint8_t>(bytes.size());
    bytes[5] = id;
    bytes[6] = at + len + 20 < whole.size() ? 0x20 : 0;
    bytes[7] = static_cast<std::uint8_t>(at / 8);
    return bytes;
  }
  std::vector<std::vector<std::uint8_t>> packets_;
};

class FlowList final : public ResultSink {
 public:
  void on_flow(const model::Flow& flow) override {
    text += std::to_string(flow.id) + ' ' + flow.orig.address.to_string() + ' ' +
            std::to_string(flow.sides[0].packets) + ' ' +
            std::string(model::flow_end_name(flow.end)) + '\n';
    packets += flow.sides[0].packets + flow.sides[1].packets;
  }
  void on_packet(const model::Packet& packet) override { selected.push_back(packet.number); }
  std::string text;
  std::uint64_t packets = 0;
  std::vector<std::uint64_t> selected;
};

std::string flows_with_threads(unsigned threads, std::size_t batches) {
  FlowList sink;
  Engine engine({.threads = threads}, sink);
  Traffic traffic;
  for (std::size_t i = 0; i < batches; ++i) engine.push(traffic.batch(100));
  engine.finish();
  EXPECT_EQ(sink.packets, batches * 100);
  EXPECT_EQ(engine.totals().packets, batches * 100);
  return sink.text;
}

TEST(EngineTest, ThreadsDoNotChangeOrderOrContent) {
  const std::string one = flows_with_threads(1, 200);
  EXPECT_FALSE(one.empty());
  for (const unsigned threads : {2U, 5U, 16U}) EXPECT_EQ(flows_with_threads(threads, 200), one);
}

TEST(EngineTest, ThreadsCountTheSameForWhoWantsNoResults) {
  FlowList all;
  Engine described({}, all);
  Traffic traffic;
  std::vector<model::PacketBatchPtr> batches;
  batches.reserve(100);
  for (int i = 0; i < 100; ++i) batches.push_back(traffic.batch(100));
  for (const auto& batch : batches) described.push(batch);
  described.finish();
  const Totals expected = described.totals();
  EXPECT_GT(expected.flows, 0U);
  for (const unsigned threads : {1U, 3U}) {
    struct Silent final : ResultSink {
      void on_record(const model::Record& /*record*/) override { ADD_FAILURE(); }
      void on_flow(const model::Flow& /*flow*/) override { ADD_FAILURE(); }
      [[nodiscard]] bool wants_results() const override { return false; }
    } silent;
    Engine counting({.threads = threads}, silent);
    for (const auto& batch : batches) counting.push(batch);
    counting.finish();
    EXPECT_EQ(counting.totals().flows, expected.flows);
    EXPECT_EQ(counting.totals().packets, expected.packets);
    EXPECT_EQ(counting.totals().records, expected.records);
  }
}

TEST(EngineTest, ThreadsStopCleanlyWithoutFinish) {
  FlowList sink;
  Engine engine({.threads = 4}, sink);
  Traffic traffic;
  for (int i = 0; i < 20; ++i) engine.push(traffic.batch(50));
}

TEST(EngineTest, HeartbeatEndsIdleFlowsAndReportsLiveOnes) {
  FlowList sink;
  Engine engine({}, sink);
  Traffic traffic;
  engine.push(traffic.batch(1));
  engine.heartbeat(base::kNsPerSecond, true);
  EXPECT_NE(sink.text.find("open"), std::string::npos);
  sink.text.clear();
  engine.heartbeat(2 * base::kNsPerSecond, true);
  EXPECT_EQ(sink.text, "");  // nothing changed
  engine.heartbeat(base::TimeNs{3600} * base::kNsPerSecond, false);
  EXPECT_NE(sink.text.find("idle"), std::string::npos);
}

TEST(EngineTest, TheClockNeverGoesBackwards) {
  FlowList sink;
  Engine engine({}, sink);
  engine.heartbeat(5 * base::kNsPerSecond, false);
  engine.heartbeat(3 * base::kNsPerSecond, false);
  EXPECT_EQ(engine.clock_ns(), 5 * base::kNsPerSecond);
}

TEST(EngineTest, SelectedFlowsAloneAreReportedWithTheirPackets) {
  FlowList all;
  Engine first({}, all);
  Traffic traffic;
  first.push(traffic.batch(100));
  first.finish();
  FlowSet selected;
  selected.insert(std::stoull(all.text));

  FlowList some;
  Engine second({.selected = &selected}, some);
  Traffic again;
  second.push(again.batch(100));
  second.finish();
  EXPECT_EQ(std::count(some.text.begin(), some.text.end(), '\n'), 1);
  EXPECT_EQ(some.selected.size(), some.packets);
  EXPECT_TRUE(std::is_sorted(some.selected.begin(), some.selected.end()));
}

TEST(EngineTest, ThreadsDoNotChangeWhatFragmentsBecome) {
  const FragmentTraffic traffic(600);
  std::string one;
  for (const unsigned threads : {1U, 3U, 16U}) {
    FlowList sink;
    Engine engine({.threads = threads}, sink);
    for (std::size_t at = 0; at < traffic.size(); at += 70) engine.push(traffic.batch(at, 70));
    engine.finish();
    EXPECT_EQ(sink.packets, traffic.size());
    EXPECT_EQ(engine.totals().drops[model::Drop::kFragments], 0U);
    if (threads == 1) one = sink.text;
    EXPECT_EQ(sink.text, one);
  }
}

TEST(EngineTest, ASelectedFlowHasItsFragments) {
  const FragmentTraffic traffic(4);
  FlowList all;
  Engine first({}, all);
  first.push(traffic.batch(0, 100));
  first.finish();
  FlowSet selected;
  selected.insert(std::stoull(all.text));

  FlowList some;
  Engine second({.selected = &selected}, some);
  second.push(traffic.batch(0, 100));
  second.finish();
  EXPECT_EQ(some.selected.size(), some.packets);
  EXPECT_EQ(some.packets, 3U);
  EXPECT_TRUE(std::is_sorted(some.selected.begin(), some.selected.end()));
}

// Which flow each packet was said to be of, by its number.
class PacketFlowList final : public ResultSink {
 public:
  void on_batch(const model::PacketBatch& batch) override { batched += batch.packets.size(); }
  void on_packet_flows(std::span<const model::PacketFlow> told) override {
    for (const model::PacketFlow& one : told) {
      EXPECT_LE(one.number, batched) << "the batch was told before";
      flows[one.number] = one.flow;
    }
  }
  std::size_t batched = 0;
  std::map<std::uint64_t, model::FlowId> flows;
};

TEST(EngineTest, EachPacketsFlowIsToldForAnyNumberOfThreads) {
  const FragmentTraffic fragments(10);
  std::map<std::uint64_t, model::FlowId> one;
  for (const unsigned threads : {1U, 3U}) {
    PacketFlowList sink;
    Engine engine({.threads = threads, .packet_flows = true}, sink);
    // In batches of 4: the fragments of a datagram are in two.
    for (std::size_t at = 0; at < fragments.size(); at += 4) engine.push(fragments.batch(at, 4));
    engine.finish();
    EXPECT_EQ(sink.batched, fragments.size());
    EXPECT_EQ(sink.flows.size(), fragments.size()) << "incomplete ones, too: they wait";
    // The first and the sixth datagram lack a part: two packets each.
    for (const auto& [number, flow] : sink.flows) {
      const bool incomplete = number <= 2 || (number >= 15 && number <= 16);
      EXPECT_EQ(flow == model::kNoFlow, incomplete) << number;
    }
    EXPECT_EQ(sink.flows[3], sink.flows[4]);
    EXPECT_EQ(sink.flows[4], sink.flows[5]);
    EXPECT_NE(sink.flows[5], sink.flows[6]);
    if (threads == 1) one = sink.flows;
    EXPECT_EQ(sink.flows, one);
  }
}

TEST(FileRunTest, AMissingFileIsAnErrorAndTheOthersAreRead) {
  const std::string capture = std::string(NETWATCH_SOURCE_DIR) + "/testdata/dpi/dns/dig_tcp.pcapng";
  FlowList sink;
  FileRunOptions options;
  options.files = {"/nonexistent.pcap", capture, capture};
  const FileRunOutcome outcome = run_files(options, sink);
  ASSERT_EQ(outcome.errors.size(), 1U);
  EXPECT_NE(outcome.errors[0].message.find("/nonexistent.pcap"), std::string::npos);
  EXPECT_EQ(outcome.totals.packets, 24U);
}

TEST(FileRunTest, StopsAfterTheWantedCount) {
  FlowList sink;
  FileRunOptions options;
  options.files = {std::string(NETWATCH_SOURCE_DIR) + "/testdata/dpi/dns/dig_tcp.pcapng"};
  options.max_packets = 5;
  EXPECT_EQ(run_files(options, sink).totals.packets, 5U);
}

}  // namespace
}  // namespace netwatch::pipeline
