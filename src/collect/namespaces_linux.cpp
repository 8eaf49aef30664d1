#include "collect/namespaces_linux.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <thread>

#include "collect/cgroup.h"
#include "collect/host.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

constexpr std::size_t kMaxNamespaces = 4096;
constexpr std::size_t kMaxCgroupBytes = 16384;

std::string path_of(const Root& root, const model::NetworkNamespace& netns) {
  if (netns.pid != 0) return root.join("proc/" + std::to_string(netns.pid) + "/ns/net");
  return root.join("run/netns/" + netns.name);
}

// A name is a namespace that is mounted on a file; what was left behind is an empty file.
std::uint64_t named_inode(const std::string& path) {
  if (const auto inode = parse_namespace_link(read_link(path))) return *inode;  // a fake root's
  struct statfs system{};
  struct stat status{};
  if (::statfs(path.c_str(), &system) != 0 || system.f_type != NSFS_MAGIC) return 0;
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

class Scanner {
 public:
  explicit Scanner(const Root& root) : root_(root), host_(root) {}

  base::Result<NamespaceScan> scan() {
    NamespaceScan found;
    const auto own = parse_namespace_link(read_link(root_.join("proc/self/ns/net")));
    found.own = own.value_or(0);
    std::vector<std::uint32_t> pids;
    for (const std::string& name : host_.list("proc")) {
      if (const auto pid = to_number<std::uint32_t>(name)) pids.push_back(*pid);
    }
    if (pids.empty()) return base::Error{base::ErrorCode::kNotFound, "/proc shows no process"};
    std::sort(pids.begin(), pids.end());
    for (const std::uint32_t pid : pids) take_process(pid, found);
    for (const std::string& name : host_.list("run/netns")) {
      const std::uint64_t inode = named_inode(root_.join("run/netns/" + name));
      if (inode == 0) continue;
      if (model::NetworkNamespace* netns = place_of(inode, found)) netns->name = name;
    }
    for (auto& [inode, netns] : by_inode_) {
      netns.own = inode == found.own;
      found.namespaces.push_back(std::move(netns));
    }
    return found;
  }

 private:
  model::NetworkNamespace* place_of(std::uint64_t inode, NamespaceScan& found) {
    const auto known = by_inode_.find(inode);
    if (known != by_inode_.end()) return &known->second;
    if (by_inode_.size() == kMaxNamespaces) {
      ++found.not_kept;
      return nullptr;
    }
    model::NetworkNamespace& netns = by_inode_[inode];
    netns.inode = inode;
    return &netns;
  }

  // The lowest pid stands for its namespace: mostly the first one in it.
  void take_process(std::uint32_t pid, NamespaceScan& found) {
    const std::string folder = "proc/" + std::to_string(pid);
    errno = 0;
    const auto inode = parse_namespace_link(read_link(root_.join(folder + "/ns/net")));
    if (!inode) {
      if (errno == EACCES || errno == EPERM) ++found.unreadable_processes;
      return;
    }
    model::NetworkNamespace* netns = place_of(*inode, found);
    if (netns == nullptr || netns->pid != 0) return;
    netns->pid = pid;
    if (const auto text = host_.read(folder + "/cgroup", kMaxCgroupBytes)) {
      CgroupMembership membership = parse_proc_cgroup(*text);
      netns->container = std::move(membership.container);
      netns->pod = std::move(membership.pod);
    }
  }

  const Root& root_;
  LocalHost host_;
  std::map<std::uint64_t, model::NetworkNamespace> by_inode_;
};

// Enters one namespace and opens a socket there; nothing if it has gone or may not be entered.
std::optional<NetlinkSocket> open_in(const Root& root, const model::NetworkNamespace& netns,
                                     int protocol) {
  const int fd = ::open(path_of(root, netns).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct stat status{};
  // The pid may be another process by now.
  const bool entered =
      ::fstat(fd, &status) == 0 && status.st_ino == netns.inode && ::setns(fd, CLONE_NEWNET) == 0;
  ::close(fd);
  if (!entered) return std::nullopt;
  auto netlink = NetlinkSocket::open(protocol);
  if (!netlink) return std::nullopt;
  return *std::move(netlink);
}

}  // namespace

std::optional<std::uint64_t> parse_namespace_link(std::string_view target) {
  constexpr std::string_view kPrefix = "net:[";
  if (!target.starts_with(kPrefix) || !target.ends_with(']')) return std::nullopt;
  target.remove_prefix(kPrefix.size());
  target.remove_suffix(1);
  return to_number<std::uint64_t>(target);
}

base::Result<NamespaceScan> scan_network_namespaces(const Root& root) {
  return Scanner(root).scan();
}

std::vector<std::optional<NetlinkSocket>> open_in_namespaces(
    const Root& root, std::span<const model::NetworkNamespace> namespaces, int protocol) {
  std::vector<std::optional<NetlinkSocket>> sockets(namespaces.size());
  // A namespace is entered for good by a thread of its own, which ends: the caller's stays where
  // it is whatever fails.
  std::thread([&] {
    for (std::size_t i = 0; i < namespaces.size(); ++i) {
      if (auto socket = open_in(root, namespaces[i], protocol))
        sockets[i].emplace(*std::move(socket));
    }
  }).join();
  return sockets;
}

}  // namespace netwatch::collect
