#pragma once

#include <string>

#include "base/result.h"

namespace netwatch::app {

// A copy of standard input or a pipe on disk, for runs that need two passes. Has no name in the
// file system and is gone with the process; lives in $TMPDIR or /var/tmp.
class Spool {
 public:
  // "-" is standard input.
  static base::Result<Spool> of(const std::string& path);
  Spool(Spool&& from) noexcept;
  Spool& operator=(Spool&& from) noexcept;
  ~Spool();

  // A path that opens the copy from its start.
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  explicit Spool(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace netwatch::app
