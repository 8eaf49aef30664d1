#pragma once

#include "model/flow.h"
#include "model/packet.h"
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
  // A packet of a selected flow; its bytes are valid during the call.
  virtual void on_packet(const model::Packet& /*packet*/) {}
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
