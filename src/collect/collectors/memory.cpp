// Memory and swap: /proc/meminfo, /proc/vmstat (proc(5); Linux: fs/proc/meminfo.c, mm/vmstat.c).
#include <unistd.h>

#include <array>
#include <cstdint>

#include "collect/collectors.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxBytes = 256U << 10;
constexpr std::uint64_t kKib = 1024;

enum Metric : std::uint8_t {
  kTotal,
  kUsed,
  kAvailable,
  kFree,
  kBuffers,
  kCached,
  kShared,
  kDirty,
  kOomKills,
  kSwapTotal,
  kSwapUsed,
  kSwapFree,
  kSwapIn,
  kSwapOut
};
constexpr auto kBytes = model::MetricUnit::kBytes;
constexpr auto kCounter = model::MetricKind::kCounter;
constexpr model::MetricDef kMetrics[] = {
    {.name = "memory.total_bytes", .unit = kBytes, .help = "memory that the kernel may use"},
    {.name = "memory.used_bytes", .unit = kBytes, .help = "total less available"},
    {.name = "memory.available_bytes",
     .unit = kBytes,
     .help = "what programs can still get without swapping, as the kernel reckons"},
    {.name = "memory.free_bytes", .unit = kBytes, .help = "memory that nobody uses"},
    {.name = "memory.buffers_bytes", .unit = kBytes, .help = "cached blocks of devices"},
    {.name = "memory.cached_bytes",
     .unit = kBytes,
     .help = "cached files, with tmpfs and shared memory"},
    {.name = "memory.shared_bytes", .unit = kBytes, .help = "tmpfs and shared memory"},
    {.name = "memory.dirty_bytes", .unit = kBytes, .help = "waiting to be written to disk"},
    {.name = "memory.oom_kills",
     .kind = kCounter,
     .help = "processes that the kernel killed for want of memory"},
    {.name = "swap.total_bytes", .unit = kBytes, .help = "swap space"},
    {.name = "swap.used_bytes", .unit = kBytes, .help = "swap space in use"},
    {.name = "swap.free_bytes", .unit = kBytes, .help = "swap space that is free"},
    {.name = "swap.in_bytes", .kind = kCounter, .unit = kBytes, .help = "read back from swap"},
    {.name = "swap.out_bytes", .kind = kCounter, .unit = kBytes, .help = "written to swap"},
};
constexpr std::string_view kNeeds[] = {"/proc/meminfo", "/proc/vmstat"};

enum Line : std::uint8_t {
  kMemTotal,
  kMemFree,
  kMemAvailable,
  kLineBuffers,
  kLineCached,
  kShmem,
  kLineDirty,
  kLineSwapTotal,
  kLineSwapFree,
  kLines
};
constexpr std::array<std::string_view, kLines> kLineNames{
    "MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:",
    "Shmem:",    "Dirty:",   "SwapTotal:",    "SwapFree:"};
using Values = std::array<std::optional<std::uint64_t>, kLines>;

// "MemTotal:       24684084 kB"
Values parse_meminfo(std::string_view text) {
  Values values;
  while (auto line = next_line(text)) {
    const std::string_view name = next_word(*line);
    for (std::size_t i = 0; i < kLines; ++i) {
      if (name != kLineNames[i]) continue;
      const auto kib = to_number<std::uint64_t>(next_word(*line));
      if (kib && *kib <= UINT64_MAX / kKib && next_word(*line) == "kB") values[i] = *kib * kKib;
    }
  }
  return values;
}

class MemoryCollector final : public Collector {
 public:
  void collect(Look& look) override {
    if (const auto text = look.read("proc/meminfo", kMaxBytes)) add_meminfo(look, *text);
    if (const auto text = look.read("proc/vmstat", kMaxBytes)) add_vmstat(look, *text);
  }

 private:
  static void add_meminfo(Look& look, std::string_view text) {
    const Values values = parse_meminfo(text);
    struct Row {
      Metric metric;
      Line line;
    };
    for (const Row& row : {Row{kTotal, kMemTotal}, Row{kAvailable, kMemAvailable},
                           Row{kFree, kMemFree}, Row{kBuffers, kLineBuffers},
                           Row{kCached, kLineCached}, Row{kShared, kShmem}, Row{kDirty, kLineDirty},
                           Row{kSwapTotal, kLineSwapTotal}, Row{kSwapFree, kLineSwapFree}}) {
      if (const auto& value = values[row.line]) {
        look.add(kMetrics[row.metric], *value);
      } else {
        look.damaged("proc/meminfo");
      }
    }
    add_difference(look, kUsed, values[kMemTotal], values[kMemAvailable]);
    add_difference(look, kSwapUsed, values[kLineSwapTotal], values[kLineSwapFree]);
  }

  static void add_difference(Look& look, Metric metric, const std::optional<std::uint64_t>& whole,
                             const std::optional<std::uint64_t>& part) {
    if (whole && part && *whole >= *part) look.add(kMetrics[metric], *whole - *part);
  }

  void add_vmstat(Look& look, std::string_view text) {
    static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::size_t found = 0;
    while (auto line = next_line(text)) {
      const std::string_view name = next_word(*line);
      for (Row& row : rows_) {
        if (name != row.name) continue;
        const auto value = to_number<std::uint64_t>(next_word(*line));
        if (!value) continue;
        ++found;
        (void)row.counter.advance(*value, look.faults());
        look.add(kMetrics[row.metric], *value * (row.pages ? page_bytes : 1));
      }
    }
    if (found < rows_.size()) look.damaged("proc/vmstat");
  }

  struct Row {
    std::string_view name;
    Metric metric;
    bool pages;
    Counter counter{};
  };
  std::array<Row, 3> rows_{
      {{"pswpin", kSwapIn, true}, {"pswpout", kSwapOut, true}, {"oom_kill", kOomKills, false}}};
};

}  // namespace

extern const CollectorDef kMemory{.name = "memory",
                                  .needs = kNeeds,
                                  .metrics = kMetrics,
                                  .make = make_collector<MemoryCollector>};

}  // namespace netwatch::collect
