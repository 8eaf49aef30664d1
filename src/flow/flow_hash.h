#pragma once

#include <cstdint>

#include "base/ip_address.h"

namespace netwatch::flow {

// Hash of a five-tuple and scope, the same for both directions. Keyed, so that nobody can choose
// addresses that collide; nothing in a table's output depends on the key.
class FlowHash {
 public:
  explicit FlowHash(std::uint64_t key)
      : low_key_(fold(key ^ kOdd, kOther)),
        high_key_(fold(low_key_ ^ kOdd, key + kOther)),
        end_key_(fold(high_key_ ^ kOdd, low_key_)) {}

  [[nodiscard]] std::uint32_t operator()(const base::IpAddress& one, std::uint16_t one_port,
                                         const base::IpAddress& other, std::uint16_t other_port,
                                         std::uint8_t proto, std::uint32_t scope) const {
    const std::uint64_t a = end(one, one_port);
    const std::uint64_t b = end(other, other_port);
    const std::uint64_t rest = (std::uint64_t{scope} << 8) | proto;
    return static_cast<std::uint32_t>(fold((a + b) ^ end_key_, (a ^ b) + rest * kOdd) >> 32);
  }

 private:
  static constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;
  static constexpr std::uint64_t kOther = 0xD6E8FEB86659FD93ULL;

  // Every bit of the product depends on bits of both: its halves are laid over each other.
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ typedef unsigned __int128 Wide;  // NOLINT(modernize-use-using)
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  // The halves meet a secret before they meet each other, and the port meets what came of them:
  // else an IPv6 prefix could be chosen that makes up for a port, whatever the key.
  [[nodiscard]] std::uint64_t end(const base::IpAddress& address, std::uint16_t port) const {
    return fold(address.half(1) ^ low_key_, address.half(0) ^ high_key_) + port * kOdd;
  }

  std::uint64_t low_key_;
  std::uint64_t high_key_;
  std::uint64_t end_key_;
};

}  // namespace netwatch::flow
