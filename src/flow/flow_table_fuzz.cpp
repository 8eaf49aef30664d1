#include "flow/flow_table.h"

#include <array>
#include <cstdlib>
#include <map>

#include "base/cursor.h"
#include "flow/packet_maker.h"

// Bytes become packets of a few flows with hostile flags, sequence numbers, lengths and times.
// Whatever comes: a stream's bytes and gaps never cover more than what its segments spanned, bytes
// given out without a gap before them are the ones that were sent there, every flow ends exactly
// once, and memory stays within its budget.
namespace netwatch::flow {
namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// The byte that every segment carries at a sequence number: four in a row, aligned, spell it, so
// that reassembled bytes tell where they were sent.
std::uint8_t byte_at(std::uint32_t seq) {
  return static_cast<std::uint8_t>((seq & ~3U) >> (8 * (seq & 3U)));
}

// Where a run of bytes was sent, if it is long enough to tell.
bool locate(base::Bytes bytes, std::uint32_t& seq) {
  if (bytes.size() < 12) return false;
  for (std::size_t skip = 0; skip < 4; ++skip) {
    const auto word = static_cast<std::uint32_t>(base::Cursor(bytes.subspan(skip)).le(4));
    seq = word - static_cast<std::uint32_t>(skip);
    bool same = (word & 3U) == 0;
    for (std::size_t i = 0; same && i < 12; ++i) {
      same = bytes[i] == byte_at(seq + static_cast<std::uint32_t>(i));
    }
    if (same) return true;
  }
  std::abort();  // bytes that nobody sent in this order
}

class CheckingSink final : public FlowSink {
 public:
  bool on_chunk(FlowTable& table, FlowHandle flow, const model::StreamChunk& chunk) override {
    check((chunk.gap_bytes == 0) != chunk.bytes.empty());
    if (chunk.datagram) return true;
    auto& side = sides[table.id(flow)][model::index(chunk.side)];
    if (chunk.gap_bytes > 0) {
      check(!chunk.cut);
      side.next += static_cast<std::uint32_t>(chunk.gap_bytes);
    } else {
      if (!side.known) side.known = locate(chunk.bytes, side.next);
      if (!side.known) return --patience > 0;
      for (const std::uint8_t byte : chunk.bytes) check(byte == byte_at(side.next++));
    }
    return --patience > 0;
  }
  void on_end(FlowTable& table, FlowHandle flow, model::FlowEnd end) override {
    const model::Flow whole = table.to_flow(flow, end);
    check(whole.history.size() <= 24);
    check(whole.first_ns <= whole.last_ns);
    sides.erase(table.id(flow));
    ++ended;
  }

  // The first SYN of a side says where its stream begins, whatever came before it.
  void begin_anew() {
    for (auto& [flow, both] : sides) both = {};
  }

  struct Position {
    bool known = false;
    std::uint32_t next = 0;
  };
  std::map<model::FlowId, std::array<Position, 2>> sides;
  std::uint32_t patience = 0;
  std::uint64_t ended = 0;
};

void run(base::Cursor input) {
  CheckingSink sink;
  FlowBudget budget;
  budget.flows = 1 + input.u8() % 8;
  budget.stream_bytes = std::size_t{input.u8()} * 512;
  sink.patience = 1U + input.u8() * 16U;
  FlowTable table(sink, 5, budget);
  std::array<std::uint8_t, 4096> payload{};
  std::uint64_t number = 0;
  base::TimeNs time_ns = 0;
  while (!input.at_end()) {
    const std::uint8_t shape = input.u8();
    const std::uint8_t flags = input.u8() & 0x1f;
    const auto host = static_cast<std::uint32_t>(input.u8() % 12);
    const std::uint32_t seq = (shape & 1) != 0 ? input.u32() : 0xffff8000 + input.u16();
    const std::size_t len = input.u16() % payload.size();
    testing::MadePacket made((shape & 6) == 6 ? model::ip_proto::kUdp : model::ip_proto::kTcp, host,
                             1, 99, 2);
    if ((shape & 8) != 0) made = made.reversed();
    // A SYN shifts its data by one; a keep-alive's rubbish is not modelled.
    const std::uint32_t data_seq = seq + ((flags & wire::tcp_flag::kSyn) != 0 ? 1 : 0);
    for (std::size_t i = 0; i < len; ++i) {
      payload[i] = byte_at(data_seq + static_cast<std::uint32_t>(i));
    }
    const std::size_t captured = (shape & 16) != 0 ? len / 2 : len;
    made.set_payload(base::Bytes(payload).first(captured), static_cast<std::uint32_t>(len));
    made.decoded.tcp_flags = flags;
    made.decoded.tcp_seq = seq;
    made.decoded.tcp_ack = (shape & 32) != 0 ? input.u32() : 0xffff8000 + input.u16();
    time_ns += base::TimeNs{input.u8()} * ((shape & 64) != 0 ? base::kNsPerSecond : 1000);
    made.packet.time_ns = (shape & 128) != 0 ? time_ns / 2 : time_ns;
    made.packet.number = ++number;
    if ((flags & wire::tcp_flag::kSyn) != 0) sink.begin_anew();
    table.packet(made.packet, made.decoded);
    check(table.live() <= budget.flows);
    check(table.held_bytes() <= budget.stream_bytes);
    if ((flags & 0x10) == 0) table.advance(time_ns);
  }
  table.visit_changed([&](FlowHandle flow) { check(table.id(flow) != 0); });
  table.finish();
  check(table.live() == 0);
  check(table.held_bytes() == 0);
  check(sink.ended == table.created());
}

}  // namespace
}  // namespace netwatch::flow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  netwatch::flow::run(netwatch::base::Cursor({data, size}));
  return 0;
}
