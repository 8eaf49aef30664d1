// Sockets, one after the other: what each has moved since it was looked at last, and whose that is.
// The tables of processes and containers are in process_totals_rows.cpp.
#include "pipeline/process_totals.h"

#include <algorithm>
#include <utility>

namespace netwatch::pipeline {
namespace {

constexpr std::uint64_t kInode = std::uint64_t{1} << 63;
// A socket that is missing in so many looks has ended, though nobody said so.
constexpr std::uint64_t kMissedLooks = 2;

std::uint64_t known_or_zero(std::int64_t value) {
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

bool is_listener(const model::Socket& socket) { return socket.state == model::TcpState::kListen; }

}  // namespace

ProcessTotals::ProcessTotals(Limits limits) : limits_(limits), rows_(2), groups_(2) {
  rows_[kUnknown].kind = model::ProcessRow::Kind::kUnknown;
  rows_[kEarlier].kind = model::ProcessRow::Kind::kEarlier;
  rows_[kEarlier].processes = 0;
}

std::size_t ProcessTotals::KeyHash::operator()(const Key& key) const {
  const std::uint64_t h = (key.cookie ^ (key.netns << 32)) * 0x9E3779B97F4A7C15ULL;
  return h ^ (h >> 31);
}

std::size_t ProcessTotals::KeyHash::operator()(const ProcessKey& key) const {
  const std::uint64_t h =
      (key.start_ticks ^ (std::uint64_t{key.pid} << 40)) * 0x9E3779B97F4A7C15ULL;
  return h ^ (h >> 31);
}

// /proc/net tells no cookie: an inode, which may come again, is all there is.
ProcessTotals::Key ProcessTotals::key_of(const model::Socket& socket) {
  return {.cookie = socket.cookie != 0 ? socket.cookie : socket.inode | kInode,
          .netns = socket.netns};
}

void ProcessTotals::take_sockets(const model::SocketTable& table) {
  ++round_;
  ++clock_;
  refused_ = 0;
  seen_ = 0;
  all_namespaces_ = !table.namespaces.empty();
  unread_.clear();
  for (const model::NetworkNamespace& netns : table.namespaces) {
    if (netns.unread) unread_.insert(netns.inode);
  }
  for (const model::Socket& socket : table.sockets) take_socket(socket);
  if (table.usage) take_usage(*table.usage);
  if (table.torn_tables > 0) return;  // sockets may be missing
  age();
  if (!all_namespaces_) {
    read_before_.insert(kOwnAlone);
    return;
  }
  for (const model::NetworkNamespace& netns : table.namespaces) {
    if (!netns.unread) read_before_.insert(netns.inode);
  }
  std::erase_if(read_before_, [&](std::uint64_t netns) {
    return std::none_of(table.namespaces.begin(), table.namespaces.end(),
                        [&](const auto& one) { return one.inode == netns; });
  });
}

// What is there at the first look at a namespace may have been there before this session.
bool ProcessTotals::may_be_older(const model::Socket& socket) const {
  return !socket.followed && !read_before_.contains(all_namespaces_ ? socket.netns : kOwnAlone);
}

void ProcessTotals::take_socket(const model::Socket& socket) {
  if (socket.subflow_of != 0) return;  // counted as the socket that it is a part of
  const Key key = key_of(socket);
  const auto found = sockets_.find(key);
  const State now = socket.inode != 0 ? State::kOpen : State::kLetGo;
  if (found != sockets_.end()) {
    Known& known = found->second;
    if (known.state == State::kEnded) return;  // the look is older, or TCP is still ending
    if (socket.kept && known.state == State::kVanished) return;
    if (std::exchange(known.round, round_) != round_) ++seen_;
    if (socket.kept) return;
    set_state(known, now);
    settle(known, socket);
    return;
  }
  // Nobody's any more, and counts nothing; or its end may have been forgotten already.
  if (socket.state == model::TcpState::kTimeWait || socket.kept) return;
  if (open_ >= limits_.sockets) {
    ++refused_;
    return;
  }
  Known& known = sockets_[key];
  known.round = round_;
  ++seen_;
  begin(known, socket, !may_be_older(socket));
  set_state(known, now);
  settle(known, socket);
}

void ProcessTotals::take_closed(const std::vector<model::ClosedSocket>& sockets) {
  ++clock_;
  for (const model::ClosedSocket& closed : sockets) take_end(closed.socket);
}

void ProcessTotals::take_end(const model::Socket& socket) {
  const Key key = key_of(socket);
  const auto [entry, added] = sockets_.try_emplace(key);
  Known& known = entry->second;
  if (!added && known.state == State::kEnded) return;
  // One that is older than the session and that no look has seen has moved we know not what.
  if (added) begin(known, socket, socket.followed);
  settle(known, socket);
  const bool remembered = known.state == State::kVanished;
  set_state(known, State::kEnded);
  if (socket.cookie == 0) {
    sockets_.erase(entry);  // an inode comes again
  } else if (!remembered) {
    remember(key);
  }
}

// Those that no look has shown for some time: their end was not told.
void ProcessTotals::age() {
  if (seen_ == open_) return;  // each of them at this look
  std::vector<Key> vanished;
  for (auto& [key, known] : sockets_) {
    if (known.state != State::kOpen && known.state != State::kLetGo) continue;
    if (round_ - known.round < kMissedLooks || unread_.contains(key.netns)) continue;
    set_state(known, State::kVanished);
    vanished.push_back(key);
  }
  for (const Key& key : vanished) remember(key);
}

// Until somebody owns it, a socket is of the processes that we do not know.
void ProcessTotals::begin(Known& known, const model::Socket& socket, bool all_counts) {
  known.all_counts = all_counts;
  known.counted = is_listener(socket);  // it has no payload
  known.state = State::kOpen;
  ++open_;
  count(kUnknown, {.open_sockets = 1, .uncounted_sockets = known.counted ? 0 : 1});
}

void ProcessTotals::settle(Known& known, const model::Socket& socket) {
  if (!known.connected && model::is_connected(socket)) {
    known.connected = true;
    count(place_of(known), {.connections = 1});
  }
  settle_owner(known, socket.owner);
  settle_bytes(known, socket);
}

void ProcessTotals::settle_owner(Known& known, const model::Owner& owner) {
  // Who only holds a socket need not be who moved its bytes.
  if (owner.process == nullptr || owner.held_only || owner.quality < known.quality) return;
  const bool as_before =
      owner.quality == known.quality && rows_[place_of(known)].process == owner.process;
  if (as_before) return;
  const Place now = row_of(owner);  // others may have to make room for it
  const Place before = place_of(known);
  const bool better = owner.quality > known.quality;
  if (better) take_back(before, known.quality, known.movable);
  if (now != before) {
    const int open = known.state == State::kOpen ? 1 : 0;
    const int connected = known.connected ? 1 : 0;
    const int uncounted = known.counted ? 0 : 1;
    count(before, {.open_sockets = -open,
                   .connections = better ? -connected : 0,
                   .uncounted_sockets = -uncounted});
    count(now, {.open_sockets = open, .connections = connected, .uncounted_sockets = uncounted});
    known.row = now;
    known.generation = rows_[now].generation;
  }
  if (better) give(now, owner.quality, known.movable);
  // Handed on: what it moved before is the other's.
  const bool handed_on = now != before && !better;
  if (handed_on || owner.quality == model::Quality::kExact) known.movable = {};
  known.quality = owner.quality;
}

void ProcessTotals::settle_bytes(Known& known, const model::Socket& socket) {
  const bool whole = socket.bytes_sent >= 0 && socket.bytes_received >= 0;
  const bool since_start = !whole && socket.seen_sent >= 0 && socket.seen_received >= 0;
  if (!whole && !since_start) return;
  const Bytes now{.sent = known_or_zero(whole ? socket.bytes_sent : socket.seen_sent),
                  .received = known_or_zero(whole ? socket.bytes_received : socket.seen_received)};
  const Place place = place_of(known);
  if (!known.counted) {
    known.counted = true;
    if (!known.all_counts && !since_start) known.seen = now;
    count(place, {.uncounted_sockets = -1});
  }
  // Retransmissions are subtracted, so the figure may briefly fall: it must not count backwards.
  const Bytes more{.sent = now.sent - std::min(now.sent, known.seen.sent),
                   .received = now.received - std::min(now.received, known.seen.received)};
  if (more == Bytes{}) return;
  known.seen.sent += more.sent;
  known.seen.received += more.received;
  give(place, known.quality, more);
  if (known.quality == model::Quality::kExact) return;
  known.movable.sent += more.sent;
  known.movable.received += more.received;
}

void ProcessTotals::set_state(Known& known, State state) {
  const auto lives = [](State one) { return one == State::kOpen || one == State::kLetGo; };
  if (lives(known.state) && !lives(state)) --open_;
  if (!lives(known.state) && lives(state)) ++open_;
  const bool was_open = known.state == State::kOpen;
  const bool is_open = state == State::kOpen;
  known.state = state;
  if (was_open == is_open) return;
  count(place_of(known), {.open_sockets = is_open ? 1 : -1});
}

// A look may be older than the word of an end, and a socket may be missing in a look.
void ProcessTotals::remember(const Key& key) {
  ended_.push_back(key);
  if (ended_.size() <= limits_.ended) return;
  const auto oldest = sockets_.find(ended_.front());
  if (oldest != sockets_.end() &&
      (oldest->second.state == State::kVanished || oldest->second.state == State::kEnded)) {
    sockets_.erase(oldest);
  }
  ended_.pop_front();
}

}  // namespace netwatch::pipeline
