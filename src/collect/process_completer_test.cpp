#include "collect/process_completer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "collect/fake_root.h"

namespace netwatch::collect {
namespace {

class ProcessCompleterTest : public testing::Test, protected FakeRoot {};

TEST_F(ProcessCompleterTest, WhatTheKernelsProgramsDoNotTell) {
  write("etc/passwd", "root:x:0:0::/:/bin/sh\nada:x:1000:1000::/:/bin/sh\n");
  write("proc/stat", "cpu 1 2 3 4\nbtime 1700000000\n");
  write("proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  const std::string folder = root_.join("sys/fs/cgroup/system.slice/backup.service");
  std::filesystem::create_directories(folder);
  struct stat about{};
  ASSERT_EQ(::stat(folder.c_str(), &about), 0);
  ProcessCompleter completer(root_);
  model::Process process;
  process.pid = 7;
  process.uid = 1000;
  process.start_ticks = 250;
  process.cgroup = about.st_ino;
  EXPECT_TRUE(completer.complete(process));
  EXPECT_EQ(process.user, "ada");
  EXPECT_EQ(process.started_ns, (1'700'000'000 * base::kNsPerSecond) + (2500 * base::kNsPerMs));
  EXPECT_EQ(process.unit, "backup.service");
  EXPECT_EQ(process.container, "");
  EXPECT_FALSE(process.in_proc);
}

// Where a container may be in the cgroups of version 1 only.
TEST_F(ProcessCompleterTest, BesideVersionOneProcIsAskedWhileTheProcessLives) {
  write("proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  write("proc/7/cgroup", "1:name=systemd:/system.slice/ssh.service\n0::/\n");
  write("proc/7/stat", "7 (sshd) S 1 7 7 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 250 1000 10 0\n");
  ProcessCompleter completer(root_);
  model::Process process;
  process.pid = 7;
  process.start_ticks = 250;
  EXPECT_TRUE(completer.complete(process));
  EXPECT_EQ(process.unit, "ssh.service");
  model::Process before;  // had this pid
  before.pid = 7;
  before.start_ticks = 249;
  EXPECT_TRUE(completer.complete(before));
  EXPECT_EQ(before.unit, "");
}

TEST_F(ProcessCompleterTest, WhatCannotBeReadIsUnknown) {
  ProcessCompleter completer(root_);
  model::Process process;
  process.uid = 1000;
  process.cgroup = 5;
  EXPECT_TRUE(completer.complete(process));
  EXPECT_EQ(process.user, "");
  EXPECT_EQ(process.started_ns, 0);
  EXPECT_EQ(process.unit, "");
}

}  // namespace
}  // namespace netwatch::collect
