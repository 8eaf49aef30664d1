#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/drops.h"
#include "model/flow.h"
#include "model/health.h"
#include "model/network.h"
#include "model/playback.h"
#include "model/process_row.h"
#include "model/rate_point.h"
#include "model/sample.h"
#include "model/socket.h"

namespace netwatch::model {

// Interned text of a snapshot: valid as long as any Snapshot that carries the pool.
using PooledText = std::string_view;

// In what bytes are counted. Those on the wire and payload are never added up.
enum class Measure : std::uint8_t {
  kUnknown,  // nobody counts
  kWire,     // frames of captured packets
  kPayload,  // payload by the kernel's count
  kBoth,     // some so, some so: the figures are those on the wire
};

// One end of a connection row that lives on this host.
struct RowOwner {
  Quality quality = Quality::kUnknown;
  OwnerVia via = OwnerVia::kNone;
  std::uint32_t pid = 0;
  PooledText name;  // program; empty if unknown
};

// One connection: a flow that was captured, a socket that the kernel reports, or both joined.
// "local" and "remote" are this host's and the other end; for a capture file and for forwarded
// traffic, where no end is ours, local is the originator.
struct ConnectionRow {
  bool vacant = true;        // no connection lives in this row now: skip it
  std::uint32_t netns = 0;   // of its network namespace, see netns_scope(); 0: ours
  FlowId flow = kNoFlow;     // kNoFlow: seen as a socket only
  std::uint64_t socket = 0;  // inode; 0: seen as packets only
  Endpoint local;
  Endpoint remote;
  std::uint8_t proto = 0;
  bool local_is_originator = true;
  bool originator_known = true;   // else local is no more likely to have begun it than remote
  bool has_socket_bytes = false;  // payload counters come from the kernel (tcp_info)
  bool socket_moved = false;      // they have grown since we began to look
  bool socket_gone = false;       // its program has let go of it, or no look shows it any more
  TcpState state = TcpState::kNone;
  FlowEnd end = FlowEnd::kOpen;
  NameSource name_from = NameSource::kNone;
  PooledText name;  // of the remote end
  std::array<PooledText, kMaxFlowApps> apps{};
  std::array<RowOwner, 2> owners;  // [0] of local, [1] of remote (loopback has both)
  base::TimeNs first_ns = 0;
  base::TimeNs last_ns = 0;
  DirectionCounters up;               // local -> remote
  DirectionCounters down;             // remote -> local
  std::uint64_t kernel_up_bytes = 0;  // payload by tcp_info, where has_socket_bytes
  std::uint64_t kernel_down_bytes = 0;
  float up_rate = 0;  // bytes per second over the last full second
  float down_rate = 0;
  std::int32_t rtt_us = -1;

  [[nodiscard]] Measure bytes_in() const {
    if (flow != kNoFlow) return Measure::kWire;
    return has_socket_bytes ? Measure::kPayload : Measure::kUnknown;
  }
  // Of a flow that no packets come of any more the kernel may still count.
  [[nodiscard]] Measure rates_in(bool capturing) const {
    if (flow != kNoFlow && (capturing || end != FlowEnd::kOpen)) return Measure::kWire;
    return has_socket_bytes ? Measure::kPayload : Measure::kUnknown;
  }
};

inline constexpr std::uint32_t kNoRow = 0xffffffff;
inline constexpr std::size_t kRowsPerChunk = 256;
// Rows keep their number while they live; a vacant one is to be skipped.
// Rows are never changed once published: an unchanged chunk is shared by successive snapshots.
struct RowChunk {
  std::vector<ConnectionRow> rows;  // at most kRowsPerChunk
};

inline constexpr std::size_t kSparkSamples = 30;

// Traffic grouped by program and remote name or address; with its last rates, newest last.
struct Talker {
  PooledText process;           // empty: no owner is known
  std::uint32_t pid = 0;        // 0: several
  std::uint32_t processes = 0;  // that are known
  Quality quality = Quality::kUnknown;
  PooledText host;  // name of the remote end, else its address
  NameSource host_from = NameSource::kNone;
  PooledText app;  // innermost application protocol of the busiest connection
  std::uint32_t connections = 0;
  Measure bytes_in = Measure::kUnknown;
  Measure rates_in = Measure::kUnknown;
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  float up_rate = 0;  // bytes per second
  float down_rate = 0;
  std::int32_t rtt_us = -1;                  // the smallest known
  std::array<float, kSparkSamples> spark{};  // up + down, one sample per second
  std::vector<std::uint32_t> rows;  // its connections: row number = chunk * kRowsPerChunk + place
};

struct InterfaceRow {
  Interface interface;
  bool rated = false;  // both rates are of a whole second, else they are not known yet
  float rx_rate = 0;   // bytes per second, from kernel counters
  float tx_rate = 0;
  // Received is down; one a second, newest last, at most Snapshot::kThroughputSamples. Null: none
  // yet, or there are more interfaces than histories are kept of.
  std::shared_ptr<const std::vector<RatePoint>> history{};
};

// How much of the traffic has an owner of which quality (truth rule 1). Bytes as in `basis`.
struct Attribution {
  std::array<std::uint64_t, 3> bytes{};  // by Quality
  std::array<std::uint64_t, 3> rows{};
};

// What the screen, the agent and the exports see: immutable, shared, cheap to keep.
struct Snapshot {
  std::uint64_t sequence = 0;
  base::TimeNs time_ns = 0;  // the engine's clock
  base::TimeNs started_ns = 0;
  std::string source;      // "eth0", "any", "a.pcapng", "sockets"
  bool capturing = false;  // packets are seen, not only sockets
  std::string notice;      // what became of the last command, for some seconds
  std::vector<std::shared_ptr<const RowChunk>> chunks;
  std::vector<std::shared_ptr<const Talker>> talkers;  // busiest first
  std::vector<InterfaceRow> interfaces;
  std::string throughput_of;          // whose counters `throughput` shows: "eth0"
  std::vector<RatePoint> throughput;  // one a second, newest last, at most kThroughputSamples
  Attribution attribution;
  // By process and container, once a second; never null in one that was published.
  std::shared_ptr<const OwnerTotals> owners;
  DropCounters drops;
  std::uint64_t packets = 0;
  std::uint64_t wire_bytes = 0;
  std::uint64_t flows = 0;  // since the start
  std::uint64_t records = 0;
  std::uint64_t unreadable_processes = 0;
  std::uint64_t holdings_not_kept = 0;  // see SocketTable, at the last look
  std::uint64_t torn_tables = 0;
  std::uint64_t namespaces_unread = 0;
  // The network namespaces of the last look, where others were looked at; may be null.
  std::shared_ptr<const std::vector<NetworkNamespace>> namespaces;
  std::vector<Ability> abilities;
  std::shared_ptr<const SampleTable> samples;  // the last look at this host; null before it
  std::shared_ptr<const HealthTable> health;   // the last round of probes; null before it
  std::optional<Playback> playback;            // of capture files; a live one has none
  std::shared_ptr<const void> pool;            // owner of all PooledText

  static constexpr std::size_t kThroughputSamples = 600;

  [[nodiscard]] const ConnectionRow* row(std::uint32_t number) const {
    const std::size_t chunk = number / kRowsPerChunk;
    if (chunk >= chunks.size()) return nullptr;
    const auto& rows = chunks[chunk]->rows;
    const std::size_t place = number % kRowsPerChunk;
    return place < rows.size() ? &rows[place] : nullptr;
  }
  // The namespace of a row of another one; null if it is ours, or gone by now.
  [[nodiscard]] const NetworkNamespace* namespace_of(const ConnectionRow& row) const {
    if (row.netns == 0 || namespaces == nullptr) return nullptr;
    for (const NetworkNamespace& one : *namespaces) {
      if (!one.own && static_cast<std::uint32_t>(one.inode) == row.netns) return &one;
    }
    return nullptr;
  }
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace netwatch::model
