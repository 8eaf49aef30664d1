#pragma once

#include <string_view>

#include "model/snapshot.h"
#include "tui/pen.h"

namespace netwatch::tui {

// "up", else the state of the link, else "down".
std::string_view interface_state(const model::Interface& interface);
// "1 Gbit/s"; "–" where the driver does not say.
Span speed_cell(std::int64_t bits_per_second);

// One interface in full: what it is, all of its counters, and its rates over time.
void draw_interface_detail(const Pen& pen, Rect area, bool boxed, const model::Snapshot& snapshot,
                           const model::InterfaceRow& row);

}  // namespace netwatch::tui
