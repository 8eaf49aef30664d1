#pragma once

#include <cstdint>

#include "base/time.h"

namespace netwatch::app {

// A progress bar on standard error: only on a terminal, and only when a run takes long enough to
// wonder about.
class Progress {
 public:
  Progress();
  void show(std::uint64_t done, std::uint64_t total);
  // Wipes the bar, so that results start on a clean line.
  void clear();

 private:
  bool on_terminal_;
  bool shown_ = false;
  base::TimeNs next_ns_;
};

}  // namespace netwatch::app
