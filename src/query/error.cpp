#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "query/filter.h"

namespace netwatch::query {
namespace {

constexpr std::size_t kMaxColumns = 100;  // of the text shown; half of it before the caret

// A piece of the text that is shown or left out as a whole.
struct Cell {
  std::string text;
  std::size_t offset = 0;  // in the filter's text
  std::size_t width = 0;   // columns of a terminal
};

struct CodeRange {
  std::uint32_t first;
  std::uint32_t last;
};
// Of Unicode's East Asian wide and emoji blocks, and of its combining marks: those that a filter
// may well hold. base::sanitised has taken away everything invisible.
constexpr std::array<CodeRange, 9> kWide{{{0x1100, 0x115F},
                                          {0x2E80, 0xA4CF},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1FAFF},
                                          {0x20000, 0x3FFFD}}};
constexpr std::array<CodeRange, 5> kCombining{
    {{0x0300, 0x036F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}}};

std::size_t width_of(std::uint32_t code) {
  const auto holds = [code](CodeRange range) { return code >= range.first && code <= range.last; };
  if (std::any_of(kCombining.begin(), kCombining.end(), holds)) return 0;
  return std::any_of(kWide.begin(), kWide.end(), holds) ? 2 : 1;
}

// Columns of valid UTF-8.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  std::uint32_t code = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte < 0x80) {
      code = byte;
    } else if (byte < 0xC0) {
      code = (code << 6) | (byte & 0x3FU);
    } else {
      code = byte & (byte < 0xE0 ? 0x1FU : byte < 0xF0 ? 0x0FU : 0x07U);
    }
    const bool whole =
        i + 1 == text.size() || (static_cast<std::uint8_t>(text[i + 1]) & 0xC0) != 0x80;
    if (whole) width += width_of(code);
  }
  return width;
}

std::vector<Cell> cells_of(std::string_view text) {
  std::vector<Cell> cells;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    while (at + length < text.size() && length < 4 &&
           (static_cast<unsigned char>(text[at]) & 0xC0) == 0xC0 &&
           (static_cast<unsigned char>(text[at + length]) & 0xC0) == 0x80) {
      ++length;
    }
    const char c = text[at];
    const bool blank = c == '\t' || c == '\n' || c == '\r';
    Cell cell{blank ? std::string(" ") : base::sanitised(text.substr(at, length)), at, 0};
    cell.width = width_of(cell.text);
    cells.push_back(std::move(cell));
    at += length;
  }
  return cells;
}

}  // namespace

std::string FilterError::render(std::string_view text) const {
  const std::vector<Cell> cells = cells_of(text);
  // The caret's cell: the last one that begins at or before the column.
  std::size_t caret = cells.size();
  for (std::size_t i = 0; i < cells.size() && column < text.size(); ++i) {
    if (cells[i].offset <= column) caret = i;
  }
  std::size_t first = caret;
  for (std::size_t room = kMaxColumns / 2; first > 0 && cells[first - 1].width <= room; --first) {
    room -= cells[first - 1].width;
  }
  std::string line = first > 0 ? "..." : "";
  std::string marks(line.size(), ' ');
  std::size_t room = kMaxColumns;
  std::size_t i = first;
  for (; i < cells.size() && cells[i].width <= room; ++i) {
    room -= cells[i].width;
    line += cells[i].text;
    if (i < caret) marks.append(cells[i].width, ' ');
  }
  if (i < cells.size()) line += "...";
  marks += '^';
  std::string out = line + '\n' + marks + '\n' + base::sanitised(message);
  if (!suggestion.empty()) out += "; try: " + base::sanitised(suggestion);
  return out;
}

}  // namespace netwatch::query
