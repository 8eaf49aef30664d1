#include "pipeline/socket_index.h"

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
  by_ends_.reserve(sockets_.size());
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
    const model::Socket& socket = sockets_[i];
    if (socket.state == model::TcpState::kListen) continue;
    model::Endpoint remote = socket.remote;
    if (remote.port == 0) remote = {};
    const std::uint32_t netns = model::netns_scope(socket.netns, table.own_netns);
    const auto key = key_of(netns, socket.proto, socket.local, remote);
    const auto [place, added] = by_ends_.try_emplace(key, i);
    // SO_REUSEPORT: of several sockets on one address, one with an owner is worth more.
    if (!added && sockets_[place->second].owner.quality < socket.owner.quality) place->second = i;
  }
}

const model::Socket* SocketIndex::find(std::uint32_t netns, std::uint8_t proto,
                                       const model::Endpoint& local,
                                       const model::Endpoint& remote) const {
  const auto look = [&](const model::Endpoint& at,
                        const model::Endpoint& to) -> const model::Socket* {
    const auto found = by_ends_.find(key_of(netns, proto, at, to));
    return found == by_ends_.end() ? nullptr : &sockets_[found->second];
  };
  if (const auto* connected = look(local, remote)) return connected;
  if (proto != model::ip_proto::kUdp) return nullptr;
  if (const auto* bound = look(local, {})) return bound;
  const bool v4 = local.address.is_v4();
  if (const auto* any = look(wildcard(local.port, v4), {})) return any;
  return v4 ? look(wildcard(local.port, false), {}) : nullptr;
}

}  // namespace netwatch::pipeline
