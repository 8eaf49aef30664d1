// Sequences: ECMA-48 (CUP, SGR), xterm's 256 and direct colours, mode 2026 (synchronized output).
#include "tui/renderer.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace netwatch::tui {
namespace {

constexpr std::string_view kBeginSync = "\x1b[?2026h";
constexpr std::string_view kEndSync = "\x1b[?2026l";
constexpr std::string_view kHideCursor = "\x1b[?25l";
constexpr std::string_view kShowCursor = "\x1b[?25h";
constexpr std::string_view kClear = "\x1b[0m\x1b[2J";

void append_number(std::string& out, int value) {
  std::array<char, 12> text{};
  char* const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

bool is_ascii(const Cell& cell) {
  return cell.length == 1 && static_cast<unsigned char>(cell.bytes[0]) < 0x80;
}

}  // namespace

std::string_view Renderer::frame(const Canvas& next) {
  out_.clear();
  const bool all = !shown_ || shown_->width() != next.width() || shown_->height() != next.height();
  if (!all && *shown_ == next) return {};
  out_ += kBeginSync;
  out_ += kHideCursor;
  if (all) {
    out_ += kClear;
    style_.reset();
    x_ = -1;
  }
  for (int y = 0; y < next.height(); ++y) put_row(next, y, all);
  put_cursor(next);
  out_ += kEndSync;
  shown_ = next;
  return out_;
}

void Renderer::put_row(const Canvas& next, int y, bool all) {
  bool spoilt = false;  // the cell before may have reached into this one
  for (int x = 0; x < next.width(); ++x) {
    const Cell& cell = next.at(x, y);
    if (cell.columns == 0) continue;
    const bool differs = all || spoilt || !(cell == shown_->at(x, y)) ||
                         (cell.columns == 2 && !(next.at(x + 1, y) == shown_->at(x + 1, y)));
    // What was wide, or is more than one code point, may be drawn wider or narrower than we think.
    const bool was_odd = !all && differs && shown_->at(x, y).columns == 2;
    spoilt = differs && (was_odd || cell.columns == 2 || cell.length > 4);
    if (differs) put_cell(cell, x, y);
  }
}

void Renderer::put_cell(const Cell& cell, int x, int y) {
  if (x != x_ || y != y_) move_to(x, y);
  if (!style_ || !(source_ == cell.style)) {
    source_ = cell.style;
    apply(reduced(cell.style));
  }
  if (is_ascii(cell)) {
    out_ += cell.bytes[0];
    ++x_;
    return;
  }
  if (!traits_.utf8) {
    out_ += ascii_for(cell.text(), cell.columns);
    x_ += cell.columns;
    return;
  }
  if (cell.columns == 2) {
    // Cleans the right half first, in case the terminal takes the cluster for narrow.
    out_ += "  ";
    move_to(x, y);
  }
  out_ += cell.text();
  x_ = -1;  // widths are a matter of opinion: place the cursor anew
}

void Renderer::move_to(int x, int y) {
  out_ += "\x1b[";
  append_number(out_, y + 1);
  if (x > 0) {
    out_ += ';';
    append_number(out_, x + 1);
  }
  out_ += 'H';
  x_ = x;
  y_ = y;
}

Style Renderer::reduced(Style style) const {
  const auto reduce = [this](Color color) -> Color {
    if (color.kind == Color::Kind::kDefault) return color;
    switch (traits_.depth) {
      case ColorDepth::kMono:
        return {};
      case ColorDepth::k16:
        return Color::palette(nearest_16(color));
      case ColorDepth::k256:
        return color.kind == Color::Kind::kRgb ? Color::palette(nearest_256(color)) : color;
      case ColorDepth::kTrue:
        break;
    }
    return color;
  };
  Style out{reduce(style.fg), reduce(style.bg), style.attributes};
  if ((out.attributes & attribute::kReverseIfMono) != 0) {
    out.attributes = static_cast<std::uint8_t>(out.attributes & ~attribute::kReverseIfMono);
    if (traits_.depth == ColorDepth::kMono) out.attributes |= attribute::kReverse;
  }
  // Sixteen colours may make text and ground one and the same.
  if (out.fg == out.bg && out.fg.kind == Color::Kind::kPalette && !(style.fg == style.bg)) {
    out.fg = {};
  }
  return out;
}

void Renderer::apply(Style style) {
  if (style_ && *style_ == style) return;
  static constexpr std::array<std::pair<std::uint8_t, std::string_view>, 5> kOn{{
      {attribute::kBold, "1;"},
      {attribute::kDim, "2;"},
      {attribute::kItalic, "3;"},
      {attribute::kUnderline, "4;"},
      {attribute::kReverse, "7;"},
  }};
  out_ += "\x1b[";
  // Attributes are only ever added to; to take one away, all start anew.
  const bool anew = !style_ || (style_->attributes & ~style.attributes) != 0;
  const Style from = anew ? Style{} : *style_;
  if (anew) out_ += "0;";
  for (const auto& [bit, code] : kOn) {
    if ((style.attributes & bit) != 0 && (from.attributes & bit) == 0) out_ += code;
  }
  if (!(style.fg == from.fg)) append_color(style.fg, true);
  if (!(style.bg == from.bg)) append_color(style.bg, false);
  out_.back() = 'm';
  style_ = style;
}

void Renderer::append_color(Color color, bool foreground) {
  switch (color.kind) {
    case Color::Kind::kDefault:
      out_ += foreground ? "39;" : "49;";
      return;
    case Color::Kind::kPalette:
      if (color.r < 16) {
        const int first = color.r < 8 ? (foreground ? 30 : 40) : (foreground ? 90 : 100);
        append_number(out_, first + (color.r & 7));
      } else {
        out_ += foreground ? "38;5;" : "48;5;";
        append_number(out_, color.r);
      }
      out_ += ';';
      return;
    case Color::Kind::kRgb:
      break;
  }
  out_ += foreground ? "38;2;" : "48;2;";
  for (const std::uint8_t part : {color.r, color.g, color.b}) {
    append_number(out_, part);
    out_ += ';';
  }
}

void Renderer::put_cursor(const Canvas& next) {
  const auto cursor = next.cursor();
  if (!cursor || !next.area().contains(cursor->first, cursor->second)) return;
  move_to(cursor->first, cursor->second);
  out_ += kShowCursor;
}

}  // namespace netwatch::tui
