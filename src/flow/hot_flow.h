#pragma once

#include <array>
#include <cstdint>

#include "base/ip_address.h"
#include "base/time.h"
#include "flow/chunk_slab.h"
#include "flow/u48.h"
#include "model/flow.h"

namespace netwatch::flow {

// What decides a flow's time-out, and the order of eviction.
enum class TimerClass : std::uint8_t { kHalfOpen, kClosed, kUdp, kOther, kOpen };
inline constexpr std::size_t kTimerClasses = 5;

// Place in a list of the timer wheel; indices of flows, or of buckets (see TimerWheel).
struct TimerLink {
  std::uint32_t prev = kNone;
  std::uint32_t next = kNone;
};

struct HotDirection {
  U48 packets;
  U48 wire_bytes;
  U48 ip_bytes;
  U48 payload_bytes;
};

// What every live flow costs and every packet touches. Sides are fixed at birth.
struct HotFlow {
  std::array<base::IpAddress, 2> address;  // by Side, like all pairs here
  std::array<std::uint16_t, 2> port{};
  std::uint32_t scope = 0;
  base::TimeNs first_ns = 0;
  base::TimeNs last_ns = 0;
  // How far, in seconds rounded up, the last packet's time was behind the engine's clock: 0 unless
  // packet times step back. Idleness is measured on the engine's clock, which never does.
  std::uint32_t behind_s = 0;
  std::uint32_t tcp = kNone;  // of its TcpFlow; also the free list's link in a dead flow
  std::array<std::uint32_t, 2> reader_slots{};
  std::uint32_t timing = kNone;     // of its TcpQualities, or of its EchoTimer
  std::uint32_t answer_us = kNone;  // first packet to the other side's first; kNone: unknown
  TimerLink timer;
  std::array<HotDirection, 2> sides;
  U48 first_packet;
  U48 last_packet;
  U48 count;  // since the table's start, from 1: the id without its shard
  std::uint8_t proto = 0;
  TimerClass timer_class = TimerClass::kOther;
  model::OriginBy orig_by = model::OriginBy::kFirstPacket;
  bool flipped : 1 = false;
  bool read : 1 = false;  // its reader still wants bytes

  [[nodiscard]] base::TimeNs active_ns() const {
    return last_ns + static_cast<base::TimeNs>(behind_s) * base::kNsPerSecond;
  }
};
static_assert(sizeof(HotFlow) <= 160, "a live flow's price: docs/flow.md");

}  // namespace netwatch::flow
