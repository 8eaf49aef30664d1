#include "collect/process_completer.h"

namespace netwatch::collect {
namespace {

constexpr base::TimeNs kRoundNs = base::kNsPerSecond / 2;

}  // namespace

ProcessCompleter::ProcessCompleter(const Root& root) : facts_(root), cgroups_(root) {}

bool ProcessCompleter::complete(model::Process& process) {
  const std::lock_guard lock(mutex_);
  const base::TimeNs now_ns = base::monotonic_clock_ns();
  if (now_ns >= next_round_ns_) {
    facts_.begin_round();
    next_round_ns_ = now_ns + kRoundNs;
  }
  process.user = facts_.user_of(process.uid);
  process.started_ns = facts_.started_ns(process.start_ticks);
  const auto membership = cgroups_.find(process.cgroup, now_ns);
  if (!membership) return false;
  process.container = membership->container;
  process.runtime = membership->runtime;
  process.pod = membership->pod;
  process.unit = membership->unit;
  return true;
}

}  // namespace netwatch::collect
