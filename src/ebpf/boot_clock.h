#pragma once

#include <cstdint>
#include <ctime>

#include "base/time.h"

// The clock of the programs in the kernel (CLOCK_BOOTTIME) against the wall clock.
namespace netwatch::ebpf {

inline base::TimeNs clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * base::kNsPerSecond + now.tv_nsec;
}

// Wall clock minus CLOCK_BOOTTIME; moves with the wall clock, which may be set at any time. Taken
// anew where something came between the two clocks.
inline base::TimeNs boot_offset_ns() {
  base::TimeNs best_ns = 0;
  base::TimeNs best_gap_ns = INT64_MAX;
  for (int tries = 0; tries < 5 && best_gap_ns > 2 * base::kNsPerUs; ++tries) {
    const base::TimeNs before_ns = clock_ns(CLOCK_BOOTTIME);
    const base::TimeNs wall_ns = base::wall_clock_ns();
    const base::TimeNs gap_ns = clock_ns(CLOCK_BOOTTIME) - before_ns;
    if (gap_ns >= best_gap_ns) continue;
    best_gap_ns = gap_ns;
    best_ns = wall_ns - before_ns - gap_ns / 2;
  }
  return best_ns;
}

}  // namespace netwatch::ebpf
