#pragma once

#include <cstdint>
#include <optional>

namespace netwatch::collect {

struct CounterFaults {
  std::uint64_t wraps = 0;
  std::uint64_t resets = 0;
};

// One counter of the kernel over successive looks. A counter of 32 bits that falls from the top
// quarter of its range into the lowest has wrapped and goes on; any other fall is a new beginning.
class Counter {
 public:
  explicit Counter(unsigned width_bits = 64) : width_bits_(width_bits) {}

  // Takes its value at this look and tells what it grew by since the last one: nothing at the
  // first look and after a new beginning.
  std::optional<std::uint64_t> advance(std::uint64_t raw, CounterFaults& faults) {
    const std::optional<std::uint64_t> before = raw_;
    raw_ = raw;
    if (!before) return std::nullopt;
    if (raw >= *before) return raw - *before;
    const std::uint64_t quarter = std::uint64_t{1} << (kNarrowBits - 2);
    if (width_bits_ == kNarrowBits && *before >= 3 * quarter && raw < quarter) {
      ++faults.wraps;
      wrapped_ += 4 * quarter;
      return raw + 4 * quarter - *before;
    }
    ++faults.resets;
    wrapped_ = 0;
    return std::nullopt;
  }
  // The value at the last look, with what wraps have hidden of it.
  [[nodiscard]] std::uint64_t value() const { return wrapped_ + raw_.value_or(0); }

 private:
  static constexpr unsigned kNarrowBits = 32;
  unsigned width_bits_;
  std::optional<std::uint64_t> raw_;
  std::uint64_t wrapped_ = 0;
};

}  // namespace netwatch::collect
