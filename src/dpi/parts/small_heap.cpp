// Blocks by boundary tags in lists by size. A head stands at an odd word, so that what follows it
// is aligned to 8 bytes; place 0 is never one and stands for none.
#include "dpi/parts/small_heap.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

namespace netwatch::dpi {
namespace {

constexpr std::uint32_t kSizeMask = 0x7FFF;
constexpr std::uint32_t kFreeBit = 0x8000;
constexpr std::uint32_t kFirst = 1;
constexpr std::uint32_t kLeastWords = 2;
constexpr std::size_t kLeastMemory = 4;  // words
constexpr int kLookedAt = 16;            // blocks of a list of which not all are large enough

std::size_t list_of(std::uint32_t words) {
  return static_cast<std::size_t>(std::bit_width(words)) - 1;
}

// A block of so many words holds `bytes`.
std::uint32_t words_for(std::size_t bytes) {
  const std::size_t payload = (bytes + sizeof(std::uint32_t) - 1) / sizeof(std::uint32_t);
  return static_cast<std::uint32_t>((std::max<std::size_t>(payload, 1) + 2) & ~std::size_t{1});
}

}  // namespace

SmallHeap::SmallHeap(std::span<std::uint32_t> words) : words_(words) {
  if (words.size() > kMaxWords || words.size() % 2 != 0 || words.size() < kLeastMemory) {
    std::abort();  // a bug
  }
  set_head(kFirst, {static_cast<std::uint32_t>(words.size()) - 2, true, 0});
  link(kFirst);
}

void* SmallHeap::take(std::size_t bytes) {
  if (bytes >= words_.size_bytes()) return nullptr;
  const std::uint32_t needed = words_for(bytes);
  const std::uint32_t at = find(needed);
  if (at == 0) return nullptr;
  unlink(at);
  Head found = head(at);
  const std::uint32_t rest = found.words - needed;
  if (rest >= kLeastWords) {
    set_head(at + needed, {rest, true, needed});
    tell_next(at + needed, rest);
    link(at + needed);
    found.words = needed;
  }
  found.free = false;
  set_head(at, found);
  used_words_ += found.words;
  return &words_[at + 1];
}

void SmallHeap::give_back(void* block) {
  if (block == nullptr) return;
  std::uint32_t at = place_of(block);
  Head own = head(at);
  used_words_ -= own.words;
  const std::uint32_t next = at + own.words;
  if (next + 1 < words_.size() && head(next).free) {
    unlink(next);
    own.words += head(next).words;
  }
  if (own.before != 0 && head(at - own.before).free) {
    const std::uint32_t previous = at - own.before;
    unlink(previous);
    const Head joined = head(previous);
    own.words += joined.words;
    own.before = joined.before;
    at = previous;
  }
  own.free = true;
  set_head(at, own);
  tell_next(at, own.words);
  link(at);
}

void* SmallHeap::resize(void* block, std::size_t bytes) {
  if (block == nullptr) return take(bytes);
  const std::size_t held = (head(place_of(block)).words - 1) * sizeof(std::uint32_t);
  if (bytes <= held) return block;
  void* larger = take(bytes);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, held);
  give_back(block);
  return larger;
}

SmallHeap::Head SmallHeap::head(std::uint32_t at) const {
  const std::uint32_t word = words_[at];
  return {word & kSizeMask, (word & kFreeBit) != 0, word >> 16};
}

void SmallHeap::set_head(std::uint32_t at, const Head& value) {
  words_[at] = value.words | (value.free ? kFreeBit : 0) | (value.before << 16);
}

// The block behind the one at `at` learns its size.
void SmallHeap::tell_next(std::uint32_t at, std::uint32_t words) {
  const std::uint32_t next = at + words;
  if (next + 1 >= words_.size()) return;
  Head other = head(next);
  other.before = words;
  set_head(next, other);
}

// In the list of this size some are too small; in those behind it none is.
std::uint32_t SmallHeap::find(std::uint32_t words) const {
  const std::size_t own = list_of(words);
  std::uint32_t at = first_[own];
  for (int i = 0; i < kLookedAt && at != 0; ++i) {
    if (head(at).words >= words) return at;
    at = words_[at + 1] & 0xFFFF;
  }
  for (std::size_t list = own + 1; list < kLists; ++list) {
    if (first_[list] != 0) return first_[list];
  }
  return 0;
}

void SmallHeap::link(std::uint32_t at) {
  std::uint16_t& first = first_[list_of(head(at).words)];
  words_[at + 1] = first;
  if (first != 0) words_[first + 1] |= at << 16;
  first = static_cast<std::uint16_t>(at);
}

void SmallHeap::unlink(std::uint32_t at) {
  const std::uint32_t next = words_[at + 1] & 0xFFFF;
  const std::uint32_t previous = words_[at + 1] >> 16;
  if (next != 0) words_[next + 1] = (words_[next + 1] & 0xFFFF) | (previous << 16);
  if (previous != 0) {
    words_[previous + 1] = (words_[previous + 1] & 0xFFFF0000) | next;
  } else {
    first_[list_of(head(at).words)] = static_cast<std::uint16_t>(next);
  }
}

std::uint32_t SmallHeap::place_of(const void* block) const {
  const auto* word = static_cast<const std::uint32_t*>(block);
  return static_cast<std::uint32_t>(word - words_.data()) - 1;
}

}  // namespace netwatch::dpi
