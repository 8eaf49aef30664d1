#include "flow/reassembly.h"

#include <algorithm>
#include <cstring>

namespace netwatch::flow {
namespace {

using model::Side;

// How much must speak for a hole being final: an acknowledgement of its bytes counts one, or two
// when it comes with an answer's payload; later segments of the same side count one each. A single
// packet never decides, since the two directions may be captured slightly out of order.
constexpr std::uint8_t kEnoughEvidence = 3;

// Of the whole sequence space; a multiple of kBlocks, so the ring of blocks goes on where the
// sequence numbers wrap.
constexpr std::uint32_t kBlockNumbers = 0xffffffff / Reassembly::kBlockBytes + 1;
static_assert(kBlockNumbers % Reassembly::kBlocks == 0);

std::uint32_t block_number(std::uint32_t seq) {
  return static_cast<std::uint32_t>(seq / Reassembly::kBlockBytes);
}

// Cuts off the bytes before `seq`. Those may include ones that were not captured.
void trim_front(Segment& segment, std::uint32_t seq) {
  const std::int32_t old = seq_diff(seq, segment.seq);
  if (old <= 0) return;
  const auto n = std::min(static_cast<std::uint32_t>(old), segment.wire_len);
  segment.seq += n;
  segment.wire_len -= n;
  segment.bytes = segment.bytes.subspan(std::min<std::size_t>(n, segment.bytes.size()));
}

std::uint32_t end_of(const Segment& segment) { return segment.seq + segment.wire_len; }

}  // namespace

bool Reassembly::segment(TcpFlow& tcp, std::uint32_t flow, Side side, Segment segment) {
  TcpSide& me = tcp.side(side);
  if (!me.started) me.start(segment.seq);
  if (me.held) {
    const std::uint32_t held = me.hole_begin;
    return finish_step(tcp, held, held_segment(held_[held], segment));
  }
  const std::int32_t ahead = seq_diff(segment.seq, me.next);
  if (ahead > 0) {
    const std::uint32_t held = open(tcp, flow, side);
    if (held != kNone) return finish_step(tcp, held, held_segment(held_[held], segment));
    if (ahead > kMaxSeqJump) return true;
    if (!emit_gap(tcp, flow, side, static_cast<std::uint32_t>(ahead), false)) return false;
  } else if (ahead < 0) {
    if (seq_diff(end_of(segment), me.next) <= 0) {
      note_old_data(tcp, side, segment.seq, segment.wire_len);
      return true;
    }
    trim_front(segment, me.next);
  }
  me.next = end_of(segment);
  const bool wanted = pass(tcp, flow, side, segment);
  if (!wanted) drop(tcp);
  return wanted;
}

// A receiver that waits for a SYN drops all else (RFC 9293 3.10.7.3), so bytes before it are either
// forged, or were captured out of order.
void Reassembly::begin(TcpFlow& tcp, Side side, std::uint32_t seq) {
  TcpSide& me = tcp.side(side);
  if (!me.started) return;
  me.fin = false;
  if (me.saw_data && me.isn + 1 == seq) return;
  if (me.held) close(me.hole_begin);
  me.start(seq);
  me.hole_begin = me.hole_end = seq;
}

bool Reassembly::fin(TcpFlow& tcp, std::uint32_t flow, Side side, std::uint32_t seq) {
  TcpSide& me = tcp.side(side);
  if (!me.started) me.start(seq);
  const std::int32_t ahead = seq_diff(seq, me.next);
  if (ahead <= 0 || ahead > kMaxSeqJump) return true;
  // Without room to wait for the missing bytes they are given up at once.
  if (!me.held && open(tcp, flow, side) == kNone) {
    me.next = seq;
    const bool wanted = emit_gap(tcp, flow, side, static_cast<std::uint32_t>(ahead), false);
    if (!wanted) drop(tcp);
    return wanted;
  }
  me.next = seq;
  return true;
}

bool Reassembly::acknowledged(TcpFlow& tcp, Side side, std::uint32_t ack, bool data) {
  const TcpSide& me = tcp.side(side);
  if (!me.held) return true;
  HeldSide& h = held_[me.hole_begin];
  const std::uint32_t hole_end = h.first_or(me.next);
  // An acknowledgement of what was never sent (RFC 9293 3.10.7.4) says nothing; a FIN counts one.
  if (seq_diff(ack, hole_end) < 0 || seq_diff(ack, me.next + 1) > 0) return true;
  if (!h.has_ack || seq_diff(ack, h.acked) > 0) h.acked = ack;
  h.has_ack = true;
  h.evidence = static_cast<std::uint8_t>(h.evidence + (data ? 2 : 1));
  return finish_step(tcp, me.hole_begin, give_up_acknowledged(h));
}

bool Reassembly::flush(TcpFlow& tcp) {
  for (const Side side : {Side::kOriginator, Side::kResponder}) {
    const TcpSide& me = tcp.side(side);
    if (!me.held) continue;
    const std::uint32_t held = me.hole_begin;
    if (!finish_step(tcp, held, skip_to(held_[held], me.next))) return false;
  }
  return true;
}

void Reassembly::drop(TcpFlow& tcp) {
  for (TcpSide& me : tcp.sides) {
    if (!me.held) continue;
    const HeldSide& h = held_[me.hole_begin];
    // What was never seen stays lost; what was held was seen.
    std::uint32_t missing = me.next - h.delivered;
    for (std::size_t i = 0; i < h.piece_count; ++i) missing -= h.pieces[i].end - h.pieces[i].begin;
    me.lost_bytes.add(missing);
    close(me.hole_begin);
  }
}

std::size_t Reassembly::used_bytes() const {
  return held_.live() * sizeof(HeldSide) + blocks_.live() * sizeof(Block);
}

std::size_t Reassembly::memory_bytes() const {
  return held_.memory_bytes() + blocks_.memory_bytes();
}

// A segment whose first byte is the next one.
bool Reassembly::pass(TcpFlow& tcp, std::uint32_t flow, Side side, const Segment& segment) {
  if (!segment.bytes.empty() && !out_.emit(flow, side, segment.bytes, 0)) return false;
  const auto cut = static_cast<std::uint32_t>(segment.wire_len - segment.bytes.size());
  return cut == 0 || emit_gap(tcp, flow, side, cut, true);
}

bool Reassembly::emit_gap(TcpFlow& tcp, std::uint32_t flow, Side side, std::uint32_t len,
                          bool cut) {
  gap_bytes_ += len;
  if (!cut) {  // what a snaplen cut off was on the wire: not lost, only not seen
    tcp.side(side).lost_bytes.add(len);
    note_gap(tcp, side);
  }
  return out_.emit(flow, side, {}, len);
}

std::uint32_t Reassembly::open(TcpFlow& tcp, std::uint32_t flow, Side side) {
  if (!make_room(sizeof(HeldSide), &tcp)) return kNone;
  const std::uint32_t held = held_.take();
  HeldSide& h = held_[held];
  TcpSide& me = tcp.side(side);
  h.tcp = &tcp;
  h.flow = flow;
  h.side = side;
  h.delivered = me.next;
  h.blocks.fill(kNone);
  me.held = true;
  me.hole_begin = held;
  link_newest(held);
  return held;
}

void Reassembly::close(std::uint32_t held) {
  HeldSide& h = held_[held];
  TcpSide& me = h.tcp_side();
  for (const std::uint32_t block : h.blocks) {
    if (block != kNone) blocks_.give_back(block);
  }
  unlink(h);
  held_.give_back(held);
  me.held = false;
  me.hole_begin = me.hole_end = me.next;
}

// After each step: forgets the flow if it is not wanted, and a direction without a hole.
bool Reassembly::finish_step(TcpFlow& tcp, std::uint32_t held, bool wanted) {
  if (!wanted) {
    drop(tcp);
    return false;
  }
  const HeldSide& h = held_[held];
  if (h.piece_count == 0 && h.delivered == h.tcp_side().next && !h.has_far) close(held);
  return true;
}

bool Reassembly::held_segment(HeldSide& h, Segment segment) {
  TcpSide& me = h.tcp_side();
  const std::uint32_t end = end_of(segment);
  if (seq_diff(end, h.delivered) <= 0) {
    note_old_data(*h.tcp, h.side, segment.seq, segment.wire_len);
    return true;
  }
  trim_front(segment, h.delivered);
  if (seq_diff(segment.seq, h.delivered) > kWindow) {
    // One stray or forged segment must not make all that follows look old: a jump is believed
    // when the next segment continues it.
    if (!h.has_far || segment.seq != h.far_next) {
      h.has_far = true;
      h.far_next = end;
      return true;
    }
    if (!skip_to(h, segment.seq)) return false;
  }
  h.has_far = false;
  while (seq_diff(segment.seq, h.delivered) > 0 && seq_diff(end, h.delivered) > kWindow) {
    if (!skip_hole(h, segment.seq)) return false;
  }
  if (seq_diff(end, h.delivered) <= 0) return true;
  trim_front(segment, h.delivered);
  if (seq_diff(end, me.next) > 0) me.next = end;
  if (segment.seq == h.delivered) return direct(h, segment);
  if (!store(h, segment)) return false;
  if (!h.has_ack) return true;
  ++h.evidence;
  return give_up_acknowledged(h);
}

// Gives out a segment that begins where the hole does, around what is already held.
bool Reassembly::direct(HeldSide& h, Segment segment) {
  h.has_ack = false;
  h.evidence = 0;
  while (segment.wire_len > 0) {
    const std::uint32_t limit = h.first_or(end_of(segment));
    const std::uint32_t n = limit - segment.seq;
    Segment part{segment.seq, segment.bytes.first(std::min<std::size_t>(n, segment.bytes.size())),
                 n};
    h.delivered = limit;
    if (n > 0 && !pass(*h.tcp, h.flow, h.side, part)) return false;
    if (!drain(h)) return false;
    trim_front(segment, h.delivered);
  }
  return drain(h);
}

bool Reassembly::store(HeldSide& h, const Segment& segment) {
  if (segment.bytes.empty()) return true;
  const std::uint32_t begin = segment.seq;
  const auto end = static_cast<std::uint32_t>(begin + segment.bytes.size());
  const bool joins =
      std::any_of(h.pieces.begin(), h.pieces.begin() + h.piece_count, [&](const Piece& piece) {
        return seq_diff(piece.begin, end) <= 0 && seq_diff(piece.end, begin) >= 0;
      });
  const bool full = !joins && h.piece_count == kMaxPieces;
  if (full || !take_blocks(h, begin, end)) {
    // No place to keep it: the first hole is given up, or all before this segment.
    if (!(full ? skip_hole(h, begin) : skip_to(h, begin))) return false;
    Segment rest = segment;
    trim_front(rest, h.delivered);
    if (rest.wire_len == 0) return true;
    return rest.seq == h.delivered ? direct(h, rest) : store(h, rest);
  }
  if (copy_new(h, begin, segment.bytes) == 0) {
    note_old_data(*h.tcp, h.side, segment.seq, segment.wire_len);
    return true;
  }
  merge(h, Piece{begin, end});
  unlink(h);
  link_newest(h.tcp_side().hole_begin);
  return true;
}

bool Reassembly::take_blocks(HeldSide& h, std::uint32_t begin, std::uint32_t end) {
  const std::uint32_t first = block_number(begin);
  const std::uint32_t last = block_number(end - 1);
  const std::uint32_t count = (last - first) % kBlockNumbers + 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t& block = h.blocks[(first + i) % kBlocks];
    if (block != kNone) continue;
    if (!make_room(sizeof(Block), h.tcp)) return false;
    block = blocks_.take();
  }
  return true;
}

// Copies what is not held yet; how many bytes that were.
std::uint32_t Reassembly::copy_new(HeldSide& h, std::uint32_t begin, base::Bytes bytes) {
  // As distances from the hole, positions compare without wrapping.
  const std::uint32_t base = h.delivered;
  std::uint32_t at = begin - base;
  const auto end = static_cast<std::uint32_t>(at + bytes.size());
  const std::uint32_t start = at;
  std::uint32_t copied = 0;
  const auto take = [&](std::uint32_t to) {
    copy(h, base + at, bytes.subspan(at - start, to - at));
    copied += to - at;
  };
  for (std::size_t i = 0; i < h.piece_count && at < end; ++i) {
    const std::uint32_t held_begin = h.pieces[i].begin - base;
    const std::uint32_t held_end = h.pieces[i].end - base;
    if (held_end <= at) continue;
    if (held_begin >= end) break;
    if (held_begin > at) take(held_begin);
    at = held_end;
  }
  if (at < end) take(end);
  return copied;
}

void Reassembly::copy(HeldSide& h, std::uint32_t begin, base::Bytes bytes) {
  while (!bytes.empty()) {
    const std::size_t offset = begin % kBlockBytes;
    const std::size_t n = std::min(bytes.size(), kBlockBytes - offset);
    Block& block = blocks_[h.blocks[block_number(begin) % kBlocks]];
    std::memcpy(block.bytes.data() + offset, bytes.data(), n);
    bytes = bytes.subspan(n);
    begin += static_cast<std::uint32_t>(n);
  }
}

// Room is there: the piece joins others, or the table is not full.
void Reassembly::merge(HeldSide& h, Piece piece) {
  std::size_t first = 0;
  while (first < h.piece_count && seq_diff(h.pieces[first].end, piece.begin) < 0) ++first;
  std::size_t last = first;
  for (; last < h.piece_count && seq_diff(h.pieces[last].begin, piece.end) <= 0; ++last) {
    if (seq_diff(h.pieces[last].begin, piece.begin) < 0) piece.begin = h.pieces[last].begin;
    if (seq_diff(h.pieces[last].end, piece.end) > 0) piece.end = h.pieces[last].end;
  }
  auto* const begin = h.pieces.data();
  const auto count = static_cast<std::size_t>(h.piece_count);
  if (first == last) {
    std::copy_backward(begin + first, begin + count, begin + count + 1);
    ++h.piece_count;
  } else {
    std::copy(begin + last, begin + count, begin + first + 1);
    h.piece_count = static_cast<std::uint8_t>(count - (last - first) + 1);
  }
  h.pieces[first] = piece;
}

// Gives the first hole up, but nothing from `limit` on.
bool Reassembly::skip_hole(HeldSide& h, std::uint32_t limit) {
  const std::uint32_t to = h.first_or(limit);
  const std::uint32_t gap = to - h.delivered;
  h.delivered = to;
  if (gap > 0 && !emit_gap(*h.tcp, h.flow, h.side, gap, false)) return false;
  return drain(h);
}

// Gives out everything before `seq`, as bytes or gaps.
bool Reassembly::skip_to(HeldSide& h, std::uint32_t seq) {
  while (seq_diff(seq, h.delivered) > 0) {
    if (!skip_hole(h, seq)) return false;
  }
  h.has_far = false;
  return true;
}

// Gives out the pieces that follow what was given out.
bool Reassembly::drain(HeldSide& h) {
  while (h.piece_count > 0 && h.pieces[0].begin == h.delivered) {
    const Piece piece = h.pieces[0];
    std::copy(h.pieces.begin() + 1, h.pieces.begin() + h.piece_count, h.pieces.begin());
    --h.piece_count;
    h.delivered = piece.end;
    if (!emit_piece(h, piece)) return false;
    free_blocks(h, piece);
  }
  return true;
}

bool Reassembly::emit_piece(HeldSide& h, Piece piece) {
  while (piece.begin != piece.end) {
    const std::size_t offset = piece.begin % kBlockBytes;
    const std::size_t n = std::min<std::size_t>(piece.end - piece.begin, kBlockBytes - offset);
    const Block& block = blocks_[h.blocks[block_number(piece.begin) % kBlocks]];
    piece.begin += static_cast<std::uint32_t>(n);
    if (!out_.emit(h.flow, h.side, base::Bytes(block.bytes).subspan(offset, n), 0)) return false;
  }
  return true;
}

void Reassembly::free_blocks(HeldSide& h, Piece given_out) {
  const std::uint32_t first = block_number(given_out.begin);
  const std::uint32_t last = block_number(given_out.end - 1);
  const bool shared = h.piece_count > 0 && block_number(h.pieces[0].begin) == last;
  for (std::uint32_t n = first;; n = (n + 1) % kBlockNumbers) {
    std::uint32_t& block = h.blocks[n % kBlocks];
    if (block != kNone && (n != last || !shared)) {
      blocks_.give_back(block);
      block = kNone;
    }
    if (n == last) break;
  }
}

bool Reassembly::give_up_acknowledged(HeldSide& h) {
  if (h.evidence < kEnoughEvidence) return true;
  h.evidence = 0;
  const TcpSide& me = h.tcp_side();
  while (h.delivered != me.next && seq_diff(h.acked, h.first_or(me.next)) >= 0) {
    if (!skip_hole(h, me.next)) return false;
  }
  h.has_ack = false;
  return true;
}

bool Reassembly::make_room(std::size_t bytes, const TcpFlow* keep) {
  while (used_bytes() + bytes > budget_bytes_) {
    if (!evict_oldest(keep)) return false;
  }
  return true;
}

// Flushes the side that has waited longest, but none of `keep`, which is being worked on.
bool Reassembly::evict_oldest(const TcpFlow* keep) {
  std::uint32_t held = oldest_;
  while (held != kNone && held_[held].tcp == keep) held = held_[held].newer;
  if (held == kNone) return false;
  TcpFlow& tcp = *held_[held].tcp;
  ++evicted_;
  if (!skip_to(held_[held], held_[held].tcp_side().next)) {
    drop(tcp);
  } else {
    close(held);
  }
  return true;
}

void Reassembly::unlink(HeldSide& h) {
  (h.older == kNone ? oldest_ : held_[h.older].newer) = h.newer;
  (h.newer == kNone ? newest_ : held_[h.newer].older) = h.older;
}

void Reassembly::link_newest(std::uint32_t held) {
  HeldSide& h = held_[held];
  h.older = newest_;
  h.newer = kNone;
  (newest_ == kNone ? oldest_ : held_[newest_].newer) = held;
  newest_ = held;
}

}  // namespace netwatch::flow
