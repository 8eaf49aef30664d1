#pragma once

#include <cstdint>

#include "base/time.h"
#include "model/drops.h"

namespace netwatch::pipeline {

// What a run has seen, counted by the dispatcher and the reducer.
struct Totals {
  std::uint64_t packets = 0;
  std::uint64_t wire_bytes = 0;
  std::uint64_t non_ip = 0;       // ARP, LLDP, ...: counted, never flows
  std::uint64_t clock_steps = 0;  // packets older than one before them
  std::uint64_t flows = 0;        // that ended
  std::uint64_t records = 0;
  base::TimeNs first_ns = 0;  // the earliest packet time
  base::TimeNs last_ns = 0;   // the latest packet time
  model::DropCounters drops;
};

}  // namespace netwatch::pipeline
