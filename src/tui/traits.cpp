// What a terminal can show: colour depth, palettes, and ASCII stand-ins.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "tui/renderer.h"

namespace netwatch::tui {
namespace {

struct Rgb {
  int r, g, b;
};

// xterm's defaults; a user's palette differs, which is why themes name entries where it matters.
constexpr std::array<Rgb, 16> kNamed{{{0, 0, 0},
                                      {205, 0, 0},
                                      {0, 205, 0},
                                      {205, 205, 0},
                                      {0, 0, 238},
                                      {205, 0, 205},
                                      {0, 205, 205},
                                      {229, 229, 229},
                                      {127, 127, 127},
                                      {255, 0, 0},
                                      {0, 255, 0},
                                      {255, 255, 0},
                                      {92, 92, 255},
                                      {255, 0, 255},
                                      {0, 255, 255},
                                      {255, 255, 255}}};
constexpr std::array<int, 6> kCube{0, 95, 135, 175, 215, 255};

int distance(Rgb a, Rgb b) {
  // Weighted as the eye does, roughly.
  return 3 * (a.r - b.r) * (a.r - b.r) + 6 * (a.g - b.g) * (a.g - b.g) + (a.b - b.b) * (a.b - b.b);
}

Rgb rgb_of_entry(std::uint8_t entry) {
  if (entry < 16) return kNamed[entry];
  if (entry >= 232) {
    const int grey = 8 + 10 * (entry - 232);
    return {grey, grey, grey};
  }
  const auto cube = static_cast<std::size_t>(entry - 16);
  return {kCube[cube / 36], kCube[cube / 6 % 6], kCube[cube % 6]};
}

std::string lower(const char* text) {
  std::string out = text == nullptr ? "" : text;
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool speaks_utf8(const Environment& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = lower(environment(name));
    if (!value.empty()) return has(value, "utf-8") || has(value, "utf8");
  }
  return false;
}

std::string_view ascii_of_code_point(unsigned point) {
  if (point >= 0x2800 && point <= 0x28FF) {
    const int dots = __builtin_popcount(point & 0xFF);
    static constexpr std::array<std::string_view, 9> kDots{" ", ".", ".", ":", ":",
                                                           "+", "*", "#", "#"};
    return kDots[static_cast<std::size_t>(dots)];
  }
  if (point >= 0x2581 && point <= 0x2588) {
    static constexpr std::array<std::string_view, 8> kBlocks{"_", ".", "-", "=",
                                                             "+", "*", "%", "#"};
    return kBlocks[point - 0x2581];
  }
  struct Pair {
    unsigned point;
    std::string_view ascii;
  };
  static constexpr std::array<Pair, 28> kMarks{{
      {0x2500, "-"}, {0x2501, "="}, {0x2504, "-"}, {0x2502, "|"}, {0x2503, "|"}, {0x25CF, "*"},
      {0x25CB, "o"}, {0x25B2, "^"}, {0x25BC, "v"}, {0x25B8, ">"}, {0x25BE, "v"}, {0x2192, ">"},
      {0x2190, "<"}, {0x2191, "^"}, {0x2193, "v"}, {0x2026, "~"}, {0x2013, "-"}, {0x00B7, "."},
      {0x2713, "+"}, {0x2717, "x"}, {0x21B5, ">"}, {0x00B5, "u"}, {0x2588, "#"}, {0x2591, "."},
      {0x00B1, "~"}, {0x258C, "|"}, {0x2039, "<"}, {0x203A, ">"},
  }};
  for (const Pair& pair : kMarks) {
    if (pair.point == point) return pair.ascii;
  }
  return point >= 0x2500 && point <= 0x257F ? "+" : "?";
}

unsigned first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  if (byte(0) < 0x80) return byte(0);
  if (byte(0) < 0xE0) return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
  if (byte(0) < 0xF0) return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  return 0x10000;
}

}  // namespace

TerminalTraits traits_from_environment(const Environment& environment) {
  const std::string term = lower(environment("TERM"));
  const std::string colorterm = lower(environment("COLORTERM"));
  const char* no_color = environment("NO_COLOR");
  TerminalTraits traits;
  traits.utf8 = speaks_utf8(environment);
  if (has(colorterm, "truecolor") || has(colorterm, "24bit") || has(term, "direct")) {
    traits.depth = ColorDepth::kTrue;
  } else if (has(term, "256color")) {
    traits.depth = ColorDepth::k256;
  } else {
    traits.depth = ColorDepth::k16;
  }
  const bool plain = term.empty() || term == "dumb" || term.starts_with("vt1") ||
                     term.starts_with("vt2") || has(term, "mono");
  if (plain || (no_color != nullptr && *no_color != '\0')) traits.depth = ColorDepth::kMono;
  return traits;
}

std::uint8_t nearest_256(Color rgb) {
  const Rgb want{rgb.r, rgb.g, rgb.b};
  std::uint8_t best = 16;
  for (int entry = 17; entry < 256; ++entry) {
    const auto candidate = static_cast<std::uint8_t>(entry);
    if (distance(want, rgb_of_entry(candidate)) < distance(want, rgb_of_entry(best))) {
      best = candidate;
    }
  }
  return best;
}

std::uint8_t nearest_16(Color color) {
  if (color.kind == Color::Kind::kPalette && color.r < 16) return color.r;
  const Rgb want =
      color.kind == Color::Kind::kPalette ? rgb_of_entry(color.r) : Rgb{color.r, color.g, color.b};
  std::uint8_t best = 0;
  for (std::uint8_t entry = 1; entry < 16; ++entry) {
    if (distance(want, kNamed[entry]) < distance(want, kNamed[best])) best = entry;
  }
  return best;
}

std::string_view ascii_for(std::string_view cluster, int columns) {
  if (columns == 2) return "??";
  return ascii_of_code_point(first_code_point(cluster));
}

}  // namespace netwatch::tui
