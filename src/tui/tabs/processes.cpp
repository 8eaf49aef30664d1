// Who moves how much: by program, by process or by container; what no process owns beside it.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tui/format.h"
#include "tui/tabs.h"
#include "tui/tabs/process_detail.h"
#include "tui/tabs/process_list.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

constexpr int kTotalColumns = kBytesColumns + 1;  // and the mark of what is more than that
constexpr std::array<TableColumn, 15> kColumns{{
    {"program", "PROGRAM", "program", Align::kLeft, 18, 2, 0},
    {"pid", "PID", "pid", Align::kRight, 7, 0, 4},
    {"user", "USER", "user", Align::kLeft, 9, 0, 5},
    {"where", "UNIT/CONTAINER", "unit or container", Align::kLeft, 16, 2, 6},
    {"parent", "PARENT", "parent", Align::kLeft, 10, 1, 8},
    {"down", "DOWN/s ", "down", Align::kRight, kTotalColumns, 0, 0, true},
    {"up", "UP/s ", "up", Align::kRight, kTotalColumns, 0, 0, true},
    {"down_total", "DOWN ", "bytes down", Align::kRight, kTotalColumns, 0, 1, true},
    {"up_total", "UP ", "bytes up", Align::kRight, kTotalColumns, 0, 1, true},
    {"sockets", "SOCK", "open sockets", Align::kRight, 5, 0, 7, true},
    {"connections", "CONN", "connections", Align::kRight, 5, 0, 3, true},
    {"hosts", "HOSTS", "different remote hosts", Align::kRight, 5, 0, 2, true},
    {"cpu", "CPU", "CPU", Align::kRight, kCpuColumns, 0, 1, true},
    {"rss", "RSS", "resident memory", Align::kRight, kBytesColumns, 0, 2, true},
    {"owner", "OWNER", "owner quality", Align::kLeft, 8, 0, 9, true},
}};

std::string_view grouping_name(ProcessGrouping grouping) {
  static constexpr std::array<std::string_view, 3> kNames{"program", "process", "container"};
  return kNames[static_cast<std::size_t>(grouping)];
}

std::string_view which_name(WhichProcesses which) {
  static constexpr std::array<std::string_view, 3> kNames{"all", "with open sockets", "moving now"};
  return kNames[static_cast<std::size_t>(which)];
}

enum Command : int { kGroup, kWhich, kUnfoldAll, kDetail };
constexpr std::array<OwnKey, 4> kKeys{{
    {kGroup, {"b"}, "by program, by process, by container or unit", "group"},
    {kWhich, {"f"}, "show all, those with open sockets, or those moving now", "which"},
    {kDetail, {"d"}, "show or hide the selected one in full (Enter too)", "detail"},
    {kUnfoldAll, {"z"}, "fold or unfold all groups", ""},
}};

class ProcessesTab final : public Tab {
 public:
  void refresh(const Frame& frame, Rect area) override;
  void draw(const Pen& pen, const Frame& frame) const override;
  Table* table() override { return &table_; }
  bool act(Action action, const Frame& frame) override;
  bool own_key(int command, const Frame& frame) override;

 private:
  void place(Rect area, bool unowned);
  [[nodiscard]] std::vector<TableRow> lines() const;
  [[nodiscard]] Spans cell(const TableRow& line, std::size_t column) const;
  [[nodiscard]] static Spans program_cell(const ProcessItem& item);
  [[nodiscard]] Spans facts_cell(const ProcessItem& item, std::size_t column) const;
  void draw_unowned(const Pen& pen, const model::UnownedTraffic& unowned) const;
  void draw_empty(const Pen& pen, const Frame& frame) const;

  Table table_{kColumns, kProcDown};
  ProcessGrouping grouping_ = ProcessGrouping::kProgram;
  WhichProcesses which_ = WhichProcesses::kAll;
  bool open_at_first_ = false;
  bool detail_ = false;
  bool boxed_ = false;
  Rect list_area_;
  Rect unowned_area_;
  Rect detail_area_;
  ProcessList list_;  // of the last snapshot
};

// --- from a snapshot to lines --------------------------------------------------------------------

bool is_still(const ProcessItem& item) {
  if (item.row != nullptr && item.row->ended_ns > 0) return true;
  return item.totals.open_sockets == 0 && item.totals.sent_rate + item.totals.received_rate <= 0;
}

std::vector<TableRow> ProcessesTab::lines() const {
  std::vector<TableRow> out;
  for (const std::size_t root : list_.roots()) {
    const ProcessItem& item = list_.items()[root];
    const bool open = table_.is_open(item.key, open_at_first_);
    TableRow line{.key = item.key, .item = root, .faded = is_still(item)};
    if (!item.parts.empty()) line.fold = open ? TableRow::Fold::kOpen : TableRow::Fold::kClosed;
    out.push_back(line);
    if (!open) continue;
    for (const std::size_t part : item.parts) {
      out.push_back({.key = list_.items()[part].key,
                     .item = part,
                     .depth = 1,
                     .last = part == item.parts.back(),
                     .faded = is_still(list_.items()[part])});
    }
  }
  return out;
}

void ProcessesTab::place(Rect area, bool unowned) {
  boxed_ = area.width >= 110;
  list_area_ = area;
  detail_area_ = unowned_area_ = {};
  if (detail_) {
    if (area.width >= 160) {
      list_area_.width = area.width - 66;
      detail_area_ = {list_area_.right(), area.y, 66, area.height};
    } else {
      list_area_.height = std::max(6, area.height - (boxed_ ? 17 : 14));
      detail_area_ = {area.x, list_area_.bottom(), area.width, area.height - list_area_.height};
    }
  }
  const int strip = boxed_ ? 3 : 2;
  if (!unowned || list_area_.height < strip + 8) return;
  list_area_.height -= strip;
  unowned_area_ = {list_area_.x, list_area_.bottom(), list_area_.width, strip};
}

void ProcessesTab::refresh(const Frame& frame, Rect area) {
  list_.refresh(frame, {grouping_, which_, table_.sort(), table_.descending()});
  const auto& owners = frame.snapshot.owners;
  place(area, owners != nullptr && owners->unowned.has_value());
  table_.settle(lines(), inside_panel(list_area_, boxed_));
}

// --- on the canvas -------------------------------------------------------------------------------

Spans ProcessesTab::program_cell(const ProcessItem& item) {
  Span mark = quality_mark(item.quality);
  mark.text += " ";
  if (const model::Process* process = item.process(); process != nullptr) {
    return {mark, {clean(process->comm), Role::kStrong}};
  }
  Spans out{mark, {clean(item.label), Role::kStrong}};
  const bool several = item.is_group() || item.row->kind == model::ProcessRow::Kind::kEarlier;
  if (several) out.push_back({" " + format_count(item.processes), Role::kDim});
  return out;
}

Span counted_cell(std::string text, bool known, bool some_not, Role role) {
  if (!known) return {std::string(kUnknownMark) + " ", Role::kDim};
  if (text.empty()) return {};
  return {std::move(text) + (some_not ? "+" : " "), role};
}

Span count_cell(std::uint64_t count) {
  if (count == 0) return {};
  return {format_count(count), Role::kText};
}

std::string fact_of(const model::Process& process, std::size_t column) {
  switch (column) {
    case kProcPid:
      return std::to_string(process.pid);
    case kProcUser:
      return process.user;
    case kProcWhere:
      return where_of(process);
    default:
      return process.parent;
  }
}

// Of a group what all of its processes have in common.
Spans ProcessesTab::facts_cell(const ProcessItem& item, std::size_t column) const {
  std::optional<std::string> fact;
  const auto agrees = [&](const model::Process* process) {
    if (process == nullptr) return true;
    std::string one = fact_of(*process, column);
    const bool same = !fact || *fact == one;
    fact = std::move(one);
    return same;
  };
  agrees(item.process());
  for (const std::size_t part : item.parts) {
    if (!agrees(list_.items()[part].process())) return {};
  }
  if (!fact) return {};
  if (fact->empty()) return {{kUnknownMark, Role::kDim}};
  return {{clean(*fact), Role::kDim}};
}

Spans ProcessesTab::cell(const TableRow& line, std::size_t column) const {
  const ProcessItem& item = list_.items()[line.item];
  const model::PayloadTotals& totals = item.totals;
  const Counted known = counted(totals);
  const auto rate = [&](float value, Role role) {
    return counted_cell(format_rate_cell(static_cast<double>(value)), known.rates, known.some_not,
                        role);
  };
  const auto bytes = [&](std::uint64_t value) {
    return counted_cell(format_bytes(static_cast<double>(value)), known.bytes, known.some_not,
                        Role::kText);
  };
  switch (column) {
    case kProcPid:
    case kProcUser:
    case kProcWhere:
    case kProcParent:
      return facts_cell(item, column);
    case kProcDown:
      return {rate(totals.received_rate, Role::kDown)};
    case kProcUp:
      return {rate(totals.sent_rate, Role::kUp)};
    case kProcDownTotal:
      return {bytes(totals.received_bytes)};
    case kProcUpTotal:
      return {bytes(totals.sent_bytes)};
    case kProcSockets:
      return {count_cell(totals.open_sockets)};
    case kProcConnections:
      return {count_cell(item.connections)};
    case kProcHosts:
      return {count_cell(item.hosts)};
    case kProcCpu:
      return {cpu_cell(item.cpu)};
    case kProcRss:
      if (item.rss_bytes == 0) return {{kUnknownMark, Role::kDim}};
      return {{format_bytes(static_cast<double>(item.rss_bytes)), Role::kText}};
    case kProcOwner:
      return {{std::string(model::quality_name(item.quality)), quality_mark(item.quality).role}};
    default:
      return program_cell(item);
  }
}

void ProcessesTab::draw_unowned(const Pen& pen, const model::UnownedTraffic& unowned) const {
  const Rect inside =
      pen.panel(unowned_area_, boxed_, {{"No process owns", Role::kTitle}},
                {{boxed_ ? "IP bytes of captured packets, apart from the payload above"
                         : "IP bytes of packets",
                  Role::kDim}});
  int x = inside.x + 1;
  const auto add = [&](std::string_view name, std::string figure, bool any) {
    const Spans words{{std::string(name) + " ", Role::kDim},
                      {std::move(figure), any ? Role::kText : Role::kDim}};
    // Whole, or not at all: half a figure would be another one.
    if (x + columns_of(words) < inside.right()) x = pen.say(x, inside.y, inside.right(), words) + 2;
  };
  for (std::size_t i = 0; i < unowned.parts.size(); ++i) {
    const auto kind = static_cast<model::UnownedTraffic::Kind>(i);
    const model::UnownedTraffic::Part& part = unowned.parts[i];
    add(spaced(model::unowned_kind_name(kind)), format_bytes(static_cast<double>(part.ip_bytes)),
        part.packets > 0);
  }
  const std::string packets = format_count(unowned.non_ip_packets);
  add("not IP", boxed_ ? packets + " packets" : packets + " pkts", unowned.non_ip_packets > 0);
}

void ProcessesTab::draw_empty(const Pen& pen, const Frame& frame) const {
  Spans words{{frame.snapshot.playback ? "A capture file does not tell of sockets and processes"
                                       : "No process has a socket yet",
               Role::kStrong}};
  if (list_.hidden() > 0) {
    words = {{"None of " + format_count(list_.hidden()) + " processes is ", Role::kText}};
    const bool by_filter = frame.state.filter.accepts != nullptr;
    if (which_ != WhichProcesses::kAll) {
      words.push_back({std::string(which_name(which_)), Role::kKey});
      words.push_back(
          {by_filter ? " and has a connection that the filter accepts" : "", Role::kText});
    } else {
      words.push_back(
          {"one with a connection that the filter accepts; Esc clears it", Role::kText});
    }
  }
  pen.say_in_the_middle(list_area_, words);
}

void ProcessesTab::draw(const Pen& pen, const Frame& frame) const {
  Spans title{{"Processes ", Role::kTitle}, {format_count(list_.processes()), Role::kText}};
  if (list_.hidden() > 0) {
    title.push_back({" of " + format_count(list_.processes() + list_.hidden()), Role::kDim});
  }
  if (which_ != WhichProcesses::kAll) {
    title.push_back({"  " + std::string(which_name(which_)), Role::kKey});
  }
  if (frame.state.filter.accepts) {
    title.push_back({"  with connections of ", Role::kDim});
    title.push_back({clean(frame.state.filter.text), Role::kKey});
  }
  Spans notes{{"payload by the kernel, by " + std::string(grouping_name(grouping_)), Role::kDim}};
  if (const std::string where = table_.place_words(); !where.empty()) {
    notes.push_back({"   " + where, Role::kDim});
  }
  pen.panel(list_area_, boxed_, title, notes);
  table_.draw(pen, [&](const TableRow& line, std::size_t column, int /*width*/) {
    return cell(line, column);
  });
  if (table_.rows().empty()) draw_empty(pen, frame);
  if (unowned_area_.height > 0) draw_unowned(pen, *frame.snapshot.owners->unowned);
  if (!detail_) return;
  const TableRow* line = table_.selected();
  if (line == nullptr) {
    pen.panel(detail_area_, boxed_, {{"Process", Role::kTitle}});
    return;
  }
  draw_process_detail(pen, detail_area_, boxed_, frame.snapshot, list_, list_.items()[line->item]);
}

// --- input ---------------------------------------------------------------------------------------

bool ProcessesTab::act(Action action, const Frame& /*frame*/) {
  const bool closes = action == Action::kClear && detail_;
  if (action != Action::kToggle && !closes) return false;
  detail_ = !detail_;
  return true;
}

bool ProcessesTab::own_key(int command, const Frame& /*frame*/) {
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

extern const TabDef kProcessesTab;
constinit const TabDef kProcessesTab{
    .name = "processes",
    .title = "Processes",
    .short_title = "Procs",
    .keys = kKeys,
    .make = [] { return std::unique_ptr<Tab>(std::make_unique<ProcessesTab>()); },
};

}  // namespace netwatch::tui
