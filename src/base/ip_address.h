#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace netwatch::base {

// An IPv4 or IPv6 address in network order. IPv4 is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2),
// so one IPv4-mapped address and its IPv4 form are the same key. Default: "::".
class IpAddress {
 public:
  constexpr IpAddress() = default;
  static IpAddress v4(const std::uint8_t* four_bytes) {
    IpAddress address;
    address.bytes_[10] = address.bytes_[11] = 0xff;
    std::memcpy(address.bytes_.data() + 12, four_bytes, 4);
    return address;
  }
  static IpAddress v6(const std::uint8_t* sixteen_bytes) {
    IpAddress address;
    std::memcpy(address.bytes_.data(), sixteen_bytes, address.bytes_.size());
    return address;
  }
  // Dotted quad or RFC 4291 text, without scope id or prefix; nothing if it is neither.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;  // and IPv4 limited broadcast
  [[nodiscard]] bool is_link_local() const;
  [[nodiscard]] bool is_private() const;  // RFC 1918, RFC 4193, RFC 6598
  // Whether the first `prefix_bits` agree; for IPv4 addresses the prefix counts from the IPv4
  // part (0..32), for IPv6 0..128.
  [[nodiscard]] bool in_prefix(const IpAddress& network, unsigned prefix_bits) const;

  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  // The 4 or 16 bytes of its own family.
  [[nodiscard]] Bytes family_bytes() const;
  // RFC 5952 text.
  [[nodiscard]] std::string to_string() const;
  void append_to(std::string& out) const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  friend bool operator==(const IpAddress& one, const IpAddress& other) {
    return one.half(0) == other.half(0) && one.half(1) == other.half(1);
  }

  // The first (0) or the last (1) eight bytes as they lie, to compare and to hash.
  [[nodiscard]] std::uint64_t half(std::size_t which) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + which * sizeof value, sizeof value);
    return value;
  }

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// 64 mixed bits of an address, for hash tables.
inline std::uint64_t hash_value(const IpAddress& address) {
  const std::uint64_t low = address.half(1);
  std::uint64_t h = (address.half(0) ^ (low >> 29)) * 0x9E3779B97F4A7C15ULL + low;
  h = (h ^ (h >> 32)) * 0xD6E8FEB86659FD93ULL;
  return h ^ (h >> 32);
}

}  // namespace netwatch::base

template <>
struct std::hash<netwatch::base::IpAddress> {
  std::size_t operator()(const netwatch::base::IpAddress& a) const noexcept {
    return netwatch::base::hash_value(a);
  }
};
