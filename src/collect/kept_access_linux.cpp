#include <linux/netlink.h>

#include <utility>

#include "collect/kept_access.h"

namespace netwatch::collect {

std::shared_ptr<KeptAccess> KeptAccess::open() {
  auto kept = std::make_shared<KeptAccess>();
  if (auto socket = NetlinkSocket::open(NETLINK_SOCK_DIAG))
    kept->sock_diag.emplace(*std::move(socket));
  if (auto socket = NetlinkSocket::open(NETLINK_ROUTE)) kept->route.emplace(*std::move(socket));
  return kept;
}

base::Result<NetlinkSocket*> netlink_of(const Root& root, int protocol,
                                        std::optional<NetlinkSocket>& own) {
  if (root.kept) {
    auto& kept = protocol == NETLINK_ROUTE ? root.kept->route : root.kept->sock_diag;
    if (kept) return &*kept;
  }
  auto opened = NetlinkSocket::open(protocol);
  if (!opened) return opened.error();
  own.emplace(*std::move(opened));
  return &*own;
}

}  // namespace netwatch::collect
