#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace netwatch::capture {

// Memory that files and pipes are read into and packets are views of. It goes back to its stock
// when nobody holds it any more, and is read into again while it is still in the processor's cache:
// that is why reading is cheaper than mapping (docs/performance.md).
class ReadBlock {
 public:
  explicit ReadBlock(std::size_t size)
      : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(size)), size_(size) {}

  [[nodiscard]] std::span<std::uint8_t> bytes() { return {bytes_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_;
};
using ReadBlockPtr = std::shared_ptr<ReadBlock>;

// Blocks that are not in use. One thread takes; any thread may be the last holder of a block.
class ReadBlockStock : public std::enable_shared_from_this<ReadBlockStock> {
 public:
  static constexpr std::size_t kUsualBytes = std::size_t{256} << 10;
  static constexpr std::size_t kMaxSpare = 16;

  // Of at least `least_bytes`; larger ones than usual are not kept for later.
  ReadBlockPtr take(std::size_t least_bytes) {
    std::unique_ptr<ReadBlock> block;
    if (least_bytes <= kUsualBytes) block = take_spare();
    if (block == nullptr) {
      block = std::make_unique<ReadBlock>(least_bytes <= kUsualBytes ? kUsualBytes : least_bytes);
    }
    return {block.release(),
            [stock = shared_from_this()](ReadBlock* done) { stock->give_back(done); }};
  }

 private:
  std::unique_ptr<ReadBlock> take_spare() {
    const std::scoped_lock lock(mutex_);
    if (spare_.empty()) return nullptr;
    std::unique_ptr<ReadBlock> block = std::move(spare_.back());
    spare_.pop_back();
    return block;
  }
  void give_back(ReadBlock* done) {
    std::unique_ptr<ReadBlock> block(done);
    if (block->size() != kUsualBytes) return;
    const std::scoped_lock lock(mutex_);
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(block));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<ReadBlock>> spare_;
};

}  // namespace netwatch::capture
