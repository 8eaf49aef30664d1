#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace netwatch::base {

// Reads untrusted bytes front to back. A read past the end returns zeros or an empty span and
// marks the cursor failed; a failed cursor stays failed and is at its end, so a parser may read
// a whole structure and ask ok() once. Never throws, never allocates. The bytes must outlive it.
class Cursor {
 public:
  constexpr Cursor() = default;
  constexpr explicit Cursor(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] constexpr bool ok() const { return !failed_; }
  [[nodiscard]] constexpr bool at_end() const { return offset_ == bytes_.size(); }
  [[nodiscard]] constexpr std::size_t offset() const { return offset_; }
  [[nodiscard]] constexpr std::size_t remaining() const { return bytes_.size() - offset_; }
  [[nodiscard]] constexpr Bytes rest() const { return bytes_.subspan(offset_); }

  constexpr void fail() {
    failed_ = true;
    offset_ = bytes_.size();
  }

  // Big-endian (network order) integers of `n` bytes, n <= 8.
  constexpr std::uint64_t be(std::size_t n) {
    std::uint64_t value = 0;
    for (std::uint8_t byte : take(n)) value = (value << 8) | byte;
    return value;
  }
  // Little-endian integers of `n` bytes, n <= 8.
  constexpr std::uint64_t le(std::size_t n) {
    std::uint64_t value = 0;
    unsigned shift = 0;
    for (std::uint8_t byte : take(n)) {
      value |= std::uint64_t{byte} << shift;
      shift += 8;
    }
    return value;
  }

  constexpr std::uint8_t u8() { return static_cast<std::uint8_t>(be(1)); }
  constexpr std::uint16_t u16() { return static_cast<std::uint16_t>(be(2)); }
  constexpr std::uint32_t u24() { return static_cast<std::uint32_t>(be(3)); }
  constexpr std::uint32_t u32() { return static_cast<std::uint32_t>(be(4)); }
  constexpr std::uint64_t u64() { return be(8); }
  constexpr std::uint16_t u16le() { return static_cast<std::uint16_t>(le(2)); }
  constexpr std::uint32_t u32le() { return static_cast<std::uint32_t>(le(4)); }
  constexpr std::uint64_t u64le() { return le(8); }

  // Exactly `n` bytes, or fails and returns none.
  constexpr Bytes take(std::size_t n) {
    if (n > remaining()) {
      fail();
      return {};
    }
    const Bytes part = bytes_.subspan(offset_, n);
    offset_ += n;
    return part;
  }
  // At most `n` bytes: what is left if that is less. Never fails.
  constexpr Bytes take_up_to(std::size_t n) { return take(std::min(n, remaining())); }
  // A cursor over the next `n` bytes; a failed one if there are fewer.
  constexpr Cursor sub(std::size_t n) {
    Cursor part(take(n));
    if (failed_) part.fail();
    return part;
  }
  constexpr void skip(std::size_t n) { (void)take(n); }

  // The byte `ahead` of the next one, without moving; 0 past the end, without failing.
  [[nodiscard]] constexpr std::uint8_t peek(std::size_t ahead = 0) const {
    return ahead < remaining() ? bytes_[offset_ + ahead] : std::uint8_t{0};
  }

 private:
  Bytes bytes_;
  std::size_t offset_ = 0;
  bool failed_ = false;
};

}  // namespace netwatch::base
