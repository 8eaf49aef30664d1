#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/snapshot.h"
#include "tui/lines.h"
#include "tui/pen.h"

// Panels, and lines of panels, that more than one view has; each draws into its own area and
// nowhere else.
namespace netwatch::tui {

// Throughput against time, with the rates of now and the peaks in its edge.
void draw_traffic_panel(const Pen& pen, Rect area, bool boxed, const model::Snapshot& snapshot);

// In frames, of five rows and more.
void draw_owner_shares(const Pen& pen, Rect area, const model::Snapshot& snapshot);
void draw_app_shares(const Pen& pen, Rect area, std::span<const ShownTalker> talkers);
void draw_seen_and_missed(const Pen& pen, Rect area, const model::Snapshot& snapshot);

// One row: how much of the whole; what is not nothing shows at least one column.
void draw_bar(const Pen& pen, Rect line, double share, Role role);

// Default route first, then the busiest; loopback and what is down last.
std::vector<const model::InterfaceRow*> ordered_interfaces(const model::Snapshot& snapshot);
// "▼1.23 MB/s ▲ 310 kB/s", always as wide.
Spans rate_spans(float down, float up);
inline constexpr int kRateSpansColumns = 21;
// "1 Gbit/s"; empty where the driver does not say.
std::string speed_text(const model::Interface& interface);

}  // namespace netwatch::tui
