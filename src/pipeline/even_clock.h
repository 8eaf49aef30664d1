#pragma once

#include "base/time.h"

namespace netwatch::pipeline {

// The time by which a live engine is moved on where no packet does it: as even as the monotonic
// clock, though packets are stamped by the wall clock, which may be set at any time. Set back it
// changes nothing here. Set forward it moves the engine by its packets, and this follows: set back
// again, or with no packet ever after, time still goes on from there.
class EvenClock {
 public:
  // Whatever is later than this by packets alone is a clock that was set.
  static constexpr base::TimeNs kSlackNs = base::kNsPerSecond;

  EvenClock(base::TimeNs wall_ns, base::TimeNs monotonic_ns) : offset_ns_(wall_ns - monotonic_ns) {}

  // `engine_ns`: the engine's own clock, 0 before its first packet.
  base::TimeNs at(base::TimeNs monotonic_ns, base::TimeNs engine_ns) {
    const base::TimeNs ahead_ns = engine_ns - (offset_ns_ + monotonic_ns);
    if (ahead_ns > kSlackNs) offset_ns_ += ahead_ns;
    return offset_ns_ + monotonic_ns;
  }

 private:
  base::TimeNs offset_ns_;
};

}  // namespace netwatch::pipeline
