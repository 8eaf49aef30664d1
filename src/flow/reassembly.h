#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "flow/chunk_slab.h"
#include "flow/tcp_tracker.h"
#include "model/flow.h"

namespace netwatch::flow {

// Takes what reassembly gives out, in stream order: bytes (never empty), or a gap (bytes empty).
class StreamOut {
 public:
  // Whether more of this flow is wanted. The bytes are gone when this returns.
  virtual bool emit(std::uint32_t flow, model::Side side, base::Bytes bytes, std::uint64_t gap) = 0;

 protected:
  ~StreamOut() = default;
};

struct Segment {
  std::uint32_t seq = 0;       // of the first byte
  base::Bytes bytes;           // captured
  std::uint32_t wire_len = 0;  // at least bytes.size(); the rest was cut and becomes a gap
};

// Puts the segments of the flows that are read back in order (RFC 9293 3.10.7.4). In-order bytes
// pass through untouched; what comes early is copied into blocks of a fixed budget until its hole
// is filled, or given up: see docs/flow.md for when. Where segments overlap, the bytes seen first
// win. Work per segment is bounded by kMaxPieces and the segment's length.
class Reassembly {
 public:
  static constexpr std::size_t kBlockBytes = 2048;
  static constexpr std::size_t kBlocks = 32;
  static constexpr std::int32_t kWindow = (kBlocks - 1) * kBlockBytes;  // held ahead of a hole
  static constexpr std::size_t kMaxPieces = 32;

  Reassembly(StreamOut& out, std::size_t budget_bytes) : out_(out), budget_bytes_(budget_bytes) {}

  // All of these may call StreamOut::emit; if that answers no, all that is held of the flow is
  // forgotten and false is returned: the caller must then treat the flow as unread.
  bool segment(TcpFlow& tcp, std::uint32_t flow, model::Side side, Segment segment);
  // The first SYN of `side` says that its stream begins at `seq`. What came before the SYN stays
  // part of the stream only if it began right there, and a FIN never does.
  void begin(TcpFlow& tcp, model::Side side, std::uint32_t seq);
  // The stream of `side` ends before `seq`.
  bool fin(TcpFlow& tcp, std::uint32_t flow, model::Side side, std::uint32_t seq);
  // The other side acknowledged all before `ack`; `data`: in a segment with payload.
  bool acknowledged(TcpFlow& tcp, model::Side side, std::uint32_t ack, bool data);
  // Gives out all that is held of both sides, with its gaps.
  bool flush(TcpFlow& tcp);
  // Forgets all that is held of both sides.
  void drop(TcpFlow& tcp);

  [[nodiscard]] std::size_t used_bytes() const;                     // never more than the budget
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }  // sides given up
  [[nodiscard]] std::uint64_t gap_bytes() const { return gap_bytes_; }  // all gaps emitted
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Block {
    std::array<std::uint8_t, kBlockBytes> bytes;
    std::uint32_t free_link;
  };
  struct Piece {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  // One direction with a hole. Block n of the sequence space is blocks[n % kBlocks].
  struct HeldSide {
    TcpFlow* tcp = nullptr;
    std::uint32_t flow = 0;
    std::uint32_t older = kNone;  // list by last use; `older` is also the free list's link
    std::uint32_t newer = kNone;
    std::uint32_t delivered = 0;  // next byte to give out: the hole begins here
    std::uint32_t acked = 0;
    std::uint32_t far_next = 0;  // end of a segment beyond the window that nobody confirmed yet
    model::Side side = model::Side::kOriginator;
    bool has_far = false;
    bool has_ack = false;
    std::uint8_t evidence = 0;  // that the hole will not be filled
    std::uint8_t piece_count = 0;
    std::array<Piece, kMaxPieces> pieces{};  // held bytes, ascending, disjoint, not adjacent
    std::array<std::uint32_t, kBlocks> blocks;

    [[nodiscard]] TcpSide& tcp_side() const { return tcp->side(side); }
    [[nodiscard]] std::uint32_t first_or(std::uint32_t limit) const {
      return piece_count > 0 && seq_diff(pieces[0].begin, limit) < 0 ? pieces[0].begin : limit;
    }
  };

  bool pass(TcpFlow& tcp, std::uint32_t flow, model::Side side, const Segment& segment);
  bool emit_gap(TcpFlow& tcp, std::uint32_t flow, model::Side side, std::uint32_t len, bool cut);
  std::uint32_t open(TcpFlow& tcp, std::uint32_t flow, model::Side side);
  void close(std::uint32_t held);
  bool finish_step(TcpFlow& tcp, std::uint32_t held, bool wanted);

  bool held_segment(HeldSide& h, Segment segment);
  bool direct(HeldSide& h, Segment segment);
  bool store(HeldSide& h, const Segment& segment);
  bool take_blocks(HeldSide& h, std::uint32_t begin, std::uint32_t end);
  std::uint32_t copy_new(HeldSide& h, std::uint32_t begin, base::Bytes bytes);
  void copy(HeldSide& h, std::uint32_t begin, base::Bytes bytes);
  void merge(HeldSide& h, Piece piece);
  bool skip_hole(HeldSide& h, std::uint32_t limit);
  bool skip_to(HeldSide& h, std::uint32_t seq);
  bool drain(HeldSide& h);
  bool emit_piece(HeldSide& h, Piece piece);
  void free_blocks(HeldSide& h, Piece given_out);
  bool give_up_acknowledged(HeldSide& h);

  bool make_room(std::size_t bytes, const TcpFlow* keep);
  bool evict_oldest(const TcpFlow* keep);
  void unlink(HeldSide& h);
  void link_newest(std::uint32_t held);

  StreamOut& out_;
  std::size_t budget_bytes_;
  ChunkSlab<HeldSide, &HeldSide::older, 16> held_;
  ChunkSlab<Block, &Block::free_link, 16> blocks_;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::uint64_t evicted_ = 0;
  std::uint64_t gap_bytes_ = 0;
};

}  // namespace netwatch::flow
