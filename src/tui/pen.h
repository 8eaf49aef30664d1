#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tui/canvas.h"
#include "tui/theme.h"

namespace netwatch::tui {

struct Span {
  std::string text;
  Role role = Role::kText;
};
using Spans = std::vector<Span>;

int columns_of(const Spans& spans);

// A canvas and the theme it is drawn in.
struct Pen {
  Canvas& canvas;
  const Theme& theme;

  // Each returns the first column after what was put; nothing goes past `right`.
  int say(int x, int y, int right, std::string_view text, Role role) const;
  int say(int x, int y, int right, const Spans& spans) const;

  // A frame, or only a rule above, with a title in its upper edge and, from the right, notes as
  // far as there is room. Returns the inside.
  Rect panel(Rect area, bool boxed, const Spans& title, const Spans& notes = {}) const;
  // In the middle of an area, as what there is to say where it is empty.
  void say_in_the_middle(Rect area, const Spans& spans) const;
};

// The inside of a panel.
Rect inside_panel(Rect area, bool boxed);

// Text from outside (names, programs, interfaces), made fit to be shown.
std::string clean(std::string_view raw);

}  // namespace netwatch::tui
