#include "capture/followed_file.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace netwatch::capture {
namespace {

using Clock = std::chrono::steady_clock;

bool readable(int fd) {
  pollfd asked{fd, POLLIN, 0};
  return fd >= 0 && ::poll(&asked, 1, 0) > 0;
}

}  // namespace

FollowedFile::FollowedFile(std::string path, int fd, int stop_fd)
    : path_(std::move(path)), fd_(fd), stop_fd_(stop_fd) {
  // Without it (no watches left for this user) the file is looked at once a second.
  watch_fd_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (watch_fd_ >= 0) {
    (void)::inotify_add_watch(watch_fd_, path_.c_str(),
                              IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
  }
}

FollowedFile::~FollowedFile() {
  if (watch_fd_ >= 0) ::close(watch_fd_);
  ::close(fd_);
}

std::uint64_t FollowedFile::size() const {
  struct stat about{};
  return ::fstat(fd_, &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

// The name stands for another file, or for none.
bool FollowedFile::is_elsewhere() const {
  struct stat ours{};
  struct stat named{};
  if (::fstat(fd_, &ours) != 0) return false;
  if (::stat(path_.c_str(), &named) == 0) {
    return ours.st_dev != named.st_dev || ours.st_ino != named.st_ino;
  }
  // Who gave up rights may be unable to look the name up: then the file itself has to tell.
  return errno == ENOENT || ours.st_nlink == 0 || moved_;
}

void FollowedFile::check_stop() {
  if (end_ == UINT64_MAX && readable(stop_fd_)) end_ = std::max(offset_, size());
}

bool FollowedFile::has_news() {
  check_stop();
  // Asked in this order: what its last writer wrote before it went away is not missed.
  const bool elsewhere = is_elsewhere();
  const std::uint64_t now = size();
  if (now < offset_) trouble_ = "was shortened while it was followed";
  if (now != offset_) return true;
  if (elsewhere) trouble_ = "was replaced, renamed or removed while it was followed";
  return elsewhere || end_ != UINT64_MAX;
}

bool FollowedFile::wait(int timeout_ms) {
  const auto until = Clock::now() + std::chrono::milliseconds(std::max(timeout_ms, 0));
  while (!has_news()) {
    constexpr int kLongest = 1000;
    int rest = kLongest;
    if (timeout_ms >= 0) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0) return false;
      rest = static_cast<int>(std::min<std::int64_t>(left, kLongest));
    }
    sleep(rest);
  }
  return true;
}

void FollowedFile::sleep(int timeout_ms) {
  std::array<pollfd, 2> waiting{pollfd{watch_fd_, POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0}};
  if (::poll(waiting.data(), waiting.size(), timeout_ms) <= 0) return;
  // What else happened is seen in the file itself.
  alignas(inotify_event) std::array<char, 4096> events{};
  while (watch_fd_ >= 0) {
    const ssize_t got = ::read(watch_fd_, events.data(), events.size());
    if (got <= 0) return;
    // Of one file, events have no name and thus one size.
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);
         at += sizeof(inotify_event)) {
      inotify_event event{};
      std::memcpy(&event, events.data() + at, sizeof event);
      moved_ = moved_ || (event.mask & IN_MOVE_SELF) != 0;
    }
  }
}

base::Result<std::size_t> FollowedFile::read(std::span<std::uint8_t> out) {
  const std::uint64_t most = std::min<std::uint64_t>(out.size(), end_ - offset_);
  if (out.empty() || most == 0) return std::size_t{0};
  ssize_t got = -1;
  do {
    got = ::pread(fd_, out.data(), most, static_cast<off_t>(offset_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return base::errno_error(errno, path_);
  offset_ += static_cast<std::uint64_t>(got);
  if (got > 0) return static_cast<std::size_t>(got);
  if (trouble_.empty()) trouble_ = "was shortened while it was followed";
  return base::Error{base::ErrorCode::kTruncated, path_ + ": " + trouble_};
}

}  // namespace netwatch::capture
