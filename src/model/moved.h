#pragma once

#include <algorithm>
#include <vector>

#include "model/snapshot.h"

namespace netwatch::model {

// How many different numbers there are.
inline std::uint32_t distinct(std::vector<std::uint32_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  const auto end = std::unique(numbers.begin(), numbers.end());
  return static_cast<std::uint32_t>(end - numbers.begin());
}

// What several connections have moved and move now, each measure on its own.
class Moved {
 public:
  void add(const ConnectionRow& row, bool capturing) {
    const Measure bytes_in = row.bytes_in();
    if (bytes_in == Measure::kWire) {
      wire_.known = true;
      wire_.up_bytes += row.up.wire_bytes;
      wire_.down_bytes += row.down.wire_bytes;
    } else if (bytes_in == Measure::kPayload) {
      payload_.known = true;
      payload_grew_ = payload_grew_ || row.socket_moved;
      payload_.up_bytes += row.kernel_up_bytes;
      payload_.down_bytes += row.kernel_down_bytes;
    }
    const Measure rates_in = row.rates_in(capturing);
    if (rates_in == Measure::kUnknown) return;
    Sum& sum = rates_in == Measure::kWire ? wire_ : payload_;
    sum.rates_known = true;
    sum.up_rate += row.up_rate;
    sum.down_rate += row.down_rate;
  }
  // Fills what is called so in a talker. Payload of before we began to look is no part of a sum of
  // frames, and left out beside them.
  template <typename T>
  void fill(T& out) const {
    out.bytes_in = payload_.known ? Measure::kPayload : Measure::kUnknown;
    if (wire_.known) out.bytes_in = payload_grew_ ? Measure::kBoth : Measure::kWire;
    const Sum& bytes = wire_.known ? wire_ : payload_;
    out.up_bytes = bytes.up_bytes;
    out.down_bytes = bytes.down_bytes;
    out.rates_in = payload_.rates_known ? Measure::kPayload : Measure::kUnknown;
    const bool payload_moves = payload_.up_rate + payload_.down_rate > 0;
    const bool wire_moves = wire_.up_rate + wire_.down_rate > 0;
    if (wire_moves || (wire_.rates_known && !payload_moves)) {
      out.rates_in = payload_moves ? Measure::kBoth : Measure::kWire;
    }
    const Sum& rates = out.rates_in == Measure::kPayload ? payload_ : wire_;
    out.up_rate = rates.up_rate;
    out.down_rate = rates.down_rate;
  }

 private:
  struct Sum {
    std::uint64_t up_bytes = 0;
    std::uint64_t down_bytes = 0;
    float up_rate = 0;
    float down_rate = 0;
    bool known = false;
    bool rates_known = false;
  };
  Sum wire_;
  Sum payload_;
  bool payload_grew_ = false;
};

}  // namespace netwatch::model
