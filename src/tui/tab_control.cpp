#include "tui/tab_control.h"

namespace netwatch::tui {
namespace {

std::vector<std::size_t> sortable(const Table& table) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < table.columns().size(); ++i) {
    if (!table.columns()[i].title.empty()) out.push_back(i);
  }
  return out;
}

}  // namespace

bool act_on(Tab& tab, Action action, const Frame& frame) {
  Table* table = tab.table();
  return (table != nullptr && table->act(action)) || tab.act(action, frame);
}

bool press_on(Tab& tab, int x, int y, const Frame& frame) {
  if (Table* table = tab.table(); table != nullptr) {
    const Table::Press press = table->press(x, y);
    if (press == Table::Press::kAgain) tab.act(Action::kToggle, frame);
    if (press != Table::Press::kNothing) return true;
  }
  return tab.press(x, y, frame);
}

bool wheel_on(Tab& tab, int rows, const Frame& frame) {
  if (Table* table = tab.table(); table != nullptr) {
    table->move_by(rows);
    return true;
  }
  return tab.act(rows < 0 ? Action::kUp : Action::kDown, frame);
}

SortChoices sort_choices_of(Tab& tab) {
  SortChoices out;
  const Table* table = tab.table();
  if (table == nullptr) return out;
  out.descending = table->descending();
  for (const std::size_t i : sortable(*table)) {
    if (i == table->sort()) out.current = out.titles.size();
    out.titles.push_back(table->columns()[i].title);
  }
  return out;
}

void sort_tab_by(Tab& tab, std::size_t choice) {
  Table* table = tab.table();
  if (table == nullptr) return;
  const auto columns = sortable(*table);
  if (choice < columns.size()) table->sort_by(columns[choice]);
}

void reverse_sort_of(Tab& tab) {
  if (Table* table = tab.table(); table != nullptr) table->reverse();
}

}  // namespace netwatch::tui
