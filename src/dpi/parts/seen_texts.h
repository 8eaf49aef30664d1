#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace netwatch::dpi {

// FNV-1a, to tell texts apart that are not kept. Not keyed: whoever makes two that collide hides
// one of his own.
inline std::uint32_t text_hash(std::string_view text, std::uint32_t hash = 2166136261U) {
  for (char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return hash;
}

// The first kMost texts that were seen.
template <std::size_t kMost>
class SeenTexts {
 public:
  // True if it is new, and there is room for it.
  bool add(std::uint32_t hash) {
    const std::span<const std::uint32_t> seen = std::span(hashes_).first(count_);
    if (count_ == kMost || std::ranges::find(seen, hash) != seen.end()) return false;
    hashes_[count_++] = hash;
    return true;
  }

 private:
  std::array<std::uint32_t, kMost> hashes_{};
  std::size_t count_ = 0;
};

}  // namespace netwatch::dpi
