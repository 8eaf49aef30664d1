#include "tui/view_input.h"

#include <algorithm>
#include <utility>

#include "tui/bindings.h"
#include "tui/overlay.h"
#include "tui/settings_overlay.h"
#include "tui/tabs.h"
#include "tui/theme.h"
#include "tui/time_line.h"

namespace netwatch::tui {
namespace {

constexpr int kWheelRows = 3;

OverlayFrame overlay_of(const InputContext& context) {
  return {context.frame, context.view, view_area(context.screen, context.frame.snapshot)};
}

Outcome draw_if(bool changed) { return changed ? Outcome::kDraw : Outcome::kNothing; }

// --- the filter ----------------------------------------------------------------------------------

// As far as all of them are alike.
std::string common_start(const std::vector<std::string>& words) {
  std::string out = words.front();
  for (const std::string& word : words) {
    const auto [end, other] = std::ranges::mismatch(out, word);
    out.erase(end, out.end());
  }
  return out;
}

// The first time what all proposals begin with, then one after the other.
Outcome propose(int by, const InputContext& context, FilterState& filter) {
  LineEditor& editor = filter.editor;
  Completion& proposals = filter.proposals;
  const std::string before = editor.text();
  if (!proposals.words.empty()) {
    const std::size_t count = proposals.words.size();
    const std::size_t last = by > 0 ? 0 : count - 1;
    filter.proposed = filter.proposed >= count
                          ? last
                          : (filter.proposed + count + static_cast<std::size_t>(by)) % count;
    editor.replace_from(proposals.start, proposals.words[filter.proposed]);
  } else if (context.complete) {
    proposals = context.complete(before, editor.cursor());
    filter.proposed = proposals.words.size();
    if (proposals.words.empty()) return Outcome::kNothing;
    const std::string start = common_start(proposals.words);
    if (start.size() > editor.cursor() - std::min(proposals.start, editor.cursor())) {
      editor.replace_from(proposals.start, start);
    }
    if (proposals.words.size() == 1) proposals = {};
  }
  if (editor.text() != before) set_filter(editor.text(), context.compile, filter);
  return Outcome::kDraw;
}

Outcome filter_event(const Event& event, const InputContext& context, ViewState& state) {
  FilterState& filter = state.filter;
  const auto* key = std::get_if<KeyEvent>(&event);
  if (key != nullptr) {
    const bool interrupt = key->ctrl && key->rune == 'c';
    if (key->key == Key::kEscape || interrupt) {
      filter.editor.set("");
      set_filter("", context.compile, filter);
      filter.open = false;
      filter.proposals = {};
      return Outcome::kDraw;
    }
    if (key->key == Key::kEnter) {
      if (filter.problem) return Outcome::kNothing;  // to be mended, or left by Esc
      filter.editor.commit();
      filter.open = false;
      filter.proposals = {};
      return Outcome::kDraw;
    }
  }
  if (key != nullptr && (key->key == Key::kTab || key->key == Key::kBackTab)) {
    return propose(key->key == Key::kTab ? 1 : -1, context, filter);
  }
  filter.proposals = {};
  const std::string before = filter.editor.text();
  if (!filter.editor.handle(event)) return Outcome::kNothing;
  if (filter.editor.text() != before) set_filter(filter.editor.text(), context.compile, filter);
  return Outcome::kDraw;
}

// --- overlays ------------------------------------------------------------------------------------

void open_overlay(Overlay overlay, const InputContext& context, ViewState& state) {
  if (overlay == Overlay::kSort && context.view.sort_choices(state).titles.empty()) return;
  if (overlay == Overlay::kColumns && context.view.table(state) == nullptr) return;
  state.overlay = overlay;
  state.overlay_scroll = 0;
  if (overlay == Overlay::kInterface) state.interface = context.frame.snapshot.source;
  if (overlay != Overlay::kSort) return;
  const SortChoices choices = context.view.sort_choices(state);
  if (choices.current < choices.titles.size()) {
    state.overlay_scroll = static_cast<int>(choices.current);
  }
}

void choose_interface(int place, const InputContext& context, ViewState& state) {
  const auto choices = interface_choices(context.frame.snapshot);
  state.overlay_scroll = std::clamp(place, 0, static_cast<int>(choices.size()) - 1);
  state.interface = choices[static_cast<std::size_t>(state.overlay_scroll)];
}

void scroll_overlay(int step, const InputContext& context, ViewState& state) {
  if (state.overlay == Overlay::kInterface) {
    const int place = interface_place(interface_choices(context.frame.snapshot), state);
    choose_interface(place + step, context, state);
    return;
  }
  const int lines = overlay_line_count(overlay_of(context));
  const int room = overlay_area(overlay_of(context)).height - 2;
  int most = state.overlay == Overlay::kSort ? lines - 1 : std::max(0, lines - room);
  if (has_settings(state.overlay)) most = settings_choices(overlay_of(context)) - 1;
  state.overlay_scroll = std::clamp(state.overlay_scroll + step, 0, std::max(0, most));
}

// What is chosen is what is seen: an interface that has gone is not asked for.
void pick_interface(const InputContext& context, ViewState& state) {
  const auto choices = interface_choices(context.frame.snapshot);
  choose_interface(interface_place(choices, state), context, state);
  if (context.switch_interface) context.switch_interface(state.interface);
}

void pick(const InputContext& context, ViewState& state) {
  if (state.overlay == Overlay::kSort) {
    context.view.sort_by(static_cast<std::size_t>(std::max(0, state.overlay_scroll)), state);
  } else {
    pick_interface(context, state);
  }
  state.overlay = Overlay::kNone;
}

Outcome overlay_action(Action action, const InputContext& context, ViewState& state) {
  const int page = std::max(1, overlay_area(overlay_of(context)).height - 3);
  constexpr int kAll = 1'000'000;
  if (has_settings(state.overlay) && settings_action(action, context, state)) {
    return Outcome::kDraw;
  }
  switch (action) {
    case Action::kUp:
      scroll_overlay(-1, context, state);
      break;
    case Action::kDown:
      scroll_overlay(1, context, state);
      break;
    case Action::kPageUp:
      scroll_overlay(-page, context, state);
      break;
    case Action::kPageDown:
      scroll_overlay(page, context, state);
      break;
    case Action::kTop:
      scroll_overlay(-kAll, context, state);
      break;
    case Action::kBottom:
      scroll_overlay(kAll, context, state);
      break;
    case Action::kToggle:
      if (is_picker(state.overlay)) {
        pick(context, state);
      } else {
        state.overlay = Overlay::kNone;
      }
      break;
    case Action::kSuspend:
      return Outcome::kSuspend;
    case Action::kRedraw:
      return Outcome::kRedraw;
    default:
      state.overlay = Overlay::kNone;  // any other key closes, q too
      break;
  }
  return Outcome::kDraw;
}

void press_overlay(const MouseEvent& mouse, const InputContext& context, ViewState& state) {
  const OverlayFrame overlay = overlay_of(context);
  const Rect inside = overlay_area(overlay).inset(1);
  if (!inside.contains(mouse.x, mouse.y)) {
    state.overlay = Overlay::kNone;
    return;
  }
  const int line = mouse.y - inside.y + overlay_first_line(overlay);
  if (has_settings(state.overlay) && line < settings_choices(overlay)) {
    const bool again = std::exchange(state.overlay_scroll, line) == line;
    if (again || state.overlay == Overlay::kColumns) {
      settings_action(Action::kToggle, context, state);
    }
  }
  if (!is_picker(state.overlay)) return;
  if (line >= overlay_line_count(overlay)) return;
  state.overlay_scroll = line;
  if (state.overlay == Overlay::kInterface) choose_interface(line, context, state);
  pick(context, state);
}

// --- keys of all views ---------------------------------------------------------------------------

Outcome clear(const InputContext& context, ViewState& state) {
  if (context.view.act(Action::kClear, context.frame, state)) return Outcome::kDraw;
  if (!state.filter.accepts) return Outcome::kNothing;
  state.filter.editor.set("");
  set_filter("", context.compile, state.filter);
  return Outcome::kDraw;
}

// By so many tabs from the one that is shown; out of another view, to the one shown last.
void turn_tab(int by, ViewState& state) {
  const int count = static_cast<int>(tabs().size());
  if (state.view == ViewKind::kFull) {
    state.tab = static_cast<std::size_t>((static_cast<int>(state.tab) + by + count) % count);
  }
  state.view = ViewKind::kFull;
}

ViewKind next_view(ViewKind kind) {
  const auto kinds = view_kinds();
  return kinds[(static_cast<std::size_t>(kind) + 1) % kinds.size()];
}

// What it does is seen in the snapshots to come.
Outcome control_playback(const std::optional<model::PlaybackCommand>& command,
                         const InputContext& context) {
  if (command && context.control) context.control(*command);
  return Outcome::kNothing;
}

Outcome common_action(Action action, const InputContext& context, ViewState& state) {
  if (is_of_files(action)) {
    const auto& playback = context.frame.snapshot.playback;
    if (!playback) return Outcome::kNothing;
    return control_playback(playback_command(action, *playback), context);
  }
  switch (action) {
    case Action::kFilter:
      state.filter.open = true;
      state.filter.editor.set(state.filter.text);
      return Outcome::kDraw;
    case Action::kClear:
      return clear(context, state);
    case Action::kPause:
      state.paused = !state.paused;
      return Outcome::kDraw;
    case Action::kSort:
      open_overlay(Overlay::kSort, context, state);
      return Outcome::kDraw;
    case Action::kReverse:
      context.view.reverse_sort(state);
      return Outcome::kDraw;
    case Action::kTheme:
      state.theme = (state.theme + 1) % themes().size();
      state.saving.touched.insert("theme");
      return Outcome::kDraw;
    case Action::kView:
      state.view = next_view(state.view);
      return Outcome::kDraw;
    case Action::kNextTab:
    case Action::kPreviousTab:
      turn_tab(action == Action::kNextTab ? 1 : -1, state);
      return Outcome::kDraw;
    case Action::kMissing:
      open_overlay(Overlay::kMissing, context, state);
      return Outcome::kDraw;
    case Action::kInterface:
      if (context.frame.snapshot.playback) return Outcome::kNothing;
      open_overlay(Overlay::kInterface, context, state);
      return Outcome::kDraw;
    case Action::kSettings:
      open_overlay(Overlay::kSettings, context, state);
      return Outcome::kDraw;
    case Action::kColumns:
      open_overlay(Overlay::kColumns, context, state);
      return Outcome::kDraw;
    case Action::kHelp:
      open_overlay(Overlay::kHelp, context, state);
      return Outcome::kDraw;
    case Action::kRedraw:
      return Outcome::kRedraw;
    case Action::kSuspend:
      return Outcome::kSuspend;
    case Action::kQuit:
      return Outcome::kQuit;
    default:
      return draw_if(context.view.act(action, context.frame, state));
  }
}

// A digit goes to a tab; 0 is the tenth.
bool digit(const KeyEvent& key, ViewState& state) {
  const auto found = digit_of(key);
  if (!found) return false;
  const std::size_t tab = *found == 0 ? 9 : static_cast<std::size_t>(*found) - 1;
  if (tab >= tabs().size()) return false;
  state.view = ViewKind::kFull;
  state.tab = tab;
  return true;
}

Outcome mouse_event(const MouseEvent& mouse, const InputContext& context, ViewState& state) {
  using MouseAction = MouseEvent::Action;
  switch (mouse.action) {
    case MouseAction::kPress:
      if (mouse.button != 0) return Outcome::kNothing;
      if (const auto command =
              press_time_line(mouse.x, mouse.y, context.screen, context.frame.snapshot)) {
        return control_playback(command, context);
      }
      if (state.overlay == Overlay::kNone) {
        return draw_if(context.view.press(mouse.x, mouse.y, context.frame, state));
      }
      press_overlay(mouse, context, state);
      return Outcome::kDraw;
    case MouseAction::kWheelUp:
    case MouseAction::kWheelDown: {
      const int rows = mouse.action == MouseAction::kWheelUp ? -kWheelRows : kWheelRows;
      if (state.overlay == Overlay::kNone) {
        return draw_if(context.view.wheel(rows, context.frame, state));
      }
      scroll_overlay(rows, context, state);
      return Outcome::kDraw;
    }
    case MouseAction::kRelease:
    case MouseAction::kDrag:
      break;
  }
  return Outcome::kNothing;
}

}  // namespace

void set_filter(std::string_view text, const FilterCompiler& compile, FilterState& filter) {
  filter.problem.reset();
  const bool blank = text.find_first_not_of(' ') == std::string_view::npos;
  if (blank) {
    if (filter.accepts) ++filter.version;
    filter.accepts = nullptr;
    filter.text.clear();
    return;
  }
  if (!compile) {
    filter.problem = {0, "filters are not available here", ""};
    return;
  }
  CompiledFilter compiled = compile(text);
  if (compiled.problem) {
    filter.problem = std::move(compiled.problem);  // what was in force stays in force
    return;
  }
  filter.accepts = std::move(compiled.accepts);
  filter.text = text;
  ++filter.version;
}

Outcome apply_event(const Event& event, const InputContext& context, ViewState& state) {
  const bool small = too_small(context.screen);
  if (const auto* mouse = std::get_if<MouseEvent>(&event)) {
    return small ? Outcome::kNothing : mouse_event(*mouse, context, state);
  }
  const auto* key = std::get_if<KeyEvent>(&event);
  const bool interrupt = key != nullptr && key->ctrl && key->rune == 'c';
  if (state.filter.open && !small) return filter_event(event, context, state);
  if (key == nullptr) return Outcome::kNothing;
  if (interrupt) return Outcome::kQuit;
  const auto action = action_of(*key);
  if (small) return action == Action::kQuit ? Outcome::kQuit : Outcome::kNothing;
  if (state.overlay != Overlay::kNone) {
    return overlay_action(action.value_or(Action::kClear), context, state);
  }
  if (action) return common_action(*action, context, state);
  if (const auto command = command_of(*key, context.view.own_keys(state))) {
    return draw_if(context.view.own_key(*command, context.frame, state));
  }
  return draw_if(digit(*key, state));
}

}  // namespace netwatch::tui
