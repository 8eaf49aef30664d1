#include "tui/tabs/process_list.h"

#include <algorithm>
#include <compare>

#include "tui/order.h"
#include "tui/tabs/connection_list.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

using Item = ProcessItem;
using Kind = model::ProcessRow::Kind;

constexpr std::size_t kShortId = 12;  // as container runtimes shorten them

RowKey key_of(const model::ProcessRow& row) {
  if (row.process == nullptr) return row_key(0, static_cast<std::uint64_t>(row.kind) + 1);
  return row_key(row.process->start_ticks, row.process->pid);
}

bool moves(const model::PayloadTotals& totals) {
  return totals.sent_rate > 0 || totals.received_rate > 0;
}

bool is_shown(const model::ProcessRow& row, WhichProcesses which) {
  if (which == WhichProcesses::kOpen) return row.totals.open_sockets > 0;
  return which != WhichProcesses::kMoving || moves(row.totals);
}

void add(model::PayloadTotals& sum, const model::PayloadTotals& more) {
  sum.sent_bytes += more.sent_bytes;
  sum.received_bytes += more.received_bytes;
  for (std::size_t i = 0; i < sum.bytes.size(); ++i) sum.bytes[i] += more.bytes[i];
  sum.sent_rate += more.sent_rate;
  sum.received_rate += more.received_rate;
  sum.open_sockets += more.open_sockets;
  sum.connections += more.connections;
  sum.uncounted_sockets += more.uncounted_sockets;
}

std::string_view name_of(const Item& item) {
  return item.process() == nullptr ? std::string_view(item.label)
                                   : std::string_view(item.process()->comm);
}

// Of processes alone: groups are as they came.
std::weak_ordering compare_processes(const Item& a, const Item& b, std::size_t by) {
  const model::Process* one = a.process();
  const model::Process* two = b.process();
  if (one == nullptr || two == nullptr) return order(one != nullptr, two != nullptr);
  switch (by) {
    case kProcPid:
      return order(one->pid, two->pid);
    case kProcUser:
      return order(one->user, two->user);
    case kProcWhere:
      return order(where_of(*one), where_of(*two));
    default:
      return order(one->parent, two->parent);
  }
}

std::weak_ordering compare(const Item& a, const Item& b, std::size_t by) {
  switch (by) {
    case kProcName:
      return order(name_of(a), name_of(b));
    case kProcPid:
    case kProcUser:
    case kProcWhere:
    case kProcParent:
      return compare_processes(a, b, by);
    case kProcUp:
      return order(a.totals.sent_rate, b.totals.sent_rate);
    case kProcDownTotal:
      return order(a.totals.received_bytes, b.totals.received_bytes);
    case kProcUpTotal:
      return order(a.totals.sent_bytes, b.totals.sent_bytes);
    case kProcSockets:
      return order(a.totals.open_sockets, b.totals.open_sockets);
    case kProcConnections:
      return order(a.connections, b.connections);
    case kProcHosts:
      return order(a.hosts, b.hosts);
    case kProcCpu:
      return order(a.cpu, b.cpu);
    case kProcRss:
      return order(a.rss_bytes, b.rss_bytes);
    case kProcOwner:
      return order(a.quality, b.quality);
    default:
      return order(a.totals.received_rate, b.totals.received_rate);
  }
}

}  // namespace

std::string where_of(const model::Process& process) {
  return process.container.empty() ? process.unit : process.container.substr(0, kShortId);
}

Counted counted(const model::PayloadTotals& totals) {
  Counted out;
  out.some_not = totals.uncounted_sockets > 0;
  out.bytes = !out.some_not || totals.sent_bytes + totals.received_bytes > 0;
  out.rates = !out.some_not || moves(totals);
  return out;
}

// Several rows may have a pid, one after the other: connections are of who has sockets now.
void ProcessList::take_rows(const Frame& frame) {
  for (const model::ProcessRow& row : frame.snapshot.owners->processes) {
    Item& item = items_.emplace_back();
    item.row = &row;
    item.key = key_of(row);
    item.processes = row.processes;
    item.quality = row.quality;
    item.totals = row.totals;
    item.cpu = row.cpu;
    item.rss_bytes = row.rss_bytes;
    if (row.kind == Kind::kUnknown) item.label = "owner unknown";
    if (row.kind == Kind::kEarlier) item.label = "earlier ones";
    if (row.process == nullptr) continue;
    const auto [known, added] = by_pid_.try_emplace(row.process->pid, items_.size() - 1);
    if (added) continue;
    const model::ProcessRow& other = *items_[known->second].row;
    if (row.process->start_ticks > other.process->start_ticks) known->second = items_.size() - 1;
  }
}

void ProcessList::count_connections(const Frame& frame) {
  const auto count = [&](const model::RowOwner& owner, const base::IpAddress& far) {
    const auto found = by_pid_.find(owner.pid);
    if (owner.pid == 0 || found == by_pid_.end()) return;
    ++items_[found->second].connections;
    ends_.emplace_back(found->second, base::hash_value(far));
  };
  std::uint32_t number = 0;
  for (const auto& chunk : frame.snapshot.chunks) {
    for (std::size_t i = 0; i < chunk->rows.size(); ++i) {
      const auto& row = chunk->rows[i];
      if (row.vacant || is_over(row) || !is_connected(row)) continue;
      const std::uint32_t at = number + static_cast<std::uint32_t>(i);
      if (frame.state.filter.accepts && !frame.verdicts.accepted(frame.snapshot, at)) continue;
      count(row.owners[0], row.remote.address);
      count(row.owners[1], row.local.address);
    }
    number += model::kRowsPerChunk;
  }
}

std::string ProcessList::group_of(const Item& item) const {
  const model::Process* process = item.process();
  if (process == nullptr) return {};
  if (order_.grouping == ProcessGrouping::kProgram) return process->comm;
  if (!process->container.empty()) return "container " + process->container;
  return "unit " + process->unit;
}

std::string ProcessList::label_of(const model::Process& process) const {
  if (order_.grouping == ProcessGrouping::kProgram) return process.comm;
  const std::string where = where_of(process);
  return where.empty() ? "no container or unit" : where;
}

void ProcessList::fill_group(Item& group) const {
  group.quality = model::Quality::kExact;
  group.processes = group.parts.size();
  for (const std::size_t part : group.parts) {
    const Item& item = items_[part];
    group.quality = std::min(group.quality, item.quality);
    add(group.totals, item.totals);
    if (item.cpu >= 0) group.cpu = std::max(group.cpu, 0.0) + item.cpu;
    group.rss_bytes += item.rss_bytes;
    group.connections += item.connections;
  }
  if (group.container == nullptr) return;
  // Also what processes moved in it that have no row any more.
  group.totals = group.container->totals;
  group.processes = group.container->processes;
}

void ProcessList::make_groups(const Frame& frame) {
  std::unordered_map<std::string, std::size_t> places;
  std::vector<Item> groups;
  const auto group_of_key = [&](const std::string& name, std::string label) -> Item& {
    const auto [found, added] = places.try_emplace(name, groups.size());
    if (!added) return groups[found->second];
    Item& group = groups.emplace_back();
    group.key =
        row_key(std::hash<std::string>{}(name), 100 + static_cast<std::uint64_t>(order_.grouping));
    group.label = std::move(label);
    return group;
  };
  for (const std::size_t i : std::exchange(roots_, {})) {
    const std::string name = group_of(items_[i]);
    if (name.empty()) {
      roots_.push_back(i);
    } else {
      group_of_key(name, label_of(*items_[i].process())).parts.push_back(i);
    }
  }
  if (order_.grouping == ProcessGrouping::kContainer) {
    const bool all = order_.which == WhichProcesses::kAll && !frame.state.filter.accepts;
    for (const model::ContainerRow& row : frame.snapshot.owners->containers) {
      std::string name = row.container.empty() ? "unit " + row.unit : "container " + row.container;
      std::string label = row.container.empty() ? row.unit : row.container.substr(0, kShortId);
      if (row.earlier) name = label = "earlier ones";
      // Where not all are wanted, those that hold one that is.
      if (!all && !places.contains(name)) continue;
      group_of_key(name, std::move(label)).container = &row;
    }
  }
  for (Item& group : groups) {
    fill_group(group);
    const bool alone = order_.grouping == ProcessGrouping::kProgram && group.parts.size() == 1;
    if (alone) {
      roots_.push_back(group.parts[0]);
      continue;
    }
    roots_.push_back(items_.size());
    items_.push_back(std::move(group));
  }
}

// Of a group all other ends of its processes, each once.
void ProcessList::count_hosts() {
  const std::size_t connections = ends_.size();
  std::unordered_map<std::size_t, std::size_t> group_of_part;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    for (const std::size_t part : items_[i].parts) group_of_part[part] = i;
  }
  for (std::size_t i = 0; i < connections && !group_of_part.empty(); ++i) {
    const auto group = group_of_part.find(ends_[i].first);
    if (group != group_of_part.end()) ends_.emplace_back(group->second, ends_[i].second);
  }
  std::sort(ends_.begin(), ends_.end());
  ends_.erase(std::unique(ends_.begin(), ends_.end()), ends_.end());
  for (const auto& [item, end] : ends_) ++items_[item].hosts;
}

// Ties have a fixed order, so that rows do not dance.
void ProcessList::sort(std::vector<std::size_t>& items) const {
  std::sort(items.begin(), items.end(), [&](std::size_t left, std::size_t right) {
    const Item& a = items_[left];
    const Item& b = items_[right];
    const auto wanted = compare(a, b, order_.sort);
    if (wanted != 0) return order_.descending ? wanted > 0 : wanted < 0;
    const std::uint64_t a_bytes = a.totals.sent_bytes + a.totals.received_bytes;
    const std::uint64_t b_bytes = b.totals.sent_bytes + b.totals.received_bytes;
    if (a_bytes != b_bytes) return a_bytes > b_bytes;
    const auto name = order(name_of(a), name_of(b));
    return name != 0 ? name < 0 : a.key < b.key;
  });
}

std::vector<std::uint32_t> ProcessList::pids_of(const Item& item) const {
  std::vector<std::uint32_t> out;
  const auto take = [&](const Item& one, std::size_t place) {
    if (one.process() == nullptr) return;
    const auto found = by_pid_.find(one.process()->pid);
    if (found != by_pid_.end() && found->second == place) out.push_back(found->first);
  };
  for (const std::size_t part : item.parts) take(items_[part], part);
  if (!item.is_group()) take(item, static_cast<std::size_t>(&item - items_.data()));
  return out;
}

void ProcessList::refresh(const Frame& frame, const ProcessOrder& order) {
  order_ = order;
  items_.clear();
  roots_.clear();
  by_pid_.clear();
  ends_.clear();
  processes_ = hidden_ = 0;
  if (frame.snapshot.owners == nullptr) return;
  take_rows(frame);
  count_connections(frame);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const bool accepted = !frame.state.filter.accepts || items_[i].connections > 0;
    if (!accepted || !is_shown(*items_[i].row, order_.which)) {
      ++hidden_;
      continue;
    }
    ++processes_;
    roots_.push_back(i);
  }
  if (order_.grouping != ProcessGrouping::kProcess) make_groups(frame);
  count_hosts();
  for (Item& item : items_) sort(item.parts);
  sort(roots_);
}

}  // namespace netwatch::tui
