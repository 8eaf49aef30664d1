#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "collect/process.h"
#include "model/socket.h"

namespace netwatch::collect {

// "processes" in /proc/stat: how many processes and threads have been made since boot.
std::optional<std::uint64_t> parse_proc_stat_forks(std::string_view text);

// Whether the SigIgn line of /proc/PID/status has SIGCHLD: such a process's children end without a
// trace. Nothing without that line.
std::optional<bool> parse_proc_status_ignores_children(std::string_view text);

// Looks at descriptors tell who holds a socket at a moment. What happens between two looks only
// leaves signs: a process that handed a socket on has a new child, has waited for one, or has
// executed something. A process without such a sign has used its sockets itself. Not seen are
// sockets passed by SCM_RIGHTS to a process that has let go of them by the next look, and children
// of a process with SA_NOCLDWAIT, or made with CLONE_PARENT, that live so short. Not thread-safe.
class Handovers {
 public:
  explicit Handovers(Root root) : root_(std::move(root)) {}

  // Before anything is read for a look.
  void begin_look();
  // After the walk over descriptors and the cache's begin_round().
  void take_processes();
  // Whether no sign tells that another process may have had the sockets of this one since the look
  // before. Such a process was there at that look.
  bool keeps_its_own(ProcessCache& cache, std::uint32_t pid);
  // Ends the look: those that held sockets at the look before and do not keep to themselves.
  std::vector<model::HolderDoubt> doubts(ProcessCache& cache);

 private:
  struct Holder {
    std::shared_ptr<const model::Process> process;
    ChildrenUse children;
    bool quiet = false;  // at this look
    bool sure = false;   // and at the one before: a child of then was there to be walked since
  };
  struct Listed {
    std::uint32_t parent = 0;
    bool is_new = false;
  };
  const Holder& judge(ProcessCache& cache, std::uint32_t pid,
                      const std::shared_ptr<const model::Process>& process);
  [[nodiscard]] std::optional<std::uint64_t> read_forks() const;
  [[nodiscard]] bool ignores_children(std::uint32_t pid) const;

  Root root_;
  std::uint64_t looks_ = 0;
  std::optional<std::uint64_t> forks_;                // at the beginning of this look
  std::optional<std::uint64_t> forks_before_;         // of the one before
  bool counts_forks_ = false;                         // it has been seen to count
  bool no_forks_ = false;                             // nobody has, on all of the host, since then
  std::unordered_map<std::uint32_t, Listed> listed_;  // by pid
  std::unordered_set<std::uint32_t> parents_;         // of any that lives
  std::unordered_set<std::uint32_t> new_parents_;     // of one that is new at this look
  std::unordered_map<std::uint32_t, Holder> holders_;
  std::unordered_map<std::uint32_t, Holder> holders_before_;
};

// Of each socket, whether the processes that hold it are who moved what it moved last.
class SocketProofs {
 public:
  void begin_look();
  // `holders`: tells one set of processes from another; `sure`: all of them keep their own.
  bool is_proven(const model::Socket& socket, std::uint64_t holders, bool sure, bool in_own);

 private:
  struct Key {
    std::uint64_t number = 0;
    std::uint64_t netns = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      const std::uint64_t h = (key.number ^ (key.netns << 32)) * 0x9E3779B97F4A7C15ULL;
      return h ^ (h >> 31);
    }
  };
  struct Known {
    std::uint64_t holders = 0;
    std::int64_t moved = 0;  // payload; -1: nobody counts it
    bool sure = false;       // since it was last read, of the same holders
    bool proven = false;
  };
  std::unordered_map<Key, Known, KeyHash> known_;
  std::unordered_map<Key, Known, KeyHash> known_before_;
};

}  // namespace netwatch::collect
