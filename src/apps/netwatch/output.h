#pragma once

#include <cerrno>
#include <string>

#include "base/result.h"

namespace netwatch::app {

// Standard output in large writes. Remembers the first failure (a full disk, a closed pipe).
class Output {
 public:
  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { flush(); }

  // The text to be written; call written() after appending to it.
  std::string& buffer() { return buffer_; }
  void written() {
    if (buffer_.size() >= kFlushBytes) flush();
  }
  void flush();
  [[nodiscard]] bool failed() const { return errno_ != 0; }
  // Whoever read it has seen enough: an end like any other.
  [[nodiscard]] bool reader_is_gone() const { return errno_ == EPIPE; }
  [[nodiscard]] base::Error error() const { return base::errno_error(errno_, "standard output"); }

 private:
  static constexpr std::size_t kFlushBytes = std::size_t{64} << 10;

  std::string buffer_;
  int errno_ = 0;
};

}  // namespace netwatch::app
