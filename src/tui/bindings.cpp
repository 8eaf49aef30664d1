#include "tui/bindings.h"

#include <string>

namespace netwatch::tui {
namespace {

constexpr std::array<Binding, 36> kBindings{{
    {Action::kQuit, {"q", "^C"}, "quit", "quit"},
    {Action::kHelp, {"?", "F1"}, "this help", "help"},
    {Action::kPlay, {"."}, "play and pause; at the end, from the first packet on", "play"},
    {Action::kFilter, {"/"}, "filter connections, in the language of -Y", "filter"},
    {Action::kToggle, {"Enter", "Space"}, "show or hide the connections of a row", "expand"},
    {Action::kPause, {"p"}, "freeze what is seen; collecting goes on", "pause"},
    {Action::kSort, {"s"}, "choose what to sort by", "sort"},
    {Action::kMissing, {"!"}, "what is missing, why, and how to get it; losses", "missing"},
    {Action::kInterface, {"i"}, "choose the interface to capture on", "link"},
    {Action::kSettings, {","}, "settings, and saving them to config.toml", ""},
    {Action::kColumns, {"c"}, "choose the columns of a tab's table", ""},
    {Action::kTheme, {"t"}, "next theme", "theme"},
    {Action::kView, {"V"}, "next view: full (tabs), lite (one screen), dense", ""},
    {Action::kNextTab, {"Tab"}, "next tab of the full view; 1 to 9 go to one", ""},
    {Action::kPreviousTab, {"Shift-Tab"}, "previous tab", ""},
    {Action::kReverse, {"S"}, "reverse the sort", ""},
    {Action::kUp, {"Up", "k"}, "one row up", ""},
    {Action::kDown, {"Down", "j"}, "one row down", ""},
    {Action::kPageUp, {"PgUp", "^B", "^U"}, "one page up", ""},
    {Action::kPageDown, {"PgDn", "^F", "^D"}, "one page down", ""},
    {Action::kTop, {"Home", "g"}, "to the first row", ""},
    {Action::kBottom, {"End", "G"}, "to the last row", ""},
    {Action::kExpand, {"Right", "l"}, "show the connections of a row", ""},
    {Action::kCollapse, {"Left", "h"}, "hide them", ""},
    {Action::kClear, {"Esc"}, "close what is open, else clear the filter", ""},
    {Action::kRedraw, {"^L"}, "paint the screen anew", ""},
    {Action::kSuspend, {"^Z"}, "stop, back to the shell; `fg` returns", ""},
    {Action::kFaster, {"+", "="}, "faster: 1, 2, 10, 100 times, as fast as it can be read", ""},
    {Action::kSlower, {"-"}, "slower", ""},
    {Action::kForward, {">"}, "10 seconds on", ""},
    {Action::kBack, {"<"}, "10 seconds back", ""},
    {Action::kNextSecond, {"]"}, "to the next whole second", ""},
    {Action::kPreviousSecond, {"["}, "to the whole second before", ""},
    {Action::kNextPacket, {";"}, "one packet on", ""},
    {Action::kToStart, {"{"}, "to the first packet", ""},
    {Action::kToEnd, {"}"}, "to the end", ""},
}};

constexpr std::array<MouseHelp, 4> kMouseHelp{{
    {"click a row", "select it"},
    {"click it again", "show or hide its connections"},
    {"click a heading", "sort by it; again reverses"},
    {"wheel", "scroll"},
}};

struct KeyName {
  Key key;
  std::string_view name;
};
constexpr std::array<KeyName, 14> kKeyNames{{
    {Key::kEnter, "Enter"},
    {Key::kEscape, "Esc"},
    {Key::kTab, "Tab"},
    {Key::kBackTab, "Shift-Tab"},
    {Key::kUp, "Up"},
    {Key::kDown, "Down"},
    {Key::kLeft, "Left"},
    {Key::kRight, "Right"},
    {Key::kHome, "Home"},
    {Key::kEnd, "End"},
    {Key::kPageUp, "PgUp"},
    {Key::kPageDown, "PgDn"},
    {Key::kF1, "F1"},
    {Key::kBackspace, "Backspace"},
}};

// A key as the table spells it; empty if it has no spelling.
std::string spelling(const KeyEvent& key) {
  if (key.alt) return {};
  if (key.key != Key::kRune) {
    for (const KeyName& named : kKeyNames) {
      if (named.key == key.key) return std::string(named.name);
    }
    return {};
  }
  if (key.rune == ' ' && !key.ctrl) return "Space";
  if (key.rune <= ' ' || key.rune >= 0x7F) return {};
  const char c = static_cast<char>(key.rune);
  if (!key.ctrl) return {c};
  if (c < 'a' || c > 'z') return {};
  return {'^', static_cast<char>(c - 'a' + 'A')};
}

}  // namespace

std::span<const Binding> bindings() { return kBindings; }
std::span<const MouseHelp> mouse_help() { return kMouseHelp; }

std::optional<Action> action_of(const KeyEvent& key) {
  const std::string name = spelling(key);
  if (name.empty()) return std::nullopt;
  for (const Binding& binding : kBindings) {
    for (const std::string_view bound : binding.keys) {
      if (bound == name) return binding.action;
    }
  }
  return std::nullopt;
}

std::optional<int> command_of(const KeyEvent& key, std::span<const OwnKey> own_keys) {
  const std::string name = spelling(key);
  if (name.empty()) return std::nullopt;
  for (const OwnKey& own : own_keys) {
    if (own.keys[0] == name || own.keys[1] == name) return own.command;
  }
  return std::nullopt;
}

std::optional<int> digit_of(const KeyEvent& key) {
  if (key.key != Key::kRune || key.ctrl || key.alt) return std::nullopt;
  if (key.rune < '0' || key.rune > '9') return std::nullopt;
  return static_cast<int>(key.rune - '0');
}

}  // namespace netwatch::tui
