#include "tui/tabs/connection_list.h"

#include <algorithm>
#include <compare>

#include "model/moved.h"
#include "tui/order.h"
#include "tui/words.h"

namespace netwatch::tui {
namespace {

using Item = ConnectionItem;

bool is_shown(const model::ConnectionRow& row, Which which) {
  switch (which) {
    case Which::kOpen:
      return !is_over(row) && is_connected(row);
    case Which::kEstablished:
      return row.state == model::TcpState::kEstablished;
    case Which::kListening:
      return !is_connected(row);
    case Which::kClosed:
      return is_over(row);
    case Which::kAll:
    case Which::kCount:
      break;
  }
  return true;
}

Item item_of(const model::ConnectionRow& row, std::uint32_t number, bool capturing) {
  Item item;
  item.row = &row;
  // Row numbers come again, with another beginning.
  item.key = row_key(static_cast<std::uint64_t>(row.first_ns), number);
  item.pid = row.owners[0].pid;
  item.quality = row.owners[0].quality;
  model::Moved moved;
  moved.add(row, capturing);
  moved.fill(item);
  item.rtt_us = row.rtt_us;
  item.again = row.up.retransmitted + row.down.retransmitted;
  item.first_ns = row.first_ns;
  return item;
}

std::string_view program_of(const Item& item) {
  return item.row == nullptr ? std::string_view(item.label) : item.row->owners[0].name;
}

std::weak_ordering compare(const Item& a, const Item& b, std::size_t by) {
  const bool rows = a.row != nullptr && b.row != nullptr;
  switch (by) {
    case kProgram:
      return order(program_of(a), program_of(b));
    case kPid:
      return order(a.pid, b.pid);
    case kProto:
      return rows ? order(a.row->proto, b.row->proto) : std::weak_ordering::equivalent;
    case kRemote:
      return rows ? order(a.row->remote, b.row->remote) : std::weak_ordering::equivalent;
    case kHost:
      return rows ? order(a.row->name, b.row->name) : std::weak_ordering::equivalent;
    case kApp:
      return rows ? order(innermost_app(*a.row), innermost_app(*b.row))
                  : std::weak_ordering::equivalent;
    case kState:
      return rows ? order(state_of(*a.row), state_of(*b.row)) : std::weak_ordering::equivalent;
    case kUp:
      return order(a.up_rate, b.up_rate);
    case kRtt:
      return order(a.rtt_us, b.rtt_us);
    case kAgain:
      return order(a.again, b.again);
    case kAge:
      return order(b.first_ns, a.first_ns);
    case kDownTotal:
      return order(a.down_bytes, b.down_bytes);
    case kUpTotal:
      return order(a.up_bytes, b.up_bytes);
    case kOwner:
      return order(a.quality, b.quality);
    default:
      return order(a.down_rate, b.down_rate);
  }
}

}  // namespace

bool is_over(const model::ConnectionRow& row) {
  if (row.state == model::TcpState::kNone) {
    return row.end != model::FlowEnd::kOpen || row.socket_gone;
  }
  return row.state == model::TcpState::kTimeWait || row.state == model::TcpState::kClose;
}

std::string host_of(const model::ConnectionRow& row) {
  return row.name.empty() ? row.remote.address.to_string() : std::string(row.name);
}

void ConnectionList::take_rows(const Frame& frame) {
  items_.clear();
  roots_.clear();
  hidden_ = 0;
  std::uint32_t number = 0;
  for (const auto& chunk : frame.snapshot.chunks) {
    for (std::size_t i = 0; i < chunk->rows.size(); ++i) {
      const auto& row = chunk->rows[i];
      const std::uint32_t at = number + static_cast<std::uint32_t>(i);
      if (row.vacant) continue;
      const bool wanted =
          !frame.state.filter.accepts || frame.verdicts.accepted(frame.snapshot, at);
      if (!wanted || !is_shown(row, order_.which)) {
        ++hidden_;
        continue;
      }
      items_.push_back(item_of(row, at, frame.snapshot.capturing));
    }
    number += model::kRowsPerChunk;
  }
}

std::string ConnectionList::group_of(const model::ConnectionRow& row, const Frame& frame) const {
  const model::RowOwner& owner = row.owners[0];
  switch (order_.grouping) {
    case Grouping::kHost:
      return host_of(row);
    case Grouping::kContainer: {
      const auto found = processes_.find(owner.pid);
      if (found != processes_.end()) {
        const model::Process& process = *found->second;
        if (!process.container.empty()) return process.container.substr(0, 12);
        return process.unit.empty() ? "no container or unit" : process.unit;
      }
      const std::string place = place_of(frame.snapshot, row);
      return place.empty() ? "unknown" : place;
    }
    default:
      return owner.quality == model::Quality::kUnknown ? "owner unknown" : std::string(owner.name);
  }
}

void ConnectionList::fill_group(Item& group, const Frame& frame) const {
  model::Moved moved;
  group.quality = model::Quality::kExact;
  group.pid = items_[group.parts[0]].pid;
  for (const std::size_t part : group.parts) {
    const Item& item = items_[part];
    moved.add(*item.row, frame.snapshot.capturing);
    group.quality = std::min(group.quality, item.quality);
    if (group.pid != item.pid) group.pid = 0;
    if (item.rtt_us >= 0 && (group.rtt_us < 0 || item.rtt_us < group.rtt_us)) {
      group.rtt_us = item.rtt_us;
    }
    group.again += item.again;
    if (group.first_ns == 0 || item.first_ns < group.first_ns) group.first_ns = item.first_ns;
  }
  moved.fill(group);
}

void ConnectionList::make_groups(const Frame& frame) {
  std::unordered_map<std::string, std::size_t> places;
  std::vector<Item> groups;
  const std::size_t connections = items_.size();
  for (std::size_t i = 0; i < connections; ++i) {
    std::string label = group_of(*items_[i].row, frame);
    const auto [found, added] = places.try_emplace(label, groups.size());
    if (added) {
      Item& group = groups.emplace_back();
      group.key =
          row_key(std::hash<std::string>{}(label), static_cast<std::uint64_t>(order_.grouping));
      group.label = std::move(label);
    }
    groups[found->second].parts.push_back(i);
  }
  for (Item& group : groups) {
    fill_group(group, frame);
    sort(group.parts);
    roots_.push_back(items_.size());
    items_.push_back(std::move(group));
  }
}

// Ties have a fixed order, so that rows do not dance.
void ConnectionList::sort(std::vector<std::size_t>& items) const {
  std::sort(items.begin(), items.end(), [&](std::size_t left, std::size_t right) {
    const Item& a = items_[left];
    const Item& b = items_[right];
    const auto wanted = compare(a, b, order_.sort);
    if (wanted != 0) return order_.descending ? wanted > 0 : wanted < 0;
    const std::uint64_t a_bytes = a.up_bytes + a.down_bytes;
    const std::uint64_t b_bytes = b.up_bytes + b.down_bytes;
    if (a_bytes != b_bytes) return a_bytes > b_bytes;
    return a.first_ns != b.first_ns ? a.first_ns > b.first_ns : a.key < b.key;
  });
}

void ConnectionList::refresh(const Frame& frame, const ConnectionOrder& order) {
  order_ = order;
  processes_.clear();
  if (frame.snapshot.owners != nullptr) {
    for (const auto& row : frame.snapshot.owners->processes) {
      if (row.process != nullptr) processes_.emplace(row.process->pid, row.process.get());
    }
  }
  take_rows(frame);
  if (order_.grouping == Grouping::kNone) {
    for (std::size_t i = 0; i < items_.size(); ++i) roots_.push_back(i);
  } else {
    make_groups(frame);
  }
  sort(roots_);
}

}  // namespace netwatch::tui
