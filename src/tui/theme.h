#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tui/style.h"

namespace netwatch::tui {

// What a piece of the screen means; a theme says how that looks. Whatever a role tells is told by
// a mark or a word as well: no meaning hangs on colour alone.
enum class Role : std::uint8_t {
  kText,
  kDim,     // secondary: units, labels, marks
  kStrong,  // what the eye should find first
  kBar,     // header and key lines
  kBarStrong,
  kBorder,
  kTitle,
  kHeading,   // column headings
  kSelected,  // only its background and attributes count
  kDown,
  kUp,
  kExact,
  kInferred,
  kUnknown,
  kGood,
  kWarn,
  kBad,
  kKey,  // a key's name in hints and help
  kCount,
};

struct Theme {
  std::string_view name;   // in options: "dark"
  std::string_view title;  // for people
  std::array<Style, static_cast<std::size_t>(Role::kCount)> styles{};

  [[nodiscard]] constexpr Style operator[](Role role) const {
    return styles[static_cast<std::size_t>(role)];
  }
};

// All themes; the first is the default.
std::span<const Theme> themes();
// Its place in themes().
std::optional<std::size_t> find_theme(std::string_view name);

}  // namespace netwatch::tui
