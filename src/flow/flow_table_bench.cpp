#include "flow/flow_table.h"

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "flow/packet_maker.h"

// Sixteen tables as the engine has them, on one thread. Ratios between runs mean something,
// absolute times do not.
namespace netwatch::flow {
namespace {

class NullSink : public FlowSink {
 public:
  bool on_chunk(FlowTable& /*table*/, FlowHandle /*flow*/,
                const model::StreamChunk& /*chunk*/) override {
    return false;
  }
  void on_end(FlowTable& /*table*/, FlowHandle /*flow*/, model::FlowEnd /*end*/) override {}
};

class KeepSink final : public NullSink {
 public:
  bool on_chunk(FlowTable& /*table*/, FlowHandle /*flow*/,
                const model::StreamChunk& chunk) override {
    bytes += chunk.bytes.size();
    return true;
  }
  std::uint64_t bytes = 0;
};

constexpr std::uint32_t kTables = 16;

// Packet n of a walk over `flows` flows: first every flow once, then again in scattered order.
void many_flows(benchmark::State& state, std::uint8_t proto) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  NullSink sink;
  std::vector<std::unique_ptr<FlowTable>> tables;
  for (std::uint32_t i = 0; i < kTables; ++i) {
    tables.push_back(std::make_unique<FlowTable>(sink, i, FlowBudget{}));
  }
  testing::MadePacket made(proto, 1, 5000, 2, 443);
  made.decoded.tcp_flags = wire::tcp_flag::kAck;
  std::uint32_t n = 0;
  for (auto _ : state) {
    const std::uint32_t flow = (n * 2654435761U) % flows;
    ++n;
    made.decoded.src = testing::v4(flow);
    made.packet.number = n;
    made.packet.time_ns = 1'000'000'000 + std::int64_t{n} * 1000;
    tables[flow % kTables]->packet(made.packet, made.decoded);
  }
  std::size_t bytes = 0;
  std::size_t live = 0;
  for (const auto& table : tables) {
    bytes += table->memory_bytes();
    live += table->live();
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["live"] = static_cast<double>(live);
  state.counters["bytes_per_flow"] = static_cast<double>(bytes) / static_cast<double>(live);
}

void tcp_flows(benchmark::State& state) { many_flows(state, model::ip_proto::kTcp); }
void udp_flows(benchmark::State& state) { many_flows(state, model::ip_proto::kUdp); }

// One connection read to its end; with `swap`, every pair of segments arrives exchanged.
void stream(benchmark::State& state, bool swap) {
  KeepSink sink;
  FlowTable table(sink, 0, FlowBudget{});
  const std::vector<std::uint8_t> payload(1448, 'x');
  testing::MadePacket made(model::ip_proto::kTcp, 1, 5000, 2, 443, payload);
  made.decoded.tcp_flags = wire::tcp_flag::kAck;
  std::uint32_t n = 0;
  for (auto _ : state) {
    const std::uint32_t place = swap && n > 0 ? ((n - 1) ^ 1U) + 1 : n;
    ++n;
    made.decoded.tcp_seq = place * 1448;
    made.packet.number = n;
    made.packet.time_ns = 1'000'000'000 + std::int64_t{n} * 1000;
    table.packet(made.packet, made.decoded);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(sink.bytes));
}

void stream_in_order(benchmark::State& state) { stream(state, false); }
void stream_swapped(benchmark::State& state) { stream(state, true); }

BENCHMARK(tcp_flows)->Arg(1'000)->Arg(1'000'000)->Iterations(5'000'000);
BENCHMARK(udp_flows)->Arg(1'000)->Arg(1'000'000)->Iterations(5'000'000);
BENCHMARK(stream_in_order);
BENCHMARK(stream_swapped);

}  // namespace
}  // namespace netwatch::flow
