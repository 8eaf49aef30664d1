#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tui/grapheme.h"
#include "tui/style.h"

namespace netwatch::tui {

// One position of the grid. A wide cluster owns its cell and the continuation cell to its right.
struct Cell {
  std::array<char, kMaxGraphemeBytes> bytes{' '};
  std::uint8_t length = 1;
  std::uint8_t columns = 1;  // 1, 2, or 0: the right half of the cell before
  Style style;

  [[nodiscard]] std::string_view text() const { return {bytes.data(), length}; }
  friend bool operator==(const Cell& a, const Cell& b) {
    return a.columns == b.columns && a.style == b.style && a.text() == b.text();
  }
};

enum class Align : std::uint8_t { kLeft, kRight, kCentre };

// A screen as a plain value: what a frame should look like. Everything outside is clipped, and
// nothing that is put can reach a terminal as anything but visible cells (see GraphemeCursor).
class Canvas {
 public:
  static constexpr int kMaxSide = 4096;

  // Sides are clamped to 0..kMaxSide.
  Canvas(int width, int height, Style background = {});

  [[nodiscard]] int width() const { return width_; }
  [[nodiscard]] int height() const { return height_; }
  [[nodiscard]] Rect area() const { return {0, 0, width_, height_}; }
  [[nodiscard]] const Cell& at(int x, int y) const { return cells_[index(x, y)]; }

  // Puts text from (x, y) to the right, cut after `max_columns`. Returns the columns taken.
  int put(int x, int y, std::string_view text, Style style,
          int max_columns = std::numeric_limits<int>::max());
  // Puts text into a field of `columns`, ended by '…' if it is too long.
  void put_field(int x, int y, int columns, std::string_view text, Style style,
                 Align align = Align::kLeft);
  void fill(Rect area, Style style, std::string_view cluster = " ");
  // Changes only the background and adds attributes: for selections over what is drawn.
  void tint(Rect area, Color background, std::uint8_t more_attributes = 0);
  void horizontal(int x, int y, int columns, Style style, std::string_view cluster = "─");
  void vertical(int x, int y, int rows, Style style, std::string_view cluster = "│");
  // A frame with round corners; nothing inside it is touched.
  void box(Rect area, Style style);

  // Where the terminal's own cursor is to be shown; nowhere by default.
  void set_cursor(int x, int y) { cursor_ = std::pair{x, y}; }
  [[nodiscard]] std::optional<std::pair<int, int>> cursor() const { return cursor_; }

  // The text plane: one line per row, trailing blanks removed.
  [[nodiscard]] std::string to_text() const;
  // The style plane: one letter per cell in order of first use ('.' is the most used one and is
  // removed at line ends), then a legend.
  [[nodiscard]] std::string to_styles() const;

  friend bool operator==(const Canvas&, const Canvas&) = default;

 private:
  [[nodiscard]] std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(x);
  }
  void set(int x, int y, const Grapheme& cluster, Style style);
  void blank_half(int x, int y);

  int width_ = 0;
  int height_ = 0;
  std::vector<Cell> cells_;
  std::optional<std::pair<int, int>> cursor_;
};

}  // namespace netwatch::tui
