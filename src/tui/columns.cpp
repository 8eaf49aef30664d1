#include "tui/columns.h"

#include <algorithm>
#include <array>

#include "tui/format.h"

namespace netwatch::tui {
namespace {

constexpr std::array<ColumnDef, 14> kColumns{{
    {Column::kBusiest, "", "busiest (last 30 s)", Align::kLeft, true},
    {Column::kProcess, "PROCESS", "process"},
    {Column::kPid, "PID", "pid", Align::kRight},
    {Column::kHost, "HOST", "host"},
    {Column::kNameFrom, "FROM", ""},
    {Column::kApp, "APP", "application"},
    {Column::kConnections, "CONN", "connections", Align::kRight, true},
    {Column::kDown, "DOWN/s", "down", Align::kRight, true},
    {Column::kUp, "UP/s", "up", Align::kRight, true},
    {Column::kPeak, "PEAK/s", "peak", Align::kRight, true},
    {Column::kRtt, "RTT", "round-trip time", Align::kRight, true},
    {Column::kTotal, "TOTAL", "total bytes", Align::kRight, true},
    {Column::kOwner, "OWNER", "owner quality", Align::kLeft, true},
    {Column::kSpark, "LAST 30 s", ""},
}};

struct Wish {
  Column column;
  int width;  // 0: what is left over
};

constexpr std::array<Wish, 8> kNarrow{{
    {Column::kProcess, 12},
    {Column::kHost, 0},
    {Column::kApp, 6},
    {Column::kConnections, 4},
    {Column::kDown, kBytesColumns},
    {Column::kUp, kBytesColumns},
    {Column::kRtt, kRttColumns},
    {Column::kSpark, 9},
}};
constexpr std::array<Wish, 11> kMiddle{{
    {Column::kProcess, 15},
    {Column::kHost, 0},
    {Column::kNameFrom, 4},
    {Column::kApp, 8},
    {Column::kConnections, 5},
    {Column::kDown, kBytesColumns},
    {Column::kUp, kBytesColumns},
    {Column::kRtt, kRttColumns},
    {Column::kTotal, kBytesColumns},
    {Column::kOwner, 8},
    {Column::kSpark, 10},
}};
constexpr std::array<Wish, 13> kWide{{
    {Column::kProcess, 18},
    {Column::kPid, 7},
    {Column::kHost, 0},
    {Column::kNameFrom, 4},
    {Column::kApp, 10},
    {Column::kConnections, 5},
    {Column::kDown, kBytesColumns},
    {Column::kUp, kBytesColumns},
    {Column::kPeak, kBytesColumns},
    {Column::kRtt, kRttColumns},
    {Column::kTotal, kBytesColumns},
    {Column::kOwner, 8},
    {Column::kSpark, 15},
}};

constexpr int kMiddleFrom = 108;
constexpr int kWideFrom = 145;

}  // namespace

std::span<const ColumnDef> column_defs() { return kColumns; }

const ColumnDef& column_def(Column column) { return kColumns[static_cast<std::size_t>(column)]; }

std::vector<Column> sortable_columns() {
  std::vector<Column> out;
  for (const ColumnDef& def : kColumns) {
    if (!def.title.empty()) out.push_back(def.column);
  }
  return out;
}

std::vector<PlacedColumn> place_columns(int x, int width) {
  std::span<const Wish> wishes = kNarrow;
  if (width >= kMiddleFrom) wishes = kMiddle;
  if (width >= kWideFrom) wishes = kWide;
  int fixed = static_cast<int>(wishes.size()) - 1;  // a space between each two
  for (const Wish& wish : wishes) fixed += wish.width;
  std::vector<PlacedColumn> out;
  for (const Wish& wish : wishes) {
    const int columns = wish.width == 0 ? std::max(0, width - fixed) : wish.width;
    out.push_back({wish.column, x, columns});
    x += columns + 1;
  }
  return out;
}

}  // namespace netwatch::tui
