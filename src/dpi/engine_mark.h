#pragma once

#include <cstdint>

#include "model/flow.h"

namespace netwatch::dpi {

// A slot without an analysis: which sides of an unknown flow were looked at in vain, how often.
class Mark {
 public:
  static constexpr std::uint32_t kBit = 0x80000000;
  static constexpr std::uint32_t kCountMask = 0xFFFF;

  static bool is(std::uint32_t slot) { return (slot & kBit) != 0; }
  explicit Mark(std::uint32_t slot) : slot_(is(slot) ? slot : kBit) {}

  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  [[nodiscard]] std::uint32_t count() const { return slot_ & kCountMask; }
  [[nodiscard]] bool refused(model::Side side) const {
    return ((slot_ >> (kSideShift + model::index(side))) & 1) != 0;
  }
  void refuse(model::Side side) { slot_ |= 1U << (kSideShift + model::index(side)); }
  void count_one() {
    if (count() < kCountMask) ++slot_;
  }

 private:
  static constexpr unsigned kSideShift = 16;
  std::uint32_t slot_;
};

}  // namespace netwatch::dpi
