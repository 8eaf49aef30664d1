// What the layers above call once per record, flow or fingerprint.
#include <benchmark/benchmark.h>

#include <string>

#include "base/crypto.h"
#include "base/ip_address.h"
#include "base/text.h"
#include "base/time.h"

namespace netwatch::base {
namespace {

void bench_json_string(benchmark::State& state, std::string_view text) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_json_string(out, text);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(bench_json_string, host, "www.example.org");
BENCHMARK_CAPTURE(bench_json_string, user_agent,
                  "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
BENCHMARK_CAPTURE(bench_json_string, binary, "\x16\x03\x01\xff\x80\x1b[2J\xe2\x80\xae\x90\x90");

void bench_md5(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(md5(as_bytes(text)));
}
BENCHMARK(bench_md5)->Arg(40)->Arg(300);

void bench_sha1(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(sha1(as_bytes(text)));
}
BENCHMARK(bench_sha1)->Arg(40);

void bench_sha256(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(sha256(as_bytes(text)));
}
BENCHMARK(bench_sha256)->Arg(40)->Arg(300);

void bench_address_text(benchmark::State& state, std::string_view text) {
  const IpAddress address = *IpAddress::parse(text);
  std::string out;
  for (auto _ : state) {
    out.clear();
    address.append_to(out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK_CAPTURE(bench_address_text, v4, "192.168.100.200");
BENCHMARK_CAPTURE(bench_address_text, v6, "2001:db8:12:3400::abcd:1");

void bench_address_parse(benchmark::State& state, std::string_view text) {
  for (auto _ : state) benchmark::DoNotOptimize(IpAddress::parse(text));
}
BENCHMARK_CAPTURE(bench_address_parse, v4, "192.168.100.200");
BENCHMARK_CAPTURE(bench_address_parse, v6, "2001:db8:12:3400::abcd:1");

void bench_rfc3339(benchmark::State& state) {
  std::string out;
  TimeNs time_ns = 1'600'000'000'123'456'789;
  for (auto _ : state) {
    out.clear();
    append_rfc3339(out, time_ns += 1'000'003);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(bench_rfc3339);

}  // namespace
}  // namespace netwatch::base
