#pragma once

#include <cstdint>
#include <vector>

#include "enrich/name_cache.h"
#include "pipeline/batch_work.h"
#include "pipeline/budget.h"
#include "pipeline/migrations.h"
#include "pipeline/result_sink.h"
#include "pipeline/totals.h"

namespace netwatch::pipeline {

// Joins what the shards made: puts results in order, learns names from answers, names the flows
// that have none, links those of one connection, counts, and hands on. One thread.
class Reducer {
 public:
  Reducer(ResultSink& sink, const EngineBudget& budget)
      : sink_(sink), names_(budget.name_bytes), migrations_(budget.connection_bytes) {}

  void take(BatchWork& work);

  [[nodiscard]] std::uint64_t flows() const { return flows_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] enrich::NameCache& names() { return names_; }
  [[nodiscard]] const enrich::NameCache& names() const { return names_; }
  [[nodiscard]] const Migrations& migrations() const { return migrations_; }

 private:
  struct Ordered {
    ShardOutput::Event event;
    std::uint32_t shard = 0;
    std::uint32_t place = 0;  // among the events of its shard
  };
  void learn_names(const std::vector<model::CaptureNote>& notes);
  void hand_on(BatchWork& work, const Ordered& item);
  void name(model::Flow& flow);

  ResultSink& sink_;
  enrich::NameCache names_;
  Migrations migrations_;
  std::vector<Ordered> order_;      // kept between batches for its capacity
  std::uint64_t last_written_ = 0;  // number of the last packet of this batch that was handed on
  std::uint64_t flows_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace netwatch::pipeline
