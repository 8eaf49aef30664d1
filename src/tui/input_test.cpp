#include "tui/input.h"

#include <gtest/gtest.h>

#include <string_view>

#include "tui/line_editor.h"

namespace netwatch::tui {
namespace {

std::vector<Event> parse(std::string_view bytes, std::size_t piece = 1000, bool flush = true) {
  InputParser parser;
  std::vector<Event> out;
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, piece);
    parser.feed(base::as_bytes(part), out);
    bytes.remove_prefix(part.size());
  }
  if (flush) parser.flush(out);
  return out;
}

Event key(Key which, bool ctrl = false, bool alt = false, bool shift = false) {
  return KeyEvent{which, 0, ctrl, alt, shift};
}
Event rune(char32_t value, bool ctrl = false, bool alt = false) {
  return KeyEvent{Key::kRune, value, ctrl, alt, false};
}

TEST(Input, Sequences) {
  using Action = MouseEvent::Action;
  struct Case {
    std::string_view bytes;
    std::vector<Event> events;
  };
  for (const auto& [bytes, events] : std::initializer_list<Case>{
           {"aé日", {rune('a'), rune(U'é'), rune(U'日')}},
           {"\x03\x1a", {rune('c', true), rune('z', true)}},
           {"\r\t\x7f", {key(Key::kEnter), key(Key::kTab), key(Key::kBackspace)}},
           {"\x1b[A\x1b[B\x1bOC\x1bOD",
            {key(Key::kUp), key(Key::kDown), key(Key::kRight), key(Key::kLeft)}},
           {"\x1b[H\x1b[4~\x1b[5~\x1b[6~\x1b[3~",
            {key(Key::kHome), key(Key::kEnd), key(Key::kPageUp), key(Key::kPageDown),
             key(Key::kDelete)}},
           {"\x1bOP\x1b[15~\x1b[[B\x1b[Z",
            {key(Key::kF1), key(Key::kF5), key(Key::kF2), key(Key::kBackTab)}},
           {"\x1b[1;5A\x1b[6;3~\x1b[1;2D",
            {key(Key::kUp, true), key(Key::kPageDown, false, true),
             key(Key::kLeft, false, false, true)}},
           {"\x1b", {key(Key::kEscape)}},
           {"\x1b\x1b[A", {key(Key::kEscape), key(Key::kUp)}},
           {"\x1bx", {rune('x', false, true)}},
           {"\x1b[<0;5;3M\x1b[<0;5;3m",
            {MouseEvent{Action::kPress, 0, 4, 2}, MouseEvent{Action::kRelease, 0, 4, 2}}},
           {"\x1b[<64;1;1M\x1b[<65;1;1M\x1b[<32;2;2M",
            {MouseEvent{Action::kWheelUp, 0, 0, 0}, MouseEvent{Action::kWheelDown, 0, 0, 0},
             MouseEvent{Action::kDrag, 0, 1, 1}}},
           {"\x1b[200~a\x1b[Ab\n\x1b[201~c", {PasteEvent{"a\x1b[Ab\n", false}, rune('c')}},
           // Hostile or strange: skipped whole, and what follows is read.
           {"\x1b[<0;0;3Mq", {rune('q')}},
           {"\x1b[<99999;1;1Mq", {rune('q')}},
           {"\x1b[M !!q", {rune('q')}},
           {"\x1b]0;title\x07q\x1bP1$r0m\x1b\\w", {rune('q'), rune('w')}},
           {"\xff\xc0\xaf\xed\xa0\x80\xf5q", {rune('q')}},
           {"\xe2\x82q", {rune('q')}},
           {"\x1b[1;2;3;4;5;6Aq", {rune('q')}},
           {"\x1b[12\x01q", {rune('q')}},
       }) {
    for (const std::size_t piece : {1U, 2U, 1000U}) {
      EXPECT_EQ(parse(bytes, piece), events) << testing::PrintToString(std::string(bytes));
    }
  }
}

TEST(Input, WaitsOnlyWithinASequence) {
  InputParser parser;
  std::vector<Event> out;
  EXPECT_EQ(parser.wait_ms(), -1);
  parser.feed(base::as_bytes("\x1b"), out);
  EXPECT_GT(parser.wait_ms(), 0);
  EXPECT_TRUE(out.empty()) << "an arrow may still come";
  parser.flush(out);
  EXPECT_EQ(parser.wait_ms(), -1);
  EXPECT_EQ(out, std::vector<Event>{key(Key::kEscape)});
}

TEST(Input, PasteIsBounded) {
  std::string bytes =
      "\x1b[200~" + std::string(InputParser::kMaxPasteBytes + 500, 'x') + "\x1b[201~q";
  const auto events = parse(bytes);
  ASSERT_EQ(events.size(), 2U);
  const auto& paste = std::get<PasteEvent>(events[0]);
  EXPECT_EQ(paste.text.size(), InputParser::kMaxPasteBytes);
  EXPECT_TRUE(paste.cut);
  EXPECT_EQ(events[1], rune('q'));
}

TEST(LineEditor, EditsByGrapheme) {
  LineEditor editor;
  const auto type = [&editor](std::string_view bytes) {
    for (const Event& event : parse(bytes)) editor.handle(event);
  };
  type("a日e\u0301");
  EXPECT_EQ(editor.text(), "a日e\u0301");
  type("\x7f");  // takes letter and accent
  EXPECT_EQ(editor.text(), "a日");
  type("\x1b[D\x1b[DX");
  EXPECT_EQ(editor.text(), "Xa日");
  EXPECT_EQ(editor.cursor(), 1U);
  type("\x05 one two\x17");  // end, then take a word back
  EXPECT_EQ(editor.text(), "Xa日 one ");
  type("\x15");
  EXPECT_EQ(editor.text(), "");
  type("\x1b[200~port == 1\r\n\x1b[201~");  // a pasted line end is no Enter
  EXPECT_EQ(editor.text(), "port == 1");
}

TEST(LineEditor, HistoryKeepsTheDraft) {
  LineEditor editor;
  editor.set("one");
  editor.commit();
  editor.set("two");
  editor.commit();
  editor.set("dra");
  const Event up = key(Key::kUp);
  const Event down = key(Key::kDown);
  editor.handle(up);
  editor.handle(up);
  editor.handle(up);
  EXPECT_EQ(editor.text(), "one");
  editor.handle(down);
  EXPECT_EQ(editor.text(), "two");
  editor.handle(down);
  EXPECT_EQ(editor.text(), "dra");
}

TEST(LineEditor, IsBounded) {
  LineEditor editor;
  editor.handle(PasteEvent{std::string(5000, 'x'), false});
  EXPECT_EQ(editor.text().size(), LineEditor::kMaxBytes);
  editor.handle(rune('y'));
  EXPECT_EQ(editor.text().size(), LineEditor::kMaxBytes);
}

}  // namespace
}  // namespace netwatch::tui
