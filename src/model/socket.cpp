#include "model/socket.h"

#include <algorithm>

namespace netwatch::model {

const PeerPayload* find_peer(const SocketPeers& peers, const Endpoint& peer) {
  const auto found = std::lower_bound(
      peers.peers.begin(), peers.peers.end(), peer,
      [](const PeerPayload& one, const Endpoint& wanted) { return one.peer < wanted; });
  return found != peers.peers.end() && found->peer == peer ? &*found : nullptr;
}

}  // namespace netwatch::model
