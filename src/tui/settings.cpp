#include "tui/settings.h"

#include <algorithm>
#include <array>

#include "tui/overlay.h"
#include "tui/tabs.h"
#include "tui/theme.h"

namespace netwatch::tui {
namespace {

using base::ConfigValue;
using Type = base::Setting::Type;

constexpr std::string_view kColumns = "columns.";
constexpr std::int64_t kStepMs = 250;
constexpr std::int64_t kMostMs = 5000;
constexpr std::int64_t kInterfaceBytes = 15;  // IFNAMSIZ without the zero
constexpr std::int64_t kFilterBytes = LineEditor::kMaxBytes;

// A row of the table.
struct Row {
  std::string_view name;
  Type type;
  std::string_view help;
  std::vector<std::string> (*choices)();
  std::int64_t least;
  std::int64_t most;
  std::string_view unit;
  bool at_once;
  ConfigValue (*get)(const ViewState& state);
  void (*set)(ViewState& state, const ConfigValue& value);
};

std::vector<std::string> no_choices() { return {}; }

std::vector<std::string> view_choices() {
  std::vector<std::string> out;
  for (const ViewKind kind : view_kinds()) out.emplace_back(view_name(kind));
  return out;
}

std::vector<std::string> tab_choices() {
  std::vector<std::string> out;
  for (const TabDef* tab : tabs()) out.emplace_back(tab->name);
  return out;
}

std::vector<std::string> theme_choices() {
  std::vector<std::string> out;
  for (const Theme& theme : themes()) out.emplace_back(theme.name);
  return out;
}

std::vector<std::string> confine_choices() { return {"best-effort", "strict", "off"}; }

const std::string& text_of(const ConfigValue& value) { return std::get<std::string>(value); }

constexpr std::array<Row, 9> kRows{{
    {"theme", Type::kChoice, "Colours; t changes it on screen.", theme_choices, 0, 0, "", true,
     [](const ViewState& s) { return ConfigValue(std::string(themes()[s.theme].name)); },
     [](ViewState& s, const ConfigValue& v) { s.theme = find_theme(text_of(v)).value_or(0); }},
    {"refresh_ms", Type::kNumber,
     "The screen takes what is new so often. Collecting and keys do not wait for it.", no_choices,
     kStepMs, kMostMs, "ms", true,
     [](const ViewState& s) { return ConfigValue(s.preferences.refresh_ms); },
     [](ViewState& s, const ConfigValue& v) {
       s.preferences.refresh_ms = std::get<std::int64_t>(v);
     }},
    {"view", Type::kChoice, "The view that is shown first; V changes it on screen.", view_choices,
     0, 0, "", false,
     [](const ViewState& s) { return ConfigValue(std::string(view_name(s.preferences.view))); },
     [](ViewState& s, const ConfigValue& v) {
       s.preferences.view = find_view(text_of(v)).value_or(ViewKind::kLite);
     }},
    {"tab", Type::kChoice, "The tab of the full view that is shown first.", tab_choices, 0, 0, "",
     false,
     [](const ViewState& s) { return ConfigValue(std::string(tabs()[s.preferences.tab]->name)); },
     [](ViewState& s, const ConfigValue& v) {
       s.preferences.tab = find_tab(text_of(v)).value_or(0);
     }},
    {"filter", Type::kText,
     "Only what matches is shown (docs/filter.md). Here: none, or the filter in force.", no_choices,
     0, kFilterBytes, "", false,
     [](const ViewState& s) { return ConfigValue(s.preferences.filter); },
     [](ViewState& s, const ConfigValue& v) { s.preferences.filter = text_of(v); }},
    {"interface", Type::kText, "The interface to capture on, or any; i changes it on screen.",
     no_choices, 0, kInterfaceBytes, "", false,
     [](const ViewState& s) { return ConfigValue(s.preferences.interface); },
     [](ViewState& s, const ConfigValue& v) { s.preferences.interface = text_of(v); }},
    {"capture", Type::kBool, "Capture packets; without, sockets and counters only.", no_choices, 0,
     0, "", false, [](const ViewState& s) { return ConfigValue(s.preferences.capture); },
     [](ViewState& s, const ConfigValue& v) { s.preferences.capture = std::get<bool>(v); }},
    {"probes", Type::kBool, "Ask this host's own gateway and resolvers whether they answer.",
     no_choices, 0, 0, "", false,
     [](const ViewState& s) { return ConfigValue(s.preferences.probes); },
     [](ViewState& s, const ConfigValue& v) { s.preferences.probes = std::get<bool>(v); }},
    {"confine", Type::kChoice,
     "Give up all rights before anything is parsed (docs/confinement.md): strict is all or "
     "nothing.",
     confine_choices, 0, 0, "", false,
     [](const ViewState& s) { return ConfigValue(s.preferences.confine); },
     [](ViewState& s, const ConfigValue& v) { s.preferences.confine = text_of(v); }},
}};

base::Setting columns_of_tab(const TabDef& tab, std::span<const TableColumn> columns) {
  base::Setting out{.name = std::string(kColumns) + std::string(tab.name),
                    .type = Type::kNames,
                    .preset = {},
                    .help = "Columns of the tab " + std::string(tab.title) +
                            ", in the order of the table; the first is always shown. c changes "
                            "them on screen.",
                    .choices = {}};
  std::vector<std::string> usual;
  for (const TableColumn& column : columns) {
    out.choices.emplace_back(column.name);
    if (!column.spare) usual.emplace_back(column.name);
  }
  out.preset = std::move(usual);
  return out;
}

std::vector<base::Setting> make_settings() {
  std::vector<base::Setting> out;
  const ViewState at_first;
  out.reserve(kRows.size() + tabs().size());
  for (const Row& row : kRows) {
    out.push_back({.name = std::string(row.name),
                   .type = row.type,
                   .preset = row.get(at_first),
                   .help = std::string(row.help),
                   .choices = row.choices(),
                   .least = row.least,
                   .most = row.most,
                   .unit = std::string(row.unit)});
  }
  for (const TabDef* tab : tabs()) {
    const auto made = tab->make();
    if (const Table* table = made->table()) out.push_back(columns_of_tab(*tab, table->columns()));
  }
  return out;
}

std::string_view tab_of(const base::Setting& setting) {
  return std::string_view(setting.name).substr(kColumns.size());
}

void put(std::size_t place, const ConfigValue& value, ViewState& state) {
  if (place < kRows.size()) {
    kRows[place].set(state, value);
    return;
  }
  const auto& names = std::get<std::vector<std::string>>(value);
  state.preferences.columns.insert_or_assign(std::string(tab_of(settings()[place])), names);
}

// Text of a person's choice among those that there are; none of them: the first.
std::string step_in(const std::vector<std::string>& choices, const std::string& now, int by) {
  const auto found = std::ranges::find(choices, now);
  const int count = static_cast<int>(choices.size());
  const int place =
      found == choices.end() ? (by > 0 ? -1 : 0) : static_cast<int>(found - choices.begin());
  return choices[static_cast<std::size_t>((place + by + count) % count)];
}

}  // namespace

std::span<const base::Setting> settings() {
  static const std::vector<base::Setting> kAll = make_settings();
  return kAll;
}

std::size_t setting_rows() { return kRows.size(); }

bool seen_at_once(std::size_t setting) { return setting >= kRows.size() || kRows[setting].at_once; }

ConfigValue setting_value(std::size_t setting, const ViewState& state) {
  if (setting < kRows.size()) return kRows[setting].get(state);
  const base::Setting& columns = settings()[setting];
  const auto found = state.preferences.columns.find(tab_of(columns));
  return found == state.preferences.columns.end() ? columns.preset : ConfigValue(found->second);
}

void set_setting(std::size_t setting, const ConfigValue& value, ViewState& state) {
  put(setting, value, state);
  state.saving.touched.insert(settings()[setting].name);
}

std::optional<ConfigValue> next_value(std::size_t setting, int by, const ViewState& state,
                                      const model::Snapshot& snapshot) {
  const base::Setting& what = settings()[setting];
  const ConfigValue now = setting_value(setting, state);
  // Put in place, not moved: GCC 12 takes the members of the other kinds for read.
  std::optional<ConfigValue> out;
  if (what.type == Type::kBool) out.emplace(!std::get<bool>(now));
  if (what.type == Type::kNumber) {
    const std::int64_t wanted = std::get<std::int64_t>(now) + by * kStepMs;
    out.emplace(std::clamp(wanted, what.least, what.most));
  }
  if (out) return out;
  std::vector<std::string> choices = what.choices;
  if (what.name == "interface") choices = interface_choices(snapshot);
  if (what.name == "filter") {
    choices = {""};
    for (const std::string& text : {text_of(now), state.filter.text}) {
      if (std::ranges::find(choices, text) == choices.end()) choices.push_back(text);
    }
  }
  if (choices.size() < 2 || what.type == Type::kNames) return std::nullopt;
  out.emplace(step_in(choices, text_of(now), by));
  return out;
}

void apply_config(const base::Config& config, ViewState& state) {
  for (std::size_t i = 0; i < settings().size(); ++i) {
    if (const auto said = config.find(settings()[i].name); said != config.end()) {
      put(i, said->second.value, state);
    }
  }
}

std::vector<base::ConfigChange> unsaved(const ViewState& state) {
  std::vector<base::ConfigChange> out;
  for (std::size_t i = 0; i < settings().size(); ++i) {
    const std::string& name = settings()[i].name;
    if (state.saving.touched.contains(name)) out.emplace_back(name, setting_value(i, state));
  }
  return out;
}

void turn_column(std::string_view tab, const Table& table, std::size_t column, ViewState& state) {
  if (column == 0) return;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < table.columns().size(); ++i) {
    if (table.is_shown(i) != (i == column)) names.emplace_back(table.columns()[i].name);
  }
  const std::string name = std::string(kColumns) + std::string(tab);
  for (std::size_t i = kRows.size(); i < settings().size(); ++i) {
    if (settings()[i].name == name) set_setting(i, names, state);
  }
}

}  // namespace netwatch::tui
