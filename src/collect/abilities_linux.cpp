#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "collect/collect.h"
#include "collect/interfaces.h"
#include "collect/proc_fd.h"
#include "collect/sock_diag_linux.h"
#include "collect/text_file.h"

namespace netwatch::collect {
namespace {

// What grants these rights to the program file for all its users; running it by sudo does as well.
// SYS_PTRACE and DAC_READ_SEARCH together show other users' /proc/PID/fd, neither does alone; BPF,
// PERFMON and NET_ADMIN are for src/ebpf.
std::string setcap_command() {
  std::string program = read_link("/proc/self/exe");
  if (program.empty()) program = "netwatch";
  return "sudo setcap cap_net_raw,cap_net_admin,cap_sys_ptrace,cap_dac_read_search,cap_bpf,"
         "cap_perfmon=ep " +
         program;
}

model::Ability capture_ability() {
  model::Ability ability{.name = "capture", .on = true, .why = {}, .fix = {}};
  // Protocol 0: the probe receives nothing.
  const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    ::close(fd);
    return ability;
  }
  const int failure = errno;
  ability.on = false;
  if (failure == EPERM || failure == EACCES) {
    ability.why = "opening a packet socket needs CAP_NET_RAW";
    ability.fix = setcap_command();
  } else if (failure == EAFNOSUPPORT) {
    ability.why = "the kernel has no packet sockets (AF_PACKET)";
    ability.fix = "sudo modprobe af_packet";
  } else {
    ability.why = "packet socket: " + std::generic_category().message(failure);
  }
  return ability;
}

model::Ability owners_ability(const Root& root, bool privileged) {
  model::Ability ability{.name = "owners of all sockets", .on = true, .why = {}, .fix = {}};
  const auto scanned = scan_proc_fd(root);
  if (!scanned) {
    ability.on = false;
    ability.why = scanned.error().message;
    return ability;
  }
  if (scanned->hides_processes) {
    ability.on = false;
    ability.why = "/proc hides the processes of other users (mounted with hidepid)";
  } else if (scanned->unreadable_processes > 0) {
    ability.on = false;
    ability.why = std::to_string(scanned->unreadable_processes) + " of " +
                  std::to_string(scanned->processes) + " processes do not show their descriptors";
    if (privileged) ability.why += ", not even to root";
  }
  if (!ability.on && !privileged) ability.fix = setcap_command();
  return ability;
}

model::Ability sock_diag_ability() {
  model::Ability ability{.name = "socket counters", .on = true, .why = {}, .fix = {}};
  auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  base::Status status = base::ok_status();
  if (!netlink) status = netlink.error();
  std::vector<model::Socket> sockets;
  if (netlink) status = dump_sock_diag(*netlink, model::ip_proto::kTcp, AF_INET, sockets);
  if (netlink && status) {
    status = dump_sock_diag(*netlink, model::ip_proto::kUdp, AF_INET, sockets);
  }
  if (status) return ability;
  ability.on = false;
  ability.why = "sock_diag: " + status.error().message + "; bytes and RTT per socket are missing";
  if (status.error().code == base::ErrorCode::kUnsupported) {
    ability.fix = "sudo modprobe -a inet_diag tcp_diag udp_diag";
  }
  return ability;
}

model::Ability interface_ability(const Root& root) {
  model::Ability ability{.name = "interface counters", .on = true, .why = {}, .fix = {}};
  if (const auto table = collect_interfaces(root); !table) {
    ability.on = false;
    ability.why = table.error().message;
  }
  return ability;
}

}  // namespace

std::vector<model::Ability> collect_abilities(const Root& root) {
  std::vector<model::Ability> abilities;
  const bool live = root.path == "/";
  if (live) abilities.push_back(capture_ability());
  abilities.push_back(owners_ability(root, live && ::geteuid() == 0));
  if (live) abilities.push_back(sock_diag_ability());
  abilities.push_back(interface_ability(root));
  return abilities;
}

}  // namespace netwatch::collect
