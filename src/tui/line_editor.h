#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tui/input.h"

namespace netwatch::tui {

// One line of text being written: cursor by grapheme, history, the usual Emacs keys.
class LineEditor {
 public:
  static constexpr std::size_t kMaxBytes = 1024;
  static constexpr std::size_t kMaxHistory = 100;

  [[nodiscard]] const std::string& text() const { return text_; }
  // Byte offset of the cursor, at a grapheme boundary.
  [[nodiscard]] std::size_t cursor() const { return cursor_; }
  // Replaces the text; the cursor goes to its end.
  void set(std::string_view text);
  // Puts a text in place of the bytes from..cursor, and the cursor behind it.
  void replace_from(std::size_t from, std::string_view text);

  // Whether the event was a matter of editing (Enter, Escape and the like are not).
  bool handle(const Event& event);
  // Remembers the text as the newest of the history, once.
  void commit();

 private:
  bool handle_key(const KeyEvent& key);
  bool handle_ctrl(char32_t letter);
  void insert(std::string_view text);
  void insert_rune(char32_t rune);
  void erase(std::size_t from, std::size_t to);
  void recall(int step);
  [[nodiscard]] std::size_t before(std::size_t at) const;
  [[nodiscard]] std::size_t after(std::size_t at) const;
  [[nodiscard]] std::size_t word_before(std::size_t at) const;

  std::string text_;
  std::size_t cursor_ = 0;
  std::vector<std::string> history_;  // oldest first
  std::size_t recalled_ = 0;          // history_.size(): the line being written
  std::string draft_;                 // what was being written when the history was entered
};

}  // namespace netwatch::tui
