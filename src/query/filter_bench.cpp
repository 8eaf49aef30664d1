// What a filter costs a record and a flow.
#include <benchmark/benchmark.h>

#include "query/filter_fixture.h"

namespace netwatch::query {
namespace {

constexpr const char* kFilters[] = {
    "tls",
    "tcp.port == 443 and ip.addr == 10.0.0.0/8",
    "tls.sni contains \"nowhere\"",
    "sni:nowhere",
    "tls.sni matches \"^([a-z0-9]+\\\\.)+example\\\\.com$\"",
    "nowhere",
};

void note_record(benchmark::State& state) {
  const auto filter = Filter::parse(kFilters[state.range(0)], fixture::catalog());
  model::RecordBuilder builder;
  builder.start(fixture::kTls, 0);
  builder.add_text(fixture::kSni, "a-typical-host-name.cdn.example.org");
  builder.add_text(fixture::kAlpn, "h2");
  builder.add_text(fixture::kAlpn, "http/1.1");
  builder.add_text(fixture::kJa4, "t13d1516h2_8daaf6152771_02713d6af862");
  const model::Record record = builder.view();
  for (auto _ : state) {
    Filter::Evidence evidence;
    filter->note(evidence, record);
    benchmark::DoNotOptimize(evidence);
  }
  state.SetLabel(kFilters[state.range(0)]);
}
BENCHMARK(note_record)->DenseRange(0, 5);

void match_flow(benchmark::State& state) {
  const auto filter = Filter::parse(kFilters[state.range(0)], fixture::catalog());
  const model::Flow flow = fixture::web_flow();
  for (auto _ : state) benchmark::DoNotOptimize(filter->matches(flow, {}));
  state.SetLabel(kFilters[state.range(0)]);
}
BENCHMARK(match_flow)->DenseRange(0, 5);

}  // namespace
}  // namespace netwatch::query
