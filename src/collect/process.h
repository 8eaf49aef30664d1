#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "collect/collect.h"
#include "collect/process_facts.h"
#include "model/owner.h"

namespace netwatch::collect {

// What children of a process used that it has waited for: more of it tells of such a child.
struct ChildrenUse {
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t cpu_ticks = 0;
  friend bool operator==(const ChildrenUse&, const ChildrenUse&) = default;
};

// What /proc/PID/stat says of a process, as far as it is used here.
struct ProcessStat {
  std::string comm;
  char state = '?';
  std::uint32_t parent_pid = 0;
  std::uint32_t threads = 0;
  std::uint64_t start_ticks = 0;
  std::uint64_t cpu_ticks = 0;  // user and system
  std::uint64_t virtual_bytes = 0;
  std::uint64_t rss_pages = 0;
  ChildrenUse children;
};
// USER_HZ: what the kernel counts times in for user space, on every architecture but Alpha.
inline constexpr std::int64_t kTicksPerSecond = 100;

// proc(5); `comm` may hold spaces and parentheses. Nothing if the text has not this form.
std::optional<ProcessStat> parse_proc_stat(std::string_view text);

// The effective uid of /proc/PID/status.
std::optional<std::uint32_t> parse_proc_status_uid(std::string_view text);

// "btime" of /proc/stat: when the host was booted, by the wall clock.
std::optional<base::TimeNs> parse_proc_stat_boot_time(std::string_view text);

// passwd(5): uid -> name.
std::unordered_map<std::uint32_t, std::string> parse_passwd(std::string_view text);

// Arguments joined by spaces; a cut one ends in "…".
std::string join_cmdline(std::string_view nul_separated, std::size_t max_bytes);

// Where /proc/PID/exe, given by its path, leads to; empty where that may not be known.
std::string read_program_link(const std::string& path);

// Processes by pid, read once and again only when a pid is reused or has executed another program.
// Not thread-safe.
class ProcessCache {
 public:
  explicit ProcessCache(Root root);

  // Starts a round: what is not asked for until the next one is forgotten then.
  void begin_round();
  // The process as it was at the first question of this round; nothing if it is gone.
  std::shared_ptr<const model::Process> find(std::uint32_t pid);
  // What it has used, as it was at the first question of this round; nothing if it is gone. Valid
  // until the next question.
  const ProcessStat* stat_of(std::uint32_t pid);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const model::Process> process;  // nothing: it has ended
    ProcessStat stat;
    std::uint64_t round = 0;
  };

  std::optional<ProcessStat> read_stat(std::uint32_t pid) const;
  [[nodiscard]] std::string path_of(std::uint32_t pid, std::string_view file) const;
  void refresh(std::uint32_t pid, Entry& entry);
  model::Process read(std::uint32_t pid, ProcessStat stat, std::string exe);

  Root root_;
  ProcessFacts facts_;
  std::uint64_t round_ = 0;
  std::unordered_map<std::uint32_t, Entry> entries_;
};

// All processes whose program file may be looked up, with pid, start, name and file alone. Once,
// while the rights for it are there.
std::vector<model::Process> running_programs(const Root& root);

}  // namespace netwatch::collect
