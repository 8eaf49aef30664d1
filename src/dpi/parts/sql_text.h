#pragma once

#include <array>
#include <cstddef>
#include <string_view>

// SQL as it may be shown.
namespace netwatch::dpi {

// What of a statement can be reported: one that sets a password ends before it, with "***".
class SqlText {
 public:
  static constexpr std::size_t kMaxBytes = 1024;
  explicit SqlText(std::string_view statement);
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }
  [[nodiscard]] bool cut() const { return cut_; }

 private:
  std::array<char, kMaxBytes> text_;
  std::size_t size_ = 0;
  bool cut_ = false;
};

}  // namespace netwatch::dpi
