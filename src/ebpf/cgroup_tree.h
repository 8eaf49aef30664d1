#pragma once

#include <string>

#include "base/result.h"

namespace netwatch::ebpf {

// Opens the folder of the cgroup2 tree that programs are attached to; the descriptor belongs to the
// caller. `folder`: that one, or, if empty, the whole tree: where the file `mountinfo` (proc(5))
// says that it is mounted, else a mount of our own that has no place and ends with the descriptor
// (fsmount(2); needs CAP_SYS_ADMIN). So it is there as well on hosts that use version 1 alone, and
// under `ip netns exec`, which hides /sys/fs/cgroup.
// kNotFound: it is mounted nowhere, and this process may not mount it.
base::Result<int> open_cgroup_tree(const std::string& folder, const std::string& mountinfo);

}  // namespace netwatch::ebpf
