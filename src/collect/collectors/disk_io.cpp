// Input and output of whole disks: /proc/diskstats (Linux: Documentation/admin-guide/iostats.rst).
// What a disk did is counted once, on the disk: /sys/block holds no partitions; a device that
// stands on others (device-mapper, md, bcache) has them in its "slaves" and shows their work again,
// as a loop device does that of its file's disk; a path of a multipath NVMe disk is "hidden" behind
// its head. Memory that looks like a disk (ram, zram) is none.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "collect/collectors.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxBytes = 4U << 20;
constexpr std::size_t kMaxFlagBytes = 16;
constexpr std::uint64_t kSectorBytes = 512;  // whatever the disk's own sectors are
constexpr double kMsPerSecond = 1000;
// include/uapi/linux/major.h
constexpr std::uint32_t kRamMajor = 1;
constexpr std::uint32_t kLoopMajor = 7;

enum Metric : std::uint8_t {
  kReads,
  kReadBytes,
  kReadTime,
  kWrites,
  kWriteBytes,
  kWriteTime,
  kInFlight,
  kBusyTime,
  kBusy
};
constexpr std::string_view kLabels[] = {"disk"};
constexpr auto kCounter = model::MetricKind::kCounter;
constexpr model::MetricDef kMetrics[] = {
    {.name = "disk.reads",
     .kind = kCounter,
     .help = "reads that were completed",
     .labels = kLabels},
    {.name = "disk.read_bytes",
     .kind = kCounter,
     .unit = model::MetricUnit::kBytes,
     .help = "read from the disk",
     .labels = kLabels},
    {.name = "disk.read_time",
     .kind = kCounter,
     .unit = model::MetricUnit::kSeconds,
     .help = "time that all reads took",
     .labels = kLabels},
    {.name = "disk.writes",
     .kind = kCounter,
     .help = "writes that were completed",
     .labels = kLabels},
    {.name = "disk.write_bytes",
     .kind = kCounter,
     .unit = model::MetricUnit::kBytes,
     .help = "written to the disk",
     .labels = kLabels},
    {.name = "disk.write_time",
     .kind = kCounter,
     .unit = model::MetricUnit::kSeconds,
     .help = "time that all writes took",
     .labels = kLabels},
    {.name = "disk.in_flight", .help = "requests that the disk is at", .labels = kLabels},
    {.name = "disk.busy_time",
     .kind = kCounter,
     .unit = model::MetricUnit::kSeconds,
     .help = "time in which the disk was at any request",
     .labels = kLabels},
    {.name = "disk.busy",
     .unit = model::MetricUnit::kRatio,
     .help = "share of the time between two looks in which it was",
     .labels = kLabels},
};
constexpr std::string_view kNeeds[] = {"/proc/diskstats", "/sys/block"};

// The columns behind the name.
enum Column : std::uint8_t {
  kColReads,
  kColReadsMerged,
  kColReadSectors,
  kColReadMs,
  kColWrites,
  kColWritesMerged,
  kColWriteSectors,
  kColWriteMs,
  kColInFlight,
  kColBusyMs,
  kColumns
};
using Columns = std::array<std::uint64_t, kColumns>;

struct Line {
  std::uint32_t major = 0;
  std::string_view name;
  Columns columns{};
};

// " 254       0 vda 957184 45290 32610306 3253868 218465 221441 160494008 916335 0 180804 ..."
std::optional<Line> parse_line(std::string_view text) {
  Line line;
  const auto major = to_number<std::uint32_t>(next_word(text));
  const auto minor = to_number<std::uint32_t>(next_word(text));
  line.name = next_word(text);
  if (!major || !minor || line.name.empty()) return std::nullopt;
  line.major = *major;
  for (std::uint64_t& column : line.columns) {
    const auto value = to_number<std::uint64_t>(next_word(text));
    if (!value) return std::nullopt;
    column = *value;
  }
  return line;
}

// The kernel keeps milliseconds in 32 bits: 49 days of work.
struct Disk {
  Counter reads, read_sectors, read_ms{32}, writes, write_sectors, write_ms{32}, busy_ms{32};
  base::TimeNs looked_ns = 0;
  std::uint64_t seen_in = 0;
};

class DiskIoCollector final : public Collector {
 public:
  void collect(Look& look) override {
    const auto text = look.read("proc/diskstats", kMaxBytes);
    if (!text) return;
    const std::vector<std::string> blocks = look.host().list("sys/block");
    std::string_view rest = *text;
    if (blocks.empty() && !rest.empty()) {
      return look.lacks("/sys/block cannot be listed: disks and partitions are not told apart");
    }
    ++looks_;
    while (const auto line = next_line(rest)) {
      const auto parsed = parse_line(*line);
      if (!parsed) {
        look.damaged("proc/diskstats");
      } else if (is_whole_disk(look.host(), blocks, *parsed)) {
        add(look, *parsed);
      }
    }
    std::erase_if(disks_, [this](const auto& disk) { return disk.second.seen_in != looks_; });
  }

 private:
  static bool is_whole_disk(const Host& host, const std::vector<std::string>& blocks,
                            const Line& line) {
    if (line.major == kRamMajor || line.major == kLoopMajor) return false;
    std::string name(line.name);
    std::replace(name.begin(), name.end(), '/', '!');  // "cciss/c0d0", as sysfs writes it
    if (!std::binary_search(blocks.begin(), blocks.end(), name)) return false;
    const std::string folder = "sys/block/" + name;
    if (!host.list(folder + "/slaves").empty()) return false;
    const auto hidden = host.read(folder + "/hidden", kMaxFlagBytes);
    if (hidden && hidden->starts_with('1')) return false;
    return !host.read(folder + "/mm_stat", kMaxFlagBytes);  // zram
  }

  void add(Look& look, const Line& line) {
    Disk& disk = disks_[std::string(line.name)];
    CounterFaults& faults = look.faults();
    const Columns& c = line.columns;
    (void)disk.reads.advance(c[kColReads], faults);
    (void)disk.read_sectors.advance(c[kColReadSectors], faults);
    (void)disk.read_ms.advance(c[kColReadMs], faults);
    (void)disk.writes.advance(c[kColWrites], faults);
    (void)disk.write_sectors.advance(c[kColWriteSectors], faults);
    (void)disk.write_ms.advance(c[kColWriteMs], faults);
    const auto busy_ms = disk.busy_ms.advance(c[kColBusyMs], faults);
    const auto seconds = [](const Counter& ms) {
      return static_cast<double>(ms.value()) / kMsPerSecond;
    };
    const auto bytes = [](const Counter& sectors) {
      return static_cast<double>(sectors.value()) * kSectorBytes;
    };
    look.add(kMetrics[kReads], disk.reads.value(), {line.name});
    look.add(kMetrics[kReadBytes], bytes(disk.read_sectors), {line.name});
    look.add(kMetrics[kReadTime], seconds(disk.read_ms), {line.name});
    look.add(kMetrics[kWrites], disk.writes.value(), {line.name});
    look.add(kMetrics[kWriteBytes], bytes(disk.write_sectors), {line.name});
    look.add(kMetrics[kWriteTime], seconds(disk.write_ms), {line.name});
    look.add(kMetrics[kInFlight], c[kColInFlight], {line.name});
    look.add(kMetrics[kBusyTime], seconds(disk.busy_ms), {line.name});
    const auto passed_ms =
        static_cast<double>(look.monotonic_ns() - disk.looked_ns) / base::kNsPerMs;
    if (busy_ms && passed_ms > 0) {
      // The kernel counts whole ticks: a disk that never rests may seem to be a little over.
      look.add(kMetrics[kBusy], std::min(1.0, static_cast<double>(*busy_ms) / passed_ms),
               {line.name});
    }
    disk.looked_ns = look.monotonic_ns();
    disk.seen_in = looks_;
  }

  std::unordered_map<std::string, Disk> disks_;
  std::uint64_t looks_ = 0;
};

}  // namespace

extern const CollectorDef kDiskIo{.name = "disk input and output",
                                  .needs = kNeeds,
                                  .metrics = kMetrics,
                                  .make = make_collector<DiskIoCollector>};

}  // namespace netwatch::collect
