#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "tui/view_state.h"

namespace netwatch::tui {

// Remembers which rows of a chunk a filter accepts. Chunks are immutable and shared by successive
// snapshots, so a row is judged once, not four times a second.
class RowVerdicts {
 public:
  // Judges the chunks of `snapshot` that are new, and forgets those that are gone.
  void update(const model::Snapshot& snapshot, const FilterState& filter);
  // Of a row of the snapshot judged last, and only where a filter is in force.
  [[nodiscard]] bool accepted(const model::Snapshot& snapshot, std::uint32_t row) const;

 private:
  struct Judged {
    std::shared_ptr<const model::RowChunk> chunk;
    std::vector<bool> accepted;
  };
  std::uint64_t version_ = 0;
  std::unordered_map<const model::RowChunk*, Judged> judged_;
};

// A talker as it is shown: of its accepted connections only.
struct ShownTalker {
  const model::Talker* talker = nullptr;
  std::vector<std::uint32_t> rows;  // accepted ones; empty with `whole`
  bool whole = true;                // all of its connections are accepted
  std::uint32_t connections = 0;
  std::uint32_t pid = 0;  // 0: several
  std::uint32_t processes = 0;
  model::Measure bytes_in = model::Measure::kUnknown;
  model::Measure rates_in = model::Measure::kUnknown;
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  float up_rate = 0;
  float down_rate = 0;
  std::int32_t rtt_us = -1;
  float last_30s = 0;  // bytes; from the spark, or the rates where only a part is accepted

  [[nodiscard]] const std::vector<std::uint32_t>& row_numbers() const {
    return whole ? talker->rows : rows;
  }
};

struct Line {
  static constexpr std::uint32_t kTalker = 0xFFFFFFFF;
  std::uint32_t talker = 0;     // into LineList::talkers
  std::uint32_t row = kTalker;  // a connection's row number
  bool last = false;            // of its talker's connections

  [[nodiscard]] bool is_talker() const { return row == kTalker; }
};

// `verdicts` are of this snapshot and of the filter in force: those with an accepted connection.
std::vector<ShownTalker> shown_talkers(const model::Snapshot& snapshot, const FilterState& filter,
                                       const RowVerdicts& verdicts);
// Their places, sorted.
std::vector<std::uint32_t> talker_order(std::span<const ShownTalker> talkers, Column by,
                                        bool descending);
// The connections of an unfolded talker: busiest first, then newest.
std::vector<std::uint32_t> sorted_rows(const model::Snapshot& snapshot, const ShownTalker& shown);

// The table's content, filtered, sorted and unfolded.
struct LineList {
  std::vector<ShownTalker> talkers;
  std::vector<Line> lines;
  std::size_t all_talkers = 0;
};

LineList make_lines(const model::Snapshot& snapshot, const ViewState& view,
                    const RowVerdicts& verdicts);
LineKey key_of(const model::Snapshot& snapshot, const LineList& list, const Line& line);

// Finds the selected row again after the lines have changed, and scrolls so that it is seen.
void settle_selection(const model::Snapshot& snapshot, const LineList& list, int visible_rows,
                      ViewState& view);

// Total bytes of a connection: on the wire where packets were seen, else the kernel's payload.
struct RowBytes {
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  model::Measure in = model::Measure::kUnknown;
};
RowBytes bytes_of(const model::ConnectionRow& row);

// One figure can be said: there are some, and all of them in the same measure.
inline bool is_known(model::Measure measure) {
  return measure == model::Measure::kWire || measure == model::Measure::kPayload;
}
std::string_view measure_name(model::Measure measure);  // "on wire", "payload"

}  // namespace netwatch::tui
