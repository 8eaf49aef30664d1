#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace netwatch::dpi {

// A text that is cut to the room that it has.
template <std::size_t kBytes>
class ShortText {
 public:
  void set(std::string_view text) {
    size_ = static_cast<std::uint8_t>(std::min(text.size(), kBytes));
    std::ranges::copy(text.substr(0, size_), text_.begin());
  }
  [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
  static_assert(kBytes < 256);
  std::uint8_t size_ = 0;
  std::array<char, kBytes> text_;
};

}  // namespace netwatch::dpi
