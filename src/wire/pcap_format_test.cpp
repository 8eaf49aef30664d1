#include "wire/pcap_format.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace netwatch::wire {
namespace {

constexpr auto kMost = std::numeric_limits<base::TimeNs>::max();

struct ScaleCase {
  std::uint8_t if_tsresol;
  std::int64_t offset_s;
  std::uint64_t stamp;
  base::TimeNs time_ns;
};

TEST(TimeScale, TurnsEveryResolutionIntoNanoseconds) {
  constexpr ScaleCase kCases[] = {
      {6, 0, 1'700'000'000'123'456, 1'700'000'000'123'456'000},
      {9, 0, 1'700'000'000'123'456'789, 1'700'000'000'123'456'789},
      {0, 0, 1'700'000'000, 1'700'000'000'000'000'000},
      {3, -1, 2'500, 1'500'000'000},
      {12, 0, 1'000'000'000'999, 1'000'000'000},
      {19, 0, 15'000'000'000'000'000'000U, 1'500'000'000},
      {0x80, 7, 3, 10'000'000'000},
      {0x80 | 1, 0, 3, 1'500'000'000},
      {0x80 | 32, 0, (std::uint64_t{5} << 32) | 0x8000'0000U, 5'500'000'000},
      {0x80 | 63, 0, (std::uint64_t{1} << 63) | (std::uint64_t{1} << 62), 1'500'000'000},
      {6, std::numeric_limits<std::int64_t>::max(), ~std::uint64_t{0}, kMost},
      {0, 0, ~std::uint64_t{0}, kMost},
      {6, std::numeric_limits<std::int64_t>::min(), 5, std::numeric_limits<base::TimeNs>::min()},
  };
  for (const ScaleCase& c : kCases) {
    const auto scale = pcapng::TimeScale::make(c.if_tsresol, c.offset_s);
    ASSERT_TRUE(scale.has_value()) << unsigned{c.if_tsresol};
    EXPECT_EQ(scale->to_ns(c.stamp), c.time_ns) << unsigned{c.if_tsresol} << " " << c.stamp;
  }
}

TEST(TimeScale, RefusesWhatDoesNotFit64Bits) {
  EXPECT_FALSE(pcapng::TimeScale::make(20, 0).has_value());
  EXPECT_FALSE(pcapng::TimeScale::make(0x80 | 64, 0).has_value());
}

TEST(PcapHeader, TellsReservedBitsFromFcsBits) {
  const auto header = [](std::uint8_t high) {
    std::vector<std::uint8_t> bytes(24, 0);
    bytes[0] = 0xa1;
    bytes[1] = 0xb2;
    bytes[2] = 0xc3;
    bytes[3] = 0xd4;
    bytes[20] = high;
    bytes[23] = 1;
    return *pcap::parse_file_header(bytes);
  };
  EXPECT_EQ(header(0).order, ByteOrder::kBig);
  EXPECT_FALSE(header(0x44).reserved_bits) << "an FCS length";
  EXPECT_EQ(header(0x44).linktype, 1);
  EXPECT_TRUE(header(0x01).reserved_bits);
}

}  // namespace
}  // namespace netwatch::wire
