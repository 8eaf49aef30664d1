#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace netwatch::dpi {

// A heap inside a fixed piece of memory, for a library that wants to allocate: what does not fit
// is refused. Blocks come from the front, so that memory which was never needed is never touched.
// A block costs 4 bytes and is rounded up to 8; one of another size is found within few steps.
class SmallHeap {
 public:
  static constexpr std::size_t kMaxWords = 16384;  // 64 KiB

  // An even number of words, aligned to 8 bytes, at most kMaxWords; they must outlive it.
  explicit SmallHeap(std::span<std::uint32_t> words);
  SmallHeap(const SmallHeap&) = delete;
  SmallHeap& operator=(const SmallHeap&) = delete;

  // Aligned to 8 bytes; null if there is no room.
  void* take(std::size_t bytes);
  void give_back(void* block);  // null is none
  // As realloc(): the block's contents move with it; null, and the old one stays, without room.
  void* resize(void* block, std::size_t bytes);

  [[nodiscard]] std::size_t used_bytes() const { return used_words_ * sizeof(std::uint32_t); }

 private:
  // A block's first word: its size in words, whether it is free, the size of the block before it.
  // Behind that a free one has its neighbours in the list of its size.
  struct Head {
    std::uint32_t words;
    bool free;
    std::uint32_t before;
  };
  static constexpr std::size_t kLists = 15;

  [[nodiscard]] Head head(std::uint32_t at) const;
  void set_head(std::uint32_t at, const Head& value);
  [[nodiscard]] std::uint32_t find(std::uint32_t words) const;
  void link(std::uint32_t at);
  void unlink(std::uint32_t at);
  [[nodiscard]] std::uint32_t place_of(const void* block) const;
  void tell_next(std::uint32_t at, std::uint32_t words);

  std::span<std::uint32_t> words_;
  std::array<std::uint16_t, kLists> first_{};  // of each list: by bits of the size; 0 is none
  std::uint32_t used_words_ = 0;
};

}  // namespace netwatch::dpi
