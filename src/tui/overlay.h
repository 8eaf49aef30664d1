#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tui/view.h"

// What lies above a view: help, what is missing, pickers.
namespace netwatch::tui {

struct OverlayFrame {
  const Frame& frame;
  const View& view;
  Rect screen;
};

// Its frame.
Rect overlay_area(const OverlayFrame& of);
// How many lines it has, for scrolling.
int overlay_line_count(const OverlayFrame& of);
// Which of them is the first that is shown.
int overlay_first_line(const OverlayFrame& of);
void draw_overlay(const Pen& pen, const OverlayFrame& of);

// Words of a text in lines of at most `columns`, each begun by `indent` spaces.
void add_wrapped(std::vector<Spans>& out, std::string_view text, Role role, int columns,
                 int indent);

// All of a frame: the view, as refreshed, and what lies above it; or that there is no room.
void draw_screen(const Pen& pen, const Frame& frame, const View& view, Rect screen);

// What can be captured on, as the picker shows it: "any", then the host's interfaces.
std::vector<std::string> interface_choices(const model::Snapshot& snapshot);
// The chosen one's place in it.
int interface_place(const std::vector<std::string>& choices, const ViewState& state);
std::vector<Spans> interface_lines(const model::Snapshot& snapshot, const ViewState& state);

}  // namespace netwatch::tui
