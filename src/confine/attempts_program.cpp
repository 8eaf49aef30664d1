// A small program that confines itself and then tries, from its first thread and from others, what
// a parser that was taken over would try. Run by confine_test in a process of its own: a confined
// process stays so, and a sanitizer's run-time would not survive it.
//
//   attempts_program MODE [FOLDER]   MODE as of --confine; files may be made in FOLDER
//   attempts_program late            confines itself while another thread runs
//
// Lines: "measure NAME on|off WHY", "user UID GID", "have NAME yes|no", "THREAD NAME VERDICT" with
// VERDICT one of refused, done, failed (with an errno that is not a refusal).
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sock_diag.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "confine/attempts.h"
#include "confine/confine.h"

namespace netwatch::confine {
namespace {

// What is open before.
struct Open {
  int packets = -1;  // AF_PACKET on lo
  int file = -1;     // an ordinary file with a few bytes
  int pipe_in = -1;  // a pipe with bytes in it
  int memory = -1;   // to write to
  int status = -1;   // /proc/self/status
  int dump = -1;     // NETLINK_SOCK_DIAG: asked for all TCP sockets, as a broker passes it on
  int netns = -1;    // a network namespace
};

sockaddr_ll loopback() {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
  return address;
}

const sockaddr* as_socket_address(const void* address) {
  return static_cast<const sockaddr*>(address);
}

int asked_dump() {
  struct {
    nlmsghdr head;
    inet_diag_req_v2 body;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_INET;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0U;
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd >= 0) (void)!::write(fd, &request, sizeof request);
  return fd;
}

Open open_all() {
  Open out;
  out.packets = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const sockaddr_ll address = loopback();
  if (out.packets >= 0 && ::bind(out.packets, as_socket_address(&address), sizeof address) != 0) {
    ::close(std::exchange(out.packets, -1));
  }
  out.file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    (void)!::write(pipe[1], "0123456789abcdef0123456789abcdef", 32);
    out.pipe_in = pipe[0];
  }
  out.memory = ::memfd_create("netwatch", MFD_CLOEXEC);
  out.status = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  out.dump = asked_dump();
  out.netns = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  return out;
}

// A frame that no protocol takes.
std::array<char, 64> frame() {
  std::array<char, 64> out{};
  out[12] = static_cast<char>(0x88);
  out[13] = static_cast<char>(0xb5);
  return out;
}

long connect_out() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const long result = ::connect(fd, as_socket_address(&address), sizeof address);
  const int failure = errno;
  ::close(fd);
  errno = failure;
  return result;
}

long executable_memory(bool later) {
  const int protection = later ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC;
  void* const memory = ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1;
  const long result = later ? ::mprotect(memory, 4096, PROT_READ | PROT_EXEC) : 0;
  const int failure = errno;
  ::munmap(memory, 4096);
  errno = failure;
  return result;
}

// What is forbidden on every host, whatever was open.
std::vector<Attempt> general_attempts() {
  return {
      {"open /etc/shadow", [] { return close_if_open(::open("/etc/shadow", O_RDONLY)); }},
      {"open /etc/passwd", [] { return close_if_open(::open("/etc/passwd", O_RDONLY)); }},
      {"open /proc/self/mem", [] { return close_if_open(::open("/proc/self/mem", O_RDWR)); }},
      {"make a file",
       [] { return close_if_open(::open("/tmp/netwatch.attempt", O_WRONLY | O_CREAT, 0600)); }},
      {"chmod", [] { return static_cast<long>(::chmod("/etc/passwd", 0644)); }},
      {"connect", connect_out},
      {"udp socket", [] { return close_if_open(::socket(AF_INET, SOCK_DGRAM, 0)); }},
      {"unix socket", [] { return close_if_open(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
      {"netlink socket", [] { return close_if_open(::socket(AF_NETLINK, SOCK_RAW, 0)); }},
      {"raw socket", [] { return close_if_open(::socket(AF_INET, SOCK_RAW, IPPROTO_TCP)); }},
      {"packet socket", [] { return close_if_open(::socket(AF_PACKET, SOCK_RAW, 0)); }},
      {"execve", [] { return run_program(false); }},
      {"execveat", [] { return run_program(true); }},
      {"fork", [] { return new_process(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
      {"clone3",
       [] {
         clone_args arguments{};
         arguments.exit_signal = SIGCHLD;
         return new_process(::syscall(SYS_clone3, &arguments, sizeof arguments));
       }},
      {"ptrace", [] { return ::ptrace(PTRACE_SEIZE, ::getppid(), nullptr, nullptr); }},
      {"process_vm_readv",
       [] {
         std::array<char, 8> bytes{};
         const iovec here{bytes.data(), bytes.size()};
         return static_cast<long>(::process_vm_readv(::getppid(), &here, 1, &here, 1, 0));
       }},
      {"kill", [] { return static_cast<long>(::kill(::getppid(), 0)); }},
      {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
      {"io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
      {"userfaultfd",
       [] { return close_if_open(static_cast<int>(::syscall(SYS_userfaultfd, 0))); }},
      {"keyctl", [] { return ::syscall(SYS_keyctl, 0, -3, 0, 0, 0); }},
      {"mount", [] { return static_cast<long>(::mount("none", "/", "none", 0, nullptr)); }},
      {"unshare", [] { return ::syscall(SYS_unshare, 0x10000000); }},
      {"kexec_load", [] { return ::syscall(SYS_kexec_load, 0, 0, nullptr, 0); }},
      {"init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, ""); }},
      {"setuid", [] { return ::syscall(SYS_setuid, 0); }},
      {"setrlimit",
       [] {
         const rlimit limit{.rlim_cur = 1, .rlim_max = 1};
         return static_cast<long>(::setrlimit(RLIMIT_CORE, &limit));
       }},
      {"executable memory", [] { return executable_memory(false); }},
      {"memory made executable", [] { return executable_memory(true); }},
      {"type into the terminal", [] { return static_cast<long>(::ioctl(0, TIOCSTI, "x")); }},
  };
}

long send_message(int fd, bool many) {
  std::array<char, 64> bytes = frame();
  iovec part{bytes.data(), bytes.size()};
  mmsghdr message{};
  message.msg_hdr.msg_iov = &part;
  message.msg_hdr.msg_iovlen = 1;
  return many ? ::sendmmsg(fd, &message, 1, 0) : ::sendmsg(fd, &message.msg_hdr, 0);
}

long write_vector(int fd, int call) {
  std::array<char, 64> bytes = frame();
  const iovec part{bytes.data(), bytes.size()};
  if (call == SYS_writev) return ::writev(fd, &part, 1);
  if (call == SYS_pwritev2) return ::pwritev2(fd, &part, 1, -1, 0);
  return ::pwrite(fd, bytes.data(), bytes.size(), 0);
}

// What a descriptor that captures would allow.
std::vector<Attempt> packet_attempts(const Open& open) {
  const int fd = open.packets;
  return {
      {"capture: send", [fd] { return static_cast<long>(::send(fd, frame().data(), 64, 0)); }},
      {"capture: sendmsg", [fd] { return send_message(fd, false); }},
      {"capture: sendmmsg", [fd] { return send_message(fd, true); }},
      {"capture: write", [fd] { return static_cast<long>(::write(fd, frame().data(), 64)); }},
      {"capture: writev", [fd] { return write_vector(fd, SYS_writev); }},
      {"capture: pwrite64", [fd] { return write_vector(fd, SYS_pwrite64); }},
      {"capture: pwritev2", [fd] { return write_vector(fd, SYS_pwritev2); }},
      {"capture: sendfile",
       [fd, from = open.file] {
         off_t at = 0;
         return static_cast<long>(::sendfile(fd, from, &at, 64));
       }},
      {"capture: splice",
       [fd, from = open.pipe_in] {
         return static_cast<long>(::splice(from, nullptr, fd, nullptr, 16, SPLICE_F_NONBLOCK));
       }},
      {"capture: bind",
       [fd] {
         const sockaddr_ll address = loopback();
         return static_cast<long>(::bind(fd, as_socket_address(&address), sizeof address));
       }},
      {"capture: promiscuous",
       [fd] {
         packet_mreq request{};
         request.mr_ifindex = static_cast<int>(::if_nametoindex("lo"));
         request.mr_type = PACKET_MR_PROMISC;
         return static_cast<long>(
             ::setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request));
       }},
      {"capture: no filter",
       [fd] {
         const int none = 0;
         return static_cast<long>(
             ::setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none));
       }},
      {"capture: to standard output", [fd] { return static_cast<long>(::dup2(fd, 1)); }},
      {"capture: another number", [fd] { return static_cast<long>(::fcntl(fd, F_DUPFD, 0)); }},
  };
}

// What a socket of another namespace would allow: other questions, and SOCK_DESTROY.
std::vector<Attempt> dump_attempts(const Open& open) {
  const int fd = open.dump;
  return {
      {"netlink: write", [fd] { return static_cast<long>(::write(fd, frame().data(), 64)); }},
      {"netlink: writev", [fd] { return write_vector(fd, SYS_writev); }},
      {"netlink: pwrite64", [fd] { return write_vector(fd, SYS_pwrite64); }},
      {"netlink: send", [fd] { return static_cast<long>(::send(fd, frame().data(), 64, 0)); }},
      {"netlink: sendmsg", [fd] { return send_message(fd, false); }},
      {"netlink: bind",
       [fd] {
         sockaddr_nl address{};
         address.nl_family = AF_NETLINK;
         address.nl_groups = 1;
         return static_cast<long>(::bind(fd, as_socket_address(&address), sizeof address));
       }},
      {"netlink: membership",
       [fd] {
         const int group = 1;
         return static_cast<long>(
             ::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group));
       }},
      {"netlink: to standard output", [fd] { return static_cast<long>(::dup2(fd, 1)); }},
      {"setns", [netns = open.netns] { return static_cast<long>(::setns(netns, CLONE_NEWNET)); }},
  };
}

// Standard output cannot be closed, and so never be something else: not even by a number whose
// upper half the kernel ignores.
bool keeps_standard_output() {
  (void)::syscall(SYS_close, 1);
  (void)::syscall(SYS_close, 0x100000001L);
  return ::fcntl(1, F_GETFD) >= 0;
}

// What harms nobody where it is allowed: with MODE off it shows that the attempts are real.
bool is_harmless(const std::string& name) {
  constexpr std::array<std::string_view, 9> kNames{
      "open /etc/passwd", "udp socket",    "fork",          "executable memory", "capture: send",
      "capture: write",   "capture: bind", "netlink: send", "netlink: write"};
  return std::ranges::find(kNames, name) != kNames.end();
}

void try_all(const std::string& thread, const Open& open, Mode mode) {
  std::vector<Attempt> attempts = general_attempts();
  for (Attempt& attempt : dump_attempts(open)) attempts.push_back(std::move(attempt));
  if (open.packets >= 0) {
    for (Attempt& attempt : packet_attempts(open)) attempts.push_back(std::move(attempt));
  }
  if (mode == Mode::kOff) {
    std::erase_if(attempts, [](const Attempt& one) { return !is_harmless(one.name); });
  }
  std::string out;
  for (const Attempt& attempt : attempts) {
    out += try_one(thread, attempt);
  }
  if (mode != Mode::kOff) {
    out += thread + "\tkeeps standard output\t" + (keeps_standard_output() ? "yes" : "no") + "\t\n";
  }
  // What has to go on working.
  const bool writes = ::pwrite(open.memory, "x", 1, 0) == 1;
  out += thread + "\twrites an open file\t" + (writes ? "yes" : "no") + "\t\n";
  std::array<char, 64> answer{};
  const bool told = ::recv(open.dump, answer.data(), answer.size(), MSG_PEEK | MSG_DONTWAIT) > 0;
  out += thread + "\ttakes the answer of a dump\t" + (told ? "yes" : "no") + "\t\n";
  if (open.packets >= 0) {
    std::array<char, 64> packet{};
    const bool asked =
        ::recv(open.packets, packet.data(), packet.size(), 0) >= 0 || errno == EAGAIN;
    out += thread + "\treceives\t" + (asked ? "yes" : "no") + "\t\n";
  }
  (void)!::write(1, out.data(), out.size());
}

// The lines of proc_pid_status(5) on rights.
void tell_status(const Open& open) {
  std::array<char, 8192> text{};
  const ssize_t got = ::pread(open.status, text.data(), text.size(), 0);
  std::istringstream in(std::string(text.data(), static_cast<std::size_t>(got > 0 ? got : 0)));
  for (std::string line; std::getline(in, line);) {
    const std::string name = line.substr(0, line.find(':'));
    if (name.starts_with("Cap") || name == "NoNewPrivs" || name == "Seccomp" || name == "Groups") {
      std::printf("have\t%s\t%s\n", name.c_str(), line.substr(name.size() + 2).c_str());
    }
  }
}

void make_file(const std::string& folder) {
  const std::string path = folder + "/made";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool good = fd >= 0 && ::pwrite(fd, "x", 1, 0) == 1 && ::close(fd) == 0 &&
                    ::rename(path.c_str(), (folder + "/renamed").c_str()) == 0;
  std::printf("have\tfile in the folder\t%s\n", good ? "yes" : std::strerror(errno));
}

int run(const std::string& mode, const std::string& folder) {
  const Open open = open_all();
  Plan plan;
  plan.mode = mode_of(mode).value_or(Mode::kBestEffort);
  plan.written = {1, 2};
  plan.receives = true;
  if (!folder.empty()) plan.outputs.push_back({folder, OutputFolder::Use::kCreate});
  std::thread early;
  if (mode == "late") early = std::thread([] { ::pause(); });
  const auto confined = confine(plan);
  if (!confined.ok()) {
    std::printf("error\t%s\n", confined.error().message.c_str());
    (void)std::fflush(stdout);
    ::_exit(3);
  }
  for (const model::Ability& one : confined->measures) {
    std::printf("measure\t%s\t%s\t%s\n", one.name.c_str(), one.on ? "on" : "off", one.why.c_str());
  }
  std::printf("user\t%u\t%u\n", ::geteuid(), ::getegid());
  std::printf("have\tcapture\t%s\n", open.packets >= 0 ? "yes" : "no");
  tell_status(open);
  if (!folder.empty()) make_file(folder);
  (void)std::fflush(stdout);
  try_all("main", open, plan.mode);
  std::vector<std::thread> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.emplace_back([&, i] { try_all("thread " + std::to_string(i), open, plan.mode); });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("end\n");
  return 0;
}

}  // namespace
}  // namespace netwatch::confine

int main(int argc, char** argv) {
  return netwatch::confine::run(argc > 1 ? argv[1] : "best-effort", argc > 2 ? argv[2] : "");
}
