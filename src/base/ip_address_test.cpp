#include "base/ip_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace netwatch::base {
namespace {

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address.has_value()) << text;
  return address.value_or(IpAddress{});
}

TEST(IpAddress, TextForms) {
  const std::pair<const char*, const char*> cases[] = {
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"192.168.1.10", "192.168.1.10"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::1", "2001:db8::1"},
      {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // the first of equal runs
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // never a single group
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::ffff:10.1.2.3", "10.1.2.3"},
      {"::ffff:a01:203", "10.1.2.3"},
      {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"::1.2.3.4", "::102:304"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  for (const auto& [text, canonical] : cases) EXPECT_EQ(ip(text).to_string(), canonical);
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"",
                           ".",
                           ":",
                           ":::",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "01.2.3.4",
                           "1.2.3.00",
                           "1.2.3.",
                           ".1.2.3",
                           "1..2.3",
                           "1.2.3.4 ",
                           " 1.2.3.4",
                           "1.2.3.4/8",
                           "0x1.2.3.4",
                           "1.2.3.4294967296",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "1::2::3",
                           "1:",
                           ":1",
                           ":1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:",
                           "12345::",
                           "g::",
                           "fe80::1%eth0",
                           "::1.2.3",
                           "::1.2.3.4:5",
                           "1.2.3.4::",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::01.2.3.4",
                           "::1/64",
                           "[::1]",
                           "1:2:3:4:5:6:7:8 "}) {
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)).has_value());
}

// Zeros are made likely, so that runs of them are tried in all places.
TEST(IpAddress, AgreesWithTheLibraryOnRandomAddresses) {
  std::mt19937 random(42);
  for (int round = 0; round < 50'000; ++round) {
    std::uint8_t raw[16] = {};
    for (std::uint8_t& b : raw) b = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : 0;
    char text[INET6_ADDRSTRLEN];
    const IpAddress address = IpAddress::v6(raw);
    ASSERT_NE(inet_ntop(AF_INET6, raw, text, sizeof text), nullptr);
    ASSERT_EQ(ip(text), address);
    // The library writes all of ::/96 dotted; RFC 5952 section 5 wants that for known prefixes.
    if (std::find(text, text + sizeof text, '.') == text + sizeof text) {
      ASSERT_EQ(address.to_string(), text);
    }
    ASSERT_EQ(ip(address.to_string()), address);
    const IpAddress v4 = IpAddress::v4(raw);
    ASSERT_NE(inet_ntop(AF_INET, raw, text, sizeof text), nullptr);
    ASSERT_EQ(v4.to_string(), text);
    ASSERT_EQ(ip(text), v4);
  }
}

// Broken spellings: the verdict is the library's.
TEST(IpAddress, AgreesWithTheLibraryOnRandomText) {
  std::mt19937 random(43);
  constexpr std::string_view kAlphabet = "::::..0012af";
  int valid = 0;
  for (int round = 0; round < 300'000; ++round) {
    std::string text;
    const std::size_t length = 1 + random() % 14;
    for (std::size_t i = 0; i < length; ++i) text += kAlphabet[random() % kAlphabet.size()];
    std::uint8_t raw[16];
    const auto ours = IpAddress::parse(text);
    if (inet_pton(AF_INET, text.c_str(), raw) == 1) {
      ASSERT_TRUE(ours.has_value()) << text;
      ASSERT_EQ(*ours, IpAddress::v4(raw)) << text;
      ++valid;
    } else if (inet_pton(AF_INET6, text.c_str(), raw) == 1) {
      ASSERT_TRUE(ours.has_value()) << text;
      ASSERT_EQ(*ours, IpAddress::v6(raw)) << text;
      ++valid;
    } else {
      ASSERT_FALSE(ours.has_value()) << text;
    }
  }
  EXPECT_GT(valid, 1000);
}

TEST(IpAddress, Kinds) {
  EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
  EXPECT_TRUE(ip("::").is_unspecified());
  EXPECT_FALSE(ip("::1").is_unspecified());
  EXPECT_TRUE(ip("127.9.9.9").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("::2").is_loopback());
  for (const char* text : {"224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"}) {
    EXPECT_TRUE(ip(text).is_multicast()) << text;
  }
  EXPECT_FALSE(ip("223.255.255.255").is_multicast());
  EXPECT_FALSE(ip("240.0.0.1").is_multicast());
  EXPECT_TRUE(ip("169.254.1.1").is_link_local());
  EXPECT_TRUE(ip("fe80::1").is_link_local());
  EXPECT_TRUE(ip("febf::1").is_link_local());
  EXPECT_FALSE(ip("fec0::1").is_link_local());
  for (const char* text : {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
                           "100.127.255.255", "fc00::1", "fdff::1"}) {
    EXPECT_TRUE(ip(text).is_private()) << text;
  }
  for (const char* text : {"11.0.0.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "fe00::1"}) {
    EXPECT_FALSE(ip(text).is_private()) << text;
  }
}

TEST(IpAddress, Prefixes) {
  EXPECT_TRUE(ip("10.1.2.3").in_prefix(ip("10.0.0.0"), 8));
  EXPECT_FALSE(ip("11.1.2.3").in_prefix(ip("10.0.0.0"), 8));
  EXPECT_TRUE(ip("10.1.2.3").in_prefix(ip("10.1.2.2"), 31));
  EXPECT_FALSE(ip("10.1.2.3").in_prefix(ip("10.1.2.2"), 32));
  EXPECT_FALSE(ip("10.1.2.3").in_prefix(ip("10.1.2.2"), 99));  // no more than all bits
  EXPECT_TRUE(ip("1.2.3.4").in_prefix(ip("9.9.9.9"), 0));
  EXPECT_FALSE(ip("1.2.3.4").in_prefix(ip("::"), 0));  // families never mix
  EXPECT_TRUE(ip("2001:db8:ff::1").in_prefix(ip("2001:db8::"), 33));
  EXPECT_FALSE(ip("2001:db8:8000::1").in_prefix(ip("2001:db8::"), 33));
}

TEST(IpAddress, MappedIsTheSameKeyAndHashesSpread) {
  EXPECT_EQ(ip("::ffff:1.2.3.4"), ip("1.2.3.4"));
  EXPECT_EQ(ip("1.2.3.4").family_bytes().size(), 4U);
  std::set<std::uint64_t> low_bits;
  for (int i = 0; i < 256; ++i) {
    low_bits.insert(hash_value(ip("10.0.0." + std::to_string(i))) & 0xfff);
  }
  EXPECT_GT(low_bits.size(), 200U);  // 248 are to be expected of random values
}

}  // namespace
}  // namespace netwatch::base
