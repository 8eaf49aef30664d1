#include "tui/lite_input.h"

#include <algorithm>

#include "tui/bindings.h"
#include "tui/theme.h"

namespace netwatch::tui {
namespace {

constexpr int kWheelRows = 3;
const model::Snapshot kNothing;

const model::Snapshot& shown(const LiteContext& context) {
  return context.snapshot == nullptr ? kNothing : *context.snapshot;
}

void select_line(int place, const LiteContext& context, ViewState& view) {
  const auto& lines = context.list.lines;
  if (lines.empty()) return;
  place = std::clamp(place, 0, static_cast<int>(lines.size()) - 1);
  view.selected_line = place;
  view.selected = key_of(shown(context), context.list, lines[static_cast<std::size_t>(place)]);
}

// The talker of the selected line; nullptr if there is none.
const ShownTalker* selected_talker(const LiteContext& context, const ViewState& view) {
  const auto place = static_cast<std::size_t>(view.selected_line);
  if (place >= context.list.lines.size()) return nullptr;
  return &context.list.talkers[context.list.lines[place].talker];
}

void unfold(const LiteContext& context, ViewState& view, bool open) {
  const ShownTalker* talker = selected_talker(context, view);
  if (talker == nullptr) return;
  TalkerKey key = key_of(*talker->talker);
  if (open) {
    view.expanded.insert(std::move(key));
    return;
  }
  view.expanded.erase(key);
  view.selected = LineKey{std::move(key), std::nullopt};
}

void toggle(const LiteContext& context, ViewState& view) {
  const ShownTalker* talker = selected_talker(context, view);
  if (talker == nullptr) return;
  select_line(view.selected_line, context, view);
  unfold(context, view, !view.expanded.contains(key_of(*talker->talker)));
}

void set_filter(std::string_view text, const LiteContext& context, ViewState& view) {
  FilterState& filter = view.filter;
  filter.problem.reset();
  const bool blank = text.find_first_not_of(' ') == std::string_view::npos;
  if (blank) {
    if (filter.accepts) ++filter.version;
    filter.accepts = nullptr;
    filter.text.clear();
    return;
  }
  if (!context.compile) {
    filter.problem = {0, "filters are not available here", ""};
    return;
  }
  CompiledFilter compiled = context.compile(text);
  if (compiled.problem) {
    filter.problem = std::move(compiled.problem);  // what was in force stays in force
    return;
  }
  filter.accepts = std::move(compiled.accepts);
  filter.text = text;
  ++filter.version;
}

LiteOutcome filter_event(const Event& event, const LiteContext& context, ViewState& view) {
  FilterState& filter = view.filter;
  if (const auto* key = std::get_if<KeyEvent>(&event)) {
    const bool interrupt = key->ctrl && key->rune == 'c';
    if (key->key == Key::kEscape || interrupt) {
      filter.editor.set("");
      set_filter("", context, view);
      filter.open = false;
      return LiteOutcome::kDraw;
    }
    if (key->key == Key::kEnter) {
      if (filter.problem) return LiteOutcome::kNothing;  // to be mended, or left by Esc
      filter.editor.commit();
      filter.open = false;
      return LiteOutcome::kDraw;
    }
  }
  const std::string before = filter.editor.text();
  if (!filter.editor.handle(event)) return LiteOutcome::kNothing;
  if (filter.editor.text() != before) set_filter(filter.editor.text(), context, view);
  return LiteOutcome::kDraw;
}

void sort_by(Column column, ViewState& view) {
  if (column_def(column).title.empty()) return;
  if (view.sort == column) {
    view.descending = !view.descending;
  } else {
    view.sort = column;
    view.descending = column_def(column).descending_first;
  }
}

// `source`: what is captured on now.
void open_overlay(Overlay overlay, const std::string& source, ViewState& view) {
  view.overlay = overlay;
  view.overlay_scroll = 0;
  if (overlay == Overlay::kInterface) view.interface = source;
  if (overlay != Overlay::kSort) return;
  const auto columns = sortable_columns();
  const auto found = std::find(columns.begin(), columns.end(), view.sort);
  view.overlay_scroll = static_cast<int>(found - columns.begin());
}

void choose_interface(int place, const LiteContext& context, ViewState& view) {
  const auto choices = interface_choices(shown(context));
  view.overlay_scroll = std::clamp(place, 0, static_cast<int>(choices.size()) - 1);
  view.interface = choices[static_cast<std::size_t>(view.overlay_scroll)];
}

void scroll_overlay(int step, const LiteContext& context, ViewState& view) {
  if (view.overlay == Overlay::kInterface) {
    const int place = interface_place(interface_choices(shown(context)), view);
    choose_interface(place + step, context, view);
    return;
  }
  const int lines = overlay_line_count(shown(context), view, context.layout);
  const int room = overlay_area(context.layout, view.overlay).height - 2;
  const int most = view.overlay == Overlay::kSort ? lines - 1 : std::max(0, lines - room);
  view.overlay_scroll = std::clamp(view.overlay_scroll + step, 0, std::max(0, most));
}

void pick_sort(ViewState& view) {
  const auto columns = sortable_columns();
  const auto place = static_cast<std::size_t>(std::max(0, view.overlay_scroll));
  if (place < columns.size()) sort_by(columns[place], view);
  view.overlay = Overlay::kNone;
}

// What is chosen is what is seen: an interface that has gone is not asked for.
void pick_interface(const LiteContext& context, ViewState& view) {
  choose_interface(interface_place(interface_choices(shown(context)), view), context, view);
  if (context.switch_interface) context.switch_interface(view.interface);
  view.overlay = Overlay::kNone;
}

void pick(const LiteContext& context, ViewState& view) {
  if (view.overlay == Overlay::kSort) {
    pick_sort(view);
  } else {
    pick_interface(context, view);
  }
}

LiteOutcome overlay_action(Action action, const LiteContext& context, ViewState& view) {
  const int page = std::max(1, overlay_area(context.layout, view.overlay).height - 3);
  switch (action) {
    case Action::kUp:
      scroll_overlay(-1, context, view);
      break;
    case Action::kDown:
      scroll_overlay(1, context, view);
      break;
    case Action::kPageUp:
      scroll_overlay(-page, context, view);
      break;
    case Action::kPageDown:
      scroll_overlay(page, context, view);
      break;
    case Action::kTop:
      scroll_overlay(-1'000'000, context, view);
      break;
    case Action::kBottom:
      scroll_overlay(1'000'000, context, view);
      break;
    case Action::kToggle:
      if (is_picker(view.overlay)) {
        pick(context, view);
      } else {
        view.overlay = Overlay::kNone;
      }
      break;
    case Action::kSuspend:
      return LiteOutcome::kSuspend;
    case Action::kRedraw:
      return LiteOutcome::kRedraw;
    default:
      view.overlay = Overlay::kNone;  // any other key closes, q too
      break;
  }
  return LiteOutcome::kDraw;
}

bool move_selection(Action action, const LiteContext& context, ViewState& view) {
  const int page = std::max(1, context.layout.rows.height - 1);
  int place = view.selected_line;
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
      view.selected_line = 0;
      view.selected.reset();
      return true;
    case Action::kBottom:
      place = static_cast<int>(context.list.lines.size());
      break;
    default:
      return false;
  }
  select_line(place, context, view);
  return true;
}

LiteOutcome clear(const LiteContext& context, ViewState& view) {
  if (!view.filter.accepts) return LiteOutcome::kNothing;
  view.filter.editor.set("");
  set_filter("", context, view);
  return LiteOutcome::kDraw;
}

LiteOutcome browse_action(Action action, const LiteContext& context, ViewState& view) {
  if (move_selection(action, context, view)) return LiteOutcome::kDraw;
  switch (action) {
    case Action::kToggle:
      toggle(context, view);
      break;
    case Action::kExpand:
      unfold(context, view, true);
      break;
    case Action::kCollapse:
      unfold(context, view, false);
      break;
    case Action::kFilter:
      view.filter.open = true;
      view.filter.editor.set(view.filter.text);
      break;
    case Action::kClear:
      return clear(context, view);
    case Action::kPause:
      view.paused = !view.paused;
      break;
    case Action::kSort:
      open_overlay(Overlay::kSort, shown(context).source, view);
      break;
    case Action::kReverse:
      view.descending = !view.descending;
      break;
    case Action::kTheme:
      view.theme = (view.theme + 1) % themes().size();
      break;
    case Action::kMissing:
      open_overlay(Overlay::kMissing, shown(context).source, view);
      break;
    case Action::kInterface:
      open_overlay(Overlay::kInterface, shown(context).source, view);
      break;
    case Action::kHelp:
      open_overlay(Overlay::kHelp, shown(context).source, view);
      break;
    case Action::kRedraw:
      return LiteOutcome::kRedraw;
    case Action::kSuspend:
      return LiteOutcome::kSuspend;
    case Action::kQuit:
      return LiteOutcome::kQuit;
    default:
      return LiteOutcome::kNothing;
  }
  return LiteOutcome::kDraw;
}

LiteOutcome click(const MouseEvent& mouse, const LiteContext& context, ViewState& view) {
  const auto& layout = context.layout;
  if (view.overlay != Overlay::kNone) {
    const Rect inside = overlay_area(layout, view.overlay).inset(1);
    if (is_picker(view.overlay) && inside.contains(mouse.x, mouse.y)) {
      const int line = mouse.y - inside.y + overlay_first_line(shown(context), view, layout);
      if (line >= overlay_line_count(shown(context), view, layout)) return LiteOutcome::kNothing;
      view.overlay_scroll = line;
      if (view.overlay == Overlay::kInterface) choose_interface(line, context, view);
      pick(context, view);
    } else if (!inside.contains(mouse.x, mouse.y)) {
      view.overlay = Overlay::kNone;
    }
    return LiteOutcome::kDraw;
  }
  if (layout.heading.contains(mouse.x, mouse.y)) {
    for (const PlacedColumn& placed : layout.columns) {
      if (mouse.x >= placed.x && mouse.x <= placed.x + placed.width) {
        sort_by(placed.column, view);
        break;
      }
    }
    return LiteOutcome::kDraw;
  }
  if (!layout.rows.contains(mouse.x, mouse.y)) return LiteOutcome::kNothing;
  const int place = view.scroll + mouse.y - layout.rows.y;
  if (place >= static_cast<int>(context.list.lines.size())) return LiteOutcome::kNothing;
  const bool again = place == view.selected_line && view.selected.has_value();
  select_line(place, context, view);
  const Line& line = context.list.lines[static_cast<std::size_t>(place)];
  if (again && line.is_talker()) toggle(context, view);
  return LiteOutcome::kDraw;
}

LiteOutcome mouse_event(const MouseEvent& mouse, const LiteContext& context, ViewState& view) {
  switch (mouse.action) {
    case MouseEvent::Action::kPress:
      return mouse.button == 0 ? click(mouse, context, view) : LiteOutcome::kNothing;
    case MouseEvent::Action::kWheelUp:
    case MouseEvent::Action::kWheelDown: {
      const int step = mouse.action == MouseEvent::Action::kWheelUp ? -kWheelRows : kWheelRows;
      if (view.overlay != Overlay::kNone) {
        scroll_overlay(step, context, view);
      } else {
        select_line(view.selected_line + step, context, view);
      }
      return LiteOutcome::kDraw;
    }
    case MouseEvent::Action::kRelease:
    case MouseEvent::Action::kDrag:
      break;
  }
  return LiteOutcome::kNothing;
}

}  // namespace

LiteOutcome apply_event(const Event& event, const LiteContext& context, ViewState& view) {
  if (const auto* mouse = std::get_if<MouseEvent>(&event)) {
    return context.layout.too_small ? LiteOutcome::kNothing : mouse_event(*mouse, context, view);
  }
  const auto* key = std::get_if<KeyEvent>(&event);
  const bool interrupt = key != nullptr && key->ctrl && key->rune == 'c';
  if (view.filter.open && !context.layout.too_small) return filter_event(event, context, view);
  if (key == nullptr) return LiteOutcome::kNothing;
  if (interrupt) return LiteOutcome::kQuit;
  const auto action = action_of(*key);
  if (context.layout.too_small) {
    return action == Action::kQuit ? LiteOutcome::kQuit : LiteOutcome::kNothing;
  }
  if (view.overlay != Overlay::kNone) {
    return overlay_action(action.value_or(Action::kClear), context, view);
  }
  return action ? browse_action(*action, context, view) : LiteOutcome::kNothing;
}

}  // namespace netwatch::tui
