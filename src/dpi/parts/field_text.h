#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

// Values of fields as people write them.
namespace netwatch::dpi {

// "02:00:00:00:00:01"; at most 32 bytes of it.
std::string mac_text(base::Bytes bytes);
// Lower-case hexadecimal digits without blanks; at most 64 bytes of it.
std::string hex_text(base::Bytes bytes);
// "0x1f" with at least `digits` digits.
std::string hex_number(std::uint64_t value, int digits);
// Up to the first NUL, without blanks and NULs at the end.
std::string_view until_nul(base::Bytes bytes);
// Whether all of it is UTF-8 text or Latin-1 without control characters but blanks and line ends.
bool is_text(base::Bytes bytes);

}  // namespace netwatch::dpi
