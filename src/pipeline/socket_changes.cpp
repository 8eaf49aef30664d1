#include "pipeline/socket_changes.h"

#include <utility>

namespace netwatch::pipeline {
namespace {

using Kind = model::SocketEvent::Kind;

bool is_same(const model::Process& one, const model::Process& two) {
  return one.pid == two.pid && one.start_ticks == two.start_ticks && one.comm == two.comm;
}

}  // namespace

// /proc/net tells no cookie: an inode, which may come again, is all there is.
std::uint64_t SocketChanges::key_of(const model::Socket& socket) {
  constexpr std::uint64_t kInode = std::uint64_t{1} << 63;
  return socket.cookie != 0 ? socket.cookie : socket.inode | kInode;
}

void SocketChanges::take_sockets(const model::SocketTable& table) {
  ++round_;
  for (const model::Socket& socket : table.sockets) {
    if (socket.inode != 0) take_socket(socket, table.taken_ns);
  }
  if (table.torn_tables > 0) return;         // sockets may be missing
  std::unordered_set<std::uint64_t> unread;  // namespaces that this look could not read
  for (const model::NetworkNamespace& netns : table.namespaces) {
    if (netns.unread) unread.insert(netns.inode);
  }
  for (auto entry = known_.begin(); entry != known_.end();) {
    Known& known = entry->second;
    if (round_ - known.round < rounds_to_wait_ || unread.contains(known.socket.netns)) {
      ++entry;
      continue;
    }
    // Who held it at the last look need not be who used it since.
    if (known.socket.owner.held_only) known.socket.owner = {};
    tell_({.kind = Kind::kClosed,
           .socket = &known.socket,
           .time_ns = table.taken_ns,
           .opened_ns = known.opened_ns});
    forget(entry->first);
    entry = known_.erase(entry);
  }
}

void SocketChanges::take_socket(const model::Socket& socket, base::TimeNs taken_ns) {
  const std::uint64_t key = key_of(socket);
  if (closed_.contains(key)) return;
  if (socket.kept) {  // it keeps what is known, and its end may have been forgotten already
    if (const auto entry = known_.find(key); entry != known_.end()) entry->second.round = round_;
    return;
  }
  const auto [entry, added] = known_.try_emplace(key);
  Known& known = entry->second;
  known.round = round_;
  known.socket = socket;
  if (!added) return;
  const bool first_look = round_ == 1;
  if (!first_look) known.opened_ns = taken_ns;
  tell_({.kind = first_look ? Kind::kExisting : Kind::kOpened,
         .socket = &known.socket,
         .time_ns = taken_ns});
}

void SocketChanges::take_closed(const model::ClosedSocket& closed) {
  const std::uint64_t key = key_of(closed.socket);
  if (closed_.contains(key)) return;
  model::Socket socket = closed.socket;
  if (const auto entry = known_.find(key); entry != known_.end()) {
    // What looks have shown beyond what its end tells.
    const model::Socket& seen = entry->second.socket;
    socket.inode = seen.inode;
    socket.rtt_us = seen.rtt_us;
    socket.retransmits = seen.retransmits;
    const auto& owner = seen.owner.process;
    if (owner && (!socket.owner.process || is_same(*owner, *socket.owner.process))) {
      const bool known_by_end = socket.owner.process != nullptr;
      if (!known_by_end) socket.owner = seen.owner;
      socket.owner.process = owner;
    }
    known_.erase(entry);
  }
  forget(key);
  tell_({.kind = Kind::kClosed,
         .socket = &socket,
         .time_ns = closed.closed_ns,
         .opened_ns = closed.opened_ns});
}

// An inode may come again, a cookie never.
void SocketChanges::forget(std::uint64_t cookie) {
  constexpr std::uint64_t kInode = std::uint64_t{1} << 63;
  if ((cookie & kInode) != 0 || !closed_.insert(cookie).second) return;
  closed_order_.push_back(cookie);
  if (closed_order_.size() <= kMaxClosed) return;
  closed_.erase(closed_order_.front());
  closed_order_.pop_front();
}

}  // namespace netwatch::pipeline
