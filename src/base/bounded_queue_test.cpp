#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace netwatch::base {
namespace {

using namespace std::chrono_literals;

TEST(BoundedQueue, FirstInFirstOutAndBounded) {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(1)));
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(queue.try_push(third));
  ASSERT_NE(third, nullptr);  // a refused item is still the caller's
  EXPECT_EQ(**queue.pop(), 1);
  EXPECT_TRUE(queue.try_push(third));
  EXPECT_EQ(**queue.try_pop(), 2);
  EXPECT_EQ(**queue.pop_for(1h), 3);
  EXPECT_FALSE(queue.try_pop().has_value());
  EXPECT_FALSE(queue.pop_for(1ms).has_value());
  EXPECT_EQ(queue.high_water(), 2U);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(BoundedQueue, ClosedDrainsThenEnds) {
  BoundedQueue<int> queue(4);
  EXPECT_TRUE(queue.push(1));
  queue.close();
  EXPECT_TRUE(queue.closed());
  EXPECT_FALSE(queue.push(2));
  EXPECT_FALSE(queue.try_push(3));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_FALSE(queue.pop().has_value());
}

TEST(BoundedQueue, CloseWakesBothSides) {
  BoundedQueue<int> full(1);
  BoundedQueue<int> empty(1);
  EXPECT_TRUE(full.push(0));
  std::thread producer([&] { EXPECT_FALSE(full.push(1)); });
  std::thread consumer([&] { EXPECT_FALSE(empty.pop().has_value()); });
  full.close();
  empty.close();
  producer.join();
  consumer.join();
}

TEST(BoundedQueue, ManyThreadsLoseNothing) {
  constexpr std::uint64_t kEach = 5000;
  BoundedQueue<std::uint64_t> queue(8);
  std::atomic<std::uint64_t> sum = 0;
  std::vector<std::thread> producers;
  std::vector<std::thread> consumers;
  for (int i = 0; i < 3; ++i) {
    producers.emplace_back([&] {
      for (std::uint64_t v = 1; v <= kEach; ++v) ASSERT_TRUE(queue.push(v));
    });
    consumers.emplace_back([&] {
      while (const auto item = queue.pop()) sum += *item;
    });
  }
  for (std::thread& thread : producers) thread.join();
  queue.close();
  for (std::thread& thread : consumers) thread.join();
  EXPECT_EQ(sum.load(), 3 * kEach * (kEach + 1) / 2);
  EXPECT_LE(queue.high_water(), 8U);
}

}  // namespace
}  // namespace netwatch::base
