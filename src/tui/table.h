#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tui/bindings.h"
#include "tui/pen.h"

namespace netwatch::tui {

// A column of a tab's table.
struct TableColumn {
  std::string_view name;     // never changes: for settings
  std::string_view heading;  // at most as wide as the column
  std::string_view title;    // in pickers; empty: not to be sorted by
  Align align = Align::kLeft;
  int width = 8;  // at least
  int grow = 0;   // its share of what is left over
  int rank = 0;   // where there is no room the highest go first; 0: always there
  bool descending_first = false;
  bool spare = false;  // not shown before somebody asks for it
};

// What a row is, over the life of many snapshots: a hash of what names it.
using RowKey = std::uint64_t;
constexpr RowKey row_key(std::uint64_t a, std::uint64_t b) {
  RowKey hash = (a ^ (b * 0x9E3779B97F4A7C15ULL)) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 29)) * 0x94D049BB133111EBULL;
  return hash ^ (hash >> 32);
}

struct TableRow {
  enum class Fold : std::uint8_t { kNone, kOpen, kClosed };
  RowKey key = 0;
  std::size_t item = 0;  // the tab's own number for it
  std::uint8_t depth = 0;
  Fold fold = Fold::kNone;
  bool last = false;   // of its parent's rows
  bool faded = false;  // it is over
};

struct PlacedTableColumn {
  std::size_t column = 0;
  int x = 0;
  int width = 0;
};
// Of those that are `shown`, the columns that `width` has room for, from left to right.
std::vector<PlacedTableColumn> place_table_columns(std::span<const TableColumn> columns,
                                                   const std::vector<bool>& shown, int x,
                                                   int width);

// Rows below a heading, of which one is selected: what moves in it, folds and sorts. The rows
// themselves, their order and their text are the tab's.
class Table {
 public:
  // The text of a cell; at most `width` columns of it are shown.
  using CellText = std::function<Spans(const TableRow& row, std::size_t column, int width)>;

  // `columns` of static storage.
  Table(std::span<const TableColumn> columns, std::size_t sort_column);

  [[nodiscard]] std::span<const TableColumn> columns() const { return columns_; }
  [[nodiscard]] std::size_t sort() const { return sort_; }
  [[nodiscard]] bool descending() const { return descending_; }
  void sort_by(std::size_t column);  // again: the other way round
  void reverse() { descending_ = !descending_; }

  // From the next settle() on: the columns of these names and the first, which has the tree.
  void show(std::span<const std::string> names);
  void show_usual();  // all but the spare ones
  [[nodiscard]] bool is_shown(std::size_t column) const { return shown_[column]; }

  // Whether the rows below a row are shown; `at_first`: before anybody has folded it.
  [[nodiscard]] bool is_open(RowKey key, bool at_first) const {
    return turned_.contains(key) != at_first;
  }
  // Folds and unfolds are forgotten: all rows are as at first.
  void forget_folds() { turned_.clear(); }

  // The rows as they are now, in their order; the selection follows its row. `area`: of heading
  // and rows.
  void settle(std::vector<TableRow> rows, Rect area);
  [[nodiscard]] const std::vector<TableRow>& rows() const { return rows_; }
  // Null if there are no rows.
  [[nodiscard]] const TableRow* selected() const;
  void select(RowKey key) { selected_ = key; }
  // "row 5/300" where not all are in sight; else empty.
  [[nodiscard]] std::string place_words() const;

  void draw(const Pen& pen, const CellText& text) const;
  // Moves and folds; whether it was one of these.
  bool act(Action action);
  // Sorts or selects; of the row selected already it says so, and folds it where that is possible.
  enum class Press : std::uint8_t { kNothing, kDone, kAgain };
  Press press(int x, int y);
  void move_to(int row);
  void move_by(int rows) { move_to(place_ + rows); }

 private:
  bool fold(bool open);
  void turn(RowKey key);
  [[nodiscard]] int parent_of(int row) const;
  void draw_heading(const Pen& pen) const;
  void draw_row(const Pen& pen, const CellText& text, const TableRow& row, int y,
                bool selected) const;

  std::span<const TableColumn> columns_;
  std::vector<bool> shown_;  // as columns_
  std::vector<PlacedTableColumn> placed_;
  std::vector<TableRow> rows_;
  Rect heading_;
  Rect area_;  // of the rows
  std::size_t sort_ = 0;
  bool descending_ = false;
  std::set<RowKey> turned_;         // not folded as at first
  std::optional<RowKey> selected_;  // nothing: the first row, whatever it is
  int place_ = 0;                   // of the selected row
  int scroll_ = 0;                  // the first row that is shown
};

}  // namespace netwatch::tui
