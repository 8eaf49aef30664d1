#include <algorithm>
#include <bit>
#include <limits>

#include "flow/flow_table_impl.h"

// How flows leave a table, and how they are listed.

namespace netwatch::flow {

using base::TimeNs;
using model::FlowEnd;

void FlowTable::Impl::set_clock(TimeNs time_ns) {
  if (!clock_set_) {
    clock_set_ = true;
    wheel_.start(TimerWheel::tick_of(time_ns) - 1);
  }
  clock_ns_ = std::max(clock_ns_, time_ns);
}

void FlowTable::Impl::start_timer(std::uint32_t index, TimerClass timer_class) {
  flows_[index].timer_class = timer_class;
  wheel_.add(index, timer_class, deadline(flows_[index]),
             [this](std::uint32_t i) -> TimerLink& { return flows_[i].timer; });
}

void FlowTable::Impl::advance(TimeNs clock_ns) {
  set_clock(clock_ns);
  while (give_up_datagram(clock_ns_ - Fragments::kTimeoutNs)) {
  }
  // Ticks that are wholly over.
  const std::int64_t target = TimerWheel::tick_of(clock_ns_) - 1;
  if (target - wheel_.tick() > static_cast<std::int64_t>(TimerWheel::kBuckets)) leap_to(target - 1);
  while (wheel_.tick() < target) {
    if (wheel_.size() == 0) {
      wheel_.skip_to(target);
      return;
    }
    expire_tick();
  }
}

// Captures may jump by years. Ticking through them would take minutes, so every flow is given its
// place anew; what came due on the way is due in the very next tick.
void FlowTable::Impl::leap_to(std::int64_t tick) {
  const auto links = [this](std::uint32_t i) -> TimerLink& { return flows_[i].timer; };
  std::vector<std::uint32_t> live;
  for (std::uint32_t i = 0; i < flows_.made(); ++i) {
    if (flows_[i].count.get() != 0) live.push_back(i);
  }
  for (const std::uint32_t i : live) wheel_.remove(i, links);
  wheel_.skip_to(tick);
  for (const std::uint32_t i : live) {
    wheel_.add(i, flows_[i].timer_class, deadline(flows_[i]), links);
  }
}

// Ends what was due in the next tick, by deadline and then by age.
void FlowTable::Impl::expire_tick() {
  struct Due {
    TimeNs deadline_ns;
    std::uint64_t count;
    std::uint32_t index;
  };
  std::vector<Due> due;  // allocates only when flows end
  const auto links = [this](std::uint32_t i) -> TimerLink& { return flows_[i].timer; };
  const std::int64_t tick = wheel_.tick() + 1;
  wheel_.step([&](std::uint32_t index) {
    HotFlow& flow = flows_[index];
    if (!TimerWheel::is_bucket(flow.timer.next)) flows_.prefetch(flow.timer.next);
    wheel_.remove(index, links);
    // Even one that is over goes back, a tick late, so that end() finds every flow in the wheel.
    if (TimerWheel::tick_of(deadline(flow)) <= tick) {
      due.push_back({deadline(flow), flow.count.get(), index});
    }
    wheel_.add(index, flow.timer_class, deadline(flow), links);
  });
  std::ranges::sort(due, [](const Due& a, const Due& b) {
    return a.deadline_ns != b.deadline_ns ? a.deadline_ns < b.deadline_ns : a.count < b.count;
  });
  for (const Due& one : due) end(one.index, natural_end(flows_[one.index], FlowEnd::kIdle));
}

FlowEnd FlowTable::Impl::natural_end(const HotFlow& flow, FlowEnd otherwise) const {
  if (flow.timer_class != TimerClass::kClosed) return otherwise;
  const TcpFlow& tcp = tcps_[flow.tcp];
  const bool reset =
      tcp.sides[0].state == EndState::kReset || tcp.sides[1].state == EndState::kReset;
  return reset ? FlowEnd::kReset : FlowEnd::kClosed;
}

void FlowTable::Impl::end(std::uint32_t index, FlowEnd why) {
  const std::uint32_t tag = tag_of(flows_[index]);
  index_.prefetch(tag);
  last_words(index, why);
  index_.erase(tag, index);
  wheel_.remove(index, [this](std::uint32_t i) -> TimerLink& { return flows_[i].timer; });
  flows_.give_back(index);
}

// Everything but the flow's place in the index, the wheel and the slab.
void FlowTable::Impl::last_words(std::uint32_t index, FlowEnd why) {
  HotFlow& flow = flows_[index];
  if (flow.tcp != kNone) {
    TcpFlow& tcp = tcps_[flow.tcp];
    const auto now_ns = std::exchange(now_ns_, flow.last_ns);
    const auto now_packet = std::exchange(now_packet_, flow.last_packet.get());
    if (tcp.sides[0].held || tcp.sides[1].held) reassembly_.flush(tcp);
    now_ns_ = now_ns;
    now_packet_ = now_packet;
  }
  sink_.on_end(table_, FlowHandle{index}, why);
  if (flow.tcp != kNone) {
    tcps_.give_back(flow.tcp);
    if (flow.timing != kNone) qualities_.give_back(flow.timing);
  } else if (flow.timing != kNone) {
    echoes_.give_back(flow.timing);
  }
  flow.count.set(0);  // no flow has this: marks the dead
  changed_[index / 64] &= ~(std::uint64_t{1} << (index % 64));
}

// Half-open connections go first: they cost an attacker least. Then whoever would end first, of
// any kind: a flood of short flows ends before connections that live long and speak seldom.
void FlowTable::Impl::evict_one() {
  std::uint32_t victim = oldest_of(TimerClass::kHalfOpen);
  for (const TimerClass other :
       {TimerClass::kClosed, TimerClass::kUdp, TimerClass::kOther, TimerClass::kOpen}) {
    if (victim != kNone && flows_[victim].timer_class == TimerClass::kHalfOpen) break;
    const std::uint32_t oldest = oldest_of(other);
    if (oldest == kNone) continue;
    const auto age = [this](std::uint32_t i) {
      return std::pair(deadline(flows_[i]), flows_[i].count.get());
    };
    if (victim == kNone || age(oldest) < age(victim)) victim = oldest;
  }
  if (victim == kNone) return;
  ++drops_[model::Drop::kFlowEvicted];
  end(victim, FlowEnd::kEvicted);
}

// The flow of a class that has been silent longest, to one tick of the wheel. Flows that were
// active since they got their place are put right on the way, each at most once per activity.
std::uint32_t FlowTable::Impl::oldest_of(TimerClass timer_class) {
  const auto links = [this](std::uint32_t i) -> TimerLink& { return flows_[i].timer; };
  for (;;) {
    const TimerWheel::First first = wheel_.first(timer_class);
    if (first.flow == kNone) return kNone;
    const TimeNs due_ns = deadline(flows_[first.flow]);
    if (wheel_.place_of(due_ns) <= first.tick) return first.flow;
    wheel_.remove(first.flow, links);
    wheel_.add(first.flow, timer_class, due_ns, links);
  }
}

void FlowTable::Impl::finish(std::size_t most) {
  while (give_up_datagram(std::numeric_limits<TimeNs>::max())) {
  }
  if (live() == 0) return;
  if (finished_ == 0) {
    order_.clear();
    for (std::uint32_t i = 0; i < flows_.made(); ++i) {
      if (flows_[i].count.get() != 0) order_.emplace_back(flows_[i].count.get(), i);
    }
    std::ranges::sort(order_);
  }
  const std::size_t stop = finished_ + std::min(most, order_.size() - finished_);
  // Older flows lie far apart: each is fetched a few before its turn.
  constexpr std::size_t kFar = 8;
  constexpr std::size_t kNear = 4;
  for (; finished_ < stop; ++finished_) {
    if (finished_ + kFar < order_.size()) flows_.prefetch(order_[finished_ + kFar].second);
    if (finished_ + kNear < order_.size()) (void)meet(order_[finished_ + kNear].second);
    const std::uint32_t index = order_[finished_].second;
    last_words(index, natural_end(flows_[index], FlowEnd::kEndOfInput));
    flows_.give_back(index);
  }
  if (finished_ < order_.size()) return;
  order_.clear();
  finished_ = 0;
  // All at once, instead of one by one in places all over memory.
  index_.clear();
  wheel_.clear();
}

void FlowTable::Impl::visit_changed(const std::function<void(FlowHandle)>& visit) {
  order_.clear();
  for (std::size_t word = 0; word < changed_.size(); ++word) {
    for (std::uint64_t bits = std::exchange(changed_[word], 0); bits != 0; bits &= bits - 1) {
      const auto index =
          static_cast<std::uint32_t>(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
      order_.emplace_back(flows_[index].count.get(), index);
    }
  }
  std::ranges::sort(order_);
  for (const auto& [count, index] : order_) visit(FlowHandle{index});
  order_.clear();
}

void FlowTable::Impl::mark_all_changed() {
  for (std::uint32_t i = 0; i < flows_.made(); ++i) {
    if (flows_[i].count.get() != 0) changed_[i / 64] |= std::uint64_t{1} << (i % 64);
  }
}

namespace {

// Zeek's words for UDP: who sent anything at all.
void describe_udp(model::Flow& flow, bool flipped) {
  const bool orig = flow.sides[0].packets > 0;
  const bool resp = flow.sides[1].packets > 0;
  flow.conn_state = orig ? (resp ? "SF" : "S0") : (resp ? "SHR" : "OTH");
  if (flipped) flow.history = "^";
  if (resp && flipped) flow.history += 'd';
  if (orig) flow.history += 'D';
  if (resp && !flipped) flow.history += 'd';
}

}  // namespace

model::Flow FlowTable::Impl::to_flow(std::uint32_t index, FlowEnd end) const {
  const HotFlow& hot_flow = flows_[index];
  const std::size_t orig = hot_flow.flipped ? 1 : 0;
  model::Flow flow;
  flow.id = id(hot_flow);
  flow.orig = {hot_flow.address[orig], hot_flow.port[orig]};
  flow.resp = {hot_flow.address[1 - orig], hot_flow.port[1 - orig]};
  flow.proto = hot_flow.proto;
  flow.orig_by = hot_flow.orig_by;
  flow.end = end;
  flow.scope = hot_flow.scope;
  flow.first_ns = hot_flow.first_ns;
  flow.last_ns = hot_flow.last_ns;
  flow.first_packet = hot_flow.first_packet.get();
  flow.last_packet = hot_flow.last_packet.get();
  const TcpFlow* tcp = hot_flow.tcp == kNone ? nullptr : &tcps_[hot_flow.tcp];
  const bool timed = hot_flow.timing != kNone;
  for (std::size_t s = 0; s < 2; ++s) {
    const HotDirection& from = hot_flow.sides[s];
    model::DirectionCounters& to = flow.sides[s == orig ? 0 : 1];
    to.packets = from.packets.get();
    to.wire_bytes = from.wire_bytes.get();
    to.ip_bytes = from.ip_bytes.get();
    to.payload_bytes = from.payload_bytes.get();
    if (tcp == nullptr) continue;
    const TcpQuality* quality = timed ? &qualities_[hot_flow.timing].sides[s] : nullptr;
    to.retransmitted = tcp->sides[s].retransmitted;
    if (quality != nullptr) to.retransmitted += quality->late;
    flow.quality[s == orig ? 0 : 1] = side_quality(tcp->sides[s], quality);
    to.lost_bytes = tcp->sides[s].lost_bytes.get();
  }
  if (hot_flow.answer_us != kNone) flow.answer_us = hot_flow.answer_us;
  if (tcp == nullptr && timed && echoes_[hot_flow.timing].measured) {
    // Of the side that sends the requests: ICMP's answers are of type 0, ICMPv6's of type 129.
    model::SideQuality& quality =
        flow.quality[flow.orig.port == 0 || flow.orig.port == 129 ? 1 : 0];
    quality.rtt_us = echoes_[hot_flow.timing].srtt_us;
    quality.rtt_min_us = echoes_[hot_flow.timing].min_us;
  }
  if (flow.proto == model::ip_proto::kUdp) describe_udp(flow, hot_flow.flipped);
  if (tcp == nullptr) return flow;
  const bool payload = flow.sides[0].payload_bytes + flow.sides[1].payload_bytes > 0;
  if (tcp->rtt_known()) flow.handshake_rtt_us = tcp->rtt_us;
  flow.conn_state = conn_state(*tcp, hot_flow.flipped, payload);
  flow.history = history_text(*tcp, hot_flow.flipped, hot_flow.flipped);
  return flow;
}

}  // namespace netwatch::flow
