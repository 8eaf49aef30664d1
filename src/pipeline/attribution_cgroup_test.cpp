// Programs that are gone before anybody can read their /proc/PID/cgroup are placed all the same: in
// cgroups that are named as container runtimes and systemd name them.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/cgroup_mount.h"
#include "ebpf/test_programs.h"
#include "ebpf/test_traffic.h"
#include "pipeline/live_session.h"

namespace netwatch::pipeline {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
constexpr std::int64_t kBytes = 1000;
constexpr int kPrograms = 20;

class EndsSink final : public LiveSink {
 public:
  void on_socket(const model::SocketEvent& event) override {
    const auto& process = event.socket->owner.process;
    if (event.kind == model::SocketEvent::Kind::kClosed && process) ended[process->pid] = process;
  }
  void on_totals(base::TimeNs, const model::OwnerTotals& told) override { totals = told; }
  std::map<std::uint32_t, std::shared_ptr<const model::Process>> ended;  // who had a socket, by pid
  model::OwnerTotals totals;
};

class AttributionByCgroup : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = ebpf::why_no_programs(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_TRUE(sandbox_.ready()) << "no cgroup can be made below " << sandbox_.cgroup();
    std::ifstream file("/proc/self/mountinfo");
    const std::string mounts{std::istreambuf_iterator<char>(file), {}};
    tells_units_ = base::find_cgroup2(mounts)->is_only_version();
    LiveSessionOptions options;
    options.capture = false;
    options.sink = &sink_;
    options.open_tracker = [&](ebpf::TrackerOptions wanted) {
      wanted.cgroup = sandbox_.cgroup();
      return ebpf::Tracker::open(wanted);
    };
    sandbox_.enter();
    auto session = LiveSession::start(options);
    sandbox_.leave();
    ASSERT_TRUE(session);
    session_ = std::move(*session);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  void TearDown() override {
    for (const std::string& folder : folders_) ::rmdir(folder.c_str());
  }

  void make(const std::string& cgroup) {
    folders_.push_back(sandbox_.cgroup() + "/" + cgroup);
    ASSERT_EQ(::mkdir(folders_.back().c_str(), 0755), 0);
  }

  // A program in that cgroup that sends itself some bytes over TCP and ends, in some milliseconds.
  std::uint32_t run(const std::string& cgroup) {
    const pid_t pid = sandbox_.start("nw-short", [&] {
      std::ofstream(sandbox_.cgroup() + "/" + cgroup + "/cgroup.procs") << "0";
      std::uint16_t port = 0;
      const int listener = ebpf::bound(AF_INET, SOCK_STREAM, port);
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      ebpf::SocketAddress address = ebpf::loopback(AF_INET, port);
      if (::connect(fd, address.get(), address.length) != 0) ::_exit(1);
      const int other = ::accept(listener, nullptr, nullptr);
      const std::string bytes(kBytes, 'x');
      if (::send(fd, bytes.data(), bytes.size(), 0) != kBytes) ::_exit(2);
      if (ebpf::receive_until(other, kBytes) != kBytes) ::_exit(3);
    });
    EXPECT_EQ(ebpf::wait_for(pid), 0);
    return static_cast<std::uint32_t>(pid);
  }

  ebpf::Sandbox sandbox_;
  EndsSink sink_;
  bool tells_units_ = false;
  std::unique_ptr<LiveSession> session_;
  std::vector<std::string> folders_;
};

TEST_F(AttributionByCgroup, ContainersAndUnitsOfProgramsThatAreGone) {
  const std::string container = "docker-" + kId + ".scope";
  make(container);
  make("nw-test.service");
  std::vector<std::uint32_t> contained;
  std::vector<std::uint32_t> serving;
  for (int i = 0; i < kPrograms; ++i) {
    contained.push_back(run(container));
    serving.push_back(run("nw-test.service"));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  session_->finish();
  int never_looked_at = 0;
  for (const std::uint32_t pid : contained) {
    ASSERT_TRUE(sink_.ended.contains(pid));
    EXPECT_EQ(sink_.ended[pid]->container, kId);
    EXPECT_EQ(sink_.ended[pid]->runtime, "docker");
    never_looked_at += sink_.ended[pid]->in_proc ? 0 : 1;
  }
  EXPECT_GE(never_looked_at, kPrograms / 2);
  for (const std::uint32_t pid : serving) {
    ASSERT_TRUE(sink_.ended.contains(pid));
    EXPECT_EQ(sink_.ended[pid]->container, "");
    const std::string& unit = sink_.ended[pid]->unit;
    EXPECT_TRUE(unit == "nw-test.service" || (!tells_units_ && unit.empty())) << unit;
  }
  const auto row =
      std::find_if(sink_.totals.containers.begin(), sink_.totals.containers.end(),
                   [](const model::ContainerRow& one) { return one.container == kId; });
  ASSERT_NE(row, sink_.totals.containers.end());
  EXPECT_EQ(row->totals.sent_bytes, std::uint64_t{kBytes} * kPrograms);
  EXPECT_EQ(row->totals.received_bytes, std::uint64_t{kBytes} * kPrograms);
  EXPECT_EQ(row->processes, std::uint64_t{kPrograms});
}

// As a container that does one thing: its cgroup is removed as soon as its program has ended.
TEST_F(AttributionByCgroup, AContainerThatLivesForAMoment) {
  const std::string container = "libpod-" + kId + ".scope";
  std::vector<std::uint32_t> contained;
  for (int i = 0; i < kPrograms; ++i) {
    make(container);
    contained.push_back(run(container));
    EXPECT_EQ(::rmdir(folders_.back().c_str()), 0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  session_->finish();
  for (const std::uint32_t pid : contained) {
    ASSERT_TRUE(sink_.ended.contains(pid));
    EXPECT_EQ(sink_.ended[pid]->container, kId);
    EXPECT_EQ(sink_.ended[pid]->runtime, "podman");
    EXPECT_EQ(sink_.ended[pid]->parent, "pipeline_test");
    EXPECT_FALSE(sink_.ended[pid]->user.empty());
    EXPECT_NE(sink_.ended[pid]->started_ns, 0);
  }
}

}  // namespace
}  // namespace netwatch::pipeline
