// How long the host is up and since when: /proc/uptime, /proc/stat (proc(5)).
#include <cstdint>

#include "collect/collectors.h"
#include "collect/process.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxUptimeBytes = 4096;
constexpr std::size_t kMaxStatBytes = 4U << 20;

enum Metric : std::uint8_t { kUp, kBoot };
constexpr model::MetricDef kMetrics[] = {
    {.name = "host.uptime",
     .unit = model::MetricUnit::kSeconds,
     .help = "time since the boot, with the time asleep"},
    {.name = "host.boot_time",
     .unit = model::MetricUnit::kSeconds,
     .help = "when the host was booted, since 1970 by the wall clock"},
};
constexpr std::string_view kNeeds[] = {"/proc/uptime", "/proc/stat"};

class UptimeCollector final : public Collector {
 public:
  void collect(Look& look) override {
    if (const auto text = look.read("proc/uptime", kMaxUptimeBytes)) {
      std::string_view line = *text;
      const auto up = to_number<double>(next_word(line));
      if (up && *up >= 0) {
        look.add(kMetrics[kUp], *up);
      } else {
        look.damaged("proc/uptime");
      }
    }
    if (const auto text = look.read("proc/stat", kMaxStatBytes)) add_boot_time(look, *text);
  }

 private:
  static void add_boot_time(Look& look, std::string_view text) {
    const auto boot_ns = parse_proc_stat_boot_time(text);
    if (!boot_ns) return look.damaged("proc/stat");
    const base::TimeNs seconds = *boot_ns / base::kNsPerSecond;
    look.add(kMetrics[kBoot], static_cast<double>(seconds));
  }
};

}  // namespace

extern const CollectorDef kUptime{.name = "uptime",
                                  .needs = kNeeds,
                                  .metrics = kMetrics,
                                  .make = make_collector<UptimeCollector>};

}  // namespace netwatch::collect
