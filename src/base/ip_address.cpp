#include "base/ip_address.h"

#include <arpa/inet.h>
#include <algorithm>

namespace netwatch::base {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kLongestText = 46;  // INET6_ADDRSTRLEN

}  // namespace

IpAddress IpAddress::v4(const std::uint8_t* four_bytes) {
  IpAddress a;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), a.bytes_.begin());
  std::copy_n(four_bytes, 4, a.bytes_.begin() + 12);
  return a;
}

IpAddress IpAddress::v6(const std::uint8_t* sixteen_bytes) {
  IpAddress a;
  std::copy_n(sixteen_bytes, 16, a.bytes_.begin());
  return a;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() >= kLongestText) return std::nullopt;
  const std::string terminated(text);
  std::array<std::uint8_t, 16> raw{};
  if (inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1) return v4(raw.data());
  if (inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return v6(raw.data());
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

bool IpAddress::is_unspecified() const {
  const Bytes own = family_bytes();
  return std::all_of(own.begin(), own.end(), [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
         bytes_[15] == 1;
}

bool IpAddress::is_multicast() const {
  if (!is_v4()) return bytes_[0] == 0xff;
  return (bytes_[12] & 0xf0) == 0xe0 ||
         std::all_of(bytes_.begin() + 12, bytes_.end(), [](std::uint8_t b) { return b == 0xff; });
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes_[12] == 169 && bytes_[13] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_private() const {
  if (!is_v4()) return (bytes_[0] & 0xfe) == 0xfc;
  return bytes_[12] == 10 || (bytes_[12] == 172 && (bytes_[13] & 0xf0) == 16) ||
         (bytes_[12] == 192 && bytes_[13] == 168) ||
         (bytes_[12] == 100 && (bytes_[13] & 0xc0) == 64);
}

bool IpAddress::in_prefix(const IpAddress& network, unsigned prefix_bits) const {
  if (is_v4() != network.is_v4()) return false;
  const Bytes mine = family_bytes();
  const Bytes theirs = network.family_bytes();
  const std::size_t bits = std::min<std::size_t>(prefix_bits, mine.size() * 8);
  const std::size_t whole = bits / 8;
  if (!std::equal(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(whole), theirs.begin()))
    return false;
  const unsigned left = bits % 8;
  return left == 0 || ((mine[whole] ^ theirs[whole]) >> (8 - left)) == 0;
}

Bytes IpAddress::family_bytes() const {
  return is_v4() ? Bytes(bytes_).subspan(12) : Bytes(bytes_);
}

void IpAddress::append_to(std::string& out) const {
  std::array<char, kLongestText> text{};
  const Bytes own = family_bytes();
  inet_ntop(is_v4() ? AF_INET : AF_INET6, own.data(), text.data(), text.size());
  out += text.data();
}

std::string IpAddress::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

}  // namespace netwatch::base
