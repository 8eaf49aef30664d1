#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tui/input.h"

namespace netwatch::tui {

// What a key of the screen does. The table below is the one place where keys are given; key
// handling, the hints in the last line and the help are all made from it.
enum class Action : std::uint8_t {
  kUp,
  kDown,
  kPageUp,
  kPageDown,
  kTop,
  kBottom,
  kToggle,
  kExpand,
  kCollapse,
  kFilter,
  kClear,
  kPause,
  kSort,
  kReverse,
  kTheme,
  kView,
  kNextTab,
  kPreviousTab,
  kMissing,
  kInterface,
  kSettings,
  kColumns,
  kHelp,
  kRedraw,
  kSuspend,
  kQuit,
  // Of capture files alone.
  kPlay,
  kFaster,
  kSlower,
  kNextPacket,
  kNextSecond,
  kPreviousSecond,
  kForward,
  kBack,
  kToStart,
  kToEnd,
};

struct Binding {
  Action action;
  std::array<std::string_view, 3> keys;  // as shown and as matched: "k", "Up", "^C", ...
  std::string_view help;                 // a line of the help
  std::string_view hint;                 // a word of the last line; empty: not there
};

std::span<const Binding> bindings();
// Whether it is one of capture files: what is watched live has no other time than now.
constexpr bool is_of_files(Action action) { return action >= Action::kPlay; }
// The action of a key; nothing if it has none.
std::optional<Action> action_of(const KeyEvent& key);

// A key of one tab or view alone. Keys of the table above come first.
struct OwnKey {
  int command = 0;  // a number of the tab's
  std::array<std::string_view, 2> keys;
  std::string_view help;
  std::string_view hint;  // a word of the last line; empty: not there
};
// Its command; nothing if it is none of them.
std::optional<int> command_of(const KeyEvent& key, std::span<const OwnKey> own_keys);
// Which digit it is; nothing if it is none.
std::optional<int> digit_of(const KeyEvent& key);

// What the mouse does, for the help.
struct MouseHelp {
  std::string_view gesture;
  std::string_view help;
};
std::span<const MouseHelp> mouse_help();

}  // namespace netwatch::tui
