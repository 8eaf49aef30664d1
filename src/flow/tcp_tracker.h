#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/time.h"
#include "flow/chunk_slab.h"
#include "flow/hot_flow.h"
#include "flow/tcp_quality.h"
#include "flow/u48.h"
#include "model/flow.h"
#include "wire/decode.h"

// TCP as a passive observer sees it (RFC 9293): sequence numbers, handshake time, and the
// connection states and history letters that Zeek made the field's vocabulary
// (https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html).
namespace netwatch::flow {

// Distance in the 32-bit sequence space: negative when `a` is before `b`.
constexpr std::int32_t seq_diff(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}
// Segments that claim to be further ahead than the largest window (RFC 7323 2.3) are not believed.
inline constexpr std::int32_t kMaxSeqJump = 1 << 30;

// What one side has done so far.
enum class EndState : std::uint8_t {
  kInactive,     // sent nothing
  kSynSent,      // a SYN that nobody answered yet
  kEstablished,  // its SYN was answered, or it answered one
  kPartial,      // spoke without a SYN
  kClosed,       // sent a FIN
  kReset,        // sent a RST
};

// At most 24 history letters in five bits each.
class History {
 public:
  static constexpr std::size_t kMax = 24;

  void add(char letter, model::Side side);
  // Letters with the originator's in upper case; `flipped` exchanges the sides.
  void append_to(std::string& out, bool flipped) const;

 private:
  std::array<std::uint8_t, (kMax * 5 + 7) / 8> bits_{};
  std::uint8_t size_ = 0;
};

struct TcpSide {
  static constexpr std::uint8_t kNoScale = 0xf;

  std::uint32_t isn = 0;   // of the SYN; one before the first byte if there was none
  std::uint32_t next = 0;  // one past the highest byte seen
  // The bytes [begin, end) before `next` that were not seen, the last such hole. While the
  // reassembly holds data of this side, `hole_begin` is the index of its HeldSide instead. Before
  // there are TcpQualities they are the time of its SYN (Micros) and the SYN's time stamp.
  std::uint32_t hole_begin = 0;
  std::uint32_t hole_end = 0;
  std::uint32_t retransmitted = 0;
  U48 lost_bytes;
  // The highest sequence number it has shown, by a segment without data too; the low half.
  std::uint16_t highest = 0;
  std::uint16_t not_beyond = 0;  // segments of data that did not go beyond it; stops at 65535
  std::uint8_t gaps = 0;         // these stop at 255
  std::uint8_t syn_retries = 0;
  std::uint8_t resets = 0;
  std::uint8_t window_scale : 4 = kNoScale;  // RFC 7323 2.3: at most 14
  bool bare_syn : 1 = false;                 // hole_begin and hole_end are those of its SYN
  bool bare_has_ts : 1 = false;              // of it, as TcpQuality's probe
  bool bare_spoiled : 1 = false;
  EndState state : 4 = EndState::kInactive;
  bool started : 1 = false;  // isn and next are known
  bool held : 1 = false;
  bool fin : 1 = false;  // sent one; `next` is where its stream ends
  bool rst : 1 = false;
  bool syn : 1 = false;      // sent one
  bool saw_ack : 1 = false;  // history letters that are written once
  bool saw_data : 1 = false;
  bool saw_odd : 1 = false;
  bool saw_multi : 1 = false;
  bool syn_timed : 1 = false;       // sent the SYN whose time is TcpFlow::rtt_us
  bool rtt_known : 1 = false;       // sent the SYN, and TcpFlow::rtt_us is the handshake's time
  bool answered_first : 1 = false;  // the flow began with its answer to a SYN that was missed

  void start(std::uint32_t first_seq) {
    isn = first_seq - 1;
    next = first_seq;
    started = true;
  }
};

// What a TCP flow has beside its HotFlow; once its handshake is answered, TcpQualities, too.
struct TcpFlow {
  std::array<TcpSide, 2> sides;
  // Of the handshake once a side says rtt_known; before that, when the SYN came (after first_ns).
  // The free list's link in a dead TcpFlow.
  std::uint32_t rtt_us = 0;
  History history;

  [[nodiscard]] bool rtt_known() const { return sides[0].rtt_known || sides[1].rtt_known; }
  TcpSide& side(model::Side s) { return sides[model::index(s)]; }
  [[nodiscard]] const TcpSide& side(model::Side s) const { return sides[model::index(s)]; }
};
static_assert(sizeof(TcpFlow) <= 92, "a live TCP flow's price: docs/flow.md");

// Flags, handshake and state of one segment; `since_first_ns` is its time after the flow's first.
// `qualities`: as they were before it; none for a bare segment (see is_bare()). `late`: stamped
// before another packet of its flow that came first.
void track_segment(TcpFlow& tcp, const TcpQualities* qualities, model::Side side,
                   const wire::Decoded& decoded, base::TimeNs since_first_ns, bool late);

// The sequence space of bytes nobody reads: counts retransmissions and holes.
void track_unread_data(TcpFlow& tcp, model::Side side, std::uint32_t seq, std::uint32_t len);

// Counts a segment of old bytes, unless it is a keep-alive probe.
void note_old_data(TcpFlow& tcp, model::Side side, std::uint32_t seq, std::uint32_t len);
void note_gap(TcpFlow& tcp, model::Side side);

[[nodiscard]] TimerClass tcp_class(const TcpFlow& tcp);
// Whether a SYN with this sequence number opens another connection on the same ports;
// `silent_ns` is how long the flow has been silent.
[[nodiscard]] bool is_port_reuse(const TcpFlow& tcp, model::Side side, std::uint32_t syn_seq,
                                 base::TimeNs silent_ns);

// As Zeek names them. `payload` says whether any side sent some.
[[nodiscard]] std::string conn_state(const TcpFlow& tcp, bool flipped, bool payload);
[[nodiscard]] std::string history_text(const TcpFlow& tcp, bool flipped, bool by_content);

}  // namespace netwatch::flow
