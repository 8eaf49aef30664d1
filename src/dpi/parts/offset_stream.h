#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace netwatch::dpi {

// Puts in order what comes with an offset: one side's CRYPTO frames in QUIC (RFC 9000 19.6), the
// fragments of a handshake message in DTLS (RFC 9147 5.5). They come shuffled, twice and
// overlapping. The bytes lie in `room`, which the caller owns and gives to every call: it may grow
// between calls, and shrink to no less than extent(). Where data overlap, what came first stays.
class OffsetStream {
 public:
  // False if some of it was left out: it lies beyond the room, or there would be too many gaps.
  bool add(std::uint64_t offset, base::Bytes data, std::span<std::uint8_t> room);
  // What is there without a gap, from the first byte that was not consumed.
  [[nodiscard]] base::Bytes ready(std::span<const std::uint8_t> room) const;
  // `bytes` <= ready().size(): they are read, what follows moves to the front.
  void consume(std::size_t bytes, std::span<std::uint8_t> room);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t extent() const { return count_ == 0 ? 0 : ranges_[count_ - 1].end; }

 private:
  // Of bytes that are there, counted from the first one that was not consumed.
  struct Range {
    std::uint16_t begin = 0;
    std::uint16_t end = 0;
  };
  // A client that shuffles on purpose cuts its hello in about ten; a bound is needed all the same.
  static constexpr std::size_t kMaxRanges = 32;

  std::uint64_t consumed_ = 0;
  std::array<Range, kMaxRanges> ranges_;  // ascending, never touching
  std::uint8_t count_ = 0;
};

}  // namespace netwatch::dpi
