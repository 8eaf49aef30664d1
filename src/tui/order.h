#pragma once

#include <compare>

namespace netwatch::tui {

// For sorting: also of floating-point figures, which are never NaN here.
template <typename T>
std::weak_ordering order(const T& a, const T& b) {
  if (a < b) return std::weak_ordering::less;
  if (b < a) return std::weak_ordering::greater;
  return std::weak_ordering::equivalent;
}

}  // namespace netwatch::tui
