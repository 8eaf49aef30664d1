#include <algorithm>

#include "collect/probes/health.h"

namespace netwatch::collect {

void ProbeHistory::add(base::TimeNs rtt_ns) {
  rtts_ns_.push_back(rtt_ns);
  if (rtts_ns_.size() > model::kProbeSamples) rtts_ns_.pop_front();
}

void ProbeHistory::describe(model::HealthRow& row) const {
  row.rtts_ns.assign(rtts_ns_.begin(), rtts_ns_.end());
  if (rtts_ns_.empty()) return;
  base::TimeNs sum = 0;
  base::TimeNs steps = 0;
  std::int64_t answered = 0;
  base::TimeNs previous = -1;
  for (const base::TimeNs rtt : rtts_ns_) {
    if (rtt < 0) continue;
    row.min_ns = answered == 0 ? rtt : std::min(row.min_ns, rtt);
    row.max_ns = std::max(row.max_ns, rtt);
    if (answered > 0) steps += std::max(rtt, previous) - std::min(rtt, previous);
    previous = rtt;
    sum += rtt;
    ++answered;
  }
  row.last_ns = rtts_ns_.back();
  if (answered > 0) row.mean_ns = sum / answered;
  if (answered > 1) row.jitter_ns = steps / (answered - 1);
  const auto probes = static_cast<std::int64_t>(rtts_ns_.size());
  row.loss = static_cast<double>(probes - answered) / static_cast<double>(probes);
}

}  // namespace netwatch::collect
