#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "model/socket.h"

namespace netwatch::ebpf {

// How the kernel tells who sends and receives, and how much; the best first. The tracker takes the
// best that is there.
enum class Lengths : std::uint8_t {
  kTracepoints,  // sock_send_length, sock_recv_length: Linux 6.3
  kFunctions,    // programs at the end of inet_sendmsg and its like: no locked-down kernel
  kNone,         // who connects and who moves datagrams: an owner is inferred
};

struct TrackerOptions {
  // Folder of the cgroup2 tree below which sockets' ends are told; empty: the whole tree.
  std::string cgroup;
  Lengths lengths = Lengths::kTracepoints;  // others: as on kernels without the better ones
  // False: for one look. holdings() tells who holds what, and nothing follows what sockets do: no
  // other process pays for it.
  bool follow = true;
  std::string mountinfo = "/proc/self/mountinfo";  // where that tree is found
  // Asked to add to a new process what the kernel does not tell, by the threads of drain() and
  // holdings(). False: it is asked again when that process is told of next.
  std::function<bool(model::Process&)> complete = nullptr;
  // Told of each cgroup of version 2 that is made from here on, by drain(): id and path.
  std::function<void(std::uint64_t, std::string_view)> on_cgroup = nullptr;
};

// What one program has cost so far, by the kernel's own count (BPF_STATS_RUN_TIME).
struct ProgramCost {
  std::string name;
  std::uint64_t runs = 0;
  std::uint64_t time_ns = 0;
};

class Tracker;

// A tracker, or none, and in words what works and what does not: each of its parts, and what they
// need of the kernel, by the same names wherever it runs.
struct OpenedTracker {
  std::unique_ptr<Tracker> tracker;
  std::vector<model::Ability> abilities;
};

// Follows the sockets of this host, in all network namespaces, by small programs in the kernel
// (src/ebpf/programs): which process used each last, and how much payload it moved. Everything is
// opened by open(): afterwards no right is needed any more. drain() and holdings() may be called
// by two threads at the same time, each by one.
class Tracker {
 public:
  // Never fails: what the kernel, these rights or this build do not allow is an Ability that is
  // off.
  static OpenedTracker open(const TrackerOptions& options = {});
  // Whether this build has the programs at all (NETWATCH_EBPF).
  static bool built_in();
  ~Tracker();
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;

  // What runs already, as /proc tells (pid, start_ticks, comm, exe): the events of the kernel tell
  // programs of later. To be called once, before drain() and holdings().
  void learn_programs(const std::vector<model::Process>& running);
  // Appends the sockets that have ended since the last call, and the processes, if asked: one ends
  // before the sockets are closed that it still holds. Never waits; to be called some ten times a
  // second.
  void drain(std::vector<model::ClosedSocket>& out, std::vector<model::ProcessEnd>* ends = nullptr);
  // Who holds which IP socket now.
  base::Result<model::SocketHoldings> holdings();
  // Events that the kernel had no room for.
  [[nodiscard]] std::uint64_t lost_events() const;

  // From here on the kernel counts what its programs cost, until this object ends. Needs
  // CAP_SYS_ADMIN.
  base::Status count_costs();
  [[nodiscard]] std::vector<ProgramCost> costs() const;

 private:
  class Impl;
  explicit Tracker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace netwatch::ebpf
