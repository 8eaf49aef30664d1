#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/snapshot.h"
#include "pipeline/engine.h"
#include "pipeline/file_packets.h"
#include "pipeline/live_table.h"

namespace netwatch::pipeline {

// One way through capture files, from their first packet on: an engine and the table of what it has
// seen up to a time. It only goes forward. What a table shows of a time does not depend on the
// steps in which it was reached: seconds end at whole ones since the first packet.
class FilePlay {
 public:
  // The files begin at `first_ns`.
  FilePlay(std::vector<capture::OpenedFile>& files, std::string source, base::TimeNs first_ns);
  FilePlay(const FilePlay&) = delete;
  FilePlay& operator=(const FilePlay&) = delete;

  // Whether run_to() of that time shows what a new one would: it is not in the past, and if this
  // one was on its way to a later time, all of the last seconds before it were looked at.
  [[nodiscard]] bool can_run_to(base::TimeNs target_ns) const;
  // Takes all packets up to that time. `go_on` is asked now and then; false from it ends this
  // early, and is what is returned.
  bool run_to(base::TimeNs target_ns, const std::function<bool()>& go_on);
  // Takes one packet more; false at the end.
  bool step(const std::function<bool()>& go_on);

  // The time up to which packets were taken.
  [[nodiscard]] base::TimeNs position_ns() const { return position_ns_; }
  [[nodiscard]] std::optional<base::TimeNs> next_ns() { return packets_.next_ns(); }
  [[nodiscard]] std::uint64_t bytes_read() const { return packets_.bytes_read(); }
  // What there is to see at this position.
  model::Snapshot look();

 private:
  // So many whole seconds before a target are looked at: rates of all its rows are of the last
  // one, and sparks and the throughput of so many.
  static constexpr std::int64_t kFullSeconds = model::kSparkSamples + 1;
  static constexpr std::int64_t kSeconds = model::Snapshot::kThroughputSamples + 1;

  [[nodiscard]] base::TimeNs seconds_before(base::TimeNs target_ns, std::int64_t seconds) const;
  bool end_seconds(base::TimeNs target_ns, const std::function<bool()>& go_on);
  bool take_until(base::TimeNs until_ns, const std::function<bool()>& go_on);
  void end_second(bool full);
  void end_last_second();

  FilePackets packets_;
  LiveTable table_;
  Engine engine_;
  base::TimeNs first_ns_;
  base::TimeNs position_ns_;
  base::TimeNs second_ns_;        // when the second at hand ends
  base::TimeNs counted_ns_;       // when the one before it ended
  base::TimeNs counted_from_ns_;  // since when all were counted, one after the other
  base::TimeNs full_from_ns_;     // and since when all in full
  bool ended_ = false;            // the last second, at the end of the files
  std::int64_t moved_up_ = 0;     // by counted_ns_
  std::int64_t moved_down_ = 0;
  std::vector<model::RatePoint> throughput_;
};

}  // namespace netwatch::pipeline
