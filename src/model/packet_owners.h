#pragma once

#include <cstdint>

#include "model/flow.h"
#include "model/owner.h"

namespace netwatch::model {

// Which flow a packet is part of, told once the packet has been worked on.
struct PacketFlow {
  std::uint64_t number = 0;  // the packet's
  FlowId flow = kNoFlow;     // kNoFlow: a fragment, whose flow is known when the rest has come
  bool from_lower = false;   // sent by the lower one of the flow's ends (FlowKey::a)
};

// Who sent a packet and whom it is for, as far as that is known: null otherwise, and for the end
// that is on another host.
struct PacketOwners {
  const Owner* sender = nullptr;
  const Owner* receiver = nullptr;
};

}  // namespace netwatch::model
