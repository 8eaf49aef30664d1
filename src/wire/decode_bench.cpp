#include <benchmark/benchmark.h>

#include <vector>

#include "wire/decode.h"

// decode() of frames that lie behind each other in memory, as a mapped file has them.
namespace {

using Frame = std::vector<std::uint8_t>;

Frame ethernet_tcp4() {
  Frame f(54 + 200, 0);
  f[12] = 0x08;
  f[14] = 0x45;
  f[17] = 240;
  f[23] = 6;
  f[46] = 0x50;
  return f;
}

Frame vlan_udp6() {
  Frame f(18 + 48 + 200, 0);
  f[12] = 0x81;
  f[16] = 0x86;
  f[17] = 0xdd;
  f[18] = 0x60;
  f[23] = 208;
  f[24] = 17;
  f[63] = 208;
  return f;
}

void run(benchmark::State& state, const Frame& frame) {
  constexpr std::size_t kCopies = 4096;
  Frame memory;
  for (std::size_t i = 0; i < kCopies; ++i) memory.insert(memory.end(), frame.begin(), frame.end());
  std::size_t i = 0;
  for (auto _ : state) {
    const netwatch::base::Bytes bytes(memory.data() + i * frame.size(), frame.size());
    const auto d = netwatch::wire::decode(1, bytes, static_cast<std::uint32_t>(frame.size()));
    if (d.status != netwatch::wire::DecodeStatus::kFlow) state.SkipWithError("not decoded");
    benchmark::DoNotOptimize(d);
    i = (i + 1) % kCopies;
  }
  state.SetItemsProcessed(state.iterations());
}

void bm_ethernet_tcp4(benchmark::State& state) { run(state, ethernet_tcp4()); }
void bm_vlan_udp6(benchmark::State& state) { run(state, vlan_udp6()); }
BENCHMARK(bm_ethernet_tcp4);
BENCHMARK(bm_vlan_udp6);

}  // namespace
