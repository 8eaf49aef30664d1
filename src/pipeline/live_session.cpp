#include "pipeline/live_session.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "pipeline/abilities.h"

namespace netwatch::pipeline {
namespace {

constexpr int kCaptureWaitMs = 50;
constexpr base::TimeNs kPublishEveryNs = base::kNsPerSecond / 4;
constexpr base::TimeNs kHeartbeatEveryNs = base::kNsPerSecond / 10;
constexpr base::TimeNs kReopenEveryNs = base::kNsPerSecond;
constexpr base::TimeNs kCollectEveryNs = base::kNsPerSecond / 2;
// A look at the sockets takes at most this share of one core: on hosts with very many sockets it
// happens less often.
constexpr base::TimeNs kCollectShare = 20;

LiveTableOptions table_options(const LiveSessionOptions& options, bool capturing) {
  LiveTableOptions table;
  table.source = capturing ? options.interface : "sockets";
  table.interface = options.interface;
  table.capturing = capturing;
  return table;
}

EngineOptions engine_options(const LiveSessionOptions& options) {
  EngineOptions engine;
  engine.first_sighting_only = options.interface == "any";
  return engine;
}

// Without capture nobody else would notice a name that does not exist.
base::Status check_interface(const LiveSessionOptions& options) {
  if (options.interface == "any") return base::ok_status();
  const auto table = collect::collect_interfaces(options.root);
  if (!table.ok()) return base::ok_status();  // an ability says so
  std::string names;
  for (const model::Interface& one : table->interfaces) {
    if (one.name == options.interface) return base::ok_status();
    names += (names.empty() ? "" : ", ") + one.name;
  }
  return base::Error{base::ErrorCode::kInvalid,
                     "there is no interface '" + options.interface + "'; there are: " + names};
}

std::uint64_t own_netns() {
  struct stat status{};
  return ::stat("/proc/thread-self/ns/net", &status) == 0 ? status.st_ino : 0;
}

}  // namespace

base::Result<std::unique_ptr<LiveSession>> LiveSession::start(const LiveSessionOptions& options) {
  std::vector<model::Ability> abilities = collect::collect_abilities(options.root);
  std::unique_ptr<capture::PacketSource> source;
  if (options.capture) {
    auto opened =
        options.open_capture({.interface = options.interface, .filter = options.capture_filter});
    if (opened.ok()) {
      source = std::move(*opened);
    } else if (opened.error().code != base::ErrorCode::kDenied) {
      return opened.error();
    }
  } else {
    if (auto known = check_interface(options); !known.ok()) return known.error();
    set_ability(abilities, {.name = "capture",
                            .on = false,
                            .why = "turned off with --no-capture",
                            .fix = "start without --no-capture"});
  }
  ebpf::OpenedTracker opened;
  if (options.root.path == "/") opened = options.open_tracker();
  add_tracker_abilities(abilities, opened);
  return std::unique_ptr<LiveSession>(
      new LiveSession(options, std::move(source), std::move(opened.tracker), std::move(abilities)));
}

LiveSession::LiveSession(LiveSessionOptions options, std::unique_ptr<capture::PacketSource> source,
                         std::unique_ptr<ebpf::Tracker> tracker,
                         std::vector<model::Ability> abilities)
    : options_(std::move(options)),
      source_(std::move(source)),
      tracker_(std::move(tracker)),
      netns_(own_netns()),
      abilities_(std::move(abilities)),
      table_(table_options(options_, source_ != nullptr)),
      engine_(engine_options(options_), table_) {
  table_.set_names(&engine_.names());
  table_.set_abilities(abilities_);
  collector_thread_ = std::thread([this] { run_collector(); });
  engine_thread_ = std::thread([this] { run_engine(); });
}

LiveSession::~LiveSession() {
  stop_.store(true);
  engine_thread_.join();
  collector_thread_.join();
}

model::SnapshotPtr LiveSession::latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

void LiveSession::run_engine() {
  base::TimeNs next_publish_ns = 0;
  base::TimeNs next_heartbeat_ns = 0;
  while (!stopping()) {
    if (source_ != nullptr) {
      capture_once();
    } else {
      wait(kCaptureWaitMs * base::kNsPerMs);
      take_closed_sockets();
      reopen_capture();
    }
    const base::TimeNs now_ns = base::monotonic_clock_ns();
    if (now_ns < next_heartbeat_ns) continue;
    next_heartbeat_ns = now_ns + kHeartbeatEveryNs;
    take_samples();
    const bool publish_now = now_ns >= next_publish_ns;
    // Time goes on evenly even if somebody sets the wall clock.
    engine_.heartbeat(wall_offset_ns_ + now_ns, publish_now);
    if (!publish_now) continue;
    next_publish_ns = now_ns + kPublishEveryNs;
    publish(now_ns);
  }
}

void LiveSession::capture_once() {
  auto batch = source_->next(kCaptureWaitMs);
  if (batch.ok()) {
    // Which sockets have ended is known before the packets that came after them.
    take_closed_sockets();
    if (*batch != nullptr && !(*batch)->packets.empty()) engine_.push(std::move(*batch));
    return;
  }
  source_.reset();
  next_reopen_ns_ = base::monotonic_clock_ns() + kReopenEveryNs;
  set_ability(abilities_, {.name = "capture",
                           .on = false,
                           .why = batch.error().message,
                           .fix = "netwatch tries again every second"});
  table_.set_abilities(abilities_);
  table_.set_capturing(false);
}

// A link that went down and comes back is captured on again.
void LiveSession::reopen_capture() {
  if (next_reopen_ns_ == 0 || base::monotonic_clock_ns() < next_reopen_ns_) return;
  next_reopen_ns_ = base::monotonic_clock_ns() + kReopenEveryNs;
  auto opened =
      options_.open_capture({.interface = options_.interface, .filter = options_.capture_filter});
  if (!opened.ok()) return;
  source_ = std::move(*opened);
  set_ability(abilities_, {.name = "capture", .on = true, .why = {}, .fix = {}});
  table_.set_abilities(abilities_);
  table_.set_capturing(true);
}

// Those of other network namespaces are left out: their addresses may be ours as well.
void LiveSession::take_closed_sockets() {
  if (!tracker_) return;
  closed_.clear();
  tracker_->drain(closed_);
  std::erase_if(closed_, [this](const auto& one) { return one.socket.netns != netns_; });
  if (!closed_.empty()) table_.take_closed(closed_);
}

void LiveSession::run_collector() {
  collect::HoldingSource holdings;
  if (tracker_) holdings = [this] { return tracker_->holdings(); };
  collect::SocketCollector sockets(options_.root, std::move(holdings));
  while (!stopping()) {
    const base::TimeNs begun_ns = base::monotonic_clock_ns();
    auto socket_table = sockets.collect();
    auto interface_table = collect::collect_interfaces(options_.root);
    {
      const std::lock_guard lock(mutex_);
      if (interface_table.ok()) samples_.interfaces = std::move(*interface_table);
      if (socket_table.ok()) {
        samples_.sockets = std::move(*socket_table);
        samples_.socket_error.reset();
      } else {
        samples_.socket_error = socket_table.error();
      }
    }
    const base::TimeNs cost_ns = base::monotonic_clock_ns() - begun_ns;
    wait(std::max(kCollectEveryNs, cost_ns * kCollectShare));
  }
}

void LiveSession::take_samples() {
  Samples samples;
  {
    const std::lock_guard lock(mutex_);
    samples = std::exchange(samples_, {});
  }
  if (samples.socket_error) {
    set_ability(abilities_, {.name = "sockets",
                             .on = false,
                             .why = samples.socket_error->message,
                             .fix = "netwatch tries again by itself"});
    table_.set_abilities(abilities_);
    sockets_failed_ = true;
  } else if (samples.sockets && std::exchange(sockets_failed_, false)) {
    set_ability(abilities_, {.name = "sockets", .on = true, .why = {}, .fix = {}});
    table_.set_abilities(abilities_);
  }
  // Interfaces first: they say which addresses are ours.
  if (samples.interfaces) table_.take_interfaces(*samples.interfaces);
  if (samples.sockets) table_.take_sockets(*samples.sockets);
}

void LiveSession::publish(base::TimeNs pace_ns) {
  if (tracker_) table_.set_lost_socket_events(tracker_->lost_events());
  model::SnapshotPtr snapshot = table_.publish(base::wall_clock_ns(), pace_ns, engine_.totals());
  const std::lock_guard lock(mutex_);
  latest_ = std::move(snapshot);
}

// Sleeps in steps short enough that quitting is immediate.
void LiveSession::wait(base::TimeNs duration_ns) const {
  const base::TimeNs until_ns = base::monotonic_clock_ns() + duration_ns;
  while (!stopping()) {
    const base::TimeNs left_ns = until_ns - base::monotonic_clock_ns();
    if (left_ns <= 0) return;
    std::this_thread::sleep_for(
        std::chrono::nanoseconds(std::min(left_ns, kCaptureWaitMs * base::kNsPerMs)));
  }
}

}  // namespace netwatch::pipeline
