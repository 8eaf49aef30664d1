#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tui/canvas.h"

namespace netwatch::tui {

// The columns of the table of talkers, and what it can be sorted by.
enum class Column : std::uint8_t {
  kBusiest,  // no column: bytes of the last 30 s
  kProcess,
  kPid,
  kHost,
  kNameFrom,
  kApp,
  kConnections,
  kDown,
  kUp,
  kPeak,
  kRtt,
  kTotal,
  kOwner,
  kSpark,
};

struct ColumnDef {
  Column column;
  std::string_view heading;
  std::string_view title;  // in the sort picker; empty: not to be sorted by
  Align align = Align::kLeft;
  bool descending_first = false;
};

std::span<const ColumnDef> column_defs();
const ColumnDef& column_def(Column column);
// The rows of the sort picker.
std::vector<Column> sortable_columns();

struct PlacedColumn {
  Column column;
  int x = 0;
  int width = 0;
};

// The columns that a table of `width` has room for, from left to right.
std::vector<PlacedColumn> place_columns(int x, int width);

}  // namespace netwatch::tui
