#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace netwatch::dpi {

// Cells of a few fixed sizes out of one arena that is reserved whole and touched only as it is
// used. A page serves one size while any of its cells is taken, then any size; while there are
// pages enough, one is left for each size that has none yet, so that no size starves another.
// Never grows, never throws after construction; a cell is aligned to 16 bytes.
class BlockPool {
 public:
  // `classes`: cell sizes, ascending, multiples of 16, none larger than a page; of static
  // storage. At least one page is reserved.
  BlockPool(std::size_t budget_bytes, std::size_t page_bytes,
            std::span<const std::uint32_t> classes);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A cell of at least `bytes`; null when the arena has no room or no class is that large.
  void* take(std::size_t bytes);
  void give_back(void* inside);  // anywhere inside the cell

  [[nodiscard]] std::size_t cell_bytes(const void* cell) const;
  // Whether giving `cell` back makes room for `bytes` at once.
  [[nodiscard]] bool serves(const void* cell, std::size_t bytes) const;
  [[nodiscard]] std::size_t largest() const { return classes_.back(); }
  [[nodiscard]] std::size_t taken_bytes() const { return taken_bytes_; }

 private:
  static constexpr std::uint32_t kNil = 0xFFFFFFFF;
  struct Page {
    std::uint32_t prev = kNil;
    std::uint32_t next = kNil;       // in the list of its class's pages with room
    std::uint32_t free_cell = kNil;  // given back, linked through their first bytes
    std::uint32_t used = 0;
    std::uint32_t carved = 0;  // cells handed out at least once
    std::uint32_t cells = 0;
    std::uint8_t size_class = 0;
  };

  std::uint32_t open_page(std::uint8_t size_class);
  void link(std::uint32_t at);
  void unlink(std::uint32_t at);
  [[nodiscard]] bool may_open(std::uint8_t size_class) const;
  [[nodiscard]] std::uint32_t page_of(const void* cell) const;
  [[nodiscard]] std::byte* cell_at(std::uint32_t page, std::uint32_t cell) const;

  std::size_t page_bytes_;
  std::span<const std::uint32_t> classes_;
  std::vector<Page> pages_;
  struct SizeClass {
    std::uint32_t with_room = kNil;  // first page of the list
    std::uint32_t pages = 0;
  };
  std::vector<SizeClass> sizes_;
  std::uint32_t free_page_ = kNil;
  std::uint32_t opened_ = 0;  // pages used at least once
  std::size_t empty_pages_;
  std::size_t taken_bytes_ = 0;
  std::unique_ptr<std::byte[]> arena_;
};

}  // namespace netwatch::dpi
