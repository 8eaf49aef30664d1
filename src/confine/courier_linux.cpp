// Both sides of the courier's pair of sockets.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "confine/child_linux.h"
#include "confine/courier.h"

namespace netwatch::confine {
namespace {

constexpr std::size_t kMaxMessageBytes = 64U << 10;

// Whether the worker is still there after so long.
bool wait(int fd, base::TimeNs duration_ns) {
  const base::TimeNs until_ns = base::monotonic_clock_ns() + duration_ns;
  while (true) {
    const base::TimeNs left_ns = until_ns - base::monotonic_clock_ns();
    if (left_ns <= 0) return true;
    // Nothing is ever said to the courier: a message is as good as the end.
    pollfd end{fd, POLLIN, 0};
    const auto left_ms = static_cast<int>((left_ns + base::kNsPerMs - 1) / base::kNsPerMs);
    const int told = ::poll(&end, 1, left_ms);
    if (told > 0 || (told < 0 && errno != EINTR)) return false;
  }
}

[[noreturn]] void be_courier(int fd, const CourierDuties& duties, Plan plan) {
  fd = become_child(fd, duties.name.c_str());
  if (duties.open) plan.written = duties.open();
  plan.written.push_back(fd);
  if (!confine(plan).ok()) ::_exit(1);
  do {
    const auto message = encode_health(duties.probe());
    ssize_t sent = -1;
    do {
      sent = ::write(fd, message.data(), message.size());
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) ::_exit(0);
  } while (wait(fd, duties.every_ns));
  ::_exit(0);
}

}  // namespace

base::Result<std::unique_ptr<CourierClient>> CourierClient::start(
    const CourierDuties& duties, Mode mode, const std::vector<std::string>& readable) {
  Plan plan;
  plan.mode = mode;
  plan.readable = readable;
  plan.receives = true;
  plan.asks = true;
  const auto child = start_child("courier", [&](int fd) { be_courier(fd, duties, plan); });
  if (!child.ok()) return child.error();
  return std::unique_ptr<CourierClient>(new CourierClient(child->fd, child->pid));
}

CourierClient::~CourierClient() { end_child({.fd = fd_, .pid = pid_}); }

std::optional<model::HealthTable> CourierClient::health() {
  std::optional<model::HealthTable> newest;
  std::vector<std::uint8_t> room(kMaxMessageBytes);
  constexpr int kMaxAtOnce = 16;  // one that talks without end does not hold anybody
  for (int i = 0; i < kMaxAtOnce && !lost_; ++i) {
    const ssize_t got = ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (got <= 0) {
      lost_ = true;
      break;
    }
    auto table = parse_health({room.data(), static_cast<std::size_t>(got)});
    if (!table.ok()) {
      lost_ = true;
      break;
    }
    newest = *std::move(table);
    newest->taken_ns = base::wall_clock_ns();  // what it says of the time is not believed
  }
  return newest;
}

}  // namespace netwatch::confine
