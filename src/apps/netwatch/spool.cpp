#include "apps/netwatch/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace netwatch::app {
namespace {

base::Status copy_all(int from, int to) {
  std::array<char, std::size_t{64} << 10> block{};
  off_t copied = 0;
  while (true) {
    const ssize_t got = ::read(from, block.data(), block.size());
    if (got == 0) return base::ok_status();
    if (got < 0) {
      if (errno == EINTR) continue;
      return base::errno_error(errno, "reading the input");
    }
    for (ssize_t done = 0; done < got;) {
      // By position: see docs/confinement.md.
      const ssize_t put =
          ::pwrite(to, block.data() + done, static_cast<std::size_t>(got - done), copied);
      if (put < 0 && errno != EINTR) {
        return base::errno_error(errno, "the temporary copy of the input (set TMPDIR)");
      }
      if (put > 0) {
        done += put;
        copied += put;
      }
    }
  }
}

}  // namespace

base::Result<Spool> Spool::make(const std::string& input) {
  const char* chosen = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): before any thread
  const std::string folder = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return base::errno_error(errno, folder + " (for a copy of " + input + ")");
  return Spool(fd);
}

base::Status Spool::fill(int input) const { return copy_all(input, fd_); }

capture::OpenedFile Spool::take(std::string name) && {
  return {std::exchange(fd_, -1), std::move(name)};
}

Spool::Spool(Spool&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}

Spool& Spool::operator=(Spool&& from) noexcept {
  std::swap(fd_, from.fd_);
  return *this;
}

Spool::~Spool() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace netwatch::app
