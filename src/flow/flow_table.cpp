#include "flow/flow_table.h"

#include <algorithm>
#include <limits>
#include <random>

#include "flow/flow_table_impl.h"

namespace netwatch::flow {
namespace {

using base::TimeNs;
using model::Side;

// Hostile time stamps stay where sums with time-outs cannot overflow.
constexpr TimeNs kLastTime = std::numeric_limits<TimeNs>::max() / 4;
constexpr TimeNs kSightingSilent = 2 * base::kNsPerSecond;
TimeNs sane_time(TimeNs time_ns) { return std::clamp(time_ns, TimeNs{0}, kLastTime); }

std::uint64_t fresh_key() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

bool has_flag(const wire::Decoded& decoded, std::uint8_t flag) {
  return (decoded.tcp_flags & flag) != 0;
}

bool is_tcp(const wire::Decoded& decoded) { return decoded.proto == model::ip_proto::kTcp; }

// The side that a segment's SYN makes its sender, if it has one.
bool tells_side(const wire::Decoded& decoded, Side& sender) {
  if (!has_flag(decoded, wire::tcp_flag::kSyn) || has_flag(decoded, wire::tcp_flag::kRst)) {
    return false;
  }
  sender = has_flag(decoded, wire::tcp_flag::kAck) ? Side::kResponder : Side::kOriginator;
  return true;
}

}  // namespace

FlowTable::Impl::Impl(FlowTable& table, FlowSink& sink, std::uint32_t shard,
                      const FlowBudget& budget, const FlowTimeouts& timeouts)
    : table_(table),
      sink_(sink),
      shard_(shard & 0xf),
      budget_(budget),
      hash_(fresh_key()),
      reassembly_(*this, budget.stream_bytes),
      fragments_(fresh_key(), budget.fragment_bytes) {
  const auto set = [this](TimerClass timer_class, TimeNs timeout_ns) {
    timeouts_[static_cast<std::size_t>(timer_class)] = sane_time(timeout_ns);
  };
  set(TimerClass::kHalfOpen, timeouts.tcp_half_open);
  set(TimerClass::kClosed, timeouts.tcp_closed);
  set(TimerClass::kUdp, timeouts.udp);
  set(TimerClass::kOther, timeouts.other);
  set(TimerClass::kOpen, timeouts.tcp_open);
}

// The flow may have died or be another's by the time of the packet: it is only warmed up.
std::uint32_t FlowTable::Impl::approach(std::uint32_t tag) const {
  const std::uint32_t index = index_.likely(tag);
  if (index != kNone) flows_.prefetch(index);
  return index;
}

std::uint32_t FlowTable::Impl::meet(std::uint32_t index) const {
  const HotFlow& flow = flows_[index];
  if (flow.count.get() == 0) return 0;
  if (flow.tcp != kNone) {
    tcps_.prefetch(flow.tcp);
    if (flow.timing != kNone) qualities_.prefetch(flow.timing);
  }
  return flow.read ? flow.reader_slots[0] : 0;
}

std::uint32_t FlowTable::Impl::packet(const model::Packet& packet, const wire::Decoded& decoded,
                                      std::uint32_t tag, const PacketTally* parts) {
  const TimeNs time_ns = sane_time(packet.time_ns);
  set_clock(time_ns);
  joined_ = nullptr;
  sighted_ = {};
  const bool headless = decoded.status == wire::DecodeStatus::kFragment;
  if (headless || decoded.detour) [[unlikely]] {
    if ((headless || decoded.first_fragment) && decoded.fragment.wire_len > 0) {
      return fragment(packet, decoded, parts);
    }
    if (headless) lost_fragments_ += parts == nullptr ? 1 : parts->packets;
  }
  if (decoded.status != wire::DecodeStatus::kFlow) return kNone;
  return whole(packet, decoded, time_ns, tag, parts);
}

std::uint32_t FlowTable::Impl::whole(const model::Packet& packet, const wire::Decoded& decoded,
                                     TimeNs time_ns, std::uint32_t tag, const PacketTally* parts) {
  now_ns_ = time_ns;
  now_packet_ = packet.number;
  Found found = find(tag, decoded);
  if (found.index != kNone && gives_way(found, decoded)) {
    const HotFlow& flow = flows_[found.index];
    const bool silent = clock_ns_ > deadline(flow);
    end(found.index, natural_end(flow, silent ? model::FlowEnd::kIdle : model::FlowEnd::kClosed));
    found.index = kNone;
  }
  if (found.index == kNone) found = create(tag, decoded, time_ns, packet.number);
  if (found.index == kNone) return kNone;
  sighted_ = found;
  if (budget_.first_sighting_only && is_duplicate(found, packet)) {
    drops_[model::Drop::kDuplicate] += parts == nullptr ? 1 : parts->packets;
    return kNone;
  }
  HotFlow& flow = flows_[found.index];
  const std::uint64_t before = flow.last_packet.get();
  count(flow, found.side, packet, decoded, time_ns);
  if (parts != nullptr) count_parts(flow, found.side, *parts, before);
  changed_[found.index / 64] |= std::uint64_t{1} << (found.index % 64);
  if (flow.tcp != kNone) {
    tcp_packet(found.index, found.side, decoded);
    return found.index;
  }
  pair_answer(flow, found.side, decoded);
  if (flow.read) datagram(found.index, found.side, decoded);
  return found.index;
}

// A datagram waits in its fragments and goes on as one packet, with all that they count.
std::uint32_t FlowTable::Impl::fragment(const model::Packet& packet, const wire::Decoded& decoded,
                                        const PacketTally* parts) {
  while (give_up_datagram(clock_ns_ - Fragments::kTimeoutNs)) {
  }
  while (!fragments_.has_room(decoded.fragment) && give_up_datagram(kLastTime)) {
    ++drops_[model::Drop::kFragmentEvicted];
  }
  // Copies of a datagram from several interfaces are put together each for itself.
  const std::uint32_t place =
      budget_.first_sighting_only
          ? packet.ifindex * 4 + static_cast<std::uint32_t>(packet.direction)
          : 0;
  joined_ = fragments_.add(packet, decoded, place, clock_ns_, parts);
  return joined_ == nullptr ? kNone : put_in(*joined_);
}

std::uint32_t FlowTable::Impl::put_in(const JoinedDatagram& joined) {
  wire::Decoded decoded;
  joined.decode_into(decoded);
  // What is in a tunnel has addresses, and so a shard, of its own.
  const bool flow = decoded.status == wire::DecodeStatus::kFlow;
  if (!flow || decoded.tunnels != joined.envelope.tunnels) {
    lost_fragments_ += joined.tally.packets;
    return kNone;
  }
  decoded.ip_bytes = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(joined.tally.ip_bytes, std::numeric_limits<std::uint32_t>::max()));
  return whole(joined.packet, decoded, sane_time(joined.packet.time_ns), tag_of(decoded),
               &joined.tally);
}

// Whether one had begun before that time. Its beginning, if it came, is a cut packet.
bool FlowTable::Impl::give_up_datagram(TimeNs begun_ns) {
  const Fragments::GivenUp what = fragments_.give_up_oldest(begun_ns);
  if (what == Fragments::GivenUp::kBeginning) {
    put_in(fragments_.given_up());
  }
  return what != Fragments::GivenUp::kNothing;
}

FlowTable::Parts FlowTable::Impl::last_parts() const {
  if (joined_ == nullptr) return {};
  return {joined_->tally.first_packet, joined_->packets};
}

FlowTable::Sighting FlowTable::Impl::last_sighting() const {
  if (sighted_.index == kNone) return {};
  const HotFlow& flow = flows_[sighted_.index];
  const std::size_t from = model::index(sighted_.side);
  const model::Endpoint sender{.address = flow.address[from], .port = flow.port[from]};
  const model::Endpoint other{.address = flow.address[1 - from], .port = flow.port[1 - from]};
  return {.flow = id(flow), .from_lower = sender < other};
}

std::uint32_t FlowTable::Impl::tag_of(const HotFlow& flow) const {
  return hash_(flow.address[0], flow.port[0], flow.address[1], flow.port[1], flow.proto,
               flow.scope);
}

FlowTable::Impl::Found FlowTable::Impl::find(std::uint32_t tag,
                                             const wire::Decoded& decoded) const {
  Found found;
  found.index = index_.find(tag, [&](std::uint32_t index) {
    const HotFlow& flow = flows_[index];
    if (flow.proto != decoded.proto || flow.scope != decoded.scope) return false;
    for (const Side side : {Side::kOriginator, Side::kResponder}) {
      const std::size_t from = model::index(side);
      const std::size_t to = 1 - from;
      if (flow.port[from] == decoded.src_port && flow.port[to] == decoded.dst_port &&
          flow.address[from] == decoded.src && flow.address[to] == decoded.dst) {
        found.side = side;
        return true;
      }
    }
    return false;
  });
  return found;
}

// Whether the packet belongs to a new flow of the same key: the old one has been silent for too
// long, or the packet opens another connection on its ports.
bool FlowTable::Impl::gives_way(const Found& found, const wire::Decoded& decoded) const {
  const HotFlow& flow = flows_[found.index];
  if (clock_ns_ > deadline(flow)) return true;
  Side sender{};
  if (flow.tcp == kNone || !tells_side(decoded, sender) || sender == Side::kResponder) return false;
  return is_port_reuse(tcps_[flow.tcp], found.side, decoded.tcp_seq, clock_ns_ - flow.active_ns());
}

FlowTable::Impl::Found FlowTable::Impl::create(std::uint32_t tag, const wire::Decoded& decoded,
                                               TimeNs time_ns, std::uint64_t number) {
  if (flows_.live() >= budget_.flows) {
    if (flows_.live() == 0) {
      ++drops_[model::Drop::kFlowRefused];
      return {};
    }
    evict_one();
  }
  Side sender = Side::kOriginator;
  const bool told = is_tcp(decoded) && tells_side(decoded, sender);
  const std::uint32_t index = flows_.take();
  HotFlow& flow = flows_[index];
  const std::size_t from = model::index(sender);
  flow.address[from] = decoded.src;
  flow.port[from] = decoded.src_port;
  flow.address[1 - from] = decoded.dst;
  flow.port[1 - from] = decoded.dst_port;
  flow.scope = decoded.scope;
  flow.proto = decoded.proto;
  flow.first_ns = flow.last_ns = time_ns;
  flow.first_packet.set(number);
  flow.count.set(++created_);
  flow.read = true;
  if (told) flow.orig_by = model::OriginBy::kHandshake;
  TimerClass timer_class = TimerClass::kOther;
  if (is_tcp(decoded)) {
    flow.tcp = tcps_.take();
    tcps_[flow.tcp].side(sender).answered_first = sender == Side::kResponder;
    timer_class = TimerClass::kOpen;
  } else if (decoded.proto == model::ip_proto::kUdp) {
    timer_class = TimerClass::kUdp;
  }
  index_.insert(tag, index);
  if (index / 64 >= changed_.size()) changed_.resize(index / 64 + 8);
  if (index < sightings_.size()) sightings_[index] = {};
  start_timer(index, timer_class);
  return {index, sender};
}

// Whether another interface, or the other direction of the same one, has already shown this side's
// packets (design section 5). A place that has gone quiet is replaced: the route has changed.
bool FlowTable::Impl::is_duplicate(const Found& found, const model::Packet& packet) {
  if (found.index >= sightings_.size()) sightings_.resize(found.index + 1);
  Sighting& first = sightings_[found.index][model::index(found.side)];
  const bool same = first.ifindex == packet.ifindex && first.direction == packet.direction;
  if (first.known && !same && clock_ns_ - first.last_ns < kSightingSilent) return true;
  first = {clock_ns_, packet.ifindex, packet.direction, true};
  return false;
}

void FlowTable::Impl::count(HotFlow& flow, Side side, const model::Packet& packet,
                            const wire::Decoded& decoded, TimeNs time_ns) const {
  HotDirection& direction = flow.sides[model::index(side)];
  direction.packets.add(1);
  direction.wire_bytes.add(packet.wire_len);
  direction.ip_bytes.add(decoded.ip_bytes);
  direction.payload_bytes.add(decoded.payload_wire_len);
  flow.last_packet.set(packet.number);
  flow.first_ns = std::min(flow.first_ns, time_ns);
  flow.last_ns = std::max(flow.last_ns, time_ns);
  flow.behind_s = 0;
  if (const TimeNs behind = clock_ns_ - flow.last_ns; behind > 0) {
    flow.behind_s = static_cast<std::uint32_t>(
        std::min<TimeNs>((behind + base::kNsPerSecond - 1) / base::kNsPerSecond,
                         std::numeric_limits<std::uint32_t>::max()));
  }
}

// What count() cannot know of a datagram that came in fragments.
void FlowTable::Impl::count_parts(HotFlow& flow, Side side, const PacketTally& parts,
                                  std::uint64_t last_before) {
  flow.sides[model::index(side)].packets.add(parts.packets - 1);
  flow.first_packet.set(std::min(flow.first_packet.get(), parts.first_packet));
  flow.last_packet.set(std::max(flow.last_packet.get(), last_before));
  flow.first_ns = std::min(flow.first_ns, sane_time(parts.first_ns));
}

// Requests and their answers, where a datagram alone tells: the first packet of each side, unless
// there were several before; and each ICMP echo.
void FlowTable::Impl::pair_answer(HotFlow& flow, Side side, const wire::Decoded& decoded) {
  const bool v4 = flow.proto == model::ip_proto::kIcmp;
  const bool icmp = v4 || flow.proto == model::ip_proto::kIcmp6;
  if (!icmp && flow.proto != model::ip_proto::kUdp) return;
  const bool first = flow.sides[model::index(side)].packets.get() == 1 &&
                     flow.sides[model::index(model::other(side))].packets.get() == 1;
  if (first && now_ns_ >= flow.first_ns) {
    const TimeNs us = (now_ns_ - flow.first_ns) / base::kNsPerUs;
    if (us < TimeNs{kNone}) flow.answer_us = static_cast<std::uint32_t>(us);
  }
  if (!icmp) return;
  const std::uint16_t request = v4 ? 8 : 128;
  const std::uint16_t answer = v4 ? 0 : 129;
  std::uint32_t key = 0;
  const auto now_us = static_cast<Micros>(now_ns_ / base::kNsPerUs);
  if (decoded.src_port == request && EchoTimer::read_key(decoded, key)) {
    if (flow.timing == kNone) flow.timing = echoes_.take();
    echoes_[flow.timing].request(key, now_us);
  } else if (decoded.src_port == answer && flow.timing != kNone &&
             EchoTimer::read_key(decoded, key)) {
    echoes_[flow.timing].answer(key, now_us);
  }
}

// None as long as there is nothing to keep there.
TcpQualities* FlowTable::Impl::make_qualities(HotFlow& flow, Side side,
                                              const wire::Decoded& decoded) {
  TcpFlow& tcp = tcps_[flow.tcp];
  if (is_bare(tcp, side, decoded)) return nullptr;
  flow.timing = qualities_.take();
  TcpQualities& made = qualities_[flow.timing];
  move_bare(tcp, made);
  return &made;
}

void FlowTable::Impl::tcp_packet(std::uint32_t index, Side side, const wire::Decoded& decoded) {
  HotFlow& flow = flows_[index];
  TcpFlow& tcp = tcps_[flow.tcp];
  Side sender{};
  if (flow.orig_by != model::OriginBy::kHandshake && tells_side(decoded, sender)) {
    flow.orig_by = model::OriginBy::kHandshake;
    flow.flipped = sender != side;
  }
  TcpQualities* const qualities =
      flow.timing != kNone ? &qualities_[flow.timing] : make_qualities(flow, side, decoded);
  if (tells_side(decoded, sender) && !tcp.side(side).syn) {
    reassembly_.begin(tcp, side, decoded.tcp_seq + 1);
  }
  const TcpSide& me = tcp.side(side);
  const BeforeSegment before{me.next, me.retransmitted, me.started, me.syn};
  track_segment(tcp, qualities, side, decoded, now_ns_ - flow.first_ns, now_ns_ < flow.last_ns);
  tcp_stream(index, side, decoded);
  note_quality(tcp, qualities, side, decoded, before,
               static_cast<Micros>(now_ns_ / base::kNsPerUs));
  const TimerClass timer_class = tcp_class(tcp);
  if (timer_class != flow.timer_class) {
    wheel_.remove(index, [this](std::uint32_t i) -> TimerLink& { return flows_[i].timer; });
    start_timer(index, timer_class);
  }
}

void FlowTable::Impl::tcp_stream(std::uint32_t index, Side side, const wire::Decoded& decoded) {
  const HotFlow& flow = flows_[index];  // the reader may stop reading at any call below
  TcpFlow& tcp = tcps_[flow.tcp];
  TcpSide& me = tcp.side(side);
  if (flow.read && has_flag(decoded, wire::tcp_flag::kAck) && tcp.side(model::other(side)).held) {
    reassembly_.acknowledged(tcp, model::other(side), decoded.tcp_ack,
                             decoded.payload_wire_len > 0);
  }
  if (has_flag(decoded, wire::tcp_flag::kRst)) return;  // its payload is no part of the stream
  Segment segment{decoded.tcp_seq, decoded.payload, decoded.payload_wire_len};
  if (has_flag(decoded, wire::tcp_flag::kSyn)) ++segment.seq;
  const std::uint32_t end = segment.seq + segment.wire_len;
  if (me.fin && seq_diff(end, me.next) > 0) {  // nothing follows a FIN
    const std::int32_t left = std::max(seq_diff(me.next, segment.seq), 0);
    segment.wire_len = std::min(segment.wire_len, static_cast<std::uint32_t>(left));
  }
  segment.bytes =
      segment.bytes.first(std::min<std::size_t>(segment.bytes.size(), segment.wire_len));
  if (segment.wire_len > 0) {
    if (flow.read) {
      reassembly_.segment(tcp, index, side, segment);
    } else {
      track_unread_data(tcp, side, segment.seq, segment.wire_len);
    }
  }
  if (!has_flag(decoded, wire::tcp_flag::kFin) || me.fin) return;
  if (flow.read) {
    reassembly_.fin(tcp, index, side, end);
  } else {
    track_unread_data(tcp, side, end, 0);
  }
  me.fin = me.next == end;  // one that contradicts what was seen ends nothing
}

void FlowTable::Impl::datagram(std::uint32_t index, Side side, const wire::Decoded& decoded) {
  // Beside UDP a message begins with its header: ICMP's type is what it says.
  const std::size_t header =
      decoded.proto == model::ip_proto::kUdp ? std::size_t{0} : decoded.header_bytes;
  if (decoded.payload.empty() && header == 0) return;
  model::StreamChunk chunk;
  chunk.side = side;
  chunk.time_ns = now_ns_;
  chunk.packet = now_packet_;
  chunk.bytes = {decoded.payload.data() - header, decoded.payload.size() + header};
  chunk.datagram = true;
  chunk.cut = decoded.first_fragment || decoded.payload.size() < decoded.payload_wire_len;
  deliver(index, chunk);
}

bool FlowTable::Impl::emit(std::uint32_t flow, Side side, base::Bytes bytes, std::uint64_t gap) {
  model::StreamChunk chunk;
  chunk.side = side;
  chunk.time_ns = now_ns_;
  chunk.packet = now_packet_;
  chunk.bytes = bytes;
  chunk.gap_bytes = gap;
  drops_[model::Drop::kStreamGapBytes] += gap;
  return deliver(flow, chunk);
}

bool FlowTable::Impl::deliver(std::uint32_t index, const model::StreamChunk& chunk) {
  const bool wanted = sink_.on_chunk(table_, FlowHandle{index}, chunk);
  if (!wanted) flows_[index].read = false;
  return wanted;
}

void FlowTable::Impl::set_originator(std::uint32_t index, Side side) {
  HotFlow& flow = flows_[index];
  if (flow.orig_by != model::OriginBy::kFirstPacket) return;
  flow.orig_by = model::OriginBy::kContent;
  flow.flipped = side == Side::kResponder;
}

std::size_t FlowTable::Impl::memory_bytes() const {
  return sizeof(*this) + fragments_.memory_bytes() + index_.memory_bytes() + flows_.memory_bytes() +
         tcps_.memory_bytes() + qualities_.memory_bytes() + echoes_.memory_bytes() +
         reassembly_.memory_bytes() + sightings_.size() * sizeof(sightings_[0]) +
         changed_.capacity() * sizeof(changed_[0]) + order_.capacity() * sizeof(order_[0]);
}

FlowTable::FlowTable(FlowSink& sink, std::uint32_t shard, const FlowBudget& budget,
                     const FlowTimeouts& timeouts)
    : impl_(std::make_unique<Impl>(*this, sink, shard, budget, timeouts)) {}
FlowTable::~FlowTable() = default;

FlowHandle FlowTable::packet(const model::Packet& packet, const wire::Decoded& decoded) {
  return {impl_->packet(packet, decoded, impl_->tag_of(decoded), nullptr)};
}
FlowHandle FlowTable::packet(const model::Packet& packet, const wire::Decoded& decoded,
                             std::uint32_t tag, const PacketTally* parts) {
  return {impl_->packet(packet, decoded, tag, parts)};
}
std::uint32_t FlowTable::announce(const wire::Decoded& decoded) const {
  return impl_->announce(decoded);
}
FlowHandle FlowTable::approach(std::uint32_t tag) const { return {impl_->approach(tag)}; }
std::uint32_t FlowTable::meet(FlowHandle flow) const { return impl_->meet(flow.index); }
FlowTable::Parts FlowTable::last_parts() const { return impl_->last_parts(); }
FlowTable::Sighting FlowTable::last_sighting() const { return impl_->last_sighting(); }
void FlowTable::set_first_sighting_only(bool on) { impl_->set_first_sighting_only(on); }
void FlowTable::advance(TimeNs clock_ns) { impl_->advance(sane_time(clock_ns)); }
void FlowTable::finish(std::size_t most) { impl_->finish(most); }

model::FlowId FlowTable::id(FlowHandle flow) const { return impl_->id(impl_->hot(flow.index)); }
std::uint8_t FlowTable::proto(FlowHandle flow) const { return impl_->hot(flow.index).proto; }
std::uint16_t FlowTable::port(FlowHandle flow, Side side) const {
  return impl_->hot(flow.index).port[model::index(side)];
}
base::TimeNs FlowTable::last_ns(FlowHandle flow) const { return impl_->hot(flow.index).last_ns; }
std::uint64_t FlowTable::last_packet(FlowHandle flow) const {
  return impl_->hot(flow.index).last_packet.get();
}
const std::array<base::IpAddress, 2>& FlowTable::addresses(FlowHandle flow) const {
  return impl_->hot(flow.index).address;
}
std::uint32_t FlowTable::scope(FlowHandle flow) const { return impl_->hot(flow.index).scope; }
std::array<std::uint32_t, 2>& FlowTable::reader_slots(FlowHandle flow) {
  return impl_->hot(flow.index).reader_slots;
}
void FlowTable::set_originator(FlowHandle flow, Side side) {
  impl_->set_originator(flow.index, side);
}
bool FlowTable::flipped(FlowHandle flow) const { return impl_->hot(flow.index).flipped; }
model::Flow FlowTable::to_flow(FlowHandle flow, model::FlowEnd end) const {
  return impl_->to_flow(flow.index, end);
}
void FlowTable::visit_changed(const std::function<void(FlowHandle)>& visit) {
  impl_->visit_changed(visit);
}
void FlowTable::mark_all_changed() { impl_->mark_all_changed(); }
const model::DropCounters& FlowTable::drops() const { return impl_->drops(); }
std::uint64_t FlowTable::created() const { return impl_->created(); }
std::size_t FlowTable::live() const { return impl_->live(); }
std::size_t FlowTable::memory_bytes() const { return impl_->memory_bytes(); }
std::size_t FlowTable::held_bytes() const { return impl_->held_bytes(); }
std::size_t FlowTable::fragment_bytes() const { return impl_->fragment_bytes(); }

}  // namespace netwatch::flow
