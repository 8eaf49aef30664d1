#pragma once

#include <cstddef>
#include <cstdint>

#include "dpi/analyzer.h"
#include "flow/flow_table.h"

namespace netwatch::pipeline {

// Always so many shards, whatever the number of threads: the same packets give the same results.
inline constexpr std::uint32_t kShards = 16;

// At the end of the input the flows that live end in so many parts, so that their results are not
// all in memory at once.
inline constexpr std::size_t kFinishParts = 64;

// What the whole engine may hold. Each shard gets a fixed sixteenth, so one shard's flood cannot
// starve another, and results do not depend on how shards share threads.
struct EngineBudget {
  std::size_t flows = std::size_t{2} << 20;
  std::size_t stream_bytes = std::size_t{96} << 20;
  std::size_t fragment_bytes = std::size_t{16} << 20;
  std::size_t outer_fragment_bytes = std::size_t{4} << 20;  // of tunnels; not divided
  std::size_t decoder_bytes = std::size_t{192} << 20;
  std::size_t held_bytes = std::size_t{64} << 20;
  std::size_t name_bytes = std::size_t{16} << 20;
  std::size_t connection_bytes = std::size_t{8} << 20;

  [[nodiscard]] flow::FlowBudget of_flow_shard() const {
    return {.flows = flows / kShards,
            .stream_bytes = stream_bytes / kShards,
            .fragment_bytes = fragment_bytes / kShards};
  }
  [[nodiscard]] dpi::AnalyzerBudget of_analyzer_shard() const {
    return {.decoder_bytes = decoder_bytes / kShards, .held_bytes = held_bytes / kShards};
  }
};

}  // namespace netwatch::pipeline
