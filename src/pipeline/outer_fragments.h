#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "flow/fragments.h"
#include "model/drops.h"
#include "model/packet.h"
#include "pipeline/derived_packet.h"
#include "wire/decode.h"

namespace netwatch::pipeline {

// Puts the fragments of tunnels' outer packets together, before anybody can know whose they are: a
// part of the dispatcher. All other fragments are put together by the shard of their addresses.
// Ours are those of IP protocols that are tunnels, and datagrams whose first fragment shows one.
class OuterFragments {
 public:
  // Who sends fragments sends them one after the other, and what the tunnel carries should not lag
  // behind what comes after it: a datagram waits this long, or until so many more have begun
  // between the same ends.
  static constexpr base::TimeNs kPatienceNs = 2 * base::kNsPerSecond;
  static constexpr unsigned kMostOvertaking = 3;
  // So many first fragments with no later one between them: the capture holds no later ones (a
  // filter for a port drops them), and nothing is waited for until there is one.
  static constexpr unsigned kMaxBarren = 32;

  // `by_interface`: copies of a datagram that several interfaces show do not meet.
  OuterFragments(std::size_t budget_bytes, bool by_interface);
  void set_by_interface(bool by_interface) { by_interface_ = by_interface; }

  // A packet with `decoded.detour`. True: it is kept, and over; what it completes, and what gave
  // way to it, is added to `out`. False: it goes on as `decoded` says, which may have changed.
  // `index`: its place in the batch. The clock never goes backwards.
  bool take(const model::Packet& packet, std::uint32_t index, base::TimeNs clock_ns,
            wire::Decoded& decoded, std::vector<DerivedPacket>& out);
  // Gives up what has waited too long. What came of it is opened: see docs/flow.md.
  void advance(base::TimeNs clock_ns, std::uint32_t index, std::vector<DerivedPacket>& out);
  // Gives up all that waits.
  void finish(std::uint32_t index, std::vector<DerivedPacket>& out);

  void add_to(model::DropCounters& drops) const;
  [[nodiscard]] std::size_t used_bytes() const { return fragments_.used_bytes(); }

 private:
  [[nodiscard]] std::uint32_t place_of(const model::Packet& packet) const;
  [[nodiscard]] bool is_ours(const model::Packet& packet, const wire::Decoded& decoded) const;
  bool give_up_oldest(base::TimeNs begun_ns, std::uint32_t index, std::vector<DerivedPacket>& out);
  void open(const flow::JoinedDatagram* joined, std::uint32_t index, bool completed,
            std::vector<DerivedPacket>& out);

  flow::Fragments fragments_;
  bool by_interface_;
  unsigned barren_ = 0;
  std::uint64_t evicted_ = 0;
  base::TimeNs clock_ns_ = 0;
};

}  // namespace netwatch::pipeline
