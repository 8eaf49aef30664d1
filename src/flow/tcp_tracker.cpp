#include "flow/tcp_tracker.h"

#include <limits>
#include <string_view>

namespace netwatch::flow {
namespace {

using model::Side;

// A connection that has been silent this long gives its ports away to a new SYN.
constexpr base::TimeNs kLongSilent = 60 * base::kNsPerSecond;

constexpr std::string_view kLetters = "?SHADFRGTWIQ";

// Zeek writes repeated events at their 1st, 10th, 100th and 1000th occurrence.
constexpr bool is_power_of_ten(std::uint32_t n) {
  return n == 1 || n == 10 || n == 100 || n == 1000;
}

struct Flags {
  bool syn = false;
  bool ack = false;
  bool fin = false;
  bool rst = false;

  explicit Flags(std::uint8_t bits)
      : syn((bits & wire::tcp_flag::kSyn) != 0),
        ack((bits & wire::tcp_flag::kAck) != 0),
        fin((bits & wire::tcp_flag::kFin) != 0),
        rst((bits & wire::tcp_flag::kRst) != 0) {}
};

// A letter that is written when a flag's segment is not the one already written.
void write_history(TcpFlow& tcp, const TcpQualities* qualities, Side side, const Flags& flags,
                   const wire::Decoded& decoded) {
  TcpSide& me = tcp.side(side);
  if (flags.syn && (flags.fin || flags.rst)) {
    if (!me.saw_multi) tcp.history.add('Q', side);
    me.saw_multi = true;
  } else if (flags.fin && flags.rst) {
    if (!me.saw_odd) tcp.history.add('I', side);
    me.saw_odd = true;
  }
  if (flags.syn && (!me.syn || decoded.tcp_seq != me.isn)) {
    tcp.history.add(flags.ack ? 'H' : 'S', side);
  }
  if (decoded.payload_wire_len > 0 && !flags.rst) {
    if (!me.saw_data) tcp.history.add('D', side);
    me.saw_data = true;
  } else if (flags.ack && !flags.syn && !flags.fin && !flags.rst) {
    if (!me.saw_ack) tcp.history.add('A', side);
    me.saw_ack = true;
  }
  const std::uint32_t end = decoded.tcp_seq + decoded.payload_wire_len;
  if (flags.fin && (!me.fin || seq_diff(end, me.next) > 0)) tcp.history.add('F', side);
  if (flags.rst && !me.rst) tcp.history.add('R', side);
  if (decoded.tcp_window == 0 && !flags.rst && !flags.syn && qualities != nullptr) {
    const std::uint32_t before = qualities->sides[model::index(side)].zero_windows;
    if (is_power_of_ten(before + 1)) tcp.history.add('W', side);
  }
}

// Zeek's T: data that end at or before the highest sequence number so far. So one that was
// overtaken counts, a keep-alive probe with a byte too, and one that its sender's own numbers say
// was sent before, though it was not seen. One that comes late because its tunnel's packet had to
// be waited for was sent once.
void note_again(TcpFlow& tcp, Side side, const Flags& flags, const wire::Decoded& decoded,
                bool late) {
  constexpr std::int32_t kMaxClaim = 0x7fff;
  TcpSide& me = tcp.side(side);
  if (flags.rst) return;
  const std::uint32_t end = decoded.tcp_seq + decoded.payload_wire_len + (flags.syn ? 1 : 0);
  const auto low = static_cast<std::uint16_t>(end);
  if (flags.syn || !me.started) {
    if (!me.started || me.next == me.isn + 1) me.highest = low;
    return;
  }
  const auto ahead = static_cast<std::uint16_t>(me.highest - static_cast<std::uint16_t>(me.next));
  const std::int32_t beyond = seq_diff(end, me.next + ahead);
  if (decoded.payload_wire_len == 0) {
    if (beyond > 0 && beyond <= kMaxClaim - ahead) me.highest = low;
  } else if (beyond > 0) {
    if (beyond <= kMaxSeqJump) me.highest = low;
  } else if (!late && me.not_beyond != std::numeric_limits<std::uint16_t>::max()) {
    if (is_power_of_ten(++me.not_beyond)) tcp.history.add('T', side);
  }
}

void update_state(TcpFlow& tcp, Side side, const Flags& flags, bool data) {
  TcpSide& me = tcp.side(side);
  TcpSide& peer = tcp.side(model::other(side));
  if (flags.rst) {
    // After both FINs the exchange is over, and a RST changes nothing.
    if (me.state == EndState::kClosed && peer.state == EndState::kClosed) return;
    me.state = EndState::kReset;
    return;
  }
  if (me.state == EndState::kReset) return;
  if (flags.fin) {
    me.state = EndState::kClosed;
    // A RST after its FIN was a hasty but normal end.
    if (peer.state == EndState::kReset && peer.fin) peer.state = EndState::kClosed;
    return;
  }
  // A FIN before the SYN was none: who waits for a SYN drops it (RFC 9293 3.10.7.3).
  const bool unopened = me.state == EndState::kClosed && !me.syn;
  const bool quiet = me.state == EndState::kInactive || me.state == EndState::kSynSent;
  if (flags.syn) {
    if (flags.ack && (quiet || unopened)) {
      me.state = EndState::kEstablished;
      if (peer.state == EndState::kSynSent) peer.state = EndState::kEstablished;
    } else if (me.state == EndState::kInactive || me.state == EndState::kPartial) {
      // Behind its own answer only when the capture reordered them.
      const bool answered = peer.state == EndState::kEstablished;
      me.state = answered ? EndState::kEstablished : EndState::kSynSent;
    }
    return;
  }
  if (me.state != EndState::kInactive) return;
  // Some acknowledge a SYN before they answer it: no beginning of a conversation yet.
  if (peer.state == EndState::kSynSent && !data) return;
  if (flags.ack && peer.state == EndState::kEstablished) {
    me.state = EndState::kEstablished;  // its SYN was missed, but the answer was seen
  } else {
    me.state = EndState::kPartial;
  }
}

void time_handshake(TcpFlow& tcp, Side side, const Flags& flags, const wire::Decoded& decoded,
                    base::TimeNs since_first_ns) {
  if (tcp.rtt_known() || since_first_ns < 0) return;
  const base::TimeNs us = since_first_ns / base::kNsPerUs;
  if (us > std::numeric_limits<std::uint32_t>::max()) return;
  const TcpSide& peer = tcp.side(model::other(side));
  if (flags.syn && !flags.ack && peer.state == EndState::kInactive) {
    tcp.rtt_us = static_cast<std::uint32_t>(us);  // the last one before the answer counts
    tcp.side(side).syn_timed = true;
  } else if (tcp.side(side).syn_timed && flags.ack && !flags.syn && !flags.rst && peer.started &&
             tcp.side(side).state == EndState::kEstablished &&
             decoded.tcp_seq == tcp.side(side).isn + 1 && seq_diff(decoded.tcp_ack, peer.isn) > 0) {
    tcp.rtt_us = static_cast<std::uint32_t>(us) - tcp.rtt_us;
    tcp.side(side).rtt_known = true;
  }
}

// Zeek's RSTOS0: the originator's SYN and RST with nothing but SYNs between.
bool is_syn_then_rst(std::string_view history) {
  if (history.starts_with('^')) history.remove_prefix(1);
  if (!history.starts_with('S')) return false;
  const std::size_t rst = history.find('R');
  return rst != std::string_view::npos &&
         history.substr(0, rst).find_first_of("HAFGIQ") == std::string_view::npos;
}

}  // namespace

void History::add(char letter, Side side) {
  if (size_ == kMax) return;
  auto code = static_cast<std::uint32_t>(kLetters.find(letter)) << 1;
  if (side == Side::kResponder) code |= 1;
  for (std::size_t i = 0; i < 5; ++i) {
    const std::size_t bit = static_cast<std::size_t>(size_) * 5 + i;
    if (((code >> i) & 1) != 0) {
      bits_[bit / 8] = static_cast<std::uint8_t>(bits_[bit / 8] | (1U << (bit % 8)));
    }
  }
  ++size_;
}

void History::append_to(std::string& out, bool flipped) const {
  for (std::size_t n = 0; n < size_; ++n) {
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t bit = n * 5 + i;
      code |= ((bits_[bit / 8] >> (bit % 8)) & 1U) << i;
    }
    const char letter = kLetters[code >> 1];
    const bool lower = ((code & 1) != 0) != flipped;
    out += lower ? static_cast<char>(letter - 'A' + 'a') : letter;
  }
}

void track_segment(TcpFlow& tcp, const TcpQualities* qualities, Side side,
                   const wire::Decoded& decoded, base::TimeNs since_first_ns, bool late) {
  const Flags flags(decoded.tcp_flags);
  TcpSide& me = tcp.side(side);
  write_history(tcp, qualities, side, flags, decoded);
  note_again(tcp, side, flags, decoded, late);
  update_state(tcp, side, flags, decoded.payload_wire_len > 0);
  if (flags.syn && !flags.rst) {
    // Another attempt from the same port, before any data: its numbers count from now on.
    const bool fresh =
        me.state == EndState::kSynSent && decoded.tcp_seq != me.isn && me.next == me.isn + 1;
    if (!me.started || (fresh && !me.held)) me.start(decoded.tcp_seq + 1);
  }
  time_handshake(tcp, side, flags, decoded, since_first_ns);
  if (flags.rst) me.rst = true;
  if (flags.syn && !flags.rst) me.syn = true;
}

void track_unread_data(TcpFlow& tcp, Side side, std::uint32_t seq, std::uint32_t len) {
  TcpSide& me = tcp.side(side);
  if (!me.started) me.start(seq);
  const std::uint32_t end = seq + len;
  const std::int32_t ahead = seq_diff(seq, me.next);
  if (ahead > kMaxSeqJump) return;
  if (ahead >= 0) {
    if (ahead > 0) {
      me.lost_bytes.add(static_cast<std::uint64_t>(ahead));
      if (me.hole_begin != me.hole_end) note_gap(tcp, side);  // the one before stays open
      me.hole_begin = me.next;
      me.hole_end = seq;
    }
    me.next = end;
    return;
  }
  const bool old = seq_diff(end, me.next) <= 0;
  if (!old) me.next = end;
  const std::uint32_t from = seq_diff(seq, me.hole_begin) > 0 ? seq : me.hole_begin;
  const std::uint32_t to = seq_diff(end, me.hole_end) < 0 ? end : me.hole_end;
  if (me.hole_begin != me.hole_end && seq_diff(to, from) > 0) {
    me.lost_bytes.subtract(to - from);
    // Of a hole that is filled in its middle, the later part stays open and the earlier one lost.
    if (to == me.hole_end && from != me.hole_begin) {
      me.hole_end = from;
    } else {
      me.hole_begin = to;
    }
  } else if (old) {
    note_old_data(tcp, side, seq, len);
  }
}

void note_old_data(TcpFlow& tcp, Side side, std::uint32_t seq, std::uint32_t len) {
  TcpSide& me = tcp.side(side);
  // RFC 9293 3.8.4: a probe re-sends the last byte, or one byte of rubbish in its place.
  if (len == 0 || (len == 1 && seq + 1 == me.next)) return;
  if (me.retransmitted != std::numeric_limits<std::uint32_t>::max()) ++me.retransmitted;
}

void note_gap(TcpFlow& tcp, Side side) {
  std::uint8_t& gaps = tcp.side(side).gaps;
  if (gaps == std::numeric_limits<std::uint8_t>::max()) return;
  if (is_power_of_ten(++gaps)) tcp.history.add('G', side);
}

TimerClass tcp_class(const TcpFlow& tcp) {
  const EndState a = tcp.sides[0].state;
  const EndState b = tcp.sides[1].state;
  if (a == EndState::kReset || b == EndState::kReset) return TimerClass::kClosed;
  if (a == EndState::kClosed && b == EndState::kClosed) return TimerClass::kClosed;
  // One side sent its SYN, or its answer to one, and the other has been silent.
  const auto alone = [](EndState one, EndState other) {
    return other == EndState::kInactive &&
           (one == EndState::kSynSent || one == EndState::kEstablished);
  };
  return alone(a, b) || alone(b, a) ? TimerClass::kHalfOpen : TimerClass::kOpen;
}

bool is_port_reuse(const TcpFlow& tcp, Side side, std::uint32_t syn_seq, base::TimeNs silent_ns) {
  const TcpSide& me = tcp.side(side);
  if (me.started && me.isn == syn_seq) return false;  // the same SYN again
  const TcpSide& peer = tcp.side(model::other(side));
  const auto over = [](const TcpSide& s) {
    return s.state == EndState::kClosed || s.state == EndState::kReset;
  };
  const auto no_syn = [](const TcpSide& s) {
    return s.state == EndState::kPartial || s.state == EndState::kInactive;
  };
  return over(me) || over(peer) || (no_syn(me) && no_syn(peer)) || silent_ns >= kLongSilent;
}

std::string conn_state(const TcpFlow& tcp, bool flipped, bool payload) {
  const TcpSide& orig = tcp.sides[flipped ? 1 : 0];
  const TcpSide& resp = tcp.sides[flipped ? 0 : 1];
  const EndState os = orig.state;
  const EndState rs = resp.state;
  const auto inactive = [](EndState s) {
    return s == EndState::kInactive || s == EndState::kPartial;
  };
  if (rs == EndState::kReset) {
    if (os == EndState::kSynSent || (os == EndState::kReset && !payload)) return "REJ";
    return inactive(os) ? "RSTRH" : "RSTR";
  }
  if (os == EndState::kReset) {
    if (!inactive(rs)) return "RSTO";
    return is_syn_then_rst(history_text(tcp, flipped, false)) ? "RSTOS0" : "OTH";
  }
  if (os == EndState::kClosed && rs == EndState::kClosed) return "SF";
  if (os == EndState::kClosed) return inactive(rs) ? "SH" : "S2";
  if (rs == EndState::kClosed) return inactive(os) ? "SHR" : "S3";
  if (os == EndState::kSynSent && rs == EndState::kInactive) return "S0";
  if (os == EndState::kEstablished && rs == EndState::kEstablished) return "S1";
  return "OTH";
}

std::string history_text(const TcpFlow& tcp, bool flipped, bool by_content) {
  std::string out;
  out.reserve(History::kMax + 1);
  if (by_content || tcp.sides[0].answered_first || tcp.sides[1].answered_first) out += '^';
  tcp.history.append_to(out, flipped);
  for (std::size_t s = 0; s < 2; ++s) {
    const TcpSide& side = tcp.sides[s];
    if (side.held || side.bare_syn || side.gaps > 0 || side.hole_begin == side.hole_end) continue;
    out += (s == 1) != flipped ? 'g' : 'G';  // a hole that may still be filled, but was not yet
  }
  if (out.size() > History::kMax) out.resize(History::kMax);
  return out;
}

}  // namespace netwatch::flow
