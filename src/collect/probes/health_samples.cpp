#include <array>

#include "collect/probes/health.h"

namespace netwatch::collect {
namespace {

constexpr std::string_view kLabels[] = {"probe", "target"};
enum Metric : std::uint8_t { kRoundTrip, kMean, kJitter, kLoss };
constexpr model::MetricDef kMetrics[] = {
    {.name = "probe.rtt",
     .unit = model::MetricUnit::kSeconds,
     .help = "round trip of the last probe; absent if it was not answered",
     .labels = kLabels},
    {.name = "probe.rtt_mean",
     .unit = model::MetricUnit::kSeconds,
     .help = "mean round trip of the last 60 probes",
     .labels = kLabels},
    {.name = "probe.jitter",
     .unit = model::MetricUnit::kSeconds,
     .help = "mean difference of one answered probe's round trip to the next's",
     .labels = kLabels},
    {.name = "probe.loss",
     .unit = model::MetricUnit::kRatio,
     .help = "share of the last 60 probes without answer",
     .labels = kLabels},
};

}  // namespace

std::span<const model::MetricDef> health_metrics() { return kMetrics; }

void append_samples(const model::HealthTable& table, std::vector<model::Sample>& out) {
  constexpr double kNsPerSecond = 1e9;
  for (const model::HealthRow& row : table.rows) {
    const auto add = [&](Metric metric, double value) {
      model::Sample& sample = out.emplace_back();
      sample.def = &kMetrics[metric];
      sample.labels[0] = model::probe_kind_name(row.target.kind);
      sample.labels[1] = row.target.address.to_string();
      sample.value = value;
    };
    const auto add_time = [&](Metric metric, base::TimeNs time_ns) {
      if (time_ns >= 0) add(metric, static_cast<double>(time_ns) / kNsPerSecond);
    };
    add_time(kRoundTrip, row.last_ns);
    add_time(kMean, row.mean_ns);
    add_time(kJitter, row.jitter_ns);
    if (row.loss >= 0) add(kLoss, row.loss);
  }
}

}  // namespace netwatch::collect
