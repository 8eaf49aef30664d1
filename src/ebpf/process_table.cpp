#include "ebpf/process_table.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/time.h"

namespace netwatch::ebpf {
namespace {

// /proc counts in USER_HZ, which is 100 on every Linux.
constexpr std::uint64_t kNsPerTick = base::kNsPerSecond / 100;

model::Process process_of(const ProcessNote& note) {
  model::Process process;
  process.pid = note.pid;
  process.parent_pid = note.parent_pid;
  process.uid = note.uid;
  process.start_ticks = ticks_of(note.start_ns);
  process.cgroup = note.cgroup;
  const auto text = [](const auto& name) {
    return std::string(std::begin(name), std::find(std::begin(name), std::end(name), '\0'));
  };
  process.comm = text(note.comm);
  if (note.parent_pid != 0) process.parent = text(note.parent_comm);
  return process;
}

}  // namespace

std::uint64_t ticks_of(std::uint64_t boot_ns) { return boot_ns / kNsPerTick; }

std::string path_of_program(const ProcessExec& event) {
  const auto text = [](const char* begin, std::size_t room) {
    const std::string_view whole(begin, room);
    return whole.substr(0, whole.find('\0'));
  };
  const std::size_t used = std::min<std::size_t>(event.parts_bytes, sizeof event.parts);
  std::string path;
  for (std::size_t at = 0; at < used;) {
    const std::string_view part = text(event.parts + at, used - at);
    path.insert(0, part).insert(0, 1, '/');
    at += part.size() + 1;
  }
  if (!path.empty()) return path;
  const std::string_view called = text(event.path, sizeof event.path);
  // Relative to a folder that we do not know; or by a descriptor, which anybody may have called so.
  const bool is_path = called.starts_with('/') && !called.starts_with("/proc/") &&
                       !called.starts_with("/dev/fd/") && called.size() + 1 < sizeof event.path;
  return is_path ? std::string(called) : std::string();
}

std::size_t ProcessTable::KeyHash::operator()(const Key& key) const {
  std::uint64_t h = (key.start_ns ^ (std::uint64_t{key.pid} << 32) ^ key.exec_id);
  h *= 0x9E3779B97F4A7C15ULL;
  return h ^ (h >> 31);
}

ProcessTable::Key ProcessTable::key_of(const ProcessNote& note) {
  return {.start_ns = note.start_ns, .pid = note.pid, .exec_id = note.exec_id};
}

ProcessTable::Known ProcessTable::find_locked(const Key& key) {
  if (const auto found = young_.find(key); found != young_.end()) return found->second;
  const auto found = old_.find(key);
  if (found == old_.end()) return {};
  Known known = found->second;
  put_locked(key, known);
  return known;
}

void ProcessTable::put_locked(const Key& key, Known known) {
  if (young_.size() >= half_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert_or_assign(key, std::move(known));
}

std::shared_ptr<const model::Process> ProcessTable::add_locked(const Key& key,
                                                               model::Process process) {
  const bool complete = !complete_ || complete_(process);
  auto added = std::make_shared<const model::Process>(std::move(process));
  put_locked(key, {.process = added, .complete = complete});
  return added;
}

void ProcessTable::learn_programs(const std::vector<model::Process>& running) {
  const std::lock_guard lock(mutex_);
  for (const model::Process& one : running) {
    if (older_.size() >= 2 * half_) return;
    if (!one.exe.empty()) older_[one.pid] = {one.start_ticks, one.comm, one.exe};
  }
}

// The name has to be the same, too: it would be another if an event was lost.
std::string ProcessTable::program_locked(const model::Process& process) const {
  if (const auto own = older_.find(process.pid); own != older_.end()) {
    const bool same =
        own->second.start_ticks == process.start_ticks && own->second.comm == process.comm;
    return same ? own->second.exe : std::string();
  }
  // It was forked later and has executed nothing of its own.
  const auto parent = older_.find(process.parent_pid);
  const bool same = parent != older_.end() && parent->second.comm == process.comm &&
                    parent->second.start_ticks <= process.start_ticks;
  return same ? parent->second.exe : std::string();
}

void ProcessTable::take_exec(const ProcessNote& note, std::string_view path) {
  model::Process process = process_of(note);
  process.exe = path;
  const std::lock_guard lock(mutex_);
  older_.erase(note.pid);
  add_locked(key_of(note), std::move(process));
}

void ProcessTable::take_end(std::uint32_t pid) {
  const std::lock_guard lock(mutex_);
  older_.erase(pid);
}

std::shared_ptr<const model::Process> ProcessTable::find(const ProcessNote& note) {
  if (note.pid == 0) return nullptr;
  const Key key = key_of(note);
  const std::lock_guard lock(mutex_);
  const auto [known, complete] = find_locked(key);
  model::Process now = process_of(note);
  const bool same =
      known && known->comm == now.comm && known->uid == now.uid && known->cgroup == now.cgroup;
  if (same && complete) return known;
  // First seen, or not all is known of it, or it has another name, user or cgroup since.
  now.exe = known ? known->exe : program_locked(now);
  return add_locked(key, std::move(now));
}

}  // namespace netwatch::ebpf
