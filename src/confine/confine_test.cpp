#include "confine/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace netwatch::confine {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kSomebody = 4711;

// What a run of attempts_program has said.
struct Attempts {
  int status = -1;
  std::string text;
  std::map<std::string, std::string> measures;  // name -> "on", or why not
  std::map<std::string, std::string> have;
  std::string user;
  std::string error;
  // By thread: attempt -> verdict and reason.
  std::map<std::string, std::map<std::string, std::string>> threads;
  bool ended = false;
};

std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) out.push_back(field);
  out.resize(std::max<std::size_t>(out.size(), 4));
  return out;
}

Attempts parse(std::string text, int status) {
  Attempts out;
  out.status = status;
  out.text = std::move(text);
  std::istringstream in(out.text);
  for (std::string line; std::getline(in, line);) {
    const auto field = fields(line);
    if (field[0] == "measure") {
      out.measures[field[1]] = field[2] == "on" ? "on" : field[3];
    } else if (field[0] == "have") {
      out.have[field[1]] = field[2];
    } else if (field[0] == "user") {
      out.user = field[1] + ":" + field[2];
    } else if (field[0] == "error") {
      out.error = field[1];
    } else if (field[0] == "end") {
      out.ended = true;
    } else {
      out.threads[field[0]][field[1]] = field[2] + (field[3].empty() ? "" : ": " + field[3]);
    }
  }
  return out;
}

class Confine : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "netwatch.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ASSERT_EQ(::chmod(name.c_str(), 0755), 0);
    // Where any user may start it, and may be given capabilities.
    program_ = folder_ / "attempts_program";
    broker_program_ = folder_ / "broker_attempts_program";
    const fs::path built(NETWATCH_BINARY_DIR);
    fs::copy_file(built / "confine_attempts_program", program_);
    fs::copy_file(built / "confine_broker_attempts_program", broker_program_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // As `uid`; with the environment's SUDO_UID and SUDO_GID set to `sudo` unless it is 0.
  Attempts run(const std::vector<std::string>& arguments, std::uint32_t uid,
               std::uint32_t sudo = 0) const {
    return run(program_, arguments, uid, sudo);
  }
  static Attempts run(const fs::path& program, const std::vector<std::string>& arguments,
                      std::uint32_t uid, std::uint32_t sudo = 0) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(pipe[1], STDOUT_FILENO);
      ::unsetenv("SUDO_UID");
      ::unsetenv("SUDO_GID");
      if (sudo != 0) {
        ::setenv("SUDO_UID", std::to_string(sudo).c_str(), 1);
        ::setenv("SUDO_GID", std::to_string(sudo).c_str(), 1);
      }
      const bool other = uid != ::geteuid();
      if (other && (::setgroups(0, nullptr) != 0 || ::setgid(uid) != 0 || ::setuid(uid) != 0)) {
        ::_exit(126);
      }
      std::vector<std::string> words{program.string()};
      words.insert(words.end(), arguments.begin(), arguments.end());
      std::vector<char*> pointers;
      pointers.reserve(words.size() + 1);
      for (std::string& word : words) pointers.push_back(word.data());
      pointers.push_back(nullptr);
      ::execv(program.c_str(), pointers.data());
      ::_exit(127);
    }
    ::close(pipe[1]);
    std::string text;
    std::array<char, 4096> block{};
    for (ssize_t got = 0; (got = ::read(pipe[0], block.data(), block.size())) > 0;) {
      text.append(block.data(), static_cast<std::size_t>(got));
    }
    ::close(pipe[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return parse(std::move(text), WIFEXITED(status) ? WEXITSTATUS(status) : 128);
  }

  static void expect_all_refused(const Attempts& attempts, bool captures) {
    EXPECT_TRUE(attempts.ended) << attempts.text;
    EXPECT_EQ(attempts.status, 0);
    for (const char* const set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
      EXPECT_EQ(attempts.have.at(set), "0000000000000000") << set;
    }
    EXPECT_EQ(attempts.have.at("NoNewPrivs"), "1");
    EXPECT_EQ(attempts.have.at("Seccomp"), "2");
    ASSERT_EQ(attempts.threads.size(), 4U) << attempts.text;
    const std::set<std::string> good{"keeps standard output", "writes an open file", "receives",
                                     "takes the answer of a dump"};
    for (const auto& [thread, verdicts] : attempts.threads) {
      EXPECT_GE(verdicts.size(), captures ? 58U : 43U) << thread;
      for (const auto& [name, verdict] : verdicts) {
        if (good.contains(name)) {
          EXPECT_EQ(verdict, "yes") << thread << ": " << name;
        } else {
          EXPECT_TRUE(verdict.starts_with("refused")) << thread << ": " << name << ": " << verdict;
        }
      }
    }
  }

  // The one thing that a host may lack; everything else has to be in force.
  static bool without_landlock(const Attempts& attempts) {
    const auto measure = attempts.measures.find("Landlock");
    return attempts.error.find("Landlock: the kernel") != std::string::npos ||
           (measure != attempts.measures.end() && measure->second.starts_with("the kernel"));
  }

  fs::path folder_;
  fs::path program_;
  fs::path broker_program_;
};

#define SKIP_WITHOUT_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root"
#define SKIP_WITHOUT_LANDLOCK(attempts) \
  if (without_landlock(attempts)) GTEST_SKIP() << "the kernel has no Landlock"

TEST_F(Confine, ModesHaveNames) {
  EXPECT_EQ(mode_of("strict"), Mode::kStrict);
  EXPECT_EQ(mode_of("best-effort"), Mode::kBestEffort);
  EXPECT_EQ(mode_of("off"), Mode::kOff);
  EXPECT_EQ(mode_of("of"), std::nullopt);
}

TEST_F(Confine, SaysInOneLineWhatIsMissing) {
  Confinement some;
  some.mode = Mode::kBestEffort;
  some.measures = {{.name = "Landlock", .on = false, .why = "none here", .fix = {}},
                   {.name = "seccomp", .on = true, .why = {}, .fix = {}}};
  EXPECT_FALSE(some.complete());
  EXPECT_EQ(some.ability().why, "Landlock: none here");
  some.measures[0].on = true;
  EXPECT_TRUE(some.ability().on);
  EXPECT_FALSE(Confinement{}.complete()) << "nothing was done";
}

TEST_F(Confine, RefusesEverythingInEveryThread) {
  const Attempts attempts = run({"best-effort"}, ::geteuid());
  SKIP_WITHOUT_LANDLOCK(attempts);
  for (const auto& [name, state] : attempts.measures) EXPECT_EQ(state, "on") << name;
  expect_all_refused(attempts, attempts.have.at("capture") == "yes");
}

// Without it the test above would prove nothing.
TEST_F(Confine, TheSameIsPossibleWithoutConfinement) {
  const Attempts attempts = run({"off"}, ::geteuid());
  ASSERT_TRUE(attempts.threads.contains("thread 1")) << attempts.text;
  for (const auto& [name, verdict] : attempts.threads.at("thread 1")) {
    if (verdict == "yes") continue;
    EXPECT_EQ(verdict, "done") << name;
  }
}

TEST_F(Confine, RootBecomesNobody) {
  SKIP_WITHOUT_ROOT();
  const Attempts attempts = run({"strict"}, 0);
  SKIP_WITHOUT_LANDLOCK(attempts);
  ASSERT_EQ(attempts.error, "");
  EXPECT_EQ(attempts.user, "65534:65534");
  EXPECT_EQ(attempts.have.at("Groups"), " ");
  EXPECT_EQ(attempts.have.at("CapBnd"), "0000000000000000");
  EXPECT_EQ(attempts.have.at("capture"), "yes");
  expect_all_refused(attempts, true);
}

TEST_F(Confine, RootBecomesWhoeverAskedSudo) {
  SKIP_WITHOUT_ROOT();
  ASSERT_EQ(::mkdir((folder_ / "out").c_str(), 0700), 0);
  ASSERT_EQ(::chown((folder_ / "out").c_str(), kSomebody, kSomebody), 0);
  const Attempts attempts = run({"strict", folder_ / "out"}, 0, kSomebody);
  SKIP_WITHOUT_LANDLOCK(attempts);
  ASSERT_EQ(attempts.error, "");
  EXPECT_EQ(attempts.user, "4711:4711");
  EXPECT_EQ(attempts.have.at("file in the folder"), "yes");
  struct stat made{};
  ASSERT_EQ(::stat((folder_ / "out" / "renamed").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, kSomebody);
}

TEST_F(Confine, RootStaysWhereOnlyRootMayWrite) {
  SKIP_WITHOUT_ROOT();
  ASSERT_EQ(::mkdir((folder_ / "out").c_str(), 0700), 0);
  const Attempts attempts = run({"best-effort", folder_ / "out"}, 0, kSomebody);
  EXPECT_EQ(attempts.user, "0:0");
  EXPECT_NE(attempts.measures.at("unprivileged user").find("may not write to"), std::string::npos);
  EXPECT_EQ(attempts.have.at("file in the folder"), "yes") << "by Landlock's one exception";
  EXPECT_EQ(attempts.measures.at("no capabilities"), "on");
  if (attempts.measures.at("Landlock") == "on") {
    EXPECT_TRUE(attempts.threads.at("thread 1").at("open /etc/passwd").starts_with("refused"));
    EXPECT_TRUE(attempts.threads.at("thread 1").at("make a file").starts_with("refused"));
  }
  const Attempts strict = run({"strict", folder_ / "out"}, 0, kSomebody);
  EXPECT_EQ(strict.status, 3);
  EXPECT_NE(strict.error.find("may not write to"), std::string::npos) << strict.error;
  EXPECT_TRUE(strict.threads.empty());
}

TEST_F(Confine, RootStaysWhereItsOwnFilesAreMade) {
  SKIP_WITHOUT_ROOT();
  const Attempts attempts = run({"best-effort", folder_}, 0);
  EXPECT_EQ(attempts.user, "0:0");
  EXPECT_EQ(attempts.measures.at("no capabilities"), "on");
  struct stat made{};
  ASSERT_EQ(::stat((folder_ / "renamed").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 0U);
}

TEST_F(Confine, CapabilitiesOfTheProgramFileAreGivenUp) {
  SKIP_WITHOUT_ROOT();
  const std::string command = "setcap cap_net_raw=ep '" + program_.string() + "' 2>/dev/null";
  // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): a fixed command on our own file
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "setcap is missing or not allowed here";
  const Attempts attempts = run({"strict"}, kSomebody);
  SKIP_WITHOUT_LANDLOCK(attempts);
  ASSERT_EQ(attempts.error, "");
  ASSERT_TRUE(attempts.have.contains("capture")) << attempts.text;
  if (attempts.have.at("capture") != "yes") GTEST_SKIP() << "capabilities of files have no effect";
  EXPECT_EQ(attempts.user, "4711:4711");
  expect_all_refused(attempts, true);
}

// It keeps CAP_SYS_ADMIN to enter network namespaces, and can do nothing else by it.
TEST_F(Confine, ABrokerEntersNetworkNamespacesAndNothingElse) {
  SKIP_WITHOUT_ROOT();
  const Attempts attempts = run(broker_program_, {}, 0);
  EXPECT_TRUE(attempts.ended) << attempts.text;
  EXPECT_EQ(attempts.have.at("enters network namespaces"), "yes");
  ASSERT_TRUE(attempts.threads.contains("broker")) << attempts.text;
  EXPECT_GE(attempts.threads.at("broker").size(), 18U);
  for (const auto& [name, verdict] : attempts.threads.at("broker")) {
    EXPECT_TRUE(verdict.starts_with("refused: Operation not permitted")) << name << ": " << verdict;
  }
}

// By the right to capture alone there is no way in.
TEST_F(Confine, ABrokerWithoutTheRightEntersNothing) {
  SKIP_WITHOUT_ROOT();
  const Attempts attempts = run(broker_program_, {}, kSomebody);
  EXPECT_TRUE(attempts.ended) << attempts.text;
  EXPECT_EQ(attempts.have.at("enters network namespaces"), "no");
}

TEST_F(Confine, ThreadsThatRunAlreadyAreAnError) {
  const Attempts attempts = run({"late"}, ::geteuid());
  EXPECT_EQ(attempts.status, 3);
  EXPECT_NE(attempts.error.find("threads are running"), std::string::npos) << attempts.text;
}

}  // namespace
}  // namespace netwatch::confine
