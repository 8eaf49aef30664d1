#include "collect/vendors.h"

#include <gtest/gtest.h>

namespace netwatch::collect {
namespace {

VendorTable table() {
  VendorTable vendors;
  vendors.add(
      "Registry,Assignment,Organization Name,Organization Address\r\n"
      "MA-L,3C24F0,IEEE Registration Authority,445 Hoes Lane\r\n"
      "MA-L,001B21,Intel Corporate,\"Lot 8, Jalan\"\r\n"
      "MA-L,00AAAA,,nobody\nMA-L,XYZXYZ,Wrong,x\nMA-L,0011,Short,x\n\n,\n\"\n");
  vendors.add("Registry,Assignment,Organization Name\nMA-M,3C24F05,\"Made Up, Inc. \",x");
  vendors.add("IAB,3C24F0512,Narrow,x\n");
  vendors.index();
  return vendors;
}

TEST(Vendors, TheNarrowestBlockWins) {
  const VendorTable vendors = table();
  EXPECT_EQ(vendors.size(), 4U);
  EXPECT_EQ(vendors.find("00:1b:21:0a:0b:0c"), "Intel Corporate");
  EXPECT_EQ(vendors.find("3c:24:f0:60:00:00"), "IEEE Registration Authority");
  EXPECT_EQ(vendors.find("3c:24:f0:5f:ff:ff"), "Made Up, Inc.");
  EXPECT_EQ(vendors.find("3C:24:F0:51:2F:FF"), "Narrow");
}

TEST(Vendors, NobodyWasAssignedIt) {
  const VendorTable vendors = table();
  for (const std::string_view mac :
       {"", "00:1b:22:00:00:00", "02:1b:21:0a:0b:0c", "01:1b:21:0a:0b:0c", "00:1b:21:0a:0b",
        "00-1b-21-0a-0b-0c", "00:1b:21:0a:0b:0x", "00:aa:aa:00:00:00"}) {
    EXPECT_EQ(vendors.find(mac), "") << mac;
  }
}

TEST(Vendors, ThisHostsLists) {
  const VendorTable vendors = VendorTable::read(LocalHost());
  if (vendors.size() == 0) GTEST_SKIP() << "the package ieee-data is not installed";
  EXPECT_GT(vendors.size(), 30000U);
  EXPECT_EQ(vendors.find("00:00:5e:00:53:01"), "ICANN, IANA Department");
}

}  // namespace
}  // namespace netwatch::collect
