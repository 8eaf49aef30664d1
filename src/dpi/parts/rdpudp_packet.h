#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"

// Datagrams of RDP over UDP: [MS-RDPEUDP] 2.2.2 for versions 1 and 2, [MS-RDPEUDP2] 2.2.1 for what
// follows the handshake in version 3.
namespace netwatch::dpi {

inline constexpr std::uint16_t kRdpudpVersion3 = 0x0101;

struct RdpudpSyn {
  bool ack = false;    // the server's answer
  bool lossy = false;  // what follows is DTLS in datagrams, else TLS in a stream
  std::uint32_t first_number = 0;
  std::uint16_t up_mtu = 0;
  std::uint16_t down_mtu = 0;
  std::uint16_t version = 0;   // 0: not told
  base::Bytes correlation_id;  // empty: none
};

// A numbered piece of what is carried.
struct RdpudpData {
  std::uint32_t number = 0;
  base::Bytes payload;  // empty: this datagram carries none
};

// False if it is none. Reserved flags, sizes outside the specified range and data make it none.
bool read_rdpudp_syn(base::Bytes datagram, RdpudpSyn& syn);
// Versions 1 and 2. False if the datagram is too short for what its flags announce.
bool read_rdpudp_data(base::Bytes datagram, RdpudpData& data);
// Version 3; numbers have 16 bits. The first byte was exchanged with the eighth, which may be
// payload ([MS-RDPEUDP2] 3.1.1.1.5): the datagram is put right in `room`, where `data` points to.
bool read_rdpudp2_data(base::Bytes datagram, std::span<std::uint8_t> room, RdpudpData& data);

}  // namespace netwatch::dpi
