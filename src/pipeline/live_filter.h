#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/record.h"
#include "pipeline/live_sink.h"
#include "query/filter.h"

namespace netwatch::pipeline {

// Passes on the flows that match, with their records. A flow matches as a whole: whether it does is
// asked each time it is told (once a minute, and at its end), and its records wait until then. What
// waits is bounded: beyond kMaxHeldBytes the flow that has waited longest loses its records, which
// is counted. Sockets are not passed on: the filter's subject is a flow.
class LiveFilter final : public LiveSink {
 public:
  static constexpr std::size_t kMaxHeldBytes = std::size_t{32} << 20;

  LiveFilter(query::Filter filter, LiveSink& out) : filter_(std::move(filter)), out_(out) {}

  void on_record(const model::Record& record) override;
  void on_flow(const model::Flow& flow) override;
  void on_batch_end() override { out_.on_batch_end(); }
  void on_drop(base::TimeNs now_ns, model::Drop drop, std::uint64_t count,
               std::uint64_t total) override {
    out_.on_drop(now_ns, drop, count, total);
  }

  // Records that could not wait until their flow was judged.
  [[nodiscard]] std::uint64_t records_lost() const { return records_lost_; }

 private:
  struct HeldRecord {
    model::Record record;
    std::vector<std::uint8_t> body;
  };
  struct Pending {
    query::Filter::Evidence evidence;
    std::vector<HeldRecord> records;
    bool told = false;  // it matched before
  };
  void hold(model::FlowId flow, Pending& pending, const model::Record& record);
  void drop_records(Pending& pending);

  query::Filter filter_;
  LiveSink& out_;
  std::unordered_map<model::FlowId, Pending> flows_;
  std::deque<model::FlowId> waiting_;  // flows with held records, longest first; some have none now
  std::size_t held_bytes_ = 0;
  std::uint64_t records_lost_ = 0;
};

}  // namespace netwatch::pipeline
