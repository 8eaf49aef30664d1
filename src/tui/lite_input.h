#pragma once

#include "tui/input.h"
#include "tui/lite_screen.h"

namespace netwatch::tui {

// What the loop has to do after an event beyond drawing.
enum class LiteOutcome : std::uint8_t { kNothing, kDraw, kRedraw, kSuspend, kQuit };

struct LiteContext {
  const model::Snapshot* snapshot = nullptr;  // what is shown; may be null
  const LineList& list;                       // as shown
  const LiteLayout& layout;
  const FilterCompiler& compile;  // empty: filters are a problem of their own
  // Posts the wish to capture on that interface, or on "any"; empty: not possible.
  const InterfaceSwitch& switch_interface;
};

// Applies one event to the view.
LiteOutcome apply_event(const Event& event, const LiteContext& context, ViewState& view);

}  // namespace netwatch::tui
