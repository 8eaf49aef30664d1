#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/socket.h"
#include "pipeline/claimants.h"

namespace netwatch::pipeline {

// The sockets of this host by what a flow knows of them. Flows and sockets are N:M: an unconnected
// UDP socket serves many flows, a loopback flow has a socket at both ends, and several UDP sockets
// may share an address.
class SocketIndex {
 public:
  struct Match {
    const model::Socket* socket = nullptr;  // one of those that match; null: none does
    Claimants claimants;                    // of all of them
    base::TimeNs since_ns = 0;              // the look that has shown one of them first
    bool shared = false;                    // by several
    int rank = 0;                           // 0: connected; the greater, the less it was bound to
  };

  void rebuild(const model::SocketTable& table);

  // The socket whose local end is `local` and whose remote end is `remote`: connected first, then
  // an unconnected UDP socket bound to the address, then one bound to any address. Never a
  // listener: a connection's bytes are not the listener's. `netns` as netns_scope() tells.
  [[nodiscard]] Match find(std::uint32_t netns, std::uint8_t proto, const model::Endpoint& local,
                           const model::Endpoint& remote) const;
  // Whether some socket accepts connections at this local end.
  [[nodiscard]] bool listens(std::uint32_t netns, const model::Endpoint& local) const;
  // What the word of a socket's end does not tell and looks have: its holders, IPV6_V6ONLY.
  void add_what_was_seen(model::Socket& socket) const;
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

  // Sockets with equal ends.
  struct Place {
    std::uint32_t socket = 0;
    std::uint32_t shared = kAlone;  // place in shared_
  };
  struct Shared {
    Claimants claimants;
    base::TimeNs since_ns = 0;
  };
  using Places = std::unordered_map<model::FlowKey, Place, KeyHash>;
  static constexpr std::uint32_t kAlone = 0xffffffff;
  // `remote`: by whom it is asked for; null if it is any peer's.
  [[nodiscard]] Shared claim_of(std::uint32_t place, const model::Endpoint* remote) const;
  void add(Places& places, const model::FlowKey& key, std::uint32_t place);

  std::vector<model::Socket> sockets_;
  Places by_ends_;
  std::unordered_set<model::FlowKey, KeyHash> listeners_;  // of TCP
  Places any_v6_;  // of those bound to ::, which may take IPv4 traffic: not IPV6_V6ONLY
  std::vector<Shared> shared_;
  // What looks have shown of an UDP socket of ours.
  struct Seen {
    base::TimeNs since_ns = 0;
    std::uint32_t holders = 0;  // the most at once
    std::optional<bool> v6_only{};
  };
  std::unordered_map<std::uint64_t, Seen> seen_;         // by cookie: at the last look
  std::unordered_map<std::uint64_t, Seen> seen_before_;  // at the one before
};

}  // namespace netwatch::pipeline
