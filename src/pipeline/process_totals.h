#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/process_row.h"
#include "model/socket.h"

namespace netwatch::pipeline {

struct ProcessTotalsLimits {
  std::size_t processes = std::size_t{4} << 10;
  std::size_t containers = std::size_t{1} << 10;
  std::size_t sockets = std::size_t{128} << 10;  // that are open
  std::size_t ended = std::size_t{32} << 10;     // that are remembered, so that none counts twice
};

// Payload by process and by container since this session began, from the kernel's counters only:
// of looks at sockets that live, and of the word of their ends.
//
// A socket counts from the first look on if it may be older than the session, and else all of it.
// What it moves between two looks, or until its end, goes to the owner that it has then; if that
// one is known better than the one before (unknown, inferred, exact), what the other had of this
// socket goes to it as well. What was counted at a look is not counted at the end.
//
// Bounded: where there is no room for another process, an eighth of them make room, those without
// an open socket that moved nothing for longest; they are then one row together. Where all have
// open sockets, the new one is counted there.
class ProcessTotals {
 public:
  using Limits = ProcessTotalsLimits;

  explicit ProcessTotals(Limits limits = {});

  void take_sockets(const model::SocketTable& table);
  void take_closed(const std::vector<model::ClosedSocket>& sockets);
  void take_end(const model::ProcessEnd& end);
  // Rates start anew; `seconds` since the last time.
  void every_second(double seconds);

  // As of now, without what processes do not own.
  [[nodiscard]] model::OwnerTotals totals() const;
  // Sockets that had no room at the last look: they are counted at their end only.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  using Place = std::uint32_t;
  static constexpr Place kUnknown = 0;           // of rows_
  static constexpr Place kEarlier = 1;           // of rows_ and groups_
  static constexpr Place kNoGroup = 0;           // of groups_
  static constexpr std::uint64_t kOwnAlone = 0;  // of read_before_: looks at ours alone

  struct Key {
    std::uint64_t cookie = 0;
    std::uint64_t netns = 0;  // older kernels number the sockets of each namespace
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct ProcessKey {
    std::uint64_t start_ticks = 0;
    std::uint32_t pid = 0;
    friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
    std::size_t operator()(const ProcessKey& key) const;
  };
  // A process or a container.
  struct Sums {
    model::PayloadTotals totals;
    std::uint64_t rated_sent = 0;  // at the last second
    std::uint64_t rated_received = 0;
    std::uint64_t active = 0;  // the clock when it last moved something
    bool used = false;
  };
  struct Row {
    Sums sums;
    model::ProcessRow::Kind kind = model::ProcessRow::Kind::kProcess;
    std::shared_ptr<const model::Process> process;
    model::Quality quality = model::Quality::kUnknown;
    model::OwnerVia via = model::OwnerVia::kNone;
    std::uint64_t processes = 1;
    base::TimeNs ended_ns = 0;
    double cpu = -1;
    std::uint64_t rss_bytes = 0;
    std::vector<model::RatePoint> rates;
    std::uint32_t generation = 0;  // grows when the place is given to another process
    Place group = kNoGroup;
  };
  struct Group {
    Sums sums;
    std::string key;
    std::shared_ptr<const model::Process> one;  // who says what it is
    std::uint64_t processes = 0;
    std::uint64_t rows = 0;  // that stand in it now
  };
  struct Bytes {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    friend bool operator==(const Bytes&, const Bytes&) = default;
  };
  struct Counts {
    int open_sockets = 0;
    int connections = 0;
    int uncounted_sockets = 0;
  };
  enum class State : std::uint8_t { kOpen, kLetGo, kVanished, kEnded };
  struct Known {
    Bytes seen;     // by the kernel's count
    Bytes movable;  // counted for `row`, which may turn out not to be the owner
    Place row = kUnknown;
    std::uint32_t generation = 0;
    std::uint64_t round = 0;  // the look that saw it last
    model::Quality quality = model::Quality::kUnknown;
    State state = State::kOpen;
    bool connected = false;
    bool all_counts = false;  // nothing it moved is older than the session
    bool counted = false;     // its payload is told
  };
  static Key key_of(const model::Socket& socket);
  [[nodiscard]] bool may_be_older(const model::Socket& socket) const;
  void take_socket(const model::Socket& socket);
  void take_end(const model::Socket& socket);
  void age();
  void begin(Known& known, const model::Socket& socket, bool all_counts);
  void settle(Known& known, const model::Socket& socket);
  void settle_owner(Known& known, const model::Owner& owner);
  void settle_bytes(Known& known, const model::Socket& socket);
  void set_state(Known& known, State state);
  void remember(const Key& key);

  Place row_of(const model::Owner& owner);
  void make_room();
  void fold(Place place);
  void learn(Row& row, const model::Owner& owner);
  void take_usage(const std::vector<model::ProcessUsage>& usage);
  Place group_of(const std::shared_ptr<const model::Process>& process);
  void make_group_room();
  void fold_group(Place place);
  [[nodiscard]] Place place_of(const Known& known) const;
  void give(Place place, model::Quality quality, const Bytes& bytes);
  void take_back(Place place, model::Quality quality, const Bytes& bytes);
  void count(Place place, const Counts& more);

  Limits limits_;
  std::vector<Row> rows_;
  std::vector<Place> vacant_;
  std::unordered_map<ProcessKey, Place, KeyHash> by_process_;
  std::vector<Group> groups_;
  std::vector<Place> vacant_groups_;
  std::unordered_map<std::string, Place> by_group_;
  std::unordered_map<Key, Known, KeyHash> sockets_;
  std::size_t open_ = 0;   // of sockets_: neither vanished nor ended
  std::size_t seen_ = 0;   // of those, at this look
  std::deque<Key> ended_;  // of sockets_, oldest first: vanished and ended ones
  std::unordered_set<std::uint64_t> read_before_;  // namespaces that an earlier look has shown
  std::unordered_set<std::uint64_t> unread_;       // those that this one could not read
  bool all_namespaces_ = false;                    // this look is of all of them
  std::uint64_t round_ = 0;
  std::uint64_t clock_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace netwatch::pipeline
