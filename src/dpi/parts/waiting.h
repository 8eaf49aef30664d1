#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "model/flow.h"

namespace netwatch::dpi {

// Requests that wait for their answers, by a number that both carry. Holds the latest kCapacity.
template <typename Key, std::size_t kCapacity>
class Waiting {
 public:
  // A repeated request keeps its first time: what the user waited for.
  void ask(Key key, model::Side side, base::TimeNs now_ns) {
    for (const Request& request : requests_) {
      if (request.used && request.key == key && request.side == side) return;
    }
    requests_[next_] = {now_ns, key, side, true};
    next_ = static_cast<std::uint8_t>((next_ + 1) % kCapacity);
  }
  // Nanoseconds since the request of the other side that this answers; -1 if none waits.
  base::TimeNs answer(Key key, model::Side side, base::TimeNs now_ns) {
    for (Request& request : requests_) {
      if (!request.used || !(request.key == key)) continue;
      if (request.side == side || now_ns < request.time_ns) continue;
      request.used = false;
      return now_ns - request.time_ns;
    }
    return -1;
  }

 private:
  static_assert(kCapacity > 0 && kCapacity < 256);
  struct Request {
    base::TimeNs time_ns = 0;
    Key key{};
    model::Side side = model::Side::kOriginator;
    bool used = false;
  };
  std::array<Request, kCapacity> requests_{};
  std::uint8_t next_ = 0;
};

}  // namespace netwatch::dpi
