#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "collect/collect.h"
#include "collect/proc_fd.h"
#include "collect/proc_net.h"
#include "collect/process.h"
#include "collect/sock_diag_linux.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

// 150 bytes a line, a million sockets.
constexpr std::size_t kMaxTableBytes = 256U << 20;

struct Table {
  std::uint8_t proto;
  std::uint8_t family;
  std::string_view file;
};
constexpr std::array<Table, 4> kTables = {{
    {model::ip_proto::kTcp, AF_INET, "proc/net/tcp"},
    {model::ip_proto::kTcp, AF_INET6, "proc/net/tcp6"},
    {model::ip_proto::kUdp, AF_INET, "proc/net/udp"},
    {model::ip_proto::kUdp, AF_INET6, "proc/net/udp6"},
}};

// A service manager opens sockets for the services that it starts (socket activation).
bool is_service_manager(const model::Process& process) {
  return process.pid == 1 || process.comm == "systemd";
}

// Which of two holders of one socket is its owner. Descriptors travel from parent to child, so the
// one that started first has made or accepted the socket; a service manager gives way.
bool owns_rather(const model::Process& candidate, const model::Process& present) {
  const bool candidate_manages = is_service_manager(candidate);
  if (candidate_manages != is_service_manager(present)) return !candidate_manages;
  return std::pair(candidate.start_ticks, candidate.pid) <
         std::pair(present.start_ticks, present.pid);
}

}  // namespace

class SocketCollector::Impl {
 public:
  Impl(Root root, HoldingSource holdings)
      : root_(std::move(root)), holdings_(std::move(holdings)), processes_(root_) {}

  base::Result<model::SocketTable> collect() {
    model::SocketTable table;
    table.taken_ns = base::wall_clock_ns();
    via_.clear();
    if (auto read = read_tables(table.sockets); !read) return read.error();
    struct stat netns{};
    if (::stat(root_.join("proc/self/ns/net").c_str(), &netns) == 0) {
      for (model::Socket& socket : table.sockets) socket.netns = netns.st_ino;
    }
    find_owners(table);
    return table;
  }

 private:
  // sock_diag where it answers, else the text files; an error if no table can be read at all.
  base::Status read_tables(std::vector<model::Socket>& out) {
    const bool live = root_.path == "/";
    auto netlink =
        live ? NetlinkSocket::open(NETLINK_SOCK_DIAG) : base::Result<NetlinkSocket>(base::Error{});
    std::optional<base::Error> first_error;
    std::size_t read = 0;
    for (const Table& table : kTables) {
      if (netlink && dump_sock_diag(*netlink, table.proto, table.family, out)) {
        via_.resize(out.size(), model::OwnerVia::kSockDiag);
        ++read;
        continue;
      }
      const auto text = read_text_file(root_.join(table.file), kMaxTableBytes);
      if (!text) {  // a host without IPv6 lacks half of them
        if (!first_error) first_error = text.error();
        continue;
      }
      parse_proc_net_sockets(*text, table.proto, out);
      via_.resize(out.size(), model::OwnerVia::kProcNet);
      ++read;
    }
    torn_ = netlink ? netlink->torn() : 0;
    if (read == 0)
      return first_error.value_or(base::Error{base::ErrorCode::kIo, "no socket table"});
    return base::ok_status();
  }

  void find_owners(model::SocketTable& table) {
    processes_.begin_round();
    table.torn_tables = torn_;
    model::SocketHoldings told;
    Holdings walked;
    bool is_told = false;
    if (holdings_) {
      if (auto found = holdings_()) {
        told = *std::move(found);
        is_told = true;
      }
    }
    if (!is_told) {
      if (auto scanned = scan_proc_fd(root_)) walked = *std::move(scanned);
    }
    table.unreadable_processes = walked.unreadable_processes;
    table.holdings_not_kept = is_told ? told.not_kept : walked.not_kept;
    for (std::size_t i = 0; i < table.sockets.size(); ++i) {
      model::Socket& socket = table.sockets[i];
      if (socket.inode == 0) continue;  // no process has it any more
      socket.owner = is_told ? told_owner_of(socket, told.holdings)
                             : owner_of(socket.inode, walked.holdings, via_[i]);
      if (!socket.owner.process) ++table.sockets_without_owner;
    }
  }

  // By what the kernel itself says. Inodes are those of the descriptor, which the subflows of a
  // Multipath TCP socket share with it, though not its cookie.
  model::Owner told_owner_of(const model::Socket& socket,
                             const std::vector<model::SocketHolding>& holdings) {
    model::Owner owner;
    std::shared_ptr<const model::Process> user;
    auto holding = std::lower_bound(
        holdings.begin(), holdings.end(), socket.inode,
        [](const model::SocketHolding& h, std::uint64_t wanted) { return h.inode < wanted; });
    for (; holding != holdings.end() && holding->inode == socket.inode; ++holding) {
      ++owner.holders;
      if (holding->user) user = holding->user;
      auto process = known(holding->holder);
      if (!owner.process || owns_rather(*process, *owner.process)) {
        owner.process = std::move(process);
      }
    }
    if (owner.holders == 0) return owner;
    owner.via = model::OwnerVia::kEbpf;
    owner.quality = model::Quality::kExact;
    if (user) {
      owner.process = known(user);
    } else if (owner.holders > 1) {
      owner.quality = model::Quality::kInferred;
    }
    return owner;
  }

  // What /proc says of a process, if it still says it of the same one and the same program.
  std::shared_ptr<const model::Process> known(const std::shared_ptr<const model::Process>& told) {
    auto process = processes_.find(told->pid);
    const bool same =
        process && process->start_ticks == told->start_ticks && process->comm == told->comm;
    return same ? process : told;
  }

  model::Owner owner_of(std::uint64_t inode, const std::vector<Holding>& holdings,
                        model::OwnerVia via) {
    model::Owner owner;
    auto holding =
        std::lower_bound(holdings.begin(), holdings.end(), inode,
                         [](const Holding& h, std::uint64_t wanted) { return h.inode < wanted; });
    for (; holding != holdings.end() && holding->inode == inode; ++holding) {
      auto process = processes_.find(holding->pid);
      if (!process) continue;
      ++owner.holders;
      if (!owner.process || owns_rather(*process, *owner.process)) {
        owner.process = std::move(process);
      }
    }
    if (owner.process) {
      owner.quality = model::Quality::kInferred;
      owner.via = via;
    }
    return owner;
  }

  Root root_;
  HoldingSource holdings_;
  ProcessCache processes_;
  std::vector<model::OwnerVia> via_;  // of each socket of the table in work
  std::uint64_t torn_ = 0;            // tables of the last look that kept changing
};

SocketCollector::SocketCollector(Root root, HoldingSource holdings)
    : impl_(std::make_unique<Impl>(std::move(root), std::move(holdings))) {}
SocketCollector::~SocketCollector() = default;
base::Result<model::SocketTable> SocketCollector::collect() { return impl_->collect(); }

}  // namespace netwatch::collect
