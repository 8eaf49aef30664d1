#include "pipeline/throughput.h"

#include <utility>

namespace netwatch::pipeline {
namespace {

float rate(std::uint64_t now, std::uint64_t before, double seconds) {
  // A counter that went back was reset with its interface.
  if (now < before || seconds <= 0) return 0;
  return static_cast<float>(static_cast<double>(now - before) / seconds);
}

}  // namespace

Throughput::Throughput(std::string interface)
    : wanted_(interface == "any" ? std::string() : std::move(interface)) {}

void Throughput::take(const model::InterfaceTable& table) {
  const double seconds = taken_ns_ == 0 ? 0
                                        : static_cast<double>(table.taken_ns - taken_ns_) /
                                              static_cast<double>(base::kNsPerSecond);
  taken_ns_ = table.taken_ns;
  rows_.clear();
  std::unordered_map<std::string, Counters> now;
  for (const model::Interface& interface : table.interfaces) {
    model::InterfaceRow row{.interface = interface};
    if (const auto past = before_.find(interface.name); past != before_.end()) {
      row.rx_rate = rate(interface.rx_bytes, past->second.rx_bytes, seconds);
      row.tx_rate = rate(interface.tx_bytes, past->second.tx_bytes, seconds);
    }
    now[interface.name] = {interface.rx_bytes, interface.tx_bytes};
    rows_.push_back(std::move(row));
  }
  before_ = std::move(now);
  current_ = {};
  of_.clear();
  for (const model::InterfaceRow* row : chosen()) {
    current_.down += row->rx_rate;
    current_.up += row->tx_rate;
    if (!of_.empty()) of_ += '+';
    of_ += row->interface.name;
  }
}

void Throughput::advance() {
  if (taken_ns_ == 0) return;
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
    return pick([this](const model::Interface& i) { return i.name == wanted_; });
  }
  auto found = pick([](const model::Interface& i) { return i.is_default; });
  if (found.empty()) found = pick([](const model::Interface& i) { return i.up && !i.loopback; });
  if (found.empty()) found = pick([](const model::Interface& i) { return i.loopback; });
  return found;
}

}  // namespace netwatch::pipeline
