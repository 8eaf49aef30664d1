#include "collect/owner_usage.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace netwatch::collect {
namespace {

// A little less than the second that it stands for: looks are never exactly on time.
constexpr base::TimeNs kWindowNs = 900 * base::kNsPerMs;

}  // namespace

std::optional<std::vector<model::ProcessUsage>> OwnerUsage::take(
    const std::vector<model::Socket>& sockets, ProcessCache& cache, base::TimeNs now_ns) {
  static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (looked_ns_ != 0 && now_ns - looked_ns_ < kWindowNs) return std::nullopt;
  const double passed_s =
      static_cast<double>(now_ns - looked_ns_) / static_cast<double>(base::kNsPerSecond);
  const auto before = std::exchange(before_, {});
  std::vector<model::ProcessUsage> out;
  for (const model::Socket& socket : sockets) {
    const auto& process = socket.owner.process;
    if (process == nullptr || before_.contains(process->pid)) continue;
    const ProcessStat* stat = cache.stat_of(process->pid);
    // Another one has got its pid.
    if (stat == nullptr || stat->start_ticks != process->start_ticks) continue;
    before_[process->pid] = {.start_ticks = stat->start_ticks, .ticks = stat->cpu_ticks};
    model::ProcessUsage& use = out.emplace_back();
    use.process = process;
    use.state = stat->state;
    use.threads = stat->threads;
    use.cpu_seconds = static_cast<double>(stat->cpu_ticks) / static_cast<double>(kTicksPerSecond);
    use.rss_bytes = stat->rss_pages * page_bytes;
    use.virtual_bytes = stat->virtual_bytes;
    const auto last = before.find(process->pid);
    if (last == before.end() || last->second.start_ticks != stat->start_ticks) continue;
    if (stat->cpu_ticks < last->second.ticks) continue;
    use.cpu = static_cast<double>(stat->cpu_ticks - last->second.ticks) /
              static_cast<double>(kTicksPerSecond) / passed_s;
  }
  looked_ns_ = now_ns;
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.process->pid < b.process->pid; });
  return out;
}

}  // namespace netwatch::collect
