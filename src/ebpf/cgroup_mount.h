#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace netwatch::ebpf {

// Where the cgroup2 tree is mounted, from the text of /proc/PID/mountinfo (proc(5)): the mount that
// shows most of it. Nothing if there is none.
std::optional<std::string> find_cgroup2(std::string_view mountinfo);

}  // namespace netwatch::ebpf
