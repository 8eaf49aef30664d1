#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace netwatch::flow {

inline constexpr std::uint32_t kNone = 0xffffffff;

// Objects of one size in chunks that are allocated when first needed and never moved, so pointers
// stay valid and growing copies nothing. Freed objects are reused, last freed first; `kLink` names
// a word that a dead object lends to the free list. Memory goes back with the slab itself.
template <typename T, auto kLink, std::size_t kChunk>
class ChunkSlab {
  static_assert(std::is_trivially_destructible_v<T>);
  static_assert(alignof(T) <= alignof(std::max_align_t));
  static_assert((kChunk & (kChunk - 1)) == 0);

 public:
  std::uint32_t take() {
    std::uint32_t index = free_;
    if (index != kNone) {
      free_ = std::invoke(kLink, (*this)[index]);
    } else {
      index = made_++;
      if (index / kChunk == chunks_.size()) {
        chunks_.push_back(std::make_unique_for_overwrite<Line[]>(kLines));
      }
    }
    new (place(index)) T();
    ++live_;
    return index;
  }
  void give_back(std::uint32_t index) {
    std::invoke(kLink, (*this)[index]) = free_;
    free_ = index;
    --live_;
  }

  T& operator[](std::uint32_t index) { return *std::launder(static_cast<T*>(place(index))); }
  const T& operator[](std::uint32_t index) const {
    return *std::launder(static_cast<const T*>(place(index)));
  }

  [[nodiscard]] std::size_t live() const { return live_; }
  // Objects ever alive at once: indices below this have been used.
  [[nodiscard]] std::uint32_t made() const { return made_; }
  [[nodiscard]] std::size_t memory_bytes() const {
    return chunks_.size() * kChunk * sizeof(T) + chunks_.capacity() * sizeof(void*);
  }

  // Brings an object that is soon to be used into the cache. Any index below made() will do.
  void prefetch(std::uint32_t index) const {
    const auto* const at = static_cast<const std::byte*>(place(index));
    for (std::size_t offset = 0; offset < sizeof(T); offset += sizeof(Line)) {
      __builtin_prefetch(at + offset, 1);
    }
    __builtin_prefetch(at + sizeof(T) - 1, 1);
  }

 private:
  // Chunks begin at a cache line, so that an object touches as few of them as it can.
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  static constexpr std::size_t kLines = (sizeof(T) * kChunk + sizeof(Line) - 1) / sizeof(Line);

  [[nodiscard]] void* place(std::uint32_t index) const {
    return reinterpret_cast<std::byte*>(chunks_[index / kChunk].get()) +
           (index % kChunk) * sizeof(T);
  }

  std::vector<std::unique_ptr<Line[]>> chunks_;
  std::uint32_t free_ = kNone;
  std::uint32_t made_ = 0;
  std::size_t live_ = 0;
};

}  // namespace netwatch::flow
