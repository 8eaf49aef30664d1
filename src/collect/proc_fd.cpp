#include "collect/proc_fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <tuple>

#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

// 100 bytes each at most: what one walk may hold. A host has far fewer sockets.
constexpr std::size_t kMaxHoldings = 4U << 20;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory open_directory_at(int at, const char* path) {
  const int fd = ::openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  DIR* directory = ::fdopendir(fd);
  if (directory == nullptr) ::close(fd);
  return Directory(directory);
}

bool is_denied(int error) { return error == EACCES || error == EPERM; }

// Appends the sockets of one process; false if its descriptors may not be listed.
bool scan_process(int proc_fd, std::string_view pid_name, std::uint32_t pid, Holdings& found) {
  std::vector<Holding>& out = found.holdings;
  const std::string path = std::string(pid_name) + "/fd";
  errno = 0;
  const Directory fds = open_directory_at(proc_fd, path.c_str());
  if (!fds) return !is_denied(errno);  // else it has ended meanwhile
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  std::array<char, 64> target{};
  bool readable = true;
  while (const dirent* entry = ::readdir(fds.get())) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    const ssize_t length =
        ::readlinkat(::dirfd(fds.get()), entry->d_name, target.data(), target.size());
    if (length < 0) {
      readable = readable && !is_denied(errno);
      continue;
    }
    const auto inode = parse_socket_link({target.data(), static_cast<std::size_t>(length)});
    if (!inode) continue;
    if (out.size() < kMaxHoldings) {
      out.push_back({*inode, pid});
    } else {
      ++found.not_kept;
    }
  }
  // dup() gives one process several descriptors of one socket.
  const auto by_inode = [](const Holding& a, const Holding& b) { return a.inode < b.inode; };
  const auto same = [](const Holding& a, const Holding& b) { return a.inode == b.inode; };
  std::sort(out.begin() + first, out.end(), by_inode);
  out.erase(std::unique(out.begin() + first, out.end(), same), out.end());
  return readable;
}

}  // namespace

std::optional<std::uint64_t> parse_socket_link(std::string_view target) {
  constexpr std::string_view kPrefix = "socket:[";
  if (!target.starts_with(kPrefix) || !target.ends_with(']')) return std::nullopt;
  target.remove_prefix(kPrefix.size());
  target.remove_suffix(1);
  return to_number<std::uint64_t>(target);
}

base::Result<Holdings> scan_proc_fd(const Root& root) {
  const std::string path = root.join("proc");
  const Directory proc = open_directory_at(AT_FDCWD, path.c_str());
  const int proc_fd = proc ? ::dirfd(proc.get()) : -1;
  if (proc_fd < 0) return base::errno_error(errno, path);
  Holdings found;
  while (const dirent* entry = ::readdir(proc.get())) {
    const std::string_view name = entry->d_name;
    const auto pid = to_number<std::uint32_t>(name);
    if (!pid) continue;
    ++found.processes;
    if (!scan_process(proc_fd, name, *pid, found)) ++found.unreadable_processes;
  }
  struct stat init{};
  found.hides_processes = ::fstatat(proc_fd, "1", &init, 0) != 0;
  std::sort(found.holdings.begin(), found.holdings.end(), [](const Holding& a, const Holding& b) {
    return std::tie(a.inode, a.pid) < std::tie(b.inode, b.pid);
  });
  return found;
}

}  // namespace netwatch::collect
