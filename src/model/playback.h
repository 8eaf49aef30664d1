#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"

namespace netwatch::model {

// Where a view of capture files is in their time. Times are those of packets.
struct Playback {
  enum class Phase : std::uint8_t {
    kMeasuring,  // how long the files are is being found out: nothing else is known yet
    kSeeking,    // the snapshot is the one before; the new one is being made
    kPaused,
    kPlaying,
    kAtEnd,
  };
  Phase phase = Phase::kMeasuring;
  base::TimeNs position_ns = 0;  // of the snapshot
  base::TimeNs wanted_ns = 0;    // kSeeking: of the one to come
  base::TimeNs first_ns = 0;     // of the first packet
  base::TimeNs last_ns = 0;
  std::uint64_t packets = 0;  // of all files
  std::uint64_t done = 0;     // kMeasuring, kSeeking: bytes of `total` that were read for it
  std::uint64_t total = 0;    // 0: unknown
  std::uint32_t speed = 1;    // times as fast as it happened; 0: as fast as it can be read
  // Bytes on the wire in parts of the time that are equally long, from the first packet on.
  std::shared_ptr<const std::vector<float>> load;
  base::TimeNs load_part_ns = 0;
  std::string problem;  // where a file is broken; what came before it is there. Empty: nowhere
};

struct PlaybackCommand {
  enum class Kind : std::uint8_t {
    kPlayOrPause,  // at the end: from the first packet on
    kFaster,
    kSlower,
    kNextPacket,
    kNextSecond,      // to the next whole second since the first packet
    kPreviousSecond,  // likewise
    kSeekBy,          // `ns` from where it is, or will be
    kSeekTo,          // packet time `ns`
  };
  Kind kind = Kind::kPlayOrPause;
  base::TimeNs ns = 0;
};

}  // namespace netwatch::model
