// Every connection, by program, by remote host, by container, or one by one.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tui/format.h"
#include "tui/tabs.h"
#include "tui/tabs/connection_detail.h"
#include "tui/tabs/connection_list.h"
#include "tui/tabs/connections.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

constexpr std::array<TableColumn, 15> kColumns{{
    {"program", "PROGRAM", "program", Align::kLeft, 18, 2, 0},
    {"pid", "PID", "pid", Align::kRight, 7, 0, 5},
    {"proto", "PROTO", "protocol", Align::kLeft, 5, 0, 6},
    {"remote", "REMOTE", "remote address", Align::kLeft, 21, 2, 4},
    {"host", "HOST", "host", Align::kLeft, 16, 3, 0},
    {"app", "APP", "application", Align::kLeft, 6, 1, 1},
    {"state", "STATE", "state", Align::kLeft, 10, 0, 3},
    {"down", "DOWN/s", "down", Align::kRight, kBytesColumns, 0, 0, true},
    {"up", "UP/s", "up", Align::kRight, kBytesColumns, 0, 0, true},
    {"rtt", "RTT", "round-trip time", Align::kRight, kRttColumns, 0, 2, true},
    {"again", "RETX", "retransmitted", Align::kRight, 5, 0, 7, true},
    {"age", "AGE", "age", Align::kRight, kAgeColumns, 0, 4, true},
    {"down_total", "DOWN", "bytes down", Align::kRight, kBytesColumns, 0, 5, true},
    {"up_total", "UP", "bytes up", Align::kRight, kBytesColumns, 0, 5, true},
    {"owner", "OWNER", "owner quality", Align::kLeft, 8, 0, 8, true},
}};

std::string_view grouping_name(Grouping grouping) {
  static constexpr std::array<std::string_view, 4> kNames{"program", "host", "container", "none"};
  return kNames[static_cast<std::size_t>(grouping)];
}

std::string_view which_name(Which which) {
  static constexpr std::array<std::string_view, 5> kNames{"all", "open", "established", "listening",
                                                          "closed"};
  return kNames[static_cast<std::size_t>(which)];
}

enum Command : int { kGroup, kWhich, kUnfoldAll, kDetail };
constexpr std::array<OwnKey, 4> kKeys{{
    {kGroup, {"b"}, "group by program, host, container, or not at all", "group"},
    {kWhich, {"f"}, "show all, open, established, listening or closed ones", "state"},
    {kDetail, {"d"}, "show or hide the selected one in full (Enter too)", "detail"},
    {kUnfoldAll, {"z"}, "fold or unfold all groups", ""},
}};

class ConnectionsTab final : public Tab {
 public:
  explicit ConnectionsTab(Grouping at_first) : grouping_(at_first) {}
  void refresh(const Frame& frame, Rect area) override;
  void draw(const Pen& pen, const Frame& frame) const override;
  Table* table() override { return &table_; }
  bool act(Action action, const Frame& frame) override;
  bool own_key(int command, const Frame& frame) override;

 private:
  [[nodiscard]] std::vector<TableRow> lines() const;
  [[nodiscard]] Spans cell(const TableRow& line, std::size_t column, int width,
                           const Frame& frame) const;
  [[nodiscard]] Spans row_cell(const ConnectionItem& item, std::size_t column) const;
  [[nodiscard]] Spans group_hosts(const ConnectionItem& group, int width) const;
  [[nodiscard]] Spans group_app(const ConnectionItem& group) const;
  [[nodiscard]] Spans group_cell(const ConnectionItem& item, std::size_t column, int width) const;
  [[nodiscard]] const ConnectionItem* selected() const;
  void draw_empty(const Pen& pen, const Frame& frame) const;

  Table table_{kColumns, kDown};
  Grouping grouping_;
  Which which_ = Which::kAll;
  bool open_at_first_ = false;
  bool detail_ = false;
  bool boxed_ = false;
  Rect list_area_;
  Rect detail_area_;
  ConnectionList list_;  // of the last snapshot
};

// --- from a snapshot to lines --------------------------------------------------------------------

std::vector<TableRow> ConnectionsTab::lines() const {
  std::vector<TableRow> out;
  for (const std::size_t root : list_.roots()) {
    const ConnectionItem& item = list_.items()[root];
    if (item.row != nullptr) {
      out.push_back({.key = item.key, .item = root, .faded = is_over(*item.row)});
      continue;
    }
    const bool open = table_.is_open(item.key, open_at_first_);
    out.push_back({.key = item.key,
                   .item = root,
                   .fold = open ? TableRow::Fold::kOpen : TableRow::Fold::kClosed});
    if (!open) continue;
    for (const std::size_t part : item.parts) {
      out.push_back({.key = list_.items()[part].key,
                     .item = part,
                     .depth = 1,
                     .last = part == item.parts.back(),
                     .faded = is_over(*list_.items()[part].row)});
    }
  }
  return out;
}

void ConnectionsTab::refresh(const Frame& frame, Rect area) {
  list_.refresh(frame, {grouping_, which_, table_.sort(), table_.descending()});
  boxed_ = boxed_panels(frame.state, area);
  list_area_ = area;
  detail_area_ = {};
  if (detail_) {
    const bool beside = area.width >= 160;
    if (beside) {
      list_area_.width = area.width - 58;
      detail_area_ = {list_area_.right(), area.y, 58, area.height};
    } else {
      list_area_.height = std::max(6, area.height - 13);
      detail_area_ = {area.x, list_area_.bottom(), area.width, area.height - list_area_.height};
    }
  }
  table_.settle(lines(), inside_panel(list_area_, boxed_));
}

// --- on the canvas -------------------------------------------------------------------------------

Spans ConnectionsTab::row_cell(const ConnectionItem& item, std::size_t column) const {
  const model::ConnectionRow& row = *item.row;
  switch (column) {
    case kProgram: {
      Span mark = quality_mark(item.quality);
      mark.text += " ";
      if (grouping_ == Grouping::kProgram && model::ip_proto::has_ports(row.proto)) {
        return {mark, {":" + std::to_string(row.local.port), Role::kText}};
      }
      if (row.owners[0].name.empty()) return {mark, {kUnknownMark, Role::kDim}};
      return {mark, {clean(row.owners[0].name), Role::kStrong}};
    }
    case kProto:
      return {{std::string(model::ip_proto_name(row.proto)), Role::kDim}};
    case kRemote:
      if (!is_connected(row)) return {{"listens", Role::kDim}};
      return {{std::string(arrow_of(row)), Role::kDim},
              {endpoint_text(row.remote, row.proto), Role::kText}};
    case kHost:
      if (!is_connected(row)) return {{endpoint_text(row.local, row.proto), Role::kDim}};
      if (row.name.empty()) return {{row.remote.address.to_string(), Role::kDim}};
      return {{clean(row.name), Role::kText}};
    case kApp:
      return {{clean(innermost_app(row)), Role::kText}};
    case kState:
      return {{std::string(state_of(row)), Role::kDim}};
    case kAgain:
      if (item.again == 0) return {};
      return {{format_count(item.again), Role::kWarn}};
    default:
      return {};
  }
}

// The host of its first connection, and how many others there are.
Spans ConnectionsTab::group_hosts(const ConnectionItem& group, int width) const {
  std::vector<std::string> hosts;
  for (const std::size_t part : group.parts) {
    const model::ConnectionRow& row = *list_.items()[part].row;
    if (is_connected(row)) hosts.push_back(host_of(row));
  }
  if (hosts.empty()) return {};
  const std::string first = hosts.front();
  std::sort(hosts.begin(), hosts.end());
  const auto different = std::unique(hosts.begin(), hosts.end()) - hosts.begin();
  if (different <= 1) return {{clean(first), Role::kText}};
  const std::string others = " +" + format_count(static_cast<std::uint64_t>(different - 1));
  return with_suffix({clean(first), Role::kText}, {others, Role::kDim}, width);
}

// What all of its connections speak.
Spans ConnectionsTab::group_app(const ConnectionItem& group) const {
  std::string_view app;
  for (const std::size_t part : group.parts) {
    const std::string_view one = innermost_app(*list_.items()[part].row);
    if (!app.empty() && one != app) return {{"several", Role::kDim}};
    app = one;
  }
  return {{clean(app), Role::kText}};
}

Spans ConnectionsTab::group_cell(const ConnectionItem& item, std::size_t column, int width) const {
  switch (column) {
    case kProgram: {
      Span mark = quality_mark(item.quality);
      mark.text += " ";
      Spans out{mark};
      append(out, with_suffix({clean(item.label), Role::kStrong},
                              {" " + format_count(item.parts.size()), Role::kDim}, width - 2));
      return out;
    }
    case kHost:
      return group_hosts(item, width);
    case kApp:
      return group_app(item);
    case kAgain:
      if (item.again == 0) return {};
      return {{format_count(item.again), Role::kWarn}};
    default:
      return {};
  }
}

Spans ConnectionsTab::cell(const TableRow& line, std::size_t column, int width,
                           const Frame& frame) const {
  const ConnectionItem& item = list_.items()[line.item];
  switch (column) {
    case kPid:
      if (item.pid == 0) return {};
      return {{std::to_string(item.pid), Role::kDim}};
    case kDown:
      return {rate_cell(item.down_rate, item.rates_in, Role::kDown)};
    case kUp:
      return {rate_cell(item.up_rate, item.rates_in, Role::kUp)};
    case kRtt:
      return {{format_rtt(item.rtt_us), item.rtt_us < 0 ? Role::kDim : Role::kText}};
    case kAge:
      if (item.first_ns <= 0) return {{kUnknownMark, Role::kDim}};
      return {{format_age(frame.snapshot.time_ns - item.first_ns), Role::kDim}};
    case kDownTotal:
      return {bytes_cell(item.down_bytes, item.bytes_in, Role::kText)};
    case kUpTotal:
      return {bytes_cell(item.up_bytes, item.bytes_in, Role::kText)};
    case kOwner:
      return {{std::string(model::quality_name(item.quality)), quality_mark(item.quality).role}};
    default:
      return item.row == nullptr ? group_cell(item, column, width) : row_cell(item, column);
  }
}

void ConnectionsTab::draw_empty(const Pen& pen, const Frame& frame) const {
  Spans words{{"No connection yet", Role::kStrong}};
  if (list_.hidden() > 0)
    words = {{"None of " + format_count(list_.hidden()) + " connections is ", Role::kText}};
  if (list_.hidden() > 0 && which_ != Which::kAll) {
    words.push_back({std::string(which_name(which_)), Role::kKey});
    words.push_back({frame.state.filter.accepts ? " and matches the filter" : "", Role::kText});
  } else if (list_.hidden() > 0) {
    words.push_back({"one that the filter accepts; Esc clears it", Role::kText});
  }
  pen.say_in_the_middle(list_area_, words);
}

void ConnectionsTab::draw(const Pen& pen, const Frame& frame) const {
  std::size_t shown = 0;
  for (const ConnectionItem& item : list_.items()) shown += item.row != nullptr ? 1U : 0U;
  Spans title{{"Connections ", Role::kTitle}, {format_count(shown), Role::kText}};
  if (list_.hidden() > 0)
    title.push_back({" of " + format_count(shown + list_.hidden()), Role::kDim});
  if (which_ != Which::kAll) title.push_back({"  " + std::string(which_name(which_)), Role::kKey});
  if (frame.state.filter.accepts) {
    title.push_back({"  filter ", Role::kDim});
    title.push_back({clean(frame.state.filter.text), Role::kKey});
  }
  Spans notes{{grouping_ == Grouping::kNone ? std::string("not grouped")
                                            : "by " + std::string(grouping_name(grouping_)),
               Role::kDim}};
  if (const std::string place = table_.place_words(); !place.empty()) {
    notes.push_back({"   " + place, Role::kDim});
  }
  pen.panel(list_area_, boxed_, title, notes);
  table_.draw(pen, [&](const TableRow& line, std::size_t column, int width) {
    return cell(line, column, width, frame);
  });
  if (table_.rows().empty()) draw_empty(pen, frame);
  const ConnectionItem* item = selected();
  if (!detail_ || item == nullptr || item->row == nullptr) {
    if (detail_) {
      const Rect inside = pen.panel(detail_area_, boxed_, {{"Connection", Role::kTitle}});
      pen.say(inside.x + 1, inside.y, inside.right(), "select a connection, not a group",
              Role::kDim);
    }
    return;
  }
  draw_connection_detail(pen, detail_area_, boxed_, frame.snapshot, *item->row);
}

// --- input ---------------------------------------------------------------------------------------

const ConnectionItem* ConnectionsTab::selected() const {
  const TableRow* line = table_.selected();
  return line == nullptr ? nullptr : &list_.items()[line->item];
}

bool ConnectionsTab::act(Action action, const Frame& /*frame*/) {
  if (action == Action::kToggle) {
    detail_ = !detail_;
    return true;
  }
  if (action == Action::kClear && detail_) {
    detail_ = false;
    return true;
  }
  return false;
}

bool ConnectionsTab::own_key(int command, const Frame& /*frame*/) {
  switch (command) {
    case kGroup:
      turn(grouping_);
      return true;
    case kWhich:
      turn(which_);
      return true;
    case kUnfoldAll:
      open_at_first_ = !open_at_first_;
      table_.forget_folds();
      return true;
    case kDetail:
      detail_ = !detail_;
      return true;
    default:
      return false;
  }
}

}  // namespace

std::unique_ptr<Tab> make_connections_tab(Grouping at_first) {
  return std::make_unique<ConnectionsTab>(at_first);
}

extern const TabDef kConnectionsTab;
constinit const TabDef kConnectionsTab{
    .name = "connections",
    .title = "Connections",
    .short_title = "Conns",
    .keys = kKeys,
    .make = [] { return make_connections_tab(Grouping::kProgram); },
};

}  // namespace netwatch::tui
