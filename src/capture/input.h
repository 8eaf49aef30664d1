#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_reader.h"
#include "base/bytes.h"
#include "base/result.h"
#include "capture/followed_file.h"

namespace netwatch::capture {

// A window over the bytes of a capture file that only moves forward.
class Input {
 public:
  enum class Fill : std::uint8_t {
    kFilled,   // as many bytes as asked for are in front()
    kEnd,      // the file ends first; front() is all there is
    kStalled,  // a pipe has no more right now
  };
  virtual ~Input() = default;

  [[nodiscard]] base::Bytes front() const { return front_; }
  // The place of front() in the file; for compressed input in the decompressed one.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // Makes front() at least `need` bytes long. A pipe is waited for at most `timeout_ms` (negative:
  // as long as it takes). An error of the system or the decompressor is told once everything
  // before it has been in front().
  virtual base::Result<Fill> fill(std::size_t need, int timeout_ms) = 0;
  // Moves on; what lies beyond front() is thrown away as it comes.
  virtual void advance(std::uint64_t bytes) = 0;
  // Bytes that advance() went past the end of the file, once fill() has said kEnd.
  [[nodiscard]] std::uint64_t missing() const { return missing_; }
  // Something in front() is looked into beyond the next fill(): see take_backing().
  virtual void hold() {}
  // Whether the end came since the user wished it: what it cut in two is no damage.
  [[nodiscard]] virtual bool stopped() const { return false; }
  // What keeps all bytes that were in front() when hold() was called, since the last call of this,
  // where they are.
  [[nodiscard]] virtual std::shared_ptr<const void> take_backing() = 0;
  [[nodiscard]] virtual std::uint64_t total() const { return 0; }

 protected:
  base::Bytes front_;
  std::uint64_t offset_ = 0;
  std::uint64_t missing_ = 0;
};

// A descriptor that is read as it comes, until `stop_fd` is readable (-1: never). Then a writer
// that was told to stop at the same time has a moment to write out its last packets.
class StreamReader final : public base::ByteReader {
 public:
  StreamReader(int fd, bool owned, std::string name, int stop_fd)
      : stored_(base::make_fd_reader(fd, owned, std::move(name))), fd_(fd), stop_fd_(stop_fd) {}

  // Whether read() would not block; waits for it at most so long (negative: until then).
  bool wait(int timeout_ms);
  base::Result<std::size_t> read(std::span<std::uint8_t> out) override;
  [[nodiscard]] const char* encoding() const override { return "plain"; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] bool stopped() const { return last_moment_.has_value(); }

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] bool is_over() const { return last_moment_ && Clock::now() >= *last_moment_; }
  [[nodiscard]] bool look(int timeout_ms);

  std::unique_ptr<base::ByteReader> stored_;
  int fd_;
  int stop_fd_;
  std::uint64_t bytes_read_ = 0;
  std::optional<Clock::time_point> last_moment_;  // once it was stopped
};

// `bytes` must outlive the input and all packets.
std::unique_ptr<Input> make_memory_input(base::Bytes bytes);
// `poll_fd` is what the reader reads in the end, to ask whether it would block; -1: it never does.
// `total`: its length, where that is known.
std::unique_ptr<Input> make_stream_input(std::unique_ptr<base::ByteReader> reader, int poll_fd,
                                         std::uint64_t total = 0);
// `reader` reads in the end from `stream`, perhaps through a decoder.
std::unique_ptr<Input> make_stream_input(std::unique_ptr<base::ByteReader> reader,
                                         StreamReader& stream);
// The same for a file that is still being written.
std::unique_ptr<Input> make_followed_input(std::unique_ptr<FollowedFile> file);

}  // namespace netwatch::capture
