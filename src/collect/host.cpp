#include "collect/host.h"

#include <dirent.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

base::Result<std::string> LocalHost::read(std::string_view file, std::size_t max_bytes) const {
  auto text = read_text_file(root_.join(file), max_bytes);
  if (text) return text;
  base::Error error = text.error();
  const std::string prefix = root_.join("");
  if (error.message.starts_with(prefix)) error.message.replace(0, prefix.size(), "/");
  return error;
}

std::vector<std::string> LocalHost::list(std::string_view folder) const {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(root_.join(folder).c_str()));
  if (!open) return names;
  while (const dirent* entry = ::readdir(open.get())) {
    if (names.size() == kMaxNames) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

base::Result<FileSystemSpace> LocalHost::space(const std::string& mount_point) const {
  const std::string_view relative =
      std::string_view(mount_point).substr(mount_point.starts_with('/') ? 1 : 0);
  struct statvfs found{};
  if (::statvfs(root_.join(relative).c_str(), &found) != 0) {
    return base::errno_error(errno, mount_point);
  }
  FileSystemSpace space;
  space.total_bytes = std::uint64_t{found.f_blocks} * found.f_frsize;
  space.free_bytes = std::uint64_t{found.f_bfree} * found.f_frsize;
  space.available_bytes = std::uint64_t{found.f_bavail} * found.f_frsize;
  space.inodes = found.f_files;
  space.free_inodes = found.f_ffree;
  space.read_only = (found.f_flag & ST_RDONLY) != 0;
  return space;
}

}  // namespace netwatch::collect
