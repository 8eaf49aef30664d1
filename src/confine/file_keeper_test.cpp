#include "confine/file_keeper.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace netwatch::confine {
namespace {

namespace fs = std::filesystem;

class FileKeeperTest : public testing::Test {
 protected:
  FileKeeperTest() {
    std::string name = fs::temp_directory_path() / "netwatch-keeper-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
  }
  ~FileKeeperTest() override { fs::remove_all(folder_); }

  [[nodiscard]] KeptFile kept(const std::string& name) const {
    return {.path = folder_ / name, .max_bytes = 1000, .check = [](std::string_view text) {
              if (!text.starts_with("bad")) return base::ok_status();
              return base::Status(base::Error{base::ErrorCode::kInvalid, "that is bad"});
            }};
  }
  void put(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name) << text;
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    std::ifstream file(folder_ / name);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
  }
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

mode_t mode_of_file(const fs::path& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

// In words; empty: it was written.
std::string outcome(FileKeeper& keeper, std::string_view text) {
  if (auto asked = keeper.write(text); !asked.ok()) return asked.error().message;
  for (int i = 0; i < 500; ++i) {
    if (auto told = keeper.written()) return told->ok() ? "" : told->error().message;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return "no answer";
}

TEST_F(FileKeeperTest, ReadsAndReplacesAFileAndKeepsItsMode) {
  put("c.toml", "old");
  fs::permissions(folder_ / "c.toml", fs::perms{0640});
  auto keeper = FileKeeper::start(kept("c.toml"));
  ASSERT_TRUE(keeper.ok()) << keeper.error().message;
  ASSERT_TRUE((*keeper)->text().ok());
  EXPECT_EQ(*(*keeper)->text(), "old");
  EXPECT_EQ(outcome(**keeper, "new"), "");
  EXPECT_EQ(get("c.toml"), "new");
  EXPECT_EQ(mode_of_file(folder_ / "c.toml"), 0640U);
  EXPECT_EQ(outcome(**keeper, "newer"), "");
  EXPECT_EQ(get("c.toml"), "newer");
  EXPECT_EQ(count(), 1U) << "nothing is left over";
}

TEST_F(FileKeeperTest, MakesAFileAndItsFoldersForTheOwnerOnly) {
  auto keeper = FileKeeper::start(kept("a/b/c.toml"));
  ASSERT_TRUE(keeper.ok());
  ASSERT_FALSE((*keeper)->text().ok());
  EXPECT_EQ((*keeper)->text().error().code, base::ErrorCode::kNotFound);
  EXPECT_EQ(count(), 0U) << "nothing is made before it is asked for";
  EXPECT_EQ(outcome(**keeper, "new"), "");
  EXPECT_EQ(get("a/b/c.toml"), "new");
  EXPECT_EQ(mode_of_file(folder_ / "a/b/c.toml"), 0600U);
  EXPECT_EQ(mode_of_file(folder_ / "a"), 0700U);
}

TEST_F(FileKeeperTest, WritesWhereALinkLeadsTo) {
  put("real.toml", "old");
  fs::create_symlink("real.toml", folder_ / "c.toml");
  auto keeper = FileKeeper::start(kept("c.toml"));
  ASSERT_TRUE(keeper.ok());
  EXPECT_EQ(outcome(**keeper, "new"), "");
  EXPECT_TRUE(fs::is_symlink(folder_ / "c.toml"));
  EXPECT_EQ(get("real.toml"), "new");
}

// The link would be replaced by a file.
TEST_F(FileKeeperTest, WritesNothingWhereALinkLeadsNowhere) {
  fs::create_symlink("gone.toml", folder_ / "c.toml");
  auto keeper = FileKeeper::start(kept("c.toml"));
  ASSERT_TRUE(keeper.ok());
  EXPECT_NE(outcome(**keeper, "a = 1\n").find("leads nowhere"), std::string::npos);
  EXPECT_TRUE(fs::is_symlink(folder_ / "c.toml"));
}

TEST_F(FileKeeperTest, WritesNothingThatIsBadTooLongOrOverAnothersChange) {
  put("c.toml", "old");
  auto keeper = FileKeeper::start(kept("c.toml"));
  ASSERT_TRUE(keeper.ok());
  EXPECT_EQ(outcome(**keeper, "bad text"), "that is bad");
  EXPECT_NE(outcome(**keeper, std::string(1001, 'x')).find("too long"), std::string::npos);
  EXPECT_EQ(get("c.toml"), "old");
  put("c.toml", "by hand");
  EXPECT_NE(outcome(**keeper, "new").find("changed since"), std::string::npos);
  EXPECT_EQ(get("c.toml"), "by hand");
}

TEST_F(FileKeeperTest, SaysWhatCannotBeRead) {
  put("long", std::string(1001, 'x'));
  fs::create_directory(folder_ / "folder");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const char* name : {"long", "folder", "pipe"}) {
    const auto keeper = FileKeeper::start(kept(name));
    ASSERT_TRUE(keeper.ok()) << name;
    EXPECT_FALSE((*keeper)->text().ok()) << name;
    EXPECT_NE((*keeper)->text().error().code, base::ErrorCode::kNotFound) << name;
  }
}

// Root without capabilities is nobody special to a file of somebody else.
TEST_F(FileKeeperTest, HasNoRightsButTheUsers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  put("c.toml", "secret");
  ASSERT_EQ(::chown((folder_ / "c.toml").c_str(), 12'345, 12'345), 0);
  fs::permissions(folder_ / "c.toml", fs::perms{0600});
  const auto keeper = FileKeeper::start(kept("c.toml"));
  ASSERT_TRUE(keeper.ok());
  ASSERT_FALSE((*keeper)->text().ok());
  EXPECT_EQ((*keeper)->text().error().code, base::ErrorCode::kDenied);
}

TEST_F(FileKeeperTest, SaysThatItHasEnded) {
  auto keeper = FileKeeper::start(kept("c.toml"));
  ASSERT_TRUE(keeper.ok());
  ASSERT_EQ(::kill((*keeper)->pid(), SIGKILL), 0);
  EXPECT_NE(outcome(**keeper, "new").find("has ended"), std::string::npos);
}

}  // namespace
}  // namespace netwatch::confine
