#include "flow/flow_hash.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>

namespace netwatch::flow {
namespace {

base::IpAddress of_halves(std::uint64_t high, std::uint64_t low) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &high, sizeof high);
  std::memcpy(bytes.data() + sizeof high, &low, sizeof low);
  return base::IpAddress::v6(bytes.data());
}

// Half of an address and a port that make up for each other in any sum with a known factor.
TEST(FlowHash, APrefixCannotMakeUpForAPort) {
  constexpr std::uint64_t kFactors[] = {1, 0x9E3779B97F4A7C15ULL, 0xD6E8FEB86659FD93ULL};
  for (const std::uint64_t factor : kFactors) {
    std::uint64_t inverse = factor;  // modulo 2^64, by Newton's steps
    for (int i = 0; i < 6; ++i) inverse *= 2 - factor * inverse;
    const FlowHash hash(0x0123456789abcdefULL);
    std::set<std::uint32_t> seen;
    for (std::uint64_t port = 1; port <= 1000; ++port) {
      const auto crafted = of_halves(0x20010db8 - port * inverse, 1);
      seen.insert(hash(crafted, static_cast<std::uint16_t>(port), of_halves(1, 2), 80, 6, 0));
    }
    EXPECT_GT(seen.size(), 990U) << factor;
  }
}

base::IpAddress v4(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  return base::IpAddress::v4(bytes.data());
}

// What somebody may choose who does not know the key: of 4,096 flows nearly all have a hash of
// their own, whatever the key.
TEST(FlowHash, FlowsThatAreMadeAlikeAreSpread) {
  constexpr std::uint32_t kCases = 4096;
  using Hash = std::uint32_t (*)(const FlowHash&, std::uint32_t);
  constexpr Hash kFamilies[] = {
      // Both ends are the same, and nothing else is there.
      [](const FlowHash& hash, std::uint32_t i) { return hash(v4(i), 0, v4(i), 0, 0, 0); },
      [](const FlowHash& hash, std::uint32_t i) {
        return hash(of_halves(i, 9), 7, of_halves(i, 9), 7, 0, 0);
      },
      // As fragments are: two halves of an id in place of ports.
      [](const FlowHash& hash, std::uint32_t i) {
        const auto half = static_cast<std::uint16_t>(i);
        return hash(v4(5), half, v4(5), half, 0, 0);
      },
      // A sum of ports that is shared out.
      [](const FlowHash& hash, std::uint32_t i) {
        return hash(v4(1), static_cast<std::uint16_t>(1000 + i), v4(2),
                    static_cast<std::uint16_t>(60'000 - i), 6, 0);
      },
      // Bits of the one that the other has not, dealt out in every way.
      [](const FlowHash& hash, std::uint32_t i) {
        const std::uint32_t dealt = i * 0x0004'0010U;
        return hash(v4(0x0a00'0000 | dealt), 80, v4(0x0a00'0000 | ~dealt), 80, 6, 0);
      },
      [](const FlowHash& hash, std::uint32_t i) {
        const std::uint64_t wide = std::uint64_t{i} << 40;
        return hash(of_halves(wide, 7), 80, of_halves(~wide, 7), 80, 6, 0);
      },
      [](const FlowHash& hash, std::uint32_t i) { return hash(v4(1), 80, v4(2), 80, 6, i); },
  };
  for (const std::uint64_t key : {0ULL, 1ULL, 7ULL, 0xfeedbeef12345678ULL, ~0ULL}) {
    const FlowHash hash(key);
    for (const Hash& family : kFamilies) {
      std::set<std::uint32_t> seen;
      for (std::uint32_t i = 0; i < kCases; ++i) seen.insert(family(hash, i));
      EXPECT_GT(seen.size(), kCases - 5) << key << " family " << &family - kFamilies;
    }
  }
}

TEST(FlowHash, BothDirectionsMeet) {
  const FlowHash hash(7);
  const base::IpAddress ends[] = {of_halves(1, 2), of_halves(3, 4)};
  EXPECT_EQ(hash(ends[0], 5, ends[1], 6, 17, 9), hash(ends[1], 6, ends[0], 5, 17, 9));
  EXPECT_NE(hash(ends[0], 5, ends[1], 6, 17, 9), hash(ends[0], 6, ends[1], 5, 17, 9));
}

}  // namespace
}  // namespace netwatch::flow
