#include "collect/process_completer.h"

#include <optional>
#include <string>
#include <utility>

#include "collect/process.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr base::TimeNs kRoundNs = base::kNsPerSecond / 2;
constexpr std::size_t kMaxStatBytes = 4096;
constexpr std::size_t kMaxCgroupBytes = 16384;

void place(model::Process& process, CgroupMembership membership) {
  process.container = std::move(membership.container);
  process.runtime = std::move(membership.runtime);
  process.pod = std::move(membership.pod);
  process.unit = std::move(membership.unit);
}

}  // namespace

ProcessCompleter::ProcessCompleter(const Root& root) : root_(root), facts_(root), cgroups_(root) {}

bool ProcessCompleter::complete(model::Process& process) {
  const std::lock_guard lock(mutex_);
  const base::TimeNs now_ns = base::monotonic_clock_ns();
  if (now_ns >= next_round_ns_) {
    facts_.begin_round();
    next_round_ns_ = now_ns + kRoundNs;
  }
  process.user = facts_.user_of(process.uid);
  process.started_ns = facts_.started_ns(process.start_ticks);
  if (!cgroups_.tells_all() && place_by_proc(process)) return true;
  const auto membership = cgroups_.find(process.cgroup, now_ns);
  if (!membership) return false;
  place(process, *membership);
  return true;
}

bool ProcessCompleter::place_by_proc(model::Process& process) const {
  const std::string folder = root_.join("proc/" + std::to_string(process.pid));
  const auto cgroups = read_text_file(folder + "/cgroup", kMaxCgroupBytes);
  if (!cgroups) return false;
  // Last, since the pid may be another one's meanwhile.
  const auto text = read_text_file(folder + "/stat", kMaxStatBytes);
  const auto stat = text ? parse_proc_stat(*text) : std::nullopt;
  if (!stat || stat->start_ticks != process.start_ticks) return false;
  place(process, parse_proc_cgroup(*cgroups));
  return true;
}

void ProcessCompleter::learn_cgroup(std::uint64_t id, std::string_view path) {
  const std::lock_guard lock(mutex_);
  cgroups_.learn(id, path);
}

}  // namespace netwatch::collect
