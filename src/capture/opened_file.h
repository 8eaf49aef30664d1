#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "capture/source.h"

namespace netwatch::capture {

class FollowedFile;

// A capture file, a pipe or standard input that is open, and of which nothing was read yet: who
// opens it may give up its rights before it is read. A named pipe is opened without waiting for its
// writer.
class OpenedFile {
 public:
  // "-" is standard input. Never fails: what went wrong is told when it is to be read.
  static OpenedFile open(const std::string& path);
  // For what is still being written; see open_followed().
  static OpenedFile open_to_follow(const std::string& path, int stop_fd);
  // Takes over the descriptor of a regular file.
  OpenedFile(int fd, std::string name);
  OpenedFile(OpenedFile&& from) noexcept;
  OpenedFile& operator=(OpenedFile&& from) noexcept;
  ~OpenedFile();

  [[nodiscard]] int fd() const { return fd_; }  // -1 with trouble(), or while it is followed
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::optional<base::Error>& trouble() const { return trouble_; }

  // Can be read once only: all but regular files.
  [[nodiscard]] bool is_stream() const { return kind_ != Kind::kRegular; }
  // Until something has come through a named pipe, or was there and has gone: a pipe that nobody
  // has opened yet looks like one that has ended.
  void wait_for_writer() const;

  // From its start, which for a regular file may be asked for again when the source before is gone.
  // The source uses the descriptor of this object.
  base::Result<std::unique_ptr<PacketSource>> read(std::uint32_t source);
  // The same; the source owns the descriptor.
  base::Result<std::unique_ptr<PacketSource>> hand_over(std::uint32_t source);

 private:
  enum class Kind : std::uint8_t { kRegular, kPipe, kDevice, kStandardInput };
  explicit OpenedFile(std::string name);
  void open_path(const std::string& path);
  base::Result<std::unique_ptr<PacketSource>> read_from(std::uint32_t source, bool owned);

  std::string name_;
  int fd_ = -1;
  int stop_fd_ = -1;
  Kind kind_ = Kind::kRegular;
  std::optional<base::Error> trouble_;
  std::unique_ptr<FollowedFile> followed_;
};

}  // namespace netwatch::capture
