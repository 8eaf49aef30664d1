// What a socket has moved to and from each of its peers.
#include <algorithm>
#include <cstddef>
#include <vector>

#include "export/ndjson_parts.h"

namespace netwatch::exporting {
namespace {

// Of a line, which a server of many could make as long as it likes.
constexpr std::size_t kMaxPeers = 1024;

void write_payload(base::JsonWriter& json, std::uint64_t sent, std::uint64_t received) {
  write_uint(json, "sent_bytes", sent);
  write_uint(json, "received_bytes", received);
}

// Those that moved most, in the order of their addresses.
std::vector<const model::PeerPayload*> most_of(const model::SocketPeers& peers) {
  std::vector<const model::PeerPayload*> most;
  most.reserve(peers.peers.size());
  for (const model::PeerPayload& one : peers.peers) most.push_back(&one);
  if (most.size() <= kMaxPeers) return most;
  std::nth_element(most.begin(), most.begin() + kMaxPeers, most.end(),
                   [](const auto* one, const auto* other) {
                     return one->sent + one->received > other->sent + other->received;
                   });
  most.resize(kMaxPeers);
  std::sort(most.begin(), most.end());  // they stand in one vector
  return most;
}

}  // namespace

void write_peers(base::JsonWriter& json, const model::Socket& socket) {
  if (socket.peers == nullptr) return;
  const model::SocketPeers& peers = *socket.peers;
  model::PeerPayload more;
  for (const model::PeerPayload& one : peers.peers) {
    more.sent += one.sent;
    more.received += one.received;
  }
  const auto written = most_of(peers);
  json.key("peers");
  json.begin_array();
  for (const model::PeerPayload* one : written) {
    json.begin_object();
    json.key("ip");
    json.string(one->peer.address.to_string());
    write_uint(json, "port", one->peer.port);
    write_payload(json, one->sent, one->received);
    json.end_object();
    more.sent -= one->sent;
    more.received -= one->received;
  }
  json.end_array();
  if (written.size() < peers.peers.size()) {
    json.key("more_peers");
    json.begin_object();
    write_uint(json, "peers", peers.peers.size() - written.size());
    write_payload(json, more.sent, more.received);
    json.end_object();
  }
  if (peers.unknown_sent == 0 && peers.unknown_received == 0) return;
  json.key("unknown_peers");
  json.begin_object();
  write_payload(json, peers.unknown_sent, peers.unknown_received);
  json.end_object();
}

}  // namespace netwatch::exporting
