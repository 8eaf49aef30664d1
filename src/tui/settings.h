#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "tui/table.h"
#include "tui/view_state.h"

// The settings of the live screen: one table, from which come the check of config.toml, the file
// with all defaults, the page of docs and the overlay.
namespace netwatch::tui {

// All of them: those of the table, then the columns of each tab ("columns.processes").
std::span<const base::Setting> settings();
// How many of them are rows of the overlay: all but the columns.
std::size_t setting_rows();

// By their place in settings(): what is shown or will be from the next start on, and whether a
// change is seen at once.
base::ConfigValue setting_value(std::size_t setting, const ViewState& state);
bool seen_at_once(std::size_t setting);
// A change by a person; it waits to be saved.
void set_setting(std::size_t setting, const base::ConfigValue& value, ViewState& state);
// The next value or the one before; nothing: there is no other.
std::optional<base::ConfigValue> next_value(std::size_t setting, int by, const ViewState& state,
                                            const model::Snapshot& snapshot);

// As the file says, before anything is shown.
void apply_config(const base::Config& config, ViewState& state);
// What is not saved yet.
std::vector<base::ConfigChange> unsaved(const ViewState& state);

// The columns of a tab's table, of which the first is always shown.
void turn_column(std::string_view tab, const Table& table, std::size_t column, ViewState& state);

}  // namespace netwatch::tui
