#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/byte_reader.h"

namespace netwatch::capture {

// A regular file that somebody is still writing: its end is where more may come. Waits without
// spinning (inotify(7); where that tells nothing, as on network file systems, once a second).
class FollowedFile final : public base::ByteReader {
 public:
  // Reading ends when `stop_fd` becomes readable (-1: never), with what was in the file then. Takes
  // over `fd`, which `path` was opened as.
  FollowedFile(std::string path, int fd, int stop_fd);
  ~FollowedFile() override;
  FollowedFile(const FollowedFile&) = delete;
  FollowedFile& operator=(const FollowedFile&) = delete;

  // Whether read() has something to tell now; waits for it at most so long (negative: until then).
  bool wait(int timeout_ms);
  // 0: the end, since it was stopped. An error, once everything before it was read: the file was
  // shortened, replaced, renamed or removed.
  base::Result<std::size_t> read(std::span<std::uint8_t> out) override;
  [[nodiscard]] const char* encoding() const override { return "plain"; }

 private:
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] bool has_news();
  [[nodiscard]] bool is_elsewhere() const;
  void check_stop();
  void sleep(int timeout_ms);

  std::string path_;
  int fd_;
  int stop_fd_;
  int watch_fd_ = -1;
  bool moved_ = false;  // was renamed at least once
  std::uint64_t offset_ = 0;
  std::uint64_t end_ = UINT64_MAX;  // once it was stopped
  std::string trouble_;             // why nothing more will come
};

}  // namespace netwatch::capture
