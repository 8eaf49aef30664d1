#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace netwatch::base {
namespace {

class MappedFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const int fd = mkstemp(path_);
    ASSERT_GE(fd, 0);
    ::close(fd);
  }
  void TearDown() override { ::unlink(path_); }
  void write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }

  char path_[32] = "netwatch_mapped_file_XXXXXX";
};

TEST_F(MappedFileTest, ShowsTheBytes) {
  const std::string text(100'000, 'q');
  write(text);
  auto file = MappedFile::open(path_);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(as_text(file->bytes()), text);
  file->release_before(50'000);
  EXPECT_EQ(as_text(file->bytes()), text);
}

TEST_F(MappedFileTest, MovesItsBytes) {
  write("abc");
  MappedFile first = *MappedFile::open(path_);
  const auto* const at = first.bytes().data();
  MappedFile second(std::move(first));
  EXPECT_EQ(second.bytes().data(), at);
  MappedFile third;
  third = std::move(second);
  EXPECT_EQ(as_text(third.bytes()), "abc");
}

TEST_F(MappedFileTest, EmptyFileIsFine) {
  auto file = MappedFile::open(path_);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->bytes().empty());
  file->release_before(1);
}

TEST_F(MappedFileTest, SaysWhyNot) {
  EXPECT_EQ(MappedFile::open("/").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(MappedFile::open("/dev/null").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(MappedFile::open("/nonexistent").error().code, ErrorCode::kNotFound);
  // A pipe without a writer must not block.
  ::unlink(path_);
  ASSERT_EQ(::mkfifo(path_, 0600), 0);
  EXPECT_EQ(MappedFile::open(path_).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace netwatch::base
