#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/ip_address.h"

// What the messages between hosts and routers share: ICMP, NDP, IGMP, MLD.
namespace netwatch::dpi {

// The beginning of the packet that an ICMP error quotes: RFC 792; RFC 4443 section 2.4 (c).
struct QuotedPacket {
  base::IpAddress source, destination;
  std::uint8_t proto = 0;
  bool has_ports = false;
  std::uint16_t source_port = 0, destination_port = 0;
};
// False if there is no whole IP header of `version` (4 or 6) in it.
bool read_quoted_packet(base::Bytes bytes, unsigned version, QuotedPacket& packet);

// The next 4 or 16 bytes as an address; "::" and a failed cursor if there are fewer.
base::IpAddress next_v4(base::Cursor& in);
base::IpAddress next_v6(base::Cursor& in);

}  // namespace netwatch::dpi
