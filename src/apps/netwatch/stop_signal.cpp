#include "apps/netwatch/stop_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

namespace netwatch::app {
namespace {

volatile std::sig_atomic_t stop_fd = -1;

// Only what signal-safety(7) allows.
extern "C" void on_stop(int) {
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_fd, &one, sizeof one);
  errno = saved;
}

void handle(int number) {
  struct sigaction action{};
  action.sa_handler = on_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one is not ours
  (void)::sigaction(number, &action, nullptr);
}

}  // namespace

StopSignal::StopSignal() {
  stop_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd < 0) return;
  handle(SIGINT);
  handle(SIGTERM);
}

StopSignal::~StopSignal() {
  if (stop_fd < 0) return;
  (void)std::signal(SIGINT, SIG_DFL);
  (void)std::signal(SIGTERM, SIG_DFL);
  ::close(stop_fd);
  stop_fd = -1;
}

int StopSignal::fd() const { return stop_fd; }

}  // namespace netwatch::app
