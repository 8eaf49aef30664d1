// CPU time: /proc/stat (proc(5); Linux: fs/proc/stat.c). Shares are of the whole time between two
// looks, not of a short sample in it.
#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "collect/collectors.h"
#include "collect/process.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxStatBytes = 4U << 20;  // the line of interrupts is long

// The columns of a line, in their order.
enum Column : std::uint8_t {
  kUser,  // with the guests' time
  kNice,  // with the niced guests' time
  kSystem,
  kIdle,
  kIowait,
  kIrq,
  kSoftirq,
  kSteal,
  kGuest,
  kGuestNice,
  kColumns
};

// Where a CPU's time went: disjoint, and all there is.
enum Mode : std::uint8_t {
  kModeUser,
  kModeNice,
  kModeSystem,
  kModeIdle,
  kModeIowait,
  kModeIrq,
  kModeSoftirq,
  kModeSteal,
  kModeGuest,
  kModes
};
constexpr std::array<std::string_view, kModes> kModeNames{
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest"};

constexpr std::string_view kModeLabels[] = {"mode"};
constexpr std::string_view kCoreLabels[] = {"core"};
constexpr std::string_view kCoreModeLabels[] = {"core", "mode"};

enum Metric : std::uint8_t { kUsed, kShare, kTime, kCores, kCoreUsed, kCoreShare };
constexpr model::MetricDef kMetrics[] = {
    {.name = "cpu.used",
     .unit = model::MetricUnit::kRatio,
     .help = "share of all CPUs' time that was worked in; not idle, iowait, steal"},
    {.name = "cpu.share",
     .unit = model::MetricUnit::kRatio,
     .help = "share of all CPUs' time by mode; all modes add up to 1",
     .labels = kModeLabels},
    {.name = "cpu.time",
     .kind = model::MetricKind::kCounter,
     .unit = model::MetricUnit::kSeconds,
     .help = "time of all CPUs by mode",
     .labels = kModeLabels},
    {.name = "cpu.cores", .help = "CPUs that are online"},
    {.name = "cpu.core.used",
     .unit = model::MetricUnit::kRatio,
     .help = "share of one CPU's time that was worked in",
     .labels = kCoreLabels},
    {.name = "cpu.core.share",
     .unit = model::MetricUnit::kRatio,
     .help = "share of one CPU's time by mode",
     .labels = kCoreModeLabels},
};
constexpr std::string_view kNeeds[] = {"/proc/stat"};

using Ticks = std::array<std::uint64_t, kColumns>;

std::optional<Ticks> parse_ticks(std::string_view line) {
  Ticks ticks{};
  for (std::uint64_t& column : ticks) {
    const auto value = to_number<std::uint64_t>(next_word(line));
    if (!value) return std::nullopt;
    column = *value;
  }
  return ticks;
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

// A guest's time is in two columns: it is taken out of the first. The kernel does not write both
// at once, so the difference may be a tick short.
std::array<std::uint64_t, kModes> modes_of(const Ticks& t) {
  return {less(t[kUser], t[kGuest]),
          less(t[kNice], t[kGuestNice]),
          t[kSystem],
          t[kIdle],
          t[kIowait],
          t[kIrq],
          t[kSoftirq],
          t[kSteal],
          t[kGuest] + t[kGuestNice]};
}

// One line over successive looks.
class CpuLine {
 public:
  struct Shares {
    std::array<double, kModes> modes{};
    double used = 0;
  };

  // Nothing at the first look, after a new beginning, and if no time has passed.
  std::optional<Shares> advance(const Ticks& ticks, CounterFaults& faults) {
    Ticks grown{};
    bool whole = true;
    for (std::size_t i = 0; i < kColumns; ++i) {
      const bool known = looks_ > 0;
      if (const auto growth = counters_[i].advance(ticks[i], faults)) {
        grown[i] = *growth;
      } else {
        // idle and iowait may fall a little (Documentation/filesystems/proc.rst): no growth.
        whole = whole && known && (i == kIdle || i == kIowait);
      }
    }
    ++looks_;
    if (!whole) return std::nullopt;
    const auto modes = modes_of(grown);
    double total = 0;
    for (const std::uint64_t mode : modes) total += static_cast<double>(mode);
    if (total <= 0) return std::nullopt;
    Shares shares;
    for (std::size_t i = 0; i < kModes; ++i) {
      shares.modes[i] = static_cast<double>(modes[i]) / total;
    }
    const auto resting =
        static_cast<double>(modes[kModeIdle]) + static_cast<double>(modes[kModeIowait]);
    shares.used = (total - resting - static_cast<double>(modes[kModeSteal])) / total;
    return shares;
  }

  std::uint64_t seen_in = 0;  // number of the last look that had this line

 private:
  std::array<Counter, kColumns> counters_;
  std::uint64_t looks_ = 0;
};

class CpuCollector final : public Collector {
 public:
  void collect(Look& look) override {
    const auto text = look.read("proc/stat", kMaxStatBytes);
    if (!text) return;
    ++looks_;
    std::string_view rest = *text;
    std::uint64_t cores = 0;
    bool total = false;
    while (auto line = next_line(rest)) {
      std::string_view name = next_word(*line);
      if (!name.starts_with("cpu")) continue;
      name.remove_prefix(3);
      const auto ticks = parse_ticks(*line);
      if (!ticks || (!name.empty() && !to_number<std::uint32_t>(name))) {
        look.damaged("proc/stat");
        continue;
      }
      if (name.empty()) {
        total = true;
        add_total(look, *ticks);
      } else {
        ++cores;
        add_core(look, name, *ticks);
      }
    }
    // A CPU that went offline begins anew when it comes back.
    std::erase_if(cores_, [this](const auto& core) { return core.second.seen_in != looks_; });
    if (!total) look.damaged("proc/stat");
    if (cores > 0) look.add(kMetrics[kCores], cores);
  }

 private:
  void add_total(Look& look, const Ticks& ticks) {
    const auto modes = modes_of(ticks);
    for (std::size_t i = 0; i < kModes; ++i) {
      look.add(kMetrics[kTime],
               static_cast<double>(modes[i]) / static_cast<double>(kTicksPerSecond),
               {kModeNames[i]});
    }
    const auto shares = total_.advance(ticks, look.faults());
    if (!shares) return;
    look.add(kMetrics[kUsed], shares->used);
    for (std::size_t i = 0; i < kModes; ++i) {
      look.add(kMetrics[kShare], shares->modes[i], {kModeNames[i]});
    }
  }

  void add_core(Look& look, std::string_view name, const Ticks& ticks) {
    CpuLine& core = cores_[std::string(name)];
    core.seen_in = looks_;
    const auto shares = core.advance(ticks, look.faults());
    if (!shares) return;
    look.add(kMetrics[kCoreUsed], shares->used, {name});
    for (std::size_t i = 0; i < kModes; ++i) {
      look.add(kMetrics[kCoreShare], shares->modes[i], {name, kModeNames[i]});
    }
  }

  CpuLine total_;
  std::unordered_map<std::string, CpuLine> cores_;
  std::uint64_t looks_ = 0;
};

}  // namespace

extern const CollectorDef kCpu{
    .name = "cpu", .needs = kNeeds, .metrics = kMetrics, .make = make_collector<CpuCollector>};

}  // namespace netwatch::collect
