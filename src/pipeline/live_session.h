#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "capture/source.h"
#include "collect/collect.h"
#include "ebpf/tracker.h"
#include "model/snapshot.h"
#include "pipeline/engine.h"
#include "pipeline/even_clock.h"
#include "pipeline/host_sampler.h"
#include "pipeline/link_changes.h"
#include "pipeline/live_report.h"
#include "pipeline/live_sink.h"
#include "pipeline/live_table.h"
#include "query/filter.h"

namespace netwatch::pipeline {

class LiveSession;

struct LiveSessionOptions {
  std::string interface = "any";
  std::string capture_filter;  // pcap-filter(7)
  bool capture = true;         // false: sockets and counters only
  collect::Root root;
  // Is told everything as it happens, by the engine's thread (live NDJSON); must outlive the
  // session.
  LiveSink* sink = nullptr;
  // Called before anything is told, once it is known that the session runs.
  std::function<void(const LiveSession&)> on_start = nullptr;
  // Whose sockets are looked at. All of them needs CAP_SYS_ADMIN at each look.
  collect::NamespaceScope namespaces = collect::NamespaceScope::kOwn;
  // The sink is told all packets, or with a filter (which must outlive the session) those of flows
  // that match. Without the right to capture there is no session then.
  bool packets = false;
  const query::Filter* packet_filter = nullptr;
  std::uint64_t max_packets = 0;  // after so many capture ends and on_end is called; 0: none
  std::function<void()> on_end = nullptr;                  // by the engine's thread
  base::TimeNs repeat_every_ns = 60 * base::kNsPerSecond;  // how often open flows are told
  base::TimeNs sample_every_ns = 0;                        // looks at this host; 0: none
  collect::Root sample_root;                               // for these: another thread's
  // Asked at each look for a round of probes that nobody has taken yet, by the collector thread.
  std::function<std::optional<model::HealthTable>()> take_health = nullptr;
  // Opens the source of packets, at the start and when it was lost: capture::open_live but in
  // tests.
  std::function<base::Result<std::unique_ptr<capture::PacketSource>>(const capture::LiveOptions&)>
      open_capture = capture::open_live;
  // Opens what tells exactly who owns sockets; asked on the real root only.
  std::function<ebpf::OpenedTracker(const ebpf::TrackerOptions&)> open_tracker =
      ebpf::Tracker::open;
  // Called when everything is open and no thread runs yet: to give up rights. What it answers is
  // added to the abilities.
  std::function<base::Result<std::vector<model::Ability>>()> before_threads = nullptr;
  // Asked now and then for abilities that may change on their own, by the engine's thread.
  std::function<std::vector<model::Ability>()> watched_abilities = nullptr;
};

// A running live view of this host: one thread captures and runs the engine, one looks at sockets
// and interfaces. Without the right to capture it still runs and says what is missing.
class LiveSession {
 public:
  // An error only for what the user asked for and cannot have: a bad capture filter, an unknown
  // interface. A missing permission is not an error but an Ability that is off.
  static base::Result<std::unique_ptr<LiveSession>> start(const LiveSessionOptions& options);
  ~LiveSession();
  LiveSession(const LiveSession&) = delete;
  LiveSession& operator=(const LiveSession&) = delete;

  // The newest snapshot; null before the first one. Never waits. Safe from any thread.
  [[nodiscard]] model::SnapshotPtr latest() const;
  // A command: captures on another interface (or "any") from now on, with the same filter, or, in a
  // session without capture, shows its counters. Flows stay; what cannot be done changes nothing
  // and is a Snapshot's notice. Never waits; of several the last one counts. Safe from any thread.
  void switch_interface(std::string interface);
  // Link types and abilities as of the start.
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const { return linktypes_; }
  [[nodiscard]] const std::vector<model::Ability>& first_abilities() const {
    return first_abilities_;
  }
  // Ends it: takes what was captured until now, ends all flows, tells the sink the rest.
  Totals finish();

 private:
  // What the collector thread last saw, waiting to be taken by the engine thread.
  struct Samples {
    std::optional<model::SocketTable> sockets;
    std::optional<model::InterfaceTable> interfaces;
    std::optional<base::Error> socket_error;
    std::optional<model::HealthTable> health;
    std::vector<model::LinkEvent> links;  // at most kMaxLinkEvents, and that more were lost
  };
  static constexpr std::size_t kMaxLinkEvents = 4096;

  LiveSession(LiveSessionOptions options, std::unique_ptr<capture::PacketSource> source,
              std::unique_ptr<ebpf::Tracker> tracker, std::optional<collect::NetworkWatch> watch,
              std::vector<model::Ability> abilities);
  // Without capture nobody else would notice a name that does not exist.
  static base::Status check_interface(const std::string& interface, const collect::Root& root);
  void run_engine();
  void take_command();
  base::Status capture_on(const std::string& interface);
  base::Status look_only_at(const std::string& interface);
  void hand_over(base::TimeNs until_ns);
  model::PacketBatchPtr since_switch(model::PacketBatchPtr batch);
  void capture_once(int wait_ms);
  void reopen_capture();
  void take_closed_sockets();
  void run_collector();
  void look_at_interfaces();
  void wait_for_changes(base::TimeNs duration_ns);
  // Whether a socket came, went or moved something since the look before.
  bool look(collect::SocketCollector& sockets, collect::NamespaceScope scope);
  void take_samples();
  void take_host_samples(Samples& samples);
  void look_at_watched();
  void change(model::Ability ability);
  void publish(base::TimeNs pace_ns);
  void push(model::PacketBatchPtr batch);
  void tell_end() const;
  void repeat_open(base::TimeNs pace_ns);
  void stop();
  [[nodiscard]] bool full() const {
    return options_.max_packets != 0 && packets_ >= options_.max_packets;
  }
  [[nodiscard]] bool stopping() const { return stop_.load(std::memory_order_relaxed); }
  void wait(base::TimeNs duration_ns);

  LiveSessionOptions options_;
  std::unique_ptr<capture::PacketSource> source_;  // null without capture
  std::unique_ptr<ebpf::Tracker> tracker_;         // null where the kernel or the rights lack it
  std::uint64_t netns_ = 0;                        // inode of the network namespace we are in
  std::vector<model::ClosedSocket> closed_;        // of one drain
  std::vector<model::ProcessEnd> ends_;            // likewise
  std::vector<model::ProcessEnd> earlier_ends_;    // of the one before
  base::TimeNs next_reopen_ns_ = 0;                // 0: capture was never there to be lost
  base::TimeNs skip_until_ns_ = 0;  // of a new source: the one before has told these; 0: nothing
  base::TimeNs skip_over_ns_ = 0;   // by the monotonic clock: no longer than that
  std::vector<model::Ability> abilities_;
  std::vector<std::uint16_t> linktypes_;
  std::vector<model::Ability> first_abilities_;
  std::uint64_t packets_ = 0;
  base::TimeNs next_repeat_ns_ = 0;
  LiveTable table_;
  std::optional<LiveReport> report_;  // with a sink
  Engine engine_;
  EvenClock clock_{base::wall_clock_ns(), base::monotonic_clock_ns()};
  std::atomic<bool> stop_{false};
  std::atomic<bool> last_look_{false};  // once more, so that totals are those of the end
  std::mutex stop_mutex_;               // of a wait only
  std::condition_variable stop_told_;
  mutable std::mutex mutex_;
  Samples samples_;                              // guarded by mutex_
  model::SnapshotPtr latest_;                    // guarded by mutex_
  std::optional<std::string> wanted_interface_;  // guarded by mutex_: a command that waits
  std::optional<collect::NetworkWatch> watch_;   // of the collector thread, as the next one
  LinkChanges link_changes_;
  std::optional<HostSampler> sampler_;
  std::uint64_t looked_at_ = 0;  // what the collector saw last, as one number
  std::thread collector_thread_;
  std::thread engine_thread_;
};

}  // namespace netwatch::pipeline
