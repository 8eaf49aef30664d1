#include "confine/child_linux.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace netwatch::confine {

base::Result<Child> start_child(const char* what, const std::function<void(int fd)>& run) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return base::errno_error(errno, std::string("the sockets of the ") + what);
  }
  const pid_t pid = ::fork();
  if (pid < 0) {
    const int failure = errno;
    ::close(pair[0]);
    ::close(pair[1]);
    return base::errno_error(failure, std::string("the ") + what);
  }
  if (pid == 0) {
    run(pair[1]);
    ::_exit(1);
  }
  ::close(pair[1]);
  return Child{.fd = pair[0], .pid = pid};
}

int become_child(int fd, const char* name) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTOU, SIGTTIN, SIGPIPE}) {
    (void)std::signal(signal, SIG_IGN);
  }
  (void)::prctl(PR_SET_NAME, name, 0, 0, 0);
  constexpr int kOurs = 3;
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int standard = 0; standard < kOurs; ++standard) {
    if (nothing >= 0) ::dup2(nothing, standard);
  }
  if (fd != kOurs && ::dup3(fd, kOurs, O_CLOEXEC) != kOurs) ::_exit(1);
  if (::close_range(kOurs + 1, ~0U, 0) != 0) {
    constexpr int kMost = 4096;
    for (int other = kOurs + 1; other < kMost; ++other) ::close(other);
  }
  return kOurs;
}

void end_child(const Child& child) {
  (void)::shutdown(child.fd, SHUT_RDWR);
  ::close(child.fd);
  (void)::waitpid(child.pid, nullptr, 0);
}

}  // namespace netwatch::confine
