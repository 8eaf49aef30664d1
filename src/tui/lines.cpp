#include "tui/lines.h"

#include <algorithm>
#include <compare>
#include <numeric>

#include "model/moved.h"
#include "tui/order.h"

namespace netwatch::tui {
namespace {

ShownTalker whole_talker(const model::Talker& talker) {
  ShownTalker shown;
  shown.talker = &talker;
  shown.connections = talker.connections;
  shown.pid = talker.pid;
  shown.processes = talker.processes;
  shown.bytes_in = talker.bytes_in;
  shown.rates_in = talker.rates_in;
  shown.up_bytes = talker.up_bytes;
  shown.down_bytes = talker.down_bytes;
  shown.up_rate = talker.up_rate;
  shown.down_rate = talker.down_rate;
  shown.rtt_us = talker.rtt_us;
  shown.last_30s = std::accumulate(talker.spark.begin(), talker.spark.end(), 0.0F);
  return shown;
}

ShownTalker part_of(const model::Snapshot& snapshot, const model::Talker& talker,
                    const RowVerdicts& verdicts) {
  std::vector<std::uint32_t> rows;
  for (const std::uint32_t number : talker.rows) {
    if (verdicts.accepted(snapshot, number)) rows.push_back(number);
  }
  if (rows.size() == talker.rows.size() && !rows.empty()) return whole_talker(talker);
  ShownTalker shown;
  shown.talker = &talker;
  shown.whole = false;
  std::vector<std::uint32_t> pids;
  model::Moved moved;
  for (const std::uint32_t number : rows) {
    const auto& row = *snapshot.row(number);
    ++shown.connections;
    moved.add(row, snapshot.capturing);
    if (row.owners[0].pid != 0) pids.push_back(row.owners[0].pid);
    if (row.rtt_us >= 0 && (shown.rtt_us < 0 || row.rtt_us < shown.rtt_us)) {
      shown.rtt_us = row.rtt_us;
    }
  }
  moved.fill(shown);
  shown.processes = model::distinct(pids);
  if (shown.processes == 1) shown.pid = pids.front();
  shown.last_30s = (shown.up_rate + shown.down_rate) * model::kSparkSamples;
  shown.rows = std::move(rows);
  return shown;
}

float peak(const ShownTalker& shown) {
  if (!shown.whole) return 0;
  return *std::max_element(shown.talker->spark.begin(), shown.talker->spark.end());
}

std::weak_ordering compare(const ShownTalker& a, const ShownTalker& b, Column by) {
  switch (by) {
    case Column::kProcess:
      return order(a.talker->process, b.talker->process);
    case Column::kPid:
      return order(a.pid, b.pid);
    case Column::kHost:
      return order(a.talker->host, b.talker->host);
    case Column::kApp:
      return order(a.talker->app, b.talker->app);
    case Column::kConnections:
      return order(a.connections, b.connections);
    case Column::kDown:
      return order(a.down_rate, b.down_rate);
    case Column::kUp:
      return order(a.up_rate, b.up_rate);
    case Column::kPeak:
      return order(peak(a), peak(b));
    case Column::kRtt:
      return order(a.rtt_us, b.rtt_us);
    case Column::kTotal:
      return order(a.up_bytes + a.down_bytes, b.up_bytes + b.down_bytes);
    case Column::kOwner:
      return order(a.talker->quality, b.talker->quality);
    case Column::kBusiest:
    case Column::kNameFrom:
    case Column::kSpark:
      break;
  }
  return order(a.last_30s, b.last_30s);
}

// Ties have a fixed order, so that rows do not dance.
bool comes_before(const ShownTalker& a, const ShownTalker& b, Column by, bool descending) {
  const auto wanted = compare(a, b, by);
  if (wanted != 0) return descending ? wanted > 0 : wanted < 0;
  const auto bytes = order(b.up_bytes + b.down_bytes, a.up_bytes + a.down_bytes);
  if (bytes != 0) return bytes < 0;
  if (a.talker->process != b.talker->process) return a.talker->process < b.talker->process;
  if (a.talker->host != b.talker->host) return a.talker->host < b.talker->host;
  return a.talker->pid < b.talker->pid;
}

}  // namespace

TalkerKey key_of(const model::Talker& talker) {
  return {std::string(talker.process), talker.pid, std::string(talker.host)};
}

ConnectionKey key_of(const model::ConnectionRow& row) { return {row.local, row.remote, row.proto}; }

RowBytes bytes_of(const model::ConnectionRow& row) {
  const model::Measure in = row.bytes_in();
  if (in == model::Measure::kWire) return {row.up.wire_bytes, row.down.wire_bytes, in};
  if (in == model::Measure::kPayload) return {row.kernel_up_bytes, row.kernel_down_bytes, in};
  return {};
}

std::string_view measure_name(model::Measure measure) {
  if (measure == model::Measure::kWire) return "on wire";
  return measure == model::Measure::kPayload ? "payload" : "";
}

void RowVerdicts::update(const model::Snapshot& snapshot, const FilterState& filter) {
  if (filter.version != version_) {
    judged_.clear();
    version_ = filter.version;
  }
  if (!filter.accepts) return;
  std::unordered_map<const model::RowChunk*, Judged> still;
  for (const auto& chunk : snapshot.chunks) {
    if (auto known = judged_.find(chunk.get()); known != judged_.end()) {
      still.insert(judged_.extract(known));
      continue;
    }
    Judged judged{chunk, {}};
    judged.accepted.reserve(chunk->rows.size());
    for (const auto& row : chunk->rows) judged.accepted.push_back(filter.accepts(row));
    still.emplace(chunk.get(), std::move(judged));
  }
  judged_ = std::move(still);
}

bool RowVerdicts::accepted(const model::Snapshot& snapshot, std::uint32_t row) const {
  const std::size_t chunk = row / model::kRowsPerChunk;
  if (chunk >= snapshot.chunks.size()) return false;
  const auto found = judged_.find(snapshot.chunks[chunk].get());
  const std::size_t place = row % model::kRowsPerChunk;
  return found != judged_.end() && place < found->second.accepted.size() &&
         found->second.accepted[place];
}

std::vector<ShownTalker> shown_talkers(const model::Snapshot& snapshot, const FilterState& filter,
                                       const RowVerdicts& verdicts) {
  std::vector<ShownTalker> talkers;
  talkers.reserve(snapshot.talkers.size());
  for (const auto& talker : snapshot.talkers) {
    if (!filter.accepts) {
      talkers.push_back(whole_talker(*talker));
      continue;
    }
    ShownTalker part = part_of(snapshot, *talker, verdicts);
    if (part.connections > 0) talkers.push_back(std::move(part));
  }
  return talkers;
}

std::vector<std::uint32_t> talker_order(std::span<const ShownTalker> talkers, Column by,
                                        bool descending) {
  std::vector<std::uint32_t> sorted(talkers.size());
  std::iota(sorted.begin(), sorted.end(), 0U);
  std::sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
    return comes_before(talkers[a], talkers[b], by, descending);
  });
  return sorted;
}

std::vector<std::uint32_t> sorted_rows(const model::Snapshot& snapshot, const ShownTalker& shown) {
  std::vector<std::uint32_t> rows;
  for (const std::uint32_t number : shown.row_numbers()) {
    if (snapshot.row(number) != nullptr) rows.push_back(number);
  }
  std::sort(rows.begin(), rows.end(), [&](std::uint32_t left, std::uint32_t right) {
    const auto& a = *snapshot.row(left);
    const auto& b = *snapshot.row(right);
    const float a_rate = a.up_rate + a.down_rate;
    const float b_rate = b.up_rate + b.down_rate;
    if (a_rate > b_rate || b_rate > a_rate) return a_rate > b_rate;
    if (a.first_ns != b.first_ns) return a.first_ns > b.first_ns;
    return left < right;
  });
  return rows;
}

LineList make_lines(const model::Snapshot& snapshot, const ViewState& view,
                    const RowVerdicts& verdicts) {
  LineList list;
  list.all_talkers = snapshot.talkers.size();
  list.talkers = shown_talkers(snapshot, view.filter, verdicts);
  for (const std::uint32_t place : talker_order(list.talkers, view.sort, view.descending)) {
    list.lines.push_back({place, Line::kTalker, false});
    const ShownTalker& shown = list.talkers[place];
    if (view.expanded.empty() || !view.expanded.contains(key_of(*shown.talker))) continue;
    for (const std::uint32_t row : sorted_rows(snapshot, shown)) {
      list.lines.push_back({place, row, false});
    }
    if (!list.lines.back().is_talker()) list.lines.back().last = true;
  }
  return list;
}

LineKey key_of(const model::Snapshot& snapshot, const LineList& list, const Line& line) {
  LineKey key{key_of(*list.talkers[line.talker].talker), std::nullopt};
  if (!line.is_talker()) key.connection = key_of(*snapshot.row(line.row));
  return key;
}

void settle_selection(const model::Snapshot& snapshot, const LineList& list, int visible_rows,
                      ViewState& view) {
  const int count = static_cast<int>(list.lines.size());
  if (count == 0) {
    view.selected_line = 0;
    view.scroll = 0;
    return;
  }
  if (view.selected) {
    int found = -1;
    for (int i = 0; i < count && found < 0; ++i) {
      const Line& line = list.lines[static_cast<std::size_t>(i)];
      if (line.is_talker() == view.selected->connection.has_value()) continue;
      if (key_of(snapshot, list, line) == *view.selected) found = i;
    }
    // What is gone leaves the selection where it was.
    view.selected_line = found >= 0 ? found : std::clamp(view.selected_line, 0, count - 1);
    const Line& line = list.lines[static_cast<std::size_t>(view.selected_line)];
    if (found < 0) view.selected = key_of(snapshot, list, line);
  } else {
    view.selected_line = std::clamp(view.selected_line, 0, count - 1);
  }
  const int rows = std::max(visible_rows, 1);
  view.scroll = std::clamp(view.scroll, view.selected_line - rows + 1, view.selected_line);
  view.scroll = std::clamp(view.scroll, 0, std::max(0, count - rows));
}

}  // namespace netwatch::tui
