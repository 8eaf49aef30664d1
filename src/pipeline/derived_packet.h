#pragma once

#include <cstdint>
#include <vector>

#include "flow/fragments.h"
#include "model/packet.h"
#include "wire/decode.h"

namespace netwatch::pipeline {

// A packet that is none of its batch's as it stands: it was put together from fragments.
struct DerivedPacket {
  std::uint32_t index = 0;  // of the packet that it goes before; the batch's size: after all
  bool completed = false;   // that packet is its last part
  model::Packet packet;     // number, time, interface, bytes on the wire; no bytes
  flow::PacketTally tally;  // of its parts
  wire::Decoded decoded;
  std::vector<std::uint32_t> numbers;  // of its parts (the first 64), from tally.first_packet
  std::vector<std::uint8_t> bytes;     // what `decoded` shows
};

}  // namespace netwatch::pipeline
