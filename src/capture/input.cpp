#include "capture/input.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "capture/format.h"

namespace netwatch::capture {
namespace {

// Everything is in memory from the start.
class MemoryInput : public Input {
 public:
  MemoryInput(base::Bytes bytes, std::shared_ptr<const void> owner) : size_(bytes.size()) {
    front_ = bytes;
    backing_ = std::move(owner);
  }

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

 private:
  std::uint64_t size_;
};

class MappedInput final : public MemoryInput {
 public:
  explicit MappedInput(std::shared_ptr<base::MappedFile> file)
      : MemoryInput(file->bytes(), file), file_(std::move(file)) {}

  void advance(std::uint64_t bytes) override {
    // What is let go lags behind: batches that are still being worked on keep their pages.
    constexpr std::uint64_t kStep = std::uint64_t{4} << 20;
    constexpr std::uint64_t kLag = std::uint64_t{16} << 20;
    MemoryInput::advance(bytes);
    if (offset_ < released_ + kLag + kStep) return;
    released_ = offset_ - kLag;
    file_->release_before(static_cast<std::size_t>(released_));
  }

 private:
  std::shared_ptr<base::MappedFile> file_;
  std::uint64_t released_ = 0;
};

// A buffer that is refilled from a reader.
class StreamInput final : public Input {
 public:
  // Whether the reader would not block; waits for it at most so many milliseconds.
  using Ready = std::function<bool(int timeout_ms)>;

  StreamInput(std::unique_ptr<base::ByteReader> reader, Ready ready)
      : reader_(std::move(reader)),
        compressed_(std::string_view(reader_->encoding()) != "plain"),
        ready_(std::move(ready)),
        buffer_(kUsualBytes) {}

  base::Result<Fill> fill(std::size_t need, int timeout_ms) override {
    while (front_.size() < need || missing_ > 0) {
      if (ended_) return Fill::kEnd;
      if (failure_) return *failure_;
      if (!decoder_may_hold_more_ && !ready_(timeout_ms)) return Fill::kStalled;
      make_room(need);
      const std::size_t used = used_end();
      const auto got = reader_->read(std::span(buffer_).subspan(used));
      if (!got) {
        failure_ = got.error();
        continue;
      }
      ended_ = *got == 0;
      decoder_may_hold_more_ = compressed_ && *got == buffer_.size() - used;
      front_ = base::Bytes(buffer_).subspan(begin_, front_.size() + *got);
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

 private:
  static constexpr std::size_t kUsualBytes = std::size_t{256} << 10;

  [[nodiscard]] std::size_t used_end() const { return begin_ + front_.size(); }

  void make_room(std::size_t need) {
    if (used_end() == buffer_.size() || begin_ + need > buffer_.size()) {
      std::copy(front_.begin(), front_.end(), buffer_.begin());
      begin_ = 0;
    }
    if (need > buffer_.size()) buffer_.resize(std::min(need, kMaxBlockBytes));
    front_ = base::Bytes(buffer_).subspan(begin_, front_.size());
  }

  std::unique_ptr<base::ByteReader> reader_;
  bool compressed_;
  Ready ready_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;  // of front_ in buffer_
  bool ended_ = false;
  bool decoder_may_hold_more_ = false;
  std::optional<base::Error> failure_;
};

}  // namespace

std::unique_ptr<Input> make_mapped_input(base::MappedFile file) {
  return std::make_unique<MappedInput>(std::make_shared<base::MappedFile>(std::move(file)));
}

std::unique_ptr<Input> make_memory_input(base::Bytes bytes) {
  return std::make_unique<MemoryInput>(bytes, std::make_shared<char>());
}

std::unique_ptr<Input> make_stream_input(std::unique_ptr<base::ByteReader> reader, int poll_fd) {
  return std::make_unique<StreamInput>(std::move(reader), [poll_fd](int timeout_ms) {
    if (poll_fd < 0) return true;
    pollfd waiting{poll_fd, POLLIN, 0};
    // An interrupted wait is one that ran out; all else is for read() to explain.
    const int events = poll(&waiting, 1, timeout_ms);
    return events > 0 || (events < 0 && errno != EINTR);
  });
}

std::unique_ptr<Input> make_followed_input(std::unique_ptr<FollowedFile> file) {
  FollowedFile& followed = *file;
  return std::make_unique<StreamInput>(
      std::move(file), [&followed](int timeout_ms) { return followed.wait(timeout_ms); });
}

}  // namespace netwatch::capture
