#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/time.h"
#include "model/drops.h"
#include "model/flow.h"
#include "model/packet.h"
#include "model/stream.h"
#include "wire/decode.h"

namespace netwatch::flow {

// Memory of one table, a fixed part of the engine's.
struct FlowBudget {
  std::size_t flows = std::size_t{128} << 10;         // hot flows alive at once
  std::size_t stream_bytes = std::size_t{6} << 20;    // out-of-order data held
  std::size_t fragment_bytes = std::size_t{1} << 20;  // IP fragments whose datagram is not whole
  bool first_sighting_only = false;                   // see FlowTable::packet()
};

// When a silent flow is over.
struct FlowTimeouts {
  base::TimeNs tcp_half_open = 30 * base::kNsPerSecond;  // no answer to a SYN yet
  base::TimeNs tcp_open = 900 * base::kNsPerSecond;
  base::TimeNs tcp_closed = 10 * base::kNsPerSecond;  // after both FINs, or a RST
  base::TimeNs udp = 120 * base::kNsPerSecond;
  base::TimeNs other = 60 * base::kNsPerSecond;
};

// What the table keeps of a live flow. The reader's slots are opaque here.
// Sides are those of the first packet (its sender, or the handshake's client, is the originator)
// and never change while the flow lives; `flipped` says that content told otherwise, and counts
// when the flow is turned into a model::Flow.
struct FlowHandle {
  static constexpr std::uint32_t kNone = 0xffffffff;
  std::uint32_t index = kNone;
};

class FlowTable;
struct PacketTally;

// What a table tells its shard, during packet(), advance() and finish().
class FlowSink {
 public:
  virtual ~FlowSink() = default;
  // In-order bytes, a datagram or a gap. Returns whether this flow's bytes are still wanted; after
  // false it is never asked again and nothing of the flow is reassembled.
  virtual bool on_chunk(FlowTable& table, FlowHandle flow, const model::StreamChunk& chunk) = 0;
  // The flow leaves the table; its reader slots must be released. The handle dies afterwards.
  virtual void on_end(FlowTable& table, FlowHandle flow, model::FlowEnd end) = 0;
};

// All flows of one shard: identity, direction, counters, TCP state and reassembly. Single-threaded
// and driven by the clock it is given, so the same packets always give the same flows.
class FlowTable {
 public:
  FlowTable(FlowSink& sink, std::uint32_t shard, const FlowBudget& budget,
            const FlowTimeouts& timeouts = {});
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // One packet whose status is kFlow or kFragment. A datagram in fragments counts, and is read, as
  // the last of them comes; before that their index is kNone. Returns its flow, which the sink may
  // already have been told is over; index kNone for a fragment, a duplicate or a refused packet.
  // (Lead: changed from void; with `first_sighting_only`, live capture on `any`, a packet that
  // arrives by another (ifindex, direction) than the first packet of its flow's side is counted as
  // Drop::kDuplicate and ignored.)
  FlowHandle packet(const model::Packet& packet, const wire::Decoded& decoded);
  // The same, for callers who know the packets to come: each is announced some packets ahead, then
  // approached, then met, so that what it will touch is in the cache by then. Nothing but time
  // depends on it. `tag` is announce()'s answer for this packet. `parts`: of one that was put
  // together already.
  FlowHandle packet(const model::Packet& packet, const wire::Decoded& decoded, std::uint32_t tag,
                    const PacketTally* parts = nullptr);
  [[nodiscard]] std::uint32_t announce(const wire::Decoded& decoded) const;
  [[nodiscard]] FlowHandle approach(std::uint32_t tag) const;
  // The first of its flow's reader slots, 0 where there is none or nothing is read any more.
  [[nodiscard]] std::uint32_t meet(FlowHandle flow) const;
  // The fragments of the datagram that the last packet() completed, itself included: at most the
  // first 64. Empty for other packets.
  struct Parts {
    std::uint64_t first_packet = 0;
    std::span<const std::uint32_t> packets;  // numbers, counted from first_packet
  };
  [[nodiscard]] Parts last_parts() const;
  // Which flow the last packet() was of, and which of its ends sent it; of a duplicate, too, and of
  // a flow that is over by now. kNoFlow where there is none.
  struct Sighting {
    model::FlowId flow = model::kNoFlow;
    bool from_lower = false;  // by the end that FlowKey calls `a`
  };
  [[nodiscard]] Sighting last_sighting() const;
  // Packets come from another place from now on: where a side was first seen counts no more.
  void set_first_sighting_only(bool on);
  // Ends what is idle at `clock_ns`, which never goes backwards. In the order of deadlines.
  void advance(base::TimeNs clock_ns);
  // Ends every flow, oldest first: kEndOfInput, or kClosed and kReset where that was seen. Of very
  // many flows, `most` at a time: called again for the rest, without packets in between.
  void finish(std::size_t most = SIZE_MAX);

  [[nodiscard]] model::FlowId id(FlowHandle flow) const;
  [[nodiscard]] std::uint8_t proto(FlowHandle flow) const;
  [[nodiscard]] std::uint16_t port(FlowHandle flow, model::Side side) const;
  // Time and number of its last packet so far.
  [[nodiscard]] base::TimeNs last_ns(FlowHandle flow) const;
  [[nodiscard]] std::uint64_t last_packet(FlowHandle flow) const;
  // By Side; as long as the flow lives.
  [[nodiscard]] const std::array<base::IpAddress, 2>& addresses(FlowHandle flow) const;
  [[nodiscard]] std::uint32_t scope(FlowHandle flow) const;
  // Two words for the flow's reader; both 0 in a new flow.
  std::array<std::uint32_t, 2>& reader_slots(FlowHandle flow);
  // By content, `side` opened the conversation. Obeyed unless a handshake said otherwise.
  void set_originator(FlowHandle flow, model::Side side);
  [[nodiscard]] bool flipped(FlowHandle flow) const;
  // Everything the table knows, sides as a person wants them. Without apps, name and owners.
  [[nodiscard]] model::Flow to_flow(FlowHandle flow, model::FlowEnd end) const;

  // Calls `visit` for each live flow that changed since the last call, oldest first.
  void visit_changed(const std::function<void(FlowHandle)>& visit);
  // Every live flow counts as changed: the next visit is of all.
  void mark_all_changed();

  [[nodiscard]] const model::DropCounters& drops() const;
  [[nodiscard]] std::uint64_t created() const;  // flows since the start
  [[nodiscard]] std::size_t live() const;
  // Allocated in all, and out-of-order data held with its bookkeeping (<= FlowBudget's).
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] std::size_t held_bytes() const;
  [[nodiscard]] std::size_t fragment_bytes() const;  // of datagrams that are not whole

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace netwatch::flow
