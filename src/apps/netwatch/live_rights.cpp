#include "apps/netwatch/live_rights.h"

#include <unistd.h>

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

// ---- in the worker's ----

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

LiveRights::LiveRights(confine::Mode mode) : mode_(mode) {
  if (mode_ == confine::Mode::kOff) return;
  auto broker = confine::BrokerClient::start(
      {.open_capture = open_for_worker, .socket_holders = walk_for_worker});
  if (broker.ok()) {
    broker_ = *std::move(broker);
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
  options.watched_abilities = [this] { return std::vector{broker_ability()}; };
  kept_for_samples_ = collect::KeptAccess::open();
  // Afterwards nobody can tell. Where there are none, nothing is missing.
  const auto scan = collect::scan_network_namespaces({});
  if (scan.ok() && !scan->namespaces.empty()) other_namespaces_ = scan->namespaces.size() - 1;
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
    if (other_namespaces_ > 0) {
      abilities.push_back({.name = "container sockets",
                           .on = false,
                           .why = "a confined netwatch may not enter other network namespaces",
                           .fix = "netwatch --confine off"});
    }
  }
  return abilities;
}

}  // namespace netwatch::app
