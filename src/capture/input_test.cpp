// How much of a file is in memory at once, and when what comes through a pipe is seen.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "capture/file_source.h"
#include "capture/test_captures.h"

namespace netwatch::capture {
namespace {

using namespace test_captures;

// Gives out a file, and remembers into how many blocks of memory.
class BlockCounter final : public base::ByteReader {
 public:
  BlockCounter(const Bytes& file, std::set<const std::uint8_t*>& ends) : rest_(file), ends_(ends) {}
  base::Result<std::size_t> read(std::span<std::uint8_t> out) override {
    ends_.insert(out.data() + out.size());
    const std::size_t n = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), n, out.begin());
    rest_ = rest_.subspan(n);
    return n;
  }
  [[nodiscard]] const char* encoding() const override { return "plain"; }

 private:
  base::Bytes rest_;
  std::set<const std::uint8_t*>& ends_;
};

// A packet before each of `gaps` stretches of blocks that nobody knows, and one behind them.
Bytes with_gaps(int gaps, int blocks_each) {
  Writer w(false);
  w.section();
  w.interface(1, 0, Options(false));
  const std::string unknown(100'000, 'u');
  for (int gap = 0; gap < gaps; ++gap) {
    w.enhanced(0, 1, "packet", 6);
    for (int i = 0; i < blocks_each; ++i) w.block(0x7fff0001, unknown);
  }
  w.enhanced(0, 2, "packet", 6);
  return w.bytes;
}

TEST(Memory, WhatNoPacketLooksIntoIsNotKept) {
  const Bytes file = with_gaps(1, 300);
  std::set<const std::uint8_t*> ends;
  auto source = open_reader(std::make_unique<BlockCounter>(file, ends), -1, "t");
  ASSERT_TRUE(source.ok());
  std::size_t packets = 0;
  for (auto batch = (*source)->next(0); batch.ok() && *batch != nullptr;
       batch = (*source)->next(0)) {
    for (const auto& packet : (*batch)->packets) {
      ++packets;
      EXPECT_EQ(base::as_text(packet.bytes), "packet");
    }
  }
  EXPECT_EQ(packets, 2U);
  EXPECT_LE(ends.size(), 6U) << "of the 115 blocks of 256 KiB that the file fills";
}

TEST(Memory, PacketsThatAreFarFromEachOtherAreNotInOneBatch) {
  const Bytes file = with_gaps(200, 2);
  for (const bool stream : {false, true}) {
    std::set<const std::uint8_t*> ends;
    auto source = stream ? open_reader(std::make_unique<BlockCounter>(file, ends), -1, "t")
                         : open_bytes(file, "t");
    ASSERT_TRUE(source.ok());
    std::size_t packets = 0;
    for (auto batch = (*source)->next(0); batch.ok() && *batch != nullptr;
         batch = (*source)->next(0)) {
      const auto& of = (*batch)->packets;
      packets += of.size();
      if (of.empty()) continue;
      EXPECT_LE(of.back().file_offset - of.front().file_offset, std::uint64_t{5} << 20);
    }
    EXPECT_EQ(packets, 201U);
  }
}

class FifoTest : public ::testing::Test {
 protected:
  FifoTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "netwatch-XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    path_ = dir_ / "fifo";
    EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    writer_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);  // so it stays open
    stop_fd_ = ::eventfd(0, 0);
    Writer w(false);
    w.pcap_header(0xa1b2c3d4, 65535, 1);
    w.pcap_record(0xa1b2c3d4, 1, 0, "abcd", 4);
    put(w.bytes);
  }
  ~FifoTest() override {
    ::close(writer_);
    ::close(stop_fd_);
    std::filesystem::remove_all(dir_);
  }
  void put(const Bytes& bytes) const {
    EXPECT_EQ(::write(writer_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  std::filesystem::path dir_;
  std::string path_;
  int writer_ = -1;
  int stop_fd_ = -1;
};

// They are read when the format is told; nothing more comes to wake the reader.
TEST_F(FifoTest, PacketsThatCameWithTheHeaderAreSeenAtOnce) {
  ::alarm(20);  // the mistake is to wait for ever
  const auto source = open_file(path_);
  ASSERT_TRUE(source.ok()) << source.error().message;
  const auto batch = (*source)->next(0);
  ::alarm(0);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ((*batch)->packets.size(), 1U);
}

TEST_F(FifoTest, EndsWhenItIsStoppedAndAPartOfARecordIsNoDamage) {
  put({1, 0, 0, 0, 0, 0, 0});
  const auto source = open_followed(path_, 0, stop_fd_);
  ASSERT_TRUE(source.ok()) << source.error().message;
  const auto batch = (*source)->next(-1);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ((*batch)->packets.size(), 1U);
  ASSERT_EQ(::eventfd_write(stop_fd_, 1), 0);
  ::alarm(20);
  const auto end = (*source)->next(-1);
  ::alarm(0);
  ASSERT_TRUE(end.ok()) << end.error().message;
  EXPECT_EQ(*end, nullptr);
}

// The other program of a pipe gets the same signal, and writes what it still has.
TEST_F(FifoTest, WhatComesInTheMomentAfterItWasStoppedIsRead) {
  const auto source = open_followed(path_, 0, stop_fd_);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ((*(*source)->next(-1))->packets.size(), 1U);
  ASSERT_EQ(::eventfd_write(stop_fd_, 1), 0);
  EXPECT_TRUE((*(*source)->next(0))->packets.empty());
  Writer w(false);
  w.pcap_record(0xa1b2c3d4, 2, 0, "abcd", 4);
  put(w.bytes);
  const auto last = (*source)->next(-1);
  ASSERT_TRUE(last.ok() && *last != nullptr);
  EXPECT_EQ((*last)->packets.size(), 1U);
  EXPECT_EQ(*(*source)->next(-1), nullptr);
}

}  // namespace
}  // namespace netwatch::capture
