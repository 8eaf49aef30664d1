#include "tui/table.h"

#include <algorithm>
#include <string>

namespace netwatch::tui {
namespace {

constexpr int kLead = 2;    // of each row: the selection's mark and the fold's
constexpr int kIndent = 2;  // of each level of the tree, in the first column

// One after the other gives way, until the rest has room.
std::vector<std::size_t> columns_within(std::span<const TableColumn> columns,
                                        const std::vector<bool>& shown, int width) {
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (shown[i]) kept.push_back(i);
  }
  const auto needs = [&] {
    int sum = static_cast<int>(kept.size()) - 1;  // a space between each two
    for (const std::size_t i : kept) sum += columns[i].width;
    return sum;
  };
  while (!kept.empty() && needs() > width) {
    // Of equal ranks the last.
    auto least = kept.begin();
    for (auto at = kept.begin(); at != kept.end(); ++at) {
      if (columns[*at].rank >= columns[*least].rank) least = at;
    }
    if (columns[*least].rank == 0) break;
    kept.erase(least);
  }
  return kept;
}

}  // namespace

std::vector<PlacedTableColumn> place_table_columns(std::span<const TableColumn> columns,
                                                   const std::vector<bool>& shown, int x,
                                                   int width) {
  const auto kept = columns_within(columns, shown, width);
  int left = width - static_cast<int>(kept.size()) + 1;
  int shares = 0;
  for (const std::size_t i : kept) {
    left -= columns[i].width;
    shares += columns[i].grow;
  }
  std::vector<PlacedTableColumn> out;
  for (const std::size_t i : kept) {
    int wide = columns[i].width;
    if (shares > 0 && left > 0) {
      const int more = left * columns[i].grow / shares;
      wide += more;
      left -= more;
      shares -= columns[i].grow;
    }
    out.push_back({i, x, wide});
    x += wide + 1;
  }
  return out;
}

Table::Table(std::span<const TableColumn> columns, std::size_t sort_column)
    : columns_(columns), sort_(sort_column), descending_(columns[sort_column].descending_first) {
  show_usual();
}

void Table::show(std::span<const std::string> names) {
  shown_.assign(columns_.size(), false);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    shown_[i] = i == 0 || std::find(names.begin(), names.end(), columns_[i].name) != names.end();
  }
}

void Table::show_usual() {
  shown_.assign(columns_.size(), false);
  for (std::size_t i = 0; i < columns_.size(); ++i) shown_[i] = i == 0 || !columns_[i].spare;
}

void Table::sort_by(std::size_t column) {
  if (column >= columns_.size() || columns_[column].title.empty()) return;
  if (sort_ == column) {
    reverse();
    return;
  }
  sort_ = column;
  descending_ = columns_[column].descending_first;
}

// --- the rows and the selected one ---------------------------------------------------------------

void Table::settle(std::vector<TableRow> rows, Rect area) {
  rows_ = std::move(rows);
  heading_ = {area.x, area.y, area.width, std::min(1, area.height)};
  area_ = {area.x, area.y + 1, area.width, std::max(0, area.height - 1)};
  placed_ = place_table_columns(columns_, shown_, area.x + kLead, area.width - kLead - 1);
  const int count = static_cast<int>(rows_.size());
  if (count == 0) {
    place_ = scroll_ = 0;
    return;
  }
  place_ = std::clamp(place_, 0, count - 1);
  if (selected_) {
    const auto found = std::find_if(rows_.begin(), rows_.end(),
                                    [&](const TableRow& row) { return row.key == *selected_; });
    // What is gone leaves the selection where it was.
    if (found != rows_.end()) {
      place_ = static_cast<int>(found - rows_.begin());
    } else {
      selected_ = rows_[static_cast<std::size_t>(place_)].key;
    }
  } else {
    place_ = 0;
  }
  const int visible = std::max(1, area_.height);
  scroll_ = std::clamp(scroll_, place_ - visible + 1, place_);
  scroll_ = std::clamp(scroll_, 0, std::max(0, count - visible));
}

const TableRow* Table::selected() const {
  const auto place = static_cast<std::size_t>(place_);
  return place < rows_.size() ? &rows_[place] : nullptr;
}

std::string Table::place_words() const {
  const int count = static_cast<int>(rows_.size());
  if (count <= area_.height) return {};
  return "row " + std::to_string(place_ + 1) + "/" + std::to_string(count);
}

void Table::move_to(int row) {
  if (rows_.empty()) return;
  place_ = std::clamp(row, 0, static_cast<int>(rows_.size()) - 1);
  selected_ = rows_[static_cast<std::size_t>(place_)].key;
}

int Table::parent_of(int row) const {
  const std::uint8_t depth = rows_[static_cast<std::size_t>(row)].depth;
  while (row > 0 && rows_[static_cast<std::size_t>(row)].depth >= depth && depth > 0) --row;
  return row;
}

void Table::turn(RowKey key) {
  if (turned_.erase(key) == 0) turned_.insert(key);
}

bool Table::fold(bool open) {
  const TableRow* row = selected();
  if (row == nullptr) return false;
  // From a row below: its parent is folded, and selected.
  if (!open && row->depth > 0 && row->fold != TableRow::Fold::kOpen) {
    move_to(parent_of(place_));
    row = selected();
  }
  const auto wanted = open ? TableRow::Fold::kClosed : TableRow::Fold::kOpen;
  if (row->fold == wanted) turn(row->key);
  selected_ = row->key;
  return true;
}

bool Table::act(Action action) {
  const int page = std::max(1, area_.height - 1);
  switch (action) {
    case Action::kUp:
      move_by(-1);
      return true;
    case Action::kDown:
      move_by(1);
      return true;
    case Action::kPageUp:
      move_by(-page);
      return true;
    case Action::kPageDown:
      move_by(page);
      return true;
    case Action::kTop:
      // The first row, whatever it will be.
      place_ = 0;
      selected_.reset();
      return true;
    case Action::kBottom:
      move_to(static_cast<int>(rows_.size()));
      return true;
    case Action::kExpand:
      return fold(true);
    case Action::kCollapse:
      return fold(false);
    case Action::kToggle: {
      const TableRow* row = selected();
      if (row == nullptr || row->fold == TableRow::Fold::kNone) return false;
      return fold(row->fold == TableRow::Fold::kClosed);
    }
    default:
      return false;
  }
}

Table::Press Table::press(int x, int y) {
  if (heading_.contains(x, y)) {
    for (const PlacedTableColumn& placed : placed_) {
      if (x >= placed.x && x <= placed.x + placed.width) sort_by(placed.column);
    }
    return Press::kDone;
  }
  if (!area_.contains(x, y)) return Press::kNothing;
  const int row = scroll_ + y - area_.y;
  if (row >= static_cast<int>(rows_.size())) return Press::kNothing;
  const bool again = row == place_ && selected_.has_value();
  move_to(row);
  if (!again) return Press::kDone;
  return act(Action::kToggle) ? Press::kDone : Press::kAgain;
}

// --- on the canvas -------------------------------------------------------------------------------

void Table::draw_heading(const Pen& pen) const {
  for (const PlacedTableColumn& placed : placed_) {
    const TableColumn& column = columns_[placed.column];
    const bool sorted = placed.column == sort_;
    std::string text(column.heading);
    if (sorted) text += descending_ ? "↓" : "↑";
    const Role role = sorted ? Role::kKey : Role::kHeading;
    pen.canvas.put_field(placed.x, heading_.y, placed.width, text, pen.theme[role], column.align);
  }
}

void Table::draw_row(const Pen& pen, const CellText& text, const TableRow& row, int y,
                     bool selected) const {
  if (selected) pen.say(area_.x, y, area_.right(), "▌", Role::kTitle);
  int indent = 0;
  if (row.depth > 0) {
    indent = kIndent * row.depth;
    const int branch = area_.x + kLead + indent - kIndent;
    pen.say(branch, y, area_.right(), row.last ? "└" : "├", Role::kBorder);
  }
  if (row.fold != TableRow::Fold::kNone) {
    const bool open = row.fold == TableRow::Fold::kOpen;
    pen.say(area_.x + 1 + indent, y, area_.right(), open ? "▾" : "▸", Role::kDim);
  }
  bool first = true;
  for (const PlacedTableColumn& placed : placed_) {
    const int inset = first ? indent : 0;
    first = false;
    const int width = placed.width - inset;
    if (width <= 0) continue;
    Spans cell = text(row, placed.column, width);
    const int needs = columns_of(cell);
    int x = placed.x + inset;
    if (columns_[placed.column].align == Align::kRight) x += std::max(0, width - needs);
    for (Span& span : cell) {
      if (row.faded) span.role = Role::kDim;
    }
    pen.say(x, y, placed.x + placed.width, cell);
  }
  if (!selected) return;
  const Style style = pen.theme[Role::kSelected];
  pen.canvas.tint({area_.x, y, area_.width, 1}, style.bg, style.attributes);
}

void Table::draw(const Pen& pen, const CellText& text) const {
  if (heading_.height > 0) draw_heading(pen);
  const int count = static_cast<int>(rows_.size());
  for (int i = 0; i < area_.height && scroll_ + i < count; ++i) {
    const int row = scroll_ + i;
    draw_row(pen, text, rows_[static_cast<std::size_t>(row)], area_.y + i, row == place_);
  }
}

}  // namespace netwatch::tui
