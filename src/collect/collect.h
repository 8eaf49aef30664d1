#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/network.h"
#include "model/owner.h"
#include "model/process_table.h"
#include "model/sample.h"
#include "model/socket.h"

namespace netwatch::collect {

struct KeptAccess;  // kept_access.h
class VendorTable;

// Where the operating system's text files are: "/" on a real host, a folder in tests.
struct Root {
  std::string path = "/";
  // For who may open no sockets any more; used by one thread. Null: they are opened each time.
  std::shared_ptr<KeptAccess> kept = nullptr;
  [[nodiscard]] std::string join(std::string_view relative) const;  // "proc/stat" -> "/proc/stat"
};

// Who holds which socket, if something better than a walk over /proc/*/fd can tell (src/ebpf).
using HoldingSource = std::function<base::Result<model::SocketHoldings>()>;

enum class NamespaceScope : std::uint8_t {
  kOwn,  // our network namespace
  kAll,  // all that can be found: containers', and those below /run/netns
  // Likewise, but another one's sockets are those of the look before while that is so young that
  // reading them anew would take more than 0.2 % of a core (at least 2, at most 30 seconds): each
  // namespace costs as much as our own.
  kAllAtTimes,
};

// The sockets of this network namespace, or of all, with their owners: sock_diag over netlink (TCP
// with tcp_info, UDP, both families), else /proc/net/{tcp,udp}{,6}. Where there is a HoldingSource
// the owner is who used the socket last, else its only holder (exact); else inodes are matched to
// processes by /proc/*/fd (inferred).
// Of several holders of one name the owner is the one that started first, since descriptors travel
// from parent to child; a service manager (pid 1, systemd) gives way to the service that it opened
// the socket for. Of several names none is said: any of them may be who uses it. Sockets without
// inode (TIME-WAIT, orphans) belong to no process any more and are not counted in
// sockets_without_owner. bytes_sent is payload without retransmissions (tcpi_bytes_sent -
// tcpi_bytes_retrans); on kernels before 4.19 it is tcpi_bytes_acked, which also counts a SYN and a
// FIN. Keeps a cache of processes between calls; not thread-safe.
class SocketCollector {
 public:
  explicit SocketCollector(Root root = {}, HoldingSource holdings = {});
  ~SocketCollector();
  SocketCollector(const SocketCollector&) = delete;
  SocketCollector& operator=(const SocketCollector&) = delete;

  // Another namespace's sockets come from a netlink socket that a thread opens inside of it
  // (CAP_SYS_ADMIN), else from /proc/PID/net. An error only if our own cannot be read.
  base::Result<model::SocketTable> collect(NamespaceScope scope = NamespaceScope::kOwn);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// All processes that may be seen, with what they use. Keeps a cache of processes between calls; not
// thread-safe.
class ProcessCollector {
 public:
  explicit ProcessCollector(Root root = {});
  ~ProcessCollector();
  ProcessCollector(const ProcessCollector&) = delete;
  ProcessCollector& operator=(const ProcessCollector&) = delete;

  // `now_ns` is of the monotonic clock; an error only if there is no /proc.
  base::Result<model::ProcessTable> collect(base::TimeNs now_ns = base::monotonic_clock_ns());

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// All interfaces with their 64-bit counters and addresses, and which one carries the default
// route. rtnetlink on a real host; /sys/class/net and /proc/net in a fake root.
base::Result<model::InterfaceTable> collect_interfaces(const Root& root = {});

// The unicast routes of the main table. rtnetlink on a real host; /proc/net in a fake root.
base::Result<model::RouteTable> collect_routes(const Root& root = {});

// Who was seen on the links of this host, with their vendors if these are given. rtnetlink on a
// real host; /proc/net/arp (IPv4 only) in a fake root.
base::Result<model::NeighbourTable> collect_neighbours(const Root& root = {},
                                                       const VendorTable* vendors = nullptr);

// /etc/resolv.conf, and what a stub on this host says of itself.
base::Result<model::ResolverList> collect_resolvers(const Root& root = {});

// Tells when interfaces, addresses, routes or neighbours of this network namespace have changed
// (rtnetlink), so that nobody has to look at the tables for nothing. Not thread-safe.
class NetworkWatch {
 public:
  // A smaller buffer loses messages sooner; 0 is the usual one.
  static base::Result<NetworkWatch> open(int receive_buffer_bytes = 0);
  ~NetworkWatch();
  NetworkWatch(NetworkWatch&&) noexcept;
  NetworkWatch& operator=(NetworkWatch&&) = delete;
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  [[nodiscard]] int fd() const;  // for poll(2): readable when something has changed
  // What has changed since the last call; never blocks.
  base::Result<model::NetworkChanges> read();
  // How often the kernel had to drop messages since the start.
  [[nodiscard]] std::uint64_t overruns() const;

 private:
  class Impl;
  explicit NetworkWatch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What this host and these rights allow: capture, all processes' sockets, interface counters, ...
std::vector<model::Ability> collect_abilities(const Root& root = {});
// What it allows besides, that nothing on the live screen waits for: ping without rights, entering
// other network namespaces. Of the real root only.
std::vector<model::Ability> collect_host_abilities(const Root& root = {});

}  // namespace netwatch::collect
