#include "collect/process.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace netwatch::collect {
namespace {

namespace fs = std::filesystem;

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

// A folder of its own for one test, removed at its end.
class ProcessCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    root_.path = testing::TempDir() + "netwatch-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_.path);
  }
  void TearDown() override { fs::remove_all(root_.path); }

  void write(const std::string& file, const std::string& text) const {
    const fs::path path = root_.join(file);
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  void write_stat(std::uint32_t pid, const std::string& comm, std::uint32_t parent,
                  std::uint64_t start) const {
    std::string text = std::to_string(pid);
    text.append(" (").append(comm).append(") S ").append(std::to_string(parent));
    for (int i = 5; i < 22; ++i) text += " 0";
    text.append(" ").append(std::to_string(start)).append(" 1 2\n");
    write("proc/" + std::to_string(pid) + "/stat", text);
  }

  Root root_;
};

TEST(ProcStat, CommMayHoldAnything) {
  const std::string tail = " S 42 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0\n";
  for (const std::string comm : {"nginx", "a b", "a) (b", ")", "", "x) S 1 2"}) {
    const auto stat = parse_proc_stat("7 (" + comm + ")" + tail);
    ASSERT_TRUE(stat) << comm;
    EXPECT_EQ(stat->comm, comm);
    EXPECT_EQ(stat->parent_pid, 42U);
    EXPECT_EQ(stat->start_ticks, 777U);
  }
  for (const std::string_view bad : {"", "7 nginx S 42", "7 (nginx", "7 )nginx( S 42", "7 (n) S",
                                     "7 (n) S x 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777"}) {
    EXPECT_FALSE(parse_proc_stat(bad)) << bad;
  }
}

TEST(ProcStatus, TakesTheEffectiveUser) {
  EXPECT_EQ(parse_proc_status_uid("Name:\tsu\nUid:\t1000\t33\t33\t33\n"), 33U);
  EXPECT_FALSE(parse_proc_status_uid("Name:\tUid: 5\n"));
}

TEST(ProcCgroup, ContainersAndUnits) {
  struct Case {
    std::string text, container, unit;
  };
  const std::vector<Case> cases = {
      {"0::/system.slice/nginx.service\n", "", "nginx.service"},
      {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service\n", "",
       "app-x.service"},
      {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n", "",
       "user@1000.service"},
      {"0::/user.slice/user-1000.slice/session-3.scope\n", "", "session-3.scope"},
      {"0::/system.slice/docker-" + kId + ".scope\n", kId, ""},
      {"12:pids:/docker/" + kId + "\n0::/\n", kId, ""},
      {"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + kId + ".scope\n", kId, ""},
      {"0::/machine.slice/libpod-" + kId + ".scope/container\n", kId, ""},
      {"0::/lxc.payload.web/system.slice/ssh.service\n", "web", "ssh.service"},
      {"4:memory:/lxc/web\n", "web", ""},
      {"0::/\n", "", ""},
      {"nothing of this form", "", ""},
      {"0::/a/" + kId.substr(1) + "\n", "", ""},
  };
  for (const Case& c : cases) {
    const CgroupMembership found = parse_proc_cgroup(c.text);
    EXPECT_EQ(found.container, c.container) << c.text;
    EXPECT_EQ(found.unit, c.unit) << c.text;
  }
}

TEST(Passwd, FirstEntryOfAUidWins) {
  const auto users = parse_passwd("root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad\n:x:5:5:\n");
  ASSERT_EQ(users.size(), 1U);
  EXPECT_EQ(users.at(0), "root");
}

TEST(Cmdline, IsJoinedAndCut) {
  const auto join = [](std::string_view text) { return join_cmdline(text, 8); };
  EXPECT_EQ(join({"a\0b c\0", 6}), "a b c");
  EXPECT_EQ(join(""), "");
  EXPECT_EQ(join("12345678"), "12345678");
  EXPECT_EQ(join("123456789"), "12345678…");
  EXPECT_EQ(join("1234567\xC3\xA4!"), "1234567…");  // never half a character
}

TEST_F(ProcessCacheTest, ForgetsWhatHasEnded) {
  write_stat(10, "one", 1, 5);
  ProcessCache cache(root_);
  cache.begin_round();
  ASSERT_TRUE(cache.find(10));
  fs::remove_all(root_.join("proc/10"));
  EXPECT_TRUE(cache.find(10));  // the same round still sees it
  cache.begin_round();
  EXPECT_FALSE(cache.find(10));
  cache.begin_round();
  cache.begin_round();
  EXPECT_EQ(cache.size(), 0U);
}

TEST_F(ProcessCacheTest, SharesUntilThePidIsReusedOrExecutes) {
  write_stat(10, "one", 1, 5);
  ProcessCache cache(root_);
  cache.begin_round();
  const auto first = cache.find(10);
  cache.begin_round();
  EXPECT_EQ(cache.find(10), first);
  write_stat(10, "two", 1, 5);  // execve
  cache.begin_round();
  const auto second = cache.find(10);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->comm, "two");
  write_stat(10, "two", 1, 6);  // another process
  cache.begin_round();
  ASSERT_TRUE(cache.find(10));
  EXPECT_EQ(cache.find(10)->start_ticks, 6U);
  EXPECT_EQ(first->comm, "one");  // values given out never change
}

TEST_F(ProcessCacheTest, LearnsOfNewUsers) {
  write("etc/passwd", "root:x:0:0::/:/bin/sh\n");
  write_stat(10, "one", 1, 5);
  write("proc/10/status", "Uid:\t7\t7\t7\t7\n");
  ProcessCache cache(root_);
  cache.begin_round();
  EXPECT_EQ(cache.find(10)->user, "");
  write("etc/passwd", "root:x:0:0::/:/bin/sh\neve:x:7:7::/:/bin/sh\n");
  write_stat(10, "one", 1, 6);
  cache.begin_round();
  EXPECT_EQ(cache.find(10)->user, "eve");
}

}  // namespace
}  // namespace netwatch::collect
