#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"

namespace netwatch::collect {

// A whole file of /proc, /sys or /etc, cut at `max_bytes`. Reads until the end, since such files
// tell no size. Errors carry the path.
base::Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes);

// The target of a symbolic link; empty if it cannot be read.
std::string read_link(const std::string& path);

// The next line of `text` without its end, removed from it; nothing when the text is empty.
inline std::optional<std::string_view> next_line(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// The next word between spaces and tabs, removed from `line`; empty at its end.
inline std::string_view next_word(std::string_view& line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

// The whole of `text` as a number; nothing if it is not one, is not finite or does not fit. `base`
// is for integers.
template <typename T>
std::optional<T> to_number(std::string_view text, int base = 10) {
  T value{};
  const char* end = text.data() + text.size();
  std::from_chars_result parsed{};
  if constexpr (std::is_floating_point_v<T>) {
    parsed = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (!std::isfinite(value)) return std::nullopt;
  } else {
    parsed = std::from_chars(text.data(), end, value, base);
  }
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

}  // namespace netwatch::collect
