#include "ebpf/process_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

namespace netwatch::ebpf {
namespace {

ProcessNote note(std::uint32_t pid, std::uint64_t start_ns, std::uint32_t exec_id,
                 const char* comm) {
  ProcessNote process{};
  process.pid = pid;
  process.start_ns = start_ns;
  process.exec_id = exec_id;
  process.parent_pid = 7;
  std::strncpy(process.comm, comm, sizeof process.comm - 1);
  std::strncpy(process.parent_comm, "bash", sizeof process.parent_comm - 1);
  return process;
}

TEST(ProcessTable, NobodyIsNobody) {
  ProcessTable table;
  EXPECT_EQ(table.find(ProcessNote{}), nullptr);
}

TEST(ProcessTable, AProcessAndTheProgramItRuns) {
  ProcessTable table;
  table.take_exec(note(100, 50'000'000'123, 3, "curl"), "/usr/bin/curl");
  const auto process = table.find(note(100, 50'000'000'123, 3, "curl"));
  ASSERT_TRUE(process);
  EXPECT_EQ(process->pid, 100U);
  EXPECT_EQ(process->parent_pid, 7U);
  EXPECT_EQ(process->parent, "bash");
  EXPECT_EQ(process->start_ticks, 5000U);
  EXPECT_EQ(process->comm, "curl");
  EXPECT_EQ(process->exe, "/usr/bin/curl");
  EXPECT_EQ(table.find(note(100, 50'000'000'123, 3, "curl")), process) << "made once";
}

// Pids come again, and a process runs one program after another.
TEST(ProcessTable, NeverAnothersName) {
  ProcessTable table;
  table.take_exec(note(100, 1000, 3, "curl"), "/usr/bin/curl");
  EXPECT_EQ(table.find(note(100, 2000, 3, "ssh"))->exe, "");
  EXPECT_EQ(table.find(note(100, 1000, 2, "bash"))->exe, "");
  EXPECT_EQ(table.find(note(101, 1000, 3, "wget"))->comm, "wget");
  EXPECT_EQ(table.find(note(100, 1000, 3, "curl"))->exe, "/usr/bin/curl");
}

TEST(ProcessTable, ANewNameOfTheSameProgram) {
  ProcessTable table;
  table.take_exec(note(100, 1000, 3, "python3"), "/usr/bin/python3");
  const auto renamed = table.find(note(100, 1000, 3, "my-service"));
  EXPECT_EQ(renamed->comm, "my-service");
  EXPECT_EQ(renamed->exe, "/usr/bin/python3");
}

TEST(ProcessTable, WithoutAParentThereIsNoName) {
  ProcessTable table;
  ProcessNote first = note(1, 1000, 3, "init");
  first.parent_pid = 0;
  EXPECT_EQ(table.find(first)->parent, "");
}

model::Process running(std::uint32_t pid, std::uint64_t start_ticks, std::string comm,
                       std::string exe) {
  model::Process process;
  process.pid = pid;
  process.start_ticks = start_ticks;
  process.comm = std::move(comm);
  process.exe = std::move(exe);
  return process;
}

// Of what ran before the events began; and of its children, until they execute something.
TEST(ProcessTable, OlderProgramsAreThoseOfProc) {
  constexpr std::uint64_t kTick = 10'000'000;
  ProcessTable table;
  table.learn_programs({running(20, 100, "nginx", "/usr/sbin/nginx"),
                        running(30, 100, "bash", "/usr/bin/bash"), running(40, 7, "old", "/old")});
  EXPECT_EQ(table.find(note(20, 100 * kTick, 3, "nginx"))->exe, "/usr/sbin/nginx");
  EXPECT_EQ(table.find(note(40, 9 * kTick, 3, "old"))->exe, "") << "another process by now";
  ProcessNote child = note(21, 200 * kTick, 3, "nginx");
  child.parent_pid = 20;
  EXPECT_EQ(table.find(child)->exe, "/usr/sbin/nginx");
  child.pid = 22;
  std::copy_n("curl", 5, child.comm);
  EXPECT_EQ(table.find(child)->exe, "") << "an event was lost";
  table.take_exec(note(30, 100 * kTick, 4, "bash"), "");
  EXPECT_EQ(table.find(note(30, 100 * kTick, 4, "bash"))->exe, "") << "it runs something else";
  ProcessNote later = note(31, 300 * kTick, 4, "bash");
  later.parent_pid = 30;
  EXPECT_EQ(table.find(later)->exe, "");
}

ProcessExec called(const std::string& path, const std::string& parts = {}) {
  ProcessExec event{};
  event.parts_bytes = static_cast<NoteU32>(parts.size());
  std::copy(parts.begin(), parts.end(), std::begin(event.parts));
  std::copy(path.begin(), path.end(), std::begin(event.path));
  return event;
}

TEST(PathOfProgram, IsThatOfItsFile) {
  using std::string_literals::operator""s;
  EXPECT_EQ(path_of_program(called("./tool", "tool\0bin\0opt\0"s)), "/opt/bin/tool");
  EXPECT_EQ(path_of_program(called("/proc/self/exe", "dockerd\0bin\0usr\0"s)), "/usr/bin/dockerd");
  EXPECT_EQ(path_of_program(called("x", "no\0end"s)), "/end/no");
}

// Where the way to it is too long.
TEST(PathOfProgram, IsElseAsItWasCalled) {
  EXPECT_EQ(path_of_program(called("/usr/bin/curl")), "/usr/bin/curl");
  EXPECT_EQ(path_of_program(called("./tool")), "");
  EXPECT_EQ(path_of_program(called("/proc/self/exe")), "");
  EXPECT_EQ(path_of_program(called("/dev/fd/7")), "");
  EXPECT_EQ(path_of_program(called("/" + std::string(NETWATCH_PATH_BYTES - 2, 'x'))), "") << "cut";
}

ProcessNote in_cgroup(ProcessNote process, std::uint64_t id) {
  process.cgroup = id;
  return process;
}

// Once for each program that it runs, and again until all is known.
TEST(ProcessTable, OthersAddWhatNotesDoNotTell) {
  ProcessTable table;
  bool is_known = false;
  int asked = 0;
  table.complete_by([&](model::Process& process) {
    ++asked;
    if (is_known) process.unit = std::to_string(process.cgroup) + ".service";
    return is_known;
  });
  const ProcessNote curl = in_cgroup(note(100, 1000, 3, "curl"), 5);
  table.take_exec(curl, "/usr/bin/curl");
  EXPECT_EQ(table.find(curl)->unit, "");
  is_known = true;
  const auto process = table.find(curl);
  EXPECT_EQ(process->unit, "5.service");
  EXPECT_EQ(process->exe, "/usr/bin/curl");
  EXPECT_EQ(table.find(curl), process);
  EXPECT_EQ(asked, 3);
  const auto moved = table.find(in_cgroup(curl, 6));
  EXPECT_EQ(moved->unit, "6.service");
  EXPECT_EQ(moved->exe, "/usr/bin/curl");
}

TEST(ProcessTable, ForgetsTheOldestOnly) {
  ProcessTable table(100);
  table.take_exec(note(1, 1000, 1, "old"), "/bin/old");
  table.take_exec(note(2, 1000, 1, "used"), "/bin/used");
  for (std::uint32_t pid = 1000; pid < 2000; ++pid) {
    table.take_exec(note(pid, 1, 1, "many"), "/bin/many");
    EXPECT_EQ(table.find(note(2, 1000, 1, "used"))->exe, "/bin/used") << pid;
  }
  EXPECT_EQ(table.find(note(1, 1000, 1, "old"))->exe, "");
}

}  // namespace
}  // namespace netwatch::ebpf
