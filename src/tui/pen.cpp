#include "tui/pen.h"

#include <algorithm>

#include "base/text.h"

namespace netwatch::tui {

int columns_of(const Spans& spans) {
  int columns = 0;
  for (const Span& span : spans) columns += text_columns(span.text);
  return columns;
}

int Pen::say(int x, int y, int right, std::string_view text, Role role) const {
  const int room = right - x;
  if (room <= 0) return x;
  return x + canvas.put(x, y, truncated(text, room), theme[role]);
}

int Pen::say(int x, int y, int right, const Spans& spans) const {
  for (const Span& span : spans) x = say(x, y, right, span.text, span.role);
  return x;
}

Rect Pen::panel(Rect area, bool boxed, const Spans& title, const Spans& notes) const {
  if (area.height < 1 || area.width < 4) return {area.x, area.y, 0, 0};
  const Style border = theme[Role::kBorder];
  if (boxed) {
    canvas.box(area, border);
  } else {
    canvas.horizontal(area.x, area.y, area.width, border);
  }
  const int right = area.right() - 2;
  int x = area.x + 2;
  if (!title.empty()) {
    x = say(x, area.y, right, " ", Role::kTitle);
    x = say(x, area.y, right - 1, title);
    x = say(x, area.y, right, " ", Role::kTitle);
  }
  if (!notes.empty()) {
    const int start = std::max(x + 1, right - columns_of(notes) - 2);
    int at = say(start, area.y, right, " ", Role::kText);
    at = say(at, area.y, right - 1, notes);
    say(at, area.y, right, " ", Role::kText);
  }
  return inside_panel(area, boxed);
}

void Pen::say_in_the_middle(Rect area, const Spans& spans) const {
  const int x = area.x + std::max(1, (area.width - columns_of(spans)) / 2);
  say(x, area.y + area.height / 2, area.right() - 1, spans);
}

Rect inside_panel(Rect area, bool boxed) {
  if (boxed) return area.inset(1);
  return {area.x, area.y + 1, area.width, area.height - 1};
}

std::string clean(std::string_view raw) { return base::sanitised(raw); }

}  // namespace netwatch::tui
