#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/cgroup_mount.h"
#include "collect/cgroup_tree.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxMountBytes = 4U << 20;
constexpr std::size_t kMaxPathBytes = 4096;
// Walks take at most this share of one core.
constexpr base::TimeNs kWalkShare = 50;
constexpr base::TimeNs kPauseNs = base::kNsPerSecond / 20;
// PROC_CGROUP_INIT_INO of include/linux/proc_ns.h.
constexpr std::string_view kFirstNamespace = "cgroup:[4026531835]";
// On 32 bits an inode is a part of the id only.
constexpr bool kInodesAreIds = sizeof(ino_t) >= sizeof(std::uint64_t);

std::optional<base::Cgroup2Mount> find_mount(const Root& root) {
  const auto text = read_text_file(root.join("proc/self/mountinfo"), kMaxMountBytes);
  return text && kInodesAreIds ? base::find_cgroup2(*text) : std::nullopt;
}

// Something else may be mounted over it.
bool is_tree(int fd) {
  struct statfs about{};
  return ::fstatfs(fd, &about) == 0 && about.f_type == CGROUP2_SUPER_MAGIC;
}

std::string_view relative(std::string_view path) {
  return path.substr(std::min(path.find_first_not_of('/'), path.size()));
}

}  // namespace

CgroupTree::CgroupTree(const Root& root, CgroupTreeLimits limits)
    : limits_(limits), nowhere_(std::make_shared<const CgroupMembership>()) {
  const std::string own = read_link(root.join("proc/self/ns/cgroup"));
  in_first_namespace_ = own.empty() || own == kFirstNamespace;
  auto mount = find_mount(root);
  if (!mount) return;
  const std::string path = root.join(relative(mount->point));
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat about{};
  if (fd < 0 || ::fstat(fd, &about) != 0 || (root.path == "/" && !is_tree(fd))) {
    if (fd >= 0) ::close(fd);
    return;
  }
  fd_ = fd;
  device_ = about.st_dev;
  tells_units_ = mount->is_only_version();
  mounted_ = std::move(mount->root);
  if (mounted_.ends_with('/')) mounted_.pop_back();
  place(about.st_ino, mounted_);
}

CgroupTree::~CgroupTree() {
  if (fd_ >= 0) ::close(fd_);
}

std::string CgroupTree::folder() {
  auto mount = find_mount({});
  return mount ? std::move(mount->point) : std::string();
}

std::shared_ptr<const CgroupMembership> CgroupTree::find(std::uint64_t id, base::TimeNs now_ns) {
  if (id == 0) return nowhere_;
  if (auto known = find_known(id)) return known;
  if (fd_ < 0) return nowhere_;
  if (now_ns < next_walk_ns_) return nullptr;
  const base::TimeNs begun_ns = base::monotonic_clock_ns();
  walk();
  const base::TimeNs cost_ns = base::monotonic_clock_ns() - begun_ns;
  next_walk_ns_ = now_ns + std::max(kPauseNs, cost_ns * kWalkShare);
  if (auto known = find_known(id)) return known;
  // It was there before the walk: it is gone, or not below our mount.
  put(id, nowhere_);
  return nowhere_;
}

std::shared_ptr<const CgroupMembership> CgroupTree::find_known(std::uint64_t id) {
  if (const auto found = young_.find(id); found != young_.end()) return found->second;
  const auto found = old_.find(id);
  if (found == old_.end()) return nullptr;
  auto membership = found->second;
  put(id, membership);
  return membership;
}

void CgroupTree::put(std::uint64_t id, std::shared_ptr<const CgroupMembership> membership) {
  if (young_.size() >= limits_.known / 2) old_ = std::exchange(young_, {});
  young_.insert_or_assign(id, std::move(membership));
}

void CgroupTree::learn(std::uint64_t id, std::string_view path) {
  if (in_first_namespace_) place(id, path);
}

void CgroupTree::place(std::uint64_t id, std::string_view path) {
  CgroupMembership found = membership_of(path);
  if (!tells_units_) found.unit.clear();
  const bool is_somewhere = !found.container.empty() || !found.pod.empty() || !found.unit.empty();
  put(id, is_somewhere ? std::make_shared<const CgroupMembership>(std::move(found)) : nowhere_);
}

// Breadth first: where there are too many, those deep down are left out.
void CgroupTree::walk() {
  std::size_t left = limits_.walked;
  std::vector<std::string> folders{"."};
  for (std::size_t i = 0; i < folders.size() && left > 0; ++i) {
    const std::string folder = std::move(folders[i]);
    list(folder, folders, left);
  }
}

void CgroupTree::list(const std::string& folder, std::vector<std::string>& folders,
                      std::size_t& left) {
  const int fd = ::openat(fd_, folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;  // it has just gone
  DIR* const open = ::fdopendir(fd);
  if (open == nullptr) {
    ::close(fd);
    return;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this DIR
  while (const dirent* const entry = ::readdir(open)) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) || name == "." || name == "..") {
      continue;
    }
    struct stat about{};
    if (::fstatat(fd, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISDIR(about.st_mode) || about.st_dev != device_) continue;
    if (left == 0) break;
    --left;
    std::string path = folder == "." ? std::string(name) : folder + "/" + std::string(name);
    if (path.size() > kMaxPathBytes) continue;
    // A cgroup of version 2 is never renamed.
    if (!find_known(about.st_ino)) place(about.st_ino, mounted_ + "/" + path);
    // Links of a folder: its name, its ".", and the ".." of each folder in it.
    if (about.st_nlink != 2) folders.push_back(std::move(path));
  }
  ::closedir(open);
}

}  // namespace netwatch::collect
