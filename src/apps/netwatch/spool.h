#pragma once

#include <string>

#include "base/result.h"
#include "capture/opened_file.h"

namespace netwatch::app {

// A copy of standard input or a pipe on disk, for runs that need two passes. Has no name in the
// file system and is gone with the process; lives in $TMPDIR or /var/tmp.
class Spool {
 public:
  // Empty; `input` is what will be copied, for people.
  static base::Result<Spool> make(const std::string& input);
  Spool(Spool&& from) noexcept;
  Spool& operator=(Spool&& from) noexcept;
  ~Spool();

  // Everything that comes from `input`.
  base::Status fill(int input) const;
  // The copy, as a file of the name of its input. Once.
  [[nodiscard]] capture::OpenedFile take(std::string name) &&;

 private:
  explicit Spool(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace netwatch::app
