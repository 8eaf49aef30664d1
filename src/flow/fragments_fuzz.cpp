#include "flow/fragments.h"

#include <array>
#include <cstdlib>
#include <map>

#include "base/cursor.h"
#include "flow/fragment_maker.h"
#include "flow/packet_maker.h"

// Bytes become fragments of a few datagrams, with any offset, length, snaplen, time and order.
// Whatever comes: memory stays within its budget, each fragment is counted with a flow or as lost,
// and a datagram's bytes are the ones that were sent at their place.
namespace netwatch::flow {
namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// The byte at a place of a datagram. A UDP header that all datagrams share comes first.
constexpr std::array<std::uint8_t, 8> kUdpHeader{3, 232, 7, 208, 0, 0, 0, 0};
std::uint8_t byte_at(std::size_t at) {
  return at < kUdpHeader.size() ? kUdpHeader[at] : static_cast<std::uint8_t>(at * 7 + (at >> 8));
}

class CheckingSink final : public FlowSink {
 public:
  bool on_chunk(FlowTable& table, FlowHandle flow, const model::StreamChunk& chunk) override {
    if (!forged) {
      // A message of another protocol than UDP is shown from its first byte on.
      const bool udp = table.proto(flow) == model::ip_proto::kUdp;
      const std::size_t begin = udp ? kUdpHeader.size() : 0;
      for (std::size_t i = 0; i < chunk.bytes.size(); ++i) {
        check(chunk.bytes[i] == byte_at(i + begin));
      }
    }
    return true;
  }
  void on_end(FlowTable& table, FlowHandle flow, model::FlowEnd end) override {
    const model::Flow whole = table.to_flow(flow, end);
    packets += whole.sides[0].packets + whole.sides[1].packets;
  }
  bool forged = false;
  std::uint64_t packets = 0;
};

void run(base::Cursor input) {
  CheckingSink sink;
  FlowBudget budget;
  const std::uint8_t shape = input.u8();
  budget.flows = 4;
  budget.fragment_bytes = std::size_t{input.u8()} * 1024;
  budget.first_sighting_only = (shape & 1) != 0;
  sink.forged = (shape & 2) != 0;
  FlowTable table(sink, 5, budget);
  std::vector<std::uint8_t> bytes;
  std::uint64_t sent = 0;
  base::TimeNs time_ns = 0;
  while (!input.at_end()) {
    const std::uint8_t bits = input.u8();
    const std::size_t at = (bits & 1) != 0 ? input.u16() & 0xfff8U : (input.u8() & 0x3fU) * 8;
    const std::size_t len = (bits & 2) != 0 ? input.u16() % 2048 : input.u8() % 64;
    bytes.clear();
    for (std::size_t i = 0; i < len; ++i) {
      bytes.push_back(sink.forged && at + i >= 8 ? bits : byte_at(at + i));
    }
    const std::uint8_t key = input.u8();
    const bool more = (bits & 4) != 0;
    const testing::Frame frame =
        (bits & 8) != 0 ? testing::fragment6(17, key & 3U, at, more, bytes)
                        : testing::fragment4((key & 4) != 0 ? 50 : 17, key & 3U, at, more, bytes);
    const std::size_t cut = (bits & 16) != 0 ? std::min(frame.size(), 40 + len / 2) : frame.size();
    model::Packet packet;
    packet.number = ++sent;
    packet.wire_len = static_cast<std::uint32_t>(frame.size());
    packet.ifindex = (key >> 3) & 1U;
    time_ns += base::TimeNs{input.u8()} * ((bits & 64) != 0 ? base::kNsPerSecond : 1000);
    packet.time_ns = time_ns;
    const wire::Decoded decoded =
        wire::decode(wire::linktype::kRaw, base::Bytes(frame).first(cut), packet.wire_len);
    if (decoded.status != wire::DecodeStatus::kFlow &&
        decoded.status != wire::DecodeStatus::kFragment) {
      --sent;
      continue;
    }
    table.packet(packet, decoded);
    if ((bits & 128) != 0) table.advance(time_ns);
    check(table.fragment_bytes() <= budget.fragment_bytes);
  }
  table.finish();
  check(table.fragment_bytes() == 0);
  const model::DropCounters& drops = table.drops();
  check(sent == sink.packets + drops[model::Drop::kFragments] + drops[model::Drop::kDuplicate]);
}

}  // namespace
}  // namespace netwatch::flow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  netwatch::flow::run(netwatch::base::Cursor({data, size}));
  return 0;
}
