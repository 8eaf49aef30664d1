// Load: /proc/loadavg (proc(5); Linux: fs/proc/loadavg.c).
#include <array>
#include <cstdint>

#include "collect/collectors.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxBytes = 4096;

enum Metric : std::uint8_t { kAverage, kRunnable, kThreads };
constexpr std::string_view kLabels[] = {"window"};
constexpr model::MetricDef kMetrics[] = {
    {.name = "load.average",
     .help = "tasks that run, wait for a CPU or for a disk, smoothed over the window",
     .labels = kLabels},
    {.name = "load.runnable", .help = "tasks that run or wait for a CPU now"},
    {.name = "load.tasks", .help = "all tasks (processes and their threads)"},
};
constexpr std::string_view kNeeds[] = {"/proc/loadavg"};
constexpr std::array<std::string_view, 3> kWindows{"1m", "5m", "15m"};

class LoadCollector final : public Collector {
 public:
  // "0.95 1.22 1.92 6/105 14249"
  void collect(Look& look) override {
    const auto text = look.read("proc/loadavg", kMaxBytes);
    if (!text) return;
    std::string_view line = *text;
    std::array<double, 3> averages{};
    for (double& average : averages) {
      const auto value = to_number<double>(next_word(line));
      if (!value || *value < 0) return look.damaged("proc/loadavg");
      average = *value;
    }
    const std::string_view tasks = next_word(line);
    const std::size_t slash = tasks.find('/');
    if (slash == std::string_view::npos) return look.damaged("proc/loadavg");
    const auto runnable = to_number<std::uint64_t>(tasks.substr(0, slash));
    const auto all = to_number<std::uint64_t>(tasks.substr(slash + 1));
    if (!runnable || !all) return look.damaged("proc/loadavg");
    for (std::size_t i = 0; i < averages.size(); ++i) {
      look.add(kMetrics[kAverage], averages[i], {kWindows[i]});
    }
    look.add(kMetrics[kRunnable], *runnable);
    look.add(kMetrics[kThreads], *all);
  }
};

}  // namespace

extern const CollectorDef kLoad{
    .name = "load", .needs = kNeeds, .metrics = kMetrics, .make = make_collector<LoadCollector>};

}  // namespace netwatch::collect
