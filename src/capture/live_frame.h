#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

// Frames as the kernel hands them over, made into frames of a LINKTYPE_*.
namespace netwatch::capture {

struct LiveFrame {
  base::Bytes data;            // from the link header on, or from the network header if cooked
  std::uint32_t wire_len = 0;  // of what `data` is the front of
  std::uint16_t protocol = 0;  // EtherType
  std::uint32_t ifindex = 0;
  std::uint16_t device_type = 0;  // ARPHRD_*
  std::uint8_t packet_type = 0;   // PACKET_*
  base::Bytes address;            // the sender's link address, at most 8 bytes
  std::uint16_t vlan_tpid = 0;    // 0: the kernel took no VLAN tag out
  std::uint16_t vlan_tci = 0;
};

// Both append to `out` and return the length on the wire, with the tag where there was one.
std::uint32_t append_ethernet(std::vector<std::uint8_t>& out, const LiveFrame& frame);
// LINKTYPE_LINUX_SLL2: keeps ifindex, packet type and VLAN tag of packets of any interface.
std::uint32_t append_cooked(std::vector<std::uint8_t>& out, const LiveFrame& frame);

}  // namespace netwatch::capture
