#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dpi/analyzer.h"
#include "flow/flow_table.h"
#include "model/drops.h"
#include "pipeline/batch_work.h"
#include "pipeline/flow_set.h"

namespace netwatch::pipeline {

struct ShardOptions {
  EngineBudget budget{};
  bool community_ids = false;
  bool first_sighting_only = false;
  // When set, packets of these flows are reported and everything else is kept quiet.
  const FlowSet* selected = nullptr;
  bool packet_flows = false;  // which flow each packet is of is told
  bool count_only = false;    // records and flows leave nothing but their number
};

// A sixteenth of the traffic: its flows, their reassembly, their decoders. One thread at a time.
// Packets of one address pair always meet in one shard.
class Shard final : public flow::FlowSink, public dpi::AnalyzerSink {
 public:
  Shard(std::uint32_t number, const ShardOptions& options);

  // A batch: begin(), take() for each of its packets in order, end(). Before take() a packet may be
  // announced, and then approached and met with what was answered (see InStep).
  void begin(BatchWork& work);
  [[nodiscard]] std::uint32_t announce(const wire::Decoded& decoded) const {
    return table_.announce(decoded);
  }
  [[nodiscard]] flow::FlowHandle approach(std::uint32_t tag) const { return table_.approach(tag); }
  void meet(flow::FlowHandle flow) const {
    if (flow.index != flow::FlowHandle::kNone) analyzer_.prefetch(table_.meet(flow));
  }
  void take(const BatchWork& work, std::uint32_t index, const wire::Decoded& decoded,
            std::uint32_t tag);
  void take(const BatchWork& work, const DerivedPacket& derived, std::uint32_t tag);
  void end(const BatchWork& work);

  void set_first_sighting_only(bool on) { table_.set_first_sighting_only(on); }
  [[nodiscard]] model::DropCounters drops() const;
  [[nodiscard]] std::uint64_t flows_created() const { return table_.created(); }

  bool on_chunk(flow::FlowTable& table, flow::FlowHandle handle,
                const model::StreamChunk& chunk) override;
  void on_end(flow::FlowTable& table, flow::FlowHandle handle, model::FlowEnd end) override;

  void on_record(const model::Record& record) override;
  void on_app(std::uint64_t flow, std::uint8_t layer, std::string_view name) override;
  void on_originator(std::uint64_t flow, model::Side side) override;
  void on_parent(std::uint64_t flow, std::uint64_t parent) override;
  void on_connection_id(std::uint64_t flow, model::Side side, std::string_view protocol,
                        base::Bytes id) override;
  void on_carried_id(std::uint64_t flow, model::Side side, std::string_view protocol,
                     base::Bytes bytes) override;

 private:
  // What decoders and tunnels' headers told about a flow; made when there is something to keep.
  struct Notes {
    std::array<std::string_view, model::kMaxFlowApps> apps{};
    std::string name;
    model::NameSource name_from = model::NameSource::kNone;
    model::Tunnels tunnels;
    model::FlowId parent = model::kNoFlow;
  };

  Notes& notes_of(flow::FlowHandle handle);
  [[nodiscard]] ConnectionId connection_id(model::Side side, std::string_view protocol,
                                           base::Bytes bytes) const;
  [[nodiscard]] model::Endpoint endpoint(model::Side side) const;
  void learn_name(const model::Record& record);
  model::Flow describe(flow::FlowHandle handle, model::FlowEnd end);
  void release(flow::FlowHandle handle);
  void add_part(const BatchWork& work, std::uint64_t number);
  void add_parts(const BatchWork& work);
  void tell_flow(const wire::Decoded& decoded);
  void tell_flow(const DerivedPacket& derived);
  [[nodiscard]] bool is_selected(model::FlowId id) const {
    return options_.selected == nullptr || options_.selected->contains(id);
  }

  std::uint32_t number_;
  ShardOptions options_;
  flow::FlowTable table_;
  dpi::Analyzer analyzer_;
  std::vector<Notes> notes_;  // [0] stays unused: slot 0 means "none"
  std::vector<std::uint32_t> free_notes_;

  // From begin() to end(): where results go, and whose bytes the analyzer is reading.
  ShardOutput* output_ = nullptr;
  ShardOutput::Phase phase_ = ShardOutput::Phase::kPacket;
  std::uint64_t packet_ = 0;
  base::TimeNs clock_ns_ = 0;
  flow::FlowHandle reading_;
};

}  // namespace netwatch::pipeline
