#pragma once

#include "tui/lite_screen.h"
#include "tui/pen.h"

// The parts of the lite screen; each draws into its own place and nowhere else.
namespace netwatch::tui {

struct LiteFrame {
  const Pen& pen;
  const model::Snapshot& snapshot;
  const LineList& list;
  const ViewState& view;
  const LiteLayout& layout;
};

// lite_header.cpp
void draw_header(const LiteFrame& frame);
void draw_status(const LiteFrame& frame);
void draw_keys(const LiteFrame& frame);

// lite_panels.cpp
void draw_throughput_panel(const LiteFrame& frame);
void draw_interfaces(const LiteFrame& frame);
void draw_side(const LiteFrame& frame);

// lite_table.cpp
void draw_table(const LiteFrame& frame);

// lite_detail.cpp
void draw_detail(const LiteFrame& frame);
std::string endpoint_text(const model::Endpoint& end, std::uint8_t proto);
bool is_connected(const model::ConnectionRow& row);
// From who has begun it; both ways where that is not known.
std::string_view arrow_of(const model::ConnectionRow& row);
// Which other network namespace a socket is in; empty for ours.
std::string place_of(const model::Snapshot& snapshot, const model::ConnectionRow& row);

// lite_overlay.cpp
void draw_overlay(const LiteFrame& frame);

// interface_picker.cpp
std::vector<Spans> interface_lines(const model::Snapshot& snapshot, const ViewState& view);

// The mark of an owner's quality, told by shape: ● exact, ○ inferred, ? unknown.
Span quality_mark(model::Quality quality);
// The first ability that is off; nullptr if all are on.
const model::Ability* first_missing(const model::Snapshot& snapshot);
// Every counter that is not zero, worst first, as "kernel 12".
std::vector<std::string> losses(const model::DropCounters& drops);

}  // namespace netwatch::tui
