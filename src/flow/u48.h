#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace netwatch::flow {

// A counter of 48 bits that stops at its limit instead of wrapping: 281 TB, or 281 T packets.
// Six bytes instead of eight matter a million times over.
class U48 {
 public:
  static constexpr std::uint64_t kMax = (std::uint64_t{1} << 48) - 1;

  U48() = default;
  explicit U48(std::uint64_t value) { set(value); }

  [[nodiscard]] std::uint64_t get() const {
    std::uint32_t low = 0;
    std::uint16_t high = 0;
    std::memcpy(&low, bytes_.data(), sizeof low);
    std::memcpy(&high, bytes_.data() + sizeof low, sizeof high);
    return low | (std::uint64_t{high} << 32);
  }
  void set(std::uint64_t value) {
    value = std::min(value, kMax);
    const auto low = static_cast<std::uint32_t>(value);
    const auto high = static_cast<std::uint16_t>(value >> 32);
    std::memcpy(bytes_.data(), &low, sizeof low);
    std::memcpy(bytes_.data() + sizeof low, &high, sizeof high);
  }
  void add(std::uint64_t more) { set(more > kMax ? kMax : get() + more); }
  void subtract(std::uint64_t less) { set(less > get() ? 0 : get() - less); }

 private:
  alignas(std::uint16_t) std::array<std::uint8_t, 6> bytes_{};
};

}  // namespace netwatch::flow
