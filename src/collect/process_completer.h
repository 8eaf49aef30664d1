#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>

#include "base/time.h"
#include "collect/cgroup_tree.h"
#include "collect/process_facts.h"
#include "model/owner.h"

namespace netwatch::collect {

// What the programs in the kernel do not tell of a process, which may be gone: its user's name,
// when it started by the wall clock, and the container, pod and unit of its cgroup. To be made
// before rights are given up. Thread-safe.
class ProcessCompleter {
 public:
  explicit ProcessCompleter(const Root& root = {});

  // False: there may be more to add a little later.
  bool complete(model::Process& process);
  // As CgroupTree::learn().
  void learn_cgroup(std::uint64_t id, std::string_view path);

 private:
  bool place_by_proc(model::Process& process) const;

  Root root_;
  std::mutex mutex_;
  ProcessFacts facts_;              // guarded by mutex_, as all below
  base::TimeNs next_round_ns_ = 0;  // of facts_
  CgroupTree cgroups_;
};

}  // namespace netwatch::collect
