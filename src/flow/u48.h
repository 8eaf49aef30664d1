#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace netwatch::flow {

// A counter of 48 bits that stops at its limit instead of wrapping: 281 TB, or 281 T packets.
// Six bytes instead of eight matter a million times over.
class U48 {
 public:
  static constexpr std::uint64_t kMax = (std::uint64_t{1} << 48) - 1;

  U48() = default;
  explicit U48(std::uint64_t value) { set(value); }

  [[nodiscard]] std::uint64_t get() const {
    return words_[0] | (std::uint64_t{words_[1]} << 16) | (std::uint64_t{words_[2]} << 32);
  }
  void set(std::uint64_t value) {
    value = std::min(value, kMax);
    words_[0] = static_cast<std::uint16_t>(value);
    words_[1] = static_cast<std::uint16_t>(value >> 16);
    words_[2] = static_cast<std::uint16_t>(value >> 32);
  }
  void add(std::uint64_t more) { set(more > kMax ? kMax : get() + more); }
  void subtract(std::uint64_t less) { set(less > get() ? 0 : get() - less); }

 private:
  std::array<std::uint16_t, 3> words_{};
};

}  // namespace netwatch::flow
