#include "capture/input.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "capture/format.h"
#include "capture/read_block.h"

namespace netwatch::capture {
namespace {

// Everything is in memory from the start.
class MemoryInput final : public Input {
 public:
  explicit MemoryInput(base::Bytes bytes) : size_(bytes.size()) { front_ = bytes; }

  base::Result<Fill> fill(std::size_t need, int /*timeout_ms*/) override {
    return need <= front_.size() ? Fill::kFilled : Fill::kEnd;
  }
  void advance(std::uint64_t bytes) override {
    const std::size_t step =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes, front_.size()));
    missing_ = bytes - step;
    front_ = front_.subspan(step);
    offset_ += step;
  }
  [[nodiscard]] std::uint64_t total() const override { return size_; }
  [[nodiscard]] std::shared_ptr<const void> take_backing() override { return owner_; }

 private:
  std::uint64_t size_;
  std::shared_ptr<const void> owner_ = std::make_shared<char>();
};

// Blocks that are filled from a reader one after the other. What is at the end of one when it is
// full, a part of a record, begins the next: nothing else is copied.
class StreamInput final : public Input {
 public:
  // Whether the reader would not block; waits for it at most so many milliseconds.
  using Ready = std::function<bool(int timeout_ms)>;

  StreamInput(std::unique_ptr<base::ByteReader> reader, Ready ready, std::uint64_t total)
      : reader_(std::move(reader)),
        compressed_(std::string_view(reader_->encoding()) != "plain"),
        ready_(std::move(ready)),
        total_(total),
        block_(stock_->take(0)) {}

  base::Result<Fill> fill(std::size_t need, int timeout_ms) override {
    while (front_.size() < need || missing_ > 0) {
      if (ended_) return Fill::kEnd;
      if (failure_) return *failure_;
      if (!decoder_may_hold_more_ && !ready_(timeout_ms)) return Fill::kStalled;
      make_room(need);
      const std::size_t used = used_end();
      const auto got = reader_->read(block_->bytes().subspan(used));
      if (!got) {
        failure_ = got.error();
        continue;
      }
      ended_ = *got == 0;
      decoder_may_hold_more_ = compressed_ && *got == block_->size() - used;
      front_ = base::Bytes(block_->bytes()).subspan(begin_, front_.size() + *got);
      advance(std::exchange(missing_, 0));
    }
    return Fill::kFilled;
  }

  void advance(std::uint64_t bytes) override {
    const std::size_t step =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes, front_.size()));
    missing_ += bytes - step;
    front_ = front_.subspan(step);
    begin_ += step;
    offset_ += step;
  }
  [[nodiscard]] std::uint64_t total() const override { return total_; }
  [[nodiscard]] std::shared_ptr<const void> take_backing() override {
    auto blocks = std::make_shared<std::vector<ReadBlockPtr>>(std::exchange(full_, {}));
    blocks->push_back(block_);
    return blocks;
  }

 private:
  [[nodiscard]] std::size_t used_end() const { return begin_ + front_.size(); }

  // Packets may be views of the block at hand: it is left as it is, and another one taken.
  void make_room(std::size_t need) {
    if (used_end() < block_->size() && begin_ + need <= block_->size()) return;
    ReadBlockPtr next = stock_->take(std::min(need, kMaxBlockBytes));
    std::copy(front_.begin(), front_.end(), next->bytes().begin());
    full_.push_back(std::exchange(block_, std::move(next)));
    begin_ = 0;
    front_ = base::Bytes(block_->bytes()).first(front_.size());
  }

  std::unique_ptr<base::ByteReader> reader_;
  bool compressed_;
  Ready ready_;
  std::uint64_t total_;
  std::shared_ptr<ReadBlockStock> stock_ = std::make_shared<ReadBlockStock>();
  ReadBlockPtr block_;              // front_ is a part of it
  std::size_t begin_ = 0;           // of front_ in block_
  std::vector<ReadBlockPtr> full_;  // since take_backing()
  bool ended_ = false;
  bool decoder_may_hold_more_ = false;
  std::optional<base::Error> failure_;
};

}  // namespace

std::unique_ptr<Input> make_memory_input(base::Bytes bytes) {
  return std::make_unique<MemoryInput>(bytes);
}

std::unique_ptr<Input> make_stream_input(std::unique_ptr<base::ByteReader> reader, int poll_fd,
                                         std::uint64_t total) {
  auto ready = [poll_fd](int timeout_ms) {
    if (poll_fd < 0) return true;
    pollfd waiting{poll_fd, POLLIN, 0};
    // An interrupted wait is one that ran out; all else is for read() to explain.
    const int events = poll(&waiting, 1, timeout_ms);
    return events > 0 || (events < 0 && errno != EINTR);
  };
  return std::make_unique<StreamInput>(std::move(reader), std::move(ready), total);
}

std::unique_ptr<Input> make_followed_input(std::unique_ptr<FollowedFile> file) {
  FollowedFile& followed = *file;
  constexpr std::uint64_t kGrows = 0;
  return std::make_unique<StreamInput>(
      std::move(file), [&followed](int timeout_ms) { return followed.wait(timeout_ms); }, kGrows);
}

}  // namespace netwatch::capture
