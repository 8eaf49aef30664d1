#include "apps/netwatch/stop_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <utility>

namespace netwatch::app {
namespace {

constexpr std::array kStops{SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t stop_fd = -1;
// Of kStops: what is to be as it was in the end.
std::array<volatile std::sig_atomic_t, kStops.size()> handled{};

void set(int number, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  for (const int other : kStops) ::sigaddset(&action.sa_mask, other);  // one after the other
  (void)::sigaction(number, &action, nullptr);
}

constexpr std::int64_t kOneWishMs = 1000;
std::atomic<std::int64_t> first_ms{-1};  // when the first came
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

std::int64_t now_ms() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// Only what signal-safety(7) allows.
extern "C" void on_stop(int number) {
  const int saved = errno;
  const std::int64_t first = first_ms.load(std::memory_order_relaxed);
  if (first < 0) {
    first_ms.store(now_ms(), std::memory_order_relaxed);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_fd, &one, sizeof one);
  } else if (number != SIGHUP && now_ms() - first >= kOneWishMs) {
    set(number, SIG_DFL);
    (void)::raise(number);
  }
  errno = saved;
}

bool is_ignored(int number) {
  struct sigaction now{};
  return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

StopSignal::StopSignal() {
  stop_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd < 0) return;
  first_ms.store(-1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < kStops.size(); ++i) {
    // A shell ignores SIGINT for what it starts in the background; `kill -INT` is to work all the
    // same.
    handled[i] = kStops[i] != SIGHUP || !is_ignored(SIGHUP) ? 1 : 0;
    if (handled[i] != 0) set(kStops[i], on_stop);
  }
}

StopSignal::~StopSignal() {
  if (stop_fd < 0) return;
  for (std::size_t i = 0; i < kStops.size(); ++i) {
    if (handled[i] != 0) set(kStops[i], SIG_DFL);
  }
  ::close(stop_fd);
  stop_fd = -1;
}

int StopSignal::fd() const { return stop_fd; }

void survive_broken_pipes() { (void)std::signal(SIGPIPE, SIG_IGN); }

}  // namespace netwatch::app
