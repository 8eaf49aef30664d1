// seccomp(2) by libseccomp. An allow-list: what is not known here is refused, so a system call that
// kernels learn next year is as well. docs/confinement.md says why each rule with a condition is as
// it is.
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <fcntl.h>
#include <linux/sockios.h>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>

#include "confine/measures_linux.h"

namespace netwatch::confine {
namespace {

#ifdef __has_feature
#define NETWATCH_CLANG_SANITIZER \
  (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define NETWATCH_CLANG_SANITIZER 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || NETWATCH_CLANG_SANITIZER
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// What a program of C++ needs to compute, wait, read what is open and end.
constexpr int kAlways[] = {
    // bytes of open files
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(lseek),
    SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat),
    SCMP_SYS(fadvise64), SCMP_SYS(pwrite64), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate), SCMP_SYS(getdents64),
    // memory
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    // threads
    SCMP_SYS(futex), SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    // time and waiting
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2),
    SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(restart_syscall),
    // signals
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    // itself
    SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrandom),
    SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getcwd)};

// With Landlock in force they reach the plan's files only.
constexpr int kFinish[] = {SCMP_SYS(rename),   SCMP_SYS(renameat),  SCMP_SYS(renameat2),
                           SCMP_SYS(unlink),   SCMP_SYS(unlinkat),  SCMP_SYS(truncate),
                           SCMP_SYS(readlink), SCMP_SYS(readlinkat)};
constexpr int kOpen[] = {SCMP_SYS(open),     SCMP_SYS(openat),     SCMP_SYS(fchmod),
                         SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(statfs),
                         SCMP_SYS(access),   SCMP_SYS(faccessat),  SCMP_SYS(faccessat2)};
constexpr int kReceive[] = {SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(getsockopt)};

constexpr int kAsk[] = {SCMP_SYS(connect), SCMP_SYS(sendto)};

// The broker's duties are open, ioctl, setsockopt, bind of packet and netlink sockets, readlink,
// and setns for network namespaces. CAP_SYS_ADMIN, which that takes, is for much else.
constexpr int kNoDuty[] = {SCMP_SYS(execve),
                           SCMP_SYS(execveat),
                           SCMP_SYS(fork),
                           SCMP_SYS(vfork),
                           SCMP_SYS(clone),
                           SCMP_SYS(clone3),
                           SCMP_SYS(ptrace),
                           SCMP_SYS(process_vm_readv),
                           SCMP_SYS(process_vm_writev),
                           SCMP_SYS(pidfd_getfd),
                           SCMP_SYS(connect),
                           SCMP_SYS(accept),
                           SCMP_SYS(accept4),
                           SCMP_SYS(listen),
                           SCMP_SYS(bpf),
                           SCMP_SYS(io_uring_setup),
                           SCMP_SYS(perf_event_open),
                           SCMP_SYS(userfaultfd),
                           SCMP_SYS(keyctl),
                           SCMP_SYS(add_key),
                           SCMP_SYS(request_key),
                           SCMP_SYS(mount),
                           SCMP_SYS(umount2),
                           SCMP_SYS(pivot_root),
                           SCMP_SYS(chroot),
                           SCMP_SYS(unshare),
                           SCMP_SYS(fsopen),
                           SCMP_SYS(fsconfig),
                           SCMP_SYS(fsmount),
                           SCMP_SYS(fspick),
                           SCMP_SYS(move_mount),
                           SCMP_SYS(open_tree),
                           SCMP_SYS(mount_setattr),
                           SCMP_SYS(open_by_handle_at),
                           SCMP_SYS(sethostname),
                           SCMP_SYS(setdomainname),
                           SCMP_SYS(swapon),
                           SCMP_SYS(swapoff),
                           SCMP_SYS(quotactl),
                           SCMP_SYS(quotactl_fd),
                           SCMP_SYS(acct),
                           SCMP_SYS(syslog),
                           SCMP_SYS(fanotify_init),
                           SCMP_SYS(setxattr),
                           SCMP_SYS(lsetxattr),
                           SCMP_SYS(fsetxattr),
                           SCMP_SYS(removexattr),
                           SCMP_SYS(lremovexattr),
                           SCMP_SYS(fremovexattr),
                           SCMP_SYS(process_madvise),
                           SCMP_SYS(kexec_load),
                           SCMP_SYS(kexec_file_load),
                           SCMP_SYS(init_module),
                           SCMP_SYS(finit_module),
                           SCMP_SYS(delete_module),
                           SCMP_SYS(kill),
                           SCMP_SYS(mknod),
                           SCMP_SYS(mknodat)};
// The keeper of a file does these.
constexpr int kNames[] = {SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
                          SCMP_SYS(unlink), SCMP_SYS(unlinkat)};

constexpr unsigned long kTerminalQuestions[] = {TCGETS, TIOCGWINSZ};
constexpr unsigned long kTerminalSettings[] = {TCSETS, TCSETSW, TCSETSF};
constexpr int kDescriptorFlags[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL};

using Argument = scmp_arg_cmp;
Argument equal(unsigned index, std::uint64_t value) {
  return {.arg = index, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}
// (argument & mask) == value
Argument masked(unsigned index, std::uint64_t mask, std::uint64_t value) {
  return {.arg = index, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

// One filter that is being made. Errors of libseccomp are negative values of errno.
class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(::seccomp_init(otherwise)) {
    if (!context_) error_ = ENOMEM;
  }

  void allow(int call) { add(SCMP_ACT_ALLOW, call, {}); }
  void allow(std::span<const int> calls) {
    for (const int call : calls) allow(call);
  }
  void allow_if(int call, Argument condition) { add(SCMP_ACT_ALLOW, call, {&condition, 1}); }
  void allow_if(int call, std::initializer_list<Argument> conditions) {
    add(SCMP_ACT_ALLOW, call, {conditions.begin(), conditions.size()});
  }
  void answer(int call, std::uint16_t error) { add(SCMP_ACT_ERRNO(error), call, {}); }
  void answer_if(int call, std::uint16_t error, Argument condition) {
    add(SCMP_ACT_ERRNO(error), call, {&condition, 1});
  }
  // For threads that might be there as well; confine() has seen none.
  base::Status load() {
    if (error_ == 0) error_ = -::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (error_ == 0) error_ = -::seccomp_load(context_.get());
    return error_ == 0 ? base::ok_status() : base::Status(base::errno_error(error_, "seccomp"));
  }

 private:
  void add(std::uint32_t action, int call, std::span<const Argument> conditions) {
    if (error_ != 0) return;
    const int added = ::seccomp_rule_add_array(
        context_.get(), action, call, static_cast<unsigned>(conditions.size()), conditions.data());
    // Some machines lack some of the calls: there is nothing to allow then.
    if (added != 0 && added != -EDOM) error_ = -added;
  }

  struct Release {
    void operator()(scmp_filter_ctx context) const { ::seccomp_release(context); }
  };
  std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Release> context_;
  int error_ = 0;
};

// Written descriptors stay open for ever: close() of one succeeds and does nothing. The kernel
// looks at the lower half of the argument only.
base::Status keep_open(const Plan& plan) {
  if (plan.written.empty()) return base::ok_status();
  Filter filter(SCMP_ACT_ALLOW);
  for (const int fd : plan.written) {
    filter.answer_if(SCMP_SYS(close), 0, masked(0, 0xffffffff, static_cast<std::uint64_t>(fd)));
  }
  return filter.load();
}

void allow_descriptors(Filter& filter, const Plan& plan) {
  for (const int fd : plan.written) {
    filter.allow_if(SCMP_SYS(write), equal(0, static_cast<std::uint64_t>(fd)));
    filter.allow_if(SCMP_SYS(writev), equal(0, static_cast<std::uint64_t>(fd)));
  }
  for (const int command : kDescriptorFlags) {
    filter.allow_if(SCMP_SYS(fcntl), equal(1, static_cast<std::uint64_t>(command)));
  }
  for (const unsigned long request : kTerminalQuestions) {
    filter.allow_if(SCMP_SYS(ioctl), equal(1, request));
  }
  if (plan.terminal) {
    for (const unsigned long request : kTerminalSettings) {
      filter.allow_if(SCMP_SYS(ioctl), equal(1, request));
    }
  }
  if (plan.bpf_iterators) {
    filter.allow_if(SCMP_SYS(bpf), equal(0, BPF_ITER_CREATE));
    // Waits until programs in the kernel are through with what they share with us.
    filter.allow_if(SCMP_SYS(membarrier), equal(0, MEMBARRIER_CMD_GLOBAL));
  }
  if (plan.receives) {
    filter.allow(kReceive);
    filter.allow_if(SCMP_SYS(ioctl), equal(1, SIOCGIFNAME));
  }
}

// Sockets that can only ask: UDP and ping (ICMP sockets are datagram sockets, too). Bits above the
// kinds' own are flags.
void allow_questions(Filter& filter) {
  constexpr std::uint64_t kKind = 0xf;
  constexpr std::array<std::array<int, 2>, 6> kSockets{{{AF_INET, 0},
                                                        {AF_INET, IPPROTO_UDP},
                                                        {AF_INET, IPPROTO_ICMP},
                                                        {AF_INET6, 0},
                                                        {AF_INET6, IPPROTO_UDP},
                                                        {AF_INET6, IPPROTO_ICMPV6}}};
  for (const auto& [family, protocol] : kSockets) {
    filter.allow_if(SCMP_SYS(socket),
                    {equal(0, static_cast<std::uint64_t>(family)), masked(1, kKind, SOCK_DGRAM),
                     equal(2, static_cast<std::uint64_t>(protocol))});
  }
  filter.allow(kAsk);
}

base::Error sanitized() {
  return {base::ErrorCode::kUnsupported,
          "this build has a sanitizer, which needs other system calls"};
}

void allow_memory_and_threads(Filter& filter) {
  filter.allow_if(SCMP_SYS(mmap), masked(2, PROT_EXEC, 0));
  filter.allow_if(SCMP_SYS(mprotect), masked(2, PROT_EXEC, 0));
  // clone3() hides its flags behind a pointer: libc falls back to clone().
  filter.answer(SCMP_SYS(clone3), ENOSYS);
  filter.allow_if(SCMP_SYS(clone), masked(0, CLONE_THREAD, CLONE_THREAD));
  filter.allow_if(SCMP_SYS(tgkill), equal(0, static_cast<std::uint64_t>(::getpid())));
  filter.allow_if(SCMP_SYS(prlimit64), equal(2, 0));  // asked, not set
}

}  // namespace

base::Status deny_broker_calls(bool enters) {
  if (kSanitized) return sanitized();
  Filter filter(SCMP_ACT_ALLOW);
  for (const int call : kNoDuty) filter.answer(call, EPERM);
  for (const int call : kNames) filter.answer(call, EPERM);
  if (enters) {
    // Zero would be a namespace of any kind.
    filter.answer_if(SCMP_SYS(setns), EPERM,
                     {.arg = 1, .op = SCMP_CMP_NE, .datum_a = CLONE_NEWNET, .datum_b = 0});
  } else {
    filter.answer(SCMP_SYS(setns), EPERM);
  }
  return filter.load();
}

base::Status deny_keeper_calls() {
  if (kSanitized) return sanitized();
  Filter filter(SCMP_ACT_ALLOW);
  for (const int call : kNoDuty) filter.answer(call, EPERM);
  filter.answer(SCMP_SYS(setns), EPERM);
  return filter.load();
}

base::Status restrict_system_calls(const Plan& plan) {
  if (kSanitized) return sanitized();
  if (auto kept = keep_open(plan); !kept.ok()) return kept;
  Filter filter(SCMP_ACT_ERRNO(EPERM));
  filter.allow(kAlways);
  allow_memory_and_threads(filter);
  allow_descriptors(filter, plan);
  if (plan.asks) allow_questions(filter);
  bool creates = false;
  for (const OutputFolder& folder : plan.outputs) {
    creates = creates || folder.use == OutputFolder::Use::kCreate;
  }
  if (!plan.outputs.empty()) filter.allow(kFinish);
  if (creates || !plan.readable.empty()) filter.allow(kOpen);
  return filter.load();
}

}  // namespace netwatch::confine
