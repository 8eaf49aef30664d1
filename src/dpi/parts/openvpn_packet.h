#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

// Packets of OpenVPN's wire protocol, as they lie in a datagram or behind the two length bytes of
// TCP: draft-openvpn-wire-protocol sections 2 and 3; openvpn(8), "Data channel" and "TLS mode".
namespace netwatch::dpi {

enum class OpenvpnOpcode : std::uint8_t {
  kNone = 0,  // no packet has it
  kClientResetV1 = 1,
  kServerResetV1 = 2,
  kSoftReset = 3,
  kControl = 4,
  kAck = 5,
  kDataV1 = 6,
  kClientResetV2 = 7,
  kServerResetV2 = 8,
  kDataV2 = 9,
  kClientResetV3 = 10,
  kControlWithKey = 11,
};

inline constexpr std::size_t kOpenvpnSessionBytes = 8;

// Bytes that --tls-auth puts between session ID and acknowledgements: an HMAC, a packet number and
// the time. The peers agree on its hash out of band, so nothing on the wire tells the size.
inline constexpr std::array<std::uint8_t, 7> kOpenvpnAuthBytes{0,      16 + 8, 20 + 8, 28 + 8,
                                                               32 + 8, 48 + 8, 64 + 8};

struct OpenvpnPacket {
  OpenvpnOpcode opcode = OpenvpnOpcode::kControl;
  base::Bytes session;
  base::Bytes remote_session;  // empty if nothing is acknowledged
  std::uint32_t message = 0;   // number of this message; 0 for kAck
  base::Bytes payload;

  [[nodiscard]] bool from_client() const {
    return opcode == OpenvpnOpcode::kClientResetV1 || opcode == OpenvpnOpcode::kClientResetV2 ||
           opcode == OpenvpnOpcode::kClientResetV3;
  }
  [[nodiscard]] bool is_reset() const {
    return from_client() || opcode == OpenvpnOpcode::kServerResetV1 ||
           opcode == OpenvpnOpcode::kServerResetV2;
  }
};

// 0 if the first byte is no packet's.
std::uint8_t openvpn_opcode(std::uint8_t first_byte);
inline bool is_openvpn_data(std::uint8_t first_byte) {
  const std::uint8_t opcode = openvpn_opcode(first_byte);
  return opcode == static_cast<std::uint8_t>(OpenvpnOpcode::kDataV1) ||
         opcode == static_cast<std::uint8_t>(OpenvpnOpcode::kDataV2);
}

// A packet of the control channel with `auth_bytes` of --tls-auth (0: none) in it. False if it
// cannot be one.
bool read_openvpn_packet(base::Bytes bytes, std::size_t auth_bytes, OpenvpnPacket& packet);

// Finds the size of --tls-auth's part by content: in a reset, which is of a known form, and in the
// first message of a TLS handshake. False if none fits.
bool find_openvpn_auth(base::Bytes bytes, std::size_t& auth_bytes);

// A reset under --tls-crypt or --tls-crypt-v2: all but opcode, session, packet number and time is
// encrypted.
bool is_openvpn_crypt_reset(base::Bytes bytes);

}  // namespace netwatch::dpi
