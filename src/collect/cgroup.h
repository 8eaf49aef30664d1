#pragma once

#include <string>
#include <string_view>

namespace netwatch::collect {

// What /proc/PID/cgroup says of a process (cgroups(7)): version 1, version 2 and both side by side.
//   container  64 hex digits (Docker, Podman, containerd, CRI-O) or the name of an LXC or
//              systemd-nspawn container; a container's monitor (conmon) is not in it
//   runtime    who runs it, where the path says so: "docker", "containerd", "cri-o", "podman",
//              "lxc", "systemd-nspawn"
//   pod        uid of the Kubernetes pod
//   unit       the innermost systemd service, else scope; within a container only its own systemd's
// Each is empty if there is none.
struct CgroupMembership {
  std::string container;
  std::string runtime;
  std::string pod;
  std::string unit;
};
CgroupMembership parse_proc_cgroup(std::string_view text);
// The same of a single path: "/system.slice/ssh.service".
CgroupMembership membership_of(std::string_view path);

}  // namespace netwatch::collect
