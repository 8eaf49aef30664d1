#include "pipeline/live_report.h"

namespace netwatch::pipeline {

void LiveReport::on_record(const model::Record& record) {
  if (packets_) packets_->on_record(record);
  out_.on_record(record);
}

void LiveReport::on_batch(const model::PacketBatch& batch) {
  if (packets_) packets_->on_batch(batch);
}

void LiveReport::on_packet_flows(std::span<const model::PacketFlow> flows) {
  if (packets_) packets_->on_packet_flows(flows);
}

void LiveReport::on_flow(const model::Flow& flow) {
  table_.on_flow(flow);
  if (packets_) packets_->on_flow(flow);
  if (flow.end != model::FlowEnd::kOpen) {
    if (held_.size() >= kMaxHeld) tell_oldest();
    held_.push_back({.flow = flow, .since_ns = pace_ns_});
  } else if (repeating_) {
    model::Flow copy = flow;
    tell(copy);
  }
}

void LiveReport::take_closed(const std::vector<model::ClosedSocket>& sockets) {
  for (const model::ClosedSocket& closed : sockets) sockets_.take_closed(closed);
}

void LiveReport::take_interfaces(const model::InterfaceTable& table) {
  if (packets_) packets_->take_interfaces(table);
}

void LiveReport::take_drops(base::TimeNs now_ns, const model::DropCounters& drops) {
  for (std::size_t i = 0; i < drops.counts.size(); ++i) {
    const auto drop = static_cast<model::Drop>(i);
    // What counts refused rows of one look may fall.
    if (drops[drop] > drops_[drop]) {
      out_.on_drop(now_ns, drop, drops[drop] - drops_[drop], drops[drop]);
    }
  }
  drops_ = drops;
}

void LiveReport::tell_due(base::TimeNs pace_ns) {
  pace_ns_ = pace_ns;
  while (!held_.empty() && pace_ns - held_.front().since_ns >= kHoldNs) tell_oldest();
  out_.on_batch_end();
}

void LiveReport::tell_due_packets(base::TimeNs pace_ns) {
  if (!packets_) return;
  packets_->tell_due(pace_ns);
  out_.on_batch_end();
}

void LiveReport::tell_all_packets() {
  if (packets_) packets_->tell_all();
}

void LiveReport::tell_all() {
  tell_all_packets();
  while (!held_.empty()) tell_oldest();
  out_.on_batch_end();
}

void LiveReport::tell_totals(base::TimeNs now_ns) {
  out_.on_totals(now_ns, table_.owner_totals());
  out_.on_batch_end();
}

void LiveReport::tell_oldest() {
  tell(held_.front().flow);
  held_.pop_front();
}

void LiveReport::tell(model::Flow& flow) {
  flow.owners = table_.owners_of(flow);
  out_.on_flow(flow);
}

}  // namespace netwatch::pipeline
