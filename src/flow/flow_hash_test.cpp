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

TEST(FlowHash, BothDirectionsMeet) {
  const FlowHash hash(7);
  const auto one = of_halves(1, 2);
  const auto other = of_halves(3, 4);
  EXPECT_EQ(hash(one, 5, other, 6, 17, 9), hash(other, 6, one, 5, 17, 9));
  EXPECT_NE(hash(one, 5, other, 6, 17, 9), hash(one, 6, other, 5, 17, 9));
}

}  // namespace
}  // namespace netwatch::flow
