#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "query/filter.h"

// What a person may mean while typing a filter.
namespace netwatch::query {

inline constexpr std::size_t kMaxProposals = 20;

// Words that could stand at `cursor` (a byte offset; clamped to the text) in place of the word
// that ends there, best first: names and protocols where an operand is due, operators behind a
// field, `and` and `or` behind a whole comparison. Empty inside quotes and where a value is due,
// but for true and false.
std::vector<std::string> complete(std::string_view text, std::size_t cursor,
                                  const Catalog& catalog);

// Where the word that ends at `cursor` begins: a proposal replaces the bytes from here to it.
std::size_t completion_start(std::string_view text, std::size_t cursor);

}  // namespace netwatch::query
