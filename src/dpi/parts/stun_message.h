#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ip_address.h"

// Messages of STUN and TURN: RFC 8489 sections 5 and 14, RFC 3489 (without a magic cookie), and
// TURN's ChannelData, RFC 8656 section 12.
namespace netwatch::dpi {

inline constexpr std::size_t kStunHeaderBytes = 20;
inline constexpr std::uint32_t kStunCookie = 0x2112A442;

struct StunMessage {
  std::uint16_t method = 0;
  std::uint8_t message_class = 0;  // 0 request, 1 indication, 2 success, 3 error
  bool classic = false;            // of RFC 3489
  base::Bytes transaction;         // 12 bytes; a classic one's 16
  base::Bytes cookie;              // 4 bytes, what addresses are combined with
  base::Bytes attributes;
};

enum class StunLook : std::uint8_t { kNo, kMore, kYes };
// What `bytes` begin with; with kYes the message takes kStunHeaderBytes and its attributes.
// Everything that can be is checked: length, methods, attributes that add up, the fingerprint.
StunLook look_at_stun(base::Bytes bytes, StunMessage& message);

struct StunAttribute {
  std::uint16_t type = 0;
  base::Bytes value;
};
// Takes the next attribute off `rest`. False at the end, or if it does not fit.
bool next_stun_attribute(base::Bytes& rest, StunAttribute& attribute);

struct StunAddress {
  base::IpAddress address;
  std::uint16_t port = 0;
};
// `combined`: XOR-ed with cookie and transaction, RFC 8489 section 14.2.
std::optional<StunAddress> read_stun_address(base::Bytes value, const StunMessage& message,
                                             bool combined);

}  // namespace netwatch::dpi
