// The collectors over a made-up host (testdata/root/web-host) and over the real one.
#include "collect/collect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "collect/interfaces.h"
#include "collect/proc_fd.h"

namespace netwatch::collect {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

Root web_host() { return Root{NETWATCH_SOURCE_DIR "/testdata/root/web-host"}; }

const model::Socket* find_inode(const model::SocketTable& table, std::uint64_t inode) {
  for (const model::Socket& socket : table.sockets) {
    if (socket.inode == inode) return &socket;
  }
  return nullptr;
}

std::uint32_t pid_of(const model::Socket* socket) {
  return socket != nullptr && socket->owner.process ? socket->owner.process->pid : 0;
}

TEST(Root, Joins) {
  EXPECT_EQ(Root{}.join("proc/stat"), "/proc/stat");
  EXPECT_EQ(Root{"/x"}.join("proc/stat"), "/x/proc/stat");
}

TEST(FakeRootSockets, EverySocketAndItsOwner) {
  SocketCollector collector(web_host());
  const auto table = collector.collect();
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->sockets.size(), 8U);
  EXPECT_EQ(table->unreadable_processes, 0U);
  EXPECT_EQ(table->sockets_without_owner, 1U);  // 5999; TIME-WAIT has no inode and is no loss

  struct Case {
    std::uint64_t inode;
    std::uint32_t pid, holders;
  };
  for (const Case& c :
       {Case{5000, 200, 2},  // a listener of master and worker: the master made it
        Case{5001, 300, 2},  // socket activation: the service, not the service manager
        Case{5002, 201, 1},  // accepted by the worker, held by two descriptors
        Case{5003, 400, 1}, Case{5004, 401, 1}, Case{5005, 401, 1}, Case{5999, 0, 0}}) {
    const model::Socket* socket = find_inode(*table, c.inode);
    ASSERT_NE(socket, nullptr) << c.inode;
    EXPECT_EQ(pid_of(socket), c.pid) << c.inode;
    EXPECT_EQ(socket->owner.holders, c.holders) << c.inode;
    EXPECT_EQ(socket->owner.quality,
              c.pid == 0 ? model::Quality::kUnknown : model::Quality::kInferred);
    EXPECT_EQ(socket->owner.via, c.pid == 0 ? model::OwnerVia::kNone : model::OwnerVia::kProcNet);
  }
}

TEST(FakeRootSockets, WhatIsKnownOfAProcess) {
  SocketCollector collector(web_host());
  const auto table = collector.collect();
  ASSERT_TRUE(table);
  const auto worker = find_inode(*table, 5002)->owner.process;
  EXPECT_EQ(worker->comm, "nginx");
  EXPECT_EQ(worker->exe, "/usr/sbin/nginx");
  EXPECT_EQ(worker->cmdline, "nginx: worker process");
  EXPECT_EQ(worker->uid, 33U);
  EXPECT_EQ(worker->user, "www-data");
  EXPECT_EQ(worker->parent_pid, 200U);
  EXPECT_EQ(worker->parent, "nginx");
  EXPECT_EQ(worker->unit, "nginx.service");
  EXPECT_EQ(worker->start_ticks, 2100U);
  const auto service = find_inode(*table, 5001)->owner.process;
  EXPECT_EQ(service->exe, "/usr/bin/metrics");  // replaced on disk meanwhile
  EXPECT_EQ(service->user, "");                 // not in etc/passwd
  const auto contained = find_inode(*table, 5003)->owner.process;
  EXPECT_EQ(contained->container.size(), 64U);
  EXPECT_EQ(contained->unit, "");
  EXPECT_EQ(contained->cmdline, "curl https://www.example.org/a b");
  EXPECT_EQ(contained->parent, "");  // gone
  const auto odd = find_inode(*table, 5004)->owner.process;
  EXPECT_EQ(odd->comm, "a) (b 7 8");
  EXPECT_EQ(odd->exe, "");
}

// What the kernel tells of holders, in the place of a walk over /proc.
TEST(FakeRootSockets, HoldersThatTheKernelTells) {
  const auto process = [](std::uint32_t pid, std::uint64_t start_ticks, const char* comm) {
    auto made = std::make_shared<model::Process>();
    made->pid = pid;
    made->start_ticks = start_ticks;
    made->comm = comm;
    return made;
  };
  const auto held = [](std::uint64_t inode, auto holder,
                       std::shared_ptr<const model::Process> user) {
    model::SocketHolding holding;
    holding.inode = inode;
    holding.holder = std::move(holder);
    holding.user = std::move(user);
    return holding;
  };
  const auto master = process(200, 2000, "nginx");
  const auto worker = process(201, 2100, "nginx");
  SocketCollector collector(web_host(), [&]() -> base::Result<model::SocketHoldings> {
    model::SocketHoldings told;
    told.holdings = {
        held(5000, master, nullptr),  // a listener of master and worker
        held(5000, worker, nullptr),
        held(5002, master, worker),                     // inherited, and used by the worker
        held(5003, process(400, 1, "other"), nullptr),  // not who has this pid in /proc
        held(5004, process(999, 9, "brief"), process(998, 9, "briefer")),
        held(5005, process(50, 9, "shell"), nullptr),  // two programs, neither seen to use it
        held(5005, process(51, 9, "other"), nullptr),
    };
    return told;
  });
  const auto table = collector.collect();
  ASSERT_TRUE(table);
  struct Case {
    std::uint64_t inode;
    std::uint32_t pid, holders;
    model::Quality quality;
  };
  for (const Case& c :
       {Case{5000, 200, 2, model::Quality::kInferred}, Case{5002, 201, 1, model::Quality::kExact},
        Case{5003, 400, 1, model::Quality::kExact}, Case{5004, 998, 1, model::Quality::kExact},
        Case{5005, 0, 2, model::Quality::kUnknown}, Case{5999, 0, 0, model::Quality::kUnknown}}) {
    const model::Socket* socket = find_inode(*table, c.inode);
    ASSERT_NE(socket, nullptr) << c.inode;
    EXPECT_EQ(pid_of(socket), c.pid) << c.inode;
    EXPECT_EQ(socket->owner.holders, c.holders) << c.inode;
    EXPECT_EQ(socket->owner.quality, c.quality) << c.inode;
    EXPECT_EQ(socket->owner.via, c.pid == 0 ? model::OwnerVia::kNone : model::OwnerVia::kEbpf);
  }
  EXPECT_EQ(find_inode(*table, 5002)->owner.process->user, "www-data") << "/proc knows more of it";
  EXPECT_EQ(find_inode(*table, 5003)->owner.process->comm, "other");
}

// However many sockets it has, and however often it is looked at.
TEST(FakeRootSockets, AProcessThatTwoTellOfIsThereOnce) {
  auto told_process = std::make_shared<model::Process>();
  told_process->pid = 401;
  told_process->start_ticks = 4100;
  told_process->comm = "a) (b 7 8";
  told_process->exe = "/opt/odd";  // which /proc does not show
  SocketCollector collector(web_host(), [&]() -> base::Result<model::SocketHoldings> {
    model::SocketHoldings told;
    for (const std::uint64_t inode : {5004U, 5005U}) {
      model::SocketHolding& holding = told.holdings.emplace_back();
      holding.inode = inode;
      holding.holder = holding.user = told_process;
    }
    return told;
  });
  std::shared_ptr<const model::Process> first;
  for (int look = 0; look < 3; ++look) {
    const auto table = collector.collect();
    ASSERT_TRUE(table);
    const auto process = find_inode(*table, 5004)->owner.process;
    ASSERT_NE(process, nullptr);
    EXPECT_EQ(process->exe, "/opt/odd");
    EXPECT_TRUE(process->in_proc);
    EXPECT_EQ(find_inode(*table, 5005)->owner.process, process);
    if (first != nullptr) {
      EXPECT_EQ(process, first);
    }
    first = process;
  }
}

TEST(FakeRootSockets, WithoutThemProcIsWalked) {
  SocketCollector collector(web_host(), []() -> base::Result<model::SocketHoldings> {
    return base::Error{base::ErrorCode::kDenied, "no"};
  });
  const auto table = collector.collect();
  ASSERT_TRUE(table);
  EXPECT_EQ(pid_of(find_inode(*table, 5002)), 201U);
  EXPECT_EQ(find_inode(*table, 5002)->owner.quality, model::Quality::kInferred);
}

TEST(FakeRootSockets, V4MappedAddressesAreV4) {
  SocketCollector collector(web_host());
  const auto table = collector.collect();
  ASSERT_TRUE(table);
  const model::Socket* socket = find_inode(*table, 5004);
  EXPECT_EQ(socket->local.address.to_string(), "192.0.2.10");
  EXPECT_EQ(socket->state, model::TcpState::kCloseWait);
}

TEST(FakeRootSockets, NoTableAtAllIsAnError) {
  SocketCollector collector(Root{NETWATCH_SOURCE_DIR "/testdata/root/none"});
  EXPECT_FALSE(collector.collect());
}

TEST(FakeRootInterfaces, CountersAddressesAndDefaultRoute) {
  const auto table = collect_interfaces(web_host());
  ASSERT_TRUE(table) << table.error().message;
  ASSERT_EQ(table->interfaces.size(), 3U);
  const model::Interface& lo = table->interfaces[0];
  EXPECT_EQ(lo.name, "lo");
  EXPECT_TRUE(lo.loopback && lo.up && lo.mac.empty() && !lo.is_default);
  EXPECT_EQ(lo.speed_bits_per_s, -1);
  const model::Interface& eth0 = table->interfaces[1];
  EXPECT_EQ(eth0.mac, "02:00:5e:10:00:01");
  EXPECT_TRUE(eth0.up && eth0.is_default && !eth0.loopback);
  EXPECT_EQ(eth0.speed_bits_per_s, 1'000'000'000);
  EXPECT_EQ(eth0.rx_bytes, 9'000'000'000U);
  EXPECT_EQ(eth0.tx_bytes, 7'000'000'000U);
  EXPECT_EQ(eth0.rx_packets, 9'000'000U);
  EXPECT_EQ(eth0.rx_dropped, 3U);
  EXPECT_EQ(eth0.tx_dropped, 4U);
  EXPECT_EQ(eth0.rx_errors, 1U);
  EXPECT_EQ(eth0.tx_errors, 2U);
  ASSERT_EQ(eth0.addresses.size(), 2U);
  EXPECT_EQ(eth0.addresses[0].to_string(), "2001:db8::10");
  const model::Interface& wlan0 = table->interfaces[2];
  EXPECT_FALSE(wlan0.up || wlan0.is_default);
  EXPECT_EQ(wlan0.speed_bits_per_s, -1);
}

TEST(FakeRootAbilities, OnlyWhatTheFilesCanTell) {
  const auto abilities = collect_abilities(web_host());
  ASSERT_EQ(abilities.size(), 2U);
  for (const model::Ability& ability : abilities) EXPECT_TRUE(ability.on) << ability.why;
  for (const model::Ability& ability :
       collect_abilities(Root{NETWATCH_SOURCE_DIR "/testdata/root/none"})) {
    EXPECT_FALSE(ability.on);
    EXPECT_THAT(ability.why, Not(IsEmpty()));
  }
}

// --- this host ---------------------------------------------------------------------------------

// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(Fd&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

sockaddr_in6 any_port(int family) {
  sockaddr_in6 address{};
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&address, &v4, sizeof v4);
  } else {
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
  }
  return address;
}

// Bound to a free port of the loopback; -1 if the host lacks the family.
Fd bound(int family, int type) {
  Fd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  const sockaddr_in6 address = any_port(family);
  const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof address;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return Fd(-1);
  return fd;
}

Fd connected_to(const Fd& server, int family, int type) {
  sockaddr_in6 address{};
  socklen_t length = sizeof address;
  (void)::getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &length);
  Fd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  return fd;
}

std::uint64_t inode_of(const Fd& fd) {
  struct stat status{};
  return ::fstat(fd.get(), &status) == 0 ? status.st_ino : 0;
}

class LiveSockets : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (bound(GetParam(), SOCK_DGRAM).get() < 0) GTEST_SKIP() << "this host lacks the family";
  }
  model::SocketTable table() {
    auto collected = collector_.collect();
    EXPECT_TRUE(collected);
    return collected ? *std::move(collected) : model::SocketTable{};
  }
  SocketCollector collector_;
};
INSTANTIATE_TEST_SUITE_P(Families, LiveSockets, testing::Values(AF_INET, AF_INET6),
                         [](const auto& param) { return param.param == AF_INET ? "v4" : "v6"; });

TEST_P(LiveSockets, FindsItsOwnSocketsWithItsOwnPid) {
  const int family = GetParam();
  const Fd listener = bound(family, SOCK_STREAM);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  const Fd client = connected_to(listener, family, SOCK_STREAM);
  const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const Fd datagram = bound(family, SOCK_DGRAM);
  const Fd talking = connected_to(datagram, family, SOCK_DGRAM);
  const model::SocketTable seen = table();
  for (const Fd* fd : {&listener, &client, &accepted, &datagram, &talking}) {
    const model::Socket* socket = find_inode(seen, inode_of(*fd));
    ASSERT_NE(socket, nullptr);
    EXPECT_EQ(pid_of(socket), static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(socket->owner.quality, model::Quality::kInferred);
    EXPECT_EQ(socket->owner.process->comm, "collect_test");
    EXPECT_TRUE(socket->local.address.is_loopback());
    EXPECT_NE(socket->local.port, 0);
    EXPECT_NE(socket->netns, 0U);
  }
  EXPECT_EQ(find_inode(seen, inode_of(listener))->state, model::TcpState::kListen);
  const model::Socket* from = find_inode(seen, inode_of(client));
  const model::Socket* to = find_inode(seen, inode_of(accepted));
  EXPECT_EQ(from->state, model::TcpState::kEstablished);
  EXPECT_EQ(from->local, to->remote);
  EXPECT_EQ(from->remote, to->local);
  EXPECT_EQ(find_inode(seen, inode_of(talking))->remote,
            find_inode(seen, inode_of(datagram))->local);
}

TEST_P(LiveSockets, KernelCountersArePayload) {
  const int family = GetParam();
  const Fd listener = bound(family, SOCK_STREAM);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  const Fd client = connected_to(listener, family, SOCK_STREAM);
  const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::array<char, 1000> payload{};
  ASSERT_EQ(::send(client.get(), payload.data(), payload.size(), 0), 1000);
  std::array<char, 1000> received{};
  ASSERT_EQ(::recv(accepted.get(), received.data(), received.size(), MSG_WAITALL), 1000);
  ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  pollfd hung_up{accepted.get(), POLLRDHUP, 0};
  ASSERT_EQ(::poll(&hung_up, 1, 5000), 1);
  const model::SocketTable seen = table();
  const model::Socket* from = find_inode(seen, inode_of(client));
  const model::Socket* to = find_inode(seen, inode_of(accepted));
  ASSERT_TRUE(from != nullptr && to != nullptr);
  if (from->owner.via != model::OwnerVia::kSockDiag) GTEST_SKIP() << "the host has no sock_diag";
  EXPECT_EQ(to->state, model::TcpState::kCloseWait);
  EXPECT_EQ(from->bytes_sent, 1000);
  EXPECT_EQ(from->bytes_received, 0);
  EXPECT_EQ(to->bytes_received, 1000);
  EXPECT_EQ(to->bytes_sent, 0);
  EXPECT_GE(from->rtt_us, 0);
  EXPECT_GE(from->retransmits, 0);
}

TEST_P(LiveSockets, AnInheritedSocketBelongsToItsMaker) {
  const Fd datagram = bound(GetParam(), SOCK_DGRAM);
  std::array<int, 2> gate{};
  ASSERT_EQ(::pipe(gate.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(gate[1]);
    char byte = 0;
    (void)!::read(gate[0], &byte, 1);
    ::_exit(0);
  }
  const model::SocketTable seen = table();
  ::close(gate[1]);
  ::close(gate[0]);
  (void)::waitpid(child, nullptr, 0);
  const model::Socket* socket = find_inode(seen, inode_of(datagram));
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(socket->owner.holders, 2U);
  EXPECT_EQ(pid_of(socket), static_cast<std::uint32_t>(::getpid()));
  const model::SocketTable later = table();
  EXPECT_EQ(find_inode(later, inode_of(datagram))->owner.holders, 1U);
}

TEST_P(LiveSockets, OfTwoProgramsThatHoldASocketNoneIsNamed) {
  const Fd datagram = bound(GetParam(), SOCK_DGRAM);
  std::array<int, 2> gate{};
  std::array<int, 2> renamed{};
  ASSERT_EQ(::pipe(gate.data()), 0);
  ASSERT_EQ(::pipe(renamed.data()), 0);
  const pid_t child = ::fork();
  char byte = 'r';
  if (child == 0) {
    ::close(gate[1]);
    ::prctl(PR_SET_NAME, "another");
    (void)!::write(renamed[1], &byte, 1);
    (void)!::read(gate[0], &byte, 1);
    ::_exit(0);
  }
  ASSERT_EQ(::read(renamed[0], &byte, 1), 1);
  const model::SocketTable seen = table();
  for (const int fd : {gate[0], gate[1], renamed[0], renamed[1]}) ::close(fd);
  (void)::waitpid(child, nullptr, 0);
  const model::Socket* socket = find_inode(seen, inode_of(datagram));
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(socket->owner.holders, 2U);
  EXPECT_EQ(socket->owner.quality, model::Quality::kUnknown);
  EXPECT_FALSE(socket->owner.process);
}

TEST(LiveProcFd, CountsWhatMayNotBeRead) {
  // In a child without root's rights: the parent's descriptors, if nobody else's, are closed to it.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    const auto found = scan_proc_fd(Root{});
    ::_exit(found && found->unreadable_processes > 0 &&
                    found->unreadable_processes <= found->processes
                ? 0
                : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(LiveInterfaces, NetlinkAndSysfsAgree) {
  const auto netlink = read_interfaces_netlink(Root{});
  const auto sysfs = read_interfaces_sysfs(Root{});
  ASSERT_TRUE(netlink) << netlink.error().message;
  if (!sysfs) GTEST_SKIP() << "this host shows no /sys/class/net";
  for (const model::Interface& told : netlink->interfaces) {
    const auto same =
        std::find_if(sysfs->interfaces.begin(), sysfs->interfaces.end(),
                     [&](const model::Interface& i) { return i.ifindex == told.ifindex; });
    if (same == sysfs->interfaces.end()) GTEST_SKIP() << "/sys is of another network namespace";
    EXPECT_EQ(told.name, same->name);
    EXPECT_EQ(told.mac, same->mac);
    EXPECT_EQ(told.mtu, same->mtu);
    EXPECT_EQ(told.up, same->up) << told.name;
    EXPECT_EQ(told.loopback, same->loopback);
    EXPECT_EQ(told.is_default, same->is_default);
    EXPECT_LE(told.rx_bytes, same->rx_bytes);  // read later
    EXPECT_LE(told.tx_packets, same->tx_packets);
    for (const base::IpAddress& address : same->addresses) {
      EXPECT_THAT(told.addresses, testing::Contains(address));
    }
    if (told.loopback) {
      EXPECT_THAT(told.addresses, testing::Contains(*base::IpAddress::parse("127.0.0.1")));
    }
  }
}

TEST(LiveAbilities, EachIsOnOrSaysWhy) {
  std::vector<std::string> names;
  for (const model::Ability& ability : collect_abilities()) {
    names.push_back(ability.name);
    EXPECT_EQ(ability.on, ability.why.empty()) << ability.name;
    EXPECT_TRUE(!ability.on || ability.fix.empty()) << ability.name;
  }
  EXPECT_THAT(names, ElementsAre("capture", "owners of all sockets", "socket counters",
                                 "interface counters"));
}

}  // namespace
}  // namespace netwatch::collect
