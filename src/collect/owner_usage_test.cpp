#include "collect/owner_usage.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "collect/fake_root.h"

namespace netwatch::collect {
namespace {

class OwnerUsageTest : public testing::Test, protected FakeRoot {
 protected:
  void write_stat(std::uint32_t pid, std::uint64_t start, std::uint64_t ticks) const {
    const std::string number = std::to_string(pid);
    write("proc/" + number + "/stat", number + " (p) S 1 1 1 0 -1 0 0 0 0 0 " +
                                          std::to_string(ticks) + " 0 0 0 20 0 4 0 " +
                                          std::to_string(start) + " 1048576 25\n");
  }
  // As a look at sockets does: of these processes, which own one each but the first, which has two.
  std::optional<std::vector<model::ProcessUsage>> look(double second,
                                                       std::initializer_list<std::uint32_t> pids) {
    cache_.begin_round();
    std::vector<model::Socket> sockets(1);  // one that nobody owns
    for (const std::uint32_t pid : pids) {
      sockets.emplace_back().owner.process = cache_.find(pid);
      if (sockets.size() == 2) sockets.push_back(sockets.back());
    }
    return usage_.take(sockets, cache_,
                       static_cast<base::TimeNs>(second * static_cast<double>(base::kNsPerSecond)));
  }

  ProcessCache cache_{root_};
  OwnerUsage usage_;
};

TEST_F(OwnerUsageTest, CpuIsOfTheIntervalAndOfTheSameProcess) {
  write_stat(10, 900, 1000);
  write_stat(20, 900, 1000);
  write_stat(30, 900, 1000);
  const auto first = look(1, {20, 10, 30});
  ASSERT_TRUE(first.has_value());
  ASSERT_EQ(first->size(), 3U);
  EXPECT_EQ(first->at(0).process->pid, 10U) << "by pid";
  EXPECT_LT(first->at(0).cpu, 0) << "nothing is known of the time before";
  EXPECT_EQ(first->at(0).rss_bytes, 25U * static_cast<unsigned>(::sysconf(_SC_PAGESIZE)));

  write_stat(10, 900, 1300);   // two threads and a half
  write_stat(20, 4000, 1100);  // another process
  write_stat(30, 900, 1000);
  write_stat(40, 950, 7);
  EXPECT_FALSE(look(1.5, {10}).has_value()) << "too young to say anything";
  const auto second = look(2.2, {10, 20, 30, 40});
  ASSERT_TRUE(second.has_value());
  ASSERT_EQ(second->size(), 4U);
  EXPECT_DOUBLE_EQ(second->at(0).cpu, 2.5);
  EXPECT_LT(second->at(1).cpu, 0);
  EXPECT_EQ(second->at(2).cpu, 0);
  EXPECT_LT(second->at(3).cpu, 0);
  // Who owned no socket for a while is looked at anew.
  EXPECT_EQ(look(4, {30})->size(), 1U);
  EXPECT_LT(look(6, {10})->at(0).cpu, 0);
}

}  // namespace
}  // namespace netwatch::collect
