#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/packet_filter.h"
#include "capture/source.h"

// open_live() in its steps, of which only the second needs rights: another process may take it.
namespace netwatch::capture {

struct LiveSocketRequest {
  std::string interface;  // or "any"
  bool cooked = true;     // the kernel's link header in place of the interface's own
  bool promiscuous = false;
  std::size_t ring_bytes = 0;
  std::vector<FilterInstruction> filter;
};
struct LivePlan {
  LiveSocketRequest socket;
  PacketFilter filter;
};
// Looks the interface up and compiles the filter.
base::Result<LivePlan> plan_live(const LiveOptions& options);
// The same for who cannot look it up: of the two kinds open_live_socket() takes one.
base::Result<LivePlan> plan_live(const LiveOptions& options, bool cooked);

// A socket that captures into a ring which is not mapped yet.
struct LiveSocket {
  int fd = -1;  // belongs to who gets it
  std::uint32_t ifindex = 0;
};
// Needs CAP_NET_RAW. kInvalid: the interface has another kind of link header.
base::Result<LiveSocket> open_live_socket(const LiveSocketRequest& request);

// Maps the ring; takes over the descriptor.
base::Result<std::unique_ptr<PacketSource>> adopt_live_socket(const LiveSocket& socket,
                                                              const LivePlan& plan);

}  // namespace netwatch::capture
