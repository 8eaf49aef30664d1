#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "collect/collect.h"
#include "collect/counter.h"
#include "collect/host.h"
#include "collect/process.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxProcesses = 1U << 18;
constexpr std::size_t kMaxLineBytes = 4096;

std::vector<std::uint32_t> pids_of(const std::vector<std::string>& names) {
  std::vector<std::uint32_t> pids;
  for (const std::string& name : names) {
    if (const auto pid = to_number<std::uint32_t>(name)) pids.push_back(*pid);
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

}  // namespace

std::vector<model::Process> running_programs(const Root& root) {
  std::vector<model::Process> found;
  for (const std::uint32_t pid : pids_of(LocalHost(root).list("proc"))) {
    const std::string folder = root.join("proc/" + std::to_string(pid) + "/");
    std::string exe = read_program_link(folder + "exe");
    if (exe.empty()) continue;  // the kernel's own, somebody else's, or gone
    const auto text = read_text_file(folder + "stat", kMaxLineBytes);
    auto stat = text ? parse_proc_stat(*text) : std::nullopt;
    if (!stat) continue;
    model::Process& process = found.emplace_back();
    process.pid = pid;
    process.start_ticks = stat->start_ticks;
    process.comm = std::move(stat->comm);
    process.exe = std::move(exe);
  }
  return found;
}

class ProcessCollector::Impl {
 public:
  explicit Impl(Root root) : root_(std::move(root)), host_(root_), cache_(root_) {}

  base::Result<model::ProcessTable> collect(base::TimeNs now_ns) {
    const std::vector<std::uint32_t> pids = pids_of(host_.list("proc"));
    if (pids.empty()) {
      return base::Error{base::ErrorCode::kNotFound, "/proc shows no process"};
    }
    model::ProcessTable table;
    table.taken_ns = base::wall_clock_ns();
    table.hides_processes = pids.front() != 1;
    cache_.begin_round();
    ++looks_;
    const double passed_s =
        static_cast<double>(now_ns - looked_ns_) / static_cast<double>(base::kNsPerSecond);
    for (const std::uint32_t pid : pids) {
      if (table.processes.size() == kMaxProcesses) {
        ++table.not_kept;
      } else if (auto process = cache_.find(pid)) {
        table.processes.push_back(use_of(std::move(process), passed_s));
      }
    }
    std::erase_if(times_, [this](const auto& time) { return time.second.seen_in != looks_; });
    table.counter_resets = std::exchange(faults_, CounterFaults{}).resets;
    looked_ns_ = now_ns;
    looked_ticks_ = uptime_ticks();
    return table;
  }

 private:
  struct CpuTime {
    std::uint64_t start_ticks = 0;
    std::uint64_t seen_in = 0;
    Counter ticks;
  };

  model::ProcessUsage use_of(std::shared_ptr<const model::Process> process, double passed_s) {
    static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const ProcessStat stat = *cache_.stat_of(process->pid);
    model::ProcessUsage use;
    use.state = stat.state;
    use.threads = stat.threads;
    use.cpu_seconds = static_cast<double>(stat.cpu_ticks) / static_cast<double>(kTicksPerSecond);
    use.rss_bytes = stat.rss_pages * page_bytes;
    use.virtual_bytes = stat.virtual_bytes;
    CpuTime& time = times_[process->pid];
    if (time.start_ticks != stat.start_ticks) time = CpuTime{stat.start_ticks, 0, Counter()};
    const bool known = time.seen_in != 0;
    auto grown = time.ticks.advance(stat.cpu_ticks, faults_);
    // All that it has worked since it started is new, if it started after the last look.
    if (!known && looked_ticks_ && stat.start_ticks >= *looked_ticks_) grown = stat.cpu_ticks;
    time.seen_in = looks_;
    if (grown && passed_s > 0 && looks_ > 1) {
      use.cpu = static_cast<double>(*grown) / static_cast<double>(kTicksPerSecond) / passed_s;
    }
    use.process = std::move(process);
    return use;
  }

  // The clock that processes' starts are told by.
  [[nodiscard]] std::optional<std::uint64_t> uptime_ticks() const {
    const auto text = host_.read("proc/uptime", kMaxLineBytes);
    if (!text) return std::nullopt;
    std::string_view line = *text;
    const auto seconds = to_number<double>(next_word(line));
    constexpr double kMostSeconds = 1e12;
    if (!seconds || *seconds < 0 || *seconds > kMostSeconds) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(*seconds * kTicksPerSecond));
  }

  Root root_;
  LocalHost host_;
  ProcessCache cache_;
  CounterFaults faults_;
  std::unordered_map<std::uint32_t, CpuTime> times_;  // by pid
  std::uint64_t looks_ = 0;
  base::TimeNs looked_ns_ = 0;
  std::optional<std::uint64_t> looked_ticks_;  // uptime at the last look
};

ProcessCollector::ProcessCollector(Root root) : impl_(std::make_unique<Impl>(std::move(root))) {}
ProcessCollector::~ProcessCollector() = default;
base::Result<model::ProcessTable> ProcessCollector::collect(base::TimeNs now_ns) {
  return impl_->collect(now_ns);
}

}  // namespace netwatch::collect
