#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"

namespace netwatch::model {

// How sure we are of an owner (truth rule 1). Ordered: a join never downgrades.
enum class Quality : std::uint8_t { kUnknown = 0, kInferred = 1, kExact = 2 };
std::string_view quality_name(Quality quality);

// What told us: the kernel's own event, or what we matched ourselves.
enum class OwnerVia : std::uint8_t { kNone, kEbpf, kSockDiag, kProcNet };
std::string_view owner_via_name(OwnerVia via);

struct Process {
  std::uint32_t pid = 0;
  std::uint32_t parent_pid = 0;
  std::uint32_t uid = 0;
  std::uint64_t start_ticks = 0;  // since boot, USER_HZ; tells a reused pid
  base::TimeNs started_ns = 0;    // wall clock, as exact as the boot time (1 s); 0: unknown
  std::string comm;               // as the kernel keeps it (15 characters)
  std::string exe;                // path; empty if it may not be read
  std::string cmdline;            // arguments joined by spaces, bounded
  std::string user;               // name of uid; empty if unknown
  std::string parent;             // comm of the parent
  std::string container;          // id from the cgroup; empty if none
  std::string runtime;            // who runs it: "docker", "containerd"; empty if unknown
  std::string pod;                // uid of the Kubernetes pod; empty if none
  std::string unit;               // systemd unit from the cgroup; empty if none
  std::uint64_t cgroup = 0;       // id in the tree of version 2; 0: the kernel's programs told none
  bool in_proc = false;           // read from /proc while it lived
};

// A process that has ended.
struct ProcessEnd {
  std::uint32_t pid = 0;
  std::uint64_t start_ticks = 0;  // as in Process
  base::TimeNs time_ns = 0;       // wall clock
};

// Whether `known` tells all that `news` of the same process and program does, and more: the
// kernel's programs tell less than /proc.
inline bool tells_more(const Process& known, const Process& news) {
  return known.pid == news.pid && known.start_ticks == news.start_ticks &&
         known.comm == news.comm && known.in_proc && !news.in_proc &&
         (!known.exe.empty() || news.exe.empty());
}

// The process at one end of a flow. Quality kUnknown means `process` is empty.
struct Owner {
  Quality quality = Quality::kUnknown;
  OwnerVia via = OwnerVia::kNone;
  std::uint32_t holders = 0;  // processes that hold the socket
  std::shared_ptr<const Process> process;
  // It held the socket when somebody looked, and that it is who used it is not known.
  bool held_only = false;
};

}  // namespace netwatch::model
