#include "pipeline/closed_sockets.h"

#include <algorithm>
#include <array>

namespace netwatch::pipeline {
namespace {

// Packets and sockets are timed by two clocks, of which one is converted.
constexpr base::TimeNs kSlackNs = base::kNsPerMs / 10;
// How much later an end may be told than one that came after it.
constexpr base::TimeNs kOrderNs = base::kNsPerMs;
// Of those that had equal ends before: each flow that moves asks again.
constexpr std::size_t kMaxLookedAt = 64;
// Of one socket.
constexpr std::size_t kMaxEarlierPeers = 64;

model::FlowKey key_of(std::uint32_t netns, std::uint8_t proto, const model::Endpoint& local,
                      const model::Endpoint& remote) {
  return {.a = local,
          .b = remote.port == 0 ? model::Endpoint{} : remote,
          .proto = proto,
          .scope = netns};
}

model::FlowKey key_of(std::uint32_t netns, const model::Socket& socket) {
  return key_of(netns, socket.proto, socket.local, socket.remote);
}

// The kernel writes 0.0.0.0 for IPv4 and :: for IPv6 sockets, which may take IPv4 traffic too.
model::Endpoint any_v4(std::uint16_t port) {
  constexpr std::array<std::uint8_t, 4> kZeros{};
  return {.address = base::IpAddress::v4(kZeros.data()), .port = port};
}

}  // namespace

bool ClosedSockets::overlaps(const model::ClosedSocket& closed, base::TimeNs first_ns,
                             base::TimeNs last_ns) {
  return closed.opened_ns <= last_ns + kSlackNs && first_ns <= closed.closed_ns + kSlackNs;
}

const ClosedSockets::Entry* ClosedSockets::at(std::uint64_t number) const {
  return number < first_number_ ? nullptr : &sockets_[number - first_number_];
}

// A UDP socket may connect anew, and its end tells the last peer only. That it was one process's
// with the peers before, too, is known where it had no other user.
void ClosedSockets::add(std::uint32_t netns, const model::ClosedSocket& closed) {
  const model::Socket& socket = closed.socket;
  add_one(netns, closed);
  if (socket.proto != model::ip_proto::kUdp || !socket.peers || !model::is_connected(socket) ||
      socket.users != model::SocketUsers::kOne) {
    return;
  }
  std::size_t added = 0;
  for (const model::PeerPayload& one : socket.peers->peers) {
    if (one.peer == socket.remote) continue;
    if (++added > kMaxEarlierPeers) return;
    model::ClosedSocket earlier = closed;
    earlier.socket.remote = one.peer;
    earlier.socket.cookie = 0;
    earlier.socket.bytes_sent = static_cast<std::int64_t>(one.sent);
    earlier.socket.bytes_received = static_cast<std::int64_t>(one.received);
    earlier.socket.peers = nullptr;
    add_one(netns, earlier);
  }
}

void ClosedSockets::add_one(std::uint32_t netns, const model::ClosedSocket& closed) {
  if (sockets_.size() >= capacity_) {
    const Entry& oldest = sockets_.front();
    const auto forget = [this](auto& numbers, const auto& key) {
      const auto found = numbers.find(key);
      if (found != numbers.end() && found->second == first_number_) numbers.erase(found);
    };
    forget(by_ends_, key_of(oldest.netns, oldest.closed.socket));
    forget(by_cookie_, Cookie{.number = oldest.closed.socket.cookie, .netns = oldest.netns});
    sockets_.pop_front();
    ++first_number_;
  }
  const std::uint64_t number = first_number_ + sockets_.size();
  std::uint64_t& last = by_ends_[key_of(netns, closed.socket)];
  sockets_.push_back({.closed = closed, .before = last, .netns = netns});
  last = number;
  const std::uint64_t cookie = closed.socket.cookie;
  if (cookie != 0) by_cookie_[{.number = cookie, .netns = netns}] = number;
}

// Of UDP only: a connection has one socket. Ends come nearly in the order of their times.
Claimants ClosedSockets::claimants_of(const Entry& entry, base::TimeNs first_ns,
                                      base::TimeNs last_ns) const {
  Claimants claimants(entry.closed.socket.owner);
  if (entry.closed.socket.proto != model::ip_proto::kUdp) return claimants;
  const auto doubt_if_of_several = [&](const model::Socket& socket) {
    const bool may_be_anothers =
        socket.users == model::SocketUsers::kSeveral ||
        (socket.owner.holders > 1 && socket.users != model::SocketUsers::kOne);
    if (may_be_anothers && !model::is_connected(socket)) claimants.doubt();
  };
  doubt_if_of_several(entry.closed.socket);
  const base::TimeNs since_ns = entry.closed.opened_ns;
  std::size_t looked_at = 0;
  for (const Entry* other = at(entry.before); other != nullptr; other = at(other->before)) {
    if (other->closed.closed_ns + kOrderNs < std::max(first_ns, since_ns)) break;
    if (++looked_at > kMaxLookedAt) {
      claimants.doubt();
      break;
    }
    const bool shared = other->closed.closed_ns >= since_ns;
    if (!shared || !overlaps(other->closed, first_ns, last_ns)) continue;
    claimants.add(Claimants(other->closed.socket.owner));
  }
  return claimants;
}

ClosedSockets::Match ClosedSockets::find(std::uint32_t netns, std::uint8_t proto,
                                         const model::Endpoint& local,
                                         const model::Endpoint& remote, base::TimeNs first_ns,
                                         base::TimeNs last_ns) const {
  Match match;
  bool as_v4 = false;  // not of one that is IPV6_V6ONLY (RFC 3493 section 5.3)
  const auto look = [&](const model::Endpoint& from, const model::Endpoint& to) {
    const auto found = by_ends_.find(key_of(netns, proto, from, to));
    const Entry* entry = found == by_ends_.end() ? nullptr : at(found->second);
    const auto matches = [&](const Entry& one) {
      if (as_v4 && one.closed.socket.v6_only.value_or(false)) return false;
      return overlaps(one.closed, first_ns, last_ns);
    };
    while (entry != nullptr && !matches(*entry)) {
      entry = at(entry->before);
    }
    if (entry == nullptr) {
      ++match.rank;
      return false;
    }
    match.closed = &entry->closed;
    match.claimants = claimants_of(*entry, first_ns, last_ns);
    return true;
  };
  if (look(local, remote) || proto != model::ip_proto::kUdp) return match;
  if (look(local, {})) return match;
  const model::Endpoint any_v6{.address = {}, .port = local.port};
  const bool v4 = local.address.is_v4();
  if (look(v4 ? any_v4(local.port) : any_v6, {}) || !v4) return match;
  as_v4 = true;
  if (look(any_v6, {}) && !match.closed->socket.v6_only) match.claimants.doubt();
  return match;
}

const model::ClosedSocket* ClosedSockets::find(std::uint32_t netns, std::uint64_t cookie) const {
  const auto found = by_cookie_.find({.number = cookie, .netns = netns});
  const Entry* entry = found == by_cookie_.end() ? nullptr : at(found->second);
  return entry == nullptr ? nullptr : &entry->closed;
}

}  // namespace netwatch::pipeline
