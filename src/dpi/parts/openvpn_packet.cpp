#include "dpi/parts/openvpn_packet.h"

#include <algorithm>

#include "base/cursor.h"

namespace netwatch::dpi {
namespace {

constexpr std::size_t kMaxAcks = 8;
constexpr std::size_t kReplayBytes = 8;          // packet number and time
constexpr std::uint32_t kHighestNumber = 65535;  // of a message that a decision is built on

bool is_zero(base::Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

// Time in seconds since 1970, as --tls-auth and --tls-crypt send it: from 2002 to 2100.
bool plausible_time(std::uint32_t seconds) { return seconds >= 0x3C000000 && seconds < 0xF5000000; }

// Early negotiation marks packet numbers in their upper bits; a connection begins at 1.
bool plausible_first_number(std::uint32_t number) {
  return (number & 0xFFFF) >= 1 && (number & 0xFFFF) <= 255;
}

bool plausible_replay(base::Bytes number_and_time) {
  base::Cursor cursor(number_and_time);
  const std::uint32_t number = cursor.u32();
  return cursor.ok() && plausible_first_number(number) && plausible_time(cursor.u32());
}

bool begins_tls(base::Bytes payload) {
  return payload.size() >= 3 && payload[0] >= 20 && payload[0] <= 23 && payload[1] == 3 &&
         payload[2] <= 4;
}

bool fits(base::Bytes bytes, std::size_t auth_bytes) {
  OpenvpnPacket packet;
  if (!read_openvpn_packet(bytes, auth_bytes, packet)) return false;
  if (packet.message > kHighestNumber || is_zero(packet.session)) return false;
  if (auth_bytes > 0) {
    const std::size_t replay_at = 1 + kOpenvpnSessionBytes + auth_bytes - kReplayBytes;
    if (!plausible_replay(bytes.subspan(replay_at, kReplayBytes))) return false;
  }
  if (packet.is_reset()) return packet.message == 0;
  return packet.opcode == OpenvpnOpcode::kControl && begins_tls(packet.payload);
}

}  // namespace

std::uint8_t openvpn_opcode(std::uint8_t first_byte) {
  const auto opcode = static_cast<std::uint8_t>(first_byte >> 3);
  return opcode <= static_cast<std::uint8_t>(OpenvpnOpcode::kControlWithKey) ? opcode
                                                                             : std::uint8_t{0};
}

bool read_openvpn_packet(base::Bytes bytes, std::size_t auth_bytes, OpenvpnPacket& packet) {
  base::Cursor cursor(bytes);
  const std::uint8_t opcode = openvpn_opcode(cursor.u8());
  packet.opcode = static_cast<OpenvpnOpcode>(opcode);
  packet.session = cursor.take(kOpenvpnSessionBytes);
  cursor.skip(auth_bytes);
  const std::size_t acks = cursor.u8();
  cursor.skip(4 * acks);
  packet.remote_session = acks > 0 ? cursor.take(kOpenvpnSessionBytes) : base::Bytes{};
  const bool is_ack = packet.opcode == OpenvpnOpcode::kAck;
  packet.message = is_ack ? 0 : cursor.u32();
  packet.payload = cursor.rest();
  if (!cursor.ok() || opcode == 0 || acks > kMaxAcks || (is_ack && acks == 0)) return false;
  if (is_openvpn_data(bytes[0])) return false;
  return packet.opcode == OpenvpnOpcode::kControl || packet.payload.empty();
}

bool find_openvpn_auth(base::Bytes bytes, std::size_t& auth_bytes) {
  const auto* const found = std::ranges::find_if(
      kOpenvpnAuthBytes, [&](std::size_t candidate) { return fits(bytes, candidate); });
  if (found == kOpenvpnAuthBytes.end()) return false;
  auth_bytes = *found;
  return true;
}

bool is_openvpn_crypt_reset(base::Bytes bytes) {
  constexpr std::size_t kTagBytes = 32;
  constexpr std::size_t kHeader = 1 + kOpenvpnSessionBytes + kReplayBytes + kTagBytes;
  constexpr std::size_t kPlain = 5;                       // no acknowledgement, message 0
  constexpr std::size_t kPlainServer = kPlain + 12;       // acknowledges the client's
  constexpr std::size_t kNegotiation = 6;                 // 2.6: what the server can do early
  constexpr std::size_t kShortestWrapped = 32 + 256 + 2;  // --tls-crypt-v2: tag, key, length
  if (bytes.size() < kHeader + kPlain || is_zero(bytes.subspan(1, kOpenvpnSessionBytes))) {
    return false;
  }
  if (!plausible_replay(bytes.subspan(1 + kOpenvpnSessionBytes, kReplayBytes))) return false;
  switch (static_cast<OpenvpnOpcode>(openvpn_opcode(bytes[0]))) {
    case OpenvpnOpcode::kClientResetV2:
      return bytes.size() == kHeader + kPlain;
    case OpenvpnOpcode::kServerResetV2:
      return bytes.size() == kHeader + kPlain || bytes.size() == kHeader + kPlainServer ||
             bytes.size() == kHeader + kPlainServer + kNegotiation;
    case OpenvpnOpcode::kClientResetV3: {
      base::Cursor length(bytes.last(2));
      const std::size_t wrapped = length.u16();
      return wrapped >= kShortestWrapped && bytes.size() == kHeader + kPlain + wrapped;
    }
    default:
      return false;
  }
}

}  // namespace netwatch::dpi
