#include "ebpf/cgroup_tree.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "base/cgroup_mount.h"

namespace netwatch::ebpf {
namespace {

constexpr int kHow = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// -1 where it is not mounted, or where something else is mounted over it.
int open_mounted(const std::string& mountinfo) {
  std::ifstream file(mountinfo);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto mount = base::find_cgroup2(text);
  if (!mount) return -1;
  const int tree = ::open(mount->point.c_str(), kHow);
  struct statfs about{};
  if (tree < 0 || (::fstatfs(tree, &about) == 0 && about.f_type == CGROUP2_SUPER_MAGIC)) {
    return tree;
  }
  ::close(tree);
  return -1;
}

// -1 where that is not allowed, or not known (before Linux 5.2).
int mount_nowhere() {
  const int made = ::fsopen("cgroup2", FSOPEN_CLOEXEC);
  if (made < 0) return -1;
  int tree = -1;
  if (::fsconfig(made, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    tree = ::fsmount(made, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  }
  ::close(made);
  if (tree < 0) return -1;
  // What fsmount(2) gives is only a place (O_PATH).
  const int folder = ::openat(tree, ".", kHow);
  ::close(tree);
  return folder;
}

}  // namespace

base::Result<int> open_cgroup_tree(const std::string& folder, const std::string& mountinfo) {
  if (!folder.empty()) {
    const int tree = ::open(folder.c_str(), kHow);
    return tree < 0 ? base::Result<int>(base::errno_error(errno, folder)) : tree;
  }
  int tree = open_mounted(mountinfo);
  if (tree < 0) tree = mount_nowhere();
  if (tree < 0) return base::Error{base::ErrorCode::kNotFound, "none is mounted"};
  return tree;
}

}  // namespace netwatch::ebpf
