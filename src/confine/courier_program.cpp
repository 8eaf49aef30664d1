// A courier whose duty is to try what it may and what it may not. Run by courier_test in a process
// of its own, since no sanitizer's run-time survives the filter of system calls. Prints what went
// well.
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "confine/courier.h"

namespace netwatch::confine {
namespace {

// What is told of an attempt is the words of a row: nothing else comes out of a courier.
model::HealthTable attempts() {
  model::HealthTable table;
  const auto tell = [&](const char* what, bool done) {
    if (!done) return;
    model::HealthRow row;
    row.why = what;
    table.rows.push_back(row);
  };
  const auto opens = [](int family, int type, int protocol) {
    return ::socket(family, type | SOCK_CLOEXEC, protocol) >= 0;
  };
  const auto reads = [](const char* file) { return ::open(file, O_RDONLY | O_CLOEXEC) >= 0; };
  tell("udp", opens(AF_INET, SOCK_DGRAM, 0));
  tell("udp6", opens(AF_INET6, SOCK_DGRAM, 0));
  tell("routes", opens(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  tell("sock_diag", opens(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG));
  tell("udp lite", opens(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
  tell("tcp", opens(AF_INET, SOCK_STREAM, 0));
  tell("unix", opens(AF_UNIX, SOCK_DGRAM, 0));
  tell("packet", opens(AF_PACKET, SOCK_RAW, 0));
  tell("raw", opens(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  tell("fork", ::fork() > 0);
  tell("root", ::geteuid() == 0);
  tell("shadow", reads("/etc/shadow"));
  tell("passwd", reads("/etc/passwd"));
  tell("proc", reads("/proc/self/maps"));
  tell("write", ::open("/tmp/netwatch-courier", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
  tell("ptrace", ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr) == 0);
  return table;
}

int run() {
  const auto courier =
      CourierClient::start({.open = nullptr, .probe = attempts}, Mode::kStrict, {});
  if (!courier.ok()) return 1;
  for (int i = 0; i < 2000 && (*courier)->alive(); ++i) {
    if (const auto table = (*courier)->health()) {
      std::string done = "done: ";
      for (const model::HealthRow& row : table->rows) done += row.why + ' ';
      std::printf("%s\n", done.c_str());
      return 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::puts("the courier has told nothing");
  return 1;
}

}  // namespace
}  // namespace netwatch::confine

int main() { return netwatch::confine::run(); }
