// One fuzzer for the whole table. The first byte chooses: an analyzer that probes, or one decoder
// that is fed directly (rows from 64 on by the values that are 3 modulo 4). Then chunks of
// {control, length, bytes}: side, gap, datagram, cut.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/cursor.h"
#include "dpi/analyzer.h"
#include "dpi/protocols.h"

namespace {

using netwatch::base::Cursor;
using namespace netwatch::dpi;
namespace model = netwatch::model;

// Reads every value of every record, so that a wrong length is seen.
class Reader final : public AnalyzerSink {
 public:
  void on_record(const model::Record& record) override {
    if (record.kind >= record.schema->kinds.size()) std::abort();
    model::ValueCursor values(record);
    while (auto value = values.next()) {
      for (std::uint8_t byte : value->raw) sum_ = sum_ + byte;
    }
  }
  void on_app(std::uint64_t, std::uint8_t layer, std::string_view name) override {
    if (layer > 4 || name.empty()) std::abort();
  }
  void on_originator(std::uint64_t, model::Side) override {}
  void on_connection_id(std::uint64_t, model::Side, std::string_view,
                        netwatch::base::Bytes id) override {
    read_id(id);
  }
  void on_carried_id(std::uint64_t, model::Side, std::string_view,
                     netwatch::base::Bytes bytes) override {
    read_id(bytes);
  }

 private:
  void read_id(netwatch::base::Bytes id) {
    if (id.size() < kShortestConnectionId || id.size() > kLongestConnectionId) std::abort();
    for (const std::uint8_t byte : id) sum_ = sum_ + byte;
  }
  volatile unsigned sum_ = 0;
};

// A row of the table whose probe always says yes: the decoder gets what no probe would let by.
ProtocolDef always(const ProtocolDef& def) {
  ProtocolDef row = def;
  row.transport = Transport::kBoth;
  row.first = FirstBytes::any();
  row.probe = [](const ProbeInput&) { return Probe::kYes; };
  return row;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Cursor input(netwatch::base::Bytes(data, size));
  const std::uint8_t choice = input.u8();
  const auto table = protocols();
  const bool probing = choice % 4 == 0;
  const std::size_t number = choice / 4 + (choice % 4 == 3 ? std::size_t{64} : std::size_t{0});
  const ProtocolDef row = always(*table[number % table.size()]);
  const std::array<const ProtocolDef*, 1> direct{&row};
  Reader reader;
  // Small budgets, so that eviction takes part.
  Analyzer analyzer(reader, {.decoder_bytes = 256 << 10, .held_bytes = 256 << 10},
                    probing ? table : std::span<const ProtocolDef* const>(direct));
  std::array<std::uint32_t, 3> slots{};
  std::uint64_t packet = 0;
  while (!input.at_end()) {
    const std::uint8_t control = input.u8();
    const std::size_t length = (control & 0x80) != 0 ? input.u16() : input.u8();
    model::StreamChunk chunk{
        .side = (control & 1) != 0 ? model::Side::kResponder : model::Side::kOriginator,
        .time_ns = static_cast<std::int64_t>(packet) * 1000,
        .packet = ++packet,
        .bytes = {},
        .datagram = (control & 2) != 0,
        .cut = (control & 4) != 0};
    const std::size_t which = (control >> 3) & 3;
    // One pair of hosts, so that what one flow announces may meet another.
    static const std::array<netwatch::base::IpAddress, 2> kHosts{
        *netwatch::base::IpAddress::parse("192.0.2.1"),
        *netwatch::base::IpAddress::parse("192.0.2.2")};
    const FlowRef flow{.id = which + 1,
                       .proto = static_cast<std::uint8_t>(chunk.datagram ? 17 : 6),
                       .orig_port = 50000,
                       .resp_port = static_cast<std::uint16_t>(choice + which),
                       .hosts = &kHosts};
    if (which == 3) {
      analyzer.end(slots[0], {.id = 1}, 0, packet);
      continue;
    }
    if ((control & 0x60) == 0x60 && !chunk.datagram) {
      chunk.gap_bytes = length + 1;
    } else {
      chunk.bytes = input.take_up_to(length);
    }
    analyzer.feed(slots[which], flow, chunk);
  }
  for (std::size_t i = 0; i < slots.size(); ++i) analyzer.end(slots[i], {.id = i + 1}, 0, packet);
  if (analyzer.live() != 0) std::abort();
  return 0;
}
