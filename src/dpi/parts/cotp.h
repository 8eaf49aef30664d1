#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

// TPKT (RFC 1006 section 6) and what it carries of the ISO transport protocol, class 0: ITU-T X.224
// section 13, ISO 8073. RDP and S7 speak over it.
namespace netwatch::dpi::cotp {

inline constexpr std::size_t kTpktBytes = 4;
inline constexpr std::size_t kConnectBytes = 11;      // TPKT and the fixed part of a CR or CC TPDU
inline constexpr std::size_t kMaxConnectBytes = 260;  // its length is one byte
inline constexpr std::size_t kDataHeadBytes = 7;      // TPKT and the head of a DT TPDU
inline constexpr std::uint8_t kRequestCode = 0xE0;
inline constexpr std::uint8_t kConfirmCode = 0xD0;
inline constexpr std::uint8_t kDisconnectCode = 0x80;
inline constexpr std::uint8_t kDataCode = 0xF0;

// A connection request or confirm, with its variable part.
struct Connect {
  std::uint8_t code = 0;
  std::size_t bytes = 0;  // with TPKT
  base::Bytes variable;   // as much as is here
};
bool read_connect(base::Bytes bytes, Connect& connect);

// Length of the packet that begins here, its head included; 0 if none does.
std::size_t packet_bytes(base::Bytes bytes);
// What a DT TPDU carries that ends its message, as much as is here; empty if it is none.
base::Bytes data_of(base::Bytes bytes);
// 13.3.4: the value of a parameter in a variable part; empty if it is not there.
base::Bytes parameter(base::Bytes variable, std::uint8_t code);
inline constexpr std::uint8_t kCallingTsap = 0xC1;
inline constexpr std::uint8_t kCalledTsap = 0xC2;

}  // namespace netwatch::dpi::cotp
