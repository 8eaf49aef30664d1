#include "dpi/block_pool.h"

#include <algorithm>
#include <cstring>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NETWATCH_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define NETWATCH_ASAN 1
#endif
#ifdef NETWATCH_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace netwatch::dpi {
namespace {

// Free cells are off limits under AddressSanitizer, so that it sees into the arena.
void forbid([[maybe_unused]] const void* from, [[maybe_unused]] std::size_t bytes) {
#ifdef NETWATCH_ASAN
  __asan_poison_memory_region(from, bytes);
#endif
}

void allow([[maybe_unused]] const void* from, [[maybe_unused]] std::size_t bytes) {
#ifdef NETWATCH_ASAN
  __asan_unpoison_memory_region(from, bytes);
#endif
}

}  // namespace

BlockPool::BlockPool(std::size_t budget_bytes, std::size_t page_bytes,
                     std::span<const std::uint32_t> classes)
    : page_bytes_(page_bytes),
      classes_(classes),
      pages_(std::max<std::size_t>(budget_bytes / page_bytes, 1)),
      sizes_(classes.size()),
      empty_pages_(pages_.size()),
      arena_(new std::byte[pages_.size() * page_bytes]) {
  forbid(arena_.get(), pages_.size() * page_bytes_);
}

BlockPool::~BlockPool() { allow(arena_.get(), pages_.size() * page_bytes_); }

void* BlockPool::take(std::size_t bytes) {
  const auto found = std::lower_bound(classes_.begin(), classes_.end(), bytes);
  if (found == classes_.end()) return nullptr;
  const auto size_class = static_cast<std::uint8_t>(found - classes_.begin());
  std::uint32_t at = sizes_[size_class].with_room;
  if (at == kNil) at = open_page(size_class);
  if (at == kNil) return nullptr;

  Page& page = pages_[at];
  std::byte* cell = nullptr;
  if (page.free_cell != kNil) {
    cell = cell_at(at, page.free_cell);
    allow(cell, *found);
    std::memcpy(&page.free_cell, cell, sizeof page.free_cell);
  } else {
    cell = cell_at(at, page.carved++);
    allow(cell, *found);
  }
  if (++page.used == page.cells) unlink(at);
  taken_bytes_ += *found;
  return cell;
}

void BlockPool::give_back(void* inside) {
  const std::uint32_t at = page_of(inside);
  Page& page = pages_[at];
  const std::size_t bytes = classes_[page.size_class];
  taken_bytes_ -= bytes;
  const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(inside) - cell_at(at, 0));
  const auto index = static_cast<std::uint32_t>(offset / bytes);
  std::byte* cell = cell_at(at, index);
  if (page.used-- == page.cells) link(at);
  if (page.used == 0) {
    unlink(at);
    page.next = free_page_;
    free_page_ = at;
    ++empty_pages_;
    --sizes_[page.size_class].pages;
  } else {
    std::memcpy(cell, &page.free_cell, sizeof page.free_cell);
    page.free_cell = index;
  }
  forbid(cell, bytes);
}

std::size_t BlockPool::cell_bytes(const void* cell) const {
  return classes_[pages_[page_of(cell)].size_class];
}

bool BlockPool::serves(const void* cell, std::size_t bytes) const {
  const Page& page = pages_[page_of(cell)];
  const bool same = classes_[page.size_class] >= bytes &&
                    (page.size_class == 0 || classes_[page.size_class - 1] < bytes);
  return same || page.used == 1;
}

bool BlockPool::may_open(std::uint8_t size_class) const {
  const bool plenty = pages_.size() >= 2 * classes_.size();
  if (!plenty || sizes_[size_class].pages == 0) return true;
  const auto without = static_cast<std::size_t>(std::count_if(
      sizes_.begin(), sizes_.end(), [](const SizeClass& size) { return size.pages == 0; }));
  return empty_pages_ > without;
}

std::uint32_t BlockPool::open_page(std::uint8_t size_class) {
  if (!may_open(size_class)) return kNil;
  std::uint32_t at = kNil;
  if (free_page_ != kNil) {
    at = free_page_;
    free_page_ = pages_[at].next;
  } else if (opened_ < pages_.size()) {
    at = opened_++;
  } else {
    return kNil;
  }
  pages_[at] = Page{};
  pages_[at].size_class = size_class;
  pages_[at].cells = static_cast<std::uint32_t>(page_bytes_ / classes_[size_class]);
  --empty_pages_;
  ++sizes_[size_class].pages;
  link(at);
  return at;
}

void BlockPool::link(std::uint32_t at) {
  Page& page = pages_[at];
  std::uint32_t& head = sizes_[page.size_class].with_room;
  page.prev = kNil;
  page.next = head;
  if (head != kNil) pages_[head].prev = at;
  head = at;
}

void BlockPool::unlink(std::uint32_t at) {
  Page& page = pages_[at];
  if (page.prev != kNil) pages_[page.prev].next = page.next;
  if (page.next != kNil) pages_[page.next].prev = page.prev;
  if (sizes_[page.size_class].with_room == at) sizes_[page.size_class].with_room = page.next;
  page.prev = kNil;
  page.next = kNil;
}

std::uint32_t BlockPool::page_of(const void* cell) const {
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(cell) - arena_.get());
  return static_cast<std::uint32_t>(offset / page_bytes_);
}

std::byte* BlockPool::cell_at(std::uint32_t page, std::uint32_t cell) const {
  return arena_.get() + page * page_bytes_ + std::size_t{cell} * classes_[pages_[page].size_class];
}

}  // namespace netwatch::dpi
