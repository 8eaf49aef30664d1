#pragma once

#include <string>
#include <string_view>

// Bytes written as hexadecimal, for tests; blanks are ignored.
namespace netwatch::dpi {

inline std::string from_hex(std::string_view digits) {
  std::string out;
  int high = -1;
  for (char c : digits) {
    if (c == ' ' || c == '\n') continue;
    const int value = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = value;
    } else {
      out += static_cast<char>(high * 16 + value);
      high = -1;
    }
  }
  return out;
}

}  // namespace netwatch::dpi
