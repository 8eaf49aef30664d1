#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"

// The layout of snoop files (RFC 1761).
namespace netwatch::wire::snoop {

inline constexpr std::string_view kMagic{"snoop\0\0\0", 8};
inline constexpr std::size_t kFileHeaderBytes = 16;
inline constexpr std::size_t kRecordHeaderBytes = 24;
inline constexpr std::uint32_t kVersion = 2;

// The LINKTYPE_* of a snoop datalink type, or nothing for those without one.
std::optional<std::uint16_t> linktype_of(std::uint32_t datalink);

struct RecordHeader {
  base::TimeNs time_ns = 0;
  std::uint32_t captured_len = 0;  // untrusted, as record_len
  std::uint32_t wire_len = 0;
  std::uint32_t record_len = 0;  // header, packet and padding
  std::uint32_t cumulative_drops = 0;
};
RecordHeader parse_record_header(const std::uint8_t* at);

}  // namespace netwatch::wire::snoop
