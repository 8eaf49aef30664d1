#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace netwatch::base {

// Insertions, deletions, substitutions and swaps of neighbours between `a` and `b`, without regard
// to case; `limit` + 1 if there are more than `limit`, or if one is longer than a name is.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The one of `known` that was probably meant by `word`; empty if none is near.
std::string_view nearest(std::string_view word, std::span<const std::string> known);

}  // namespace netwatch::base
