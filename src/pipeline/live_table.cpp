#include "pipeline/live_table.h"

#include <algorithm>
#include <utility>

namespace netwatch::pipeline {
namespace {

// A rate that no look has told anew for so long is none: looks are at most 30 s apart.
constexpr double kLongestSilenceS = 35;

}  // namespace

model::FlowKey LiveTable::key_of(std::uint32_t netns, std::uint8_t proto,
                                 const model::Endpoint& one, const model::Endpoint& two) {
  return {.a = std::min(one, two), .b = std::max(one, two), .proto = proto, .scope = netns};
}

LiveTable::LiveTable(LiveTableOptions options)
    : options_(std::move(options)),
      throughput_(options_.interface),
      captured_(options_.capturing),
      owners_(std::make_shared<model::OwnerTotals>()) {}

void LiveTable::on_flow(const model::Flow& flow) {
  const std::uint32_t number = slot_of_flow(flow);
  if (number == model::kNoRow) {
    if (flow.end != model::FlowEnd::kOpen) ++refused_flows_;
    return;
  }
  Slot& slot = slots_[number];
  fill_from_flow(slot, flow);
  find_owners(slot);
  mark_dirty(number);
}

void LiveTable::take_sockets(const model::SocketTable& table) {
  ++socket_round_;
  looked_ns_ = table.taken_ns;
  tables_read_ns_ = table.read_ns;
  doubts_ = table.watches_holders ? std::optional(table.doubts) : std::nullopt;
  refused_sockets_ = 0;
  unreadable_processes_ = table.unreadable_processes;
  holdings_not_kept_ = table.holdings_not_kept;
  torn_tables_ = table.torn_tables;
  namespaces_unread_ = table.namespaces_unread;
  if (table.own_netns != 0) options_.netns = table.own_netns;
  if (!table.namespaces.empty()) {
    namespaces_ = std::make_shared<const std::vector<model::NetworkNamespace>>(table.namespaces);
  }
  processes_.take_sockets(table);
  sockets_.rebuild(table);
  for (const model::Socket& socket : sockets_.sockets()) {
    const bool connected = socket.remote.port != 0 && socket.state != model::TcpState::kListen;
    if (!connected) continue;
    const std::uint32_t number = slot_of_socket(socket, table.taken_ns);
    if (number == model::kNoRow) continue;
    fill_from_socket(slots_[number], socket);
    mark_dirty(number);
  }
  look_at_the_rest();
}

// What the sockets say of rows that have none now.
void LiveTable::look_at_the_rest() {
  for (std::uint32_t number = 0; number < slots_.size(); ++number) {
    Slot& slot = slots_[number];
    if (slot.row.vacant) continue;
    for (const std::size_t end : {0U, 1U}) {
      const model::Quality before = slot.row.owners[end].quality;
      judge(slot, end);
      if (slot.row.owners[end].quality != before) mark_dirty(number);
    }
    if (slot.gone) continue;
    const std::uint64_t bytes = slot.row.kernel_up_bytes + slot.row.kernel_down_bytes;
    if (slot.socket_round == socket_round_) {
      const bool is_busy = bytes > std::exchange(slot.looked_bytes, bytes);
      slot.busy_looks = is_busy ? slot.busy_looks + 1 : 0;
    }
    if (slot.socket_round != socket_round_) {
      if (slot.row.flow == model::kNoFlow) {
        slot.row.end = model::FlowEnd::kClosed;
        mark_gone(slot);
        mark_dirty(number);
      } else if (slot.row.state != model::TcpState::kNone) {
        // The kernel knows of no connection any more, whatever packets may still come.
        slot.row.state = model::TcpState::kNone;
        slot.row.socket = 0;
        slot.row.socket_gone = true;
        mark_dirty(number);
      }
    }
    if (slot.row.owners[0].quality == model::Quality::kUnknown) {
      find_owners(slot);
      if (slot.row.owners[0].quality != model::Quality::kUnknown) mark_dirty(number);
    }
  }
}

void LiveTable::set_capturing(bool capturing) {
  if (options_.capturing == capturing) return;
  options_.capturing = capturing;
  captured_ = captured_ || capturing;
  for (Slot& slot : slots_) set_rated(slot);
}

void LiveTable::set_interface(std::string source, std::string interface) {
  options_.source = std::move(source);
  options_.interface = interface;
  throughput_.follow(std::move(interface));
}

void LiveTable::set_notice(std::string notice, base::TimeNs pace_ns) {
  constexpr base::TimeNs kShownNs = 15 * base::kNsPerSecond;
  notice_ = std::move(notice);
  notice_until_ns_ = pace_ns + kShownNs;
}

void LiveTable::take_interfaces(const model::InterfaceTable& table) {
  local_addresses_.clear();
  for (const model::Interface& interface : table.interfaces) {
    local_addresses_.insert(interface.addresses.begin(), interface.addresses.end());
  }
  throughput_.take(table);
}

model::SnapshotPtr LiveTable::publish(base::TimeNs now_ns, base::TimeNs pace_ns,
                                      const Totals& totals) {
  if (started_ns_ == 0) {
    started_ns_ = now_ns;
    rated_pace_ns_ = pace_ns;
  }
  pace_ns_ = pace_ns;
  non_ip_packets_ = totals.non_ip;
  if (pace_ns - rated_pace_ns_ >= base::kNsPerSecond) {
    const double seconds =
        static_cast<double>(pace_ns - rated_pace_ns_) / static_cast<double>(base::kNsPerSecond);
    rated_pace_ns_ = pace_ns;
    every_second(seconds);
  }
  chunks_.resize(dirty_.size());
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    if (!dirty_[i] && chunks_[i] != nullptr) continue;
    auto chunk = std::make_shared<model::RowChunk>();
    const std::size_t first = i * model::kRowsPerChunk;
    const std::size_t last = std::min(first + model::kRowsPerChunk, slots_.size());
    chunk->rows.reserve(last - first);
    for (std::size_t n = first; n < last; ++n) chunk->rows.push_back(slots_[n].row);
    chunks_[i] = std::move(chunk);
    dirty_[i] = false;
  }
  auto snapshot = std::make_shared<model::Snapshot>();
  snapshot->sequence = ++sequence_;
  snapshot->time_ns = now_ns;
  snapshot->started_ns = started_ns_;
  snapshot->source = options_.source;
  snapshot->capturing = options_.capturing;
  if (pace_ns < notice_until_ns_) snapshot->notice = notice_;
  snapshot->chunks = chunks_;
  snapshot->talkers = talkers_.list();
  snapshot->interfaces = throughput_.interfaces();
  snapshot->throughput = throughput_.points();
  snapshot->throughput_of = throughput_.of();
  snapshot->attribution = attribution();
  snapshot->owners = owners_;
  snapshot->drops = totals.drops;
  snapshot->drops[model::Drop::kRowRefused] += refused_flows_ + refused_sockets_ + refused_closed_ +
                                               talkers_.refused() + processes_.refused();
  snapshot->drops[model::Drop::kSocketEvents] += lost_socket_events_;
  snapshot->packets = totals.packets;
  snapshot->wire_bytes = totals.wire_bytes;
  snapshot->flows = totals.flows;
  snapshot->records = totals.records;
  snapshot->unreadable_processes = unreadable_processes_;
  snapshot->holdings_not_kept = holdings_not_kept_;
  snapshot->torn_tables = torn_tables_;
  snapshot->namespaces_unread = namespaces_unread_;
  snapshot->namespaces = namespaces_;
  snapshot->abilities = abilities_;
  snapshot->samples = samples_;
  snapshot->health = health_;
  snapshot->pool = pool_.storage();
  return snapshot;
}

// A flow keeps its row by its id. A new one joins the row of its socket, if there is one that no
// other flow has; a socket that is gone counts if it was there when the flow began.
std::uint32_t LiveTable::slot_of_flow(const model::Flow& flow) {
  if (const auto known = by_flow_.find(flow.id); known != by_flow_.end()) return known->second;
  const auto key = key_of(0, flow.proto, flow.orig, flow.resp);
  std::uint32_t number = model::kNoRow;
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    const Slot& slot = slots_[found->second];
    if (slot.row.flow == model::kNoFlow && !began_after_look(flow) &&
        (!slot.gone || flow.first_ns <= slot.row.last_ns)) {
      number = found->second;
    }
  }
  if (number == model::kNoRow) number = new_slot(key);
  if (number != model::kNoRow) by_flow_[flow.id] = number;
  return number;
}

std::uint32_t LiveTable::slot_of_socket(const model::Socket& socket, base::TimeNs taken_ns) {
  const auto key = key_of(scope_of(socket), socket.proto, socket.local, socket.remote);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    Slot& slot = slots_[found->second];
    if (!slot.gone) {
      slot.row.last_ns = std::max(slot.row.last_ns, slot.row.flow == model::kNoFlow ? taken_ns : 0);
      return found->second;
    }
  }
  // A socket in TIME-WAIT is no connection any more: it only keeps a row that is there. So does one
  // that this look did not see itself.
  if (socket.state == model::TcpState::kTimeWait || socket.kept) return model::kNoRow;
  const std::uint32_t number = new_slot(key);
  if (number == model::kNoRow) {
    ++refused_sockets_;
    return number;
  }
  Slot& slot = slots_[number];
  slot.row.netns = scope_of(socket);
  slot.row.proto = socket.proto;
  slot.row.local = socket.local;
  slot.row.remote = socket.remote;
  slot.row.first_ns = slot.row.last_ns = taken_ns;
  return number;
}

std::uint32_t LiveTable::new_slot(const model::FlowKey& key) {
  std::uint32_t number = 0;
  if (!vacant_.empty()) {
    number = vacant_.back();
    vacant_.pop_back();
  } else if (slots_.size() < options_.max_rows) {
    number = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    return model::kNoRow;
  }
  slots_[number].row.vacant = false;
  by_key_[key] = number;
  return number;
}

void LiveTable::remove(std::uint32_t number) {
  Slot& slot = slots_[number];
  const model::ConnectionRow& row = slot.row;
  const auto quality = static_cast<std::size_t>(row.owners[0].quality);
  ended_.rows[quality] += 1;
  ended_.bytes[quality] += row.up.wire_bytes + row.down.wire_bytes;
  ended_payload_[quality] += payload_of(slot);
  add_if_unowned(slot, unowned_ended_);
  const auto key = key_of(row.netns, row.proto, row.local, row.remote);
  if (const auto found = by_key_.find(key); found != by_key_.end() && found->second == number) {
    by_key_.erase(found);
  }
  by_flow_.erase(row.flow);
  slot = Slot{};
  vacant_.push_back(number);
  mark_dirty(number);
}

void LiveTable::mark_gone(Slot& slot) const {
  slot.gone = true;
  slot.gone_pace_ns = pace_ns_;
}

// What rates are taken from: frames of a flow while packets are captured, else payload by the
// kernel's count, of which what there was before we began to look is left out.
std::uint64_t LiveTable::up_bytes(const Slot& slot) const {
  const bool payload = slot.row.rates_in(options_.capturing) != model::Measure::kWire;
  return payload ? slot.row.kernel_up_bytes - slot.first_kernel_up_bytes : slot.row.up.wire_bytes;
}
std::uint64_t LiveTable::down_bytes(const Slot& slot) const {
  const bool payload = slot.row.rates_in(options_.capturing) != model::Measure::kWire;
  return payload ? slot.row.kernel_down_bytes - slot.first_kernel_down_bytes
                 : slot.row.down.wire_bytes;
}
std::uint64_t LiveTable::payload_of(const Slot& slot) {
  return slot.row.kernel_up_bytes - slot.first_kernel_up_bytes + slot.row.kernel_down_bytes -
         slot.first_kernel_down_bytes;
}

// From here on rates start anew.
void LiveTable::set_rated(Slot& slot) const {
  slot.rated_up_bytes = up_bytes(slot);
  slot.rated_down_bytes = down_bytes(slot);
  slot.rated_in = slot.row.rates_in(options_.capturing);
}

void LiveTable::mark_dirty(std::uint32_t number) {
  const std::size_t chunk = number / model::kRowsPerChunk;
  if (dirty_.size() <= chunk) dirty_.resize(chunk + 1);
  dirty_[chunk] = true;
}

void LiveTable::fill_from_flow(Slot& slot, const model::Flow& flow) {
  model::ConnectionRow& row = slot.row;
  const bool orig_local = is_local(flow.orig.address);
  const bool from_orig = orig_local || !is_local(flow.resp.address);
  const model::Side local = from_orig ? model::Side::kOriginator : model::Side::kResponder;
  const model::Side remote = model::other(local);
  // A row made from a socket may look at a loopback connection from its other end.
  if (row.local != flow.endpoint(local)) {
    turn(slot);
  }
  if (row.flow == model::kNoFlow && options_.capturing) {
    slot.rated_up_bytes = slot.rated_down_bytes = 0;  // all of its frames are new
    slot.rated_in = model::Measure::kWire;
  }
  row.flow = flow.id;
  row.proto = flow.proto;
  row.local_is_originator = from_orig;
  row.originator_known = true;
  row.local = flow.endpoint(local);
  row.remote = flow.endpoint(remote);
  row.end = flow.end;
  slot.begun_seen = flow.orig_by == model::OriginBy::kHandshake;
  row.first_ns = flow.first_ns;
  row.last_ns = flow.last_ns;
  moved_[0] -= static_cast<std::int64_t>(row.up.wire_bytes);
  moved_[1] -= static_cast<std::int64_t>(row.down.wire_bytes);
  row.up = flow.counters(local);
  row.down = flow.counters(remote);
  moved_[0] += static_cast<std::int64_t>(row.up.wire_bytes);
  moved_[1] += static_cast<std::int64_t>(row.down.wire_bytes);
  slot.unowned = kind_if_unowned(flow);
  if (flow.handshake_rtt_us >= 0 && row.rtt_us < 0) {
    row.rtt_us =
        static_cast<std::int32_t>(std::min<std::int64_t>(flow.handshake_rtt_us, INT32_MAX));
  }
  row.apps = flow.apps;
  // A flow's name is its responder's.
  if (row.local_is_originator && flow.name_from != model::NameSource::kNone) {
    row.name = pool_.intern(flow.name);
    row.name_from = flow.name_from;
  } else {
    name_remote(row);
  }
  slot.gone = false;
  if (flow.end != model::FlowEnd::kOpen) mark_gone(slot);
}

void LiveTable::fill_from_socket(Slot& slot, const model::Socket& socket) {
  model::ConnectionRow& row = slot.row;
  find_originator(slot, socket);
  const bool from_local = socket.local == row.local;
  slot.socket_round = socket_round_;
  slot.told = slot.told || !socket.kept;
  const std::size_t end = from_local ? 0 : 1;
  const bool may_share = socket.proto == model::ip_proto::kUdp;
  set_owner(
      slot, end,
      may_share
          ? sockets_.find(row.netns, socket.proto, socket.local, socket.remote).claimants.owner()
          : socket.owner);
  // A connection that TCP still ends, long after its program has let go.
  if (const auto* closed = socket.inode != 0 ? nullptr : closed_.find(row.netns, socket.cookie)) {
    set_owner(slot, end, closed->socket.owner);
  }
  if (!from_local) return;
  row.socket = socket.inode;
  row.state = socket.state;
  row.socket_gone = false;
  if (socket.rtt_us >= 0) {
    row.rtt_us = static_cast<std::int32_t>(std::min<std::int64_t>(socket.rtt_us, INT32_MAX));
  }
  take_kernel_bytes(slot, socket, true);
  if (row.name_from == model::NameSource::kNone) name_remote(row);
}

void LiveTable::name_remote(model::ConnectionRow& row) {
  if (names_ == nullptr) return;
  // Only what is the same host everywhere: a private address may be another one there.
  const base::IpAddress& address = row.remote.address;
  const bool is_elsewhere =
      address.is_private() || address.is_loopback() || address.is_link_local();
  if (row.netns != 0 && is_elsewhere) return;
  const auto learned = names_->find(address);
  if (learned.name.empty()) return;
  row.name = pool_.intern(learned.name);
  row.name_from = learned.source;
}

void LiveTable::every_second(double seconds) {
  if (pool_.used_bytes() > options_.pool_bytes) renew_pool();
  throughput_.advance();
  for (std::uint32_t number = 0; number < slots_.size(); ++number) {
    const Slot& slot = slots_[number];
    if (slot.row.vacant) continue;
    if (slot.gone && pace_ns_ - slot.gone_pace_ns > options_.keep_ended_ns) {
      remove(number);
    } else {
      rate(number, seconds);
    }
  }
  talkers_.start(options_.capturing);
  model::UnownedTraffic unowned = unowned_ended_;
  for (std::uint32_t number = 0; number < slots_.size(); ++number) {
    const Slot& slot = slots_[number];
    if (slot.row.vacant) continue;
    talkers_.add(slot.row, number, pool_);
    add_if_unowned(slot, unowned);
  }
  talkers_.finish();
  processes_.every_second(seconds);
  owners_ = std::make_shared<const model::OwnerTotals>(totals_with(unowned));
}

void LiveTable::rate(std::uint32_t number, double seconds) {
  Slot& slot = slots_[number];
  model::ConnectionRow& row = slot.row;
  const auto per_second = [&seconds](std::uint64_t now, std::uint64_t before) {
    return now < before ? 0.0F : static_cast<float>(static_cast<double>(now - before) / seconds);
  };
  const bool counted_anew = slot.rated_in != model::Measure::kUnknown &&
                            slot.rated_in != row.rates_in(options_.capturing);
  if (counted_anew) set_rated(slot);
  // Other namespaces are looked at less often than once a second: until the next look a rate stays,
  // and then it is of all the time between.
  const bool waits = row.rates_in(options_.capturing) == model::Measure::kPayload && !slot.gone &&
                     !row.socket_gone && !slot.told && !counted_anew &&
                     slot.silent_s < kLongestSilenceS;
  if (waits) {
    slot.silent_s += seconds;
    return;
  }
  seconds += std::exchange(slot.silent_s, 0.0);
  slot.told = false;
  const float up = per_second(up_bytes(slot), slot.rated_up_bytes);
  const float down = per_second(down_bytes(slot), slot.rated_down_bytes);
  set_rated(slot);
  if (up == row.up_rate && down == row.down_rate) return;
  row.up_rate = up;
  row.down_rate = down;
  mark_dirty(number);
}

// Forgets text that no row uses any more. Old snapshots keep the old pool alive.
void LiveTable::renew_pool() {
  TextPool fresh;
  for (std::uint32_t number = 0; number < slots_.size(); ++number) {
    model::ConnectionRow& row = slots_[number].row;
    if (row.vacant) continue;
    row.name = fresh.intern(row.name);
    for (model::RowOwner& owner : row.owners) owner.name = fresh.intern(owner.name);
    mark_dirty(number);
  }
  pool_ = std::move(fresh);
}

bool LiveTable::is_local(const base::IpAddress& address) const {
  return address.is_loopback() || local_addresses_.contains(address);
}

model::Attribution LiveTable::attribution() const {
  // While packets are captured the shares are of what was on the wire; else of payload.
  model::Attribution all = ended_;
  if (!options_.capturing) all.bytes = ended_payload_;
  for (const Slot& slot : slots_) {
    if (slot.row.vacant) continue;
    const auto quality = static_cast<std::size_t>(slot.row.owners[0].quality);
    all.bytes[quality] +=
        options_.capturing ? slot.row.up.wire_bytes + slot.row.down.wire_bytes : payload_of(slot);
    all.rows[quality] += 1;
  }
  return all;
}

}  // namespace netwatch::pipeline
