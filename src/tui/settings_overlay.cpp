#include "tui/settings_overlay.h"

#include <algorithm>

#include "tui/settings.h"
#include "tui/tabs.h"

namespace netwatch::tui {
namespace {

using Lines = std::vector<Spans>;

constexpr int kMark = 2;   // of the chosen row
constexpr int kName = 14;  // of a setting
constexpr int kNote = 11;  // "next start"
constexpr std::size_t kHelpLines = 2;

std::string padded(std::string text, int columns) {
  text = truncated(text, columns);
  text.append(static_cast<std::size_t>(std::max(0, columns - text_columns(text))), ' ');
  return text;
}

std::string value_words(const base::Setting& setting, const base::ConfigValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "on" : "off";
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    return std::to_string(*number) + " " + setting.unit;
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return {};
  return text->empty() ? "none" : clean(*text);
}

// Two lines, whatever there is to say.
void add_saving(Lines& out, const SavingState& saving, int columns) {
  const std::size_t start = out.size();
  if (!saving.said.empty()) {
    const Role role = saving.failed ? Role::kBad : Role::kGood;
    add_wrapped(out, clean(saving.said), role, columns, 0);
  } else if (saving.touched.empty()) {
    out.push_back({{"nothing to save", Role::kDim}});
  } else {
    out.push_back({{"s", Role::kKey}, {" saves what has changed to config.toml", Role::kText}});
  }
  out.resize(start + 2);
}

Spans chosen_mark(bool chosen) { return {{chosen ? "▸ " : "  ", Role::kKey}}; }

void save(const InputContext& context, ViewState& state) {
  SavingState& saving = state.saving;
  if (saving.touched.empty() || !saving.asked.empty()) return;
  const base::Status asked = context.save
                                 ? context.save(unsaved(state))
                                 : base::Status(base::Error{base::ErrorCode::kUnsupported,
                                                            "settings cannot be saved here"});
  saving.failed = !asked.ok();
  if (!asked.ok()) {
    saving.said = "not saved: " + asked.error().message;
    return;
  }
  saving.said = "saving ...";
  saving.asked = std::exchange(saving.touched, {});
}

void change(int by, const InputContext& context, ViewState& state) {
  const int chosen = std::clamp(state.overlay_scroll, 0,
                                settings_choices({
                                    context.frame,
                                    context.view,
                                    context.screen,
                                }) - 1);
  const auto place = static_cast<std::size_t>(std::max(0, chosen));
  if (state.saving.asked.empty()) state.saving.said.clear();
  if (state.overlay == Overlay::kColumns) {
    const Table* table = context.view.table(state);
    if (table != nullptr) turn_column(tabs()[state.tab]->name, *table, place, state);
    return;
  }
  if (const auto next = next_value(place, by, state, context.frame.snapshot)) {
    set_setting(place, *next, state);
  }
}

}  // namespace

int settings_choices(const OverlayFrame& of) {
  if (of.frame.state.overlay == Overlay::kSettings) return static_cast<int>(setting_rows());
  const Table* table = of.view.table(of.frame.state);
  return table == nullptr ? 0 : static_cast<int>(table->columns().size());
}

Lines settings_lines(const OverlayFrame& of, int columns) {
  const ViewState& state = of.frame.state;
  Lines out;
  const auto chosen = static_cast<std::size_t>(std::max(0, state.overlay_scroll));
  const int value_columns = std::max(8, columns - kMark - kName - kNote - 1);
  for (std::size_t i = 0; i < setting_rows(); ++i) {
    const base::Setting& setting = settings()[i];
    const bool here = i == chosen;
    std::string value = value_words(setting, setting_value(i, state));
    value = truncated(value, value_columns - 4);
    value.insert(0, here ? "‹ " : "  ");
    if (here) value += " ›";
    Spans line = chosen_mark(here);
    line.push_back({padded(setting.name, kName), here ? Role::kKey : Role::kText});
    line.push_back({padded(value, value_columns), here ? Role::kStrong : Role::kText});
    if (state.saving.touched.contains(setting.name)) {
      line.push_back({" changed", Role::kWarn});
    } else if (!seen_at_once(i)) {
      line.push_back({" next start", Role::kDim});
    }
    out.push_back(std::move(line));
  }
  out.emplace_back();
  const std::size_t help = out.size();
  add_wrapped(out, settings()[std::min(chosen, setting_rows() - 1)].help, Role::kDim, columns, 0);
  out.resize(help + kHelpLines);
  out.emplace_back();
  add_saving(out, state.saving, columns);
  return out;
}

Lines column_lines(const OverlayFrame& of, int columns) {
  const ViewState& state = of.frame.state;
  Lines out;
  const Table* table = of.view.table(state);
  if (table == nullptr) return out;
  for (std::size_t i = 0; i < table->columns().size(); ++i) {
    const TableColumn& column = table->columns()[i];
    const bool here = static_cast<int>(i) == state.overlay_scroll;
    Spans line = chosen_mark(here);
    line.push_back({table->is_shown(i) ? "[x] " : "[ ] ", here ? Role::kKey : Role::kText});
    const std::string_view title = column.title.empty() ? column.name : column.title;
    line.push_back({padded(std::string(title), 22), here ? Role::kStrong : Role::kText});
    line.push_back({i == 0 ? "always shown" : std::string(column.heading), Role::kDim});
    out.push_back(std::move(line));
  }
  out.emplace_back();
  add_wrapped(out, "where there is no room some give way", Role::kDim, columns, 0);
  add_saving(out, state.saving, columns);
  return out;
}

bool settings_action(Action action, const InputContext& context, ViewState& state) {
  const bool columns = state.overlay == Overlay::kColumns;
  switch (action) {
    case Action::kToggle:
      change(1, context, state);
      return true;
    case Action::kExpand:
    case Action::kCollapse:
      if (!columns) change(action == Action::kExpand ? 1 : -1, context, state);
      return true;
    case Action::kSort:
      save(context, state);
      return true;
    default:
      return false;
  }
}

bool take_saved(const SettingsSaved& saved, ViewState& state) {
  SavingState& saving = state.saving;
  if (saving.asked.empty() || !saved) return false;
  const auto told = saved();
  if (!told) return false;
  saving.failed = !told->ok();
  if (told->ok()) {
    saving.said = "saved to " + **told;
  } else {
    saving.said = "not saved: " + told->error().message;
    saving.touched.merge(saving.asked);
  }
  saving.asked.clear();
  return true;
}

}  // namespace netwatch::tui
