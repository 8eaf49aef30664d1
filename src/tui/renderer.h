#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tui/canvas.h"

namespace netwatch::tui {

enum class ColorDepth : std::uint8_t { kMono, k16, k256, kTrue };

// What a terminal can be asked to show.
struct TerminalTraits {
  ColorDepth depth = ColorDepth::kTrue;
  bool utf8 = true;  // false: lines, blocks and marks are drawn in ASCII
};

// Looks a variable up; nullptr if it is not set. Usually ::getenv.
using Environment = std::function<const char*(const char* name)>;

// From TERM, COLORTERM, NO_COLOR (any non-empty value) and LC_ALL, LC_CTYPE, LANG.
TerminalTraits traits_from_environment(const Environment& environment);

// Turns canvases into bytes for a terminal: only what differs from the frame before, between the
// marks of synchronized output (mode 2026), with as few SGR changes as possible. The cursor is
// placed again after every cell that is not ASCII, so that a terminal with other ideas of a
// width can spoil that one cell and no more.
class Renderer {
 public:
  explicit Renderer(TerminalTraits traits) : traits_(traits) {}

  // Bytes that turn what is shown into `next`; empty if nothing differs. Valid until the next
  // call. A frame of another size repaints everything.
  std::string_view frame(const Canvas& next);
  // The terminal's content is unknown: the next frame repaints everything.
  void invalidate() { shown_.reset(); }

  [[nodiscard]] TerminalTraits traits() const { return traits_; }

 private:
  void put_row(const Canvas& next, int y, bool all);
  void put_cell(const Cell& cell, int x, int y);
  void move_to(int x, int y);
  void apply(Style style);
  void append_color(Color color, bool foreground);
  void put_cursor(const Canvas& next);
  [[nodiscard]] Style reduced(Style style) const;

  TerminalTraits traits_;
  std::optional<Canvas> shown_;
  std::string out_;
  std::optional<Style> style_;  // in force at the terminal
  Style source_;                // what style_ was reduced from
  int x_ = -1;                  // its cursor; -1: not known
  int y_ = -1;
};

// The nearest of the 256 palette's entries 16..255, and of the 16 named colours.
std::uint8_t nearest_256(Color rgb);
std::uint8_t nearest_16(Color color);
// What stands for a cluster on a terminal that shows ASCII only: as many characters as columns.
std::string_view ascii_for(std::string_view cluster, int columns);

}  // namespace netwatch::tui
