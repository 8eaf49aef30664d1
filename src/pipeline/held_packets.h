#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "base/time.h"
#include "model/packet.h"
#include "model/packet_owners.h"

namespace netwatch::pipeline {

// Copies of packets that wait until it is known whose they are: a packet is captured some time
// before anybody has looked at its socket. They leave in the order in which they came, so that one
// that waits holds back those behind it: for kHoldNs at most, and not at all once its flow is older
// than that. At most kMaxBytes wait; beyond that the oldest leave as they are, which is counted.
class HeldPackets {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  static constexpr base::TimeNs kHoldNs = base::kNsPerSecond;

  // A packet and its flow, kNoFlow if it is of none.
  struct Held {
    model::Packet packet;
    model::FlowId flow = model::kNoFlow;
    bool from_lower = false;
    bool has_flow = false;  // if not known yet, then soon
  };
  // What is known of a packet when it is asked about.
  struct Answer {
    bool settled = false;             // waiting would tell no more
    base::TimeNs flow_begun_ns = -1;  // -1: its flow is not known yet
  };
  using Ask = std::function<Answer(const Held&)>;
  using Tell = std::function<void(const Held&)>;

  explicit HeldPackets(Ask ask, Tell tell, std::size_t max_bytes = kMaxBytes)
      : ask_(std::move(ask)), tell_(std::move(tell)), max_bytes_(max_bytes) {}

  // Numbers within a batch grow.
  void hold(const model::PacketBatch& batch);
  // Of packets that wait; others are not there any more, and ignored.
  void take_flows(std::span<const model::PacketFlow> flows);
  // Lets go what is settled or has waited long enough. `pace_ns`: a clock that is never set.
  void release(base::TimeNs pace_ns);
  void release_all();

  [[nodiscard]] bool empty() const { return batches_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Packets that had to leave before their time.
  [[nodiscard]] std::uint64_t hurried() const { return hurried_; }

 private:
  struct Batch {
    std::vector<Held> packets;
    std::vector<std::uint8_t> bytes;
    std::size_t next = 0;          // that has not left
    base::TimeNs since_ns = kNew;  // of the pace: when it was first seen waiting
  };
  static constexpr base::TimeNs kNew = -1;

  Held* find(std::uint64_t number);
  void drop_front();

  Ask ask_;
  Tell tell_;
  std::size_t max_bytes_;
  std::deque<Batch> batches_;
  std::size_t bytes_ = 0;
  std::uint64_t hurried_ = 0;
};

}  // namespace netwatch::pipeline
