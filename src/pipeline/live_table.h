#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "enrich/name_cache.h"
#include "model/health.h"
#include "model/sample.h"
#include "model/snapshot.h"
#include "model/socket.h"
#include "pipeline/closed_sockets.h"
#include "pipeline/process_totals.h"
#include "pipeline/result_sink.h"
#include "pipeline/socket_index.h"
#include "pipeline/talkers.h"
#include "pipeline/text_pool.h"
#include "pipeline/throughput.h"
#include "pipeline/totals.h"

namespace netwatch::pipeline {

struct LiveTableOptions {
  std::string source;     // for people: "any", "eth0", "a.pcapng"
  std::string interface;  // whose counters are the throughput; empty: the default route's
  bool capturing = false;
  model::Quality best = model::Quality::kExact;  // that an owner may have here
  std::size_t max_rows = std::size_t{128} << 10;
  std::size_t pool_bytes = std::size_t{8} << 20;
  std::uint64_t netns = 0;  // inode of the network namespace that we capture in
  base::TimeNs keep_ended_ns = 10 * base::kNsPerSecond;  // recently closed rows stay so long
};

// Joins flows and sockets into connection rows and publishes them as immutable snapshots. The one
// writer; called from the engine's sink thread only.
class LiveTable final : public ResultSink {
 public:
  explicit LiveTable(LiveTableOptions options);

  void on_flow(const model::Flow& flow) override;
  void take_sockets(const model::SocketTable& table);
  // Sockets that have ended since the last call. To be called before packets that came after their
  // end.
  void take_closed(const std::vector<model::ClosedSocket>& sockets);
  // Processes that have ended; may be told twice.
  void take_ends(const std::vector<model::ProcessEnd>& ends);
  // Who is at either end of a flow that has a row, by all that is known now; by Side.
  std::array<model::Owner, 2> owners_of(const model::Flow& flow);
  // Who has moved how much, and what nobody owns, as of now. A snapshot has it as of its second.
  [[nodiscard]] model::OwnerTotals owner_totals() const;
  // The same for who knows no sides: the lower end (FlowKey::a) first. Nothing without a row.
  struct Ends {
    std::array<model::Owner, 2> owners;
    bool complete = false;      // no later look will tell more: each end of ours has the best
    base::TimeNs first_ns = 0;  // of the flow's first packet
  };
  std::optional<Ends> ends_of(model::FlowId flow);
  void set_lost_socket_events(std::uint64_t lost) { lost_socket_events_ = lost; }
  void take_interfaces(const model::InterfaceTable& table);
  void set_abilities(std::vector<model::Ability> abilities) { abilities_ = std::move(abilities); }
  void set_samples(std::shared_ptr<const model::SampleTable> one) { samples_ = std::move(one); }
  void set_health(std::shared_ptr<const model::HealthTable> health) { health_ = std::move(health); }
  // Capture ended or began: from now on rates and shares are taken from other counters.
  void set_capturing(bool capturing);
  // Packets come from another interface from now on, as in the options. Rows stay.
  void set_interface(std::string source, std::string interface);
  void set_notice(std::string notice, base::TimeNs pace_ns);  // words shown for some seconds
  // Names of addresses; must outlive this. Without it rows have only their flows' names.
  void set_names(enrich::NameCache* names) { names_ = names; }
  // Frames of all flows that had a row, in bytes: from `local`, to it.
  [[nodiscard]] std::array<std::int64_t, 2> moved() const { return moved_; }
  // Everything as of `now_ns`, for people. Meant to be called at 4 Hz; rates, talkers and ageing
  // move once a second of `pace_ns`, a clock that is never set (the wall clock may be).
  model::SnapshotPtr publish(base::TimeNs now_ns, base::TimeNs pace_ns, const Totals& totals);

 private:
  struct Slot {
    model::ConnectionRow row;
    std::uint64_t rated_up_bytes = 0;  // at the last second, to take rates from
    std::uint64_t rated_down_bytes = 0;
    model::Measure rated_in = model::Measure::kUnknown;
    bool told = false;                        // a look has told of its socket since
    double silent_s = 0.0;                    // for how long none had
    std::uint64_t first_kernel_up_bytes = 0;  // when the socket was first looked at
    std::uint64_t first_kernel_down_bytes = 0;
    model::UnownedTraffic::Kind unowned = model::UnownedTraffic::Kind::kUnknown;
    std::array<bool, 2> had_socket{};  // by end of the row
    bool originator_found = false;
    bool gone = false;               // flow and socket are over: only shown for a while
    base::TimeNs gone_pace_ns = 0;   // since when
    std::uint32_t socket_round = 0;  // the look at the sockets that saw it last
    std::array<std::shared_ptr<const model::Process>, 2> processes;
    std::array<base::TimeNs, 2> told_ns{};       // its last packet when each was told
    std::array<bool, 2> held_only{};             // as in model::Owner; of what is inferred
    std::array<std::uint32_t, 2> shown_round{};  // the last look that showed it
    std::array<bool, 2> judged{};                // and the one after it has been asked for doubts
    std::uint32_t busy_looks = 0;                // in a row, at which its socket had moved more
    std::uint64_t looked_bytes = 0;
    bool begun_seen = false;  // TCP: its handshake was captured
  };
  struct KeyHash {
    std::size_t operator()(const model::FlowKey& key) const { return model::hash_value(key); }
  };

  static model::FlowKey key_of(std::uint32_t netns, std::uint8_t proto, const model::Endpoint& one,
                               const model::Endpoint& two);
  [[nodiscard]] std::uint32_t scope_of(const model::Socket& socket) const {
    return model::netns_scope(socket.netns, options_.netns);
  }
  std::uint32_t slot_of_flow(const model::Flow& flow);
  std::uint32_t slot_of_socket(const model::Socket& socket, base::TimeNs taken_ns);
  std::uint32_t slot_of_closed(const model::ClosedSocket& closed);
  std::uint32_t new_slot(const model::FlowKey& key);
  void look_at_the_rest();
  void mark_gone(Slot& slot) const;
  void set_rated(Slot& slot) const;
  [[nodiscard]] std::uint64_t up_bytes(const Slot& slot) const;
  [[nodiscard]] std::uint64_t down_bytes(const Slot& slot) const;
  static std::uint64_t payload_of(const Slot& slot);
  void remove(std::uint32_t number);
  void mark_dirty(std::uint32_t number);
  void fill_from_flow(Slot& slot, const model::Flow& flow);
  void fill_from_socket(Slot& slot, const model::Socket& socket);
  void fill_from_closed(Slot& slot, const model::ClosedSocket& closed);
  static void take_kernel_bytes(Slot& slot, const model::Socket& socket, bool seen);
  void set_owner(Slot& slot, std::size_t end, const model::Owner& owner);
  void set_user(Slot& slot, std::size_t end, const model::Owner& owner);
  void find_owners(Slot& slot);
  void find_originator(Slot& slot, const model::Socket& socket);
  static void turn(Slot& slot);
  [[nodiscard]] model::UnownedTraffic::Kind kind_if_unowned(const model::Flow& flow) const;
  [[nodiscard]] model::OwnerTotals totals_with(model::UnownedTraffic unowned) const;
  static void add_if_unowned(const Slot& slot, model::UnownedTraffic& all);
  [[nodiscard]] model::Owner find_owner(const Slot& slot, const model::Endpoint& local,
                                        const model::Endpoint& remote) const;
  [[nodiscard]] bool began_after_look(const model::Flow& flow) const;
  [[nodiscard]] bool is_anothers(const Slot& slot, const model::Socket& socket) const;
  static void forget_owner(Slot& slot, std::size_t end);
  void judge(Slot& slot, std::size_t end);
  static bool moved_since_look(const Slot& slot);
  [[nodiscard]] bool may_be_told(const Slot& slot, std::size_t end) const;
  void name_remote(model::ConnectionRow& row);
  void every_second(double seconds);
  void rate(std::uint32_t number, double seconds);
  void renew_pool();
  [[nodiscard]] bool is_local(const base::IpAddress& address) const;
  [[nodiscard]] model::Attribution attribution() const;

  LiveTableOptions options_;
  enrich::NameCache* names_ = nullptr;
  TextPool pool_;
  std::vector<Slot> slots_;  // by row number; proto 0 is vacant
  std::vector<std::uint32_t> vacant_;
  std::unordered_map<model::FlowId, std::uint32_t> by_flow_;           // two may have equal ends
  std::unordered_map<model::FlowKey, std::uint32_t, KeyHash> by_key_;  // for sockets
  std::vector<std::shared_ptr<const model::RowChunk>> chunks_;         // as last published
  std::vector<bool> dirty_;                                            // by chunk
  SocketIndex sockets_;
  ClosedSockets closed_;
  std::uint32_t socket_round_ = 0;
  base::TimeNs looked_ns_ = 0;                             // when the last look began
  base::TimeNs tables_read_ns_ = 0;                        // and had read our sockets; 0: unknown
  std::optional<std::vector<model::HolderDoubt>> doubts_;  // of the last look that had them told
  std::uint64_t unreadable_processes_ = 0;
  std::uint64_t holdings_not_kept_ = 0;
  std::uint64_t torn_tables_ = 0;
  std::uint64_t namespaces_unread_ = 0;
  std::shared_ptr<const std::vector<model::NetworkNamespace>> namespaces_;
  std::unordered_set<base::IpAddress> local_addresses_;
  Throughput throughput_;
  Talkers talkers_;
  std::vector<model::Ability> abilities_;
  std::shared_ptr<const model::SampleTable> samples_;
  std::shared_ptr<const model::HealthTable> health_;
  model::Attribution ended_;  // of rows that have been removed, on the wire
  std::array<std::uint64_t, 3> ended_payload_{};
  model::UnownedTraffic unowned_ended_;  // likewise
  std::array<std::int64_t, 2> moved_{};  // see moved()
  std::uint64_t non_ip_packets_ = 0;
  bool captured_ = false;  // ever
  ProcessTotals processes_;
  std::shared_ptr<const model::OwnerTotals> owners_;  // as of the last second
  std::string notice_;
  base::TimeNs notice_until_ns_ = 0;  // by pace_ns
  base::TimeNs started_ns_ = 0;
  base::TimeNs pace_ns_ = 0;
  base::TimeNs rated_pace_ns_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t refused_flows_ = 0;    // that ended without ever having had a row
  std::uint64_t refused_sockets_ = 0;  // at the last look
  std::uint64_t refused_closed_ = 0;
  std::uint64_t lost_socket_events_ = 0;
};

}  // namespace netwatch::pipeline
