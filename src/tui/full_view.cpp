#include "tui/full_view.h"

#include <algorithm>
#include <string>

#include "tui/frame_lines.h"
#include "tui/tab_control.h"

namespace netwatch::tui {
namespace {

std::size_t place_of(const ViewState& state) { return std::min(state.tab, tabs().size() - 1); }

}  // namespace

FullView::FullView() {
  for (const TabDef* def : tabs()) tabs_.push_back(def->make());
}

Tab& FullView::shown(const ViewState& state) const { return *tabs_[place_of(state)]; }

void FullView::refresh(const Frame& frame, Rect screen, ViewState& state) {
  screen_ = screen;
  bar_ = {0, 1, screen.width, 1};
  area_ = {0, 2, screen.width, std::max(0, screen.height - 4)};
  Tab& tab = shown(state);
  if (Table* table = tab.table(); table != nullptr) {
    const auto& chosen = state.preferences.columns;
    const auto found = chosen.find(tabs()[place_of(state)]->name);
    found == chosen.end() ? table->show_usual() : table->show(found->second);
  }
  tab.refresh(frame, area_);
}

// --- the bar of tabs -----------------------------------------------------------------------------

std::vector<FullView::Place> FullView::places() const {
  const auto all = [&](bool whole) {
    std::vector<Place> out;
    int x = 1;
    for (const TabDef* def : tabs()) {
      const std::string_view title = whole ? def->title : def->short_title;
      const int width = text_columns(title) + 4;  // " 1 title "
      out.push_back({x, width, title});
      x += width;
    }
    return out;
  };
  auto out = all(true);
  return out.back().x + out.back().width < screen_.width ? out : all(false);
}

void FullView::draw_bar(const Pen& pen, const ViewState& state) const {
  const auto where = places();
  for (std::size_t i = 0; i < where.size(); ++i) {
    const Place& place = where[i];
    const bool chosen = i == place_of(state);
    const std::string number = " " + std::to_string((i + 1) % 10) + " ";
    int x = pen.say(place.x, bar_.y, bar_.right(), number, chosen ? Role::kKey : Role::kDim);
    pen.say(x, bar_.y, bar_.right(), place.title, chosen ? Role::kStrong : Role::kText);
    if (!chosen) continue;
    const Style style = pen.theme[Role::kSelected];
    pen.canvas.tint({place.x, bar_.y, place.width, 1}, style.bg, style.attributes);
  }
}

void FullView::draw(const Pen& pen, const Frame& frame) const {
  draw_header(pen, {0, 0, screen_.width, 1}, frame);
  draw_bar(pen, frame.state);
  shown(frame.state).draw(pen, frame);
  if (frame.state.filter.open) {
    draw_filter_line(pen, {area_.x + 1, area_.y, area_.width - 2, 1}, frame.state.filter);
  }
  draw_status(pen, {0, screen_.height - 2, screen_.width, 1}, frame);
  draw_notice(pen, {0, screen_.height - 2, screen_.width, 1}, frame.snapshot);
  draw_keys(pen, {0, screen_.height - 1, screen_.width, 1}, frame, own_keys(frame.state));
}

// --- input ---------------------------------------------------------------------------------------

bool FullView::act(Action action, const Frame& frame, ViewState& state) {
  return act_on(shown(state), action, frame);
}

bool FullView::own_key(int command, const Frame& frame, ViewState& state) {
  return shown(state).own_key(command, frame);
}

bool FullView::press(int x, int y, const Frame& frame, ViewState& state) {
  if (bar_.contains(x, y)) {
    const auto where = places();
    for (std::size_t i = 0; i < where.size(); ++i) {
      if (x >= where[i].x && x < where[i].x + where[i].width) state.tab = i;
    }
    return true;
  }
  return press_on(shown(state), x, y, frame);
}

bool FullView::wheel(int rows, const Frame& frame, ViewState& state) {
  return wheel_on(shown(state), rows, frame);
}

SortChoices FullView::sort_choices(const ViewState& state) const {
  return sort_choices_of(shown(state));
}

void FullView::sort_by(std::size_t choice, ViewState& state) { sort_tab_by(shown(state), choice); }

void FullView::reverse_sort(ViewState& state) { reverse_sort_of(shown(state)); }

std::span<const OwnKey> FullView::own_keys(const ViewState& state) const {
  return tabs()[place_of(state)]->keys;
}

std::string_view FullView::title(const ViewState& state) const {
  return tabs()[place_of(state)]->title;
}

const Table* FullView::table(const ViewState& state) const { return shown(state).table(); }

}  // namespace netwatch::tui
