#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "model/socket.h"
#include "pipeline/claimants.h"

namespace netwatch::pipeline {

// Sockets that have ended, for flows that are reported later than their socket lived. Bounded: the
// oldest are forgotten first. Ports come again, so a socket is found only by a flow that it was
// there for: what lay between its beginning and its end overlaps with the flow's packets.
class ClosedSockets {
 public:
  explicit ClosedSockets(std::size_t capacity = std::size_t{32} << 10) : capacity_(capacity) {}

  // `netns` as netns_scope() tells, here and below.
  void add(std::uint32_t netns, const model::ClosedSocket& closed);

  struct Match {
    const model::ClosedSocket* closed = nullptr;  // valid until add(); null: there is none
    Claimants claimants;  // of it and of those that shared its ends while it was there
    int rank = 0;         // 0: connected; the greater, the less it was bound to
  };
  // The one that was closed last of those that match: connected ones first, then an unconnected UDP
  // socket that was bound to the address, then one bound to any address.
  [[nodiscard]] Match find(std::uint32_t netns, std::uint8_t proto, const model::Endpoint& local,
                           const model::Endpoint& remote, base::TimeNs first_ns,
                           base::TimeNs last_ns) const;
  // By the kernel's number of a socket, which never comes again in its namespace (nor in others,
  // since Linux 5.9); null if it has not been closed.
  [[nodiscard]] const model::ClosedSocket* find(std::uint32_t netns, std::uint64_t cookie) const;
  [[nodiscard]] std::size_t size() const { return sockets_.size(); }

  // Whether the socket was there while a flow had these first and last packets.
  static bool overlaps(const model::ClosedSocket& closed, base::TimeNs first_ns,
                       base::TimeNs last_ns);

 private:
  struct Entry {
    model::ClosedSocket closed;
    std::uint64_t before = 0;  // number of the one with equal ends that was added before; 0: none
    std::uint32_t netns = 0;
  };
  struct Cookie {
    std::uint64_t number = 0;
    std::uint32_t netns = 0;
    friend bool operator==(const Cookie&, const Cookie&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const model::FlowKey& key) const { return model::hash_value(key); }
    std::size_t operator()(const Cookie& key) const {
      const std::uint64_t h =
          (key.number ^ (std::uint64_t{key.netns} << 32)) * 0x9E3779B97F4A7C15ULL;
      return h ^ (h >> 31);
    }
  };
  void add_one(std::uint32_t netns, const model::ClosedSocket& closed);
  [[nodiscard]] const Entry* at(std::uint64_t number) const;
  [[nodiscard]] Claimants claimants_of(const Entry& entry, base::TimeNs first_ns,
                                       base::TimeNs last_ns) const;

  std::size_t capacity_;
  std::deque<Entry> sockets_;
  std::uint64_t first_number_ = 1;  // of sockets_[0]
  // Ordered as (local, remote), not as a flow's key.
  std::unordered_map<model::FlowKey, std::uint64_t, KeyHash> by_ends_;  // the last one's number
  std::unordered_map<Cookie, std::uint64_t, KeyHash> by_cookie_;
};

}  // namespace netwatch::pipeline
