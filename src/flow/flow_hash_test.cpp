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

// Two ends that exchange bits, or share out a sum of ports, are as many hashes as there are pairs.
TEST(FlowHash, EndsCannotMakeUpForEachOther) {
  const FlowHash hash(0xfeedbeef12345678ULL);
  std::set<std::uint32_t> ports;
  std::set<std::uint32_t> addresses;
  std::set<std::uint32_t> prefixes;
  const auto v4 = [](std::uint32_t value) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    return base::IpAddress::v4(bytes.data());
  };
  constexpr std::uint32_t kCases = 4096;
  for (std::uint32_t i = 0; i < kCases; ++i) {
    const auto low = static_cast<std::uint16_t>(1000 + i);
    const auto high = static_cast<std::uint16_t>(60'000 - i);
    ports.insert(hash(v4(1), low, v4(2), high, 6, 0));
    // Bits of the one that the other has not, dealt out in every way.
    const std::uint32_t dealt = i * 0x0004'0010U;
    addresses.insert(hash(v4(0x0a00'0000 | dealt), 80, v4(0x0a00'0000 | ~dealt), 80, 6, 0));
    const std::uint64_t wide = std::uint64_t{i} << 40;
    prefixes.insert(hash(of_halves(wide, 7), 80, of_halves(~wide, 7), 80, 6, 0));
  }
  EXPECT_GT(ports.size(), kCases - 5);
  EXPECT_GT(addresses.size(), kCases - 5);
  EXPECT_GT(prefixes.size(), kCases - 5);
}

TEST(FlowHash, BothDirectionsMeet) {
  const FlowHash hash(7);
  const auto here = of_halves(1, 2);
  const auto there = of_halves(3, 4);
  EXPECT_EQ(hash(here, 5, there, 6, 17, 9), hash(there, 6, here, 5, 17, 9));
  EXPECT_NE(hash(here, 5, there, 6, 17, 9), hash(here, 6, there, 5, 17, 9));
}

}  // namespace
}  // namespace netwatch::flow
