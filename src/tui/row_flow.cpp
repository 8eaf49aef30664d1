#include "tui/row_flow.h"

namespace netwatch::tui {

using model::Side;

RowFlow::RowFlow() {
  for (auto& process : processes_) process = std::make_shared<model::Process>();
}

const model::Flow& RowFlow::of(const model::ConnectionRow& row) {
  const Side local = row.local_is_originator ? Side::kOriginator : Side::kResponder;
  const Side remote = other(local);
  flow_.id = row.flow;
  flow_.orig = row.local_is_originator ? row.local : row.remote;
  flow_.resp = row.local_is_originator ? row.remote : row.local;
  flow_.proto = row.proto;
  flow_.end = row.end;
  flow_.first_ns = row.first_ns;
  flow_.last_ns = row.last_ns;
  flow_.sides[index(local)] = row.up;
  flow_.sides[index(remote)] = row.down;
  if (row.flow == model::kNoFlow && row.has_socket_bytes) {
    flow_.sides[index(local)].payload_bytes = row.kernel_up_bytes;
    flow_.sides[index(remote)].payload_bytes = row.kernel_down_bytes;
  }
  flow_.handshake_rtt_us = row.rtt_us;
  flow_.apps = row.apps;
  flow_.name = row.name;
  flow_.name_from = row.name_from;
  for (const Side side : {Side::kOriginator, Side::kResponder}) {
    const model::RowOwner& from = row.owners[side == local ? 0 : 1];
    model::Owner& owner = flow_.owners[index(side)];
    owner.quality = from.quality;
    owner.via = from.via;
    if (from.quality == model::Quality::kUnknown) {
      owner.process.reset();
      continue;
    }
    const auto& process = processes_[index(side)];
    process->pid = from.pid;
    process->comm = from.name;
    owner.process = process;
  }
  return flow_;
}

}  // namespace netwatch::tui
