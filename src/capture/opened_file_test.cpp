#include "capture/opened_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace netwatch::capture {
namespace {

namespace fs = std::filesystem;

const std::string kCapture = NETWATCH_SOURCE_DIR "/testdata/dpi/http/curl_nginx.pcapng";
constexpr std::uint64_t kPackets = 94;

// Packets until the end, or the error.
base::Result<std::uint64_t> count(base::Result<std::unique_ptr<PacketSource>> source) {
  if (!source.ok()) return source.error();
  std::uint64_t packets = 0;
  while (true) {
    auto batch = (*source)->next(-1);
    if (!batch.ok()) return batch.error();
    if (*batch == nullptr) return packets;
    packets += (*batch)->packets.size();
  }
}

class OpenedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "netwatch.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(OpenedFileTest, IsReadFromItsStartAsOftenAsWanted) {
  OpenedFile file = OpenedFile::open(kCapture);
  EXPECT_FALSE(file.is_stream());
  for (int pass = 0; pass < 2; ++pass) EXPECT_EQ(*count(file.read(0)), kPackets);
}

TEST_F(OpenedFileTest, IsReadWhenItsNameIsGone) {
  fs::copy_file(kCapture, folder_ / "a");
  OpenedFile file = OpenedFile::open(folder_ / "a");
  fs::remove(folder_ / "a");
  EXPECT_EQ(*count(file.read(0)), kPackets);
}

TEST_F(OpenedFileTest, TellsTroubleWhenItIsRead) {
  OpenedFile none = OpenedFile::open(folder_ / "none");
  EXPECT_EQ(none.fd(), -1);
  EXPECT_EQ(count(none.read(0)).error().code, base::ErrorCode::kNotFound);
  OpenedFile folder = OpenedFile::open(folder_);
  EXPECT_NE(count(folder.read(0)).error().message.find("is a directory"), std::string::npos);
}

// One after the other is opened by a writer that waits until somebody reads: no pipe may be waited
// for before the one in front of it was read.
TEST_F(OpenedFileTest, ANamedPipeIsNotWaitedForBeforeItIsRead) {
  for (const char* const name : {"one", "two"}) {
    ASSERT_EQ(::mkfifo((folder_ / name).c_str(), 0600), 0);
  }
  OpenedFile one = OpenedFile::open(folder_ / "one");
  OpenedFile two = OpenedFile::open(folder_ / "two");
  EXPECT_TRUE(one.is_stream());
  std::thread writer([this] {
    for (const char* const name : {"one", "two"}) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      std::ofstream(folder_ / name) << std::ifstream(kCapture).rdbuf();
    }
  });
  EXPECT_EQ(*count(one.read(0)), kPackets);
  EXPECT_EQ(*count(two.read(0)), kPackets);
  writer.join();
}

TEST_F(OpenedFileTest, APipeThatNobodyWroteToHasEnded) {
  ASSERT_EQ(::mkfifo((folder_ / "one").c_str(), 0600), 0);
  OpenedFile one = OpenedFile::open(folder_ / "one");
  std::thread writer([this] { const std::ofstream empty(folder_ / "one"); });
  EXPECT_EQ(count(one.read(0)).error().code, base::ErrorCode::kTruncated);
  writer.join();
}

}  // namespace
}  // namespace netwatch::capture
