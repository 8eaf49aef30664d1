#include "tui/theme.h"

namespace netwatch::tui {
namespace {

// The colours of a theme by what they are for; styles are made from them in one place.
struct Palette {
  Color text, ground;
  Color dim, border;
  Color bar_text, bar;
  Color title, selected;
  Color down, up;
  Color good, warn, bad;
  Color key;
};

constexpr Theme make(std::string_view name, std::string_view title, const Palette& p) {
  Theme theme{name, title, {}};
  const auto set = [&theme](Role role, Style style) {
    theme.styles[static_cast<std::size_t>(role)] = style;
  };
  const auto plain = [&p](Color fg, std::uint8_t attributes = 0) {
    return Style{fg, p.ground, attributes};
  };
  set(Role::kText, plain(p.text));
  set(Role::kDim, plain(p.dim));
  set(Role::kStrong, plain(p.text, attribute::kBold));
  set(Role::kBar, {p.bar_text, p.bar, attribute::kReverseIfMono});
  set(Role::kBarStrong, {p.bar_text, p.bar, attribute::kBold | attribute::kReverseIfMono});
  set(Role::kBorder, plain(p.border));
  set(Role::kTitle, plain(p.title, attribute::kBold));
  set(Role::kHeading, plain(p.title, attribute::kUnderline));
  set(Role::kSelected, {p.text, p.selected, attribute::kReverseIfMono});
  set(Role::kDown, plain(p.down));
  set(Role::kUp, plain(p.up));
  set(Role::kExact, plain(p.good));
  set(Role::kInferred, plain(p.warn));
  set(Role::kUnknown, plain(p.bad));
  set(Role::kGood, plain(p.good));
  set(Role::kWarn, plain(p.warn, attribute::kBold));
  set(Role::kBad, plain(p.bad, attribute::kBold));
  set(Role::kKey, plain(p.key, attribute::kBold));
  return theme;
}

constexpr Color hex(std::uint32_t value) { return Color::rgb(value); }
constexpr Color entry(std::uint8_t value) { return Color::palette(value); }

constexpr std::array<Theme, 12> kThemes{
    make("dark", "Dark",
         {.text = hex(0xD5DAE3),
          .ground = hex(0x11151C),
          .dim = hex(0x7F8A9C),
          .border = hex(0x364154),
          .bar_text = hex(0xE6EAF2),
          .bar = hex(0x232C3B),
          .title = hex(0x8FB8F6),
          .selected = hex(0x28405F),
          .down = hex(0x4CC2FF),
          .up = hex(0xF2A65A),
          .good = hex(0x62D196),
          .warn = hex(0xF0CE5E),
          .bad = hex(0xFF7A85),
          .key = hex(0xB7A4FF)}),
    make("light", "Light",
         {.text = hex(0x1F2733),
          .ground = hex(0xFAFBFC),
          .dim = hex(0x626D7D),
          .border = hex(0xC3CBD6),
          .bar_text = hex(0x1F2733),
          .bar = hex(0xDDE4EE),
          .title = hex(0x1D4F9E),
          .selected = hex(0xC9DEFA),
          .down = hex(0x0067B8),
          .up = hex(0xA94A00),
          .good = hex(0x14713D),
          .warn = hex(0x7E5B00),
          .bad = hex(0xB3192B),
          .key = hex(0x6437B5)}),
    // Pins no colour: the terminal's own palette and ground.
    make("terminal", "Terminal palette",
         {.text = {},
          .ground = {},
          .dim = entry(8),
          .border = entry(8),
          .bar_text = entry(15),
          .bar = entry(4),
          .title = entry(6),
          .selected = entry(8),
          .down = entry(12),
          .up = entry(11),
          .good = entry(2),
          .warn = entry(3),
          .bad = entry(9),
          .key = entry(13)}),
    make("contrast", "High contrast",
         {.text = hex(0xFFFFFF),
          .ground = hex(0x000000),
          .dim = hex(0xD0D0D0),
          .border = hex(0xFFFFFF),
          .bar_text = hex(0x000000),
          .bar = hex(0xFFFFFF),
          .title = hex(0xFFFF00),
          .selected = hex(0x0000C0),
          .down = hex(0x00FFFF),
          .up = hex(0xFFB000),
          .good = hex(0x00FF66),
          .warn = hex(0xFFFF00),
          .bad = hex(0xFF8080),
          .key = hex(0xFFFF00)}),
    // Okabe and Ito's palette: told apart with every common colour vision deficiency.
    make("colour-blind", "Colour-blind safe",
         {.text = hex(0xE8E8E8),
          .ground = hex(0x101214),
          .dim = hex(0x9AA0A6),
          .border = hex(0x45494E),
          .bar_text = hex(0xF4F4F4),
          .bar = hex(0x2A2E33),
          .title = hex(0x56B4E9),
          .selected = hex(0x2F4254),
          .down = hex(0x56B4E9),
          .up = hex(0xE69F00),
          .good = hex(0x2BB98F),
          .warn = hex(0xF0E442),
          .bad = hex(0xE07B39),
          .key = hex(0xCC79A7)}),
    make("ocean", "Ocean",
         {.text = hex(0xCFE3F1),
          .ground = hex(0x0A1A2B),
          .dim = hex(0x7F9DB5),
          .border = hex(0x28465F),
          .bar_text = hex(0xE3F2FC),
          .bar = hex(0x123350),
          .title = hex(0x5CC8E8),
          .selected = hex(0x17405F),
          .down = hex(0x5CC8E8),
          .up = hex(0xF2B880),
          .good = hex(0x6FD6A8),
          .warn = hex(0xF0D27A),
          .bad = hex(0xFF8F87),
          .key = hex(0x9FB8FF)}),
    make("forest", "Forest",
         {.text = hex(0xD6E0CF),
          .ground = hex(0x121A14),
          .dim = hex(0x8A9C86),
          .border = hex(0x35473A),
          .bar_text = hex(0xE8F2E0),
          .bar = hex(0x223528),
          .title = hex(0x9CCB6E),
          .selected = hex(0x2C4733),
          .down = hex(0x7FC8B4),
          .up = hex(0xE0B265),
          .good = hex(0x8FD07A),
          .warn = hex(0xE6CB5F),
          .bad = hex(0xF08A76),
          .key = hex(0xC9B6E4)}),
    // As on an amber phosphor screen.
    make("amber", "Amber",
         {.text = hex(0xFFBF4D),
          .ground = hex(0x140E06),
          .dim = hex(0xB5833A),
          .border = hex(0x4F3813),
          .bar_text = hex(0x140E06),
          .bar = hex(0xE59A1C),
          .title = hex(0xFFD98A),
          .selected = hex(0x46300C),
          .down = hex(0xFFD98A),
          .up = hex(0xFF9E45),
          .good = hex(0xE8D36A),
          .warn = hex(0xFFE680),
          .bad = hex(0xFF7A4D),
          .key = hex(0xFFF0C2)}),
    make("dusk", "Dusk",
         {.text = hex(0xE4DCEC),
          .ground = hex(0x1D1726),
          .dim = hex(0x9A8DAD),
          .border = hex(0x453A57),
          .bar_text = hex(0xF3ECFA),
          .bar = hex(0x372B4B),
          .title = hex(0xD9A5E0),
          .selected = hex(0x4A3A63),
          .down = hex(0x8FB7F5),
          .up = hex(0xF5B48A),
          .good = hex(0x93D6A6),
          .warn = hex(0xF2D382),
          .bad = hex(0xFF8FA3),
          .key = hex(0xF0B3D2)}),
    make("paper", "Paper",
         {.text = hex(0x3A3226),
          .ground = hex(0xF7F1E3),
          .dim = hex(0x6F6553),
          .border = hex(0xCDBF9F),
          .bar_text = hex(0xF7F1E3),
          .bar = hex(0x5B4F3A),
          .title = hex(0x1F5A7A),
          .selected = hex(0xE6D9B8),
          .down = hex(0x1F5A8C),
          .up = hex(0x9A4A0B),
          .good = hex(0x2F6B2F),
          .warn = hex(0x7A5A00),
          .bad = hex(0xA32A22),
          .key = hex(0x7A2E6B)}),
    // Without any hue.
    make("mono", "Greys",
         {.text = hex(0xDADADA),
          .ground = hex(0x101010),
          .dim = hex(0x949494),
          .border = hex(0x4A4A4A),
          .bar_text = hex(0x101010),
          .bar = hex(0xC4C4C4),
          .title = hex(0xFFFFFF),
          .selected = hex(0x444444),
          .down = hex(0xDADADA),
          .up = hex(0xB8B8B8),
          .good = hex(0xDADADA),
          .warn = hex(0xFFFFFF),
          .bad = hex(0xFFFFFF),
          .key = hex(0xFFFFFF)}),
    make("rose", "Rose",
         {.text = hex(0x4A2C38),
          .ground = hex(0xFFF5F7),
          .dim = hex(0x86616F),
          .border = hex(0xE3C1CC),
          .bar_text = hex(0xFFF5F7),
          .bar = hex(0x7A3550),
          .title = hex(0x8C2A58),
          .selected = hex(0xF6DCE4),
          .down = hex(0x2A5A94),
          .up = hex(0x9B4A14),
          .good = hex(0x2A6E4C),
          .warn = hex(0x7D5900),
          .bad = hex(0xAE2636),
          .key = hex(0x6A3A9A)}),
};

}  // namespace

std::span<const Theme> themes() { return kThemes; }

std::optional<std::size_t> find_theme(std::string_view name) {
  for (std::size_t i = 0; i < kThemes.size(); ++i) {
    if (kThemes[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace netwatch::tui
