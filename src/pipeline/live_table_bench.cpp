// The cost of one snapshot: the design asks for at most 10 ms at 100,000 flows of which a tenth
// changed, wherever in the table they are.
#include <benchmark/benchmark.h>

#include "pipeline/live_table.h"

namespace netwatch::pipeline {
namespace {

model::Flow flow_number(std::uint32_t i) {
  model::Flow flow;
  flow.id = i + 1;
  flow.proto = model::ip_proto::kTcp;
  const auto byte = [i](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
  const std::array<std::uint8_t, 4> from{10, byte(16), byte(8), byte(0)};
  const std::array<std::uint8_t, 4> to{192, 0, 2, byte(4)};
  flow.orig = {base::IpAddress::v4(from.data()), 50000};
  flow.resp = {base::IpAddress::v4(to.data()), 443};
  flow.first_ns = flow.last_ns = base::kNsPerSecond;
  return flow;
}

void BM_PublishTenthChanged(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  LiveTable table({.source = "any", .interface = {}, .capturing = true});
  for (std::uint32_t i = 0; i < flows; ++i) table.on_flow(flow_number(i));
  base::TimeNs now_ns = 2 * base::kNsPerSecond;
  benchmark::DoNotOptimize(table.publish(now_ns, now_ns, {}));
  for (auto _ : state) {
    state.PauseTiming();
    for (std::uint32_t i = 0; i < flows; i += 10) table.on_flow(flow_number(i));
    now_ns += base::kNsPerMs;  // between two seconds: rates and talkers stand still
    state.ResumeTiming();
    benchmark::DoNotOptimize(table.publish(now_ns, now_ns, {}));
  }
  state.counters["row_bytes"] = sizeof(model::ConnectionRow);
}
BENCHMARK(BM_PublishTenthChanged)->Arg(100'000)->Unit(benchmark::kMillisecond);

void BM_PublishWithTalkers(benchmark::State& state) {
  LiveTable table({.source = "any", .interface = {}, .capturing = true});
  for (std::uint32_t i = 0; i < 100'000; ++i) table.on_flow(flow_number(i));
  base::TimeNs now_ns = 2 * base::kNsPerSecond;
  for (auto _ : state) {
    now_ns += base::kNsPerSecond;
    benchmark::DoNotOptimize(table.publish(now_ns, now_ns, {}));
  }
}
BENCHMARK(BM_PublishWithTalkers)->Unit(benchmark::kMillisecond);

// A look at sockets that have all moved something: the table's work, and of that the totals'.
model::SocketTable sockets_of(std::uint32_t count) {
  model::SocketTable table;
  auto process = std::make_shared<model::Process>();
  process->pid = 7;
  for (std::uint32_t i = 0; i < count; ++i) {
    const model::Flow flow = flow_number(i);
    model::Socket& socket = table.sockets.emplace_back();
    socket.proto = flow.proto;
    socket.local = flow.orig;
    socket.remote = flow.resp;
    socket.state = model::TcpState::kEstablished;
    socket.inode = socket.cookie = i + 1;
    socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, process};
    socket.bytes_sent = socket.bytes_received = 0;
  }
  return table;
}

template <typename Taker>
void look_again(benchmark::State& state, Taker& taker) {
  model::SocketTable table = sockets_of(static_cast<std::uint32_t>(state.range(0)));
  taker.take_sockets(table);
  for (auto _ : state) {
    state.PauseTiming();
    for (model::Socket& socket : table.sockets) socket.bytes_sent += 100;
    state.ResumeTiming();
    taker.take_sockets(table);
  }
}

void BM_TakeSockets(benchmark::State& state) {
  LiveTable table({.source = "sockets", .interface = {}, .capturing = false});
  look_again(state, table);
}
BENCHMARK(BM_TakeSockets)->Arg(100'000)->Unit(benchmark::kMillisecond);

void BM_TakeSocketsForTotals(benchmark::State& state) {
  ProcessTotals totals;
  look_again(state, totals);
}
BENCHMARK(BM_TakeSocketsForTotals)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace netwatch::pipeline
