// Whether the network works, how much passes, and who is busiest: all at a glance.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tui/format.h"
#include "tui/health.h"
#include "tui/host_load.h"
#include "tui/panels.h"
#include "tui/tabs.h"
#include "tui/talkers.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

constexpr int kSideFrom =
    160;                       // columns of the area: all beside the talkers has a place of its own
constexpr int kShareRows = 5;  // a frame around three

enum ColumnPlace : std::size_t {
  kProgram,
  kPid,
  kHost,
  kApp,
  kConnections,
  kDown,
  kUp,
  kRtt,
  kTotal,
  kSpark,
};
constexpr std::array<TableColumn, 10> kColumns{{
    {"program", "PROGRAM", "program", Align::kLeft, 15, 2, 0},
    {"pid", "PID", "", Align::kRight, 7, 0, 4},
    {"host", "HOST", "host", Align::kLeft, 17, 3, 0},
    {"app", "APP", "application", Align::kLeft, 6, 1, 1},
    {"connections", "CONN", "connections", Align::kRight, 5, 0, 3, true},
    {"down", "DOWN/s", "down", Align::kRight, kBytesColumns, 0, 0, true},
    {"up", "UP/s", "up", Align::kRight, kBytesColumns, 0, 0, true},
    {"rtt", "RTT", "round-trip time", Align::kRight, kRttColumns, 0, 2, true},
    {"total", "TOTAL", "total", Align::kRight, kBytesColumns, 0, 4, true},
    {"spark", "LAST 30 s", "busiest (last 30 s)", Align::kLeft, 10, 1, 1, true},
}};
// The same of the columns of talkers.
constexpr std::array<Column, kColumns.size()> kTalkerColumns{
    Column::kProcess, Column::kPid, Column::kHost, Column::kApp,   Column::kConnections,
    Column::kDown,    Column::kUp,  Column::kRtt,  Column::kTotal, Column::kSpark};

// `spark` stands for what it shows.
Column order_of(std::size_t column) {
  return column == kSpark ? Column::kBusiest : kTalkerColumns[column];
}

struct DashboardLayout {
  bool boxed = false;
  Rect health;
  Rect load;  // without height: in the edge of `health`
  Rect traffic;
  Rect talkers;
  Rect owners;
  Rect apps;
  Rect seen;
};

void place_plain(DashboardLayout& out, Rect area, int health_rows) {
  const int most = std::max(1, area.height / 4 - 1);
  out.health = {area.x, area.y, area.width, 1 + std::min(health_rows, most)};
  out.traffic = {area.x, out.health.bottom(), area.width, std::clamp(area.height / 3, 6, 16)};
  out.talkers = {area.x, out.traffic.bottom(), area.width, area.bottom() - out.traffic.bottom()};
}

// Health and load at the right of the traffic; the talkers below have the whole width.
void place_boxed(DashboardLayout& out, Rect area, const model::Snapshot& snapshot) {
  const int side = std::clamp(area.width * 3 / 8, 42, 60);
  constexpr int kLoad = kLoadRows + 2;
  const int wanted = health_rows(snapshot, side - 2) + 2 + kLoad;
  const int height = std::clamp(wanted, 11, area.height / 2) | 1;  // an odd inside has a middle
  out.traffic = {area.x, area.y, area.width - side, height};
  out.health = {out.traffic.right(), area.y, side, height - kLoad};
  out.load = {out.health.x, out.health.bottom(), side, kLoad};
  out.talkers = {area.x, area.y + height, area.width, area.height - height};
}

void place_wide(DashboardLayout& out, Rect area, const model::Snapshot& snapshot) {
  const int side = std::clamp(area.width / 3, 58, 74);
  const int x = area.right() - side;
  const int graph = std::clamp(area.height * 3 / 10, 11, 21) | 1;
  out.traffic = {area.x, area.y, area.width - side, graph};
  out.talkers = {area.x, out.traffic.bottom(), area.width - side, area.height - graph};
  const int most = std::max(3, area.height / 3);
  out.health = {x, area.y, side, std::min(health_rows(snapshot, side - 2) + 2, most)};
  out.load = {x, out.health.bottom(), side, kLoadRows + 3};
  out.owners = {x, out.load.bottom(), side, kShareRows};
  const int left = area.bottom() - out.owners.bottom();
  out.apps = {x, out.owners.bottom(), side, std::clamp(left / 2, 3, 14)};
  out.seen = {x, out.apps.bottom(), side, area.bottom() - out.apps.bottom()};
}

DashboardLayout dashboard_layout(const Frame& frame, Rect area) {
  constexpr int kBoxedHeight = 26;
  constexpr int kWideHeight = 36;
  DashboardLayout out;
  out.boxed = boxed_panels(frame.state, area) && area.height >= kBoxedHeight;
  if (!out.boxed) {
    place_plain(out, area, health_rows(frame.snapshot, area.width));
  } else if (area.width >= kSideFrom && area.height >= kWideHeight) {
    place_wide(out, area, frame.snapshot);
  } else {
    place_boxed(out, area, frame.snapshot);
  }
  return out;
}

class DashboardTab final : public Tab {
 public:
  void refresh(const Frame& frame, Rect area) override;
  void draw(const Pen& pen, const Frame& frame) const override;
  Table* table() override { return &table_; }

 private:
  [[nodiscard]] std::vector<TableRow> lines(const Frame& frame);
  [[nodiscard]] Spans cell(const TableRow& line, std::size_t column, int width,
                           const Frame& frame) const;
  void draw_talkers(const Pen& pen, const Frame& frame) const;

  // A row of the table: a talker, or one of its connections.
  struct Item {
    std::uint32_t talker = 0;
    const model::ConnectionRow* row = nullptr;
  };
  Table table_{kColumns, kSpark};
  DashboardLayout layout_;
  std::vector<ShownTalker> talkers_;  // of the last snapshot
  std::vector<Item> items_;
  HostLoad load_;
};

// --- from a snapshot to lines --------------------------------------------------------------------

RowKey row_key_of(const model::Talker& talker) {
  const std::hash<std::string_view> hash;
  return row_key(row_key(hash(talker.process), talker.pid), hash(talker.host));
}

std::vector<TableRow> DashboardTab::lines(const Frame& frame) {
  std::vector<TableRow> out;
  items_.clear();
  const auto add = [&](TableRow row, Item item) {
    row.item = items_.size();
    items_.push_back(item);
    out.push_back(row);
  };
  for (const std::uint32_t place :
       talker_order(talkers_, order_of(table_.sort()), table_.descending())) {
    const ShownTalker& shown = talkers_[place];
    const RowKey key = row_key_of(*shown.talker);
    const bool open = table_.is_open(key, false);
    add({.key = key, .fold = open ? TableRow::Fold::kOpen : TableRow::Fold::kClosed}, {place});
    if (!open) continue;
    for (const std::uint32_t number : sorted_rows(frame.snapshot, shown)) {
      const model::ConnectionRow* row = frame.snapshot.row(number);
      add({.key = row_key(static_cast<std::uint64_t>(row->first_ns), number), .depth = 1},
          {place, row});
    }
    out.back().last = out.back().depth > 0;
  }
  return out;
}

void DashboardTab::refresh(const Frame& frame, Rect area) {
  layout_ = dashboard_layout(frame, area);
  load_ = host_load(frame.snapshot);
  talkers_ = shown_talkers(frame.snapshot, frame.state.filter, frame.verdicts);
  table_.settle(lines(frame), inside_panel(layout_.talkers, layout_.boxed));
}

// --- on the canvas -------------------------------------------------------------------------------

Spans connection_cell(const model::ConnectionRow& row, std::size_t column, const Frame& frame) {
  const model::Measure rates_in = row.rates_in(frame.snapshot.capturing);
  switch (column) {
    case kProgram:
      if (!model::ip_proto::has_ports(row.proto)) return {};
      return {{":" + std::to_string(row.local.port), Role::kText}};
    case kHost:
      if (!is_connected(row)) return {{"listens", Role::kDim}};
      return {{std::string(arrow_of(row)), Role::kDim},
              {endpoint_text(row.remote, row.proto), Role::kText}};
    case kApp:
      return {{clean(innermost_app(row)), Role::kDim}};
    case kDown:
      return {rate_cell(row.down_rate, rates_in, Role::kDown)};
    case kUp:
      return {rate_cell(row.up_rate, rates_in, Role::kUp)};
    case kRtt:
      return {{format_rtt(row.rtt_us), Role::kDim}};
    case kTotal: {
      const RowBytes bytes = bytes_of(row);
      return {bytes_cell(bytes.up + bytes.down, bytes.in, Role::kDim)};
    }
    case kSpark:
      return {{std::string(state_of(row)), Role::kDim}};
    default:
      return {};
  }
}

Spans DashboardTab::cell(const TableRow& line, std::size_t column, int width,
                         const Frame& frame) const {
  const Item& item = items_[line.item];
  if (item.row != nullptr) return connection_cell(*item.row, column, frame);
  const ShownTalker& shown = talkers_[item.talker];
  Span text = talker_cell(shown, kTalkerColumns[column], width);
  if (column != kProgram) return {std::move(text)};
  Span mark = quality_mark(shown.talker->quality);
  mark.text += " ";
  return {std::move(mark), std::move(text)};
}

void DashboardTab::draw_talkers(const Pen& pen, const Frame& frame) const {
  const auto& filter = frame.state.filter;
  Spans title{{"Top talkers ", Role::kTitle}, {format_count(talkers_.size()), Role::kText}};
  if (filter.accepts) {
    title.push_back({" of " + format_count(frame.snapshot.talkers.size()), Role::kDim});
    title.push_back({"  filter ", Role::kDim});
    title.push_back({clean(filter.text), Role::kKey});
  }
  Spans notes;
  if (const std::string place = table_.place_words(); !place.empty()) {
    notes.push_back({place, Role::kDim});
  }
  const Rect inside = pen.panel(layout_.talkers, layout_.boxed, title, notes);
  table_.draw(pen, [&](const TableRow& line, std::size_t column, int width) {
    return cell(line, column, width, frame);
  });
  if (table_.rows().empty()) draw_no_talker(pen, inside, frame.snapshot, filter);
}

void DashboardTab::draw(const Pen& pen, const Frame& frame) const {
  const auto& snapshot = frame.snapshot;
  const bool load_apart = layout_.load.height > 0;
  const Spans title{{"Health", Role::kTitle}};
  const Rect health =
      pen.panel(layout_.health, layout_.boxed, title, load_apart ? Spans{} : load_words(load_));
  draw_health(pen, health, snapshot);
  if (load_apart) {
    draw_load(pen, pen.panel(layout_.load, true, {{"This host", Role::kTitle}}), load_);
  }
  draw_traffic_panel(pen, layout_.traffic, layout_.boxed, snapshot);
  draw_talkers(pen, frame);
  if (layout_.owners.height == 0) return;
  draw_owner_shares(pen, layout_.owners, snapshot);
  draw_app_shares(pen, layout_.apps, talkers_);
  draw_seen_and_missed(pen, layout_.seen, snapshot);
}

}  // namespace

extern const TabDef kDashboardTab;
constinit const TabDef kDashboardTab{
    .name = "dashboard",
    .title = "Dashboard",
    .short_title = "Dash",
    .keys = {},
    .make = [] { return std::unique_ptr<Tab>(std::make_unique<DashboardTab>()); },
};

}  // namespace netwatch::tui
