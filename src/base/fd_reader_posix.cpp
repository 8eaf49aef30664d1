// Files and pipes as a ByteReader, on POSIX systems.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/byte_reader.h"

namespace netwatch::base {
namespace {

class FdReader final : public ByteReader {
 public:
  FdReader(int fd, bool owned, std::string name) : fd_(fd), owned_(owned), name_(std::move(name)) {}
  FdReader(const FdReader&) = delete;
  FdReader& operator=(const FdReader&) = delete;
  ~FdReader() override {
    if (owned_) ::close(fd_);
  }

  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    if (out.empty() || ended_) return std::size_t{0};
    if (failure_ != 0) return failure();
    // POSIX leaves larger reads undefined.
    const std::size_t wanted =
        std::min<std::size_t>(out.size(), std::numeric_limits<ssize_t>::max());
    while (true) {
      const ssize_t got = ::read(fd_, out.data(), wanted);
      if (got >= 0) {
        ended_ = got == 0;
        offset_ += static_cast<std::uint64_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (errno == EINTR) continue;
      failure_ = errno;
      return failure();
    }
  }
  [[nodiscard]] const char* encoding() const override { return "plain"; }

 private:
  [[nodiscard]] Error failure() const {
    return errno_error(failure_, name_ + ": at byte " + std::to_string(offset_));
  }

  int fd_;
  bool owned_;
  bool ended_ = false;
  int failure_ = 0;
  std::uint64_t offset_ = 0;
  std::string name_;
};

}  // namespace

std::unique_ptr<ByteReader> make_fd_reader(int fd, bool owned, std::string name) {
  return std::make_unique<FdReader>(fd, owned, std::move(name));
}

Result<std::unique_ptr<ByteReader>> open_byte_reader(const std::string& path) {
  if (path == "-") {
    return detect_compression(make_fd_reader(STDIN_FILENO, false, "standard input"));
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno_error(errno, path);
  auto stored = make_fd_reader(fd, true, path);
  struct stat status{};
  if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::kInvalid, path + ": is a directory"};
  }
  return detect_compression(std::move(stored));
}

}  // namespace netwatch::base
