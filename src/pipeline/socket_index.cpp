#include "pipeline/socket_index.h"

#include <algorithm>
#include <utility>

namespace netwatch::pipeline {
namespace {

// The wildcard of a family: the kernel writes 0.0.0.0 for IPv4 and :: for IPv6 sockets, and an
// IPv6 socket bound to :: takes IPv4 traffic too unless IPV6_V6ONLY is set.
model::Endpoint wildcard(std::uint16_t port, bool v4) {
  static constexpr std::uint8_t kZeros[4] = {};  // NOLINT(*-avoid-c-arrays)
  return {v4 ? base::IpAddress::v4(kZeros) : base::IpAddress(), port};
}

}  // namespace

void SocketIndex::rebuild(const model::SocketTable& table) {
  sockets_ = table.sockets;
  by_ends_.clear();
  any_v6_.clear();
  listeners_.clear();
  by_ends_.reserve(sockets_.size());
  shared_.clear();
  seen_before_ = std::exchange(seen_, {});
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
    const model::Socket& socket = sockets_[i];
    const std::uint32_t netns = model::netns_scope(socket.netns, table.own_netns);
    if (socket.state == model::TcpState::kListen) {
      listeners_.insert(key_of(netns, socket.proto, socket.local, {}));
      continue;
    }
    model::Endpoint remote = socket.remote;
    if (remote.port == 0) remote = {};
    if (socket.proto == model::ip_proto::kUdp && socket.cookie != 0 && netns == 0) {
      const auto known = seen_before_.find(socket.cookie);
      Seen& seen = seen_[socket.cookie];
      seen = known != seen_before_.end() ? known->second : Seen{.since_ns = table.taken_ns};
      seen.holders = std::max(seen.holders, socket.owner.holders);
      if (socket.v6_only) seen.v6_only = socket.v6_only;
    }
    const auto key = key_of(netns, socket.proto, socket.local, remote);
    add(by_ends_, key, i);
    const bool is_any_v6 = socket.local.address == base::IpAddress() && remote == model::Endpoint{};
    const bool may_take_v4 =
        socket.proto == model::ip_proto::kUdp && !socket.v6_only.value_or(false);
    if (is_any_v6 && may_take_v4) add(any_v6_, key, i);
  }
}

SocketIndex::Shared SocketIndex::claim_of(std::uint32_t place,
                                          const model::Endpoint* remote) const {
  const model::Socket& socket = sockets_[place];
  Shared claim{.claimants = Claimants(socket.owner)};
  std::uint32_t holders = socket.owner.holders;
  if (const auto seen = seen_.find(socket.cookie); seen != seen_.end()) {
    claim.since_ns = seen->second.since_ns;
    holders = std::max(holders, seen->second.holders);
  }
  // Its last user may not be who talks to this peer: others may have taken what waited for it.
  const bool is_its_users = socket.users == model::SocketUsers::kOne && socket.peers != nullptr &&
                            remote != nullptr &&
                            model::find_peer(*socket.peers, *remote) != nullptr;
  const bool may_be_anothers = holders > 1 || socket.users == model::SocketUsers::kSeveral;
  if (may_be_anothers && !is_its_users && !model::is_connected(socket)) claim.claimants.doubt();
  return claim;
}

bool SocketIndex::listens(std::uint32_t netns, const model::Endpoint& local) const {
  const auto at = [&](const model::Endpoint& end) {
    return listeners_.contains(key_of(netns, model::ip_proto::kTcp, end, {}));
  };
  const bool v4 = local.address.is_v4();
  return at(local) || at(wildcard(local.port, v4)) || (v4 && at(wildcard(local.port, false)));
}

void SocketIndex::add_what_was_seen(model::Socket& socket) const {
  for (const auto* seen : {&seen_, &seen_before_}) {
    const auto known = seen->find(socket.cookie);
    if (known == seen->end()) continue;
    socket.owner.holders = std::max(socket.owner.holders, known->second.holders);
    if (!socket.v6_only) socket.v6_only = known->second.v6_only;
    return;
  }
}

void SocketIndex::add(Places& places, const model::FlowKey& key, std::uint32_t place) {
  const auto [entry, added] = places.try_emplace(key, Place{.socket = place});
  if (added) return;
  Place& known = entry->second;
  if (key.proto == model::ip_proto::kUdp) {
    if (known.shared == kAlone) {
      known.shared = static_cast<std::uint32_t>(shared_.size());
      shared_.push_back(claim_of(known.socket, nullptr));
    }
    const Shared more = claim_of(place, nullptr);
    Shared& shared = shared_[known.shared];
    shared.claimants.add(more.claimants);
    shared.since_ns = std::min(shared.since_ns, more.since_ns);
  }
  // A connection has one socket that is in use; one that TCP still ends has no owner.
  if (sockets_[known.socket].owner.quality < sockets_[place].owner.quality) known.socket = place;
}

SocketIndex::Match SocketIndex::find(std::uint32_t netns, std::uint8_t proto,
                                     const model::Endpoint& local,
                                     const model::Endpoint& remote) const {
  Match match;
  const auto look = [&](const Places& places, const model::Endpoint& at,
                        const model::Endpoint& to) {
    const auto found = places.find(key_of(netns, proto, at, to));
    if (found == places.end()) {
      ++match.rank;
      return false;
    }
    const auto [socket, shared] = found->second;
    Shared claim = shared == kAlone ? claim_of(socket, &remote) : shared_[shared];
    match.socket = &sockets_[socket];
    match.claimants = std::move(claim.claimants);
    match.since_ns = claim.since_ns;
    match.shared = shared != kAlone;
    return true;
  };
  if (look(by_ends_, local, remote) || proto != model::ip_proto::kUdp) return match;
  if (look(by_ends_, local, {})) return match;
  const bool v4 = local.address.is_v4();
  if (look(by_ends_, wildcard(local.port, v4), {}) || !v4) return match;
  // RFC 3493 section 5.3: not if it is IPV6_V6ONLY, which /proc/net does not tell.
  if (look(any_v6_, wildcard(local.port, false), {}) && !match.socket->v6_only) {
    match.claimants.doubt();
  }
  return match;
}

}  // namespace netwatch::pipeline
