#include "base/cgroup_mount.h"

#include <cstddef>
#include <utility>

namespace netwatch::base {
namespace {

std::string_view next_word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return word;
}

// Spaces, tabs, line ends and backslashes are written as three octal digits.
std::string unescape(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && digit(text[i + 1]) && digit(text[i + 2]) &&
        digit(text[i + 3])) {
      plain += static_cast<char>(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) |
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::optional<Cgroup2Mount> find_cgroup2(std::string_view mountinfo) {
  std::optional<Cgroup2Mount> found;
  while (!mountinfo.empty()) {
    const std::size_t end = mountinfo.find('\n');
    std::string_view line = mountinfo.substr(0, end);
    mountinfo.remove_prefix(end == std::string_view::npos ? mountinfo.size() : end + 1);
    const std::size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    std::string_view kind = line.substr(separator + 3);
    if (next_word(kind) != "cgroup2") continue;
    line = line.substr(0, separator);
    next_word(line);  // mount ID
    next_word(line);  // parent ID
    next_word(line);  // major:minor
    const std::string_view root = next_word(line);
    const std::string_view point = next_word(line);
    if (point.empty()) continue;
    Cgroup2Mount mount{.point = unescape(point), .root = unescape(root)};
    if (!found || mount.root.size() < found->root.size()) found = std::move(mount);
  }
  return found;
}

}  // namespace netwatch::base
