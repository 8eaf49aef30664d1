#include "pipeline/throughput.h"

#include <utility>

namespace netwatch::pipeline {
namespace {

// A little less than the second that it stands for: looks are never exactly on time.
constexpr base::TimeNs kWindowNs = 900 * base::kNsPerMs;

float rate(std::uint64_t now, std::uint64_t before, double seconds) {
  // A counter that went back was reset with its interface.
  if (now < before || seconds <= 0) return 0;
  return static_cast<float>(static_cast<double>(now - before) / seconds);
}

}  // namespace

Throughput::Throughput(std::string interface)
    : wanted_(interface == "any" ? std::string() : std::move(interface)) {}

void Throughput::follow(std::string interface) {
  wanted_ = interface == "any" ? std::string() : std::move(interface);
  wanted_ifindex_ = 0;
  of_.clear();
  current_ = {};
  points_.clear();
}

void Throughput::take(const model::InterfaceTable& table) {
  // Looks come more often than once a second: rates are taken over whole windows, end to end, so
  // that every byte counts in exactly one of them.
  const base::TimeNs window_ns = table.taken_ns - window_start_ns_;
  // A wall clock that was set back begins a new window.
  const bool first = window_start_ns_ == 0 || window_ns < 0;
  if (first) window_start_.clear();
  const bool window_over = first || window_ns >= kWindowNs;
  const double seconds = static_cast<double>(window_ns) / static_cast<double>(base::kNsPerSecond);
  std::vector<model::InterfaceRow> rows;
  std::unordered_map<std::string, Counters> now;
  for (const model::Interface& interface : table.interfaces) {
    model::InterfaceRow row{.interface = interface};
    if (const auto past = window_start_.find(interface.name); past != window_start_.end()) {
      row.rated = window_over || past->second.rated;
      row.rx_rate = window_over ? rate(interface.rx_bytes, past->second.rx_bytes, seconds)
                                : past->second.rx_rate;
      row.tx_rate = window_over ? rate(interface.tx_bytes, past->second.tx_bytes, seconds)
                                : past->second.tx_rate;
    }
    if (const auto kept = histories_.find(interface.name); kept != histories_.end()) {
      row.history = kept->second;
    }
    now[interface.name] = {interface.rx_bytes, interface.tx_bytes, row.rx_rate, row.tx_rate,
                           row.rated};
    rows.push_back(std::move(row));
  }
  rows_ = std::move(rows);
  remember_wanted();
  if (!window_over) return;
  window_start_ = std::move(now);
  window_start_ns_ = table.taken_ns;
  current_ = {};
  of_.clear();
  for (const model::InterfaceRow* row : chosen()) {
    current_.down += row->rx_rate;
    current_.up += row->tx_rate;
    if (!of_.empty()) of_ += '+';
    of_ += row->interface.name;
  }
}

// An interface may be renamed while we look: from its first sight on it is known by its index.
void Throughput::remember_wanted() {
  if (wanted_.empty() || wanted_ifindex_ != 0) return;
  for (const model::InterfaceRow& row : rows_) {
    if (row.interface.name == wanted_) wanted_ifindex_ = row.interface.ifindex;
  }
}

// Snapshots share what was there before: each second is another list.
void Throughput::remember_each() {
  std::unordered_map<std::string, History> before = std::exchange(histories_, {});
  for (const model::InterfaceRow& row : rows_) {
    const auto kept = before.find(row.interface.name);
    if (kept != before.end()) histories_.insert(before.extract(kept));
  }
  for (model::InterfaceRow& row : rows_) {
    if (!row.rated) continue;
    const auto kept = histories_.find(row.interface.name);
    if (kept == histories_.end() && histories_.size() >= kMaxHistories) continue;
    auto points = std::make_shared<std::vector<model::RatePoint>>();
    if (kept != histories_.end()) {
      points->reserve(kept->second->size() + 1);
      const auto& old = *kept->second;
      const bool full = old.size() == model::Snapshot::kThroughputSamples;
      points->assign(old.begin() + (full ? 1 : 0), old.end());
    }
    points->push_back({.up = row.tx_rate, .down = row.rx_rate});
    row.history = points;
    histories_[row.interface.name] = std::move(points);
  }
}

void Throughput::advance() {
  remember_each();
  if (window_start_ns_ == 0 || of_.empty()) return;
  if (points_.size() == model::Snapshot::kThroughputSamples) points_.erase(points_.begin());
  points_.push_back(current_);
}

std::vector<const model::InterfaceRow*> Throughput::chosen() const {
  const auto pick = [this](auto&& wanted) {
    std::vector<const model::InterfaceRow*> found;
    for (const model::InterfaceRow& row : rows_) {
      if (wanted(row.interface)) found.push_back(&row);
    }
    return found;
  };
  if (!wanted_.empty()) {
    return pick([this](const model::Interface& i) { return i.ifindex == wanted_ifindex_; });
  }
  auto found = pick([](const model::Interface& i) { return i.is_default; });
  if (found.empty()) found = pick([](const model::Interface& i) { return i.up && !i.loopback; });
  if (found.empty()) found = pick([](const model::Interface& i) { return i.loopback; });
  return found;
}

}  // namespace netwatch::pipeline
