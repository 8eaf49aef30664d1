#pragma once

#include "model/drops.h"
#include "model/process_row.h"
#include "model/socket.h"
#include "pipeline/result_sink.h"

namespace netwatch::pipeline {

// Where a live session tells everything, one thing after the other: flows with their owners, as
// they end and once a minute (end == kOpen) while they live; records; sockets; losses; once a
// minute and at the end who has moved how much. Calls come from one thread at a time.
class LiveSink : public ResultSink {
 public:
  virtual void on_socket(const model::SocketEvent& /*event*/) {}
  // `count` more were lost; `total` since the start.
  virtual void on_drop(base::TimeNs /*now_ns*/, model::Drop /*drop*/, std::uint64_t /*count*/,
                       std::uint64_t /*total*/) {}
  virtual void on_totals(base::TimeNs /*now_ns*/, const model::OwnerTotals& /*totals*/) {}
};

}  // namespace netwatch::pipeline
