#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

// Packets of TDS and what their first bytes say: [MS-TDS] 2.2.3 to 2.2.6.
namespace netwatch::dpi::tds {

inline constexpr std::size_t kHeadBytes = 8;
enum Type : std::uint8_t {
  kSqlBatch = 1,
  kRpc = 3,
  kTabular = 4,
  kAttention = 6,
  kBulk = 7,
  kTransaction = 14,
  kLogin7 = 16,
  kSspi = 17,
  kPreloginType = 18,
};

bool is_type(std::uint8_t type);
// Length of the packet that begins here, its head included; 0 if none does.
std::size_t packet_bytes(base::Bytes bytes);
bool is_prelogin(base::Bytes body);
// `size` is that of the body in the packet's head.
bool is_login(base::Bytes body, std::size_t size);
// "7.4"; empty if it is none that is known.
std::string_view protocol_version(std::uint32_t version);
base::Bytes without_headers(base::Bytes body);
std::string procedure_name(base::Bytes body);

}  // namespace netwatch::dpi::tds
