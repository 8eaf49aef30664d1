#include "tui/lite_screen.h"

#include "tui/lite_parts.h"

namespace netwatch::tui {
namespace {

void draw_too_small(const Pen& pen, Rect screen) {
  const std::string needs = "NetWatch needs " + std::to_string(kLeastWidth) + "x" +
                            std::to_string(kLeastHeight) + " characters";
  const std::string has =
      "this terminal has " + std::to_string(screen.width) + "x" + std::to_string(screen.height);
  const int y = screen.height / 2 - 1;
  const auto centred = [&](int row, const std::string& text, Role role) {
    pen.canvas.put_field(0, row, screen.width, text, pen.theme[role], Align::kCentre);
  };
  centred(y, needs, Role::kStrong);
  centred(y + 1, has, Role::kText);
  centred(y + 2, "make it larger, or q quits", Role::kDim);
}

}  // namespace

Canvas draw_lite(const model::Snapshot* snapshot, const LineList& list, const ViewState& view,
                 const LiteLayout& layout) {
  const auto all = themes();
  const Theme& theme = all[view.theme < all.size() ? view.theme : 0];
  Canvas canvas(layout.screen.width, layout.screen.height, theme[Role::kText]);
  const Pen pen{canvas, theme};
  if (layout.too_small) {
    draw_too_small(pen, layout.screen);
    return canvas;
  }
  const model::Snapshot nothing;
  const LiteFrame frame{pen, snapshot == nullptr ? nothing : *snapshot, list, view, layout};
  draw_header(frame);
  draw_throughput_panel(frame);
  draw_interfaces(frame);
  draw_table(frame);
  draw_side(frame);
  draw_detail(frame);
  draw_status(frame);
  draw_keys(frame);
  draw_overlay(frame);
  return canvas;
}

}  // namespace netwatch::tui
