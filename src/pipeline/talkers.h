#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "model/moved.h"
#include "model/snapshot.h"
#include "pipeline/text_pool.h"

namespace netwatch::pipeline {

// Groups connection rows by program and remote host, once a second, and remembers the last rates
// of each group. Bounded: at most kMaxTalkers are listed and kMaxGroups remembered.
class Talkers {
 public:
  static constexpr std::size_t kMaxTalkers = 2048;
  static constexpr std::size_t kMaxGroups = std::size_t{64} << 10;

  void start(bool capturing);
  void add(const model::ConnectionRow& row, std::uint32_t number, TextPool& pool);
  void finish();

  // Connections without a group, and groups that are not listed, in the last round.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  // Busiest first; each is immutable.
  [[nodiscard]] const std::vector<std::shared_ptr<const model::Talker>>& list() const {
    return list_;
  }

 private:
  struct History {
    std::array<float, model::kSparkSamples> spark{};
    std::uint32_t round = 0;  // the second that saw it last
  };

  std::uint32_t round_ = 0;
  bool capturing_ = false;
  std::uint64_t refusing_ = 0;  // of the round at hand
  std::uint64_t refused_ = 0;
  std::unordered_map<std::uint64_t, std::size_t> groups_;  // by hash of (program, host)
  std::vector<std::shared_ptr<model::Talker>> building_;
  std::vector<std::uint64_t> building_keys_;
  std::vector<std::vector<std::uint32_t>> pids_;
  std::vector<model::Moved> moved_;
  std::vector<float> busiest_;  // rate of the connection that names the group's app
  std::unordered_map<std::uint64_t, History> history_;
  std::vector<std::shared_ptr<const model::Talker>> list_;
};

}  // namespace netwatch::pipeline
