#pragma once

#include "model/snapshot.h"
#include "tui/pen.h"
#include "tui/tabs/process_list.h"

namespace netwatch::tui {

// "12%" of one CPU, "–" where it is not known; as wide as kCpuColumns at most.
inline constexpr int kCpuColumns = 5;
Span cpu_cell(double cpu);

// A process, or a group of them, in full, in a panel of its own: who it is, what it takes, whom it
// talks to.
void draw_process_detail(const Pen& pen, Rect area, bool boxed, const model::Snapshot& snapshot,
                         const ProcessList& list, const ProcessItem& item);

}  // namespace netwatch::tui
