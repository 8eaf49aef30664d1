#include "ebpf/peer_book.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace netwatch::ebpf {
namespace {

// Programs write on all processors while we read.
template <typename Value>
Value load(const Value& value) {
  return __atomic_load_n(&value, __ATOMIC_ACQUIRE);
}

// A half is written into until the next turn() and emptied at the one after that.
constexpr std::uint64_t kTurnsInTable = 3;
// A socket that lives is asked for at each look.
constexpr std::uint64_t kTurnsUnasked = 100;

auto key_of(std::uint64_t cookie, const model::Endpoint& peer) { return std::tuple(cookie, peer); }

void add(model::PeerPayload& sum, const model::PeerPayload& more) {
  sum.sent += more.sent;
  sum.received += more.received;
}

}  // namespace

void PeerBook::read(const PeerHalf& half, Entries& out) {
  const std::size_t used = std::min<std::size_t>(load(half.used), NETWATCH_PEER_SLOTS);
  out.reserve(out.size() + used);
  for (std::size_t i = 0; i < used; ++i) {
    const std::size_t number = load(half.order[i]);
    if (number == 0 || number > NETWATCH_PEER_SLOTS) continue;
    const PeerSlot& slot = half.slots[number - 1];
    if (load(slot.state) != kPeerSlotUsed) continue;
    Entry& entry = out.emplace_back();
    entry.cookie = slot.cookie;
    entry.payload.peer.address =
        base::IpAddress::v6(reinterpret_cast<const std::uint8_t*>(&slot.address));
    entry.payload.peer.port = static_cast<std::uint16_t>(slot.port);
    entry.payload.sent = load(slot.sent);
    entry.payload.received = load(slot.received);
  }
}

void PeerBook::sort(Entries& entries) {
  const auto key = [](const Entry& one) { return key_of(one.cookie, one.payload.peer); };
  std::sort(entries.begin(), entries.end(),
            [&](const Entry& a, const Entry& b) { return key(a) < key(b); });
  std::size_t last = 0;
  for (std::size_t i = 1; i < entries.size(); ++i) {
    if (key(entries[last]) == key(entries[i])) {
      add(entries[last].payload, entries[i].payload);
    } else {
      entries[++last] = entries[i];
    }
  }
  if (!entries.empty()) entries.resize(last + 1);
}

PeerBook::Entries PeerBook::read_both() const {
  Entries entries;
  for (const PeerHalf& half : table_->halves) read(half, entries);
  sort(entries);
  return entries;
}

void PeerBook::turn() {
  PeerHalf& idle = table_->halves[1 - (table_->turn & 1)];
  const bool was_used = load(idle.used) != 0;
  if (was_used) wait_for_programs_();
  const std::lock_guard lock(mutex_);
  ++turn_;
  if (was_used) empty_locked(idle);
  if (load(table_->halves[table_->turn & 1].used) != 0) {
    __atomic_store_n(&table_->turn, table_->turn + 1, __ATOMIC_RELEASE);
  }
  fresh_ = read_both();
  for (const Entry& entry : fresh_) {
    if (!ended_.contains(entry.cookie)) sockets_[entry.cookie].moved = true;
  }
  std::erase_if(ended_, [this](const auto& one) { return turn_ - one.second > kTurnsInTable; });
  if (kept_ > capacity_) make_room_locked();
}

void PeerBook::empty_locked(PeerHalf& half) {
  Entries entries;
  read(half, entries);
  sort(entries);
  const std::size_t used = std::min<std::size_t>(half.used, NETWATCH_PEER_SLOTS);
  for (std::size_t i = 0; i < used; ++i) {
    const std::size_t number = half.order[i];
    if (number != 0 && number <= NETWATCH_PEER_SLOTS) half.slots[number - 1] = {};
    half.order[i] = 0;
  }
  __atomic_store_n(&half.used, 0U, __ATOMIC_RELEASE);
  add_locked(entries);
}

void PeerBook::add_locked(const Entries& entries) {
  for (std::size_t first = 0; first < entries.size();) {
    const std::uint64_t cookie = entries[first].cookie;
    std::size_t end = first;
    while (end < entries.size() && entries[end].cookie == cookie) ++end;
    if (!ended_.contains(cookie)) {
      OfSocket& socket = sockets_[cookie];
      socket.moved = true;
      std::vector<Sum> sums;
      sums.reserve(socket.sums.size() + end - first);
      auto old = socket.sums.begin();
      for (std::size_t i = first; i < end; ++i) {
        const model::PeerPayload& more = entries[i].payload;
        while (old != socket.sums.end() && old->payload.peer < more.peer) sums.push_back(*old++);
        Sum sum{.payload = {.peer = more.peer}, .turn = turn_};
        if (old != socket.sums.end() && old->payload.peer == more.peer)
          sum.payload = old++->payload;
        add(sum.payload, more);
        sums.push_back(sum);
      }
      sums.insert(sums.end(), old, socket.sums.end());
      kept_ += sums.size() - socket.sums.size();
      socket.sums = std::move(sums);
    }
    first = end;
  }
}

// Those that moved nothing for longest, an eighth of all, and sockets that have none then: their
// end was not told.
void PeerBook::make_room_locked() {
  std::vector<std::uint64_t> turns;
  turns.reserve(kept_);
  for (const auto& [cookie, socket] : sockets_) {
    for (const Sum& sum : socket.sums) turns.push_back(sum.turn);
  }
  const std::size_t leave = std::min(turns.size(), capacity_ - capacity_ / 8);
  const std::size_t go = turns.size() - leave;
  if (go == 0) return;
  const auto newest = turns.begin() + static_cast<std::ptrdiff_t>(go) - 1;
  std::nth_element(turns.begin(), newest, turns.end());
  const std::uint64_t until = *newest;
  std::size_t left = go;
  for (auto& [cookie, socket] : sockets_) {
    const std::size_t before = socket.sums.size();
    std::erase_if(socket.sums, [&](const Sum& sum) {
      if (left == 0 || sum.turn > until) return false;
      --left;
      socket.forgotten_sent += sum.payload.sent;
      socket.forgotten_received += sum.payload.received;
      return true;
    });
    if (socket.sums.size() != before) socket.moved = true;
    kept_ -= before - socket.sums.size();
  }
  std::erase_if(sockets_, [this](const auto& one) {
    return one.second.sums.empty() && turn_ - one.second.asked > kTurnsUnasked;
  });
}

std::shared_ptr<const model::SocketPeers> PeerBook::join(const OfSocket& socket,
                                                         std::uint64_t cookie,
                                                         const Entries& entries,
                                                         const PeersNote& note) {
  auto joined = std::make_shared<model::SocketPeers>();
  joined->unknown_sent = note.unknown_sent + socket.forgotten_sent;
  joined->unknown_received = note.unknown_received + socket.forgotten_received;
  auto more =
      std::lower_bound(entries.begin(), entries.end(), cookie,
                       [](const Entry& one, std::uint64_t wanted) { return one.cookie < wanted; });
  auto old = socket.sums.begin();
  const auto has_more = [&] { return more != entries.end() && more->cookie == cookie; };
  joined->peers.reserve(socket.sums.size());
  while (old != socket.sums.end() || has_more()) {
    const bool takes_old =
        old != socket.sums.end() && (!has_more() || !(more->payload.peer < old->payload.peer));
    const bool takes_more =
        has_more() && (old == socket.sums.end() || !(old->payload.peer < more->payload.peer));
    model::PeerPayload& sum = joined->peers.emplace_back();
    sum.peer = takes_old ? old->payload.peer : more->payload.peer;
    if (takes_old) add(sum, old++->payload);
    if (takes_more) add(sum, more++->payload);
  }
  return joined;
}

std::shared_ptr<const model::SocketPeers> PeerBook::find(std::uint64_t cookie,
                                                         const PeersNote& note) {
  if (note.told == 0) return nullptr;
  const std::lock_guard lock(mutex_);
  if (ended_.contains(cookie)) return nullptr;
  OfSocket& socket = sockets_[cookie];
  socket.asked = turn_;
  const bool as_before =
      !socket.moved && socket.told &&
      socket.told->unknown_sent == note.unknown_sent + socket.forgotten_sent &&
      socket.told->unknown_received == note.unknown_received + socket.forgotten_received;
  if (!as_before) socket.told = join(socket, cookie, fresh_, note);
  socket.moved = false;
  return socket.told;
}

void PeerBook::end(std::vector<Ended>& sockets) {
  const std::lock_guard lock(mutex_);
  const Entries entries = read_both();
  for (Ended& ended : sockets) {
    const auto known = sockets_.find(ended.cookie);
    ended.peers = join(known != sockets_.end() ? known->second : OfSocket{}, ended.cookie, entries,
                       ended.note);
    if (known != sockets_.end()) {
      kept_ -= known->second.sums.size();
      sockets_.erase(known);
    }
    ended_.emplace(ended.cookie, turn_);
  }
}

}  // namespace netwatch::ebpf
