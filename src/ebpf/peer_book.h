#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "ebpf/programs/notes.h"
#include "model/socket.h"

namespace netwatch::ebpf {

// What unconnected UDP sockets have moved to and from each peer: the sum of what the programs in
// the kernel write into a PeerTable, which has room for the peers of some looks only. Bounded:
// beyond `capacity` peers an eighth is forgotten, those that moved nothing for longest; what they
// moved is of unknown peers then. turn() and find() are of one thread, end() may be another's.
class PeerBook {
 public:
  // `table` is shared with the programs. `wait_for_programs` returns when those are through that
  // ran when it was called.
  explicit PeerBook(PeerTable& table, std::function<void()> wait_for_programs,
                    std::size_t capacity = std::size_t{32} << 10)
      : table_(&table), wait_for_programs_(std::move(wait_for_programs)), capacity_(capacity) {}

  // To be called for each look at the sockets, before find(): makes room in the table.
  void turn();
  // Of a socket that lives, as of the last turn(); `note` is what its own storage says.
  std::shared_ptr<const model::SocketPeers> find(std::uint64_t cookie, const PeersNote& note);

  struct Ended {
    std::uint64_t cookie = 0;
    PeersNote note{};
    std::shared_ptr<const model::SocketPeers> peers;  // the answer
  };
  // Of sockets that have ended before the call: all that they moved. They are forgotten.
  void end(std::vector<Ended>& sockets);
  [[nodiscard]] std::size_t size() const { return kept_; }

 private:
  // Of a slot, or of several with the same ends.
  struct Entry {
    std::uint64_t cookie = 0;
    model::PeerPayload payload;
  };
  using Entries = std::vector<Entry>;  // sorted by cookie, then peer; each once
  struct Sum {
    model::PeerPayload payload;
    std::uint64_t turn = 0;  // that saw it move last
  };
  struct OfSocket {
    std::vector<Sum> sums;  // of what has left the table; sorted by peer
    std::uint64_t forgotten_sent = 0;
    std::uint64_t forgotten_received = 0;
    std::shared_ptr<const model::SocketPeers> told;
    std::uint64_t asked = 0;  // the turn of the last find()
    bool moved = false;       // `told` is not what the table and `sums` say
  };

  static void read(const PeerHalf& half, Entries& out);
  static void sort(Entries& entries);
  Entries read_both() const;
  void empty_locked(PeerHalf& half);
  void add_locked(const Entries& entries);
  void make_room_locked();
  static std::shared_ptr<const model::SocketPeers> join(const OfSocket& socket,
                                                        std::uint64_t cookie,
                                                        const Entries& entries,
                                                        const PeersNote& note);

  PeerTable* table_;
  std::function<void()> wait_for_programs_;
  std::size_t capacity_;
  std::uint64_t turn_ = 0;
  std::mutex mutex_;  // of all below
  std::unordered_map<std::uint64_t, OfSocket> sockets_;
  std::size_t kept_ = 0;  // peers in sockets_
  Entries fresh_;         // what the table held at the last turn()
  // Sockets whose slots are still in the table, by the turn of their end.
  std::unordered_map<std::uint64_t, std::uint64_t> ended_;
};

}  // namespace netwatch::ebpf
