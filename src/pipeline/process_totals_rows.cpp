// The tables of processes and containers: who has a row, and who makes room.
#include <algorithm>
#include <utility>

#include "pipeline/process_totals.h"

namespace netwatch::pipeline {
namespace {

float per_second(std::uint64_t now, std::uint64_t before, double seconds) {
  return now < before ? 0.0F : static_cast<float>(static_cast<double>(now - before) / seconds);
}

void add(model::PayloadTotals& totals, const model::PayloadTotals& more) {
  totals.sent_bytes += more.sent_bytes;
  totals.received_bytes += more.received_bytes;
  for (std::size_t i = 0; i < totals.bytes.size(); ++i) totals.bytes[i] += more.bytes[i];
  totals.open_sockets += more.open_sockets;
  totals.connections += more.connections;
  totals.uncounted_sockets += more.uncounted_sockets;
}

bool is_empty(const model::PayloadTotals& totals) {
  return totals.sent_bytes + totals.received_bytes + totals.open_sockets + totals.connections +
             totals.uncounted_sockets ==
         0;
}

// What has no open socket and moved nothing for longest makes room: an eighth of `limit` places.
template <typename Entry>
std::vector<std::uint32_t> idle_longest(const std::vector<Entry>& entries, std::size_t first,
                                        std::size_t limit) {
  std::vector<std::uint32_t> idle;
  for (std::size_t i = first; i < entries.size(); ++i) {
    const auto& sums = entries[i].sums;
    if (sums.used && sums.totals.open_sockets == 0) idle.push_back(static_cast<std::uint32_t>(i));
  }
  const std::size_t wanted = std::min(idle.size(), std::max<std::size_t>(1, limit / 8));
  const auto middle = idle.begin() + static_cast<std::ptrdiff_t>(wanted);
  std::nth_element(idle.begin(), middle, idle.end(), [&](std::uint32_t one, std::uint32_t two) {
    return entries[one].sums.active < entries[two].sums.active;
  });
  idle.resize(wanted);
  return idle;
}

template <typename Sums>
void fold_sums(Sums& into, const Sums& sums) {
  add(into.totals, sums.totals);
  into.rated_sent += sums.rated_sent;
  into.rated_received += sums.rated_received;
  into.used = true;
}

template <typename Sums>
void rate(Sums& sums, double seconds) {
  sums.totals.sent_rate = per_second(sums.totals.sent_bytes, sums.rated_sent, seconds);
  sums.totals.received_rate = per_second(sums.totals.received_bytes, sums.rated_received, seconds);
  sums.rated_sent = sums.totals.sent_bytes;
  sums.rated_received = sums.totals.received_bytes;
}

// What has been still for as long as is remembered needs no memory.
void remember_rate(std::vector<model::RatePoint>& rates, const model::PayloadTotals& totals) {
  const bool moves = totals.sent_rate > 0 || totals.received_rate > 0;
  if (!moves && rates.empty()) return;
  if (rates.size() == model::ProcessRow::kRateSamples) rates.erase(rates.begin());
  rates.push_back({.up = totals.sent_rate, .down = totals.received_rate});
  const bool moved = std::any_of(rates.begin(), rates.end(), [](const model::RatePoint& point) {
    return point.up > 0 || point.down > 0;
  });
  if (!moved) rates = {};
}

std::uint64_t bytes_of(const model::PayloadTotals& totals) {
  return totals.sent_bytes + totals.received_bytes;
}

// Most bytes first; of as many, as they came. (std::stable_sort asks libstdc++ 12 for memory by a
// function that clang calls deprecated.)
template <typename Entry>
void sort_busiest(std::vector<Entry>& entries) {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  order.reserve(entries.size());
  for (const Entry& entry : entries) order.emplace_back(bytes_of(entry.totals), order.size());
  std::sort(order.begin(), order.end(), [](const auto& one, const auto& two) {
    return one.first != two.first ? one.first > two.first : one.second < two.second;
  });
  std::vector<Entry> sorted;
  sorted.reserve(entries.size());
  for (const auto& [bytes, place] : order) sorted.push_back(std::move(entries[place]));
  entries = std::move(sorted);
}

}  // namespace

// A place that is somebody else's by now: the one before is among those that made room.
ProcessTotals::Place ProcessTotals::place_of(const Known& known) const {
  return rows_[known.row].generation == known.generation ? known.row : kEarlier;
}

void ProcessTotals::count(Place place, const Counts& more) {
  const auto apply = [&](model::PayloadTotals& totals) {
    totals.open_sockets += static_cast<std::uint64_t>(more.open_sockets);
    totals.connections += static_cast<std::uint64_t>(more.connections);
    totals.uncounted_sockets += static_cast<std::uint64_t>(more.uncounted_sockets);
  };
  apply(rows_[place].sums.totals);
  if (rows_[place].group != kNoGroup) apply(groups_[rows_[place].group].sums.totals);
}

void ProcessTotals::give(Place place, model::Quality quality, const Bytes& bytes) {
  if (bytes == Bytes{}) return;
  const auto apply = [&](Sums& sums) {
    sums.totals.sent_bytes += bytes.sent;
    sums.totals.received_bytes += bytes.received;
    sums.totals.bytes[static_cast<std::size_t>(quality)] += bytes.sent + bytes.received;
    sums.active = clock_;
  };
  apply(rows_[place].sums);
  if (rows_[place].group != kNoGroup) apply(groups_[rows_[place].group].sums);
}

void ProcessTotals::take_back(Place place, model::Quality quality, const Bytes& bytes) {
  if (bytes == Bytes{}) return;
  const auto apply = [&](Sums& sums) {
    sums.totals.sent_bytes -= bytes.sent;
    sums.totals.received_bytes -= bytes.received;
    sums.totals.bytes[static_cast<std::size_t>(quality)] -= bytes.sent + bytes.received;
  };
  apply(rows_[place].sums);
  if (rows_[place].group != kNoGroup) apply(groups_[rows_[place].group].sums);
}

ProcessTotals::Place ProcessTotals::row_of(const model::Owner& owner) {
  const ProcessKey key{.start_ticks = owner.process->start_ticks, .pid = owner.process->pid};
  if (const auto known = by_process_.find(key); known != by_process_.end()) {
    learn(rows_[known->second], owner);
    return known->second;
  }
  if (vacant_.empty() && rows_.size() >= limits_.processes + 2) make_room();
  Place place = 0;
  if (!vacant_.empty()) {
    place = vacant_.back();
    vacant_.pop_back();
  } else if (rows_.size() < limits_.processes + 2) {
    place = static_cast<Place>(rows_.size());
    rows_.emplace_back();
  } else {
    return kEarlier;
  }
  Row& row = rows_[place];
  row.sums.used = true;
  row.sums.active = clock_;
  by_process_[key] = place;
  learn(row, owner);
  return place;
}

void ProcessTotals::make_room() {
  for (const Place place : idle_longest(rows_, 2, limits_.processes)) fold(place);
}

// Its container keeps what it moved there.
void ProcessTotals::fold(Place place) {
  Row& row = rows_[place];
  fold_sums(rows_[kEarlier].sums, row.sums);
  ++rows_[kEarlier].processes;
  if (row.group != kNoGroup) --groups_[row.group].rows;
  by_process_.erase({.start_ticks = row.process->start_ticks, .pid = row.process->pid});
  const std::uint32_t generation = row.generation + 1;
  row = Row{};
  row.generation = generation;
  vacant_.push_back(place);
}

void ProcessTotals::learn(Row& row, const model::Owner& owner) {
  if (owner.quality >= row.quality) {
    row.quality = owner.quality;
    row.via = owner.via;
  }
  if (row.process == owner.process) return;
  if (row.process != nullptr && model::tells_more(*row.process, *owner.process)) return;
  row.process = owner.process;
  if (row.group != kNoGroup) return;
  row.group = group_of(row.process);
  if (row.group == kNoGroup) return;
  Group& group = groups_[row.group];
  ++group.rows;
  ++group.processes;
  fold_sums(group.sums, row.sums);
  group.sums.active = clock_;
}

// Who is not among them owns no socket now: nobody looks at it.
void ProcessTotals::take_usage(const std::vector<model::ProcessUsage>& usage) {
  for (Row& row : rows_) {
    row.cpu = -1;
    row.rss_bytes = 0;
  }
  for (const model::ProcessUsage& use : usage) {
    const auto known =
        by_process_.find({.start_ticks = use.process->start_ticks, .pid = use.process->pid});
    if (known == by_process_.end()) continue;
    rows_[known->second].cpu = use.cpu;
    rows_[known->second].rss_bytes = use.rss_bytes;
  }
}

ProcessTotals::Place ProcessTotals::group_of(const std::shared_ptr<const model::Process>& process) {
  std::string key;
  if (!process->container.empty()) {
    key = "container " + process->container;
  } else if (!process->unit.empty()) {
    key = "unit " + process->unit;
  } else {
    return kNoGroup;
  }
  if (const auto known = by_group_.find(key); known != by_group_.end()) return known->second;
  if (vacant_groups_.empty() && groups_.size() >= limits_.containers + 2) make_group_room();
  Place place = 0;
  if (!vacant_groups_.empty()) {
    place = vacant_groups_.back();
    vacant_groups_.pop_back();
  } else if (groups_.size() < limits_.containers + 2) {
    place = static_cast<Place>(groups_.size());
    groups_.emplace_back();
  } else {
    return kEarlier;
  }
  groups_[place].one = process;
  groups_[place].key = key;
  groups_[place].sums.used = true;
  by_group_.emplace(std::move(key), place);
  return place;
}

void ProcessTotals::make_group_room() {
  for (const Place place : idle_longest(groups_, 2, limits_.containers)) fold_group(place);
}

void ProcessTotals::fold_group(Place place) {
  Group& group = groups_[place];
  Group& earlier = groups_[kEarlier];
  fold_sums(earlier.sums, group.sums);
  earlier.processes += group.processes;
  earlier.rows += group.rows;
  if (group.rows > 0) {
    for (Row& row : rows_) {
      if (row.group == place) row.group = kEarlier;
    }
  }
  by_group_.erase(group.key);
  group = Group{};
  vacant_groups_.push_back(place);
}

void ProcessTotals::every_second(double seconds) {
  for (Row& row : rows_) {
    rate(row.sums, seconds);
    remember_rate(row.rates, row.sums.totals);
  }
  for (Group& group : groups_) rate(group.sums, seconds);
}

void ProcessTotals::take_end(const model::ProcessEnd& end) {
  const auto found = by_process_.find({end.start_ticks, end.pid});
  if (found != by_process_.end()) rows_[found->second].ended_ns = end.time_ns;
}

model::OwnerTotals ProcessTotals::totals() const {
  model::OwnerTotals out;
  out.processes.reserve(rows_.size());
  for (const Row& row : rows_) {
    if (row.kind == model::ProcessRow::Kind::kProcess ? !row.sums.used
                                                      : is_empty(row.sums.totals)) {
      continue;
    }
    out.processes.push_back({.kind = row.kind,
                             .process = row.process,
                             .quality = row.quality,
                             .via = row.via,
                             .processes = row.processes,
                             .ended_ns = row.ended_ns,
                             .totals = row.sums.totals,
                             .cpu = row.cpu,
                             .rss_bytes = row.rss_bytes,
                             .rates = row.rates});
  }
  for (Place place = kEarlier; place < groups_.size(); ++place) {
    const Group& group = groups_[place];
    if (place == kEarlier ? is_empty(group.sums.totals) : !group.sums.used) continue;
    model::ContainerRow& row = out.containers.emplace_back();
    row.earlier = place == kEarlier;
    row.processes = group.processes;
    row.totals = group.sums.totals;
    if (group.one == nullptr) continue;
    row.container = group.one->container;
    row.runtime = group.one->runtime;
    row.pod = group.one->pod;
    if (row.container.empty()) row.unit = group.one->unit;
  }
  sort_busiest(out.processes);
  sort_busiest(out.containers);
  return out;
}

}  // namespace netwatch::pipeline
