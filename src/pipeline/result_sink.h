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
  // What a file says beside its packets; before what its batch brings. Valid during the call.
  virtual void on_note(const model::CaptureNote& /*note*/) {}
  // A packet of a selected flow; its bytes are valid during the call.
  virtual void on_packet(const model::Packet& /*packet*/) {}
};

}  // namespace netwatch::pipeline
