#include "dpi/parts/field_text.h"

#include <algorithm>

namespace netwatch::dpi {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

void append_hex(std::string& out, std::uint8_t byte) {
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

std::string mac_text(base::Bytes bytes) {
  constexpr std::size_t kMost = 32;
  std::string out;
  for (std::uint8_t byte : bytes.first(std::min(bytes.size(), kMost))) {
    if (!out.empty()) out += ':';
    append_hex(out, byte);
  }
  return out;
}

std::string hex_text(base::Bytes bytes) {
  constexpr std::size_t kMost = 64;
  std::string out;
  for (std::uint8_t byte : bytes.first(std::min(bytes.size(), kMost))) append_hex(out, byte);
  return out;
}

std::string hex_number(std::uint64_t value, int digits) {
  std::string out = "0x";
  int shift = 60;
  while (shift > 0 && (value >> shift) == 0 && shift / 4 >= digits) shift -= 4;
  for (; shift >= 0; shift -= 4) out += kDigits[(value >> shift) & 15];
  return out;
}

std::string_view until_nul(base::Bytes bytes) {
  std::string_view text = base::as_text(bytes);
  text = text.substr(0, text.find('\0'));
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

bool is_text(base::Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) {
    return byte >= 0x20 ? byte != 0x7F : byte == '\t' || byte == '\n' || byte == '\r';
  });
}

}  // namespace netwatch::dpi
