// Pressure stall information: how long tasks waited for a CPU, for memory, for a disk (Linux:
// Documentation/accounting/psi.rst).
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "collect/collectors.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxBytes = 4096;
constexpr double kUsPerSecond = 1e6;
constexpr double kPercent = 100;

enum Metric : std::uint8_t { kShare, kAverage, kStalled };
constexpr std::string_view kLabels[] = {"resource", "tasks"};
constexpr std::string_view kWindowLabels[] = {"resource", "tasks", "window"};
constexpr model::MetricDef kMetrics[] = {
    {.name = "pressure.share",
     .unit = model::MetricUnit::kRatio,
     .help = "share of the time between two looks in which some (all) tasks were stalled",
     .labels = kLabels},
    {.name = "pressure.average",
     .unit = model::MetricUnit::kRatio,
     .help = "the same as the kernel smoothes it",
     .labels = kWindowLabels},
    {.name = "pressure.stalled",
     .kind = model::MetricKind::kCounter,
     .unit = model::MetricUnit::kSeconds,
     .help = "time in which some (all) tasks were stalled",
     .labels = kLabels},
};
constexpr std::string_view kNeeds[] = {"/proc/pressure/cpu", "/proc/pressure/io",
                                       "/proc/pressure/memory"};
constexpr std::string_view kFix = "boot with psi=1 on the kernel's command line";

struct Stall {
  std::array<double, 3> averages{};  // ratios
  std::uint64_t total_us = 0;
};
constexpr std::array<std::string_view, 3> kWindowKeys{"avg10=", "avg60=", "avg300="};
constexpr std::array<std::string_view, 3> kWindows{"10s", "1m", "5m"};

// What is behind "some": "avg10=35.34 avg60=8.78 avg300=2.71 total=8738313117"
std::optional<Stall> parse_stall(std::string_view line) {
  Stall stall;
  for (std::size_t i = 0; i < kWindows.size(); ++i) {
    const std::string_view word = next_word(line);
    if (!word.starts_with(kWindowKeys[i])) return std::nullopt;
    const auto percent = to_number<double>(word.substr(kWindowKeys[i].size()));
    if (!percent || *percent < 0 || *percent > kPercent) return std::nullopt;
    stall.averages[i] = *percent / kPercent;
  }
  constexpr std::string_view kTotal = "total=";
  const std::string_view word = next_word(line);
  if (!word.starts_with(kTotal)) return std::nullopt;
  const auto total = to_number<std::uint64_t>(word.substr(kTotal.size()));
  if (!total) return std::nullopt;
  stall.total_us = *total;
  return stall;
}

class PressureCollector final : public Collector {
 public:
  void collect(Look& look) override {
    for (Resource& resource : resources_) {
      const auto text = look.read(resource.file, kMaxBytes, kFix);
      if (!text) continue;
      std::string_view rest = *text;
      while (auto line = next_line(rest)) {
        const std::string_view tasks = next_word(*line);
        if (tasks != "some" && tasks != "full") continue;
        // All tasks at once cannot wait for a CPU: the kernel writes zeros.
        if (tasks == "full" && resource.name == "cpu") continue;
        if (const auto stall = parse_stall(*line)) {
          add(look, resource, tasks == "some" ? resource.some : resource.full, tasks, *stall);
        } else {
          look.damaged(resource.file);
        }
      }
    }
  }

 private:
  struct Series {
    Counter total_us{};
    base::TimeNs looked_ns = 0;
  };
  struct Resource {
    std::string_view name;
    std::string_view file;
    Series some{};
    Series full{};
  };

  static void add(Look& look, const Resource& resource, Series& series, std::string_view tasks,
                  const Stall& stall) {
    const auto grown = series.total_us.advance(stall.total_us, look.faults());
    const auto passed_us =
        static_cast<double>(look.monotonic_ns() - series.looked_ns) / base::kNsPerUs;
    series.looked_ns = look.monotonic_ns();
    if (grown && passed_us > 0) {
      // The kernel brings its total up to date every 2 s: it may run behind, and catch up.
      const double share = std::min(1.0, static_cast<double>(*grown) / passed_us);
      look.add(kMetrics[kShare], share, {resource.name, tasks});
    }
    for (std::size_t i = 0; i < kWindows.size(); ++i) {
      look.add(kMetrics[kAverage], stall.averages[i], {resource.name, tasks, kWindows[i]});
    }
    look.add(kMetrics[kStalled], static_cast<double>(stall.total_us) / kUsPerSecond,
             {resource.name, tasks});
  }

  std::array<Resource, 3> resources_{{{"cpu", "proc/pressure/cpu"},
                                      {"io", "proc/pressure/io"},
                                      {"memory", "proc/pressure/memory"}}};
};

}  // namespace

extern const CollectorDef kPressure{.name = "pressure",
                                    .needs = kNeeds,
                                    .metrics = kMetrics,
                                    .make = make_collector<PressureCollector>};

}  // namespace netwatch::collect
