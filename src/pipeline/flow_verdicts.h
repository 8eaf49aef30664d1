#pragma once

#include <cstddef>
#include <deque>
#include <unordered_map>

#include "base/time.h"
#include "model/flow.h"
#include "model/record.h"
#include "query/filter.h"

namespace netwatch::pipeline {

// Which flows of a live session match a filter, as far as they have come: packets cannot wait until
// their flow has ended. A flow that has matched once stays one that matches. Verdicts of flows that
// end are kept for kKeepNs more, for packets that still wait.
class FlowVerdicts {
 public:
  static constexpr base::TimeNs kKeepNs = 3 * base::kNsPerSecond;

  // `filter` must outlive this.
  explicit FlowVerdicts(const query::Filter& filter) : filter_(filter) {}

  void on_record(const model::Record& record) {
    if (filter_.uses_records()) filter_.note(flows_[record.flow].evidence, record);
  }
  // A flow with its owners, whenever there is more to know of it.
  void on_flow(const model::Flow& flow) {
    State& state = flows_[flow.id];
    state.matches = state.matches || filter_.matches(flow, state.evidence);
    if (flow.end == model::FlowEnd::kOpen || state.ended) return;
    state.ended = true;
    ended_.push_back({flow.id, pace_ns_});
  }
  [[nodiscard]] bool matches(model::FlowId flow) const {
    const auto found = flows_.find(flow);
    return found != flows_.end() && found->second.matches;
  }
  // `pace_ns`: a clock that is never set.
  void advance(base::TimeNs pace_ns) {
    pace_ns_ = pace_ns;
    for (; !ended_.empty() && pace_ns - ended_.front().since_ns > kKeepNs; ended_.pop_front()) {
      flows_.erase(ended_.front().flow);
    }
  }
  [[nodiscard]] std::size_t size() const { return flows_.size(); }

 private:
  struct State {
    query::Filter::Evidence evidence;
    bool matches = false;
    bool ended = false;
  };
  struct Ended {
    model::FlowId flow = model::kNoFlow;
    base::TimeNs since_ns = 0;
  };

  const query::Filter& filter_;
  std::unordered_map<model::FlowId, State> flows_;
  std::deque<Ended> ended_;  // by age
  base::TimeNs pace_ns_ = 0;
};

}  // namespace netwatch::pipeline
