#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/time.h"
#include "model/flow.h"

namespace netwatch::model {

// What flow hands to dpi: in-order bytes of one side of a flow, a datagram, or a gap. A view.
struct StreamChunk {
  Side side = Side::kOriginator;
  base::TimeNs time_ns = 0;     // of the packet that delivered it
  std::uint64_t packet = 0;     // number of that packet
  base::Bytes bytes;            // empty for a gap
  std::uint64_t gap_bytes = 0;  // > 0: so many bytes were never seen here
  bool datagram = false;        // UDP: a whole message, never joined with its neighbours
  bool cut = false;             // bytes end early (snaplen); the rest was on the wire
};

}  // namespace netwatch::model
