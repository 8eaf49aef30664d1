#include <benchmark/benchmark.h>

#include <string>

#include "export/ndjson.h"

namespace netwatch::exporting {
namespace {

constexpr std::string_view kKinds[] = {"client_hello"};
constexpr model::FieldDef kFields[] = {
    {.name = "tls.version"}, {.name = "tls.sni"}, {.name = "tls.alpn", .list = true},
    {.name = "ja3"},         {.name = "ja4"},
};
constexpr model::Schema kSchema{.proto = "tls", .title = "", .kinds = kKinds, .fields = kFields};

void bench_record(benchmark::State& state) {
  model::RecordBuilder builder;
  builder.start(kSchema, 0);
  builder.add_text(0, "TLS 1.3");
  builder.add_text(1, "www.example.org");
  builder.add_text(2, "h2");
  builder.add_text(2, "http/1.1");
  builder.add_text(3, "e7d705a3286e19ea42f587b344ee6865");
  builder.add_text(4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
  model::Record record = builder.view();
  record.flow = 0x1234;
  record.time_ns = 1'600'000'000'123'456'789;
  std::string out;
  std::size_t bytes = 0;
  for (auto _ : state) {
    out.clear();
    append_record(out, record);
    bytes += out.size();
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(bench_record);

void bench_flow(benchmark::State& state) {
  model::Flow flow;
  flow.id = 0x1234;
  flow.orig = {*base::IpAddress::parse("192.168.1.10"), 51514};
  flow.resp = {*base::IpAddress::parse("2001:db8::1:2:3"), 443};
  flow.proto = model::ip_proto::kTcp;
  flow.end = model::FlowEnd::kClosed;
  flow.first_ns = 1'600'000'000'123'456'789;
  flow.last_ns = 1'600'000'001'123'456'789;
  flow.apps = {"tls", "http2"};
  flow.name = "www.example.org";
  flow.name_from = model::NameSource::kSni;
  flow.handshake_rtt_us = 12345;
  flow.conn_state = "SF";
  flow.history = "ShADadFf";
  std::string out;
  std::size_t bytes = 0;
  for (auto _ : state) {
    out.clear();
    append_flow(out, flow);
    bytes += out.size();
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(bench_flow);

}  // namespace
}  // namespace netwatch::exporting
