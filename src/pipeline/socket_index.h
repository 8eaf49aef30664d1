#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model/socket.h"

namespace netwatch::pipeline {

// The sockets of this host by what a flow knows of them. Flows and sockets are N:M: an unconnected
// UDP socket serves many flows, a loopback flow has a socket at both ends.
class SocketIndex {
 public:
  void rebuild(const model::SocketTable& table);

  // The socket whose local end is `local` and whose remote end is `remote`: connected first, then
  // an unconnected UDP socket bound to the address, then one bound to any address. Never a
  // listener: a connection's bytes are not the listener's. `netns` as netns_scope() tells.
  [[nodiscard]] const model::Socket* find(std::uint32_t netns, std::uint8_t proto,
                                          const model::Endpoint& local,
                                          const model::Endpoint& remote) const;
  [[nodiscard]] const std::vector<model::Socket>& sockets() const { return sockets_; }

 private:
  struct KeyHash {
    std::size_t operator()(const model::FlowKey& key) const { return model::hash_value(key); }
  };
  // Ordered as (local, remote), not as a flow's key.
  static model::FlowKey key_of(std::uint32_t netns, std::uint8_t proto,
                               const model::Endpoint& local, const model::Endpoint& remote) {
    return {.a = local, .b = remote, .proto = proto, .scope = netns};
  }

  std::vector<model::Socket> sockets_;
  std::unordered_map<model::FlowKey, std::uint32_t, KeyHash> by_ends_;
};

}  // namespace netwatch::pipeline
