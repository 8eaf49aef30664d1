#include "capture/opened_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/byte_reader.h"
#include "capture/file_source.h"
#include "capture/followed_file.h"
#include "capture/format.h"
#include "capture/input.h"

namespace netwatch::capture {
namespace {

using Opened = base::Result<std::unique_ptr<PacketSource>>;

constexpr int kNever = -1;

// Standard input, a pipe, a device: whatever is read as it comes.
Opened read_stream(int fd, bool owned, std::string name, std::uint32_t source, int stop_fd) {
  auto stored = std::make_unique<StreamReader>(fd, owned, name, stop_fd);
  StreamReader& stream = *stored;
  auto reader = base::detect_compression(std::move(stored));
  if (!reader) return reader.error();
  return open_input(make_stream_input(*std::move(reader), stream), std::move(name), source);
}

// Read, not mapped: a file that another program shortens just ends early.
Opened read_regular(int fd, bool owned, std::string name, std::uint32_t source) {
  std::array<std::uint8_t, kMagicBytes> magic{};
  const ssize_t got = ::pread(fd, magic.data(), magic.size(), 0);
  if (got > 0 && base::is_compressed(base::Bytes(magic).first(static_cast<std::size_t>(got)))) {
    return read_stream(fd, owned, std::move(name), source, kNever);
  }
  auto stored = base::make_fd_reader(fd, owned, name);
  struct stat status{};
  const bool known = ::fstat(fd, &status) == 0;
  (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return open_input(make_stream_input(std::move(stored), kNever,
                                      known ? static_cast<std::uint64_t>(status.st_size) : 0),
                    std::move(name), source);
}

Opened read_followed(std::unique_ptr<FollowedFile> file, std::string name, std::uint32_t source) {
  auto input = make_followed_input(std::move(file));
  constexpr int kForever = -1;
  const auto filled = input->fill(kMagicBytes, kForever);
  if (filled && base::is_compressed(input->front())) {
    return base::Error{
        base::ErrorCode::kUnsupported,
        name + ": a compressed file cannot be followed: read it when it is complete"};
  }
  return open_input(std::move(input), std::move(name), source);
}

}  // namespace

OpenedFile::OpenedFile(std::string name) : name_(std::move(name)) {}

OpenedFile::OpenedFile(int fd, std::string name) : name_(std::move(name)), fd_(fd) {}

OpenedFile::OpenedFile(OpenedFile&& from) noexcept
    : name_(std::move(from.name_)),
      fd_(std::exchange(from.fd_, -1)),
      stop_fd_(from.stop_fd_),
      kind_(from.kind_),
      trouble_(std::move(from.trouble_)),
      followed_(std::move(from.followed_)) {}

OpenedFile& OpenedFile::operator=(OpenedFile&& from) noexcept {
  std::swap(name_, from.name_);
  std::swap(fd_, from.fd_);
  std::swap(stop_fd_, from.stop_fd_);
  std::swap(kind_, from.kind_);
  std::swap(trouble_, from.trouble_);
  std::swap(followed_, from.followed_);
  return *this;
}

OpenedFile::~OpenedFile() {
  if (fd_ >= 0 && kind_ != Kind::kStandardInput) ::close(fd_);
}

OpenedFile OpenedFile::open(const std::string& path) {
  if (path != "-") {
    OpenedFile file(path);
    file.open_path(path);
    return file;
  }
  OpenedFile file("standard input");
  file.kind_ = Kind::kStandardInput;
  file.fd_ = STDIN_FILENO;
  return file;
}

OpenedFile OpenedFile::open_to_follow(const std::string& path, int stop_fd) {
  OpenedFile file = open(path);
  file.stop_fd_ = stop_fd;
  if (file.kind_ == Kind::kRegular && file.fd_ >= 0) {
    file.followed_ = std::make_unique<FollowedFile>(path, std::exchange(file.fd_, -1), stop_fd);
  }
  return file;
}

// A named pipe must be opened once only: a writer that finds it closed again is killed.
void OpenedFile::open_path(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    trouble_ = base::errno_error(errno, path);
    return;
  }
  if (S_ISDIR(status.st_mode)) {
    trouble_ = base::Error{base::ErrorCode::kInvalid, path + ": is a directory"};
    return;
  }
  if (!S_ISREG(status.st_mode)) kind_ = Kind::kDevice;
  if (S_ISFIFO(status.st_mode)) kind_ = Kind::kPipe;
  const int wait = kind_ == Kind::kPipe ? O_NONBLOCK : 0;
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | wait);
  if (fd_ < 0) {
    trouble_ = base::errno_error(errno, path);
  } else if (wait != 0) {
    (void)::fcntl(fd_, F_SETFL, 0);
  }
}

void OpenedFile::wait_for_writer() const {
  if (kind_ != Kind::kPipe || fd_ < 0) return;
  pollfd waiting{fd_, POLLIN, 0};
  while (::poll(&waiting, 1, -1) < 0 && errno == EINTR) {
  }
}

Opened OpenedFile::read(std::uint32_t source) {
  constexpr bool kOurs = false;
  if (kind_ == Kind::kRegular && fd_ >= 0 && ::lseek(fd_, 0, SEEK_SET) < 0) {
    return base::errno_error(errno, name_);
  }
  return read_from(source, kOurs);
}

Opened OpenedFile::hand_over(std::uint32_t source) {
  auto opened = read_from(source, kind_ != Kind::kStandardInput);
  fd_ = -1;
  return opened;
}

Opened OpenedFile::read_from(std::uint32_t source, bool owned) {
  if (trouble_) return *trouble_;
  if (followed_) return read_followed(std::move(followed_), name_, source);
  if (kind_ == Kind::kRegular) return read_regular(fd_, owned, name_, source);
  if (stop_fd_ < 0) wait_for_writer();
  return read_stream(fd_, owned, name_, source, stop_fd_);
}

Opened open_file(const std::string& path, std::uint32_t source) {
  return OpenedFile::open(path).hand_over(source);
}

Opened open_followed(const std::string& path, std::uint32_t source, int stop_fd) {
  return OpenedFile::open_to_follow(path, stop_fd).hand_over(source);
}

}  // namespace netwatch::capture
