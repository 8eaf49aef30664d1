#include "ebpf/abilities.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace netwatch::ebpf {
namespace {

std::string setcap_command() {
  std::array<char, 4096> program{};
  const ssize_t length = ::readlink("/proc/self/exe", program.data(), program.size() - 1);
  return "sudo setcap cap_net_raw,cap_net_admin,cap_sys_ptrace,cap_dac_read_search,cap_bpf,"
         "cap_perfmon=ep " +
         (length > 0 ? std::string(program.data(), static_cast<std::size_t>(length)) : "netwatch");
}

}  // namespace

model::Ability off(std::string_view name, std::string why, std::string fix) {
  return {.name = std::string(name), .on = false, .why = std::move(why), .fix = std::move(fix)};
}

model::Ability on(std::string_view name) {
  return {.name = std::string(name), .on = true, .why = {}, .fix = {}};
}

model::Ability refused(std::string_view name, int failure) {
  if (failure != EPERM && failure != EACCES) {
    return off(
        name, "the kernel does not load the programs: " + std::generic_category().message(failure));
  }
  if (::geteuid() == 0) {
    return off(name, "the kernel refuses programs, even to root (a container, or lockdown)");
  }
  return off(name, "programs in the kernel need CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN",
             setcap_command());
}

model::Ability no_types(std::string_view name) {
  return off(name,
             "the kernel tells no types (/sys/kernel/btf/vmlinux, a kernel built with "
             "CONFIG_DEBUG_INFO_BTF)");
}

}  // namespace netwatch::ebpf
