// How rows of the live table get their owners: from sockets that are there and sockets that were.
#include <algorithm>
#include <optional>

#include "pipeline/live_table.h"

namespace netwatch::pipeline {
namespace {

// Packets and looks are timed by two clocks, of which one is converted.
constexpr base::TimeNs kSlackNs = base::kNsPerMs / 10;

}  // namespace

// An owner once known stays: its socket may be gone by the next look (never downgrade), unless what
// was inferred comes to be doubted. The newest of equal quality counts, since sockets are handed
// on.
void LiveTable::set_owner(Slot& slot, std::size_t end, const model::Owner& owner) {
  model::RowOwner& row_owner = slot.row.owners[end];
  if (owner.process == nullptr && owner.holders > 1 &&
      row_owner.quality == model::Quality::kInferred) {
    forget_owner(slot, end);  // another program has it, too, and may be who uses it now
  }
  if (owner.process == nullptr || owner.quality < row_owner.quality) return;
  row_owner.quality = owner.quality;
  row_owner.via = owner.via;
  row_owner.pid = owner.process->pid;
  row_owner.name = pool_.intern(owner.process->comm);
  slot.held_only[end] = owner.held_only;
  slot.shown_round[end] = socket_round_;
  slot.judged[end] = false;
  auto& process = slot.processes[end];
  if (!process || !model::tells_more(*process, *owner.process)) process = owner.process;
}

void LiveTable::forget_owner(Slot& slot, std::size_t end) {
  slot.row.owners[end] = {};
  slot.processes[end] = nullptr;
  slot.held_only[end] = false;
}

// An inferred owner whose socket this look is the first not to show: another one may have used the
// socket after the last look that did.
void LiveTable::judge(Slot& slot, std::size_t end) {
  const model::ConnectionRow& row = slot.row;
  if (row.owners[end].quality != model::Quality::kInferred || slot.judged[end]) return;
  if (slot.shown_round[end] == socket_round_) return;
  const auto& local = end == 0 ? row.local : row.remote;
  const auto& remote = end == 0 ? row.remote : row.local;
  const model::Process& known = *slot.processes[end];
  const model::Owner now = find_owner(slot, local, remote);
  if (now.process && now.process->pid == known.pid &&
      now.process->start_ticks == known.start_ticks) {
    slot.shown_round[end] = socket_round_;
    slot.held_only[end] = now.held_only;
    return;
  }
  slot.judged[end] = true;
  if (!doubts_) return;
  const auto doubt = std::find_if(doubts_->begin(), doubts_->end(), [&](const auto& one) {
    return one.process->pid == known.pid && one.process->start_ticks == known.start_ticks;
  });
  if (doubt == doubts_->end()) {
    // Who kept to themselves has moved what moved since; what was before may be another's doing.
    if (slot.held_only[end] && !moved_since_look(slot)) {
      forget_owner(slot, end);
    } else {
      slot.held_only[end] = false;
    }
  } else {
    // Of a process that is gone nothing tells whether it handed its socket on first. It keeps what
    // moved nothing more, or moved more from look to look: who is in the middle of that hands on
    // nothing.
    const bool moved_no_more = slot.begun_seen && row.has_socket_bytes && !moved_since_look(slot);
    const bool keeps = doubt->is_gone && (slot.busy_looks > 1 || moved_no_more);
    if (slot.held_only[end] || !keeps) forget_owner(slot, end);
  }
}

bool LiveTable::moved_since_look(const Slot& slot) {
  const model::ConnectionRow& row = slot.row;
  return slot.begun_seen && row.has_socket_bytes &&
         row.up.payload_bytes + row.down.payload_bytes >
             row.kernel_up_bytes + row.kernel_down_bytes;
}

// Who only held a socket is no more than shown while the row lives; and what a flow did after the
// last look may be another's doing.
bool LiveTable::may_be_told(const Slot& slot, std::size_t end) const {
  if (slot.row.owners[end].quality != model::Quality::kInferred) return true;
  const bool awaits_look =
      !slot.judged[end] && slot.row.end != model::FlowEnd::kOpen && slot.row.last_ns > looked_ns_;
  return !slot.held_only[end] && !awaits_look;
}

// The owner by whatever socket matches, which may serve many rows. Its last user is another one's
// news: a row that has not moved since its owner was told keeps it, unless it is better known now.
void LiveTable::set_user(Slot& slot, std::size_t end, const model::Owner& owner) {
  const model::ConnectionRow& row = slot.row;
  const bool is_udp = row.proto == model::ip_proto::kUdp;
  const bool better = owner.quality > row.owners[end].quality;
  const bool moved = row.last_ns > slot.told_ns[end];
  const auto& known = slot.processes[end];
  const bool same = known && owner.process && known->pid == owner.process->pid &&
                    known->start_ticks == owner.process->start_ticks;
  if (is_udp && !better && !moved && !same) return;
  if (owner.process != nullptr) slot.told_ns[end] = row.last_ns;
  set_owner(slot, end, owner);
}

std::array<model::Owner, 2> LiveTable::owners_of(const model::Flow& flow) {
  std::array<model::Owner, 2> owners;
  const auto known = by_flow_.find(flow.id);
  if (known == by_flow_.end()) return owners;
  Slot& slot = slots_[known->second];
  find_owners(slot);
  mark_dirty(known->second);
  for (const std::size_t side : {0U, 1U}) {
    const std::size_t end = slot.row.local_is_originator ? side : 1 - side;
    if (!may_be_told(slot, end)) continue;
    const model::RowOwner& of_row = slot.row.owners[end];
    owners[side] = {.quality = of_row.quality, .via = of_row.via, .process = slot.processes[end]};
  }
  return owners;
}

std::optional<LiveTable::Ends> LiveTable::ends_of(model::FlowId flow) {
  const auto known = by_flow_.find(flow);
  if (known == by_flow_.end()) return std::nullopt;
  Slot& slot = slots_[known->second];
  const model::ConnectionRow& row = slot.row;
  const auto is_best = [&](std::size_t end) { return row.owners[end].quality >= options_.best; };
  if (!is_best(0) || !is_best(1)) {
    find_owners(slot);
    mark_dirty(known->second);
  }
  Ends out{.owners = {}, .complete = true, .first_ns = row.first_ns};
  const bool remote_is_lower = row.remote < row.local;
  for (const std::size_t end : {0U, 1U}) {
    if (may_be_told(slot, end)) {
      out.owners[remote_is_lower ? 1 - end : end] = {.quality = row.owners[end].quality,
                                                     .via = row.owners[end].via,
                                                     .process = slot.processes[end]};
    }
    const bool ours = is_local((end == 0 ? row.local : row.remote).address);
    if (ours && !is_best(end)) out.complete = false;
  }
  // What is no socket's stays so; before the first look at the interfaces nothing is ours yet.
  if (!model::ip_proto::has_ports(row.proto)) out.complete = true;
  if (local_addresses_.empty()) out.complete = false;
  return out;
}

void LiveTable::find_owners(Slot& slot) {
  model::ConnectionRow& row = slot.row;
  // Packets are of our namespace, and so are our addresses; a row of another one is a socket's.
  const bool elsewhere = row.netns != 0;
  // Forwarded, mirrored and foreign multicast traffic has no owner here, even if a program of ours
  // is bound to the same port.
  if (!elsewhere && !is_local(row.local.address)) return;
  set_user(slot, 0, find_owner(slot, row.local, row.remote));
  // One that came and went before its first packet was told of.
  if (row.proto == model::ip_proto::kTcp && row.state == model::TcpState::kNone &&
      !row.socket_gone) {
    row.socket_gone =
        closed_.find(row.netns, row.proto, row.local, row.remote, row.first_ns, row.last_ns)
            .closed != nullptr;
  }
  if (!elsewhere && !is_local(row.remote.address)) return;
  set_user(slot, 1, find_owner(slot, row.remote, row.local));
}

// The row as seen from its other end.
void LiveTable::turn(Slot& slot) {
  model::ConnectionRow& row = slot.row;
  std::swap(row.local, row.remote);
  row.local_is_originator = !row.local_is_originator;
  std::swap(row.owners[0], row.owners[1]);
  std::swap(slot.processes[0], slot.processes[1]);
  std::swap(slot.told_ns[0], slot.told_ns[1]);
  std::swap(slot.held_only[0], slot.held_only[1]);
  std::swap(slot.shown_round[0], slot.shown_round[1]);
  std::swap(slot.judged[0], slot.judged[1]);
  std::swap(slot.had_socket[0], slot.had_socket[1]);
  std::swap(row.up, row.down);
  std::swap(row.kernel_up_bytes, row.kernel_down_bytes);
  std::swap(slot.first_kernel_up_bytes, slot.first_kernel_down_bytes);
  std::swap(slot.rated_up_bytes, slot.rated_down_bytes);
  std::swap(row.up_rate, row.down_rate);
  // These are of the socket at the other end, whose own look will tell.
  row.socket = 0;
  row.state = model::TcpState::kNone;
  row.name = {};
  row.name_from = model::NameSource::kNone;
}

// Who has begun a connection that no packet was seen of: not who accepts others at its end. Where
// both ends are sockets of this host the row is the beginner's. Where nothing tells (UDP; a
// listener that was closed before it was seen) its ends have a fixed order, and it says so.
void LiveTable::find_originator(Slot& slot, const model::Socket& socket) {
  model::ConnectionRow& row = slot.row;
  const std::size_t end = socket.local == row.local ? 0 : 1;
  const bool is_new = !slot.had_socket[end];
  slot.had_socket[end] = true;
  if (!is_new || row.flow != model::kNoFlow || slot.originator_found) return;
  const bool is_tcp = row.proto == model::ip_proto::kTcp;
  const bool local_listens = is_tcp && sockets_.listens(row.netns, row.local);
  const bool both = slot.had_socket[0] && slot.had_socket[1];
  if (!both) {
    row.local_is_originator = !local_listens;
    return;
  }
  const bool remote_listens = is_tcp && sockets_.listens(row.netns, row.remote);
  slot.originator_found = local_listens != remote_listens;
  row.originator_known = slot.originator_found;
  row.local_is_originator = !local_listens || !slot.originator_found;
  const bool wrong = slot.originator_found ? local_listens : row.local < row.remote;
  if (!wrong) return;
  turn(slot);
  row.local_is_originator = true;
}

// One end of a row as a socket has it: first by a socket that is known to have been there for these
// packets and is gone, then by one of the last look. Of that one we know that it was there then,
// and not that it has ended before the row's first packet.
model::Owner LiveTable::find_owner(const Slot& slot, const model::Endpoint& local,
                                   const model::Endpoint& remote) const {
  const model::ConnectionRow& row = slot.row;
  auto gone = closed_.find(row.netns, row.proto, local, remote, row.first_ns, row.last_ns);
  const bool is_alone = gone.closed != nullptr && row.proto != model::ip_proto::kUdp;
  if (is_alone) return gone.closed->socket.owner;
  const auto live = sockets_.find(row.netns, row.proto, local, remote);
  const auto* ended = live.socket == nullptr || live.socket->cookie == 0
                          ? nullptr
                          : closed_.find(row.netns, live.socket->cookie);
  if (gone.closed != nullptr) {
    // The one that lives has shared its ends if a look has shown it before the other's end.
    const bool shared = live.socket != nullptr && (ended == nullptr || live.shared) &&
                        live.rank <= gone.rank && live.since_ns <= gone.closed->closed_ns;
    if (shared) gone.claimants.add(live.claimants);
    return gone.claimants.owner();
  }
  if (ended != nullptr && !ClosedSockets::overlaps(*ended, row.first_ns, row.last_ns)) return {};
  if (live.socket != nullptr && is_anothers(slot, *live.socket)) return {};
  return live.claimants.owner();
}

// A TCP connection whose handshake was captured after the last look at the sockets.
bool LiveTable::began_after_look(const model::Flow& flow) const {
  return flow.proto == model::ip_proto::kTcp && tables_read_ns_ != 0 &&
         flow.orig_by == model::OriginBy::kHandshake && flow.first_ns > tables_read_ns_ + kSlackNs;
}

// Whether a socket of the last look is not this connection's, though it has its ends: an earlier
// one's, which the flow began after, or a later one's, which the flow was over before.
bool LiveTable::is_anothers(const Slot& slot, const model::Socket& socket) const {
  const model::ConnectionRow& row = slot.row;
  if (row.proto != model::ip_proto::kTcp || row.flow == model::kNoFlow || row.netns != 0) {
    return false;
  }
  const bool is_earlier =
      slot.begun_seen && tables_read_ns_ != 0 && row.first_ns > tables_read_ns_ + kSlackNs;
  const bool is_over = row.end == model::FlowEnd::kClosed || row.end == model::FlowEnd::kReset;
  const bool is_later = is_over && row.last_ns + kSlackNs < looked_ns_ &&
                        socket.state == model::TcpState::kEstablished;
  return is_earlier || is_later;
}

// What a flow's packets are if nobody owns them: only what can be told without guessing.
model::UnownedTraffic::Kind LiveTable::kind_if_unowned(const model::Flow& flow) const {
  using Kind = model::UnownedTraffic::Kind;
  const bool of_orig = is_local(flow.orig.address);
  const bool of_resp = is_local(flow.resp.address);
  const bool to_group = flow.resp.address.is_multicast() || flow.orig.address.is_multicast();
  if (!of_orig && !of_resp && !to_group) return Kind::kForwarded;
  const model::DirectionCounters& ours = flow.counters(model::Side::kResponder);
  const bool answered = of_resp && !of_orig && ours.packets > 0;
  if (flow.proto == model::ip_proto::kTcp && answered &&
      flow.quality[model::index(model::Side::kResponder)].resets == ours.packets) {
    return Kind::kKernel;
  }
  if (model::ip_proto::has_ports(flow.proto)) return Kind::kUnknown;
  const bool icmp = flow.proto == model::ip_proto::kIcmp || flow.proto == model::ip_proto::kIcmp6;
  return icmp && answered ? Kind::kKernel : Kind::kNoPort;
}

void LiveTable::add_if_unowned(const Slot& slot, model::UnownedTraffic& all) {
  const model::ConnectionRow& row = slot.row;
  if (row.flow == model::kNoFlow) return;
  if (row.owners[0].quality != model::Quality::kUnknown) return;
  if (row.owners[1].quality != model::Quality::kUnknown) return;
  all[slot.unowned].add({.packets = row.up.packets + row.down.packets,
                         .ip_bytes = row.up.ip_bytes + row.down.ip_bytes,
                         .payload_bytes = row.up.payload_bytes + row.down.payload_bytes});
}

model::OwnerTotals LiveTable::owner_totals() const {
  model::UnownedTraffic unowned = unowned_ended_;
  for (const Slot& slot : slots_) {
    if (!slot.row.vacant) add_if_unowned(slot, unowned);
  }
  return totals_with(unowned);
}

model::OwnerTotals LiveTable::totals_with(model::UnownedTraffic unowned) const {
  model::OwnerTotals all = processes_.totals();
  if (!captured_) return all;
  unowned.non_ip_packets = non_ip_packets_;
  all.unowned = unowned;
  return all;
}

void LiveTable::take_ends(const std::vector<model::ProcessEnd>& ends) {
  for (const model::ProcessEnd& end : ends) processes_.take_end(end);
}

void LiveTable::take_closed(const std::vector<model::ClosedSocket>& sockets) {
  processes_.take_closed(sockets);
  for (const model::ClosedSocket& closed : sockets) {
    model::ClosedSocket with_seen = closed;
    sockets_.add_what_was_seen(with_seen.socket);
    closed_.add(scope_of(closed.socket), with_seen);
    if (closed.socket.remote.port == 0) continue;  // its rows find it when their flows move
    const std::uint32_t number = slot_of_closed(closed);
    if (number == model::kNoRow) continue;
    fill_from_closed(slots_[number], closed);
    mark_dirty(number);
  }
}

// The row of a socket that is gone. Without capture its own row is all that will tell of it; with
// capture its flow will come, if packets of it are seen at all; those of other namespaces are not.
std::uint32_t LiveTable::slot_of_closed(const model::ClosedSocket& closed) {
  const model::Socket& socket = closed.socket;
  const std::uint32_t netns = scope_of(socket);
  const auto key = key_of(netns, socket.proto, socket.local, socket.remote);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    const model::ConnectionRow& row = slots_[found->second].row;
    if (ClosedSockets::overlaps(closed, row.first_ns, row.last_ns)) return found->second;
    if (row.first_ns > closed.closed_ns) return model::kNoRow;  // it belongs to a newer connection
  }
  const bool moved = socket.bytes_sent > 0 || socket.bytes_received > 0;
  if ((options_.capturing && netns == 0) || !moved) return model::kNoRow;
  const std::uint32_t number = new_slot(key);
  if (number == model::kNoRow) {
    ++refused_closed_;
    return number;
  }
  model::ConnectionRow& row = slots_[number].row;
  row.netns = netns;
  row.proto = socket.proto;
  row.local = socket.local;
  row.remote = socket.remote;
  row.first_ns = closed.opened_ns != 0 ? closed.opened_ns : closed.closed_ns;
  row.last_ns = closed.closed_ns;
  return number;
}

void LiveTable::fill_from_closed(Slot& slot, const model::ClosedSocket& closed) {
  const model::Socket& socket = closed.socket;
  model::ConnectionRow& row = slot.row;
  find_originator(slot, socket);
  const bool from_local = socket.local == row.local;
  const bool may_share = socket.proto == model::ip_proto::kUdp;
  set_owner(slot, from_local ? 0 : 1,
            may_share ? find_owner(slot, socket.local, socket.remote) : socket.owner);
  if (row.flow == model::kNoFlow && !slot.gone) {
    row.end = model::FlowEnd::kClosed;
    row.last_ns = std::max(row.last_ns, closed.closed_ns);
    mark_gone(slot);
  }
  if (!from_local) return;
  row.state = model::TcpState::kNone;
  row.socket = 0;
  row.socket_gone = true;
  // Bytes of before this session count as seen, where there was no look to tell how many they were.
  const bool is_older = closed.opened_ns < started_ns_;
  take_kernel_bytes(slot, socket, is_older);
}

// Payload by the kernel's count; `seen`: what there is at the first look is not of this session.
void LiveTable::take_kernel_bytes(Slot& slot, const model::Socket& socket, bool seen) {
  if (socket.bytes_sent < 0 || socket.bytes_received < 0) return;
  model::ConnectionRow& row = slot.row;
  const auto sent = static_cast<std::uint64_t>(socket.bytes_sent);
  const auto received = static_cast<std::uint64_t>(socket.bytes_received);
  if (!row.has_socket_bytes && seen) {
    slot.first_kernel_up_bytes = sent;
    slot.first_kernel_down_bytes = received;
  }
  row.has_socket_bytes = true;
  // Retransmissions are subtracted, so the figure may briefly fall: it must not count backwards.
  row.kernel_up_bytes = std::max(row.kernel_up_bytes, sent);
  row.kernel_down_bytes = std::max(row.kernel_down_bytes, received);
  row.socket_moved = row.kernel_up_bytes > slot.first_kernel_up_bytes ||
                     row.kernel_down_bytes > slot.first_kernel_down_bytes;
}

}  // namespace netwatch::pipeline
