#include "dpi/parts/small_heap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <vector>

namespace netwatch::dpi {
namespace {

struct Memory {
  alignas(8) std::array<std::uint32_t, 1024> words;
};

TEST(SmallHeap, RefusesWhatDoesNotFitAndJoinsWhatIsGivenBack) {
  Memory memory;
  SmallHeap heap(memory.words);
  EXPECT_EQ(heap.take(5000), nullptr);
  EXPECT_EQ(heap.take(SIZE_MAX), nullptr);
  void* all = heap.take(4000);
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(heap.take(200), nullptr);
  heap.give_back(all);
  EXPECT_EQ(heap.used_bytes(), 0U);
  std::vector<void*> parts;
  while (void* part = heap.take(40)) parts.push_back(part);
  EXPECT_GT(parts.size(), 80U);
  // Every second one first: no two neighbours are free until the others follow.
  for (std::size_t i = 0; i < parts.size(); i += 2) heap.give_back(parts[i]);
  EXPECT_EQ(heap.take(100), nullptr);
  for (std::size_t i = 1; i < parts.size(); i += 2) heap.give_back(parts[i]);
  EXPECT_NE(heap.take(4000), nullptr);
}

TEST(SmallHeap, KeepsBlocksApartWhateverTheOrder) {
  Memory memory;
  SmallHeap heap(memory.words);
  struct Block {
    std::uint8_t* bytes;
    std::size_t size;
    std::uint8_t mark;
  };
  std::deque<Block> blocks;
  std::mt19937 random(1);
  const auto check = [](const Block& block) {
    for (std::size_t i = 0; i < block.size; ++i) ASSERT_EQ(block.bytes[i], block.mark);
  };
  for (unsigned step = 0; step < 20000; ++step) {
    const bool take = random() % 2 == 0;
    if (take) {
      const std::size_t size = random() % (random() % 8 == 0 ? 900 : 60);
      auto* bytes = static_cast<std::uint8_t*>(heap.take(size));
      if (bytes == nullptr) continue;
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(bytes) % 8, 0U);
      const auto mark = static_cast<std::uint8_t>(step);
      std::memset(bytes, mark, size);
      blocks.push_back({bytes, size, mark});
    } else if (!blocks.empty()) {
      const std::size_t which = random() % blocks.size();
      Block& block = blocks[which];
      check(block);
      auto* larger = static_cast<std::uint8_t*>(heap.resize(block.bytes, block.size + 30));
      if (larger != nullptr) {
        block.bytes = larger;
        check(block);
      }
      heap.give_back(block.bytes);
      blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  for (const Block& block : blocks) heap.give_back(block.bytes);
  EXPECT_EQ(heap.used_bytes(), 0U);
  EXPECT_NE(heap.take(4000), nullptr);
}

}  // namespace
}  // namespace netwatch::dpi
