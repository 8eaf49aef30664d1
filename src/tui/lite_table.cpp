#include <algorithm>

#include "tui/format.h"
#include "tui/frame_lines.h"
#include "tui/lite_parts.h"
#include "tui/talkers.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

void draw_talker(const LiteFrame& frame, const ShownTalker& shown, int y, bool selected) {
  const Pen& pen = frame.pen;
  const Rect rows = frame.layout.rows;
  const bool open = frame.view.expanded.contains(key_of(*shown.talker));
  const int x = rows.x;
  if (selected) pen.say(x, y, rows.right(), "▌", Role::kTitle);
  pen.say(x + 1, y, rows.right(), open ? "▾" : "▸", Role::kDim);
  const Span mark = quality_mark(shown.talker->quality);
  pen.say(x + 2, y, rows.right(), mark.text, mark.role);
  const bool narrow =
      std::none_of(frame.layout.columns.begin(), frame.layout.columns.end(),
                   [](const PlacedColumn& placed) { return placed.column == Column::kNameFrom; });
  for (const PlacedColumn& placed : frame.layout.columns) {
    const Span cell = talker_cell(shown, placed.column, placed.width);
    int width = placed.width;
    if (placed.column == Column::kHost && narrow) {
      width -= 2;  // the letter of the name's source
      pen.say(placed.x + width + 1, y, placed.x + placed.width,
              source_letter(shown.talker->host_from), Role::kDim);
    }
    pen.canvas.put_field(placed.x, y, width, cell.text, pen.theme[cell.role],
                         column_def(placed.column).align);
  }
}

const PlacedColumn* find_column(const LiteLayout& layout, Column column) {
  for (const PlacedColumn& placed : layout.columns) {
    if (placed.column == column) return &placed;
  }
  return nullptr;
}

// A connection below its talker keeps to the talker's columns from APP on; process and host
// columns together hold the two ends.
void draw_connection(const LiteFrame& frame, const model::ConnectionRow& row, const Line& line,
                     int y, bool selected) {
  const Pen& pen = frame.pen;
  const auto& layout = frame.layout;
  const int x = layout.rows.x;
  if (selected) pen.say(x, y, layout.rows.right(), "▌", Role::kTitle);
  pen.say(x + 2, y, layout.rows.right(), line.last ? "└" : "├", Role::kBorder);
  const PlacedColumn* app = find_column(layout, Column::kApp);
  const PlacedColumn* conns = find_column(layout, Column::kConnections);
  const PlacedColumn* spark = find_column(layout, Column::kSpark);
  if (app == nullptr || conns == nullptr || spark == nullptr) return;
  std::string ends;
  if (is_connected(row)) {
    if (model::ip_proto::has_ports(row.proto)) ends = std::to_string(row.local.port) + " ";
    ends += std::string(arrow_of(row)) + endpoint_text(row.remote, row.proto);
  } else {
    ends = endpoint_text(row.local, row.proto);
  }
  const bool roomy = app->x - x > 60;
  int after = pen.say(x + 4, y, app->x - 1, ends, Role::kText);
  if (const std::string place = place_of(frame.snapshot, row); roomy && !place.empty()) {
    after = pen.say(after + 2, y, app->x - 1, place, Role::kDim);
  }
  if (roomy && !row.name.empty()) {
    pen.say(after + 2, y, app->x - 1, clean(row.name), Role::kDim);
  }
  // State and application share what is APP and CONN above.
  const std::string_view state = state_of(row);
  const int share = conns->x + conns->width - app->x;
  const std::string_view what = innermost_app(row);
  const std::string said =
      what.empty() ? std::string(state) : std::string(state) + " " + clean(what);
  pen.canvas.put_field(app->x, y, share, said, pen.theme[Role::kDim]);
  const auto right = [&](Column column, const Span& cell) {
    const PlacedColumn* placed = find_column(layout, column);
    if (placed == nullptr) return;
    pen.canvas.put_field(placed->x, y, placed->width, cell.text, pen.theme[cell.role],
                         column_def(column).align);
  };
  const model::Measure rates_in = row.rates_in(frame.snapshot.capturing);
  right(Column::kDown, rate_cell(row.down_rate, rates_in, Role::kDown));
  right(Column::kUp, rate_cell(row.up_rate, rates_in, Role::kUp));
  right(Column::kRtt, {format_rtt(row.rtt_us), Role::kDim});
  const RowBytes bytes = bytes_of(row);
  right(Column::kTotal, bytes_cell(bytes.up + bytes.down, bytes.in, Role::kDim));
  right(Column::kOwner, {std::string(measure_name(bytes.in)), Role::kDim});
  if (row.first_ns > 0) {
    pen.canvas.put_field(spark->x, y, spark->width,
                         format_age(frame.snapshot.time_ns - row.first_ns), pen.theme[Role::kDim],
                         Align::kRight);
  }
}

void draw_heading(const LiteFrame& frame) {
  const Pen& pen = frame.pen;
  const Rect area = frame.layout.heading;
  for (const PlacedColumn& placed : frame.layout.columns) {
    const ColumnDef& def = column_def(placed.column);
    const bool sorted = frame.view.sort == placed.column;
    std::string text(def.heading);
    if (sorted) text += frame.view.descending ? "↓" : "↑";
    const Role role = sorted ? Role::kKey : Role::kHeading;
    pen.canvas.put_field(placed.x, area.y, placed.width, text, pen.theme[role], def.align);
  }
}

Spans table_title(const LiteFrame& frame) {
  const auto& list = frame.list;
  Spans out{{"Talkers ", Role::kTitle}};
  std::string count = std::to_string(list.talkers.size());
  if (frame.view.filter.accepts) {
    count += " of " + std::to_string(list.all_talkers);
    out.push_back({count, Role::kText});
    out.push_back({"  filter ", Role::kDim});
    out.push_back({clean(frame.view.filter.text), Role::kKey});
  } else {
    out.push_back({count, Role::kText});
  }
  return out;
}

}  // namespace

void draw_table(const LiteFrame& frame) {
  const Pen& pen = frame.pen;
  const auto& layout = frame.layout;
  const std::string sort =
      std::string(column_def(frame.view.sort).title) + (frame.view.descending ? " ↓" : " ↑");
  Spans notes{{"by " + sort, Role::kDim}};
  const int count = static_cast<int>(frame.list.lines.size());
  if (count > layout.rows.height) {
    notes.push_back(
        {"   row " + std::to_string(frame.view.selected_line + 1) + "/" + std::to_string(count),
         Role::kDim});
  }
  pen.panel(layout.table, layout.boxed, table_title(frame), notes);
  const Rect edge{layout.table.x + 1, layout.table.y, layout.table.width - 2, 1};
  const bool needed = frame.view.filter.open && draw_filter_line(pen, edge, frame.view.filter);
  if (!needed) draw_heading(frame);
  if (count == 0) {
    draw_no_talker(pen, layout.rows, frame.snapshot, frame.view.filter);
    return;
  }
  for (int i = 0; i < layout.rows.height && frame.view.scroll + i < count; ++i) {
    const int number = frame.view.scroll + i;
    const Line& line = frame.list.lines[static_cast<std::size_t>(number)];
    const ShownTalker& shown = frame.list.talkers[line.talker];
    const int y = layout.rows.y + i;
    const bool selected = number == frame.view.selected_line;
    if (line.is_talker()) {
      draw_talker(frame, shown, y, selected);
    } else if (const auto* row = frame.snapshot.row(line.row)) {
      draw_connection(frame, *row, line, y, selected);
    }
    if (selected) {
      const Style style = pen.theme[Role::kSelected];
      pen.canvas.tint({layout.rows.x, y, layout.rows.width, 1}, style.bg, style.attributes);
    }
  }
}

}  // namespace netwatch::tui
