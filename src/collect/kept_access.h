#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "collect/namespaces_linux.h"
#include "collect/netlink_linux.h"
#include "collect/proc_fd.h"
#include "collect/sock_diag_linux.h"

namespace netwatch::collect {

// What readers need rights for, opened before these are given up (docs/confinement.md).
struct KeptAccess {
  std::optional<NetlinkSocket> sock_diag;  // none where the kernel has none
  std::optional<NetlinkSocket> route;
  // In place of a walk of our own over /proc/*/fd.
  std::function<base::Result<Holdings>()> walk;
  // In place of entering other network namespaces: which there are, and a socket in one of them on
  // which ask_sock_diag() was called.
  std::function<base::Result<NamespaceScan>()> namespaces;
  std::function<base::Result<NetlinkSocket>(std::uint64_t netns, DiagTable table)> asked_dump;

  static std::shared_ptr<KeptAccess> open();
};

// The socket that is kept, or else a new one, which `own` holds then.
base::Result<NetlinkSocket*> netlink_of(const Root& root, int protocol,
                                        std::optional<NetlinkSocket>& own);

}  // namespace netwatch::collect
