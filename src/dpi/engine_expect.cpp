// Flows that other flows announced. Flows of one pair of hosts meet in one analyzer, so a parent
// and its children need no lock; and the claim of a parent reaches no further than its own two
// hosts.
#include <algorithm>

#include "dpi/engine.h"

namespace netwatch::dpi {
namespace {

constexpr std::array kSides{model::Side::kOriginator, model::Side::kResponder};

}  // namespace

ExpectedFlows::Place Engine::place_of(model::Side side, Transport transport) const {
  return {.address = (*flow_.hosts)[model::index(side)],
          .peer = (*flow_.hosts)[model::index(model::other(side))],
          .scope = flow_.scope,
          .port = port(side),
          .transport = transport};
}

bool Engine::expect(const Expected& flow) {
  if (flow_.hosts == nullptr) return false;
  const auto protocol = index_.find(flow.protocol);
  if (protocol == ProbeIndex::kNone) return false;
  const bool child = flow.port == 0;
  for (const model::Side side : kSides) {
    ExpectedFlows::Place place = place_of(side, flow.transport);
    if (!child && place.address != flow.address) continue;
    place.port = flow.port;
    if (!expected_.add(place, flow, protocol, flow_.id, time_ns_)) {
      ++drops_[model::Drop::kExpectedEvicted];
    }
    return true;
  }
  return false;
}

// Who announced the bytes at hand: the stream that carries them, or a flow that named either end.
ExpectedFlows::Entry* Engine::announcement() const {
  if (flow_.hosts == nullptr || expected_.empty(time_ns_)) return nullptr;
  if (base_layer_ > 0) {
    ExpectedFlows::Entry* const entry = expected_.find_child(flow_.id, time_ns_);
    if (entry != nullptr) return entry;
    // Of a stream it was the outermost layer that was announced; datagrams may have come to be
    // wrapped on their way (STUN).
    if (flow_.proto == model::ip_proto::kTcp) return nullptr;
  }
  for (const model::Side side : kSides) {
    ExpectedFlows::Entry* const entry = announced_at(side);
    if (entry != nullptr) return entry;
  }
  return nullptr;
}

ExpectedFlows::Entry* Engine::announced_at(model::Side side) const {
  if (flow_.hosts == nullptr || expected_.empty(time_ns_)) return nullptr;
  const bool tcp = flow_.proto == model::ip_proto::kTcp;
  const Transport transport = tcp ? Transport::kTcp : Transport::kUdp;
  return expected_.find(place_of(side, transport), flow_.id, time_ns_);
}

base::Bytes Engine::announced(model::Side side) const {
  if (current_->layer > 0 && flow_.hosts != nullptr && !expected_.empty(time_ns_)) {
    const ExpectedFlows::Entry* const entry = expected_.find_child(flow_.id, time_ns_);
    if (entry != nullptr) return entry->noted();
  }
  const ExpectedFlows::Entry* const entry = announced_at(side);
  return entry == nullptr ? base::Bytes{} : entry->noted();
}

// The flow's ends are those of its outermost layer.
void Engine::connection_id(model::Side side, base::Bytes id) {
  const bool known_size = id.size() >= kShortestConnectionId && id.size() <= kLongestConnectionId;
  if (!known_size || current_->layer > 0 || flow_.proto != model::ip_proto::kUdp) return;
  sink_.on_connection_id(flow_.id, side, index_.def(current_->protocol).name, id);
}

base::IpAddress Engine::address(model::Side side) const {
  return flow_.hosts == nullptr ? base::IpAddress{} : (*flow_.hosts)[model::index(side)];
}

// Asks the row that was announced for this flow. An announcement is a claim: a datagram that
// others know by its content is theirs (streams are shown to the others as a child, if at all).
ProbeIndex::Answer Engine::ask(ProbeInput& shown, bool datagram,
                               std::span<const std::uint8_t> rejected) {
  ExpectedFlows::Entry* const entry = announcement();
  if (entry == nullptr) return index_.ask(shown, datagram, rejected);
  const ProtocolDef& announced = index_.def(entry->protocol);
  ProbeIndex::Answer answer;
  if (datagram) {
    answer = index_.ask(shown, datagram, rejected);
    // RTP and RTCP are read by one decoder, under the announced name.
    const bool others =
        answer.probe == Probe::kYes && index_.def(answer.protocol).make != announced.make;
    if (others) return answer;
  }
  Probe probe = Probe::kNo;
  if (std::ranges::find(rejected, entry->protocol) == rejected.end()) {
    shown.expected = true;
    probe = announced.probe(shown);
    shown.expected = false;
    if (probe == Probe::kYes) {
      if (entry->parent != flow_.id && entry->taken_by != flow_.id) {
        entry->taken_by = flow_.id;
        sink_.on_parent(flow_.id, entry->parent);
      }
      return {.probe = probe, .protocol = entry->protocol};
    }
  }
  if (!datagram) answer = index_.ask(shown, datagram, rejected);
  if (answer.probe == Probe::kNo && probe == Probe::kMore) answer.probe = probe;
  return answer;
}

}  // namespace netwatch::dpi
