// QUIC datagrams in both directions. The input is pieces of {control, length, bytes}: the bytes are
// a datagram as they are, or frames that are sealed into an Initial packet, so that what lies
// behind the protection is reached too.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/cursor.h"
#include "dpi/analyzer.h"
#include "dpi/protocols/quic_packets_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kQuic;

namespace {

using model::Side;

class Reader final : public AnalyzerSink {
 public:
  void on_record(const model::Record& record) override {
    if (record.kind >= record.schema->kinds.size()) std::abort();
    model::ValueCursor values(record);
    while (auto value = values.next()) {
      for (const std::uint8_t byte : value->raw) sum_ = sum_ + byte;
    }
  }
  void on_app(std::uint64_t, std::uint8_t, std::string_view) override {}
  void on_originator(std::uint64_t, Side) override {}
  void on_connection_id(std::uint64_t, Side, std::string_view, base::Bytes id) override {
    for (const std::uint8_t byte : id) sum_ = sum_ + byte;
  }
  void on_carried_id(std::uint64_t, Side, std::string_view, base::Bytes bytes) override {
    for (const std::uint8_t byte : bytes) sum_ = sum_ + byte;
  }

 private:
  volatile unsigned sum_ = 0;
};

constexpr std::uint32_t kVersionNumbers[]{1, 0x6b3343cf, 0xff00001d, 0x51303530};

// control: 1 by the server, 2 sealed, 4 with other keys, 8 and 16 the version, 32 coalesced.
std::string datagram(std::uint8_t control, std::uint8_t number, std::string_view bytes) {
  if ((control & 2) == 0) return std::string(bytes);
  const testing::Sender from{.version = kVersionNumbers[(control >> 3) & 3],
                             .dcid = (control & 4) != 0 ? "87654321" : "12345678",
                             .scid = "source",
                             .client = (control & 1) == 0};
  // A shorter packet would have no sample.
  const std::string frames = std::string(bytes) + std::string(4, '\0');
  return testing::initial(from, from.dcid, number, frames);
}

void run(base::Bytes data) {
  base::Cursor input(data);
  Reader reader;
  const std::array table{&kQuic};
  Analyzer analyzer(reader, {.decoder_bytes = 64 << 10, .held_bytes = 64 << 10}, table);
  std::uint32_t slot = 0;
  const FlowRef flow{.id = 1, .proto = 17, .resp_port = 443};
  std::string waiting;
  for (std::uint8_t number = 0; !input.at_end() && number < 32; ++number) {
    const std::uint8_t control = input.u8();
    const std::size_t length = (control & 0x80) != 0 ? input.u16() : input.u8();
    waiting += datagram(control, number, base::as_text(input.take_up_to(length)));
    if ((control & 32) != 0) continue;
    // Its own block, so that reads past it are seen.
    const std::string sent(waiting.begin(), waiting.end());
    waiting.clear();
    const Side side = (control & 1) != 0 ? Side::kResponder : Side::kOriginator;
    analyzer.feed(slot, flow, {.side = side, .bytes = base::as_bytes(sent), .datagram = true});
  }
  analyzer.end(slot, flow, 0, 0);
  if (analyzer.live() != 0) std::abort();
}

}  // namespace
}  // namespace netwatch::dpi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxInput = 4096;
  if (size <= kMaxInput) netwatch::dpi::run({data, size});
  return 0;
}
