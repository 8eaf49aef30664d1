#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "pipeline/flow_verdicts.h"
#include "pipeline/held_packets.h"
#include "pipeline/live_sink.h"
#include "pipeline/live_table.h"

namespace netwatch::pipeline {

// Tells a LiveSink all packets of a live session with who sent and who gets them, in the order of
// capture: the join of HeldPackets with the LiveTable's owners and, with a filter, the verdicts on
// their flows. Where a filter is given, packets that do not match by the time they leave are left
// out. One thread at a time.
class PacketReport {
 public:
  // `filter` may be null; all must outlive this.
  PacketReport(LiveTable& table, LiveSink& out, const query::Filter* filter);
  PacketReport(const PacketReport&) = delete;
  PacketReport& operator=(const PacketReport&) = delete;

  void on_batch(const model::PacketBatch& batch) { held_.hold(batch); }
  void on_packet_flows(std::span<const model::PacketFlow> flows) { held_.take_flows(flows); }
  void on_record(const model::Record& record);
  // After the table.
  void on_flow(const model::Flow& flow);
  void take_interfaces(const model::InterfaceTable& table);

  // Meant to be called at 10 Hz. `pace_ns`: a clock that is never set.
  void tell_due(base::TimeNs pace_ns);
  void tell_all();

  // Whether packets wait.
  [[nodiscard]] bool waits() const { return !held_.empty(); }

 private:
  struct Known {
    std::optional<LiveTable::Ends> ends;
    bool matches = true;
  };
  HeldPackets::Answer answer(const HeldPackets::Held& held);
  void tell(const HeldPackets::Held& held);
  const Known& known_of(model::FlowId flow);
  void end_round();

  LiveTable& table_;
  LiveSink& out_;
  std::optional<FlowVerdicts> verdicts_;
  HeldPackets held_;
  // Of this round only: many packets are of few flows.
  std::unordered_map<model::FlowId, Known> known_;
  std::unordered_set<std::uint32_t> interfaces_;  // those that have a name by now
  std::uint64_t hurried_told_ = 0;
};

}  // namespace netwatch::pipeline
