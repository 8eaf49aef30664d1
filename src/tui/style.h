#pragma once

#include <compare>
#include <cstdint>

namespace netwatch::tui {

// A colour of a cell: the terminal's own default, one of its 256 palette entries, or 24-bit RGB.
struct Color {
  enum class Kind : std::uint8_t { kDefault, kPalette, kRgb };

  Kind kind = Kind::kDefault;
  std::uint8_t r = 0;  // of kPalette: the entry
  std::uint8_t g = 0;
  std::uint8_t b = 0;

  static constexpr Color palette(std::uint8_t entry) { return {Kind::kPalette, entry, 0, 0}; }
  static constexpr Color rgb(std::uint32_t hex) {
    return {Kind::kRgb, static_cast<std::uint8_t>(hex >> 16), static_cast<std::uint8_t>(hex >> 8),
            static_cast<std::uint8_t>(hex)};
  }
  friend constexpr auto operator<=>(const Color&, const Color&) = default;
};

// Bits of Style::attributes.
namespace attribute {
inline constexpr std::uint8_t kBold = 1;
inline constexpr std::uint8_t kDim = 2;
inline constexpr std::uint8_t kItalic = 4;
inline constexpr std::uint8_t kUnderline = 8;
inline constexpr std::uint8_t kReverse = 16;
// Reverse video, but only where the terminal cannot show the background colour.
inline constexpr std::uint8_t kReverseIfMono = 32;
}  // namespace attribute

struct Style {
  Color fg;
  Color bg;
  std::uint8_t attributes = 0;

  [[nodiscard]] constexpr Style with(std::uint8_t more) const {
    return {fg, bg, static_cast<std::uint8_t>(attributes | more)};
  }
  [[nodiscard]] constexpr Style on(Color background) const { return {fg, background, attributes}; }
  friend constexpr auto operator<=>(const Style&, const Style&) = default;
};

struct Rect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  [[nodiscard]] constexpr int right() const { return x + width; }    // first column outside
  [[nodiscard]] constexpr int bottom() const { return y + height; }  // first row outside
  [[nodiscard]] constexpr bool contains(int px, int py) const {
    return px >= x && px < right() && py >= y && py < bottom();
  }
  [[nodiscard]] constexpr Rect inset(int by) const {
    return {x + by, y + by, width - 2 * by, height - 2 * by};
  }
  friend constexpr bool operator==(const Rect&, const Rect&) = default;
};

}  // namespace netwatch::tui
