#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "collect/collect.h"

namespace netwatch::collect {

// "socket:[12345]" -> 12345; nothing for other descriptors.
std::optional<std::uint64_t> parse_socket_link(std::string_view target);

// A socket that a process has open, once per process however many descriptors it has for it.
struct Holding {
  std::uint64_t inode = 0;
  std::uint32_t pid = 0;
};

// Who holds which socket, by one walk over /proc/*/fd: sorted by inode, then pid.
struct Holdings {
  std::vector<Holding> holdings;
  std::uint64_t processes = 0;             // seen
  std::uint64_t unreadable_processes = 0;  // whose descriptors we may not list
  std::uint64_t not_kept = 0;              // holdings beyond the bound of one walk
  bool hides_processes = false;            // /proc shows no init: it hides others' (hidepid)
};
base::Result<Holdings> scan_proc_fd(const Root& root);

}  // namespace netwatch::collect
