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

// lite_panels.cpp
void draw_interfaces(const LiteFrame& frame);
void draw_side(const LiteFrame& frame);

// lite_table.cpp
void draw_table(const LiteFrame& frame);

// lite_detail.cpp
void draw_detail(const LiteFrame& frame);

}  // namespace netwatch::tui
