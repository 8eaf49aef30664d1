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
#include <utility>

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

void take_container(const LocalHost& host, model::NetworkNamespace& netns) {
  const auto text = host.read("proc/" + std::to_string(netns.pid) + "/cgroup", kMaxCgroupBytes);
  if (!text) return;
  CgroupMembership membership = parse_proc_cgroup(*text);
  netns.container = std::move(membership.container);
  netns.pod = std::move(membership.pod);
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
    take_container(host_, *netns);
  }

  const Root& root_;
  LocalHost host_;
  std::map<std::uint64_t, model::NetworkNamespace> by_inode_;
};

base::Status enter(const Root& root, const model::NetworkNamespace& netns) {
  const std::string path = path_of(root, netns);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return base::errno_error(errno, path);
  struct stat status{};
  base::Status entered = base::ok_status();
  // The pid may be another process by now.
  if (::fstat(fd, &status) != 0 || status.st_ino != netns.inode) {
    entered = base::Error{base::ErrorCode::kNotFound, path + " is another network namespace"};
  } else if (::setns(fd, CLONE_NEWNET) != 0) {
    entered = base::errno_error(errno, "entering a network namespace");
  }
  ::close(fd);
  return entered;
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
      if (!enter(root, namespaces[i])) continue;
      if (auto socket = NetlinkSocket::open(protocol)) sockets[i].emplace(*std::move(socket));
    }
  }).join();
  return sockets;
}

void name_containers(const Root& root, std::vector<model::NetworkNamespace>& namespaces) {
  const LocalHost host(root);
  for (model::NetworkNamespace& netns : namespaces) {
    if (netns.pid != 0) take_container(host, netns);
  }
}

base::Result<NamespaceVisitor> NamespaceVisitor::make() {
  const int own = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0) return base::errno_error(errno, "/proc/self/ns/net");
  return NamespaceVisitor(own);
}

NamespaceVisitor::NamespaceVisitor(NamespaceVisitor&& from) noexcept
    : own_(std::exchange(from.own_, -1)) {}

NamespaceVisitor::~NamespaceVisitor() {
  if (own_ >= 0) ::close(own_);
}

bool NamespaceVisitor::may_enter() const { return ::setns(own_, CLONE_NEWNET) == 0; }

base::Result<NetlinkSocket> NamespaceVisitor::open_in(const Root& root,
                                                      const model::NetworkNamespace& netns,
                                                      int protocol) const {
  if (auto entered = enter(root, netns); !entered) return entered.error();
  auto socket = NetlinkSocket::open(protocol);
  if (::setns(own_, CLONE_NEWNET) != 0) ::_exit(1);
  return socket;
}

}  // namespace netwatch::collect
