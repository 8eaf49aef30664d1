// A file that somebody is still writing.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "capture/source.h"

namespace netwatch::capture {
namespace {

namespace fs = std::filesystem;

class FollowedFileTest : public ::testing::Test {
 protected:
  FollowedFileTest() {
    std::string pattern = fs::temp_directory_path() / "netwatch-XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    path_ = dir_ / "growing.pcap";
    stop_fd_ = ::eventfd(0, 0);
  }
  ~FollowedFileTest() override {
    ::close(stop_fd_);
    fs::remove_all(dir_);
  }

  void append(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::app) << bytes;
  }
  void stop() const { ASSERT_EQ(::eventfd_write(stop_fd_, 1), 0); }
  std::unique_ptr<PacketSource> open() const {
    auto source = open_followed(path_, 0, stop_fd_);
    EXPECT_TRUE(source.ok()) << source.error().message;
    return *std::move(source);
  }
  // Packets that are there now.
  static std::size_t now(PacketSource& source) {
    const auto batch = source.next(0);
    EXPECT_TRUE(batch.ok()) << batch.error().message;
    return batch.ok() && *batch != nullptr ? (*batch)->packets.size() : 0;
  }

  fs::path dir_;
  std::string path_;
  int stop_fd_ = -1;
};

// A pcap file's header, and a record of four bytes.
std::string header() {
  using namespace std::string_literals;
  return "\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0"s;
}
std::string record() {
  using namespace std::string_literals;
  return "\x01\0\0\0\x02\0\0\0\x04\0\0\0\x04\0\0\0abcd"s;
}

TEST_F(FollowedFileTest, WhatComesIsReadAndAPartWaits) {
  append(header() + record());
  const auto source = open();
  EXPECT_EQ(now(*source), 1U);
  EXPECT_EQ(now(*source), 0U);
  append(record() + record().substr(0, 7));
  EXPECT_EQ(now(*source), 1U);
  EXPECT_EQ(now(*source), 0U);
  append(record().substr(7));
  EXPECT_EQ(now(*source), 1U);
  stop();
  const auto end = source->next(-1);
  ASSERT_TRUE(end.ok()) << end.error().message;
  EXPECT_EQ(*end, nullptr);
}

TEST_F(FollowedFileTest, APartIsDamageOnlyOnceItIsStopped) {
  append(header() + record() + record().substr(0, 7));
  const auto source = open();
  EXPECT_EQ(now(*source), 1U);
  EXPECT_EQ(now(*source), 0U);
  stop();
  const auto end = source->next(-1);
  ASSERT_FALSE(end.ok());
  EXPECT_NE(end.error().message.find("ends inside a record"), std::string::npos);
}

TEST_F(FollowedFileTest, WhatWasThereWhenItWasStoppedIsRead) {
  append(header() + record());
  const auto source = open();
  stop();
  append(record());
  EXPECT_EQ(now(*source) + now(*source), 2U);
  append(record());  // too late
  const auto end = source->next(-1);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(*end, nullptr);
}

TEST_F(FollowedFileTest, AFileThatGoesAwayIsSaidAfterItsLastPacket) {
  append(header() + record());
  const auto source = open();
  EXPECT_EQ(now(*source), 1U);
  append(record());
  fs::rename(path_, path_ + ".old");
  std::ofstream(path_) << header();
  EXPECT_EQ(now(*source), 1U);
  const auto end = source->next(-1);
  ASSERT_FALSE(end.ok());
  EXPECT_NE(end.error().message.find("was replaced, renamed or removed"), std::string::npos);
  EXPECT_NE(end.error().message.find("2 packets before it are good"), std::string::npos);
}

TEST_F(FollowedFileTest, AFileThatIsShortenedIsSaid) {
  append(header() + record() + record());
  const auto source = open();
  EXPECT_EQ(now(*source), 2U);
  fs::resize_file(path_, header().size());
  const auto end = source->next(-1);
  ASSERT_FALSE(end.ok());
  EXPECT_NE(end.error().message.find("was shortened"), std::string::npos);
}

// A waiting reader is woken by the writer, and costs next to nothing until then.
TEST_F(FollowedFileTest, WaitsWithoutSpinning) {
  append(header());
  const auto source = open();
  std::thread writer([this] {
    ::usleep(300'000);
    append(record());
  });
  struct rusage before{};
  struct rusage after{};
  ::getrusage(RUSAGE_THREAD, &before);
  const auto batch = source->next(-1);
  ::getrusage(RUSAGE_THREAD, &after);
  writer.join();
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ((*batch)->packets.size(), 1U);
  EXPECT_LT(after.ru_nvcsw - before.ru_nvcsw, 20);  // times that it slept
  const auto cpu_us = [](const struct rusage& used) {
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000'000L + used.ru_utime.tv_usec +
           used.ru_stime.tv_usec;
  };
  EXPECT_LT(cpu_us(after) - cpu_us(before), 150'000);  // of 300,000 while it waited
}

TEST_F(FollowedFileTest, ACompressedFileIsRefused) {
  append(std::string("\x1f\x8b\x08\0\0\0\0\0\0\0", 10));
  EXPECT_EQ(open_followed(path_, 0, stop_fd_).error().code, base::ErrorCode::kUnsupported);
  EXPECT_EQ(open_followed(dir_ / "none", 0, stop_fd_).error().code, base::ErrorCode::kNotFound);
}

}  // namespace
}  // namespace netwatch::capture
