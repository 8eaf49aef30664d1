#pragma once

#include "tui/input.h"
#include "tui/view.h"

namespace netwatch::tui {

// What the loop has to do after an event beyond drawing.
enum class Outcome : std::uint8_t { kNothing, kDraw, kRedraw, kSuspend, kQuit };

struct InputContext {
  const Frame& frame;  // as shown; of the state that is changed
  View& view;
  Rect screen;
  const FilterCompiler& compile;  // empty: filters are a problem of their own
  // Posts the wish to capture on that interface, or on "any"; empty: not possible.
  const InterfaceSwitch& switch_interface;
  const PlaybackControl& control;   // of the time line; empty: not possible
  const FilterCompleter& complete;  // empty: nothing is proposed
  const SettingsSaver& save;        // empty: not possible
};

// Applies one event to the state: the filter being written first, then what lies above the view,
// then the keys that all views have, then the view's own.
Outcome apply_event(const Event& event, const InputContext& context, ViewState& state);

// Puts a filter in force; a wrong one is the state's problem, and what was in force stays.
void set_filter(std::string_view text, const FilterCompiler& compile, FilterState& filter);

}  // namespace netwatch::tui
