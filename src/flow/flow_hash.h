#pragma once

#include <array>
#include <cstdint>

#include "base/ip_address.h"

namespace netwatch::flow {

// Hash of a five-tuple and scope, the same for both directions. Keyed, so that nobody can choose
// addresses that collide; nothing in a table's output depends on the key.
class FlowHash {
 public:
  explicit FlowHash(std::uint64_t key) {
    for (std::uint64_t& secret : secrets_) secret = key = fold(key ^ kOdd, key + kOther);
  }

  [[nodiscard]] std::uint32_t operator()(const base::IpAddress& one, std::uint16_t one_port,
                                         const base::IpAddress& other, std::uint16_t other_port,
                                         std::uint8_t proto, std::uint32_t scope) const {
    const std::uint64_t a = end(one, one_port);
    const std::uint64_t b = end(other, other_port);
    const std::uint64_t rest = (std::uint64_t{scope} << 8) | proto;
    // Without a secret of its own the second factor is 0 when both ends are the same.
    return static_cast<std::uint32_t>(
        fold((a + b) ^ secrets_[3], ((a ^ b) + rest * kOdd) ^ secrets_[4]) >> 32);
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
    const std::uint64_t halves = fold(address.half(1) ^ secrets_[0], address.half(0) ^ secrets_[1]);
    return fold(halves ^ secrets_[2], kOther + port);
  }

  std::array<std::uint64_t, 5> secrets_{};
};

}  // namespace netwatch::flow
