#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "model/flow.h"
#include "model/socket.h"

// For tests of the live table: what its rows are made from.
namespace netwatch::pipeline {

inline constexpr base::TimeNs kSecond = base::kNsPerSecond;
inline constexpr base::TimeNs kStart = 1'700'000'000 * kSecond;

inline model::Endpoint at(const char* address, std::uint16_t port) {
  return {*base::IpAddress::parse(address), port};
}

inline model::Owner owned_by(const char* comm, std::uint32_t pid) {
  auto process = std::make_shared<model::Process>();
  process->pid = pid;
  process->comm = comm;
  return {.quality = model::Quality::kInferred,
          .via = model::OwnerVia::kSockDiag,
          .holders = 1,
          .process = std::move(process)};
}

inline model::Socket tcp_socket(const model::Endpoint& local, const model::Endpoint& remote,
                                model::Owner owner = {}) {
  model::Socket socket;
  socket.local = local;
  socket.remote = remote;
  socket.proto = model::ip_proto::kTcp;
  socket.state = model::TcpState::kEstablished;
  socket.inode = 4711;
  socket.owner = std::move(owner);
  return socket;
}

inline model::Flow tcp_flow(model::FlowId id, const model::Endpoint& orig,
                            const model::Endpoint& resp, std::uint64_t sent,
                            std::uint64_t received) {
  model::Flow flow;
  flow.id = id;
  flow.proto = model::ip_proto::kTcp;
  flow.orig = orig;
  flow.resp = resp;
  flow.first_ns = flow.last_ns = kStart;
  flow.sides[0].wire_bytes = sent;
  flow.sides[1].wire_bytes = received;
  return flow;
}

}  // namespace netwatch::pipeline
