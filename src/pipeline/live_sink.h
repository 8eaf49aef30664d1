#pragma once

#include "model/drops.h"
#include "model/network.h"
#include "model/packet_owners.h"
#include "model/process_row.h"
#include "model/sample.h"
#include "model/socket.h"
#include "pipeline/result_sink.h"

namespace netwatch::pipeline {

// Where a live session tells everything, one thing after the other: flows with their owners, as
// they end and once a minute (end == kOpen) while they live; records; sockets; samples; losses;
// once a minute and at the end who has moved how much. Calls come from one thread at a time.
class LiveSink : public ResultSink {
 public:
  virtual void on_socket(const model::SocketEvent& /*event*/) {}
  // One look at this host: its load, and whether its gateway and resolvers answer.
  virtual void on_samples(const model::SampleTable& /*samples*/) {}
  virtual void on_link(const model::LinkEvent& /*event*/) {}
  // It went off, or on again.
  virtual void on_ability(base::TimeNs /*now_ns*/, const model::Ability& /*ability*/) {}
  // `count` more were lost; `total` since the start.
  virtual void on_drop(base::TimeNs /*now_ns*/, model::Drop /*drop*/, std::uint64_t /*count*/,
                       std::uint64_t /*total*/) {}
  virtual void on_totals(base::TimeNs /*now_ns*/, const model::OwnerTotals& /*totals*/) {}

  // With LiveSessionOptions::packets, and valid during the call: each packet, in the order of
  // capture, once it is known whose it is or nobody waits any longer; or that it does not match.
  virtual void on_owned_packet(const model::Packet& /*packet*/,
                               const model::PacketOwners& /*owners*/) {}
  virtual void on_packet_left_out(const model::Packet& /*packet*/) {}
  // So many packets could not wait until it was known whose they are: too many others waited.
  virtual void on_hurried_packets(std::uint64_t /*count*/) {}
  virtual void on_interfaces(const model::InterfaceTable& /*table*/) {}
};

}  // namespace netwatch::pipeline
