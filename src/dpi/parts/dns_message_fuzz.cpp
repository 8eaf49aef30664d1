// Any bytes as DNS datagrams, as a TCP stream in pieces, and as a bare name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dpi/parts/dns_message.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kDns;
extern const ProtocolDef kMdns;

namespace {

void read_names(base::Bytes bytes) {
  DnsName name;
  std::size_t offset = 0;
  while (offset < bytes.size()) {
    std::size_t with_text = offset;
    std::size_t without = offset;
    const DnsRead a = read_dns_name(bytes, with_text, &name);
    if (a != read_dns_name(bytes, without, nullptr) || with_text != without) std::abort();
    offset = a == DnsRead::kOk ? with_text : offset + 1;
  }
}

// The same stream gives the same records however it is cut, as long as its borders hold.
void compare_cuts(std::string_view bytes) {
  testing::Feeder whole(kDns);
  testing::Feeder pieces(kDns, 1);
  whole.stream(testing::kClient, bytes);
  pieces.stream(testing::kClient, bytes);
  if (whole.context.odds.empty() && pieces.context.odds.empty() && !whole.ended() &&
      whole.context.records != pieces.context.records) {
    std::abort();
  }
}

}  // namespace
}  // namespace netwatch::dpi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netwatch::dpi;  // NOLINT(google-build-using-namespace)
  if (size > 4096) return 0;
  const netwatch::base::Bytes bytes(data, size);
  ProbeInput input;
  input.sides[0] = bytes;
  for (const bool datagram : {false, true}) {
    input.datagram = datagram;
    (void)kDns.probe(input);
  }
  read_names(bytes);
  testing::Feeder datagrams(kMdns);
  datagrams.datagram(testing::kClient, netwatch::base::as_text(bytes));
  datagrams.datagram(testing::kServer, netwatch::base::as_text(bytes), true);
  compare_cuts(netwatch::base::as_text(bytes));
  return 0;
}
