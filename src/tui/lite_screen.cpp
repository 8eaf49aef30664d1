#include "tui/lite_screen.h"

#include <algorithm>

#include "tui/frame_lines.h"
#include "tui/lite_parts.h"
#include "tui/panels.h"

namespace netwatch::tui {

void LiteView::refresh(const Frame& frame, Rect screen, ViewState& state) {
  layout_ = lite_layout(screen.width, screen.height);
  list_ = make_lines(frame.snapshot, state, frame.verdicts);
  settle_selection(frame.snapshot, list_, layout_.rows.height, state);
}

void LiteView::draw(const Pen& pen, const Frame& frame) const {
  const LiteFrame lite{pen, frame.snapshot, list_, frame.state, layout_};
  draw_header(pen, layout_.header, frame);
  draw_traffic_panel(pen, layout_.throughput, layout_.boxed, frame.snapshot);
  draw_interfaces(lite);
  draw_table(lite);
  draw_side(lite);
  draw_detail(lite);
  draw_status(pen, layout_.status, frame);
  draw_keys(pen, layout_.keys, frame, {});
}

// --- the selected row ----------------------------------------------------------------------------

void LiteView::select_line(int place, const Frame& frame, ViewState& state) const {
  const auto& lines = list_.lines;
  if (lines.empty()) return;
  place = std::clamp(place, 0, static_cast<int>(lines.size()) - 1);
  state.selected_line = place;
  state.selected = key_of(frame.snapshot, list_, lines[static_cast<std::size_t>(place)]);
}

// The talker of the selected line; nullptr if there is none.
const ShownTalker* LiteView::selected_talker(const ViewState& state) const {
  const auto place = static_cast<std::size_t>(state.selected_line);
  if (place >= list_.lines.size()) return nullptr;
  return &list_.talkers[list_.lines[place].talker];
}

void LiteView::unfold(ViewState& state, bool open) const {
  const ShownTalker* talker = selected_talker(state);
  if (talker == nullptr) return;
  TalkerKey key = key_of(*talker->talker);
  if (open) {
    state.expanded.insert(std::move(key));
    return;
  }
  state.expanded.erase(key);
  state.selected = LineKey{std::move(key), std::nullopt};
}

void LiteView::toggle(const Frame& frame, ViewState& state) const {
  const ShownTalker* talker = selected_talker(state);
  if (talker == nullptr) return;
  select_line(state.selected_line, frame, state);
  unfold(state, !state.expanded.contains(key_of(*talker->talker)));
}

bool LiteView::move(Action action, const Frame& frame, ViewState& state) const {
  const int page = std::max(1, layout_.rows.height - 1);
  int place = state.selected_line;
  switch (action) {
    case Action::kUp:
      place -= 1;
      break;
    case Action::kDown:
      place += 1;
      break;
    case Action::kPageUp:
      place -= page;
      break;
    case Action::kPageDown:
      place += page;
      break;
    case Action::kTop:
      // The first row, whatever it will be.
      state.selected_line = 0;
      state.selected.reset();
      return true;
    case Action::kBottom:
      place = static_cast<int>(list_.lines.size());
      break;
    default:
      return false;
  }
  select_line(place, frame, state);
  return true;
}

bool LiteView::act(Action action, const Frame& frame, ViewState& state) {
  if (move(action, frame, state)) return true;
  switch (action) {
    case Action::kToggle:
      toggle(frame, state);
      return true;
    case Action::kExpand:
      unfold(state, true);
      return true;
    case Action::kCollapse:
      unfold(state, false);
      return true;
    default:
      return false;
  }
}

bool LiteView::own_key(int /*command*/, const Frame& /*frame*/, ViewState& /*state*/) {
  return false;
}

// --- the mouse -----------------------------------------------------------------------------------

bool LiteView::press(int x, int y, const Frame& frame, ViewState& state) {
  if (layout_.heading.contains(x, y)) {
    for (const PlacedColumn& placed : layout_.columns) {
      if (x < placed.x || x > placed.x + placed.width) continue;
      const auto columns = sortable_columns();
      const auto found = std::find(columns.begin(), columns.end(), placed.column);
      if (found != columns.end()) sort_by(static_cast<std::size_t>(found - columns.begin()), state);
      break;
    }
    return true;
  }
  if (!layout_.rows.contains(x, y)) return false;
  const int place = state.scroll + y - layout_.rows.y;
  if (place >= static_cast<int>(list_.lines.size())) return false;
  const bool again = place == state.selected_line && state.selected.has_value();
  select_line(place, frame, state);
  const Line& line = list_.lines[static_cast<std::size_t>(place)];
  if (again && line.is_talker()) toggle(frame, state);
  return true;
}

bool LiteView::wheel(int rows, const Frame& frame, ViewState& state) {
  select_line(state.selected_line + rows, frame, state);
  return true;
}

// --- the order -----------------------------------------------------------------------------------

SortChoices LiteView::sort_choices(const ViewState& state) const {
  SortChoices out;
  out.descending = state.descending;
  for (const Column column : sortable_columns()) {
    if (column == state.sort) out.current = out.titles.size();
    out.titles.push_back(column_def(column).title);
  }
  return out;
}

void LiteView::sort_by(std::size_t choice, ViewState& state) {
  const auto columns = sortable_columns();
  if (choice >= columns.size()) return;
  if (state.sort == columns[choice]) {
    reverse_sort(state);
    return;
  }
  state.sort = columns[choice];
  state.descending = column_def(columns[choice]).descending_first;
}

void LiteView::reverse_sort(ViewState& state) { state.descending = !state.descending; }

std::span<const OwnKey> LiteView::own_keys(const ViewState& /*state*/) const { return {}; }

std::string_view LiteView::title(const ViewState& /*state*/) const { return "Lite"; }

}  // namespace netwatch::tui
