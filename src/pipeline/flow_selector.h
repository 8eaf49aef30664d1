#pragma once

#include <unordered_map>

#include "pipeline/flow_set.h"
#include "pipeline/result_sink.h"
#include "query/filter.h"

namespace netwatch::pipeline {

// First pass of a filtered run over a file: finds out which flows match. A flow matches as a whole,
// so what its first packets and records mean for it is only known when it has ended.
class FlowSelector final : public ResultSink {
 public:
  // `filter` must outlive this.
  explicit FlowSelector(const query::Filter& filter) : filter_(filter) {}

  void on_record(const model::Record& record) override {
    if (filter_.uses_records()) filter_.note(evidence_[record.flow], record);
  }
  void on_flow(const model::Flow& flow) override {
    if (flow.end == model::FlowEnd::kOpen) return;
    query::Filter::Evidence evidence;
    if (const auto found = evidence_.find(flow.id); found != evidence_.end()) {
      evidence = found->second;
      evidence_.erase(found);
    }
    if (filter_.matches(flow, evidence)) selected_.insert(flow.id);
  }

  // Ids stay valid for a second engine with the same options over the same packets.
  [[nodiscard]] const FlowSet& selected() const { return selected_; }

 private:
  const query::Filter& filter_;
  std::unordered_map<model::FlowId, query::Filter::Evidence> evidence_;  // of live flows
  FlowSet selected_;
};

}  // namespace netwatch::pipeline
