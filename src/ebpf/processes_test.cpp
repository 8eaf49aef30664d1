// What the programs in this machine's kernel tell of processes.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <map>
#include <thread>

#include "ebpf/test_tracker.h"

namespace netwatch::ebpf {
namespace {

class ProcessesInKernel : public testing::Test, public TrackerRig {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_programs(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_TRUE(sandbox_.ready());
  }
  void open() { ASSERT_EQ(open_tracker(Lengths::kTracepoints), ""); }
  void wait_draining(pid_t pid) { EXPECT_EQ(drain_until_end(pid), 0); }

  Ledger ledger_;
};

// However it was called: by a relative path, by a descriptor.
TEST_F(ProcessesInKernel, ProgramsThatAreGoneHaveTheirFiles) {
  open();
  const auto [server, port] = serve("nw-server", AF_INET, SOCK_STREAM,
                                    [&](int listener) { serve_tcp(ledger_, listener, 2); });
  std::map<std::uint32_t, bool> clients;
  for (const bool by_descriptor : {false, true}) {
    const pid_t client = sandbox_.start("nw-client", [&, to = port] {
      const std::string script = "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(to) +
                                 " && printf '%s' " + std::string(kRequest) +
                                 " >&3 && while read -r -n 9999 <&3; do :; done";
      const std::array<const char*, 4> arguments = {"bash", "-c", script.c_str(), nullptr};
      char* const* const given = const_cast<char* const*>(arguments.data());
      if (by_descriptor) ::fexecve(::open("/bin/bash", O_RDONLY), given, environ);
      if (::chdir("/") == 0) ::execv("bin/bash", given);
      ::_exit(1);
    });
    clients[static_cast<std::uint32_t>(client)] = by_descriptor;
    int status = 0;
    while (::waitpid(client, &status, WNOHANG) == 0) {
      tracker_->drain(closed_);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(status, 0);
    if (status != 0) ::kill(server, SIGKILL);
  }
  wait_draining(server);
  for (const model::ClosedSocket& one : closed_) {
    ASSERT_TRUE(one.socket.owner.process);
    if (one.socket.remote.port != port) continue;
    EXPECT_EQ(clients.erase(one.socket.owner.process->pid), 1U);
    const std::string& exe = one.socket.owner.process->exe;
    EXPECT_TRUE(exe.starts_with('/') && exe.ends_with("/bin/bash")) << exe;
  }
  EXPECT_TRUE(clients.empty());
}

TEST_F(ProcessesInKernel, ProgramsThatAreGoneHaveNames) {
  open();
  const auto [server, port] = serve("nw-server", AF_INET, SOCK_STREAM,
                                    [&](int listener) { serve_tcp(ledger_, listener, 1); });
  const pid_t client = sandbox_.start("nw-client", [&, to = port] {
    const std::string script = "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(to) +
                               " && printf '%s' " + std::string(kRequest) + " >&3 && cat <&3";
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    ::execl("/bin/bash", "bash", "-c", script.c_str(), nullptr);
    ::_exit(1);
  });
  wait_draining(client);
  wait_draining(server);
  ASSERT_EQ(closed_.size(), 2U);
  for (const model::ClosedSocket& one : closed_) {
    ASSERT_TRUE(one.socket.owner.process);
    if (one.socket.remote.port != port) continue;
    // bash connected and sent, cat has received last.
    EXPECT_EQ(one.socket.owner.process->comm, "cat");
    EXPECT_TRUE(one.socket.owner.process->exe.ends_with("/cat")) << one.socket.owner.process->exe;
    EXPECT_EQ(one.socket.bytes_sent, 100);
    EXPECT_EQ(one.socket.bytes_received, kAnswerBytes);
  }
}

// A process is over with its last thread, and once.
TEST_F(ProcessesInKernel, TellsWhichProcessesEnd) {
  open();
  const base::TimeNs begun_ns = base::wall_clock_ns();
  const pid_t child = sandbox_.start("nw-ends", [] {
    std::thread([] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }).join();
    ::_exit(0);
  });
  std::vector<model::ProcessEnd> ends;
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  tracker_->drain(closed_, &ends);
  std::erase_if(ends, [&](const auto& one) { return one.pid != static_cast<unsigned>(child); });
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_GT(ends[0].start_ticks, 0U);
  EXPECT_GE(ends[0].time_ns, begun_ns - base::kNsPerSecond / 10);
  EXPECT_LE(ends[0].time_ns, base::wall_clock_ns() + base::kNsPerSecond / 10);
}

}  // namespace
}  // namespace netwatch::ebpf
