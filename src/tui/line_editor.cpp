#include "tui/line_editor.h"

#include <algorithm>

#include "tui/grapheme.h"

namespace netwatch::tui {
namespace {

void append_utf8(std::string& out, char32_t rune) {
  const auto add = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (rune < 0x80) {
    add(rune);
  } else if (rune < 0x800) {
    add(0xC0 | rune >> 6);
    add(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    add(0xE0 | rune >> 12);
    add(0x80 | (rune >> 6 & 0x3F));
    add(0x80 | (rune & 0x3F));
  } else {
    add(0xF0 | rune >> 18);
    add(0x80 | (rune >> 12 & 0x3F));
    add(0x80 | (rune >> 6 & 0x3F));
    add(0x80 | (rune & 0x3F));
  }
}

}  // namespace

void LineEditor::set(std::string_view text) {
  text_ = text.substr(0, kMaxBytes);
  cursor_ = text_.size();
  recalled_ = history_.size();
}

void LineEditor::replace_from(std::size_t from, std::string_view text) {
  erase(std::min(from, cursor_), cursor_);
  insert(text);
}

bool LineEditor::handle(const Event& event) {
  if (const auto* key = std::get_if<KeyEvent>(&event)) return handle_key(*key);
  if (const auto* paste = std::get_if<PasteEvent>(&event)) {
    // A line stays one line: line ends become spaces, other controls go.
    std::string line;
    for (const char c : paste->text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n' || c == '\r' || c == '\t') {
        line += ' ';
      } else if (byte >= 0x20 && byte != 0x7F) {
        line += c;
      }
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    insert(line);
    return true;
  }
  return false;
}

bool LineEditor::handle_key(const KeyEvent& key) {
  switch (key.key) {
    case Key::kRune:
      if (key.ctrl) return handle_ctrl(key.rune);
      if (key.alt) return false;
      insert_rune(key.rune);
      return true;
    case Key::kBackspace:
      erase(key.alt ? word_before(cursor_) : before(cursor_), cursor_);
      return true;
    case Key::kDelete:
      erase(cursor_, after(cursor_));
      return true;
    case Key::kLeft:
      cursor_ = key.ctrl ? word_before(cursor_) : before(cursor_);
      return true;
    case Key::kRight:
      cursor_ = after(cursor_);
      return true;
    case Key::kHome:
      cursor_ = 0;
      return true;
    case Key::kEnd:
      cursor_ = text_.size();
      return true;
    case Key::kUp:
      recall(-1);
      return true;
    case Key::kDown:
      recall(+1);
      return true;
    default:
      return false;
  }
}

bool LineEditor::handle_ctrl(char32_t letter) {
  switch (letter) {
    case 'a':
      cursor_ = 0;
      return true;
    case 'e':
      cursor_ = text_.size();
      return true;
    case 'b':
      cursor_ = before(cursor_);
      return true;
    case 'f':
      cursor_ = after(cursor_);
      return true;
    case 'd':
      erase(cursor_, after(cursor_));
      return true;
    case 'k':
      erase(cursor_, text_.size());
      return true;
    case 'u':
      erase(0, cursor_);
      return true;
    case 'w':
      erase(word_before(cursor_), cursor_);
      return true;
    case 'p':
      recall(-1);
      return true;
    case 'n':
      recall(+1);
      return true;
    default:
      return false;
  }
}

void LineEditor::insert(std::string_view text) {
  // Cut between code points, should it not fit.
  std::size_t room = std::min(text.size(), kMaxBytes - text_.size());
  while (room < text.size() && room > 0 &&
         (static_cast<unsigned char>(text[room]) & 0xC0) == 0x80) {
    --room;
  }
  text_.insert(cursor_, text.substr(0, room));
  cursor_ += room;
}

void LineEditor::insert_rune(char32_t rune) {
  std::string bytes;
  append_utf8(bytes, rune);
  insert(bytes);
}

void LineEditor::erase(std::size_t from, std::size_t to) {
  text_.erase(from, to - from);
  cursor_ = from;
}

void LineEditor::commit() {
  if (text_.empty()) return;
  std::erase(history_, text_);
  if (history_.size() == kMaxHistory) history_.erase(history_.begin());
  history_.push_back(text_);
  recalled_ = history_.size();
}

void LineEditor::recall(int step) {
  if (step < 0 && recalled_ == 0) return;
  if (step > 0 && recalled_ >= history_.size()) return;
  if (recalled_ == history_.size()) draft_ = text_;
  recalled_ = step < 0 ? recalled_ - 1 : recalled_ + 1;
  text_ = recalled_ == history_.size() ? draft_ : history_[recalled_];
  cursor_ = text_.size();
}

std::size_t LineEditor::before(std::size_t at) const {
  GraphemeCursor cursor(text_);
  std::size_t last = 0;
  for (;;) {
    const std::size_t start = text_.size() - cursor.rest().size();
    if (start >= at) return last;
    last = start;
    if (!cursor.next()) return last;
  }
}

std::size_t LineEditor::after(std::size_t at) const {
  GraphemeCursor cursor(std::string_view(text_).substr(at));
  cursor.next();
  return text_.size() - cursor.rest().size();
}

std::size_t LineEditor::word_before(std::size_t at) const {
  while (at > 0 && text_[at - 1] == ' ') --at;
  while (at > 0 && text_[at - 1] != ' ') --at;
  return at;
}

}  // namespace netwatch::tui
