#include "tui/tabs/process_detail.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/moved.h"
#include "tui/detail_lines.h"
#include "tui/format.h"
#include "tui/graph.h"
#include "tui/tabs/connection_list.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

constexpr int kGraphRows = 5;
constexpr int kGraphColumns = 38;  // labels, and two of 60 samples a column

// What goes to one other end.
struct Remote {
  std::string name;
  std::uint32_t connections = 0;
  model::Moved moved;
  model::Measure bytes_in = model::Measure::kUnknown;
  model::Measure rates_in = model::Measure::kUnknown;
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  float up_rate = 0;
  float down_rate = 0;
};

struct Traffic {
  std::vector<Remote> remotes;                       // most bytes first
  std::map<std::string_view, std::uint64_t> states;  // connections in each
};

// The row as its other end sees it.
model::ConnectionRow turned(model::ConnectionRow row) {
  std::swap(row.local, row.remote);
  std::swap(row.owners[0], row.owners[1]);
  std::swap(row.up, row.down);
  std::swap(row.kernel_up_bytes, row.kernel_down_bytes);
  std::swap(row.up_rate, row.down_rate);
  row.local_is_originator = !row.local_is_originator;
  row.name = {};
  return row;
}

class TrafficOf {
 public:
  TrafficOf(const model::Snapshot& snapshot, const std::vector<std::uint32_t>& pids)
      : capturing_(snapshot.capturing), pids_(pids.begin(), pids.end()) {
    for (const auto& chunk : snapshot.chunks) {
      for (const auto& row : chunk->rows) {
        if (row.vacant || !is_connected(row)) continue;
        if (is_wanted(row.owners[0])) add(row);
        if (is_wanted(row.owners[1])) add(turned(row));
      }
    }
    for (Remote& remote : out_.remotes) remote.moved.fill(remote);
    std::sort(out_.remotes.begin(), out_.remotes.end(), [](const Remote& a, const Remote& b) {
      const std::uint64_t left = a.up_bytes + a.down_bytes;
      const std::uint64_t right = b.up_bytes + b.down_bytes;
      return left != right ? left > right : a.name < b.name;
    });
  }
  [[nodiscard]] Traffic take() { return std::move(out_); }

 private:
  [[nodiscard]] bool is_wanted(const model::RowOwner& owner) const {
    return owner.pid != 0 && pids_.contains(owner.pid);
  }
  void add(const model::ConnectionRow& row) {
    const std::string_view state = state_of(row);
    ++out_.states[state.empty() ? std::string_view("open") : state];
    const std::uint64_t key = row.name.empty() ? base::hash_value(row.remote.address)
                                               : std::hash<std::string_view>{}(row.name);
    const auto [found, added] = places_.try_emplace(key, out_.remotes.size());
    if (added) out_.remotes.emplace_back().name = host_of(row);
    Remote& remote = out_.remotes[found->second];
    ++remote.connections;
    remote.moved.add(row, capturing_);
  }

  bool capturing_;
  std::unordered_set<std::uint32_t> pids_;
  std::unordered_map<std::uint64_t, std::size_t> places_;
  Traffic out_;
};

std::vector<model::RatePoint> rates_of(const ProcessList& list, const ProcessItem& item) {
  std::vector<model::RatePoint> out(model::ProcessRow::kRateSamples);
  std::size_t most = 0;
  const auto add = [&](const model::ProcessRow& row) {
    most = std::max(most, row.rates.size());
    const std::size_t first = out.size() - row.rates.size();
    for (std::size_t i = 0; i < row.rates.size(); ++i) {
      out[first + i].up += row.rates[i].up;
      out[first + i].down += row.rates[i].down;
    }
  };
  if (item.row != nullptr) add(*item.row);
  for (const std::size_t part : item.parts) add(*list.items()[part].row);
  out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(most));
  return out;
}

void add_process(DetailLines& lines, const model::Snapshot& snapshot,
                 const model::ProcessRow& row) {
  const model::Process& process = *row.process;
  Span mark = quality_mark(row.quality);
  mark.text += " ";
  const model::RowOwner owner{row.quality, row.via, process.pid, process.comm};
  lines.add("program", Spans{mark, {owner_words(owner), Role::kStrong}});
  if (!process.exe.empty()) lines.add("file", clean(process.exe));
  if (!process.cmdline.empty()) lines.add("called", clean(process.cmdline));
  Spans from;
  if (!process.parent.empty()) {
    from = {{clean(process.parent) + " pid " + std::to_string(process.parent_pid), Role::kText}};
  }
  if (!process.user.empty()) from.push_back({"  as " + clean(process.user), Role::kText});
  if (row.ended_ns > 0) {
    from.push_back(
        {"  ended " + format_age(snapshot.time_ns - row.ended_ns) + " ago", Role::kWarn});
  } else if (process.started_ns > 0) {
    from.push_back({"  for " + format_age(snapshot.time_ns - process.started_ns), Role::kText});
  }
  if (!from.empty()) lines.add("child of", from);
  if (const std::string where = where_of(process); !where.empty()) {
    const bool unit = process.container.empty();
    lines.add(unit ? "unit" : "container",
              clean(where) + (process.runtime.empty() ? "" : "  by " + clean(process.runtime)) +
                  (process.pod.empty() ? "" : "  pod " + clean(process.pod)));
  }
}

void add_group(DetailLines& lines, const ProcessItem& item) {
  Span mark = quality_mark(item.quality);
  mark.text += " ";
  lines.add("group", Spans{mark,
                           {clean(item.label), Role::kStrong},
                           {"  " + format_count(item.processes) + " processes", Role::kDim}});
}

Spans way(std::string_view arrow, Role role, std::uint64_t bytes, float rate,
          const Counted& known) {
  Spans out{{std::string(arrow) + " ", role}};
  out.push_back({(known.bytes ? format_bytes(static_cast<double>(bytes)) : kUnknownMark) +
                     std::string(known.bytes && known.some_not ? "+" : "") + "  ",
                 Role::kText});
  out.push_back({known.rates ? format_rate(static_cast<double>(rate)) : kUnknownMark, Role::kDim});
  return out;
}

void add_totals(DetailLines& lines, const ProcessItem& item, const Traffic& traffic) {
  const model::PayloadTotals& totals = item.totals;
  const Counted known = counted(totals);
  Spans moved = way("▼", Role::kDown, totals.received_bytes, totals.received_rate, known);
  moved.push_back({"   ", Role::kText});
  append(moved, way("▲", Role::kUp, totals.sent_bytes, totals.sent_rate, known));
  lines.add("payload", moved);
  std::string sockets = format_count(totals.open_sockets) + " open, " +
                        format_count(totals.connections) + " connections so far";
  lines.add("sockets", sockets);
  if (totals.uncounted_sockets > 0) {
    lines.add("", format_count(totals.uncounted_sockets) + " that nobody counts the payload of",
              Role::kWarn);
  }
  std::string states;
  for (const auto& [state, count] : traffic.states) {
    states += (states.empty() ? "" : ", ") + spaced(state) + " " + format_count(count);
  }
  if (!states.empty()) lines.add("connections", states);
  Spans host{cpu_cell(item.cpu)};
  host.push_back({" of a CPU, resident ", Role::kDim});
  host.push_back({item.rss_bytes > 0 ? format_bytes(static_cast<double>(item.rss_bytes))
                                     : std::string(kUnknownMark),
                  Role::kText});
  lines.add("takes", host);
}

void draw_remotes(const Pen& pen, Rect area, const Traffic& traffic) {
  if (area.height < 2 || area.width < 40) return;
  constexpr std::array<TableColumn, 6> kColumns{{
      {"host", "TALKS TO", "", Align::kLeft, 14, 1, 0},
      {"connections", "CONN", "", Align::kRight, 4, 0, 1},
      {"down", "DOWN/s", "", Align::kRight, kBytesColumns, 0, 0},
      {"up", "UP/s", "", Align::kRight, kBytesColumns, 0, 0},
      {"down_total", "DOWN", "", Align::kRight, kBytesColumns, 0, 2},
      {"up_total", "UP", "", Align::kRight, kBytesColumns, 0, 2},
  }};
  const auto placed = place_table_columns(kColumns, std::vector<bool>(kColumns.size(), true),
                                          area.x + 1, area.width - 2);
  const auto put = [&](const PlacedTableColumn& at, int y, const Span& text) {
    pen.canvas.put_field(at.x, y, at.width, text.text, pen.theme[text.role],
                         kColumns[at.column].align);
  };
  for (const auto& at : placed) {
    put(at, area.y, {std::string(kColumns[at.column].heading), Role::kHeading});
  }
  for (int i = 0; i + 1 < area.height; ++i) {
    if (static_cast<std::size_t>(i) >= traffic.remotes.size()) return;
    const Remote& remote = traffic.remotes[static_cast<std::size_t>(i)];
    const std::array<Span, 6> cells{
        Span{clean(remote.name), Role::kText},
        Span{format_count(remote.connections), Role::kDim},
        rate_cell(remote.down_rate, remote.rates_in, Role::kDown),
        rate_cell(remote.up_rate, remote.rates_in, Role::kUp),
        bytes_cell(remote.down_bytes, remote.bytes_in, Role::kText),
        bytes_cell(remote.up_bytes, remote.bytes_in, Role::kText),
    };
    const std::size_t more = traffic.remotes.size() - static_cast<std::size_t>(i);
    if (i + 2 == area.height && more > 1) {
      pen.say(area.x + 1, area.y + 1 + i, area.right(), format_count(more) + " more", Role::kDim);
      return;
    }
    for (const auto& at : placed) put(at, area.y + 1 + i, cells[at.column]);
  }
}

}  // namespace

Span cpu_cell(double cpu) {
  if (cpu < 0) return {kUnknownMark, Role::kDim};
  const double percent = std::min(cpu * 100, 99'999.0);
  if (percent < 0.05) return {"0%", Role::kDim};
  std::string text = std::to_string(std::lround(percent)) + "%";
  return {percent < 0.95 ? std::string("<1%") : std::move(text), Role::kText};
}

void draw_process_detail(const Pen& pen, Rect area, bool boxed, const model::Snapshot& snapshot,
                         const ProcessList& list, const ProcessItem& item) {
  Rect inside = pen.panel(area, boxed, {{item.is_group() ? "Group" : "Process", Role::kTitle}},
                          {{"Esc closes", Role::kDim}});
  const Traffic traffic = TrafficOf(snapshot, list.pids_of(item)).take();
  const bool beside = inside.width >= 100;
  Rect facts = inside;
  Rect remotes = inside;
  if (beside) {
    facts.width = inside.width / 2;
    remotes.x = facts.right();
    remotes.width = inside.right() - remotes.x;
  }
  DetailLines lines(pen, facts);
  if (item.process() != nullptr) {
    add_process(lines, snapshot, *item.row);
  } else {
    add_group(lines, item);
  }
  add_totals(lines, item, traffic);
  int next = lines.next();
  const auto rates = rates_of(list, item);
  const int room = facts.bottom() - next - (beside ? 0 : 6);
  if (rates.empty()) {
    lines.add("last minute", "moved nothing", Role::kDim);
    ++next;
  } else if (room >= kGraphRows + 1) {
    next += 1;
    draw_throughput(pen.canvas,
                    {facts.x + 1, next, std::min(kGraphColumns, facts.width - 2), kGraphRows},
                    rates, pen.theme);
    next += kGraphRows;
  } else {
    std::vector<float> sums;
    sums.reserve(rates.size());
    for (const model::RatePoint& point : rates) sums.push_back(point.up + point.down);
    lines.add("last minute", sparkline(sums, 30), Role::kDown);
    ++next;
  }
  if (!beside) {
    const int gap = facts.bottom() - next > 8 ? 1 : 0;
    remotes.y = next + gap;
    remotes.height = std::max(0, inside.bottom() - remotes.y);
  }
  draw_remotes(pen, remotes, traffic);
}

}  // namespace netwatch::tui
