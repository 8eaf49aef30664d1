#include "apps/netwatch/output.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace netwatch::app {

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && errno_ == 0) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      errno_ = errno;
    }
  }
  buffer_.clear();
}

}  // namespace netwatch::app
