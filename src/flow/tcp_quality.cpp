#include "flow/tcp_quality.h"

#include <algorithm>
#include <limits>

#include "base/cursor.h"
#include "flow/tcp_tracker.h"
#include "wire/byte_order.h"

namespace netwatch::flow {
namespace {

using model::Side;

// Without any round trip measured, a segment this much behind was sent again: networks reorder
// within less, and few paths are faster.
constexpr Micros kReorderUs = 3000;
// RFC 5681 2: two duplicates and a third make a fast retransmission; a capture may miss one.
constexpr std::uint8_t kFastRetransmit = 2;
constexpr std::size_t kFixedHeader = 20;
constexpr std::uint32_t kAlignedTimestamps = 0x0101'080a;  // NOP, NOP, kind 8, length 10

template <typename T>
void bump(T& counter) {
  if (counter != std::numeric_limits<T>::max()) ++counter;
}

struct Options {
  bool has_ts = false;
  bool has_scale = false;
  std::uint8_t scale = 0;
  std::uint32_t tsval = 0;
  std::uint32_t tsecr = 0;
};

// RFC 9293 3.1, RFC 7323 2.2 and 3.2.
Options read_options(const wire::Decoded& decoded) {
  Options out;
  const base::Bytes header = decoded.transport_header();
  if (header.size() <= kFixedHeader) return out;
  // The layout that RFC 7323 appendix A recommends is what nearly all segments have.
  if (header.size() == kFixedHeader + 12 &&
      wire::load_be32(header.data() + kFixedHeader) == kAlignedTimestamps) {
    out.has_ts = true;
    out.tsval = wire::load_be32(header.data() + kFixedHeader + 4);
    out.tsecr = wire::load_be32(header.data() + kFixedHeader + 8);
    return out;
  }
  base::Cursor cursor(header.subspan(kFixedHeader));
  while (!cursor.at_end()) {
    const std::uint8_t kind = cursor.u8();
    if (kind == 0) break;
    if (kind == 1) continue;
    const std::uint8_t len = cursor.u8();
    if (len < 2) break;
    base::Cursor body = cursor.sub(len - 2U);
    if (!cursor.ok()) break;
    if (kind == 3 && len == 3) {
      out.has_scale = true;
      out.scale = std::min<std::uint8_t>(body.u8(), 14);
    } else if (kind == 8 && len == 10) {
      out.has_ts = true;
      out.tsval = body.u32();
      out.tsecr = body.u32();
    }
  }
  return out;
}

bool has(const wire::Decoded& decoded, std::uint8_t flag) {
  return (decoded.tcp_flags & flag) != 0;
}

// What the peer sent is acknowledged: the end of a round trip, or one more time the same.
void take_ack(TcpQuality& me, TcpQuality& peer, const TcpSide& side, const TcpSide& peer_side,
              const wire::Decoded& decoded, Micros now_us) {
  const std::uint32_t ack = decoded.tcp_ack;
  if (peer.probing && seq_diff(ack, peer.probe_end) >= 0) {
    // Of what was sent twice, time stamps alone say which one is acknowledged (RFC 6298 3).
    bool clear = !peer.probe_spoiled;
    if (!clear && peer.probe_has_ts) {
      const Options options = read_options(decoded);
      clear = options.has_ts && options.tsecr == peer.probe_tsval;
    }
    if (clear && seq_diff(ack, peer_side.next + 1) <= 0) {
      bool measured = peer.measured;
      smooth(measured, peer.srtt_us, peer.min_us, now_us - peer.probe_us);
      peer.measured = measured;
    }
    peer.probing = false;
  }
  const bool pure =
      decoded.payload_wire_len == 0 && !has(decoded, wire::tcp_flag::kSyn | wire::tcp_flag::kFin);
  const bool same = me.acked && ack == me.last_ack && decoded.tcp_window == me.last_window;
  if (!same || !pure) {
    if (!same) me.duplicate_run = 0;
  } else if (decoded.tcp_seq == side.next && seq_diff(peer_side.next, ack) > 0) {
    bump(me.duplicate_acks);
    bump(me.duplicate_run);
  }
  me.acked = true;
  me.last_ack = ack;
  me.last_window = decoded.tcp_window;
}

// Begins to time a segment that nothing is missing before.
void start_probe(TcpQuality& me, const TcpSide& side, const Options& options, Micros now_us) {
  me.probing = true;
  me.probe_spoiled = false;
  me.probe_end = side.next;
  me.probe_us = now_us;
  me.probe_has_ts = options.has_ts;
  me.probe_tsval = options.tsval;
}

void spoil_probe(TcpQuality& me, const wire::Decoded& decoded) {
  if (!me.probing || seq_diff(me.probe_end, decoded.tcp_seq) <= 0) return;
  me.probe_spoiled = true;
  if (!me.probe_has_ts) return;
  const Options options = read_options(decoded);
  if (!options.has_ts || options.tsval == me.probe_tsval) me.probe_has_ts = false;
}

// How long a segment may be behind the latest one and yet have been overtaken on its way: what is
// sent again because the receiver asked takes a round trip.
Micros reorder_limit(const TcpFlow& tcp, const TcpQualities& all) {
  const TcpQuality& one = all.sides[0];
  const TcpQuality& other = all.sides[1];
  if (one.measured && other.measured) return one.min_us + other.min_us;
  return tcp.rtt_known() ? tcp.rtt_us : kReorderUs;
}

void take_data(TcpFlow& tcp, TcpQualities& all, Side which, const wire::Decoded& decoded,
               const Options& syn_options, const BeforeSegment& before, Micros now_us) {
  TcpSide& side = tcp.side(which);
  TcpQuality& me = all.side(which);
  const bool syn = has(decoded, wire::tcp_flag::kSyn);
  if (syn && before.syn && decoded.tcp_seq == side.isn) {
    bump(side.syn_retries);
    return spoil_probe(me, decoded);
  }
  if (!before.started || side.next != before.next) {
    me.advanced_us = now_us;
    const bool in_order = syn || !before.started || decoded.tcp_seq == before.next;
    if (me.probing || !in_order) return;
    return start_probe(me, side, syn ? syn_options : read_options(decoded), now_us);
  }
  if (decoded.payload_wire_len == 0) return;
  if (side.retransmitted != before.retransmitted) return spoil_probe(me, decoded);
  const std::int32_t behind = seq_diff(before.next, decoded.tcp_seq);
  // A keep-alive probe is neither (RFC 9293 3.8.4).
  if (behind <= 0 || (behind == 1 && decoded.payload_wire_len == 1)) return;
  const TcpQuality& peer = all.side(model::other(which));
  const bool asked = peer.duplicate_run >= kFastRetransmit && peer.last_ack == decoded.tcp_seq;
  // Negative: stamped before what advanced the stream, so that had only overtaken it.
  const auto behind_us = static_cast<std::int32_t>(now_us - me.advanced_us);
  if (!asked && std::int64_t{behind_us} < std::int64_t{reorder_limit(tcp, all)}) {
    return bump(me.out_of_order);
  }
  bump(me.late);
  spoil_probe(me, decoded);
}

// What take_data() makes of a SYN without data, in fewer bytes.
void take_bare_syn(TcpSide& side, const Options& options, Micros now_us) {
  if (!side.bare_syn) {
    side.bare_syn = true;
    side.bare_has_ts = options.has_ts;
    side.hole_begin = now_us;
    side.hole_end = options.tsval;
    return;
  }
  bump(side.syn_retries);
  side.bare_spoiled = true;
  if (!options.has_ts || options.tsval == side.hole_end) side.bare_has_ts = false;
}

std::int64_t known(bool is_known, Micros us) { return is_known ? std::int64_t{us} : -1; }

}  // namespace

void smooth(bool& measured, Micros& srtt_us, Micros& min_us, Micros sample_us) {
  if (sample_us > std::numeric_limits<Micros>::max() / 2) return;  // packet times stepped back
  if (!measured) {
    measured = true;
    srtt_us = min_us = sample_us;
    return;
  }
  const std::int64_t off = std::int64_t{sample_us} - srtt_us;
  srtt_us = static_cast<Micros>(srtt_us + off / 8);
  min_us = std::min(min_us, sample_us);
}

bool is_bare(const TcpFlow& tcp, Side which, const wire::Decoded& decoded) {
  using namespace wire::tcp_flag;
  if (has(decoded, kRst)) return true;
  const TcpSide& me = tcp.side(which);
  return (decoded.tcp_flags & (kSyn | kAck | kFin)) == kSyn && decoded.payload_wire_len == 0 &&
         (!me.bare_syn || me.isn == decoded.tcp_seq);
}

void move_bare(TcpFlow& tcp, TcpQualities& to) {
  for (const Side which : {Side::kOriginator, Side::kResponder}) {
    TcpSide& side = tcp.side(which);
    if (!side.bare_syn) continue;
    TcpQuality& quality = to.side(which);
    quality.probing = true;
    quality.probe_has_ts = side.bare_has_ts;
    quality.probe_spoiled = side.bare_spoiled;
    quality.probe_end = side.next;
    quality.probe_us = quality.advanced_us = side.hole_begin;
    quality.probe_tsval = side.hole_end;
    side.bare_syn = false;
    side.hole_begin = side.hole_end = 0;
  }
}

void note_quality(TcpFlow& tcp, TcpQualities* qualities, Side which, const wire::Decoded& decoded,
                  const BeforeSegment& before, Micros now_us) {
  TcpSide& side = tcp.side(which);
  if (has(decoded, wire::tcp_flag::kRst)) return bump(side.resets);
  const bool syn = has(decoded, wire::tcp_flag::kSyn);
  Options syn_options;
  if (syn) {
    syn_options = read_options(decoded);
    if (syn_options.has_scale) side.window_scale = syn_options.scale & 0xf;
  }
  if (qualities == nullptr) return take_bare_syn(side, syn_options, now_us);
  TcpQuality& me = qualities->side(which);
  if (has(decoded, wire::tcp_flag::kAck)) {
    const Side other = model::other(which);
    take_ack(me, qualities->side(other), side, tcp.side(other), decoded, now_us);
  }
  if (!syn && decoded.tcp_window == 0) bump(me.zero_windows);
  if (syn || decoded.payload_wire_len > 0)
    take_data(tcp, *qualities, which, decoded, syn_options, before, now_us);
}

model::SideQuality side_quality(const TcpSide& side, const TcpQuality* quality) {
  model::SideQuality out;
  if (side.window_scale != TcpSide::kNoScale) out.window_scale = side.window_scale;
  out.syn_retries = side.syn_retries;
  out.resets = side.resets;
  if (quality == nullptr) return out;
  out.rtt_us = known(quality->measured, quality->srtt_us);
  out.rtt_min_us = known(quality->measured, quality->min_us);
  out.out_of_order = quality->out_of_order;
  out.duplicate_acks = quality->duplicate_acks;
  out.zero_windows = quality->zero_windows;
  return out;
}

}  // namespace netwatch::flow
