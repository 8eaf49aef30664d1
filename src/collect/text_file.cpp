#include "collect/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "collect/collect.h"

namespace netwatch::collect {

std::string Root::join(std::string_view relative) const {
  std::string joined = path;
  if (joined.empty() || joined.back() != '/') joined += '/';
  joined += relative;
  return joined;
}

base::Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return base::errno_error(errno, path);
  std::string text;
  std::array<char, 16384> chunk{};
  while (text.size() < max_bytes) {
    const ssize_t got =
        ::read(fd, chunk.data(), std::min<std::size_t>(chunk.size(), max_bytes - text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int failure = errno;
      ::close(fd);
      return base::errno_error(failure, path);
    }
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  return text;
}

std::string read_link(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

}  // namespace netwatch::collect
