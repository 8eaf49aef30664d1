#include "collect/process.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "collect/fake_root.h"

namespace netwatch::collect {
namespace {

namespace fs = std::filesystem;

class ProcessCacheTest : public testing::Test, protected FakeRoot {
 protected:
  void write_stat(std::uint32_t pid, const std::string& comm, std::uint32_t parent,
                  std::uint64_t start) const {
    std::string text = std::to_string(pid);
    text.append(" (").append(comm).append(") S ").append(std::to_string(parent));
    for (int i = 5; i < 22; ++i) text += " 0";
    text.append(" ").append(std::to_string(start)).append(" 1 2\n");
    write("proc/" + std::to_string(pid) + "/stat", text);
  }
};

TEST(ProcStat, CommMayHoldAnything) {
  const std::string tail = " S 42 1 1 0 -1 4194560 0 0 0 0 30 12 0 0 20 0 3 0 777 8192 2\n";
  for (const std::string comm : {"nginx", "a b", "a) (b", ")", "", "x) S 1 2"}) {
    const auto stat = parse_proc_stat("7 (" + comm + ")" + tail);
    ASSERT_TRUE(stat) << comm;
    EXPECT_EQ(stat->comm, comm);
    EXPECT_EQ(stat->parent_pid, 42U);
    EXPECT_EQ(stat->start_ticks, 777U);
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->cpu_ticks, 42U);
    EXPECT_EQ(stat->threads, 3U);
    EXPECT_EQ(stat->virtual_bytes, 8192U);
    EXPECT_EQ(stat->rss_pages, 2U);
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

TEST(ProcStat, TheBootTime) {
  EXPECT_EQ(parse_proc_stat_boot_time("cpu 1\nbtime 1790000000\n"), 1'790'000'000'000'000'000);
  for (const std::string_view bad : {"", "btime\n", "btime -5\n", "btime 99999999999\n"}) {
    EXPECT_FALSE(parse_proc_stat_boot_time(bad)) << bad;
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
