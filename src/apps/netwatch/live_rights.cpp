#include "apps/netwatch/live_rights.h"

#include <linux/netlink.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "capture/live_socket.h"
#include "collect/cgroup_tree.h"
#include "collect/kept_access.h"
#include "collect/namespaces_linux.h"

namespace netwatch::app {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

// ---- in the broker's process ----

base::Result<confine::OpenedCapture> open_for_worker(const confine::CaptureRequest& asked) {
  capture::LiveSocketRequest request{.interface = asked.interface,
                                     .cooked = asked.cooked,
                                     .promiscuous = asked.promiscuous,
                                     .ring_bytes = asked.ring_mebibytes * kMebibyte,
                                     .filter = {}};
  request.filter.reserve(asked.filter.size());
  for (const confine::BpfInstruction& i : asked.filter) {
    request.filter.push_back({i.code, i.if_true, i.if_false, i.k});
  }
  const auto socket = capture::open_live_socket(request);
  if (!socket.ok()) return socket.error();
  return confine::OpenedCapture{.fd = socket->fd, .ifindex = socket->ifindex};
}

base::Result<confine::SocketHolders> walk_for_worker() {
  const auto walked = collect::scan_proc_fd({});
  if (!walked.ok()) return walked.error();
  confine::SocketHolders out{.rows = {},
                             .processes = walked->processes,
                             .unreadable_processes = walked->unreadable_processes,
                             .not_kept = walked->not_kept,
                             .hides_processes = walked->hides_processes};
  out.rows.reserve(walked->holdings.size());
  for (const collect::Holding& one : walked->holdings) out.rows.push_back({one.inode, one.pid});
  return out;
}

// What is entered is on the list that the worker was told last, and nothing of it is kept open: a
// socket in a namespace would keep it alive after its last process.
class NamespaceDuties {
 public:
  base::Result<confine::NetworkNamespaces> list() {
    auto scan = collect::scan_network_namespaces({});
    if (!scan.ok()) return scan.error();
    scan_ = *std::move(scan);
    if (!visitor_) {
      if (auto made = collect::NamespaceVisitor::make()) visitor_.emplace(*std::move(made));
    }
    confine::NetworkNamespaces out{.rows = {},
                                   .unreadable_processes = scan_.unreadable_processes,
                                   .not_kept = scan_.not_kept,
                                   .may_enter = visitor_ && visitor_->may_enter()};
    for (const model::NetworkNamespace& one : scan_.namespaces) {
      out.rows.push_back({.inode = one.inode, .pid = one.pid, .own = one.own, .name = one.name});
    }
    return out;
  }

  base::Result<int> dump(const confine::SocketDumpRequest& request) const {
    const auto known =
        std::ranges::find(scan_.namespaces, request.netns, &model::NetworkNamespace::inode);
    if (known == scan_.namespaces.end() || known->own || !visitor_) {
      return base::Error{base::ErrorCode::kNotFound, "no other network namespace has that number"};
    }
    auto socket = visitor_->open_in({}, *known, NETLINK_SOCK_DIAG);
    if (!socket.ok()) return socket.error();
    const auto table = static_cast<collect::DiagTable>(request.table);
    if (auto asked = collect::ask_sock_diag(*socket, table); !asked.ok()) return asked.error();
    return socket->release();
  }

 private:
  collect::NamespaceScan scan_;
  std::optional<collect::NamespaceVisitor> visitor_;
};
static_assert(confine::SocketDumpRequest::kTables == collect::kDiagTables);

// ---- in the worker's ----

base::Result<collect::NamespaceScan> ask_for_namespaces(confine::BrokerClient& broker,
                                                        const collect::Root& root) {
  auto told = broker.namespaces();
  if (!told.ok()) return told.error();
  collect::NamespaceScan out;
  out.unreadable_processes = told->unreadable_processes;
  out.not_kept = told->not_kept;
  for (confine::NetworkNamespaceRow& row : told->rows) {
    if (row.own) out.own = row.inode;
    model::NetworkNamespace& one = out.namespaces.emplace_back();
    one.inode = row.inode;
    one.own = row.own;
    one.pid = row.pid;
    one.name = std::move(row.name);
  }
  collect::name_containers(root, out.namespaces);
  return out;
}

base::Result<collect::NetlinkSocket> ask_for_dump(confine::BrokerClient& broker,
                                                  std::uint64_t netns, collect::DiagTable table) {
  const auto fd = broker.socket_dump({.netns = netns, .table = static_cast<std::uint32_t>(table)});
  if (!fd.ok()) return fd.error();
  return collect::NetlinkSocket::adopt(*fd);
}

base::Result<collect::Holdings> ask_for_walk(confine::BrokerClient& broker) {
  const auto told = broker.socket_holders();
  if (!told.ok()) return told.error();
  collect::Holdings out;
  out.processes = told->processes;
  out.unreadable_processes = told->unreadable_processes;
  out.not_kept = told->not_kept;
  out.hides_processes = told->hides_processes;
  out.holdings.reserve(told->rows.size());
  for (const confine::SocketHolder& row : told->rows) out.holdings.push_back({row.inode, row.pid});
  return out;
}

confine::CaptureRequest request_of(const capture::LiveSocketRequest& socket) {
  confine::CaptureRequest request{
      .interface = socket.interface,
      .cooked = socket.cooked,
      .promiscuous = socket.promiscuous,
      .ring_mebibytes = static_cast<std::uint32_t>(socket.ring_bytes / kMebibyte),
      .filter = {}};
  request.filter.reserve(socket.filter.size());
  for (const capture::FilterInstruction& i : socket.filter) {
    request.filter.push_back({i.code, i.if_true, i.if_false, i.k});
  }
  return request;
}

}  // namespace

LiveRights::LiveRights(confine::Mode mode, bool captures) : mode_(mode) {
  if (mode_ == confine::Mode::kOff) return;
  const auto namespaces = std::make_shared<NamespaceDuties>();
  auto broker = confine::BrokerClient::start(
      {.open_capture = captures ? open_for_worker : nullptr,
       .socket_holders = walk_for_worker,
       .namespaces = [namespaces] { return namespaces->list(); },
       .socket_dump = [namespaces](const auto& request) { return namespaces->dump(request); }});
  if (broker.ok()) {
    broker_ = *std::move(broker);
    look_at_namespaces();
  } else {
    no_broker_ = broker.error().message;
  }
}

void LiveRights::prepare(pipeline::LiveSessionOptions& options) {
  if (mode_ == confine::Mode::kOff) {
    options.namespaces = collect::NamespaceScope::kAllAtTimes;
    return;
  }
  kept_ = collect::KeptAccess::open();
  options.root.kept = kept_;
  options.open_capture = [this](const capture::LiveOptions& wanted) {
    return open_capture(wanted);
  };
  options.watched_abilities = [this] {
    std::vector<model::Ability> now{broker_ability()};
    if (auto namespaces = namespaces_ability()) now.push_back(*std::move(namespaces));
    return now;
  };
  kept_for_samples_ = collect::KeptAccess::open();
  if (enters_namespaces_) {
    options.namespaces = collect::NamespaceScope::kAllAtTimes;
    kept_->namespaces = [this, root = options.root] { return ask_for_namespaces(*broker_, root); };
    kept_->asked_dump = [this](std::uint64_t netns, collect::DiagTable table) {
      return ask_for_dump(*broker_, netns, table);
    };
  }
  options.sample_root.kept = kept_for_samples_;
}

base::Result<std::unique_ptr<capture::PacketSource>> LiveRights::open_capture(
    const capture::LiveOptions& options) {
  if (given_up_) return ask_for_capture(options.interface);
  const auto plan = capture::plan_live(options);
  if (!plan.ok()) return plan.error();
  // Another interface may be chosen later, whose link header is of the other kind.
  for (const bool cooked : {false, true}) plans_.push_back(capture::plan_live(options, cooked));
  const auto socket = capture::open_live_socket(plan->socket);
  if (!socket.ok()) return socket.error();
  return capture::adopt_live_socket(*socket, *plan);
}

base::Result<std::unique_ptr<capture::PacketSource>> LiveRights::ask_for_capture(
    const std::string& interface) {
  const model::Ability broker = broker_ability();
  if (!broker.on) return base::Error{base::ErrorCode::kDenied, broker.why};
  base::Error failure{base::ErrorCode::kNotFound, "no interface is called '" + interface + "'"};
  if (interface.size() > confine::CaptureRequest::kMaxInterfaceBytes) return failure;
  bool refused = false;  // for the filter's sake, which says more than the kind of the other one
  for (const auto& kind : plans_) {
    if (!kind.ok()) {
      failure = kind.error();
      refused = true;
      continue;
    }
    capture::LivePlan plan = *kind;
    if (interface == "any" && !plan.socket.cooked) continue;
    plan.socket.interface = interface;
    const auto opened = broker_->open_capture(request_of(plan.socket));
    if (opened.ok()) {
      return capture::adopt_live_socket({.fd = opened->fd, .ifindex = opened->ifindex}, plan);
    }
    if (opened.error().code != base::ErrorCode::kInvalid) return opened.error();
    if (!refused) failure = opened.error();
  }
  return failure;
}

model::Ability LiveRights::broker_ability() const {
  model::Ability out{.name = "broker", .on = broker_ && broker_->alive(), .why = {}, .fix = {}};
  if (out.on) return out;
  out.why = broker_ ? "the process that keeps the rights has ended: a capture that is lost cannot "
                      "be opened again"
                    : no_broker_;
  out.fix = "start netwatch again";
  return out;
}

void LiveRights::look_at_namespaces() {
  const auto told = broker_->namespaces();
  if (!told.ok()) return;
  enters_namespaces_ = told->may_enter;
  if (!told->rows.empty()) other_namespaces_ = told->rows.size() - 1;
}

std::optional<model::Ability> LiveRights::namespaces_ability() const {
  model::Ability out{.name = "container sockets", .on = true, .why = {}, .fix = {}};
  if (enters_namespaces_) {
    if (broker_->alive()) return out;
    out.on = false;
    out.why = "the process that enters other network namespaces has ended";
    out.fix = "start netwatch again";
    return out;
  }
  if (other_namespaces_ == 0) return std::nullopt;
  out.on = false;
  out.why = broker_ ? "entering other network namespaces needs CAP_SYS_ADMIN" : no_broker_;
  out.fix = "sudo netwatch";
  return out;
}

base::Result<std::vector<model::Ability>> LiveRights::give_up(
    std::vector<int> written, bool terminal, std::vector<confine::OutputFolder> outputs) {
  confine::Plan plan;
  plan.outputs = std::move(outputs);
  plan.mode = mode_;
  plan.written = std::move(written);
  plan.written.insert(plan.written.end(), {STDOUT_FILENO, STDERR_FILENO});
  if (broker_) plan.written.push_back(broker_->fd());
  for (const auto& kept : {kept_, kept_for_samples_}) {
    if (kept && kept->sock_diag) plan.written.push_back(kept->sock_diag->fd());
    if (kept && kept->route) plan.written.push_back(kept->route->fd());
  }
  // Sockets, interfaces and processes; Landlock itself hides what is private to a process.
  plan.readable = {"/proc", "/sys", "/etc/passwd"};
  if (std::string cgroups = collect::CgroupTree::folder(); !cgroups.empty()) {
    plan.readable.push_back(std::move(cgroups));
  }
  plan.receives = true;
  plan.terminal = terminal;
  plan.bpf_iterators = true;
  // What walks over /proc in this process would see itself only.
  if (kept_ && broker_) kept_->walk = [this] { return ask_for_walk(*broker_); };
  const auto confined = confine::confine(plan);
  if (!confined.ok()) return confined.error();
  given_up_ = mode_ != confine::Mode::kOff;
  std::vector<model::Ability> abilities{confined->ability()};
  if (given_up_) {
    abilities.push_back(broker_ability());
    if (auto namespaces = namespaces_ability()) abilities.push_back(*std::move(namespaces));
  }
  return abilities;
}

}  // namespace netwatch::app
