#include "pipeline/file_play.h"

#include <algorithm>
#include <utility>

namespace netwatch::pipeline {
namespace {

LiveTableOptions table_options(std::string source) {
  LiveTableOptions table;
  table.source = std::move(source);
  table.capturing = true;  // what is counted are frames
  // Who opens a file sees all that is in it: nothing goes because it has ended.
  table.keep_ended_ns = INT64_MAX;
  return table;
}

}  // namespace

FilePlay::FilePlay(std::vector<capture::OpenedFile>& files, std::string source,
                   base::TimeNs first_ns)
    : packets_(files),
      table_(table_options(std::move(source))),
      engine_({}, table_),
      first_ns_(first_ns),
      position_ns_(first_ns),
      second_ns_(first_ns + base::kNsPerSecond),
      counted_ns_(first_ns),
      counted_from_ns_(first_ns),
      full_from_ns_(first_ns) {
  table_.set_names(&engine_.names());
  (void)table_.publish(first_ns, first_ns, {});  // its first second begins here
}

// The end of a whole second that is so many before the last one up to `target_ns`; at the
// earliest the first packet.
base::TimeNs FilePlay::seconds_before(base::TimeNs target_ns, std::int64_t seconds) const {
  const std::int64_t whole = (target_ns - first_ns_) / base::kNsPerSecond;
  return first_ns_ + std::max<std::int64_t>(0, whole - seconds) * base::kNsPerSecond;
}

bool FilePlay::can_run_to(base::TimeNs target_ns) const {
  // Unless it was stopped on its way over seconds of which only the sum counts.
  const bool counted = position_ns_ < second_ns_;
  const auto looked_at = [&](base::TimeNs since_ns, std::int64_t seconds) {
    const base::TimeNs from_ns = seconds_before(target_ns, seconds);
    return position_ns_ < from_ns || (counted && since_ns <= from_ns);
  };
  return target_ns >= position_ns_ && looked_at(counted_from_ns_, kSeconds) &&
         looked_at(full_from_ns_, kFullSeconds);
}

bool FilePlay::run_to(base::TimeNs target_ns, const std::function<bool()>& go_on) {
  if (!end_seconds(target_ns, go_on) || !take_until(target_ns, go_on)) return false;
  position_ns_ = std::max(position_ns_, target_ns);
  end_last_second();
  return true;
}

bool FilePlay::step(const std::function<bool()>& go_on) {
  const auto next_ns = packets_.next_ns();
  if (!next_ns || !end_seconds(*next_ns, go_on)) return false;
  position_ns_ = std::max(position_ns_, *next_ns);
  // Before it there may be what the file says without a packet.
  while (auto batch = packets_.take(position_ns_, 1)) {
    const bool packet = !batch->packets.empty();
    engine_.push(std::move(batch));
    if (packet) break;
  }
  end_last_second();
  return true;
}

// Nothing comes any more: what is in the last second counts as if it had ended. A file may be
// shorter than one.
void FilePlay::end_last_second() {
  if (ended_ || packets_.next_ns()) return;
  ended_ = true;
  end_second(true);
}

// Ends every second up to `target_ns` that is shown then; of those before only their sum counts.
bool FilePlay::end_seconds(base::TimeNs target_ns, const std::function<bool()>& go_on) {
  const base::TimeNs from_ns = seconds_before(target_ns, kSeconds);
  const base::TimeNs full_ns = seconds_before(target_ns, kFullSeconds);
  while (second_ns_ <= target_ns) {
    const base::TimeNs next_ns = std::max(second_ns_, from_ns);
    if (!take_until(next_ns - 1, go_on)) return false;
    second_ns_ = next_ns;
    end_second(second_ns_ >= full_ns);
    position_ns_ = std::max(position_ns_, counted_ns_);
  }
  return true;
}

bool FilePlay::take_until(base::TimeNs until_ns, const std::function<bool()>& go_on) {
  while (auto batch = packets_.take(until_ns)) {
    position_ns_ = std::max(position_ns_, packets_.clock_ns());
    engine_.push(std::move(batch));
    if (!go_on()) return false;
  }
  return true;
}

void FilePlay::end_second(bool full) {
  engine_.heartbeat(second_ns_, true);
  const bool whole = second_ns_ - counted_ns_ == base::kNsPerSecond;
  if (!whole) counted_from_ns_ = second_ns_;
  if (full) {
    // Rates of rows are taken since the last one that was in full.
    (void)table_.publish(second_ns_, second_ns_, engine_.totals());
  }
  if (!full || !whole) full_from_ns_ = second_ns_;
  const double seconds =
      static_cast<double>(second_ns_ - counted_ns_) / static_cast<double>(base::kNsPerSecond);
  const auto rate = [seconds](std::int64_t now, std::int64_t& before) {
    const auto moved = static_cast<double>(now - std::exchange(before, now));
    return static_cast<float>(std::max(0.0, moved / seconds));
  };
  const float up = rate(table_.moved()[0], moved_up_);
  const float down = rate(table_.moved()[1], moved_down_);
  if (throughput_.size() == model::Snapshot::kThroughputSamples) {
    throughput_.erase(throughput_.begin());
  }
  throughput_.push_back({.up = up, .down = down});
  counted_ns_ = second_ns_;
  second_ns_ += base::kNsPerSecond;
}

model::Snapshot FilePlay::look() {
  engine_.heartbeat(position_ns_, true);
  model::Snapshot snapshot = *table_.publish(position_ns_, position_ns_, engine_.totals());
  snapshot.throughput = throughput_;
  snapshot.throughput_of = "all connections";
  return snapshot;
}

}  // namespace netwatch::pipeline
