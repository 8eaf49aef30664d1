#include "model/process_table.h"

#include <algorithm>

namespace netwatch::model {

const ProcessUsage* ProcessTable::find(std::uint32_t pid) const {
  const auto place = std::lower_bound(
      processes.begin(), processes.end(), pid,
      [](const ProcessUsage& usage, std::uint32_t wanted) { return usage.process->pid < wanted; });
  return place != processes.end() && place->process->pid == pid ? &*place : nullptr;
}

std::vector<const Process*> ProcessTable::ancestors_of(std::uint32_t pid) const {
  std::vector<const Process*> chain;
  const ProcessUsage* child = find(pid);
  while (child != nullptr && chain.size() < kMaxAncestors) {
    const ProcessUsage* parent = find(child->process->parent_pid);
    // Equal starts are common among kernel threads; a process is never its own parent.
    if (parent == nullptr || parent == child ||
        parent->process->start_ticks > child->process->start_ticks) {
      break;
    }
    chain.push_back(parent->process.get());
    child = parent;
  }
  return chain;
}

}  // namespace netwatch::model
