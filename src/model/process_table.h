#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "model/owner.h"

namespace netwatch::model {

// What a process takes of the host.
struct ProcessUsage {
  std::shared_ptr<const Process> process;  // never null
  char state = '?';                        // as ps writes it: R, S, D, Z, T, I, ...
  std::uint32_t threads = 0;
  double cpu_seconds = 0;  // user and system, since it started
  // CPUs' worth of work since the look before: 1 is one CPU all the time, and several threads may
  // take more. Negative at the first look.
  double cpu = -1;
  std::uint64_t rss_bytes = 0;  // the kernel's count may lag by a few pages a thread
  std::uint64_t virtual_bytes = 0;
};

// One look at all processes that may be seen.
struct ProcessTable {
  base::TimeNs taken_ns = 0;
  std::vector<ProcessUsage> processes;  // sorted by pid
  bool hides_processes = false;         // /proc shows no init: it hides others' (hidepid)
  std::uint64_t not_kept = 0;           // beyond the bound of one look
  std::uint64_t counter_resets = 0;     // CPU times that fell since the last look

  [[nodiscard]] const ProcessUsage* find(std::uint32_t pid) const;
  // The parent, its parent, ..., at most kMaxAncestors. A process that started after its "parent"
  // ended may have got its pid: the chain ends there.
  [[nodiscard]] std::vector<const Process*> ancestors_of(std::uint32_t pid) const;

  static constexpr std::size_t kMaxAncestors = 64;
};

}  // namespace netwatch::model
