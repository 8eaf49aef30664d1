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

// What waits in the ring when the session ends is taken within this time.
constexpr base::TimeNs kDrainNs = base::kNsPerSecond;

EngineOptions engine_options(const LiveSessionOptions& options) {
  EngineOptions engine;
  engine.first_sighting_only = options.interface == "any";
  engine.community_ids = options.sink != nullptr;
  return engine;
}

std::optional<LiveReport> report_for(const LiveSessionOptions& options, LiveTable& table,
                                     bool ends_are_told) {
  if (options.sink == nullptr) return std::nullopt;
  return std::optional<LiveReport>(std::in_place, table, *options.sink, ends_are_told);
}

// A view of the same bytes.
model::PacketBatchPtr first_of(model::PacketBatchPtr batch, std::uint64_t count) {
  auto view = std::make_shared<model::PacketBatch>();
  view->packets.assign(batch->packets.begin(),
                       batch->packets.begin() + static_cast<std::ptrdiff_t>(count));
  view->kernel_dropped = batch->kernel_dropped;
  view->backing = std::move(batch);
  return view;
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
  if (options.before_threads) {
    auto given_up = options.before_threads();
    if (!given_up.ok()) return given_up.error();
    for (model::Ability& ability : *given_up) set_ability(abilities, std::move(ability));
  }
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
      linktypes_(source_ ? source_->linktypes() : std::vector<std::uint16_t>{}),
      first_abilities_(abilities_),
      table_(table_options(options_, source_ != nullptr)),
      report_(report_for(options_, table_, tracker_ != nullptr)),
      engine_(engine_options(options_),
              report_ ? static_cast<ResultSink&>(*report_) : static_cast<ResultSink&>(table_)) {
  table_.set_names(&engine_.names());
  table_.set_abilities(abilities_);
  if (options_.on_start) options_.on_start(*this);
  collector_thread_ = std::thread([this] { run_collector(); });
  engine_thread_ = std::thread([this] { run_engine(); });
}

LiveSession::~LiveSession() { stop(); }

void LiveSession::stop() {
  {
    const std::lock_guard lock(stop_mutex_);
    stop_.store(true);
  }
  stop_told_.notify_all();
  if (engine_thread_.joinable()) engine_thread_.join();
  if (collector_thread_.joinable()) collector_thread_.join();
}

Totals LiveSession::finish() {
  stop();
  const base::TimeNs until_ns = base::monotonic_clock_ns() + kDrainNs;
  while (source_ != nullptr && !full() && base::monotonic_clock_ns() < until_ns) {
    const std::uint64_t before = packets_;
    capture_once(0);
    if (packets_ == before) break;
  }
  take_closed_sockets();
  take_samples();
  engine_.finish();
  const base::TimeNs now_ns = base::monotonic_clock_ns();
  publish(now_ns);
  if (report_) report_->tell_all();
  Totals totals = engine_.totals();
  totals.drops = latest()->drops;
  return totals;
}

model::SnapshotPtr LiveSession::latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

void LiveSession::run_engine() {
  base::TimeNs next_publish_ns = 0;
  base::TimeNs next_heartbeat_ns = 0;
  while (!stopping()) {
    if (source_ != nullptr && !full()) {
      capture_once(kCaptureWaitMs);
    } else {
      wait(kCaptureWaitMs * base::kNsPerMs);
      take_closed_sockets();
      reopen_capture();
    }
    const base::TimeNs now_ns = base::monotonic_clock_ns();
    if (now_ns < next_heartbeat_ns) continue;
    next_heartbeat_ns = now_ns + kHeartbeatEveryNs;
    take_samples();
    look_at_watched();
    const bool publish_now = now_ns >= next_publish_ns;
    engine_.heartbeat(clock_.at(now_ns, engine_.clock_ns()), publish_now);
    if (!publish_now) continue;
    next_publish_ns = now_ns + kPublishEveryNs;
    publish(now_ns);
    repeat_open(now_ns);
  }
}

void LiveSession::push(model::PacketBatchPtr batch) {
  if (options_.max_packets != 0) {
    const std::uint64_t room = options_.max_packets - packets_;
    if (batch->packets.size() > room) batch = first_of(std::move(batch), room);
  }
  packets_ += batch->packets.size();
  engine_.push(std::move(batch));
  if (full() && options_.on_end) options_.on_end();
}

// Open flows are told once a minute, and what ended when it has waited long enough.
void LiveSession::repeat_open(base::TimeNs pace_ns) {
  if (!report_) return;
  if (next_repeat_ns_ == 0) next_repeat_ns_ = pace_ns + options_.repeat_every_ns;
  if (pace_ns >= next_repeat_ns_) {
    next_repeat_ns_ = pace_ns + options_.repeat_every_ns;
    report_->set_repeating(true);
    engine_.report_open(clock_.at(pace_ns, engine_.clock_ns()));
    report_->set_repeating(false);
  }
  report_->tell_due(pace_ns);
}

void LiveSession::capture_once(int wait_ms) {
  auto batch = source_->next(wait_ms);
  if (batch.ok()) {
    // Which sockets have ended is known before the packets that came after them.
    take_closed_sockets();
    // What was lost is told, too, when nothing came with it.
    const bool says_something =
        *batch != nullptr && (!(*batch)->packets.empty() || (*batch)->kernel_dropped > 0);
    if (says_something) push(std::move(*batch));
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
  if (closed_.empty()) return;
  if (report_) report_->take_closed(closed_);
  table_.take_closed(closed_);
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
  if (!samples.sockets) return;
  if (report_) report_->take_sockets(*samples.sockets);
  table_.take_sockets(*samples.sockets);
}

void LiveSession::look_at_watched() {
  if (!options_.watched_ability) return;
  model::Ability now = options_.watched_ability();
  if (now.on == watched_on_) return;
  watched_on_ = now.on;
  set_ability(abilities_, std::move(now));
  table_.set_abilities(abilities_);
}

void LiveSession::publish(base::TimeNs pace_ns) {
  if (tracker_) table_.set_lost_socket_events(tracker_->lost_events());
  const base::TimeNs now_ns = base::wall_clock_ns();
  model::SnapshotPtr snapshot = table_.publish(now_ns, pace_ns, engine_.totals());
  if (report_) report_->take_drops(now_ns, snapshot->drops);
  const std::lock_guard lock(mutex_);
  latest_ = std::move(snapshot);
}

// Ends at once when the session does, and wakes for nothing else: this is most of what an idle
// session does.
void LiveSession::wait(base::TimeNs duration_ns) {
  std::unique_lock lock(stop_mutex_);
  stop_told_.wait_for(lock, std::chrono::nanoseconds(duration_ns), [this] { return stopping(); });
}

}  // namespace netwatch::pipeline
