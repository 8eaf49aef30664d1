#pragma once

#include <array>
#include <cstdint>

#include "model/flow.h"
#include "wire/decode.h"

// How well a TCP connection's segments get through, as a passive observer sees it: round trips,
// reordering, duplicate acknowledgements (RFC 5681, RFC 6298, RFC 7323, RFC 9293).
namespace netwatch::flow {

struct TcpFlow;
struct TcpSide;

// Microseconds of packet time, modulo 2^32: differences count.
using Micros = std::uint32_t;

// What one side's segments told. Counters stop at their limits.
struct TcpQuality {
  // The segment that is timed: acknowledged from `probe_end` on, sent at `probe_us`, with this time
  // stamp if it has one.
  std::uint32_t probe_end = 0;
  std::uint32_t probe_tsval = 0;
  Micros probe_us = 0;
  Micros srtt_us = 0;
  Micros min_us = 0;
  Micros advanced_us = 0;      // when the highest byte so far came
  std::uint32_t last_ack = 0;  // and window of its latest segment
  std::uint32_t late = 0;      // segments whose bytes had been lost before they got here
  std::uint32_t out_of_order = 0;
  std::uint32_t duplicate_acks = 0;
  std::uint32_t zero_windows = 0;
  std::uint16_t last_window = 0;
  std::uint8_t duplicate_run = 0;
  bool probing : 1 = false;
  bool probe_has_ts : 1 = false;
  bool probe_spoiled : 1 = false;  // sent again: only a time stamp tells which one is answered
  bool measured : 1 = false;
  bool acked : 1 = false;  // last_ack is known
};

// Of a TCP flow that came further than bare SYNs and RSTs: those leave what they tell in TcpSide,
// so that scans and floods cost no more.
struct TcpQualities {
  std::array<TcpQuality, 2> sides;  // by Side

  TcpQuality& side(model::Side s) { return sides[model::index(s)]; }
  static std::uint32_t& link(TcpQualities& dead) { return dead.sides[0].probe_end; }
};
static_assert(sizeof(TcpQualities) <= 96, "a live TCP flow's price: docs/flow.md");

// What was known of a side before its segment was worked in.
struct BeforeSegment {
  std::uint32_t next = 0;
  std::uint32_t retransmitted = 0;
  bool started = false;
  bool syn = false;
};

// Whether a segment of side `which` leaves the flow as bare as it was: a SYN with no data, alone or
// sent again, or a RST.
[[nodiscard]] bool is_bare(const TcpFlow& tcp, model::Side which, const wire::Decoded& decoded);
// Moves what bare segments told of round trips to where the next segment will look for it.
void move_bare(TcpFlow& tcp, TcpQualities& to);

// One segment of side `which`, after tracking and reassembly took it. Without `qualities` a bare
// one.
void note_quality(TcpFlow& tcp, TcpQualities* qualities, model::Side which,
                  const wire::Decoded& decoded, const BeforeSegment& before, Micros now_us);

// `quality`: none if nothing but bare segments came.
[[nodiscard]] model::SideQuality side_quality(const TcpSide& side, const TcpQuality* quality);

// A round trip of `sample_us` more (RFC 6298 2): the smoothed one moves an eighth.
void smooth(bool& measured, Micros& srtt_us, Micros& min_us, Micros sample_us);

}  // namespace netwatch::flow
