#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "flow/chunk_slab.h"
#include "flow/echo.h"
#include "flow/flow_hash.h"
#include "flow/flow_index.h"
#include "flow/flow_table.h"
#include "flow/fragments.h"
#include "flow/hot_flow.h"
#include "flow/reassembly.h"
#include "flow/tcp_quality.h"
#include "flow/tcp_tracker.h"
#include "flow/timer_wheel.h"

namespace netwatch::flow {

// flow_table.cpp: packets; flow_expiry.cpp: how flows end.
class FlowTable::Impl final : public StreamOut {
 public:
  Impl(FlowTable& table, FlowSink& sink, std::uint32_t shard, const FlowBudget& budget,
       const FlowTimeouts& timeouts);

  // Index of the packet's flow, or kNone.
  std::uint32_t packet(const model::Packet& packet, const wire::Decoded& decoded, std::uint32_t tag,
                       const PacketTally* parts);
  [[nodiscard]] std::uint32_t tag_of(const wire::Decoded& decoded) const {
    return hash_(decoded.src, decoded.src_port, decoded.dst, decoded.dst_port, decoded.proto,
                 decoded.scope);
  }
  [[nodiscard]] std::uint32_t announce(const wire::Decoded& decoded) const {
    const std::uint32_t tag = tag_of(decoded);
    index_.prefetch(tag);
    return tag;
  }
  [[nodiscard]] std::uint32_t approach(std::uint32_t tag) const;
  [[nodiscard]] std::uint32_t meet(std::uint32_t index) const;
  [[nodiscard]] FlowTable::Parts last_parts() const;
  [[nodiscard]] FlowTable::Sighting last_sighting() const;
  void set_first_sighting_only(bool on) {
    budget_.first_sighting_only = on;
    sightings_.clear();
  }
  void advance(base::TimeNs clock_ns);
  void finish(std::size_t most);
  void visit_changed(const std::function<void(FlowHandle)>& visit);
  void mark_all_changed();
  [[nodiscard]] model::Flow to_flow(std::uint32_t index, model::FlowEnd end) const;
  void set_originator(std::uint32_t index, model::Side side);

  [[nodiscard]] HotFlow& hot(std::uint32_t index) { return flows_[index]; }
  [[nodiscard]] const HotFlow& hot(std::uint32_t index) const { return flows_[index]; }
  [[nodiscard]] model::FlowId id(const HotFlow& flow) const {
    return (flow.count.get() << 4) | shard_;
  }
  [[nodiscard]] const model::DropCounters& drops() {
    drops_[model::Drop::kStreamEvicted] = reassembly_.evicted();
    drops_[model::Drop::kFragments] = lost_fragments_ + fragments_.lost();
    drops_[model::Drop::kFragmentOverlaps] = fragments_.overlaps();
    return drops_;
  }
  [[nodiscard]] std::uint64_t created() const { return created_; }
  [[nodiscard]] std::size_t live() const { return flows_.live(); }
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] std::size_t held_bytes() const { return reassembly_.used_bytes(); }
  [[nodiscard]] std::size_t fragment_bytes() const { return fragments_.used_bytes(); }

  bool emit(std::uint32_t flow, model::Side side, base::Bytes bytes, std::uint64_t gap) override;

 private:
  struct Found {
    std::uint32_t index = kNone;
    model::Side side = model::Side::kOriginator;
  };

  // Which interface shows a side's packets; kept only where duplicates are possible.
  struct Sighting {
    base::TimeNs last_ns = 0;
    std::uint32_t ifindex = 0;
    model::PacketDirection direction = model::PacketDirection::kUnknown;
    bool known = false;
  };

  [[nodiscard]] std::uint32_t tag_of(const HotFlow& flow) const;
  [[nodiscard]] Found find(std::uint32_t tag, const wire::Decoded& decoded) const;
  [[nodiscard]] bool gives_way(const Found& found, const wire::Decoded& decoded) const;
  std::uint32_t fragment(const model::Packet& packet, const wire::Decoded& decoded,
                         const PacketTally* parts);
  bool give_up_datagram(base::TimeNs begun_ns);
  std::uint32_t put_in(const JoinedDatagram& joined);
  // `parts`: of a datagram that came in fragments.
  std::uint32_t whole(const model::Packet& packet, const wire::Decoded& decoded,
                      base::TimeNs time_ns, std::uint32_t tag, const PacketTally* parts);
  Found create(std::uint32_t tag, const wire::Decoded& decoded, base::TimeNs time_ns,
               std::uint64_t number);
  bool is_duplicate(const Found& found, const model::Packet& packet);
  void count(HotFlow& flow, model::Side side, const model::Packet& packet,
             const wire::Decoded& decoded, base::TimeNs time_ns) const;
  static void count_parts(HotFlow& flow, model::Side side, const PacketTally& parts,
                          std::uint64_t last_before);
  void pair_answer(HotFlow& flow, model::Side side, const wire::Decoded& decoded);
  void tcp_packet(std::uint32_t index, model::Side side, const wire::Decoded& decoded);
  TcpQualities* make_qualities(HotFlow& flow, model::Side side, const wire::Decoded& decoded);
  void tcp_stream(std::uint32_t index, model::Side side, const wire::Decoded& decoded);
  void datagram(std::uint32_t index, model::Side side, const wire::Decoded& decoded);
  bool deliver(std::uint32_t index, const model::StreamChunk& chunk);

  [[nodiscard]] base::TimeNs timeout(TimerClass timer_class) const {
    return timeouts_[static_cast<std::size_t>(timer_class)];
  }
  [[nodiscard]] base::TimeNs deadline(const HotFlow& flow) const {
    return flow.active_ns() + timeout(flow.timer_class);
  }
  [[nodiscard]] model::FlowEnd natural_end(const HotFlow& flow, model::FlowEnd otherwise) const;
  void set_clock(base::TimeNs time_ns);
  void start_timer(std::uint32_t index, TimerClass timer_class);
  void end(std::uint32_t index, model::FlowEnd why);
  void last_words(std::uint32_t index, model::FlowEnd why);
  void leap_to(std::int64_t tick);
  void expire_tick();
  void evict_one();
  [[nodiscard]] std::uint32_t oldest_of(TimerClass timer_class);

  FlowTable& table_;
  FlowSink& sink_;
  std::uint64_t shard_;
  FlowBudget budget_;
  std::array<base::TimeNs, kTimerClasses> timeouts_{};
  FlowHash hash_;
  FlowIndex index_;
  ChunkSlab<HotFlow, &HotFlow::tcp, 512> flows_;
  ChunkSlab<TcpFlow, &TcpFlow::rtt_us, 512> tcps_;
  ChunkSlab<TcpQualities, &TcpQualities::link, 512> qualities_;
  ChunkSlab<EchoTimer, &EchoTimer::key, 64> echoes_;
  TimerWheel wheel_;
  Reassembly reassembly_;
  Fragments fragments_;
  std::uint64_t lost_fragments_ = 0;        // that were never held, or made no packet of a flow
  const JoinedDatagram* joined_ = nullptr;  // what the last packet completed
  Found sighted_;                           // whose the last packet was
  std::deque<std::array<Sighting, 2>> sightings_;               // by flow index and side
  std::vector<std::uint64_t> changed_;                          // a bit per flow index
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order_;  // scratch, for sorting
  std::size_t finished_ = 0;                                    // of order_, during finish()
  model::DropCounters drops_;
  std::uint64_t created_ = 0;
  base::TimeNs clock_ns_ = 0;
  bool clock_set_ = false;
  // Of the packet being worked on; what is given out bears them.
  base::TimeNs now_ns_ = 0;
  std::uint64_t now_packet_ = 0;
};

}  // namespace netwatch::flow
