#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "capture/file_source.h"

// The first byte chooses how the file comes in: mapped (0), or in pieces of so many bytes.
namespace {

using namespace netwatch;

class PieceReader final : public base::ByteReader {
 public:
  PieceReader(base::Bytes bytes, std::size_t step_bytes) : bytes_(bytes), step_(step_bytes) {}
  base::Result<std::size_t> read(std::span<std::uint8_t> out) override {
    const std::size_t n = std::min({out.size(), step_, bytes_.size()});
    std::copy_n(bytes_.begin(), n, out.begin());
    bytes_ = bytes_.subspan(n);
    return n;
  }
  [[nodiscard]] const char* encoding() const override { return "plain"; }

 private:
  base::Bytes bytes_;
  std::size_t step_;
};

// Packets, bytes and the sum of all bytes: what must not depend on how the file came in.
struct Sum {
  std::uint64_t packets = 0, bytes = 0, dropped = 0;
  bool failed = false;
  friend bool operator==(const Sum&, const Sum&) = default;
};

Sum drain(base::Result<std::unique_ptr<capture::PacketSource>> source) {
  Sum sum;
  if (!source) return {0, 0, 0, true};
  while (true) {
    const auto batch = (*source)->next(0);
    if (!batch) sum.failed = true;
    if (!batch || *batch == nullptr) return sum;
    std::size_t bytes = 0;
    for (const model::Packet& packet : (*batch)->packets) {
      if (packet.number != ++sum.packets || packet.wire_len < packet.bytes.size()) std::abort();
      bytes += packet.bytes.size();
      for (const std::uint8_t byte : packet.bytes) sum.bytes = sum.bytes * 31 + byte;
    }
    if ((*batch)->packets.size() > model::PacketBatch::kMaxPackets) std::abort();
    if (bytes > model::PacketBatch::kMaxArenaBytes) std::abort();
    sum.dropped += (*batch)->kernel_dropped;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::Bytes file(data + 1, size - 1);
  const Sum mapped = drain(capture::open_bytes(file, "fuzz"));
  if (data[0] == 0) return 0;
  const Sum pieces =
      drain(capture::open_reader(std::make_unique<PieceReader>(file, data[0]), -1, "fuzz"));
  if (mapped != pieces) std::abort();
  return 0;
}
