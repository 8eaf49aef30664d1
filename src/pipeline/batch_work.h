#pragma once

#include <array>
#include <atomic>
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
  model::PacketBatchPtr batch;
  std::vector<wire::Decoded> decoded;  // beside batch->packets
  // Of each shard, by index: a packet of the batch or, with kDerived, of `derived`.
  std::array<std::vector<std::uint32_t>, kShards> packets;
  static constexpr std::uint32_t kDerived = std::uint32_t{1} << 31;
  std::vector<DerivedPacket> derived;  // those that belong to a flow
  base::TimeNs clock_ns = 0;           // the engine's clock at the end of the batch
  std::uint64_t last_packet = 0;       // number of the last packet dispatched so far
  bool report_changed = false;         // shards report live flows that changed (a snapshot is due)
  bool report_all = false;             // ... and those that did not change, too
  bool last = false;                   // the input ended: shards end a part of their flows
  std::array<ShardOutput, kShards> outputs;
  std::atomic<unsigned> workers_left{0};

  [[nodiscard]] const wire::Decoded& decoded_of(std::uint32_t entry) const {
    return (entry & kDerived) != 0 ? derived[entry & ~kDerived].decoded : decoded[entry];
  }
  void reset() {
    batch.reset();
    for (auto& list : packets) list.clear();
    derived.clear();
    for (auto& output : outputs) output.clear();
    report_changed = false;
    report_all = false;
    last = false;
  }
};

}  // namespace netwatch::pipeline
