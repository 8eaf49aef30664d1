#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace netwatch::base {

// Where the tree of version 2 of cgroups is mounted (cgroups(7)).
struct Cgroup2Mount {
  std::string point;
  std::string root;  // what of the tree is shown there, as this cgroup namespace calls it: "/"

  // Version 2 alone is in use: systemd and container runtimes go by this place, too. Elsewhere the
  // tree stands beside those of version 1, where a process may be in another cgroup.
  [[nodiscard]] bool is_only_version() const { return point == "/sys/fs/cgroup"; }
};

// By the text of /proc/PID/mountinfo (proc(5)): the mount that shows most of the tree. Nothing if
// there is none.
std::optional<Cgroup2Mount> find_cgroup2(std::string_view mountinfo);

}  // namespace netwatch::base
