// Any bytes as an HTTP conversation. Records of one side (the lines of a side begin with '>' or
// '<' after a 0xFF) go through the decoder whole and in single bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kHttp;

namespace {

// 0xFF ends a turn; the byte behind it says what comes: a gap, a cut, or the other side.
void converse(testing::Feeder& feeder, std::string_view bytes) {
  model::Side side = testing::kClient;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\xff'), bytes.size());
    const std::uint8_t what =
        end + 1 < bytes.size() ? static_cast<std::uint8_t>(bytes[end + 1]) : std::uint8_t{0};
    feeder.stream(side, bytes.substr(0, end), (what & 3) == 1);
    if ((what & 3) == 2) feeder.gap(side, what);
    if ((what & 4) == 0) side = model::other(side);
    bytes.remove_prefix(std::min(end + 2, bytes.size()));
  }
}

}  // namespace
}  // namespace netwatch::dpi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netwatch::dpi;  // NOLINT(google-build-using-namespace)
  if (size > 4096) return 0;
  const std::string_view bytes = netwatch::base::as_text({data, size});
  ProbeInput input;
  input.sides[0] = netwatch::base::as_bytes(bytes);
  (void)kHttp.probe(input);
  testing::Feeder whole(kHttp);
  testing::Feeder pieces(kHttp, 1);
  converse(whole, bytes);
  converse(pieces, bytes);
  // Only a damaged stream may depend on where its segments begin.
  const bool sound = whole.context.odds.empty() && pieces.context.odds.empty();
  const bool plain = bytes.find('\xff') == std::string_view::npos;
  if (sound && plain && whole.context.records != pieces.context.records) std::abort();
  return 0;
}
