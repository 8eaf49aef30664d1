#pragma once

#include <cstdint>

#include "flow/chunk_slab.h"
#include "flow/tcp_quality.h"
#include "wire/byte_order.h"
#include "wire/decode.h"

namespace netwatch::flow {

// Round trips of ICMP echo (RFC 792, RFC 4443 4): a request and the answer with its identifier and
// sequence number. One request at a time is timed.
struct EchoTimer {
  std::uint32_t key = 0;  // of the request that is timed; the free list's link in a dead one
  Micros sent_us = 0;
  Micros srtt_us = 0;
  Micros min_us = 0;
  bool waiting = false;
  bool measured = false;

  // A request that got no answer in this time gives its place to the next one.
  static constexpr Micros kPatienceUs = 3'000'000;

  // Identifier and sequence number, if they were captured.
  static bool read_key(const wire::Decoded& decoded, std::uint32_t& key) {
    const base::Bytes header = decoded.transport_header();
    if (header.size() < 8) return false;
    key = wire::load_be32(header.data() + 4);
    return true;
  }
  void request(std::uint32_t id_and_sequence, Micros now_us) {
    if (waiting && now_us - sent_us < kPatienceUs) return;
    waiting = true;
    key = id_and_sequence;
    sent_us = now_us;
  }
  void answer(std::uint32_t id_and_sequence, Micros now_us) {
    if (!waiting || id_and_sequence != key) return;
    waiting = false;
    smooth(measured, srtt_us, min_us, now_us - sent_us);
  }
};

}  // namespace netwatch::flow
