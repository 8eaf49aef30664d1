#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/packet.h"
#include "pipeline/budget.h"
#include "pipeline/derived_packet.h"
#include "pipeline/shard_output.h"
#include "wire/decode.h"

namespace netwatch::pipeline {

// One batch on its way through the engine: filled by the dispatcher, worked on by the shards
// (each only its own parts), read by the reducer, then used again.
struct BatchWork {
  // A packet that a shard is to work on: of the batch or of `derived`, by index.
  struct Task {
    std::uint32_t index = 0;
    std::uint8_t shard = 0;
    bool derived = false;
  };

  model::PacketBatchPtr batch;
  std::vector<wire::Decoded> decoded;    // beside batch->packets
  std::vector<std::vector<Task>> lanes;  // with more than one thread, see Crew
  std::size_t lanes_left = 0;            // that have not worked on it, guarded by the crew's lock
  std::vector<DerivedPacket> derived;    // those that belong to a flow
  base::TimeNs clock_ns = 0;             // the engine's clock at the end of the batch
  std::uint64_t last_packet = 0;         // number of the last packet dispatched so far
  bool report_changed = false;  // shards report live flows that changed (a snapshot is due)
  bool report_all = false;      // ... and those that did not change, too
  bool last = false;            // the input ended: shards end a part of their flows
  std::array<ShardOutput, kShards> outputs;

  [[nodiscard]] const wire::Decoded& decoded_of(const Task& task) const {
    return task.derived ? derived[task.index].decoded : decoded[task.index];
  }
  void reset() {
    batch.reset();
    for (auto& list : lanes) list.clear();
    derived.clear();
    for (auto& output : outputs) output.clear();
    report_changed = false;
    report_all = false;
    last = false;
  }
};

}  // namespace netwatch::pipeline
