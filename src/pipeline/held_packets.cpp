#include "pipeline/held_packets.h"

#include <algorithm>
#include <ranges>

namespace netwatch::pipeline {
namespace {

std::size_t size_of(const std::vector<HeldPackets::Held>& packets,
                    const std::vector<std::uint8_t>& bytes) {
  return packets.size() * sizeof(HeldPackets::Held) + bytes.size();
}

}  // namespace

void HeldPackets::hold(const model::PacketBatch& batch) {
  if (batch.packets.empty()) return;
  Batch& held = batches_.emplace_back();
  std::size_t bytes = 0;
  for (const model::Packet& packet : batch.packets) bytes += packet.bytes.size();
  held.bytes.reserve(bytes);
  held.packets.reserve(batch.packets.size());
  for (const model::Packet& packet : batch.packets) {
    const std::size_t at = held.bytes.size();
    held.bytes.insert(held.bytes.end(), packet.bytes.begin(), packet.bytes.end());
    Held& copy = held.packets.emplace_back();
    copy.packet = packet;
    copy.packet.bytes = base::Bytes(held.bytes).subspan(at);
    copy.packet.options = {};  // live packets have none
  }
  bytes_ += size_of(held.packets, held.bytes);
  while (bytes_ > max_bytes_ && batches_.size() > 1) {
    Batch& oldest = batches_.front();
    hurried_ += oldest.packets.size() - oldest.next;
    while (oldest.next < oldest.packets.size()) tell_(oldest.packets[oldest.next++]);
    drop_front();
  }
}

void HeldPackets::take_flows(std::span<const model::PacketFlow> flows) {
  for (const model::PacketFlow& flow : flows) {
    Held* const held = find(flow.number);
    if (held == nullptr) continue;
    held->has_flow = true;
    held->flow = flow.flow;
    held->from_lower = flow.from_lower;
  }
}

// Nearly always of the newest batch; a fragment may be of an older one.
HeldPackets::Held* HeldPackets::find(std::uint64_t number) {
  for (Batch& batch : batches_ | std::views::reverse) {
    if (batch.packets.front().packet.number > number) continue;
    const auto found = std::ranges::lower_bound(
        batch.packets, number, {}, [](const Held& held) { return held.packet.number; });
    const bool there = found != batch.packets.end() && found->packet.number == number;
    return there ? &*found : nullptr;
  }
  return nullptr;
}

void HeldPackets::release(base::TimeNs pace_ns) {
  for (Batch& batch : batches_) {
    if (batch.since_ns == kNew) batch.since_ns = pace_ns;
  }
  while (!batches_.empty()) {
    Batch& batch = batches_.front();
    const bool due = pace_ns - batch.since_ns >= kHoldNs;
    for (; batch.next < batch.packets.size(); ++batch.next) {
      const Held& held = batch.packets[batch.next];
      const Answer answer = ask_(held);
      const bool old =
          answer.flow_begun_ns >= 0 && held.packet.time_ns - answer.flow_begun_ns >= kHoldNs;
      if (!answer.settled && !due && !old) return;
      tell_(held);
    }
    drop_front();
  }
}

void HeldPackets::release_all() {
  while (!batches_.empty()) {
    Batch& batch = batches_.front();
    while (batch.next < batch.packets.size()) tell_(batch.packets[batch.next++]);
    drop_front();
  }
}

void HeldPackets::drop_front() {
  bytes_ -= size_of(batches_.front().packets, batches_.front().bytes);
  batches_.pop_front();
}

}  // namespace netwatch::pipeline
