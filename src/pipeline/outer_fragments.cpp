#include "pipeline/outer_fragments.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

namespace netwatch::pipeline {
namespace {

using GivenUp = flow::Fragments::GivenUp;

constexpr base::TimeNs kEver = std::numeric_limits<base::TimeNs>::max();

std::uint64_t fresh_key() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

DerivedPacket derive(const flow::JoinedDatagram& joined, std::uint32_t index, bool completed) {
  DerivedPacket derived;
  derived.index = index;
  derived.completed = completed;
  derived.packet = joined.packet;
  derived.packet.bytes = {};
  derived.tally = joined.tally;
  derived.numbers.assign(joined.packets.begin(), joined.packets.end());
  derived.bytes.assign(joined.packet.bytes.begin(), joined.packet.bytes.end());
  wire::Decoded& decoded = derived.decoded;
  wire::decode_joined(joined.envelope, derived.bytes, joined.ip_len, joined.fragmented, decoded);
  if (decoded.tunnels == joined.envelope.tunnels) {  // no tunnel after all
    decoded.ip_bytes = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(joined.tally.ip_bytes, std::numeric_limits<std::uint32_t>::max()));
    decoded.fragment.wire_len = 0;  // nothing more will come of a beginning
  }
  return derived;
}

}  // namespace

OuterFragments::OuterFragments(std::size_t budget_bytes, bool by_interface)
    : fragments_(fresh_key(), budget_bytes), by_interface_(by_interface) {}

bool OuterFragments::take(const model::Packet& packet, std::uint32_t index, base::TimeNs clock_ns,
                          wire::Decoded& decoded, std::vector<DerivedPacket>& out) {
  const wire::FragmentPart& part = decoded.fragment;
  if (part.wire_len == 0) return false;
  const bool first = part.offset() == 0;
  if (!first) barren_ = 0;
  if (!is_ours(packet, decoded)) return false;
  clock_ns_ = clock_ns;
  advance(clock_ns, index, out);
  if (first && barren_ == kMaxBarren) {
    finish(index, out);
    wire::decode_into(packet, decoded, wire::Fragmented::kBeginning);
    return false;
  }
  if (first) ++barren_;
  const std::uint32_t place = place_of(packet);
  if (!fragments_.knows(decoded, place)) {
    const auto what = fragments_.give_up_overtaken(decoded, place, kMostOvertaking);
    if (what == GivenUp::kBeginning) open(&fragments_.given_up(), index, false, out);
  }
  while (!fragments_.has_room(part) && give_up_oldest(kEver, index, out)) ++evicted_;
  open(fragments_.add(packet, decoded, place, clock_ns), index, true, out);
  return true;
}

void OuterFragments::advance(base::TimeNs clock_ns, std::uint32_t index,
                             std::vector<DerivedPacket>& out) {
  while (give_up_oldest(clock_ns - kPatienceNs, index, out)) {
  }
}

void OuterFragments::finish(std::uint32_t index, std::vector<DerivedPacket>& out) {
  while (give_up_oldest(kEver, index, out)) {
  }
}

void OuterFragments::add_to(model::DropCounters& drops) const {
  drops[model::Drop::kFragments] += fragments_.lost();
  drops[model::Drop::kFragmentOverlaps] += fragments_.overlaps();
  drops[model::Drop::kFragmentEvicted] += evicted_;
}

std::uint32_t OuterFragments::place_of(const model::Packet& packet) const {
  if (!by_interface_) return 0;
  return packet.ifindex * 4 + static_cast<std::uint32_t>(packet.direction);
}

bool OuterFragments::is_ours(const model::Packet& packet, const wire::Decoded& decoded) const {
  return decoded.fragment.hides_tunnel || wire::is_tunnel(decoded.fragment.proto) ||
         fragments_.knows(decoded, place_of(packet));
}

bool OuterFragments::give_up_oldest(base::TimeNs begun_ns, std::uint32_t index,
                                    std::vector<DerivedPacket>& out) {
  const GivenUp what = fragments_.give_up_oldest(begun_ns);
  if (what == GivenUp::kBeginning) open(&fragments_.given_up(), index, false, out);
  return what != GivenUp::kNothing;
}

// What is inside may be a fragment of another tunnel, one level further in: at most as often as
// tunnels are opened.
void OuterFragments::open(const flow::JoinedDatagram* joined, std::uint32_t index, bool completed,
                          std::vector<DerivedPacket>& out) {
  while (joined != nullptr) {
    DerivedPacket derived = derive(*joined, index, completed);
    const bool fragment = derived.decoded.fragment.wire_len != 0;
    if (!fragment || !is_ours(derived.packet, derived.decoded)) {
      out.push_back(std::move(derived));
      return;
    }
    joined = fragments_.add(derived.packet, derived.decoded, place_of(derived.packet), clock_ns_,
                            &derived.tally);
  }
}

}  // namespace netwatch::pipeline
