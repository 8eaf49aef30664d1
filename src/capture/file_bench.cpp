#include <benchmark/benchmark.h>

#include <cstdlib>

#include "capture/source.h"
#include "wire/decode.h"

// Reads the capture that NETWATCH_BENCH_CAPTURE names, with and without decoding it.
namespace {

using netwatch::capture::open_file;

template <typename Use>
void read(benchmark::State& state, Use&& use) {
  const char* const path = std::getenv("NETWATCH_BENCH_CAPTURE");
  if (path == nullptr) {
    state.SkipWithError("NETWATCH_BENCH_CAPTURE names no capture file");
    return;
  }
  std::int64_t packets = 0;
  std::int64_t bytes = 0;
  for (auto _ : state) {
    auto source = open_file(path);
    while (source) {
      const auto batch = (*source)->next(0);
      if (!batch || *batch == nullptr) break;
      for (const auto& packet : (*batch)->packets) use(packet);
      packets += static_cast<std::int64_t>((*batch)->packets.size());
    }
    if (source) bytes += static_cast<std::int64_t>((*source)->bytes_read());
  }
  state.SetItemsProcessed(packets);
  state.SetBytesProcessed(bytes);
}

void bm_read(benchmark::State& state) {
  read(state, [](const netwatch::model::Packet& packet) { benchmark::DoNotOptimize(&packet); });
}
void bm_read_and_decode(benchmark::State& state) {
  read(state, [](const netwatch::model::Packet& packet) {
    const auto decoded = netwatch::wire::decode(packet);
    benchmark::DoNotOptimize(decoded);
  });
}
BENCHMARK(bm_read)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_read_and_decode)->Unit(benchmark::kMillisecond);

}  // namespace
