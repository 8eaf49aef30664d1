#include "dpi/parts/message_order.h"

#include <gtest/gtest.h>

#include <string>

namespace netwatch::dpi {
namespace {

using model::Side;

constexpr Side kA = Side::kOriginator;
constexpr Side kB = Side::kResponder;

// Delivered messages one after the other; '-' is a gap.
class MessageOrderTest : public testing::Test {
 protected:
  bool add(Side side, std::uint32_t number, std::string_view message) {
    return order_.add(side, number, base::as_bytes(message), [&](base::Bytes bytes, bool gap) {
      if (gap) text_[model::index(side)] += '-';
      text_[model::index(side)] += base::as_text(bytes);
    });
  }
  MessageOrder order_;
  std::array<std::string, 2> text_;
};

TEST_F(MessageOrderTest, PutsInOrderEachSideOnItsOwn) {
  order_.start(kA, 1);
  order_.start(kB, 0xFFFFFFFE);
  EXPECT_TRUE(add(kA, 3, "c"));
  EXPECT_TRUE(add(kB, 0xFFFFFFFF, "y"));
  EXPECT_TRUE(add(kB, 0, "z"));
  EXPECT_TRUE(add(kA, 2, "b"));
  EXPECT_FALSE(add(kA, 3, "C"));  // again
  EXPECT_TRUE(add(kA, 1, "a"));
  EXPECT_FALSE(add(kA, 2, "B"));  // old
  EXPECT_EQ(text_[0], "abc");
  EXPECT_EQ(text_[1], "");
  EXPECT_TRUE(add(kB, 0xFFFFFFFE, "x"));
  EXPECT_EQ(text_[1], "xyz");
  EXPECT_EQ(order_.next(kA), 4U);
}

TEST_F(MessageOrderTest, GivesUpWhatNeverCameWhenTheRoomIsFull) {
  order_.start(kA, 1);
  order_.start(kB, 1);
  const std::string big(MessageOrder::kRoomBytes / 2, 'B');
  EXPECT_TRUE(add(kB, 5, "five"));
  EXPECT_TRUE(add(kA, 3, big));
  EXPECT_TRUE(add(kA, 5, "e"));
  EXPECT_EQ(text_[0], "");
  EXPECT_TRUE(add(kA, 6, big));  // no room for it: 2 will not be waited for
  EXPECT_EQ(text_[0], "-" + big);
  EXPECT_TRUE(add(kA, 4, "d"));
  EXPECT_EQ(text_[0], "-" + big + "de" + big);
  EXPECT_EQ(text_[1], "");
}

TEST_F(MessageOrderTest, WhatIsTooBigToWaitGoesOutAtOnce) {
  order_.start(kA, 1);
  add(kA, 2, std::string(MessageOrder::kRoomBytes + 1, 'x'));
  EXPECT_EQ(text_[0].substr(0, 2), "-x");
  EXPECT_TRUE(add(kA, 3, "y"));
  EXPECT_EQ(text_[0].back(), 'y');
}

TEST_F(MessageOrderTest, ManySmallOnesAreBounded) {
  order_.start(kA, 0);
  for (std::uint32_t i = 1; i < 100; ++i) EXPECT_TRUE(add(kA, 2 * i, "m"));
  EXPECT_FALSE(add(kA, 200000, "far"));
  EXPECT_EQ(text_[0].size(), 2 * (99 - MessageOrder::kMaxHeld));
}

TEST_F(MessageOrderTest, FinishTellsWhatIsHeld) {
  order_.start(kA, 1);
  add(kA, 5, "e");
  add(kA, 3, "c");
  add(kA, 4, "d");
  order_.finish(kA, [&](base::Bytes bytes, bool gap) {
    text_[0] += (gap ? "-" : "") + std::string(base::as_text(bytes));
  });
  EXPECT_EQ(text_[0], "-cde");
  order_.start(kA, 9);
  add(kA, 9, "i");
  EXPECT_EQ(text_[0], "-cdei");
}

}  // namespace
}  // namespace netwatch::dpi
