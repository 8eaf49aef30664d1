#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "model/flow.h"

namespace netwatch::dpi {

// Sums of what the sources of one flow export (NetFlow, sFlow): reported when a source begins, each
// minute, and at the end. Numbers that are left out of the sequence are lost; one that is lower
// than expected is late or a new beginning, and nothing is concluded from it.
class ExportSums {
 public:
  static constexpr std::size_t kMost = 8;  // sources of a flow; further ones are not told apart
  static constexpr base::TimeNs kEvery = 60 * base::kNsPerSecond;

  struct Source {
    base::TimeNs reported_ns = 0;
    std::uint64_t id = 0;
    std::uint64_t messages = 0;  // since the last report, as all that follows
    std::uint64_t records = 0;
    std::uint64_t templates = 0;
    std::uint64_t lost = 0;
    std::uint32_t sequence = 0;  // of the last message
    std::uint32_t next = 0;
    std::uint32_t sampling = 0;  // one packet of so many, if the source says so
    std::uint8_t version = 0;
    model::Side side = model::Side::kOriginator;
    bool used = false;
    bool numbered = false;  // `next` is known
    bool begun = false;     // it was reported once
  };

  // The source that `id` names; a new one has reported nothing yet.
  Source& source(std::uint64_t id, std::uint8_t version, model::Side side) {
    for (Source& source : sources_) {
      if (source.used && source.id == id && source.version == version) return source;
      if (source.used) continue;
      source = {.id = id, .version = version, .side = side, .used = true};
      return source;
    }
    return sources_.back();
  }

  // One message: true if it is time for a report.
  static bool add(Source& source, std::uint32_t sequence, std::uint32_t next, base::TimeNs now_ns) {
    constexpr std::uint32_t kMostLost = 1U << 20;
    const std::uint32_t missing = sequence - source.next;
    if (source.numbered && missing < kMostLost) source.lost += missing;
    source.sequence = sequence;
    source.next = next;
    source.numbered = true;
    ++source.messages;
    return !source.begun || now_ns - source.reported_ns >= kEvery;
  }
  static void reported(Source& source, base::TimeNs now_ns) {
    source.reported_ns = now_ns;
    source.begun = true;
    source.messages = source.records = source.templates = source.lost = 0;
  }

  // Calls visit(source) for those that have something to report.
  template <typename Visit>
  void for_each_rest(Visit visit) const {
    for (const Source& source : sources_) {
      if (source.used && source.messages > 0) visit(source);
    }
  }

 private:
  std::array<Source, kMost> sources_{};
};

}  // namespace netwatch::dpi
