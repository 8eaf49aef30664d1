#include "pipeline/outer_fragments.h"

#include <cstdlib>

#include "base/cursor.h"
#include "flow/fragment_maker.h"

// Bytes become fragments of tunnels' packets, with any contents, offset, time and order, and whole
// packets between them. Whatever comes: memory stays in its budget, each packet is given out once
// or counted as lost, and what is given out shows nothing but its own bytes.
namespace netwatch::pipeline {
namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

bool is_inside(base::Bytes part, base::Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

struct Account {
  std::uint64_t sent = 0;
  std::uint64_t out = 0;

  void take(std::vector<DerivedPacket>& derived, std::uint32_t index) {
    for (const DerivedPacket& packet : derived) {
      check(is_inside(packet.decoded.payload, packet.bytes));
      check(is_inside(packet.decoded.fragment.bytes, packet.bytes));
      check(packet.index == index && packet.packet.number <= sent);
      check(packet.decoded.tunnels.size() <= model::Tunnels::kMax);
      out += packet.tally.packets;
    }
    derived.clear();
  }
};

void run(base::Cursor input) {
  const std::size_t budget = std::size_t{input.u8()} * 1024;
  OuterFragments outer(budget, (input.u8() & 1) != 0);
  std::vector<DerivedPacket> derived;
  Account account;
  base::TimeNs time_ns = 0;
  while (!input.at_end()) {
    const std::uint8_t bits = input.u8();
    const std::size_t at = (bits & 1) != 0 ? input.u16() & 0xfff8U : (input.u8() & 0x3fU) * 8;
    const std::size_t len = input.u8();
    const base::Bytes part = input.take_up_to(len);
    if (!input.ok()) break;
    constexpr std::uint8_t kProtos[] = {4, 41, 47, 17};
    const std::uint8_t proto = kProtos[(bits >> 1) & 3U];
    const bool more = (bits & 8) != 0;
    flow::testing::Frame frame = (bits & 16) != 0
                                     ? flow::testing::fragment6(proto, bits >> 7, at, more, part)
                                     : flow::testing::fragment4(proto, bits >> 7, at, more, part);
    if ((bits & 32) != 0) frame[frame.size() > 40 ? 40 : 15] ^= 1;
    time_ns += (bits & 64) != 0 ? base::kNsPerSecond : 1000;
    const model::Packet packet{.number = ++account.sent,
                               .time_ns = time_ns,
                               .linktype = wire::linktype::kRaw,
                               .wire_len = static_cast<std::uint32_t>(frame.size()),
                               .bytes = frame};
    const auto index = static_cast<std::uint32_t>(account.sent);
    wire::Decoded decoded = wire::decode(packet);
    const bool kept = decoded.detour && outer.take(packet, index, time_ns, decoded, derived);
    if (!kept) ++account.out;
    account.take(derived, index);
    check(outer.used_bytes() <= budget);
    if (bits % 32 == 31) outer.advance(time_ns, index, derived);
    account.take(derived, index);
  }
  outer.finish(0, derived);
  account.take(derived, 0);
  check(outer.used_bytes() == 0);
  model::DropCounters drops;
  outer.add_to(drops);
  check(account.sent == account.out + drops[model::Drop::kFragments]);
}

}  // namespace
}  // namespace netwatch::pipeline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  netwatch::pipeline::run(netwatch::base::Cursor({data, size}));
  return 0;
}
