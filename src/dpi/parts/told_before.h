#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"
#include "dpi/parts/seen_texts.h"

namespace netwatch::dpi {

// What was told of a conversation before, as hashes of the last kMost: who polls asks the
// same all day long, and is reported once. Two messages whose hashes meet count as one, which a
// stranger can bring about: so it is for what only repeats, never for what changes something.
template <std::size_t kMost>
class ToldBefore {
 public:
  // Whether these bytes were; from now on they are.
  bool operator()(std::initializer_list<base::Bytes> parts) {
    std::uint32_t hash = text_hash({});
    for (const base::Bytes part : parts) hash = text_hash(base::as_text(part), hash);
    hash |= 1;  // 0 is an empty place
    if (std::ranges::find(hashes_, hash) != hashes_.end()) return true;
    hashes_[next_] = hash;
    next_ = static_cast<std::uint8_t>((next_ + 1) % kMost);
    return false;
  }

 private:
  static_assert(kMost <= 255);
  std::array<std::uint32_t, kMost> hashes_{};
  std::uint8_t next_ = 0;
};

}  // namespace netwatch::dpi
