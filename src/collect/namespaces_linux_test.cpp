// Sockets in network namespaces: a made-up host's, and those that the test makes. Skipped without
// the right to make them.
#include "collect/namespaces_linux.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "collect/kept_access.h"
#include "collect/sock_diag_linux.h"

namespace netwatch::collect {
namespace {

Root container_host() { return Root{NETWATCH_SOURCE_DIR "/testdata/root/container-host"}; }

TEST(NamespaceLink, OnlyThoseOfNetworks) {
  EXPECT_EQ(parse_namespace_link("net:[4026531840]"), 4026531840U);
  for (const std::string_view bad : {"", "net:[]", "pid:[1]", "net:[1", "net:[x]"}) {
    EXPECT_FALSE(parse_namespace_link(bad)) << bad;
  }
}

TEST(FakeRootNamespaces, OneEachWithItsNameAndContainer) {
  const auto scan = scan_network_namespaces(container_host());
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->own, 100U);
  ASSERT_EQ(scan->namespaces.size(), 3U);
  EXPECT_TRUE(scan->namespaces[0].own);
  EXPECT_EQ(scan->namespaces[0].pid, 1U);
  EXPECT_EQ(scan->namespaces[1].inode, 200U);
  EXPECT_EQ(scan->namespaces[1].pid, 30U);
  EXPECT_EQ(scan->namespaces[1].container, std::string(64, 'c'));
  EXPECT_EQ(scan->namespaces[1].name, "");
  EXPECT_EQ(scan->namespaces[2].inode, 300U);
  EXPECT_EQ(scan->namespaces[2].pid, 0U) << "nobody is in it";
  EXPECT_EQ(scan->namespaces[2].name, "blue");
}

TEST(FakeRootNamespaces, SocketsOfAll) {
  SocketCollector collector(container_host());
  const auto own = collector.collect();
  ASSERT_TRUE(own);
  ASSERT_EQ(own->sockets.size(), 1U);
  EXPECT_EQ(own->sockets[0].netns, 100U);
  EXPECT_TRUE(own->namespaces.empty());
  const auto all = collector.collect(NamespaceScope::kAll);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->sockets.size(), 2U);
  EXPECT_EQ(all->sockets[1].netns, 200U);
  EXPECT_EQ(all->sockets[1].inode, 7002U);
  EXPECT_EQ(all->sockets[0].local, all->sockets[1].local) << "the same address is another's there";
  EXPECT_EQ(all->namespaces.size(), 3U);
  EXPECT_EQ(all->namespaces_unread, 1U) << "a name without a process has no text files";
}

// A process that listens in a namespace of its own until the gate closes; 0 if there may be none.
class Listener {
 public:
  Listener() {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    EXPECT_EQ(::pipe(gate_.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(gate_[1]);
      char done = ::unshare(CLONE_NEWNET) == 0 && listen_anywhere() ? 1 : 0;
      (void)!::write(ready[1], &done, 1);
      (void)!::read(gate_[0], &done, 1);
      ::_exit(0);
    }
    char done = 0;
    (void)!::read(ready[0], &done, 1);
    listens_ = done == 1;
    for (const int fd : {ready[0], ready[1]}) ::close(fd);
  }
  ~Listener() {
    for (const int fd : gate_) ::close(fd);
    (void)::waitpid(pid_, nullptr, 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] bool listens() const { return listens_; }
  [[nodiscard]] std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }

 private:
  static bool listen_anywhere() {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(7777);
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
           ::listen(fd, 1) == 0;
  }

  std::array<int, 2> gate_{};
  pid_t pid_ = 0;
  bool listens_ = false;
};

const model::Socket* socket_of(const model::SocketTable& table, std::uint32_t pid) {
  for (const model::Socket& socket : table.sockets) {
    if (socket.owner.process && socket.owner.process->pid == pid) return &socket;
  }
  return nullptr;
}

std::uint64_t namespace_of(const char* path) {
  struct stat status{};
  return ::stat(path, &status) == 0 ? status.st_ino : 0;
}

TEST(LiveNamespaces, SocketsOfAnotherAreSeenWithTheirOwner) {
  const Listener listener;
  if (!listener.listens()) GTEST_SKIP() << "no right to make a network namespace";
  const std::uint64_t before = namespace_of("/proc/thread-self/ns/net");
  SocketCollector collector;
  const auto own = collector.collect();
  ASSERT_TRUE(own);
  EXPECT_EQ(socket_of(*own, listener.pid()), nullptr);
  const auto all = collector.collect(NamespaceScope::kAll);
  ASSERT_TRUE(all);
  const model::Socket* socket = socket_of(*all, listener.pid());
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(socket->local.port, 7777);
  EXPECT_EQ(socket->state, model::TcpState::kListen);
  EXPECT_EQ(socket->owner.via, model::OwnerVia::kSockDiag);
  EXPECT_NE(socket->netns, before);
  const std::string path = "/proc/" + std::to_string(listener.pid()) + "/ns/net";
  EXPECT_EQ(socket->netns, namespace_of(path.c_str()));
  EXPECT_EQ(namespace_of("/proc/thread-self/ns/net"), before) << "the caller stays where it is";
}

// Between two looks at them the others' sockets are those of the look before; owners are new.
TEST(LiveNamespaces, OthersAreReadAtTimesOnly) {
  SocketCollector collector;
  ASSERT_TRUE(collector.collect(NamespaceScope::kAllAtTimes));
  std::uint32_t pid = 0;
  std::uint64_t inode = 0;
  {
    const Listener listener;
    if (!listener.listens()) GTEST_SKIP() << "no right to make a network namespace";
    pid = listener.pid();
    const auto young = collector.collect(NamespaceScope::kAllAtTimes);
    ASSERT_TRUE(young);
    EXPECT_EQ(socket_of(*young, pid), nullptr);
    const auto now = collector.collect(NamespaceScope::kAll);
    ASSERT_TRUE(now);
    const model::Socket* socket = socket_of(*now, pid);
    ASSERT_NE(socket, nullptr);
    inode = socket->inode;
  }
  const auto later = collector.collect(NamespaceScope::kAllAtTimes);
  ASSERT_TRUE(later);
  EXPECT_FALSE(later->namespaces.empty());
  const auto kept = std::find_if(later->sockets.begin(), later->sockets.end(),
                                 [&](const auto& one) { return one.inode == inode; });
  ASSERT_NE(kept, later->sockets.end());
  EXPECT_FALSE(kept->owner.process) << "it has ended";
}

// What a confined session does: somebody else visits and asks, we only take the answers.
TEST(LiveNamespaces, SomebodyElseMayVisitAndAsk) {
  const Listener listener;
  if (!listener.listens()) GTEST_SKIP() << "no right to make a network namespace";
  const std::uint64_t before = namespace_of("/proc/thread-self/ns/net");
  const auto visitor = NamespaceVisitor::make();
  ASSERT_TRUE(visitor);
  EXPECT_TRUE(visitor->may_enter());
  NamespaceScan told;
  int asked = 0;
  Root root;
  root.kept = std::make_shared<KeptAccess>();
  root.kept->namespaces = [&]() -> base::Result<NamespaceScan> {
    auto scan = scan_network_namespaces(Root{});
    if (scan) told = *scan;
    return scan;
  };
  root.kept->asked_dump = [&](std::uint64_t netns, DiagTable table) -> base::Result<NetlinkSocket> {
    for (const model::NetworkNamespace& one : told.namespaces) {
      if (one.inode != netns) continue;
      auto socket = visitor->open_in(Root{}, one, NETLINK_SOCK_DIAG);
      if (!socket) return socket.error();
      if (auto sent = ask_sock_diag(*socket, table); !sent) return sent.error();
      ++asked;
      return NetlinkSocket::adopt(socket->release());
    }
    return base::Error{base::ErrorCode::kNotFound, "unknown"};
  };
  SocketCollector collector(root);
  const auto all = collector.collect(NamespaceScope::kAll);
  ASSERT_TRUE(all);
  EXPECT_GE(asked, 3) << "one each for TCP, UDP over IPv4 and over IPv6";
  const model::Socket* socket = socket_of(*all, listener.pid());
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(socket->local.port, 7777);
  EXPECT_EQ(socket->owner.via, model::OwnerVia::kSockDiag);
  EXPECT_NE(socket->netns, before);
  EXPECT_EQ(namespace_of("/proc/thread-self/ns/net"), before) << "the visitor has come back";
  // The same of ours: each half tells what both together do.
  std::vector<model::Socket> halves;
  std::vector<model::Socket> whole;
  auto here = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  ASSERT_TRUE(here && ask_sock_diag(*here, DiagTable::kTcp4));
  EXPECT_TRUE(take_sock_diag(*here, DiagTable::kTcp4, halves));
  EXPECT_TRUE(dump_sock_diag(*here, DiagTable::kTcp4, whole));
  EXPECT_EQ(halves.empty(), whole.empty());
}

// A pid that is another process by now, and a namespace that has gone.
TEST(LiveNamespaces, TheVisitorEntersWhatIsMeantOrNothing) {
  const auto visitor = NamespaceVisitor::make();
  ASSERT_TRUE(visitor);
  const std::uint64_t before = namespace_of("/proc/thread-self/ns/net");
  model::NetworkNamespace other;
  other.inode = before + 1;
  other.pid = static_cast<std::uint32_t>(::getpid());
  EXPECT_EQ(visitor->open_in(Root{}, other, NETLINK_SOCK_DIAG).error().code,
            base::ErrorCode::kNotFound);
  other.pid = 0;
  other.name = "netwatch-nothing-of-that-name";
  EXPECT_EQ(visitor->open_in(Root{}, other, NETLINK_SOCK_DIAG).error().code,
            base::ErrorCode::kNotFound);
  EXPECT_EQ(namespace_of("/proc/thread-self/ns/net"), before);
}

TEST(LiveNamespaces, WithoutRightsTheTextFilesTell) {
  const Listener listener;
  if (!listener.listens() || ::geteuid() != 0) {
    GTEST_SKIP() << "no right to make a network namespace";
  }
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    SocketCollector collector;
    const auto all = collector.collect(NamespaceScope::kAll);
    // /proc/PID/ns/net of a stranger may not be read: it is counted, and nothing is made up.
    ::_exit(all && all->processes_of_unknown_namespace > 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(LiveNamespaces, ANameWithoutProcess) {
  const std::string name = "netwatch-test-" + std::to_string(::getpid());
  // NOLINTNEXTLINE(concurrency-mt-unsafe,cert-env33-c): the command stands here
  if (std::system(("ip netns add " + name + " >/dev/null 2>&1").c_str()) != 0) {
    GTEST_SKIP() << "no right to make a network namespace, or no ip(8)";
  }
  const auto scan = scan_network_namespaces(Root{});
  SocketCollector collector;
  const auto all = collector.collect(NamespaceScope::kAll);
  // NOLINTNEXTLINE(concurrency-mt-unsafe,cert-env33-c)
  EXPECT_EQ(std::system(("ip netns del " + name).c_str()), 0);
  ASSERT_TRUE(scan);
  const auto named = std::find_if(scan->namespaces.begin(), scan->namespaces.end(),
                                  [&](const auto& netns) { return netns.name == name; });
  ASSERT_NE(named, scan->namespaces.end());
  EXPECT_EQ(named->pid, 0U);
  EXPECT_FALSE(named->own);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->namespaces_unread, 0U) << "sock_diag needs no process there";
}

}  // namespace
}  // namespace netwatch::collect
