#pragma once

#include <span>

#include "model/flow.h"
#include "model/packet.h"
#include "model/packet_owners.h"
#include "model/record.h"

namespace netwatch::pipeline {

// Where the engine's results go: one at a time, in an order that is the same for any number of
// threads. Calls come from one thread, never two at once.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  // Valid during the call.
  virtual void on_record(const model::Record& /*record*/) {}
  // A flow that ended, or (end == kOpen) a live one that changed, where that was asked for.
  virtual void on_flow(const model::Flow& /*flow*/) {}
  // What a file says beside its packets, in its place among them. Valid during the call.
  virtual void on_note(const model::CaptureNote& /*note*/) {}
  // A packet of a selected flow; its bytes are valid during the call.
  virtual void on_packet(const model::Packet& /*packet*/) {}
  // A batch of packets, before its results. Valid during the call.
  virtual void on_batch(const model::PacketBatch& /*batch*/) {}
  // Then, with EngineOptions::packet_flows: which flow its packets, and fragments of earlier ones,
  // are of. Those of no flow are not named.
  virtual void on_packet_flows(std::span<const model::PacketFlow> /*flows*/) {}
  // All that a batch brought has been told: what waits in buffers may be shown.
  virtual void on_batch_end() {}
  // Asked once, by the engine. False: records and flows are counted, and neither described, named,
  // put in order nor handed on. Packets come either way.
  [[nodiscard]] virtual bool wants_results() const { return true; }
};

// For those who want nothing but the totals.
class CountingSink final : public ResultSink {
 public:
  [[nodiscard]] bool wants_results() const override { return false; }
};

}  // namespace netwatch::pipeline
