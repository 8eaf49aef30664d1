#pragma once

#include "tui/columns.h"
#include "tui/lines.h"
#include "tui/pen.h"

// How talkers are shown, wherever they are.
namespace netwatch::tui {

Span talker_cell(const ShownTalker& shown, Column column, int width);
// What to say, and what to do, where there is none.
void draw_no_talker(const Pen& pen, Rect rows, const model::Snapshot& snapshot,
                    const FilterState& filter);

}  // namespace netwatch::tui
