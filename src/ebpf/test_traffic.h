#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/cgroup_mount.h"
#include "ebpf/tracker.h"
#include "model/flow.h"

// Traffic for tests whose owners are known: programs in a network namespace and a cgroup of their
// own keep a ledger of what they did.
namespace netwatch::ebpf {

// One socket of a program, as the program itself knows it.
struct LedgerRow {
  std::uint32_t pid = 0;  // who used it last
  std::uint8_t proto = 0;
  model::Endpoint local;
  model::Endpoint remote;  // unspecified: not connected
  std::int64_t sent = 0;
  std::int64_t received = 0;
};

// Shared by all processes that are forked from here on.
class Ledger {
 public:
  static constexpr std::size_t kRows = 16384;
  Ledger() {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = memory == MAP_FAILED ? nullptr : new (memory) Shared;
  }
  ~Ledger() { ::munmap(shared_, sizeof(Shared)); }
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  void add(LedgerRow row) {
    const std::size_t at = shared_->used.fetch_add(1);
    if (at < kRows) shared_->rows[at] = row;
  }
  [[nodiscard]] std::span<const LedgerRow> rows() const {
    return {shared_->rows.data(), std::min(shared_->used.load(), kRows)};
  }

 private:
  struct Shared {
    std::atomic<std::size_t> used = 0;
    std::array<LedgerRow, kRows> rows{};
  };
  Shared* shared_ = nullptr;
};

// Why programs in the kernel cannot be tested here; empty if they can.
inline std::string why_no_programs() {
  if (!Tracker::built_in()) return "built without eBPF";
  if (::geteuid() != 0) return "needs root";
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) return "the kernel has no BTF";
  std::ifstream file("/proc/self/mountinfo");
  const std::string mounts{std::istreambuf_iterator<char>(file), {}};
  return base::find_cgroup2(mounts) ? "" : "no cgroup2 tree is mounted";
}

// A network namespace with a loopback interface and a folder of the cgroup2 tree.
class Sandbox {
 public:
  Sandbox() {
    std::ifstream file("/proc/self/mountinfo");
    const std::string mounts{std::istreambuf_iterator<char>(file), {}};
    const auto tree = base::find_cgroup2(mounts);
    cgroup_ = (tree ? tree->point : "") + "/netwatch-test-" + std::to_string(::getpid());
    home_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    ready_ = ::mkdir(cgroup_.c_str(), 0755) == 0 && ::unshare(CLONE_NEWNET) == 0 && loopback_up();
    inside_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    leave();
  }
  ~Sandbox() {
    ::close(home_);
    ::close(inside_);
    ::rmdir(cgroup_.c_str());
  }
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] const std::string& cgroup() const { return cgroup_; }
  [[nodiscard]] std::uint64_t netns() const {
    struct stat status{};
    return ::fstat(inside_, &status) == 0 ? status.st_ino : 0;
  }
  // The calling thread's namespace becomes this one, and the one it came from.
  void enter() const { ::setns(inside_, CLONE_NEWNET); }
  void leave() const { ::setns(home_, CLONE_NEWNET); }

  // Runs `program` inside, under that name (15 characters).
  pid_t start(const std::string& name, const std::function<void()>& program) const {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_NAME, name.c_str());
    std::ofstream(cgroup_ + "/cgroup.procs") << "0";
    enter();
    program();
    ::_exit(0);
  }

 private:
  static bool loopback_up() {
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    const bool up = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    ::close(fd);
    return up;
  }

  std::string cgroup_;
  int home_ = -1;
  int inside_ = -1;
  bool ready_ = false;
};

inline int wait_for(pid_t pid) {
  int status = -1;
  ::waitpid(pid, &status, 0);
  return status;
}

}  // namespace netwatch::ebpf
