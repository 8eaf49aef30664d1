#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace netwatch::tui {

// One grapheme cluster (UAX #29) that is fit for one cell: valid UTF-8, no control, format or
// bidi character, at most kMaxGraphemeBytes.
struct Grapheme {
  std::string_view text;  // into the input, or static for what was replaced
  int columns = 1;        // 1 or 2: UAX #11 wide and emoji are 2, ambiguous 1
};

inline constexpr std::size_t kMaxGraphemeBytes = 16;

// Walks text cluster by cluster. Whatever a terminal must never be sent (controls, escapes, bidi
// and format characters, invalid UTF-8, unassigned code points, a mark without its base) comes
// out as U+FFFD, one per byte or code point; a longer cluster is cut at a code point.
class GraphemeCursor {
 public:
  explicit GraphemeCursor(std::string_view text) : rest_(text) {}
  std::optional<Grapheme> next();
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// Columns that the text takes on a terminal.
int text_columns(std::string_view text);
// The longest prefix of whole clusters within `columns`.
std::string_view prefix_within(std::string_view text, int columns);
// The text itself if it fits, else cut and ended by '…'.
std::string truncated(std::string_view text, int columns);

}  // namespace netwatch::tui
