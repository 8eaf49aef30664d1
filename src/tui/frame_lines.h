#pragma once

#include "tui/view.h"

// The lines that every view has: who and what is watched, how far to trust it, what to press.
namespace netwatch::tui {

// One row each.
void draw_header(const Pen& pen, Rect line, const Frame& frame);
void draw_status(const Pen& pen, Rect line, const Frame& frame);
// What became of the last command, in a line that is something else's; nothing where there is none.
void draw_notice(const Pen& pen, Rect line, const model::Snapshot& snapshot);
// The hints of `own_keys` come first.
void draw_keys(const Pen& pen, Rect line, const Frame& frame, std::span<const OwnKey> own_keys);
// The filter being written, and in the row below what is wrong with it, with a caret under the
// column; returns whether that row was needed.
bool draw_filter_line(const Pen& pen, Rect line, const FilterState& filter);
// Instead of everything, where there is no room.
void draw_too_small(const Pen& pen, Rect screen);

}  // namespace netwatch::tui
