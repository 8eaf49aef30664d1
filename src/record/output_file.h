#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace netwatch::record {

// The user that a file is to belong to, where that is not who makes it.
struct FileOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// A file that appears whole: made beside its final name with mode 0600 and renamed by commit().
// "-" is standard output; what exists already and is no regular file (a pipe, a device) is written
// in place. When the disk is full what was written before is kept: under the final name, or beside
// it if a file is there already; the error says where. A regular file is written by pwrite(2),
// which a confined process may use on descriptors that it opens late (docs/confinement.md).
class OutputFile {
 public:
  enum class Replace : std::uint8_t { kYes, kNever };

  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();  // without commit(): the unfinished file is removed

  base::Status open(const std::string& path, Replace replace,
                    std::optional<FileOwner> owner = std::nullopt);
  // A whole number of blocks: what is kept after an error ends where one of these calls did.
  base::Status write(std::string_view bytes);
  base::Status commit();
  void abandon();

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] bool in_place() const { return final_path_.empty(); }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& final_path() const { return final_path_; }

 private:
  base::Status make_temporary();
  [[nodiscard]] base::Status keep_good(base::Error error);
  [[nodiscard]] bool rename_to_final();

  int fd_ = -1;
  std::string name_;
  std::string final_path_;
  std::string temporary_path_;  // empty when written in place
  std::uint64_t good_bytes_ = 0;
  Replace replace_ = Replace::kYes;
};

}  // namespace netwatch::record
