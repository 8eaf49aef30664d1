#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "collect/collect.h"
#include "collect/fake_root.h"
#include "collect/process.h"

namespace netwatch::collect {
namespace {

namespace fs = std::filesystem;

class ProcessesTest : public testing::Test, protected FakeRoot {
 protected:
  struct Stat {
    std::uint32_t parent = 0;
    std::uint64_t start = 0;
    std::uint64_t user = 0;
    std::uint64_t system = 0;
  };
  void write_stat(std::uint32_t pid, const Stat& stat) const {
    const std::string number = std::to_string(pid);
    write("proc/" + number + "/stat",
          number + " (p" + number + ") S " + std::to_string(stat.parent) + " 1 1 0 -1 0 0 0 0 0 " +
              std::to_string(stat.user) + " " + std::to_string(stat.system) + " 0 0 20 0 4 0 " +
              std::to_string(stat.start) + " 1048576 25\n");
  }
  model::ProcessTable look(ProcessCollector& collector, int second) const {
    auto table = collector.collect(second * base::kNsPerSecond);
    EXPECT_TRUE(table);
    return table ? *std::move(table) : model::ProcessTable{};
  }
};

TEST_F(ProcessesTest, CpuIsOfTheWholeInterval) {
  write("proc/uptime", "100.00 50.00\n");
  write_stat(1, {.start = 10, .user = 500});
  write_stat(20, {.parent = 1, .start = 900, .user = 100, .system = 100});
  write_stat(30, {.parent = 1, .start = 900, .user = 100});
  write_stat(40, {.parent = 1, .start = 900, .user = 100});
  ProcessCollector collector(root_);
  const auto first = look(collector, 0);
  ASSERT_EQ(first.processes.size(), 4U);
  EXPECT_FALSE(first.hides_processes);
  EXPECT_LT(first.find(20)->cpu, 0) << "nothing is known of the time before";
  EXPECT_EQ(first.find(20)->cpu_seconds, 2);
  EXPECT_EQ(first.find(20)->threads, 4U);
  EXPECT_EQ(first.find(20)->state, 'S');
  EXPECT_EQ(first.find(20)->virtual_bytes, 1048576U);
  EXPECT_EQ(first.find(20)->rss_bytes, 25U * static_cast<unsigned>(::sysconf(_SC_PAGESIZE)));

  write_stat(20, {.parent = 1, .start = 900, .user = 600, .system = 600});  // two threads at work
  write_stat(30, {.parent = 1, .start = 10050, .user = 250});  // the pid of another process now
  write_stat(40, {.parent = 1, .start = 900, .user = 90});     // fell
  write_stat(50, {.parent = 1, .start = 10100, .user = 100});
  write_stat(60, {.parent = 1, .start = 950, .user = 100});  // was not seen, though it was there
  const auto second = look(collector, 5);
  EXPECT_EQ(second.find(1)->cpu, 0);
  EXPECT_EQ(second.find(20)->cpu, 2);
  EXPECT_EQ(second.find(30)->cpu, 0.5);
  EXPECT_LT(second.find(40)->cpu, 0);
  EXPECT_EQ(second.find(50)->cpu, 0.2) << "all of its work is new";
  EXPECT_LT(second.find(60)->cpu, 0);
  EXPECT_EQ(second.counter_resets, 1U);
  EXPECT_EQ(look(collector, 6).counter_resets, 0U);
}

TEST_F(ProcessesTest, TheChainOfParents) {
  write_stat(1, {.start = 10});
  write_stat(20, {.parent = 1, .start = 900});
  write_stat(30, {.parent = 20, .start = 950});
  write_stat(40, {.parent = 50, .start = 1000});
  write_stat(50, {.parent = 1, .start = 2000});  // another process than the one that made 40
  write_stat(60, {.parent = 61, .start = 5});
  write_stat(61, {.parent = 60, .start = 5});
  ProcessCollector collector(root_);
  const auto table = look(collector, 0);
  const auto pids = [&](std::uint32_t pid) {
    std::vector<std::uint32_t> found;
    for (const model::Process* process : table.ancestors_of(pid)) found.push_back(process->pid);
    return found;
  };
  EXPECT_EQ(pids(30), (std::vector<std::uint32_t>{20, 1}));
  EXPECT_TRUE(pids(1).empty());
  EXPECT_TRUE(pids(40).empty());
  EXPECT_TRUE(pids(999).empty());
  EXPECT_EQ(pids(60).size(), model::ProcessTable::kMaxAncestors) << "a ring ends, too";
}

TEST_F(ProcessesTest, WhenItStartedAndWhereItRuns) {
  const std::string id(64, 'a');
  write("proc/stat", "cpu 1\nbtime 1790000000\n");
  write_stat(1, {.start = 150});
  write("proc/1/cgroup",
        "0::/kubepods/burstable/pod4ab1f5de-0f4a-4a7e-9d0b-3c1c5f8d2e11/crio-" + id + "\n");
  ProcessCollector collector(root_);
  const auto table = look(collector, 0);
  const model::Process& process = *table.find(1)->process;
  EXPECT_EQ(process.started_ns, 1'790'000'001'500'000'000);
  EXPECT_EQ(process.container, id);
  EXPECT_EQ(process.runtime, "cri-o");
  EXPECT_EQ(process.pod, "4ab1f5de-0f4a-4a7e-9d0b-3c1c5f8d2e11");
}

TEST_F(ProcessesTest, HiddenProcessesAndDamagedFiles) {
  write("proc/20/stat", "20 (x) S");
  write_stat(30, {.parent = 1, .start = 5});
  ProcessCollector collector(root_);
  const auto table = look(collector, 0);
  EXPECT_TRUE(table.hides_processes);
  ASSERT_EQ(table.processes.size(), 1U);
  EXPECT_EQ(table.processes[0].process->pid, 30U);
  EXPECT_EQ(table.processes[0].process->started_ns, 0);
  fs::remove_all(root_.path);
  EXPECT_FALSE(collector.collect(0));
}

// Those whose file may be looked up.
TEST_F(ProcessesTest, RunningPrograms) {
  for (const std::uint32_t pid : {7U, 8U, 9U}) write_stat(pid, {.start = 100 + pid});
  fs::create_symlink("/usr/bin/one", root_.join("proc/7/exe"));
  fs::create_symlink("/opt/two (deleted)", root_.join("proc/9/exe"));
  const auto found = running_programs(root_);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].pid, 7U);
  EXPECT_EQ(found[0].start_ticks, 107U);
  EXPECT_EQ(found[0].comm, "p7");
  EXPECT_EQ(found[0].exe, "/usr/bin/one");
  EXPECT_EQ(found[1].exe, "/opt/two");
}

TEST(LiveProcesses, AChildThatWorks) {
  std::array<int, 2> ready{};
  std::array<int, 2> gate{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  ASSERT_EQ(::pipe(gate.data()), 0);
  constexpr std::size_t kBytes = 32U << 20;
  ProcessCollector collector;
  ASSERT_TRUE(collector.collect());
  const pid_t child = ::fork();
  if (child == 0) {
    void* memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) ::_exit(1);
    std::memset(memory, 1, kBytes);
    // CPU time, not time: the machine may be busy.
    while (::clock() < CLOCKS_PER_SEC / 5) {
    }
    char byte = 0;
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(gate[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const auto table = collector.collect();
  (void)!::write(gate[1], &byte, 1);
  (void)::waitpid(child, nullptr, 0);
  for (const int fd : {ready[0], ready[1], gate[0], gate[1]}) ::close(fd);
  ASSERT_TRUE(table);
  const model::ProcessUsage* use = table->find(static_cast<std::uint32_t>(child));
  ASSERT_NE(use, nullptr);
  EXPECT_GT(use->rss_bytes, kBytes / 2);
  EXPECT_GE(use->cpu_seconds, 0.1);
  EXPECT_GT(use->cpu, 0);
  EXPECT_LT(use->cpu, 1.5);
  const auto chain = table->ancestors_of(static_cast<std::uint32_t>(child));
  ASSERT_FALSE(chain.empty());
  EXPECT_EQ(chain.front()->pid, static_cast<std::uint32_t>(::getpid()));
  const base::TimeNs age = table->taken_ns - use->process->started_ns;
  EXPECT_LT(std::abs(age), 60 * base::kNsPerSecond);
}

}  // namespace
}  // namespace netwatch::collect
