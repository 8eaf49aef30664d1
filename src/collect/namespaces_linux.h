#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "collect/collect.h"
#include "collect/netlink_linux.h"

// Network namespaces (network_namespaces(7)): which there are, and netlink sockets inside them.
namespace netwatch::collect {

// "net:[4026531840]" -> 4026531840; nothing for other links.
std::optional<std::uint64_t> parse_namespace_link(std::string_view target);

struct NamespaceScan {
  std::uint64_t own = 0;                            // inode of ours; 0: unknown
  std::vector<model::NetworkNamespace> namespaces;  // sorted by inode, ours among them
  std::uint64_t unreadable_processes = 0;           // whose namespace we may not know
  std::uint64_t not_kept = 0;                       // namespaces beyond the bound of one look
};
// Those of all processes and those that have a name below /run/netns.
base::Result<NamespaceScan> scan_network_namespaces(const Root& root);

// A netlink socket in each of `namespaces`, by a thread that enters them (CAP_SYS_ADMIN) and ends;
// nothing where it may not. Whoever keeps such a socket keeps its namespace alive.
std::vector<std::optional<NetlinkSocket>> open_in_namespaces(
    const Root& root, std::span<const model::NetworkNamespace> namespaces, int protocol);

// Fills in the containers of a scan that lacks them.
void name_containers(const Root& root, std::vector<model::NetworkNamespace>& namespaces);

// The same for a process that may have no threads: it enters a namespace itself and comes back. If
// there is no way back the process ends.
class NamespaceVisitor {
 public:
  static base::Result<NamespaceVisitor> make();  // comes back to where the process is now
  NamespaceVisitor(NamespaceVisitor&& from) noexcept;
  NamespaceVisitor& operator=(NamespaceVisitor&&) = delete;
  NamespaceVisitor(const NamespaceVisitor&) = delete;
  NamespaceVisitor& operator=(const NamespaceVisitor&) = delete;
  ~NamespaceVisitor();

  [[nodiscard]] bool may_enter() const;
  // kNotFound: it has gone; kDenied: it takes CAP_SYS_ADMIN.
  [[nodiscard]] base::Result<NetlinkSocket> open_in(const Root& root,
                                                    const model::NetworkNamespace& netns,
                                                    int protocol) const;

 private:
  explicit NamespaceVisitor(int own) : own_(own) {}
  int own_;
};

}  // namespace netwatch::collect
