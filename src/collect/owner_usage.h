#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "collect/process.h"
#include "model/process_table.h"
#include "model/socket.h"

namespace netwatch::collect {

// What the owners of sockets take of the host, by what a look at the sockets has read of them
// anyway. Not thread-safe.
class OwnerUsage {
 public:
  // By pid; nothing if the look before is younger than a second, in which CPU times, counted in
  // hundredths, would say little. `cache` is in the round of this look; `now_ns` of the monotonic
  // clock. CPU is of the whole interval between two looks, so it is known from the second one on.
  std::optional<std::vector<model::ProcessUsage>> take(const std::vector<model::Socket>& sockets,
                                                       ProcessCache& cache, base::TimeNs now_ns);

 private:
  struct CpuTime {
    std::uint64_t start_ticks = 0;
    std::uint64_t ticks = 0;
  };
  std::unordered_map<std::uint32_t, CpuTime> before_;  // by pid
  base::TimeNs looked_ns_ = 0;                         // 0: never
};

}  // namespace netwatch::collect
