#pragma once

#include <string>

#include "base/bytes.h"

namespace netwatch::dpi {

// UTF-16, little-endian, up to its first NUL, as UTF-8; at most 1,024 units are read. Half a
// surrogate pair becomes '?'.
std::string utf16_text(base::Bytes bytes);

}  // namespace netwatch::dpi
