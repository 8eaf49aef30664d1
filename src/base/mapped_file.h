#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace netwatch::base {

// A regular file, mapped read-only for reading front to back. Its size is that of the moment of
// opening. Should another program shorten the file while it is mapped, touching the lost pages
// raises SIGBUS: for files that somebody still writes, use open_byte_reader().
class MappedFile {
 public:
  // kUnsupported if it is not a regular file (pipe, device); kInvalid if it is a directory.
  static Result<MappedFile> open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& from) noexcept;
  MappedFile& operator=(MappedFile&& from) noexcept;
  ~MappedFile();

  // Valid until this object dies; moving it does not move the bytes. Empty for an empty file.
  [[nodiscard]] Bytes bytes() const { return bytes_; }
  // Lets the kernel drop what lies before `offset`: a long read keeps a small footprint. The
  // bytes stay readable.
  void release_before(std::size_t offset) const;

 private:
  explicit MappedFile(Bytes bytes) : bytes_(bytes) {}

  Bytes bytes_;
};

}  // namespace netwatch::base
