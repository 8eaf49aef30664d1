#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "model/drops.h"
#include "model/socket.h"
#include "pipeline/live_sink.h"
#include "pipeline/live_table.h"
#include "pipeline/packet_report.h"
#include "pipeline/socket_changes.h"

namespace netwatch::pipeline {

// Tells a LiveSink what a live session sees, with owners as the LiveTable joins them. A flow that
// ends is held back for a moment, since the word of its socket's end may come later; at most
// kMaxHeld are, then the oldest is told as it is. Stands between the engine and the table.
class LiveReport final : public ResultSink {
 public:
  static constexpr std::size_t kMaxHeld = std::size_t{16} << 10;
  static constexpr base::TimeNs kHoldNs = base::kNsPerSecond;

  LiveReport(LiveTable& table, LiveSink& out, bool ends_are_told)
      : table_(table),
        out_(out),
        sockets_(ends_are_told, [this](const auto& event) { out_.on_socket(event); }) {}

  LiveReport(const LiveReport&) = delete;
  LiveReport& operator=(const LiveReport&) = delete;

  // Has packets told, too: those of flows that match, if `filter` is not null.
  void report_packets(const query::Filter* filter) { packets_.emplace(table_, out_, filter); }

  void on_record(const model::Record& record) override;
  void on_flow(const model::Flow& flow) override;
  void on_batch(const model::PacketBatch& batch) override;
  void on_packet_flows(std::span<const model::PacketFlow> flows) override;
  void on_batch_end() override { out_.on_batch_end(); }

  // In the same order, and before, as the table takes them.
  void take_sockets(const model::SocketTable& table) { sockets_.take_sockets(table); }
  void take_closed(const std::vector<model::ClosedSocket>& sockets);
  void take_interfaces(const model::InterfaceTable& table);
  void take_drops(base::TimeNs now_ns, const model::DropCounters& drops);

  // While it is set, open flows that come are told.
  void set_repeating(bool repeating) { repeating_ = repeating; }
  // Tells the ended flows that have been held long enough. `pace_ns`: a clock that is never set.
  void tell_due(base::TimeNs pace_ns);
  void tell_all();
  // Who has moved how much until now, and what nobody owns.
  void tell_totals(base::TimeNs now_ns);
  // The packets that are due; meant to be called at 10 Hz.
  void tell_due_packets(base::TimeNs pace_ns);
  // Numbers of packets begin anew: what waits is told now.
  void tell_all_packets();
  [[nodiscard]] bool packets_wait() const { return packets_ && packets_->waits(); }

 private:
  struct Held {
    model::Flow flow;
    base::TimeNs since_ns = 0;
  };
  void tell(model::Flow& flow);
  void tell_oldest();

  LiveTable& table_;
  LiveSink& out_;
  SocketChanges sockets_;
  std::optional<PacketReport> packets_;
  std::deque<Held> held_;
  model::DropCounters drops_;  // as last told
  base::TimeNs pace_ns_ = 0;
  bool repeating_ = false;
};

}  // namespace netwatch::pipeline
