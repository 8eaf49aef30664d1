#include "tui/canvas.h"

#include <algorithm>
#include <map>
#include <utility>

namespace netwatch::tui {
namespace {

void append_hex(std::string& out, std::uint8_t value) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  out += kDigits[value >> 4];
  out += kDigits[value & 15];
}

std::string describe(Color color) {
  switch (color.kind) {
    case Color::Kind::kDefault:
      return "default";
    case Color::Kind::kPalette:
      return "palette-" + std::to_string(color.r);
    case Color::Kind::kRgb:
      break;
  }
  std::string out = "#";
  append_hex(out, color.r);
  append_hex(out, color.g);
  append_hex(out, color.b);
  return out;
}

std::string describe(Style style) {
  static constexpr std::array<std::pair<std::uint8_t, std::string_view>, 6> kAttributes{{
      {attribute::kBold, " bold"},
      {attribute::kDim, " dim"},
      {attribute::kItalic, " italic"},
      {attribute::kUnderline, " underline"},
      {attribute::kReverse, " reverse"},
      {attribute::kReverseIfMono, " reverse-if-mono"},
  }};
  std::string out = describe(style.fg) + " on " + describe(style.bg);
  for (const auto& [bit, name] : kAttributes) {
    if ((style.attributes & bit) != 0) out += name;
  }
  return out;
}

Style most_used(const std::vector<Cell>& cells) {
  std::map<Style, std::size_t> uses;
  for (const Cell& cell : cells) ++uses[cell.style];
  Style best;
  std::size_t most = 0;
  for (const auto& [style, count] : uses) {
    if (count > most) {
      most = count;
      best = style;
    }
  }
  return best;
}

}  // namespace

Canvas::Canvas(int width, int height, Style background)
    : width_(std::clamp(width, 0, kMaxSide)), height_(std::clamp(height, 0, kMaxSide)) {
  Cell blank;
  blank.style = background;
  cells_.assign(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_), blank);
}

// The other half of a wide cluster that is about to be overwritten becomes a space.
void Canvas::blank_half(int x, int y) {
  Cell& cell = cells_[index(x, y)];
  const auto clear = [](Cell& half) {
    half.bytes[0] = ' ';
    half.length = 1;
    half.columns = 1;
  };
  if (cell.columns == 2 && x + 1 < width_) clear(cells_[index(x + 1, y)]);
  if (cell.columns == 0 && x > 0) clear(cells_[index(x - 1, y)]);
}

void Canvas::set(int x, int y, const Grapheme& cluster, Style style) {
  blank_half(x, y);
  if (cluster.columns == 2) blank_half(x + 1, y);
  Cell& cell = cells_[index(x, y)];
  cell.length = static_cast<std::uint8_t>(std::min(cluster.text.size(), kMaxGraphemeBytes));
  std::copy_n(cluster.text.begin(), cell.length, cell.bytes.begin());
  cell.columns = static_cast<std::uint8_t>(cluster.columns);
  cell.style = style;
  if (cluster.columns == 2) {
    Cell& right = cells_[index(x + 1, y)];
    right.length = 0;
    right.columns = 0;
    right.style = style;
  }
}

int Canvas::put(int x, int y, std::string_view text, Style style, int max_columns) {
  if (y < 0 || y >= height_ || x >= width_ || max_columns <= 0) return 0;
  GraphemeCursor cursor(text);
  int used = 0;
  while (const auto cluster = cursor.next()) {
    if (used + cluster->columns > max_columns || x + used + cluster->columns > width_) break;
    if (x + used >= 0) set(x + used, y, *cluster, style);
    used += cluster->columns;
  }
  return used;
}

void Canvas::put_field(int x, int y, int columns, std::string_view text, Style style, Align align) {
  const std::string shown = truncated(text, columns);
  const int free = std::max(0, columns - text_columns(shown));
  int offset = 0;
  if (align == Align::kRight) offset = free;
  if (align == Align::kCentre) offset = free / 2;
  put(x + offset, y, shown, style, columns - offset);
}

void Canvas::fill(Rect area, Style style, std::string_view cluster) {
  const int right = std::min(area.right(), width_);
  const int bottom = std::min(area.bottom(), height_);
  for (int y = std::max(area.y, 0); y < bottom; ++y) {
    for (int x = std::max(area.x, 0); x < right; ++x) put(x, y, cluster, style, right - x);
  }
}

void Canvas::tint(Rect area, Color background, std::uint8_t more_attributes) {
  const int right = std::min(area.right(), width_);
  const int bottom = std::min(area.bottom(), height_);
  for (int y = std::max(area.y, 0); y < bottom; ++y) {
    for (int x = std::max(area.x, 0); x < right; ++x) {
      Cell& cell = cells_[index(x, y)];
      cell.style = cell.style.on(background).with(more_attributes);
    }
  }
}

void Canvas::horizontal(int x, int y, int columns, Style style, std::string_view cluster) {
  fill({x, y, columns, 1}, style, cluster);
}

void Canvas::vertical(int x, int y, int rows, Style style, std::string_view cluster) {
  fill({x, y, 1, rows}, style, cluster);
}

void Canvas::box(Rect area, Style style) {
  if (area.width < 2 || area.height < 2) return;
  horizontal(area.x + 1, area.y, area.width - 2, style);
  horizontal(area.x + 1, area.bottom() - 1, area.width - 2, style);
  vertical(area.x, area.y + 1, area.height - 2, style);
  vertical(area.right() - 1, area.y + 1, area.height - 2, style);
  put(area.x, area.y, "╭", style);
  put(area.right() - 1, area.y, "╮", style);
  put(area.x, area.bottom() - 1, "╰", style);
  put(area.right() - 1, area.bottom() - 1, "╯", style);
}

std::string Canvas::to_text() const {
  std::string out;
  for (int y = 0; y < height_; ++y) {
    std::string line;
    for (int x = 0; x < width_; ++x) line += at(x, y).text();
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line;
    out += '\n';
  }
  return out;
}

std::string Canvas::to_styles() const {
  static constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&*+-/:;<=>?@^_|~";
  std::map<Style, char> letters;
  const Style common = most_used(cells_);
  letters[common] = '.';
  std::string legend = ". " + describe(common) + "\n";
  std::string out;
  for (int y = 0; y < height_; ++y) {
    std::string line;
    for (int x = 0; x < width_; ++x) {
      const Style style = at(x, y).style;
      auto found = letters.find(style);
      if (found == letters.end()) {
        const std::size_t next = letters.size() - 1;
        const char letter = next < kLetters.size() ? kLetters[next] : ' ';
        found = letters.emplace(style, letter).first;
        legend += std::string(1, letter) + " " + describe(style) + "\n";
      }
      line += found->second;
    }
    while (!line.empty() && line.back() == '.') line.pop_back();
    out += line;
    out += '\n';
  }
  return out + legend;
}

}  // namespace netwatch::tui
