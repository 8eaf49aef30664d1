#include "collect/counter.h"

#include <gtest/gtest.h>

namespace netwatch::collect {
namespace {

TEST(Counter, TellsNothingAtTheFirstLook) {
  CounterFaults faults;
  Counter counter;
  EXPECT_FALSE(counter.advance(7, faults));
  EXPECT_EQ(counter.advance(9, faults), 2U);
  EXPECT_EQ(counter.advance(9, faults), 0U);
  EXPECT_EQ(counter.value(), 9U);
  EXPECT_EQ(faults.wraps + faults.resets, 0U);
}

TEST(Counter, ANewBeginningIsCountedAndTellsNothing) {
  CounterFaults faults;
  Counter counter;
  (void)counter.advance(0xFFFFFFFF, faults);
  EXPECT_FALSE(counter.advance(3, faults));  // 64 bits do not wrap there
  EXPECT_EQ(faults.resets, 1U);
  EXPECT_EQ(counter.value(), 3U);
  EXPECT_EQ(counter.advance(5, faults), 2U);
}

TEST(Counter, ThirtyTwoBitsWrap) {
  CounterFaults faults;
  Counter counter(32);
  (void)counter.advance(0xFFFFFFF0, faults);
  EXPECT_EQ(counter.advance(0x10, faults), 0x20U);
  EXPECT_EQ(counter.value(), 0x100000010U);
  EXPECT_EQ(faults.wraps, 1U);
  EXPECT_FALSE(counter.advance(0x0F, faults)) << "a fall that is no wrap";
  EXPECT_EQ(counter.value(), 0x0FU);
  (void)counter.advance(0xFFFFFFF0, faults);
  EXPECT_FALSE(counter.advance(0x40000000, faults)) << "too far for a wrap";
  EXPECT_EQ(faults.wraps, 1U);
  EXPECT_EQ(faults.resets, 2U);
}

}  // namespace
}  // namespace netwatch::collect
