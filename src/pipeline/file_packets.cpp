#include "pipeline/file_packets.h"

#include <algorithm>
#include <utility>

namespace netwatch::pipeline {

base::TimeNs FilePackets::time_of(const model::Packet& packet) {
  constexpr base::TimeNs kLatestNs = INT64_MAX / 2;
  return std::clamp<base::TimeNs>(packet.time_ns, 1, kLatestNs);
}

// The next batch of the files; false at their end.
bool FilePackets::load() {
  while (batch_ == nullptr) {
    if (source_ == nullptr) {
      if (next_file_ == files_.size()) return false;
      const auto number = static_cast<std::uint32_t>(next_file_);
      auto opened = files_[next_file_++].read(number);
      if (!opened.ok()) {
        errors_.push_back(opened.error());
        continue;
      }
      source_ = *std::move(opened);
    }
    auto batch = source_->next(-1);
    if (!batch.ok()) errors_.push_back(batch.error());
    if (!batch.ok() || *batch == nullptr) {
      bytes_before_ += source_->bytes_read();
      source_.reset();
      numbered_ += std::exchange(in_file_, 0);
      continue;
    }
    batch_ = *std::move(batch);
    in_file_ += batch_->packets.size();
    taken_ = notes_taken_ = 0;
  }
  return true;
}

std::optional<base::TimeNs> FilePackets::next_ns() {
  if (!load()) return std::nullopt;
  // What a file says without a packet belongs to the one before.
  if (taken_ == batch_->packets.size()) return clock_ns_;
  return std::max(clock_ns_, time_of(batch_->packets[taken_]));
}

model::PacketBatchPtr FilePackets::take(base::TimeNs until_ns, std::size_t most) {
  if (!load() || clock_ns_ > until_ns) return nullptr;
  const auto& packets = batch_->packets;
  std::size_t end = taken_;
  while (end < packets.size() && end - taken_ < most && time_of(packets[end]) <= until_ns) {
    clock_ns_ = std::max(clock_ns_, time_of(packets[end]));
    ++end;
  }
  if (end == taken_ && !packets.empty()) return nullptr;
  return part(end - taken_);
}

// A view of the same bytes, unless all of the batch goes on as it is.
model::PacketBatchPtr FilePackets::part(std::size_t count) {
  const std::size_t first = std::exchange(taken_, taken_ + count);
  const bool last = taken_ == batch_->packets.size();
  if (first == 0 && last && numbered_ == 0) return std::exchange(batch_, nullptr);
  auto view = std::make_shared<model::PacketBatch>();
  const auto begin = batch_->packets.begin();
  view->packets.assign(begin + static_cast<std::ptrdiff_t>(first),
                       begin + static_cast<std::ptrdiff_t>(taken_));
  // What stands before a packet goes with it, and the rest with the last one.
  const std::uint64_t until = last ? UINT64_MAX : view->packets.back().number;
  const auto& notes = batch_->notes;
  for (; notes_taken_ < notes.size() && notes[notes_taken_].before <= until; ++notes_taken_) {
    view->notes.push_back(notes[notes_taken_]);
    view->notes.back().before += numbered_;
  }
  for (model::Packet& packet : view->packets) packet.number += numbered_;
  if (last) {
    view->kernel_dropped = batch_->kernel_dropped;
    view->notes_left_out = batch_->notes_left_out;
  }
  view->backing = last ? std::exchange(batch_, nullptr) : batch_;
  return view;
}

std::uint64_t FilePackets::bytes_read() const {
  return bytes_before_ + (source_ == nullptr ? 0 : source_->bytes_read());
}

}  // namespace netwatch::pipeline
