#pragma once

#include "base/bytes.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {

// Asks `look` about what either side has said so far: a yes of one is enough, a capture may hold
// the other's first bytes only in part or not at all.
template <typename Look>
Probe probe_sides(const ProbeInput& input, Look&& look) {
  Probe best = Probe::kNo;
  for (const base::Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    const Probe probe = look(bytes);
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kMore) best = probe;
  }
  return best;
}

}  // namespace netwatch::dpi
