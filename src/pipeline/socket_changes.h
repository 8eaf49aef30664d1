#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "model/socket.h"

namespace netwatch::pipeline {

// What happens to sockets, from looks at the kernel's tables and from the kernel's own word of
// their ends. A socket counts while a process holds it: what TCP still does afterwards does not.
class SocketChanges {
 public:
  using Tell = std::function<void(const model::SocketEvent&)>;
  // `ends_are_told`: take_closed() comes, and is waited for.
  SocketChanges(bool ends_are_told, Tell tell)
      : rounds_to_wait_(ends_are_told ? 2 : 1), tell_(std::move(tell)) {}

  void take_sockets(const model::SocketTable& table);
  void take_closed(const model::ClosedSocket& closed);

 private:
  struct Known {
    model::Socket socket;  // as last seen
    base::TimeNs opened_ns = 0;
    std::uint64_t round = 0;
  };
  static constexpr std::size_t kMaxClosed = std::size_t{32} << 10;

  static std::uint64_t key_of(const model::Socket& socket);
  void take_socket(const model::Socket& socket, base::TimeNs taken_ns);
  void forget(std::uint64_t cookie);

  std::uint64_t rounds_to_wait_;
  Tell tell_;
  std::uint64_t round_ = 0;
  std::unordered_map<std::uint64_t, Known> known_;
  // A look may be older than the word of an end. Cookies never come again.
  std::unordered_set<std::uint64_t> closed_;
  std::deque<std::uint64_t> closed_order_;
};

}  // namespace netwatch::pipeline
