// The bodies of rtnetlink messages. The kernel writes them, but for the names and addresses that
// others choose.
#include <string>

#include "collect/netlink_linux.h"
#include "collect/rtnetlink_linux.h"

namespace {

void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace collect = netwatch::collect;
  const netwatch::base::Bytes body(data, size);
  if (const auto link = collect::parse_link(body)) {
    require(!link->name.empty() && link->ifindex != 0 && link->mac.size() <= 23);
  }
  (void)collect::parse_address(body);
  for (const auto& route : collect::parse_route(body)) {
    require(route.interface.empty());
  }
  require(collect::parse_route(body).size() <= size / 8 + 1);
  if (const auto neighbour = collect::parse_neighbour(body)) require(neighbour->ifindex != 0);
  return 0;
}
