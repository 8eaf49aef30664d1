#pragma once

#include <memory>

#include "model/snapshot.h"

namespace netwatch::tui {

// A connection row as the model::Flow that a filter judges. Owners carry pid, name and quality;
// bytes are the packets' counters, or, for a socket that no packet was seen of, the kernel's
// payload counters. What a row does not know (Zeek's state and history, community id) stays empty.
// Reuses its storage: no allocation once warm. The result is valid until the next call.
class RowFlow {
 public:
  RowFlow();
  const model::Flow& of(const model::ConnectionRow& row);

 private:
  model::Flow flow_;
  std::array<std::shared_ptr<model::Process>, 2> processes_;  // by Side
};

}  // namespace netwatch::tui
