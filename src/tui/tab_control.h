#pragma once

#include "tui/tabs.h"

// What the keys that all views have, the mouse and the sort picker do to a tab and its table.
namespace netwatch::tui {

// Each returns whether there is something to draw anew.
bool act_on(Tab& tab, Action action, const Frame& frame);
bool press_on(Tab& tab, int x, int y, const Frame& frame);
bool wheel_on(Tab& tab, int rows, const Frame& frame);

SortChoices sort_choices_of(Tab& tab);
void sort_tab_by(Tab& tab, std::size_t choice);
void reverse_sort_of(Tab& tab);

}  // namespace netwatch::tui
