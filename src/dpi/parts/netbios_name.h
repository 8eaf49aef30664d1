#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/cursor.h"

namespace netwatch::dpi {

// A NetBIOS name in the first-level encoding of RFC 1001 section 14.1: 15 characters and a suffix
// that says what the name is for.
struct NetbiosName {
  std::string name;   // without the blanks or NULs that fill it; "*" as it is
  std::string scope;  // the domain that follows it; mostly empty
  std::uint8_t suffix = 0;
};
// Reads one name where the cursor is. False if there is none; `pointer_ok`: two bytes that point
// to the name in front, as RFC 1002's answers have them, leave `name` as it is.
bool read_netbios_name(base::Cursor& in, NetbiosName& name, bool pointer_ok = false);
// What the 16 plain bytes of a name say.
NetbiosName plain_netbios_name(base::Bytes bytes);
// "workstation", "file_server", ...; the number if it is not well known.
std::string netbios_suffix_name(std::uint8_t suffix);

}  // namespace netwatch::dpi
