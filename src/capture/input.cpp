#include "capture/input.h"

#include <poll.h>

#include <algorithm>
#include <array>
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
        block_(stock_->take(0)),
        decoder_may_hold_more_(compressed_) {}
  StreamInput(std::unique_ptr<base::ByteReader> reader, StreamReader& stream)
      : StreamInput(
            std::move(reader), [&stream](int timeout_ms) { return stream.wait(timeout_ms); }, 0) {
    stream_ = &stream;
    if (!compressed_) read_ahead_ = stream.bytes_read();
  }

  base::Result<Fill> fill(std::size_t need, int timeout_ms) override {
    while (front_.size() < need || missing_ > 0) {
      if (ended_) return Fill::kEnd;
      if (failure_) return *failure_;
      const bool at_hand = decoder_may_hold_more_ || read_ahead_ > 0;
      if (!at_hand && !ready_(timeout_ms)) return Fill::kStalled;
      make_room(need);
      const std::size_t used = used_end();
      const auto got = reader_->read(block_->bytes().subspan(used));
      if (!got) {
        failure_ = got.error();
        continue;
      }
      ended_ = *got == 0;
      read_ahead_ -= std::min<std::uint64_t>(read_ahead_, *got);
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
  void hold() override { held_ = true; }
  [[nodiscard]] bool stopped() const override { return stream_ != nullptr && stream_->stopped(); }
  [[nodiscard]] std::shared_ptr<const void> take_backing() override {
    auto blocks = std::make_shared<std::vector<ReadBlockPtr>>(std::exchange(full_, {}));
    if (std::exchange(held_, false)) blocks->push_back(block_);
    return blocks;
  }

 private:
  [[nodiscard]] std::size_t used_end() const { return begin_ + front_.size(); }

  // Packets may be views of the block at hand: it is left as it is, and another one taken. One
  // that nothing looks into goes back to the stock: a file may have any number of them in a row.
  void make_room(std::size_t need) {
    if (used_end() < block_->size() && begin_ + need <= block_->size()) return;
    ReadBlockPtr next = stock_->take(std::min(need, kMaxBlockBytes));
    std::copy(front_.begin(), front_.end(), next->bytes().begin());
    if (std::exchange(held_, false)) full_.push_back(block_);
    block_ = std::move(next);
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
  bool held_ = false;               // block_, since take_backing()
  std::vector<ReadBlockPtr> full_;  // that are held, since take_backing()
  bool ended_ = false;
  bool decoder_may_hold_more_;
  StreamReader* stream_ = nullptr;  // a part of reader_
  std::uint64_t read_ahead_ = 0;    // what reader_ has already, to tell plain from compressed
  std::optional<base::Error> failure_;
};

}  // namespace

// Whether there is something to read, or the end; an interrupted wait is one that ran out.
bool StreamReader::look(int timeout_ms) {
  if (is_over()) return true;
  if (last_moment_) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*last_moment_ - Clock::now()).count();
    const int rest = static_cast<int>(std::max<std::int64_t>(left, 0));
    timeout_ms = timeout_ms < 0 ? rest : std::min(timeout_ms, rest);
  }
  std::array<pollfd, 2> asked{pollfd{fd_, POLLIN, 0},
                              pollfd{last_moment_ ? -1 : stop_fd_, POLLIN, 0}};
  if (::poll(asked.data(), asked.size(), timeout_ms) < 0) return errno != EINTR;
  constexpr std::chrono::milliseconds kGrace{500};
  if (asked[1].revents != 0) last_moment_ = Clock::now() + kGrace;
  return asked[0].revents != 0 || is_over();
}

bool StreamReader::wait(int timeout_ms) {
  bool ready = look(timeout_ms);
  while (!ready && timeout_ms < 0) ready = look(timeout_ms);
  return ready;
}

// A decoder reads until it has something to give: the wish to stop must be seen here, too.
base::Result<std::size_t> StreamReader::read(std::span<std::uint8_t> out) {
  constexpr int kForever = -1;
  if (stop_fd_ >= 0) (void)wait(kForever);
  if (is_over()) return std::size_t{0};
  auto got = stored_->read(out);
  if (got) bytes_read_ += *got;
  return got;
}

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

std::unique_ptr<Input> make_stream_input(std::unique_ptr<base::ByteReader> reader,
                                         StreamReader& stream) {
  return std::make_unique<StreamInput>(std::move(reader), stream);
}

std::unique_ptr<Input> make_followed_input(std::unique_ptr<FollowedFile> file) {
  FollowedFile& followed = *file;
  constexpr std::uint64_t kGrows = 0;
  return std::make_unique<StreamInput>(
      std::move(file), [&followed](int timeout_ms) { return followed.wait(timeout_ms); }, kGrows);
}

}  // namespace netwatch::capture
