#pragma once

#include "model/snapshot.h"
#include "tui/pen.h"

namespace netwatch::tui {

// One connection in full, in a panel of its own.
void draw_connection_detail(const Pen& pen, Rect area, bool boxed, const model::Snapshot& snapshot,
                            const model::ConnectionRow& row);

}  // namespace netwatch::tui
