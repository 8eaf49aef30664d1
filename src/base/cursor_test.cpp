#include "base/cursor.h"

#include <gtest/gtest.h>

namespace netwatch::base {
namespace {

constexpr std::uint8_t kData[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09};

TEST(Cursor, ReadsBothByteOrders) {
  Cursor c{Bytes(kData)};
  EXPECT_EQ(c.u8(), 0x01);
  EXPECT_EQ(c.u16(), 0x0203);
  EXPECT_EQ(c.u16le(), 0x0504);
  EXPECT_EQ(c.u24(), 0x060708U);
  EXPECT_EQ(c.peek(), 0x09);
  EXPECT_EQ(c.peek(1), 0);
  EXPECT_TRUE(c.ok());
  EXPECT_EQ(c.remaining(), 1U);
  Cursor d{Bytes(kData)};
  EXPECT_EQ(d.u64(), 0x0102030405060708U);
  Cursor e{Bytes(kData)};
  EXPECT_EQ(e.u64le(), 0x0807060504030201U);
  Cursor f{Bytes(kData)};
  EXPECT_EQ(f.u32le(), 0x04030201U);
  EXPECT_EQ(f.u32(), 0x05060708U);
  EXPECT_FALSE(f.at_end());
}

TEST(Cursor, StaysFailed) {
  Cursor c{Bytes(kData)};
  c.skip(8);
  EXPECT_EQ(c.u16(), 0);
  EXPECT_FALSE(c.ok());
  EXPECT_TRUE(c.at_end());
  EXPECT_EQ(c.u8(), 0);  // the byte that is left is not handed out any more
  EXPECT_TRUE(c.take(0).empty());
  EXPECT_FALSE(c.ok());
  EXPECT_TRUE(c.rest().empty());
}

TEST(Cursor, TakesNoMoreThanThereIs) {
  Cursor c{Bytes(kData)};
  EXPECT_EQ(c.take_up_to(100).size(), 9U);
  EXPECT_TRUE(c.ok());
  Cursor d{Bytes(kData)};
  EXPECT_TRUE(d.take(static_cast<std::size_t>(-1)).empty());
  EXPECT_FALSE(d.ok());
}

TEST(Cursor, SubCursorIsConfined) {
  Cursor c{Bytes(kData)};
  Cursor part = c.sub(3);
  EXPECT_EQ(part.u32(), 0U);
  EXPECT_FALSE(part.ok());
  EXPECT_TRUE(c.ok());
  EXPECT_EQ(c.offset(), 3U);
  Cursor missing = c.sub(7);
  EXPECT_FALSE(missing.ok());
  EXPECT_FALSE(c.ok());
}

}  // namespace
}  // namespace netwatch::base
