#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "ebpf/test_programs.h"
#include "ebpf/test_traffic.h"
#include "ebpf/tracker.h"

namespace netwatch::ebpf {

// A Tracker of what the programs of a Sandbox do.
class TrackerRig {
 protected:
  // The port of the socket that `program` serves; the listener is made inside, before the fork.
  template <typename Program>
  std::pair<pid_t, std::uint16_t> serve(const std::string& name, int family, int type,
                                        Program program, int protocol = 0) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::perror("pipe");
    const pid_t pid = sandbox_.start(name, [&] {
      std::uint16_t port = 0;
      const int fd = bound(family, type, port, protocol);
      if (::write(ends[1], &port, sizeof port) == sizeof port) program(fd);
    });
    std::uint16_t port = 0;
    if (::read(ends[0], &port, sizeof port) != ssize_t{sizeof port}) std::perror("read");
    ::close(ends[0]);
    ::close(ends[1]);
    return {pid, port};
  }

  // Why not, if there is no tracker, or a part of it is off that should be on.
  std::string open_tracker(Lengths lengths) {
    auto opened = Tracker::open({.cgroup = sandbox_.cgroup(), .lengths = lengths});
    std::string why;
    for (const model::Ability& ability : opened.abilities) {
      if (ability.name == "payload of every socket") lengths_ = ability.on;
      const bool may_be_off =
          ability.name.starts_with("payload") && lengths != Lengths::kTracepoints;
      if (!ability.on && !may_be_off) why += ability.name + ": " + ability.why + "\n";
    }
    tracker_ = std::move(opened.tracker);
    return tracker_ ? why : why + "no tracker";
  }

  // Waits for a program, as the live view would: draining some ten times a second. Its status.
  int drain_until_end(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, WNOHANG) == 0) {
      tracker_->drain(closed_);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    tracker_->drain(closed_);
    return status;
  }

  Sandbox sandbox_;
  bool lengths_ = true;
  std::unique_ptr<Tracker> tracker_;
  std::vector<model::ClosedSocket> closed_;
};

}  // namespace netwatch::ebpf
