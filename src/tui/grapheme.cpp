// Clusters by UAX #29 and widths by UAX #11, from utf8proc's tables.
#include "tui/grapheme.h"

#include <utf8proc.h>

#include <algorithm>

namespace netwatch::tui {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr utf8proc_int32_t kZeroWidthJoiner = 0x200D;
constexpr utf8proc_int32_t kEmojiPresentation = 0xFE0F;
constexpr utf8proc_int32_t kFirstRegional = 0x1F1E6;  // two of them are a flag
constexpr utf8proc_int32_t kLastRegional = 0x1F1FF;

struct CodePoint {
  utf8proc_int32_t value = -1;
  std::size_t bytes = 1;
};

CodePoint decode(std::string_view text) {
  CodePoint point;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(std::min<std::size_t>(text.size(), 4));
  const utf8proc_ssize_t used = utf8proc_iterate(bytes, size, &point.value);
  if (used > 0) {
    point.bytes = static_cast<std::size_t>(used);
  } else {
    point.value = -1;
  }
  return point;
}

// Whether a code point may start or stand alone in a cell.
bool is_showable(utf8proc_int32_t value) {
  switch (utf8proc_category(value)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return utf8proc_charwidth(value) > 0;
  }
}

// Whether a code point may continue a cluster: marks, joiners, variation selectors, modifiers.
bool may_continue(utf8proc_int32_t value) {
  if (value == kZeroWidthJoiner) return true;
  switch (utf8proc_category(value)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

}  // namespace

std::optional<Grapheme> GraphemeCursor::next() {
  if (rest_.empty()) return std::nullopt;
  const auto first = static_cast<unsigned char>(rest_[0]);
  const bool alone = rest_.size() == 1 || static_cast<unsigned char>(rest_[1]) < 0x80;
  if (first >= 0x20 && first < 0x7F && alone) {
    const Grapheme ascii{rest_.substr(0, 1), 1};
    rest_.remove_prefix(1);
    return ascii;
  }
  const CodePoint base = decode(rest_);
  if (base.value < 0 || !is_showable(base.value)) {
    rest_.remove_prefix(base.bytes);
    return Grapheme{kReplacement, 1};
  }
  int columns = std::clamp(utf8proc_charwidth(base.value), 1, 2);
  std::size_t length = base.bytes;
  std::size_t kept = base.bytes;
  bool fits = true;
  utf8proc_int32_t state = 0;
  utf8proc_int32_t previous = base.value;
  while (length < rest_.size()) {
    const CodePoint more = decode(rest_.substr(length));
    if (more.value < 0 || !may_continue(more.value) ||
        utf8proc_grapheme_break_stateful(previous, more.value, &state)) {
      break;
    }
    length += more.bytes;
    fits = fits && length <= kMaxGraphemeBytes;
    if (fits) {
      if (more.value != kZeroWidthJoiner) kept = length;
      const bool flag = more.value >= kFirstRegional && more.value <= kLastRegional;
      const bool widens =
          flag || more.value == kEmojiPresentation || utf8proc_charwidth(more.value) == 2;
      if (widens) columns = 2;
    }
    previous = more.value;
  }
  const Grapheme cluster{rest_.substr(0, kept), columns};
  rest_.remove_prefix(length);
  return cluster;
}

int text_columns(std::string_view text) {
  GraphemeCursor cursor(text);
  int columns = 0;
  while (const auto cluster = cursor.next()) columns += cluster->columns;
  return columns;
}

std::string_view prefix_within(std::string_view text, int columns) {
  GraphemeCursor cursor(text);
  std::string_view rest = text;
  int used = 0;
  while (const auto cluster = cursor.next()) {
    used += cluster->columns;
    if (used > columns) break;
    rest = cursor.rest();
  }
  return text.substr(0, text.size() - rest.size());
}

std::string truncated(std::string_view text, int columns) {
  if (columns <= 0) return {};
  const std::string_view whole = prefix_within(text, columns);
  if (whole.size() == text.size()) return std::string(text);
  return std::string(prefix_within(text, columns - 1)) + "…";
}

}  // namespace netwatch::tui
