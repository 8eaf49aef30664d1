#include "pipeline/live_filter.h"

namespace netwatch::pipeline {
namespace {

constexpr std::size_t kRecordBytes = 128;  // of one that waits, besides its body

}  // namespace

void LiveFilter::on_record(const model::Record& record) {
  Pending& pending = flows_[record.flow];
  if (filter_.uses_records()) filter_.note(pending.evidence, record);
  hold(record.flow, pending, record);
}

void LiveFilter::hold(model::FlowId flow, Pending& pending, const model::Record& record) {
  if (pending.records.empty()) waiting_.push_back(flow);
  HeldRecord& held = pending.records.emplace_back();
  held.body.assign(record.body.begin(), record.body.end());
  held.record = record;
  held_bytes_ += held.body.size() + kRecordBytes;
  while (held_bytes_ > kMaxHeldBytes && !waiting_.empty()) {
    const auto oldest = flows_.find(waiting_.front());
    waiting_.pop_front();
    if (oldest == flows_.end()) continue;
    records_lost_ += oldest->second.records.size();
    drop_records(oldest->second);
  }
}

void LiveFilter::drop_records(Pending& pending) {
  for (const HeldRecord& held : pending.records) held_bytes_ -= held.body.size() + kRecordBytes;
  pending.records.clear();
}

void LiveFilter::on_flow(const model::Flow& flow) {
  const bool ended = flow.end != model::FlowEnd::kOpen;
  const auto found = flows_.find(flow.id);
  if (found == flows_.end()) {
    if (!filter_.matches(flow, {})) return;
    if (!ended) flows_[flow.id].told = true;
    out_.on_flow(flow);
    return;
  }
  Pending& pending = found->second;
  // The last line of a flow counts: one that was told is told to its end.
  pending.told = pending.told || filter_.matches(flow, pending.evidence);
  if (pending.told) {
    for (HeldRecord& held : pending.records) {
      held.record.body = held.body;
      out_.on_record(held.record);
    }
    out_.on_flow(flow);
  }
  if (pending.told || ended) drop_records(pending);
  if (ended) flows_.erase(found);
  while (!waiting_.empty() && !flows_.contains(waiting_.front())) waiting_.pop_front();
}

}  // namespace netwatch::pipeline
