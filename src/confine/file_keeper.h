#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// A process that reads and writes one text file of the user's, since a confined worker may open
// none. It has the user's rights and nothing else, whatever the program was started with, and
// writes what its check accepts, and only there.
namespace netwatch::confine {

struct KeptFile {
  std::string path;
  std::size_t max_bytes = 0;  // below 128 KiB: a text is one message
  // Run in the keeper: nothing that it refuses is written.
  std::function<base::Status(std::string_view text)> check;
};

class FileKeeper {
 public:
  // Starts it as a child of this process, before any thread; it ends with this object or the
  // process.
  static base::Result<std::unique_ptr<FileKeeper>> start(const KeptFile& file);
  ~FileKeeper();
  FileKeeper(const FileKeeper&) = delete;
  FileKeeper& operator=(const FileKeeper&) = delete;

  // The text as it was found at the start; kNotFound: there is no such file.
  [[nodiscard]] const base::Result<std::string>& text() const { return text_; }
  // Asks for the whole text to be written, and returns at once. One after the other.
  base::Status write(std::string_view text) const;
  // What became of it; nothing: nothing yet, or nothing was asked for. Never waits. A file that
  // somebody else has changed since it was read is left alone: kInvalid.
  [[nodiscard]] std::optional<base::Status> written() const;

  // Has to be among Plan::written.
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  FileKeeper(int fd, int pid) : fd_(fd), pid_(pid) {}

  int fd_;
  int pid_;
  base::Result<std::string> text_{std::string()};
};

// What the keeper does. By a file of the same folder that is renamed to its name at the end: there
// is the old text or the new one, never a part. Its mode stays; of a new file it is 0600, and
// folders that are missing are made with 0700. A link stays one.
base::Result<std::string> read_small_file(const std::string& path, std::size_t max_bytes);
base::Status replace_file(const std::string& path, std::string_view text);

}  // namespace netwatch::confine
