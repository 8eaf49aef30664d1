#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "collect/collect.h"
#include "collect/handovers.h"
#include "collect/kept_access.h"
#include "collect/namespaces_linux.h"
#include "collect/owner_usage.h"
#include "collect/proc_fd.h"
#include "collect/proc_net.h"
#include "collect/process.h"
#include "collect/sock_diag_linux.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

// 150 bytes a line, a million sockets.
constexpr std::size_t kMaxTableBytes = 256U << 20;

// How often other namespaces are read: see NamespaceScope::kAllAtTimes.
constexpr base::TimeNs kOthersShare = 500;
constexpr base::TimeNs kOthersYoung = 2 * base::kNsPerSecond;
constexpr base::TimeNs kOthersOld = 30 * base::kNsPerSecond;

struct Table {
  std::uint8_t proto;
  DiagTable diag;
  std::string_view file;
};
constexpr std::array<Table, 4> kTables = {{
    {model::ip_proto::kTcp, DiagTable::kTcp4, "tcp"},
    {model::ip_proto::kTcp, DiagTable::kTcp6, "tcp6"},
    {model::ip_proto::kUdp, DiagTable::kUdp4, "udp"},
    {model::ip_proto::kUdp, DiagTable::kUdp6, "udp6"},
}};

// Appends the sockets of one table; empty where only text files tell.
using Dump = std::function<base::Status(DiagTable, std::vector<model::Socket>&)>;

// A service manager opens sockets for the services that it starts (socket activation).
bool is_service_manager(const model::Process& process) {
  return process.pid == 1 || process.comm == "systemd";
}

// Who owns a socket that several processes hold, when nobody was seen to use it. Descriptors travel
// from parent to child, so of one program's processes the one that started first has made or
// accepted it. Of several programs any may be the one that uses it: then none is named.
class Holders {
 public:
  void add(std::shared_ptr<const model::Process> process) {
    ++count_;
    // Tells one set of holders from another, and programs that were executed.
    constexpr std::uint64_t kPrime = 0x100000001B3ULL;
    for (const std::uint64_t part : {std::uint64_t{process->pid}, process->start_ticks,
                                     std::uint64_t{std::hash<std::string>()(process->comm)},
                                     std::uint64_t{std::hash<std::string>()(process->exe)}}) {
      all_ = (all_ ^ part) * kPrime;
    }
    if (is_service_manager(*process)) {
      keep_first(manager_, std::move(process));
      return;
    }
    one_program_ = one_program_ && (!holder_ || holder_->comm == process->comm);
    keep_first(holder_, std::move(process));
  }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] std::uint64_t all() const { return all_; }
  // Null where there is none to name.
  [[nodiscard]] std::shared_ptr<const model::Process> owner() const {
    if (!one_program_) return nullptr;
    return holder_ ? holder_ : manager_;
  }

 private:
  static void keep_first(std::shared_ptr<const model::Process>& kept,
                         std::shared_ptr<const model::Process> process) {
    const bool earlier = !kept || std::pair(process->start_ticks, process->pid) <
                                      std::pair(kept->start_ticks, kept->pid);
    if (earlier) kept = std::move(process);
  }

  std::shared_ptr<const model::Process> holder_;
  std::shared_ptr<const model::Process> manager_;  // gives way to whom it opened the socket for
  bool one_program_ = true;
  std::uint32_t count_ = 0;
  std::uint64_t all_ = 0xCBF29CE484222325ULL;
};

}  // namespace

class SocketCollector::Impl {
 public:
  Impl(Root root, HoldingSource holdings)
      : root_(std::move(root)),
        holdings_(std::move(holdings)),
        processes_(root_),
        handovers_(root_) {}

  base::Result<model::SocketTable> collect(NamespaceScope scope) {
    model::SocketTable table;
    if (!holdings_) handovers_.begin_look();
    table.taken_ns = base::wall_clock_ns();
    via_.clear();
    torn_ = 0;
    std::optional<NetlinkSocket> own_socket;
    auto netlink = is_live() ? netlink_of(root_, NETLINK_SOCK_DIAG, own_socket)
                             : base::Result<NetlinkSocket*>(base::Error{});
    auto read = read_tables(netlink ? dump_by(**netlink) : Dump(), "proc/net/", table.sockets);
    if (!read) return read.error();
    table.read_ns = base::wall_clock_ns();
    const std::uint64_t own = own_namespace();
    table.own_netns = own;
    for (model::Socket& socket : table.sockets) socket.netns = own;
    if (scope != NamespaceScope::kOwn) {
      const base::TimeNs now_ns = base::monotonic_clock_ns();
      if (scope == NamespaceScope::kAll || now_ns >= others_due_ns_) look_at_others(now_ns);
      add_others(table);
      for (model::Socket& socket : others_.sockets) socket.kept = true;
    }
    find_owners(table);
    table.usage = usage_.take(table.sockets, processes_, base::monotonic_clock_ns());
    return table;
  }

 private:
  [[nodiscard]] bool is_live() const { return root_.path == "/"; }

  // The calling thread's, which is where its sockets are. Not by readlink(2), which a confined
  // process may not call.
  [[nodiscard]] std::uint64_t own_namespace() const {
    struct stat status{};
    if (is_live()) return ::stat("/proc/thread-self/ns/net", &status) == 0 ? status.st_ino : 0;
    return parse_namespace_link(read_link(root_.join("proc/self/ns/net"))).value_or(0);
  }

  Dump dump_by(NetlinkSocket& netlink) {
    return [this, &netlink](DiagTable table, std::vector<model::Socket>& out) {
      const std::uint64_t before = netlink.torn();
      auto status = dump_sock_diag(netlink, table, out);
      torn_ += netlink.torn() - before;
      return status;
    };
  }

  // As NetlinkSocket::dump(), each time on another socket, which somebody else opens and asks on.
  Dump dump_asked_in(std::uint64_t netns) {
    return [this, netns](DiagTable table, std::vector<model::Socket>& out) -> base::Status {
      const std::size_t before = out.size();
      for (int restarts = 0;; ++restarts) {
        auto asked = root_.kept->asked_dump(netns, table);
        if (!asked) return asked.error();
        const auto whole = take_sock_diag(*asked, table, out);
        if (!whole) return whole.error();
        if (*whole) return base::ok_status();
        if (restarts == NetlinkSocket::kMaxRestarts) {
          ++torn_;
          return base::ok_status();
        }
        out.resize(before);
      }
    };
  }

  // sock_diag where it answers, else the text files; an error if no table can be read at all.
  base::Status read_tables(const Dump& dump, const std::string& folder,
                           std::vector<model::Socket>& out) {
    std::optional<base::Error> first_error;
    std::size_t read = 0;
    const bool has_tcp = dump && dump(DiagTable::kTcp, out);
    if (has_tcp) {
      via_.resize(out.size(), model::OwnerVia::kSockDiag);
      ++read;
    }
    for (const Table& table : kTables) {
      if (has_tcp && table.proto == model::ip_proto::kTcp) continue;
      if (dump && dump(table.diag, out)) {
        via_.resize(out.size(), model::OwnerVia::kSockDiag);
        ++read;
        continue;
      }
      const auto text =
          folder.empty()
              ? base::Result<std::string>(base::Error{})
              : read_text_file(root_.join(folder + std::string(table.file)), kMaxTableBytes);
      if (!text) {  // a host without IPv6 lacks half of them
        if (!first_error) first_error = text.error();
        continue;
      }
      parse_proc_net_sockets(*text, table.proto, out);
      via_.resize(out.size(), model::OwnerVia::kProcNet);
      ++read;
    }
    if (read == 0)
      return first_error.value_or(base::Error{base::ErrorCode::kIo, "no socket table"});
    return base::ok_status();
  }

  // The sockets of containers and the like. Nothing is kept open: a socket in a namespace would
  // keep it alive after its last process.
  void look_at_others(base::TimeNs now_ns) {
    others_ = {};
    const std::vector<model::OwnerVia> own_via = std::exchange(via_, {});
    read_others(others_);
    others_via_ = std::exchange(via_, own_via);
    const base::TimeNs cost_ns = base::monotonic_clock_ns() - now_ns;
    others_due_ns_ = now_ns + std::clamp(cost_ns * kOthersShare, kOthersYoung, kOthersOld);
  }

  void read_others(model::SocketTable& table) {
    const bool asks = root_.kept && root_.kept->asked_dump;
    auto scan = asks ? root_.kept->namespaces() : scan_network_namespaces(root_);
    if (!scan) return;
    table.namespaces_not_kept = scan->not_kept;
    table.processes_of_unknown_namespace = scan->unreadable_processes;
    std::vector<std::optional<NetlinkSocket>> netlinks(scan->namespaces.size());
    if (is_live() && !asks)
      netlinks = open_in_namespaces(root_, scan->namespaces, NETLINK_SOCK_DIAG);
    for (std::size_t i = 0; i < scan->namespaces.size(); ++i) {
      model::NetworkNamespace& netns = scan->namespaces[i];
      if (netns.own) continue;
      const std::size_t before = table.sockets.size();
      const std::string folder =
          netns.pid != 0 ? "proc/" + std::to_string(netns.pid) + "/net/" : std::string();
      Dump dump;
      if (asks) dump = dump_asked_in(netns.inode);
      if (netlinks[i]) dump = dump_by(*netlinks[i]);
      if (!read_tables(dump, folder, table.sockets)) {
        ++table.namespaces_unread;
        netns.unread = true;
      }
      for (std::size_t k = before; k < table.sockets.size(); ++k) {
        table.sockets[k].netns = netns.inode;
      }
      netlinks[i].reset();
    }
    table.namespaces = std::move(scan->namespaces);
  }

  void add_others(model::SocketTable& table) {
    table.sockets.insert(table.sockets.end(), others_.sockets.begin(), others_.sockets.end());
    via_.insert(via_.end(), others_via_.begin(), others_via_.end());
    table.namespaces = others_.namespaces;
    table.namespaces_unread = others_.namespaces_unread;
    table.namespaces_not_kept = others_.namespaces_not_kept;
    table.processes_of_unknown_namespace = others_.processes_of_unknown_namespace;
  }

  void find_owners(model::SocketTable& table) {
    processes_.begin_round();
    completed_before_ = std::exchange(completed_, {});
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
      const bool kept = root_.kept && root_.kept->walk;
      if (auto scanned = kept ? root_.kept->walk() : scan_proc_fd(root_)) {
        walked = *std::move(scanned);
      }
    }
    const bool watches = !holdings_;
    if (watches) {
      handovers_.take_processes();
      proofs_.begin_look();
    }
    table.unreadable_processes = walked.unreadable_processes;
    table.holdings_not_kept = is_told ? told.not_kept : walked.not_kept;
    for (std::size_t i = 0; i < table.sockets.size(); ++i) {
      model::Socket& socket = table.sockets[i];
      if (socket.inode == 0) continue;  // no process has it any more
      socket.owner = is_told ? told_owner_of(socket, told.holdings)
                             : owner_of(socket, walked.holdings, via_[i], table.own_netns);
      if (!socket.owner.process) ++table.sockets_without_owner;
    }
    if (!watches) return;
    table.watches_holders = true;
    table.doubts = handovers_.doubts(processes_);
  }

  // By what the kernel itself says. Inodes are those of the descriptor, which the subflows of a
  // Multipath TCP socket share with it, though not its cookie.
  model::Owner told_owner_of(model::Socket& socket,
                             const std::vector<model::SocketHolding>& holdings) {
    model::Owner owner;
    Holders holders;
    std::shared_ptr<const model::Process> user;
    auto holding = std::lower_bound(
        holdings.begin(), holdings.end(), socket.inode,
        [](const model::SocketHolding& h, std::uint64_t wanted) { return h.inode < wanted; });
    for (; holding != holdings.end() && holding->inode == socket.inode; ++holding) {
      if (holding->user) user = holding->user;
      holders.add(known(holding->holder));
    }
    owner.holders = holders.count();
    if (owner.holders > 0) take_counters(*(holding - 1), socket);
    owner.process = user ? known(user) : holders.owner();
    if (!owner.process) return owner;
    owner.via = model::OwnerVia::kEbpf;
    const bool is_sure = user || owner.holders == 1;
    owner.quality = is_sure ? model::Quality::kExact : model::Quality::kInferred;
    return owner;
  }

  // UDP's payload, which no table of the kernel tells; TCP's is that of tcp_info.
  static void take_counters(const model::SocketHolding& holding, model::Socket& socket) {
    if (socket.cookie != 0 && holding.cookie != socket.cookie) {
      if (socket.proto == model::ip_proto::kTcp) socket.subflow_of = holding.cookie;
      return;
    }
    socket.followed = holding.followed;
    if (socket.proto != model::ip_proto::kUdp) return;
    socket.users = holding.users;
    socket.peers = holding.peers;
    if (holding.followed) {
      socket.bytes_sent = holding.sent;
      socket.bytes_received = holding.received;
    } else {
      socket.seen_sent = holding.sent;
      socket.seen_received = holding.received;
    }
  }

  // What /proc says of a process, if it still says it of the same one and the same program.
  std::shared_ptr<const model::Process> known(const std::shared_ptr<const model::Process>& told) {
    auto process = processes_.find(told->pid);
    const bool same =
        process && process->start_ticks == told->start_ticks && process->comm == told->comm;
    if (!same) return told;
    // A confined reader is not shown what others run.
    if (!process->exe.empty() || told->exe.empty()) return process;
    return with_program(process, told);
  }

  // One for all sockets of the process, and for as many looks as nothing else becomes known of it.
  std::shared_ptr<const model::Process> with_program(
      const std::shared_ptr<const model::Process>& process,
      const std::shared_ptr<const model::Process>& told) {
    Completed& now = completed_[told->pid];
    if (now.process == process && now.told == told) return now.both;
    const auto before = completed_before_.find(told->pid);
    if (before != completed_before_.end() && before->second.process == process &&
        before->second.told == told) {
      now = before->second;
      return now.both;
    }
    auto both = std::make_shared<model::Process>(*process);
    both->exe = told->exe;
    now = {.process = process, .told = told, .both = std::move(both)};
    return now.both;
  }

  model::Owner owner_of(const model::Socket& socket, const std::vector<Holding>& holdings,
                        model::OwnerVia via, std::uint64_t own_netns) {
    model::Owner owner;
    Holders holders;
    bool sure = !holdings_;
    auto holding =
        std::lower_bound(holdings.begin(), holdings.end(), socket.inode,
                         [](const Holding& h, std::uint64_t wanted) { return h.inode < wanted; });
    for (; holding != holdings.end() && holding->inode == socket.inode; ++holding) {
      auto process = processes_.find(holding->pid);
      if (!process) {
        sure = false;
        continue;
      }
      holders.add(std::move(process));
      if (!holdings_) sure = handovers_.keeps_its_own(processes_, holding->pid) && sure;
    }
    owner.holders = holders.count();
    owner.process = holders.owner();
    const bool has_traffic = socket.state != model::TcpState::kListen;
    const bool proven = has_traffic && !holdings_ &&
                        proofs_.is_proven(socket, holders.all(), sure, socket.netns == own_netns);
    if (owner.process) {
      owner.quality = model::Quality::kInferred;
      owner.via = via;
      owner.held_only = has_traffic && !proven;
    }
    return owner;
  }

  Root root_;
  HoldingSource holdings_;
  ProcessCache processes_;
  Handovers handovers_;  // where nobody tells better
  SocketProofs proofs_;
  OwnerUsage usage_;
  // What /proc and the kernel's programs tell of one process, and both together.
  struct Completed {
    std::shared_ptr<const model::Process> process;
    std::shared_ptr<const model::Process> told;
    std::shared_ptr<const model::Process> both;
  };
  std::unordered_map<std::uint32_t, Completed> completed_;  // by pid, in this look
  std::unordered_map<std::uint32_t, Completed> completed_before_;
  std::vector<model::OwnerVia> via_;  // of each socket of the table in work
  std::uint64_t torn_ = 0;            // tables of the last look that kept changing
  model::SocketTable others_;         // of other namespaces, as last read
  std::vector<model::OwnerVia> others_via_;
  base::TimeNs others_due_ns_ = 0;  // when to read them anew
};

SocketCollector::SocketCollector(Root root, HoldingSource holdings)
    : impl_(std::make_unique<Impl>(std::move(root), std::move(holdings))) {}
SocketCollector::~SocketCollector() = default;
base::Result<model::SocketTable> SocketCollector::collect(NamespaceScope scope) {
  return impl_->collect(scope);
}

}  // namespace netwatch::collect
