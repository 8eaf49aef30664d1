// A small program that starts a broker and tries, in its process, what a broker that was taken over
// would try. Run by confine_test: with a sanitizer's run-time no system call could be denied.
// Lines as of attempts_program.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "confine/attempts.h"
#include "confine/broker.h"

namespace netwatch::confine {
namespace {

// What CAP_SYS_ADMIN, which it keeps to enter network namespaces, would allow beside that, and what
// no duty needs. Without arguments: where one is not denied it changes nothing on the host, and
// ends in another error than EPERM.
std::vector<Attempt> broker_attempts(int netns, int mounts) {
  return {
      {"setns of mounts", [mounts] { return static_cast<long>(::setns(mounts, CLONE_NEWNS)); }},
      {"setns of anything", [netns] { return static_cast<long>(::setns(netns, 0)); }},
      // The kernel looks at the lower half of the argument only.
      {"setns with an upper half",
       [netns] { return ::syscall(SYS_setns, netns, 0x100000000L | CLONE_NEWNET); }},
      {"setns by a process",
       [] {
         const int fd = static_cast<int>(::syscall(SYS_pidfd_open, ::getppid(), 0));
         return static_cast<long>(::setns(fd, CLONE_NEWNET | CLONE_NEWNS));
       }},
      {"unshare", [] { return ::syscall(SYS_unshare, CLONE_NEWNET); }},
      {"mount", [] { return ::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr); }},
      {"umount", [] { return ::syscall(SYS_umount2, nullptr, 0); }},
      {"fsopen", [] { return close_if_open(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", 0))); }},
      {"open_tree",
       [] { return close_if_open(static_cast<int>(::syscall(SYS_open_tree, -100, "/", 1))); }},
      {"open_by_handle_at", [] { return ::syscall(SYS_open_by_handle_at, 0, nullptr, 0); }},
      {"sethostname", [] { return ::syscall(SYS_sethostname, nullptr, 1); }},
      {"swapoff", [] { return ::syscall(SYS_swapoff, nullptr); }},
      {"setxattr", [] { return ::syscall(SYS_setxattr, "/", nullptr, nullptr, 0, 0); }},
      {"fanotify_init",
       [] { return close_if_open(static_cast<int>(::syscall(SYS_fanotify_init, 0, 0))); }},
      {"execve", [] { return run_program(false); }},
      {"fork", [] { return new_process(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
      {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
      {"ptrace", [] { return ::ptrace(PTRACE_SEIZE, ::getppid(), nullptr, nullptr); }},
  };
}

// Tells by the descriptor that a capture's place is for.
base::Result<OpenedCapture> try_as_broker(const CaptureRequest& /*request*/) {
  const int netns = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const int mounts = ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  std::string out;
  for (const Attempt& attempt : broker_attempts(netns, mounts)) {
    out += try_one("broker", attempt);
  }
  const bool enters = ::setns(netns, CLONE_NEWNET) == 0;
  out += std::string("have\tenters network namespaces\t") + (enters ? "yes" : "no") + '\n';
  const int fd = ::memfd_create("netwatch", MFD_CLOEXEC);
  if (::pwrite(fd, out.data(), out.size(), 0) < 0) return base::errno_error(errno, "memfd");
  return OpenedCapture{.fd = fd, .ifindex = 1};
}

int run() {
  const auto client = BrokerClient::start(
      {.open_capture = try_as_broker,
       .socket_holders = []() -> base::Result<SocketHolders> { return SocketHolders{}; },
       .namespaces = []() -> base::Result<NetworkNamespaces> { return NetworkNamespaces{}; },
       .socket_dump = [](const auto&) -> base::Result<int> { return base::Error{}; }});
  if (!client.ok()) return 1;
  constexpr BpfInstruction kReturnAll{.code = 0x06, .if_true = 0, .if_false = 0, .k = 1};
  const auto told =
      (*client)->open_capture({.interface = "lo", .ring_mebibytes = 1, .filter = {kReturnAll}});
  if (!told.ok()) return 1;
  std::array<char, 16384> text{};
  const ssize_t got = ::pread(told->fd, text.data(), text.size(), 0);
  (void)!::write(1, text.data(), static_cast<std::size_t>(got > 0 ? got : 0));
  (void)!::write(1, "end\n", 4);
  return 0;
}

}  // namespace
}  // namespace netwatch::confine

int main() { return netwatch::confine::run(); }
