#include "apps/netwatch/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace netwatch::app {

bool reserve_standard_streams() {
  for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; ++standard) {
    if (::fcntl(standard, F_GETFD) >= 0) continue;
    // The lowest number that is free. Open for what nobody does with it: an error stays one.
    const int access = standard == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", access) != standard) return false;
  }
  return true;
}

}  // namespace netwatch::app
