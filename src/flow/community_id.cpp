#include "flow/community_id.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/crypto.h"

// Community ID v1, https://github.com/corelight/community-id-spec: SHA-1 over, in network order,
// seed, lower endpoint's address, higher endpoint's address, protocol, a zero byte, both ports.

namespace netwatch::flow {
namespace {

constexpr std::size_t kLongestInput = 2 + 16 + 16 + 2 + 2 + 2;

// The port pairs that the ICMP rules give to a type with a counterpart. A message without one has
// (type, code) instead, and its direction is part of its identity.
bool icmp_has_answer(std::uint16_t type, std::uint16_t answer) {
  struct Pair {
    std::uint16_t one;
    std::uint16_t other;
  };
  static constexpr std::array<Pair, 5> kPairs{{{8, 0}, {13, 14}, {15, 16}, {17, 18}, {10, 9}}};
  return std::ranges::any_of(kPairs, [&](const Pair& pair) {
    return (pair.one == type && pair.other == answer) || (pair.other == type && pair.one == answer);
  });
}

bool icmp6_has_answer(std::uint16_t type, std::uint16_t answer) {
  struct Pair {
    std::uint16_t one;
    std::uint16_t other;
  };
  static constexpr std::array<Pair, 6> kPairs{
      {{128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}}};
  return std::ranges::any_of(kPairs, [&](const Pair& pair) {
    return (pair.one == type && pair.other == answer) || (pair.other == type && pair.one == answer);
  });
}

bool has_ports(std::uint8_t proto) {
  namespace ip = model::ip_proto;
  return proto == ip::kTcp || proto == ip::kUdp || proto == ip::kSctp || proto == ip::kIcmp ||
         proto == ip::kIcmp6;
}

bool is_one_way(const model::Endpoint& one, const model::Endpoint& other, std::uint8_t proto) {
  if (proto == model::ip_proto::kIcmp) return !icmp_has_answer(one.port, other.port);
  if (proto == model::ip_proto::kIcmp6) return !icmp6_has_answer(one.port, other.port);
  return false;
}

class Input {
 public:
  void add(base::Bytes bytes) {
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
  }
  void add_u8(std::uint8_t value) { bytes_[size_++] = value; }
  void add_u16(std::uint16_t value) {
    add_u8(static_cast<std::uint8_t>(value >> 8));
    add_u8(static_cast<std::uint8_t>(value & 0xff));
  }
  [[nodiscard]] base::Bytes bytes() const { return base::Bytes(bytes_).first(size_); }

 private:
  std::array<std::uint8_t, kLongestInput> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace

std::string community_id(const model::Endpoint& one, const model::Endpoint& other,
                         std::uint8_t proto, std::uint16_t seed, bool base64) {
  const model::Endpoint* low = &one;
  const model::Endpoint* high = &other;
  // Addresses of one family have one length, so comparing all 16 bytes orders them rightly.
  // One-way ICMP keeps its direction: its "ports" belong to the message, not to the ends.
  if (!is_one_way(one, other, proto) && other < one) std::swap(low, high);
  Input input;
  input.add_u16(seed);
  input.add(low->address.family_bytes());
  input.add(high->address.family_bytes());
  input.add_u8(proto);
  input.add_u8(0);
  if (has_ports(proto)) {
    input.add_u16(low->port);
    input.add_u16(high->port);
  }
  const base::Sha1Digest digest = base::sha1(input.bytes());
  std::string out = "1:";
  if (base64) {
    base::append_base64(out, digest);
  } else {
    base::append_hex(out, digest);
  }
  return out;
}

}  // namespace netwatch::flow
