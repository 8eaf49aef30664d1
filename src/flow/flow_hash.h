#pragma once

#include <cstdint>
#include <cstring>

#include "base/ip_address.h"

namespace netwatch::flow {

// Hash of a five-tuple and scope, the same for both directions. Keyed, so that nobody can choose
// addresses that collide; nothing in a table's output depends on the key.
class FlowHash {
 public:
  explicit FlowHash(std::uint64_t key) : key_(key), key2_(mix(key + kOdd)) {}

  [[nodiscard]] std::uint32_t operator()(const base::IpAddress& one, std::uint16_t one_port,
                                         const base::IpAddress& other, std::uint16_t other_port,
                                         std::uint8_t proto, std::uint32_t scope) const {
    const std::uint64_t a = end(one, one_port);
    const std::uint64_t b = end(other, other_port);
    const std::uint64_t rest = (std::uint64_t{scope} << 8) | proto;
    return static_cast<std::uint32_t>(mix((a + b) ^ mix((a ^ b) + rest * kOdd)) >> 32);
  }

 private:
  static constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;

  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93ULL;
    return x ^ (x >> 29);
  }
  [[nodiscard]] std::uint64_t end(const base::IpAddress& address, std::uint16_t port) const {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, address.bytes().data(), sizeof high);
    std::memcpy(&low, address.bytes().data() + sizeof high, sizeof low);
    // Both halves meet a secret before they meet each other: else an IPv6 prefix could be chosen
    // that makes up for a port, whatever the key.
    return mix(mix(mix(low ^ key_) + (high ^ key2_)) + port);
  }

  std::uint64_t key_;
  std::uint64_t key2_;
};

}  // namespace netwatch::flow
