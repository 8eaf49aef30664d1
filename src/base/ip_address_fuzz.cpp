// Any text: what parses has one canonical form, which parses back to the same address.
#include <cstdlib>

#include "base/bytes.h"
#include "base/ip_address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netwatch::base;
  const auto address = IpAddress::parse(as_text({data, size}));
  if (address) {
    const std::string text = address->to_string();
    if (IpAddress::parse(text) != address) std::abort();
    if (text.size() > 39) std::abort();
  }
  if (size >= 16) {
    const IpAddress raw = IpAddress::v6(data);
    if (IpAddress::parse(raw.to_string()) != raw) std::abort();
    (void)raw.in_prefix(IpAddress::v6(data), data[0]);
  }
  return 0;
}
