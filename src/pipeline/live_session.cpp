#include "pipeline/live_session.h"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "collect/probes/health.h"
#include "collect/process.h"
#include "collect/process_completer.h"
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
// Where nothing moves and the kernel tells of what ends, looks are further apart: each walks
// through the kernel's tables, however few sockets are in them.
constexpr base::TimeNs kCollectQuietNs = base::kNsPerSecond;

// Another number wherever a socket came, went or moved something.
std::uint64_t number_of(const model::SocketTable& table) {
  std::uint64_t sum = table.sockets.size();
  for (const model::Socket& socket : table.sockets) {
    std::uint64_t one = socket.cookie + static_cast<std::uint64_t>(socket.state);
    for (const std::int64_t moved :
         {socket.bytes_sent, socket.bytes_received, socket.seen_sent, socket.seen_received}) {
      one = one * 0x9E3779B97F4A7C15U + static_cast<std::uint64_t>(moved);
    }
    sum += one * 0x9E3779B97F4A7C15U;  // in whatever order they come
  }
  return sum;
}

LiveTableOptions table_options(const LiveSessionOptions& options, bool capturing, bool exact,
                               std::uint64_t netns) {
  LiveTableOptions table;
  table.netns = netns;
  table.source = capturing ? options.interface : "sockets";
  table.interface = options.interface;
  table.capturing = capturing;
  if (!exact) table.best = model::Quality::kInferred;
  return table;
}

// What waits in the ring when the session ends is taken within this time.
constexpr base::TimeNs kDrainNs = base::kNsPerSecond;

EngineOptions engine_options(const LiveSessionOptions& options) {
  EngineOptions engine;
  engine.first_sighting_only = options.interface == "any";
  engine.community_ids = options.sink != nullptr;
  engine.packet_flows = options.packets;
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

std::uint64_t own_netns() {
  struct stat status{};
  return ::stat("/proc/thread-self/ns/net", &status) == 0 ? status.st_ino : 0;
}

}  // namespace

base::Status LiveSession::check_interface(const std::string& interface, const collect::Root& root) {
  if (interface == "any") return base::ok_status();
  const auto table = collect::collect_interfaces(root);
  if (!table.ok()) return base::ok_status();  // an ability says so
  std::string names;
  for (const model::Interface& one : table->interfaces) {
    if (one.name == interface) return base::ok_status();
    names += (names.empty() ? "" : ", ") + one.name;
  }
  return base::Error{base::ErrorCode::kInvalid,
                     "there is no interface '" + interface + "'; there are: " + names};
}

base::Result<std::unique_ptr<LiveSession>> LiveSession::start(const LiveSessionOptions& options) {
  std::vector<model::Ability> abilities = collect::collect_abilities(options.root);
  // Loading takes a tenth of a second: the sockets of the first packets are to be told, too.
  ebpf::OpenedTracker tracker;
  if (options.root.path == "/") {
    const auto completer = std::make_shared<collect::ProcessCompleter>(options.root);
    ebpf::TrackerOptions wanted;
    wanted.complete = [completer](model::Process& one) { return completer->complete(one); };
    wanted.on_cgroup = [completer](std::uint64_t id, std::string_view path) {
      completer->learn_cgroup(id, path);
    };
    tracker = options.open_tracker(wanted);
    // While the rights for it are there.
    if (tracker.tracker) tracker.tracker->learn_programs(collect::running_programs(options.root));
  }
  std::unique_ptr<capture::PacketSource> source;
  if (options.capture) {
    auto opened =
        options.open_capture({.interface = options.interface, .filter = options.capture_filter});
    if (opened.ok()) {
      source = std::move(*opened);
    } else if (opened.error().code != base::ErrorCode::kDenied || options.packets) {
      return opened.error();
    }
  } else {
    const auto known = check_interface(options.interface, options.root);
    if (!known.ok()) return known.error();
    set_ability(abilities, {.name = "capture",
                            .on = false,
                            .why = "turned off with --no-capture",
                            .fix = "start without --no-capture"});
  }
  add_tracker_abilities(abilities, tracker);
  std::optional<collect::NetworkWatch> watch;
  if (options.root.path == "/") {
    // Without it the looks at the interfaces tell what has changed, a little later.
    if (auto watching = collect::NetworkWatch::open()) watch.emplace(*std::move(watching));
  }
  if (options.before_threads) {
    auto given_up = options.before_threads();
    if (!given_up.ok()) return given_up.error();
    for (model::Ability& ability : *given_up) set_ability(abilities, std::move(ability));
  }
  return std::unique_ptr<LiveSession>(new LiveSession(options, std::move(source),
                                                      std::move(tracker.tracker), std::move(watch),
                                                      std::move(abilities)));
}

LiveSession::LiveSession(LiveSessionOptions options, std::unique_ptr<capture::PacketSource> source,
                         std::unique_ptr<ebpf::Tracker> tracker,
                         std::optional<collect::NetworkWatch> watch,
                         std::vector<model::Ability> abilities)
    : options_(std::move(options)),
      source_(std::move(source)),
      tracker_(std::move(tracker)),
      netns_(own_netns()),
      abilities_(std::move(abilities)),
      linktypes_(source_ ? source_->linktypes() : std::vector<std::uint16_t>{}),
      first_abilities_(abilities_),
      table_(table_options(options_, source_ != nullptr, tracker_ != nullptr, netns_)),
      report_(report_for(options_, table_, tracker_ != nullptr)),
      engine_(engine_options(options_),
              report_ ? static_cast<ResultSink&>(*report_) : static_cast<ResultSink&>(table_)),
      watch_(std::move(watch)),
      link_changes_([this](model::LinkEvent event) {
        const std::lock_guard lock(mutex_);
        if (samples_.links.size() == kMaxLinkEvents) {
          event.kind = model::LinkEvent::Kind::kLost;
          event.interface = {};
        }
        if (samples_.links.size() <= kMaxLinkEvents) samples_.links.push_back(std::move(event));
      }) {
  if (report_ && options_.packets) report_->report_packets(options_.packet_filter);
  table_.set_names(&engine_.names());
  table_.set_abilities(abilities_);
  if (options_.on_start) options_.on_start(*this);
  if (options_.sample_every_ns > 0) {
    sampler_.emplace(std::make_unique<collect::LocalHost>(options_.sample_root),
                     options_.sample_every_ns);
  }
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
  last_look_ = true;
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
  if (report_) {
    report_->tell_all();
    report_->tell_totals(base::wall_clock_ns());
  }
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
    take_command();
    if (source_ != nullptr && !full()) {
      capture_once(kCaptureWaitMs);
    } else {
      wait(kHeartbeatEveryNs);
      take_closed_sockets();
      reopen_capture();
    }
    const base::TimeNs now_ns = base::monotonic_clock_ns();
    if (now_ns < next_heartbeat_ns) continue;
    next_heartbeat_ns = now_ns + kHeartbeatEveryNs;
    take_samples();
    look_at_watched();
    if (report_) report_->tell_due_packets(now_ns);
    if (options_.packets) tell_end();
    const bool publish_now = now_ns >= next_publish_ns;
    engine_.heartbeat(clock_.at(now_ns, engine_.clock_ns()), publish_now);
    if (!publish_now) continue;
    next_publish_ns = std::max(next_publish_ns, now_ns - kPublishEveryNs) + kPublishEveryNs;
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
  tell_end();
}

// Packets that wait are worth waiting for.
void LiveSession::tell_end() const {
  if (!full() || !options_.on_end || (report_ && report_->packets_wait())) return;
  options_.on_end();
}

// Open flows and totals are told once a minute, and what ended when it has waited long enough.
void LiveSession::repeat_open(base::TimeNs pace_ns) {
  if (!report_) return;
  if (next_repeat_ns_ == 0) next_repeat_ns_ = pace_ns + options_.repeat_every_ns;
  if (pace_ns >= next_repeat_ns_) {
    next_repeat_ns_ = pace_ns + options_.repeat_every_ns;
    report_->set_repeating(true);
    engine_.report_open(clock_.at(pace_ns, engine_.clock_ns()));
    report_->set_repeating(false);
    report_->tell_totals(base::wall_clock_ns());
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
    if (says_something) push(since_switch(std::move(*batch)));
    return;
  }
  source_.reset();
  next_reopen_ns_ = base::monotonic_clock_ns() + kReopenEveryNs;
  change({.name = "capture",
          .on = false,
          .why = batch.error().message,
          .fix = "netwatch tries again every second"});
  table_.set_capturing(false);
}

// A link that went down and comes back is captured on again.
void LiveSession::reopen_capture() {
  if (next_reopen_ns_ == 0 || base::monotonic_clock_ns() < next_reopen_ns_) return;
  next_reopen_ns_ = base::monotonic_clock_ns() + kReopenEveryNs;
  auto opened =
      options_.open_capture({.interface = options_.interface, .filter = options_.capture_filter});
  if (!opened.ok()) return;
  // Its numbers begin anew. What waits has had its second.
  if (report_) report_->tell_all_packets();
  source_ = std::move(*opened);
  change({.name = "capture", .on = true, .why = {}, .fix = {}});
  table_.set_capturing(true);
}

// Where nobody looks at other network namespaces their ends are left out, too: without what they
// moved before they would be half of the truth.
void LiveSession::take_closed_sockets() {
  if (!tracker_) return;
  closed_.clear();
  // The sockets that a process holds at its end are closed after it, and may be told next time.
  earlier_ends_ = std::exchange(ends_, {});
  tracker_->drain(closed_, &ends_);
  if (options_.namespaces == collect::NamespaceScope::kOwn) {
    std::erase_if(closed_, [this](const auto& one) { return one.socket.netns != netns_; });
  }
  if (!closed_.empty()) {
    if (report_) report_->take_closed(closed_);
    table_.take_closed(closed_);
  }
  table_.take_ends(earlier_ends_);
  table_.take_ends(ends_);
}

void LiveSession::run_collector() {
  collect::HoldingSource holdings;
  if (tracker_) holdings = [this] { return tracker_->holdings(); };
  collect::SocketCollector sockets(options_.root, std::move(holdings));
  while (!stopping()) {
    const base::TimeNs begun_ns = base::monotonic_clock_ns();
    const bool quiet = !look(sockets, options_.namespaces) && tracker_ != nullptr;
    const base::TimeNs cost_ns = base::monotonic_clock_ns() - begun_ns;
    wait_for_changes(std::max(quiet ? kCollectQuietNs : kCollectEveryNs, cost_ns * kCollectShare));
  }
  if (!last_look_) return;
  const bool own = options_.namespaces == collect::NamespaceScope::kOwn;
  look(sockets, own ? collect::NamespaceScope::kOwn : collect::NamespaceScope::kAll);
}

void LiveSession::look_at_interfaces() {
  auto table = collect::collect_interfaces(options_.root);
  if (!table.ok()) return;
  link_changes_.take_interfaces(*table);
  const std::lock_guard lock(mutex_);
  samples_.interfaces = std::move(*table);
}

// Interfaces are looked at as soon as the kernel says that they are others, at most 20 times a
// second.
void LiveSession::wait_for_changes(base::TimeNs duration_ns) {
  if (!watch_) return wait(duration_ns);
  constexpr base::TimeNs kLookAtEndNs = base::kNsPerSecond / 10;
  constexpr base::TimeNs kPauseNs = base::kNsPerSecond / 20;
  const base::TimeNs until_ns = base::monotonic_clock_ns() + duration_ns;
  while (!stopping()) {
    const base::TimeNs left_ns = until_ns - base::monotonic_clock_ns();
    if (left_ns <= 0) return;
    pollfd changed{watch_->fd(), POLLIN, 0};
    const auto left_ms = static_cast<int>(std::min(left_ns, kLookAtEndNs) / base::kNsPerMs);
    if (::poll(&changed, 1, left_ms + 1) <= 0) continue;
    const auto changes = watch_->read();
    if (changes.ok() && changes->interfaces) {
      link_changes_.take_messages(*changes, base::wall_clock_ns());
      look_at_interfaces();
    }
    wait(kPauseNs);
  }
}

bool LiveSession::look(collect::SocketCollector& sockets, collect::NamespaceScope scope) {
  auto socket_table = sockets.collect(scope);
  const std::uint64_t before = looked_at_;
  looked_at_ = socket_table.ok() ? number_of(*socket_table) : 0;
  const bool changed = looked_at_ != before;
  look_at_interfaces();
  auto health = options_.take_health ? options_.take_health() : std::nullopt;
  const std::lock_guard lock(mutex_);
  if (health) samples_.health = std::move(health);
  if (socket_table.ok()) {
    // Of a look that nobody has taken the next one tells the doubts.
    if (samples_.sockets) {
      auto& untaken = samples_.sockets->doubts;
      socket_table->doubts.insert(socket_table->doubts.end(), untaken.begin(), untaken.end());
    }
    samples_.sockets = std::move(*socket_table);
    samples_.socket_error.reset();
  } else {
    samples_.socket_error = socket_table.error();
  }
  return changed;
}

void LiveSession::take_samples() {
  Samples samples;
  {
    const std::lock_guard lock(mutex_);
    samples = std::exchange(samples_, {});
  }
  if (samples.socket_error) {
    change({.name = "sockets",
            .on = false,
            .why = samples.socket_error->message,
            .fix = "netwatch tries again by itself"});
  } else if (samples.sockets) {
    change({.name = "sockets", .on = true, .why = {}, .fix = {}});
  }
  take_host_samples(samples);
  // Interfaces first: they say which addresses are ours.
  if (samples.interfaces) {
    table_.take_interfaces(*samples.interfaces);
    if (report_) report_->take_interfaces(*samples.interfaces);
  }
  if (!samples.sockets) return;
  if (report_) report_->take_sockets(*samples.sockets);
  table_.take_sockets(*samples.sockets);
}

void LiveSession::take_host_samples(Samples& samples) {
  if (report_) {
    for (const model::LinkEvent& event : samples.links) options_.sink->on_link(event);
  }
  if (samples.health) {
    const auto health = std::make_shared<model::HealthTable>(*std::move(samples.health));
    table_.set_health(health);
    if (report_) {
      model::SampleTable told;
      told.taken_ns = health->taken_ns;
      collect::append_samples(*health, told.samples);
      options_.sink->on_samples(told);
    }
  }
  if (!sampler_) return;
  auto looked = sampler_->take();
  if (!looked) return;
  for (const model::Ability& ability : looked->abilities) change(ability);
  const auto shared = std::make_shared<const model::SampleTable>(*std::move(looked));
  table_.set_samples(shared);
  if (report_) options_.sink->on_samples(*shared);
}

void LiveSession::look_at_watched() {
  if (!options_.watched_abilities) return;
  for (model::Ability& ability : options_.watched_abilities()) change(std::move(ability));
}

// What is as it was is no news.
void LiveSession::change(model::Ability ability) {
  const auto known = std::find_if(abilities_.begin(), abilities_.end(),
                                  [&](const auto& one) { return one.name == ability.name; });
  const bool news = known == abilities_.end() ? !ability.on : known->on != ability.on;
  if (!news) return;
  if (report_) options_.sink->on_ability(base::wall_clock_ns(), ability);
  set_ability(abilities_, std::move(ability));
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

// Ends at once when the session does, and wakes for nothing else.
void LiveSession::wait(base::TimeNs duration_ns) {
  std::unique_lock lock(stop_mutex_);
  stop_told_.wait_for(lock, std::chrono::nanoseconds(duration_ns), [this] { return stopping(); });
}

}  // namespace netwatch::pipeline
