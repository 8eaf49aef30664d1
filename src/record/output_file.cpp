#include "record/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

namespace netwatch::record {
namespace {

base::Error os_error(const std::string& what) { return base::errno_error(errno, what); }

// Six letters and digits.
std::string random_name() {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device device;
  std::string out;
  for (int i = 0; i < 6; ++i) out += kLetters[device() % kLetters.size()];
  return out;
}

bool exists(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0;
}

}  // namespace

OutputFile::~OutputFile() { abandon(); }

base::Status OutputFile::open(const std::string& path, Replace replace,
                              std::optional<FileOwner> owner) {
  name_ = path;
  replace_ = replace;
  good_bytes_ = 0;
  final_path_.clear();
  if (path == "-") {
    name_ = "standard output";
    fd_ = ::dup(STDOUT_FILENO);
    return fd_ < 0 ? base::Status(os_error(name_)) : base::ok_status();
  }
  struct stat existing{};
  const bool there = ::stat(path.c_str(), &existing) == 0;
  if (there && S_ISDIR(existing.st_mode)) {
    return base::Error{base::ErrorCode::kInvalid, path + ": is a directory"};
  }
  if (there && replace == Replace::kNever) {
    return base::Error{base::ErrorCode::kInvalid,
                       path + ": exists already; remove it or choose another name"};
  }
  if (there && !S_ISREG(existing.st_mode)) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    return fd_ < 0 ? base::Status(os_error(path)) : base::ok_status();
  }
  final_path_ = path;
  // A symbolic link stays one: its target is what gets replaced.
  if (char* const resolved = there ? ::realpath(path.c_str(), nullptr) : nullptr) {
    final_path_ = resolved;
    std::free(resolved);
  }
  if (auto made = make_temporary(); !made.ok()) return made;
  if (owner && ::fchown(fd_, owner->uid, owner->gid) != 0) return os_error(path);
  // Who may read what was there may read what replaces it, and nobody else.
  if (there && ::fchmod(fd_, existing.st_mode & 0777) != 0) return os_error(path);
  return base::ok_status();
}

// Not by mkostemp(3), which asks for the right to read as well.
base::Status OutputFile::make_temporary() {
  constexpr int kTries = 100;
  for (int i = 0; fd_ < 0 && i < kTries; ++i) {
    std::string temporary = final_path_ + '.' + random_name();
    fd_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ >= 0) {
      temporary_path_ = std::move(temporary);
    } else if (errno != EEXIST) {
      break;
    }
  }
  return fd_ < 0 ? base::Status(os_error(name_)) : base::ok_status();
}

base::Status OutputFile::write(std::string_view bytes) {
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto at = static_cast<off_t>(good_bytes_ + (bytes.size() - rest.size()));
    const ssize_t written = in_place() ? ::write(fd_, rest.data(), rest.size())
                                       : ::pwrite(fd_, rest.data(), rest.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return keep_good(os_error(name_));
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  good_bytes_ += bytes.size();
  return base::ok_status();
}

base::Status OutputFile::commit() {
  if (fd_ < 0) return base::ok_status();
  // Some file systems find out only here that there is no room.
  if (!in_place() && ::fsync(fd_) != 0) return keep_good(os_error(name_));
  if (::close(std::exchange(fd_, -1)) != 0) return keep_good(os_error(name_));
  if (in_place()) return base::ok_status();
  if (!rename_to_final()) return keep_good(os_error(name_));
  temporary_path_.clear();
  return base::ok_status();
}

bool OutputFile::rename_to_final() {
  if (replace_ == Replace::kYes) {
    return ::rename(temporary_path_.c_str(), final_path_.c_str()) == 0;
  }
  // Not every file system knows the flag; the name was free when the file was begun.
  if (::renameat2(AT_FDCWD, temporary_path_.c_str(), AT_FDCWD, final_path_.c_str(),
                  RENAME_NOREPLACE) == 0) {
    return true;
  }
  return errno == EINVAL && ::rename(temporary_path_.c_str(), final_path_.c_str()) == 0;
}

base::Status OutputFile::keep_good(base::Error error) {
  // By the descriptor while it is there: a confined process may have no right to open it again.
  const auto length = static_cast<off_t>(good_bytes_);
  const bool good =
      good_bytes_ > 0 && !temporary_path_.empty() &&
      (fd_ >= 0 ? ::ftruncate(fd_, length) : ::truncate(temporary_path_.c_str(), length)) == 0;
  if (good) {
    std::string kept = std::exchange(temporary_path_, {});
    if (!exists(final_path_) && ::rename(kept.c_str(), final_path_.c_str()) == 0) {
      kept = final_path_;
    }
    error.message += fmt::format("; the {} bytes before are kept in {}", good_bytes_, kept);
  }
  abandon();
  return error;
}

void OutputFile::abandon() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
  temporary_path_.clear();
}

}  // namespace netwatch::record
