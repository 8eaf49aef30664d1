#pragma once

#include <vector>

#include "model/snapshot.h"
#include "tui/canvas.h"
#include "tui/columns.h"
#include "tui/lines.h"
#include "tui/view_state.h"

namespace netwatch::tui {

inline constexpr int kLeastWidth = 80;
inline constexpr int kLeastHeight = 24;

// Where the parts of the screen are, by its size alone. Input uses it too, to know what was
// clicked. A part without room has no height.
struct LiteLayout {
  bool too_small = false;
  bool boxed = false;  // panels have frames, not only a rule above
  Rect screen;
  Rect header;
  Rect throughput;
  Rect interfaces;  // one line, or a panel when boxed
  Rect table;       // with its frame
  Rect heading;     // one row
  Rect rows;
  Rect side;    // further panels at the right
  Rect detail;  // the selected row in full
  Rect status;  // always in sight
  Rect keys;
  std::vector<PlacedColumn> columns;
};
LiteLayout lite_layout(int width, int height);

// The frame of an overlay.
Rect overlay_area(const LiteLayout& layout, Overlay overlay);
// What can be captured on, as the picker shows it: "any", then the host's interfaces.
std::vector<std::string> interface_choices(const model::Snapshot& snapshot);
// The chosen one's place in it.
int interface_place(const std::vector<std::string>& choices, const ViewState& view);
// How many lines an overlay has, for scrolling.
int overlay_line_count(const model::Snapshot& snapshot, const ViewState& view,
                       const LiteLayout& layout);
// Which of them is the first that is shown.
int overlay_first_line(const model::Snapshot& snapshot, const ViewState& view,
                       const LiteLayout& layout);

// The one screen of `netwatch`: a pure function of its arguments. `list` is make_lines() of the
// same snapshot and view, after settle_selection(). A null snapshot: nothing is known yet.
Canvas draw_lite(const model::Snapshot* snapshot, const LineList& list, const ViewState& view,
                 const LiteLayout& layout);

}  // namespace netwatch::tui
