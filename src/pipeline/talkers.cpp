#include "pipeline/talkers.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace netwatch::pipeline {
namespace {

std::uint64_t group_key(std::string_view process, std::string_view host) {
  const std::hash<std::string_view> hash;
  return (hash(process) * 0x9E3779B97F4A7C15ULL) ^ hash(host);
}

std::string_view innermost_app(const model::ConnectionRow& row) {
  std::string_view app;
  for (const std::string_view name : row.apps) {
    if (!name.empty()) app = name;
  }
  return app;
}

}  // namespace

void Talkers::start(bool capturing) {
  ++round_;
  capturing_ = capturing;
  groups_.clear();
  building_.clear();
  building_keys_.clear();
  pids_.clear();
  moved_.clear();
  busiest_.clear();
}

void Talkers::add(const model::ConnectionRow& row, std::uint32_t number, TextPool& pool) {
  const model::RowOwner& owner = row.owners[0];
  std::string_view host = row.name;
  if (host.empty()) host = pool.intern(row.remote.address.to_string());
  const std::uint64_t key = group_key(owner.name, host);
  auto [place, added] = groups_.try_emplace(key, building_.size());
  if (added) {
    if (building_.size() >= kMaxGroups) {
      groups_.erase(place);
      ++refusing_;
      return;
    }
    auto talker = std::make_shared<model::Talker>();
    talker->process = owner.name;
    talker->pid = owner.pid;
    talker->quality = owner.quality;
    talker->host = host;
    talker->host_from = row.name_from;
    building_.push_back(std::move(talker));
    building_keys_.push_back(key);
    pids_.emplace_back();
    moved_.emplace_back();
    busiest_.push_back(-1);
  }
  model::Talker& talker = *building_[place->second];
  if (talker.pid != owner.pid) talker.pid = 0;  // several processes of one program
  talker.quality = std::min(talker.quality, owner.quality);
  talker.connections += 1;
  auto& pids = pids_[place->second];
  if (owner.pid != 0 && (pids.empty() || pids.back() != owner.pid)) pids.push_back(owner.pid);
  moved_[place->second].add(row, capturing_);
  if (row.rtt_us >= 0 && (talker.rtt_us < 0 || row.rtt_us < talker.rtt_us)) {
    talker.rtt_us = row.rtt_us;
  }
  if (row.up_rate + row.down_rate > busiest_[place->second]) {
    const std::string_view app = innermost_app(row);
    if (!app.empty() || talker.app.empty()) talker.app = app;
    busiest_[place->second] = row.up_rate + row.down_rate;
  }
  talker.rows.push_back(number);
}

void Talkers::finish() {
  for (std::size_t i = 0; i < building_.size(); ++i) {
    moved_[i].fill(*building_[i]);
    building_[i]->processes = model::distinct(pids_[i]);
    History& past = history_[building_keys_[i]];
    std::rotate(past.spark.begin(), past.spark.begin() + 1, past.spark.end());
    past.spark.back() = building_[i]->up_rate + building_[i]->down_rate;
    past.round = round_;
    building_[i]->spark = past.spark;
  }
  std::erase_if(history_, [this](const auto& entry) { return entry.second.round != round_; });
  std::sort(building_.begin(), building_.end(), [](const auto& one, const auto& two) {
    const float rate_one = one->up_rate + one->down_rate;
    const float rate_two = two->up_rate + two->down_rate;
    if (rate_one != rate_two) return rate_one > rate_two;
    const std::uint64_t bytes_one = one->up_bytes + one->down_bytes;
    const std::uint64_t bytes_two = two->up_bytes + two->down_bytes;
    if (bytes_one != bytes_two) return bytes_one > bytes_two;
    if (one->host != two->host) return one->host < two->host;
    return one->process < two->process;
  });
  if (building_.size() > kMaxTalkers) {
    refusing_ += building_.size() - kMaxTalkers;
    building_.resize(kMaxTalkers);
  }
  refused_ = std::exchange(refusing_, 0);
  list_.assign(building_.begin(), building_.end());
}

}  // namespace netwatch::pipeline
