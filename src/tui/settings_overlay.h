#pragma once

#include <vector>

#include "tui/overlay.h"
#include "tui/view_input.h"

// The overlays of settings: all of them, and the columns of a tab.
namespace netwatch::tui {

std::vector<Spans> settings_lines(const OverlayFrame& of, int columns);
std::vector<Spans> column_lines(const OverlayFrame& of, int columns);
// How many of these, from the first, can be chosen: what is below tells of the chosen one.
int settings_choices(const OverlayFrame& of);

// An action in one of these; whether it had a use.
bool settings_action(Action action, const InputContext& context, ViewState& state);

// What became of settings that are being written; whether there is something to draw anew.
bool take_saved(const SettingsSaved& saved, ViewState& state);

}  // namespace netwatch::tui
