#include "record/pcapng_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/crypto.h"

namespace netwatch::record {
namespace {

namespace fs = std::filesystem;

class PcapngWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "netwatch_pcapng_XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir_ = fs::absolute(pattern);
    path_ = dir_ / "out.pcapng";
  }
  void TearDown() override { fs::remove_all(dir_); }

  [[nodiscard]] std::string contents() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(dir_), fs::directory_iterator()));
  }

  fs::path dir_;
  fs::path path_;
};

model::Packet packet_of(std::string_view data, base::TimeNs time_ns) {
  model::Packet packet;
  packet.time_ns = time_ns;
  packet.linktype = 1;
  packet.bytes = base::as_bytes(data);
  packet.wire_len = static_cast<std::uint32_t>(data.size());
  return packet;
}

PcapngWriter make(const fs::path& path) {
  auto writer = PcapngWriter::create(path.string(), "nw 1");
  EXPECT_TRUE(writer.ok()) << writer.error().message;
  return *std::move(writer);
}

// Every byte, as the draft lays them out.
TEST_F(PcapngWriterTest, Blocks) {
  PcapngWriter writer = make(path_);
  model::Packet packet = packet_of("abcde", 0x0000000102030405);
  packet.direction = model::PacketDirection::kOutbound;
  packet.wire_len = 9;
  ASSERT_TRUE(writer.write(packet).ok());
  packet.direction = model::PacketDirection::kUnknown;
  packet.bytes = packet.bytes.first(4);
  packet.wire_len = 0;  // a lie: what was captured was on the wire
  ASSERT_TRUE(writer.write(packet).ok());
  ASSERT_TRUE(writer.close().ok());
  const std::string expected =
      "0a0d0d0a"
      "28000000"
      "4d3c2b1a"
      "01000000"
      "ffffffffffffffff"
      "04000400"
      "6e772031"
      "00000000"
      "28000000"
      "01000000"
      "20000000"
      "01000000"
      "00000000"
      "09000100"
      "09000000"
      "00000000"
      "20000000"
      "06000000"
      "34000000"
      "00000000"
      "01000000"
      "05040302"
      "05000000"
      "09000000"
      "6162636465000000"
      "02000400"
      "02000000"
      "00000000"
      "34000000"
      "06000000"
      "24000000"
      "00000000"
      "01000000"
      "05040302"
      "04000000"
      "04000000"
      "61626364"
      "24000000";
  EXPECT_EQ(base::to_hex(base::as_bytes(contents())), expected);
}

TEST_F(PcapngWriterTest, AppearsWholeWithMode0600) {
  {
    PcapngWriter writer = make(path_);
    ASSERT_TRUE(writer.write(packet_of("x", 1)).ok());
    ASSERT_TRUE(writer.flush().ok());
    EXPECT_FALSE(fs::exists(path_));  // not before it is complete
    EXPECT_EQ(files(), 1U);
    ASSERT_TRUE(writer.close().ok());
    ASSERT_TRUE(writer.close().ok());
    EXPECT_FALSE(writer.write(packet_of("x", 1)).ok());
  }
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_EQ(files(), 1U);
}

TEST_F(PcapngWriterTest, WithoutCloseNothingIsLeftAndTheOldFileStays) {
  std::ofstream(path_) << "old";
  {
    PcapngWriter writer = make(path_);
    ASSERT_TRUE(writer.write(packet_of("x", 1)).ok());
    const PcapngWriter moved = std::move(writer);
  }
  EXPECT_EQ(contents(), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(PcapngWriterTest, WhoMayReadTheOldFileMayReadTheNewOne) {
  std::ofstream(path_) << "old";
  fs::permissions(path_, fs::perms(0640));
  PcapngWriter writer = make(path_);
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms(0640));
}

TEST_F(PcapngWriterTest, ALinkStaysALink) {
  const fs::path link = dir_ / "link.pcapng";
  std::ofstream(path_) << "old";
  fs::create_symlink(path_, link);
  PcapngWriter writer = make(link);
  ASSERT_TRUE(writer.close().ok());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(base::to_hex(base::as_bytes(contents().substr(0, 4))), "0a0d0d0a");
}

TEST_F(PcapngWriterTest, DevicesAndPipesAreWrittenInPlace) {
  PcapngWriter full = make("/dev/full");
  ASSERT_TRUE(full.write(packet_of("x", 1)).ok());  // still in the buffer
  const auto flushed = full.flush();
  ASSERT_FALSE(flushed.ok());
  EXPECT_EQ(full.packets_flushed(), 0U);
  EXPECT_NE(flushed.error().message.find("No space left"), std::string::npos);
  EXPECT_EQ(full.close().error().message, flushed.error().message);
  EXPECT_EQ(full.write(packet_of("x", 1)).error().message, flushed.error().message);
  EXPECT_FALSE(fs::is_regular_file("/dev/full"));
}

// Writes until a file may not grow beyond 600,000 bytes; returns the error.
std::string fill_up(PcapngWriter& writer) {
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old_limit{};
  EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  struct rlimit small = old_limit;
  small.rlim_cur = 600'000;
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string data(1000, 'd');
  bool failed = false;
  for (int i = 0; i < 1000 && !failed; ++i) failed = !writer.write(packet_of(data, i)).ok();
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(failed);
  return writer.close().error().message;
}

// Of the blocks of a file; nothing if they do not end where the file does.
std::size_t whole_blocks(const std::string& file) {
  std::size_t blocks = 0;
  for (std::size_t at = 0; at < file.size(); ++blocks) {
    std::uint32_t length = 0;
    if (file.size() - at < 12) return 0;
    std::memcpy(&length, &file[at + 4], 4);
    if (length < 12 || length > file.size() - at) return 0;
    at += length;
  }
  return blocks;
}

TEST_F(PcapngWriterTest, WhatWasGoodIsKeptWhenTheDiskIsFull) {
  PcapngWriter writer = make(path_);
  const std::string error = fill_up(writer);
  EXPECT_NE(error.find("are kept in " + path_.string()), std::string::npos) << error;
  EXPECT_EQ(files(), 1U);
  EXPECT_GT(whole_blocks(contents()), 400U);
}

TEST_F(PcapngWriterTest, AFullDiskDoesNotCostTheFileThatWasThere) {
  std::ofstream(path_) << "old";
  PcapngWriter writer = make(path_);
  const std::string error = fill_up(writer);
  EXPECT_EQ(contents(), "old");
  ASSERT_EQ(files(), 2U);
  const std::string kept = error.substr(error.rfind(' ') + 1);
  std::ifstream in(kept, std::ios::binary);
  EXPECT_GT(whole_blocks({std::istreambuf_iterator<char>(in), {}}), 400U) << error;
}

TEST_F(PcapngWriterTest, SaysWhyNot) {
  EXPECT_EQ(PcapngWriter::create((dir_ / "no/such/dir").string(), "x").error().code,
            base::ErrorCode::kNotFound);
  EXPECT_EQ(PcapngWriter::create(dir_.string(), "x").error().code, base::ErrorCode::kInvalid);
}

TEST_F(PcapngWriterTest, StandardOutput) {
  ::fflush(stdout);
  const int saved = ::dup(STDOUT_FILENO);
  const int file = ::open(path_.c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_GE(file, 0);
  ASSERT_EQ(::dup2(file, STDOUT_FILENO), STDOUT_FILENO);
  auto writer = PcapngWriter::create("-", "x");
  const bool wrote =
      writer.ok() && writer->write(packet_of("stdout!!", 1)).ok() && writer->close().ok();
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  ::close(file);
  EXPECT_TRUE(wrote);
  EXPECT_NE(contents().find("stdout!!"), std::string::npos);
}

std::string output_of(const std::string& command) {
  std::string out;
  // NOLINTNEXTLINE(cert-env33-c): tshark, with words of this file only
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 4096> part{};
  while (std::fgets(part.data(), static_cast<int>(part.size()), pipe) != nullptr)
    out += part.data();
  ::pclose(pipe);
  return out;
}

// Another program reads the same packets back: interfaces, times, lengths and directions.
TEST_F(PcapngWriterTest, OthersReadIt) {
  if (output_of("command -v tshark").empty()) GTEST_SKIP() << "tshark is not installed";
  PcapngWriter writer = make(path_);
  std::string expected;
  const std::string data(70'000, '\x5a');
  for (std::uint32_t i = 0; i < 40; ++i) {
    model::Packet packet = packet_of(std::string_view(data).substr(0, 60 + i * 1001),
                                     1'600'000'000'000'000'001 + base::TimeNs{i} * 999'999'999);
    packet.source = i % 2;
    packet.interface = i % 3;
    packet.direction = static_cast<model::PacketDirection>(i % 3);
    packet.wire_len += i;
    ASSERT_TRUE(writer.write(packet).ok());
    const std::array<std::uint32_t, 6> ids{0, 1, 2, 3, 4, 5};  // by order of appearance
    char line[128];
    std::snprintf(line, sizeof line, "%lld.%09lld\t%u\t%zu\t%u\t%s\n",
                  static_cast<long long>(packet.time_ns / base::kNsPerSecond),
                  static_cast<long long>(packet.time_ns % base::kNsPerSecond), packet.wire_len,
                  packet.bytes.size(), ids[i % 6],
                  i % 3 == 0 ? "" : (i % 3 == 1 ? "0x00000001" : "0x00000002"));
    expected += line;
  }
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(output_of("tshark -r " + path_.string() +
                      " -T fields -e frame.time_epoch -e frame.len -e frame.cap_len"
                      " -e frame.interface_id -e frame.packet_flags 2>&1 | grep -v 'as user'"),
            expected);
}

}  // namespace
}  // namespace netwatch::record
