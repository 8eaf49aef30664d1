#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "model/flow.h"
#include "pipeline/budget.h"

namespace netwatch::pipeline {

// A set of flow ids: a bit for each flow of each shard up to the highest that is in it, so a few
// bits a flow of the capture, where a hash set would take tens of bytes.
class FlowSet {
 public:
  void insert(model::FlowId id) {
    std::vector<bool>& bits = bits_[id % kShards];
    const auto place = static_cast<std::size_t>(id / kShards);
    if (place >= bits.size()) bits.resize(place + 1);
    bits[place] = true;
  }
  [[nodiscard]] bool contains(model::FlowId id) const {
    const std::vector<bool>& bits = bits_[id % kShards];
    const auto place = static_cast<std::size_t>(id / kShards);
    return place < bits.size() && bits[place];
  }

 private:
  std::array<std::vector<bool>, kShards> bits_;  // by shard, then by its count of flows
};
static_assert(kShards == 16, "a FlowId's low four bits are its shard");

}  // namespace netwatch::pipeline
