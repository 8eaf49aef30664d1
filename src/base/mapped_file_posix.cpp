// MappedFile on POSIX systems.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/mapped_file.h"

namespace netwatch::base {

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno_error(errno, path);
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    const int failure = errno;
    ::close(fd);
    return errno_error(failure, path);
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(fd);
    if (S_ISDIR(status.st_mode)) return Error{ErrorCode::kInvalid, path + ": is a directory"};
    return Error{ErrorCode::kUnsupported, path + ": is not a regular file"};
  }
  if (status.st_size == 0) {
    ::close(fd);
    return MappedFile{};
  }
  if (std::cmp_greater(status.st_size, std::numeric_limits<std::size_t>::max())) {
    ::close(fd);
    return Error{ErrorCode::kLimit, path + ": is larger than the address space"};
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int failure = errno;
  ::close(fd);
  if (memory == MAP_FAILED) return errno_error(failure, path);
  ::posix_madvise(memory, size, POSIX_MADV_SEQUENTIAL);
  return MappedFile(Bytes(static_cast<const std::uint8_t*>(memory), size));
}

MappedFile::MappedFile(MappedFile&& from) noexcept : bytes_(std::exchange(from.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& from) noexcept {
  std::swap(bytes_, from.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

void MappedFile::release_before(std::size_t offset) const {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t length = std::min(offset, bytes_.size()) / page * page;
  if (length == 0) return;
  // The pages are clean copies of the file: they are read again should somebody look back.
  ::madvise(const_cast<std::uint8_t*>(bytes_.data()), length, MADV_DONTNEED);
}

}  // namespace netwatch::base
