#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "confine/child_linux.h"
#include "confine/file_keeper.h"
#include "confine/measures_linux.h"

namespace netwatch::confine {
namespace {

constexpr int kStartTimeoutS = 10;
constexpr std::uint8_t kFine = 0xFF;  // an answer's first byte, else a base::ErrorCode
constexpr std::size_t kMaxWordsBytes = 512;

base::Error failed(const std::string& what) { return base::errno_error(errno, what); }

// Owns a descriptor.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

base::Status make_folders(const std::string& folder) {
  struct stat about{};
  if (::stat(folder.c_str(), &about) == 0) return base::ok_status();
  if (const std::string above = folder_of(folder); above != folder) {
    if (auto made = make_folders(above); !made.ok()) return made;
  }
  constexpr mode_t kOwnersOnly = 0700;
  if (::mkdir(folder.c_str(), kOwnersOnly) != 0 && errno != EEXIST) return failed(folder);
  return base::ok_status();
}

// Where a link leads to, so that it is not the link that is replaced; empty where it leads nowhere.
std::string target_of(const std::string& path) {
  char* const real = ::realpath(path.c_str(), nullptr);
  struct stat link{};
  if (real == nullptr && ::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode)) return {};
  if (real == nullptr) return path;
  std::string out = real;
  std::free(real);  // NOLINT(*-no-malloc,*-owning-memory): realpath's own
  return out;
}

base::Status write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed(path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0 ? base::ok_status() : base::Status(failed(path));
}

// ---- the keeper ----

bool tell(int fd, std::uint8_t verdict, std::string_view words) {
  std::vector<std::uint8_t> out(1 + words.size());
  out[0] = verdict;
  if (!words.empty()) std::memcpy(out.data() + 1, words.data(), words.size());
  return ::send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

bool tell(int fd, const base::Error& error) {
  return tell(fd, static_cast<std::uint8_t>(error.code),
              std::string_view(error.message).substr(0, kMaxWordsBytes));
}

// The user's rights and no others: what is read is said to them, and what is written is theirs.
base::Status become_the_user() {
  empty_bounding_set();
  if (const auto user = less_privileged_user(); user && user->known) {
    if (auto became = become(*user, {}); !became.ok()) return became;
  }
  if (auto dropped = drop_capabilities(); !dropped.ok()) return dropped;
  if (auto forbidden = forbid_new_privileges(); !forbidden.ok()) return forbidden;
  // What is not possible of these lends nobody anything.
  (void)hide_memory();
  (void)deny_keeper_calls();
  return base::ok_status();
}

class Keeper {
 public:
  Keeper(int fd, const KeptFile& file) : fd_(fd), file_(file) {}

  void run() {
    if (auto became = become_the_user(); !became.ok()) {
      (void)tell(fd_, became.error());
      return;
    }
    known_ = read_small_file(file_.path, file_.max_bytes);
    if (!(known_.ok() ? tell(fd_, kFine, *known_) : tell(fd_, known_.error()))) return;
    std::vector<std::uint8_t> room(file_.max_bytes + 1);
    while (true) {
      const ssize_t got = ::recv(fd_, room.data(), room.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;
      const auto done = write({reinterpret_cast<const char*>(room.data()),  // NOLINT
                               static_cast<std::size_t>(got)});
      if (!(done.ok() ? tell(fd_, kFine, {}) : tell(fd_, done.error()))) return;
    }
  }

 private:
  base::Status write(std::string_view text) {
    if (text.size() > file_.max_bytes) {
      return base::Error{base::ErrorCode::kLimit, "too long for " + file_.path};
    }
    if (auto fine = file_.check(text); !fine.ok()) return fine;
    auto now = read_small_file(file_.path, file_.max_bytes);
    const bool same = now.ok() ? known_.ok() && *known_ == *now
                               : now.error().code == base::ErrorCode::kNotFound && !known_.ok();
    if (!same) {
      return base::Error{base::ErrorCode::kInvalid,
                         file_.path + " has been changed since it was read"};
    }
    if (auto replaced = replace_file(file_.path, text); !replaced.ok()) return replaced;
    known_ = std::string(text);
    return base::ok_status();
  }

  int fd_;
  const KeptFile& file_;
  base::Result<std::string> known_{std::string()};
};

base::Error lost() {
  return {base::ErrorCode::kIo, "the process that writes the settings has ended"};
}

base::Result<std::string> understood(base::Bytes answer) {
  const std::string_view words = base::as_text(answer.subspan(1));
  if (answer[0] == kFine) return std::string(words);
  const auto last = static_cast<std::uint8_t>(base::ErrorCode::kIo);
  return base::Error{static_cast<base::ErrorCode>(std::min(answer[0], last)), std::string(words)};
}

}  // namespace

base::Result<std::string> read_small_file(const std::string& path, std::size_t max_bytes) {
  // Not to wait for the other end of a named pipe.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.fd() < 0) return failed(path);
  struct stat about{};
  if (::fstat(file.fd(), &about) != 0) return failed(path);
  if (!S_ISREG(about.st_mode)) {
    return base::Error{base::ErrorCode::kInvalid, path + " is not an ordinary file"};
  }
  std::string out(max_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < out.size()) {
    const ssize_t got = ::read(file.fd(), out.data() + size, out.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > max_bytes) {
    return base::Error{base::ErrorCode::kLimit,
                       path + " has more than " + std::to_string(max_bytes) + " bytes"};
  }
  out.resize(size);
  return out;
}

base::Status replace_file(const std::string& path, std::string_view text) {
  const std::string target = target_of(path);
  if (target.empty()) {
    return base::Error{base::ErrorCode::kNotFound, path + " is a link that leads nowhere"};
  }
  const std::string folder = folder_of(target);
  if (auto made = make_folders(folder); !made.ok()) return made;
  struct stat about{};
  constexpr mode_t kModeBits = 07777;
  constexpr mode_t kOwnersOnly = 0600;
  const mode_t mode = ::stat(target.c_str(), &about) == 0 ? about.st_mode & kModeBits : kOwnersOnly;
  std::string name = folder + "/.netwatch-XXXXXX";
  const File file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.fd() < 0) return failed(folder);
  base::Status done = write_all(file.fd(), text, name);
  if (done.ok() && ::fchmod(file.fd(), mode) != 0) done = failed(name);
  if (done.ok() && ::rename(name.c_str(), target.c_str()) != 0) done = failed(target);
  if (!done.ok()) {
    (void)::unlink(name.c_str());
    return done;
  }
  // So that the new name outlives a loss of power, too.
  const File parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.fd() >= 0) (void)::fsync(parent.fd());
  return done;
}

// ---- the worker's side ----

base::Result<std::unique_ptr<FileKeeper>> FileKeeper::start(const KeptFile& file) {
  const auto child = start_child("keeper of settings", [&](int fd) {
    fd = become_child(fd, "netwatch-keeper");
    Keeper(fd, file).run();
    ::_exit(0);
  });
  if (!child.ok()) return child.error();
  std::unique_ptr<FileKeeper> out(new FileKeeper(child->fd, child->pid));
  const timeval patience{.tv_sec = kStartTimeoutS, .tv_usec = 0};
  (void)::setsockopt(out->fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::vector<std::uint8_t> room(1 + std::max(file.max_bytes, kMaxWordsBytes));
  ssize_t got = -1;
  do {
    got = ::recv(out->fd_, room.data(), room.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return lost();
  out->text_ = understood({room.data(), static_cast<std::size_t>(got)});
  return out;
}

FileKeeper::~FileKeeper() { end_child({.fd = fd_, .pid = pid_}); }

// By write(2), the one call that a confined worker has for it.
base::Status FileKeeper::write(std::string_view text) const {
  ssize_t sent = -1;
  do {
    sent = ::write(fd_, text.data(), text.size());
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(text.size()) ? base::ok_status() : base::Status(lost());
}

std::optional<base::Status> FileKeeper::written() const {
  std::array<std::uint8_t, 1 + kMaxWordsBytes> room{};
  const ssize_t got = ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return std::nullopt;
  if (got <= 0) return base::Status(lost());
  const auto told = understood({room.data(), static_cast<std::size_t>(got)});
  return told.ok() ? base::ok_status() : base::Status(told.error());
}

}  // namespace netwatch::confine
