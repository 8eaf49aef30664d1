// Every theme can be read: contrast by WCAG 2.1, success criterion 1.4.3.
#include "tui/theme.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

namespace netwatch::tui {
namespace {

// Relative luminance.
double luminance(Color color) {
  const auto part = [](std::uint8_t value) {
    const double c = value / 255.0;
    return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * part(color.r) + 0.7152 * part(color.g) + 0.0722 * part(color.b);
}

// Nothing where the terminal's own palette decides.
std::optional<double> contrast(Color one, Color two) {
  if (one.kind != Color::Kind::kRgb || two.kind != Color::Kind::kRgb) return std::nullopt;
  const double a = luminance(one) + 0.05;
  const double b = luminance(two) + 0.05;
  return std::max(a, b) / std::min(a, b);
}

constexpr double kText = 4.5;
constexpr double kLarge = 3.0;

TEST(Themes, TextCanBeReadInAllOfThem) {
  static constexpr Role kSpeaking[] = {
      Role::kText,    Role::kStrong, Role::kBar,  Role::kBarStrong, Role::kTitle,
      Role::kHeading, Role::kDown,   Role::kUp,   Role::kExact,     Role::kInferred,
      Role::kUnknown, Role::kGood,   Role::kWarn, Role::kBad,       Role::kKey};
  for (const Theme& theme : themes()) {
    for (const Role role : kSpeaking) {
      const double ratio = contrast(theme[role].fg, theme[role].bg).value_or(kText);
      EXPECT_GE(ratio, kText) << theme.name << " role " << static_cast<int>(role);
    }
    const Style dim = theme[Role::kDim];
    EXPECT_GE(contrast(dim.fg, dim.bg).value_or(kLarge), kLarge) << theme.name;
    // A selected row keeps the colours of its text.
    const Color selected = theme[Role::kSelected].bg;
    EXPECT_GE(contrast(theme[Role::kText].fg, selected).value_or(kText), kText) << theme.name;
    for (const Role role : kSpeaking) {
      if (role == Role::kBar || role == Role::kBarStrong) continue;
      EXPECT_GE(contrast(theme[role].fg, selected).value_or(kLarge), kLarge) << theme.name;
    }
  }
}

TEST(Themes, ThereAreTenAndMoreWithNamesOfTheirOwn) {
  EXPECT_GE(themes().size(), 10U);
  std::set<std::string_view> names;
  for (const Theme& theme : themes()) {
    EXPECT_TRUE(names.insert(theme.name).second) << theme.name;
    EXPECT_TRUE(names.insert(theme.title).second) << theme.title;
    EXPECT_EQ(theme.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos);
  }
}

}  // namespace
}  // namespace netwatch::tui
