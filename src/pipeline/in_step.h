#pragma once

#include <cstddef>

namespace netwatch::pipeline {

// Packets wait for memory more than for anything else, and know early what they will touch. So
// each goes through four steps with other packets' steps in between, and the waits overlap: its
// flow's slot in the index is fetched, then the flow, then what belongs to the flow, and then it
// is worked on.
struct InStep {
  static constexpr std::size_t kRing = 16;  // whoever keeps things between the steps
  static constexpr std::size_t kAhead = 9;  // from the first step to the last
  static constexpr std::size_t kFlowAhead = 6;
  static constexpr std::size_t kPartsAhead = 3;
  static_assert(kAhead < kRing);

  // Calls each with 0 .. count - 1, in order.
  template <typename Slot, typename Flow, typename Parts, typename Work>
  static void run(std::size_t count, Slot&& slot, Flow&& flow, Parts&& parts, Work&& work) {
    for (std::size_t i = 0; i < count + kAhead; ++i) {
      if (i < count) slot(i);
      // Before the first packet these wrap around to numbers far beyond the last.
      if (const std::size_t at = i - (kAhead - kFlowAhead); at < count) flow(at);
      if (const std::size_t at = i - (kAhead - kPartsAhead); at < count) parts(at);
      if (const std::size_t at = i - kAhead; at < count) work(at);
    }
  }
};

}  // namespace netwatch::pipeline
