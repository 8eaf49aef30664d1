#include "dpi/parts/ber.h"

#include <gtest/gtest.h>

#include "dpi/parts/hex_test.h"

namespace netwatch::dpi {
namespace {

TEST(Ber, ReadsOneLevel) {
  const std::string bytes = from_hex("30 09 02 01 7f 04 02 6869 05 00 02 01 00");
  BerReader outer(base::as_bytes(bytes));
  BerReader in = outer.enter(ber::kSequence);
  EXPECT_EQ(in.integer(), 127);
  EXPECT_EQ(base::as_text(in.take(ber::kOctetString)), "hi");
  EXPECT_TRUE(in.take(ber::kNull).empty());
  EXPECT_TRUE(in.ok() && in.at_end());
  EXPECT_EQ(outer.integer(), 0);
}

TEST(Ber, AnElementThatDoesNotFitFailsForGood) {
  for (const char* hex : {"30 09 02 01 7f", "30 84 ffffffff 00", "30 80 00 00", "1f 81 00",
                          "30 85 00000000 01 00", "30"}) {
    const std::string bytes = from_hex(hex);
    BerReader in(base::as_bytes(bytes));
    EXPECT_TRUE(in.next().empty());
    EXPECT_FALSE(in.ok()) << hex;
    EXPECT_TRUE(in.at_end());
    EXPECT_FALSE(in.enter(ber::kSequence).ok());
  }
}

TEST(Ber, AnotherTagIsNoValue) {
  const std::string bytes = from_hex("04 01 05");
  BerReader in(base::as_bytes(bytes));
  EXPECT_EQ(in.integer(), 0);
  EXPECT_FALSE(in.ok());
}

TEST(Ber, Integers) {
  EXPECT_EQ(ber_integer(base::as_bytes(from_hex("ff"))), -1);
  EXPECT_EQ(ber_integer(base::as_bytes(from_hex("00ffffffff"))), 0xFFFFFFFF);
  EXPECT_EQ(ber_integer(base::as_bytes(from_hex("8000000000000000"))), INT64_MIN);
  EXPECT_EQ(ber_integer({}), std::nullopt);
  EXPECT_EQ(ber_integer(base::as_bytes(from_hex("000000000000000000"))), std::nullopt);
}

TEST(Ber, Oids) {
  EXPECT_EQ(ber_oid(base::as_bytes(from_hex("2b06010401bf0803"))), "1.3.6.1.4.1.8072.3");
  EXPECT_EQ(ber_oid(base::as_bytes(from_hex("883703"))), "2.999.3");
  EXPECT_EQ(ber_oid(base::as_bytes(from_hex("2b81"))), std::nullopt);  // ends in mid-arc
  EXPECT_EQ(ber_oid(base::as_bytes(from_hex("2bffffffffffffffffffff7f"))), std::nullopt);
  EXPECT_EQ(ber_oid({}), std::nullopt);
}

}  // namespace
}  // namespace netwatch::dpi
