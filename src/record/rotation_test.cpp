// One capture in files that follow each other.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "record/pcapng_writer.h"
#include "wire/byte_order.h"
#include "wire/pcap_format.h"

namespace netwatch::record {
namespace {

namespace fs = std::filesystem;
using Types = std::vector<std::uint32_t>;

constexpr std::uint32_t kSection = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kNames = 4;
constexpr std::uint32_t kStatistics = 5;
constexpr std::uint32_t kPacket = 6;
constexpr std::uint32_t kSecrets = 10;

// 2026-11-21 15:45:00 UTC
constexpr base::TimeNs kStart = 1'795'275'900 * base::kNsPerSecond;

class RotationTest : public ::testing::Test {
 protected:
  RotationTest() {
    std::string pattern = fs::temp_directory_path() / "netwatch-XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }
  ~RotationTest() override { fs::remove_all(dir_); }

  PcapngWriter make(const Rotation& rotation) const {
    auto writer = PcapngWriter::create(dir_ / "out.pcapng", "nw", rotation);
    EXPECT_TRUE(writer.ok());
    return *std::move(writer);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(dir_)) out.push_back(entry.path().filename());
    std::ranges::sort(out);
    return out;
  }
  std::string contents(const std::string& name) const {
    std::ifstream in(dir_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Of the blocks of a file; with a 0 at the end if it does not end where a block does.
  Types blocks(const std::string& name) const {
    const std::string file = contents(name);
    Types out;
    for (base::Bytes rest = base::as_bytes(file); !rest.empty();) {
      const auto length =
          rest.size() < 12 ? 0 : wire::load32(rest.data() + 4, wire::ByteOrder::kLittle);
      if (length < 12 || length > rest.size()) {
        out.push_back(0);
        break;
      }
      out.push_back(wire::load32(rest.data(), wire::ByteOrder::kLittle));
      rest = rest.subspan(length);
    }
    return out;
  }

  fs::path dir_;
};

model::Packet packet_at(base::TimeNs time_ns, std::string_view data = "0123") {
  model::Packet packet;
  packet.time_ns = time_ns;
  packet.linktype = 1;
  packet.bytes = base::as_bytes(data);
  packet.wire_len = static_cast<std::uint32_t>(data.size());
  return packet;
}

model::CaptureNote note_of(model::CaptureNote::Kind kind, std::uint32_t type,
                           std::string_view bytes) {
  model::CaptureNote note;
  note.kind = kind;
  note.block_type = type;
  note.linktype = 1;
  note.bytes = base::as_bytes(bytes);
  return note;
}

TEST_F(RotationTest, FilesAreCalledAfterNumberAndTimeAndHoldWholeIntervals) {
  PcapngWriter writer = make({.interval_ns = 60 * base::kNsPerSecond});
  for (const int second : {0, 59, 60, 61, 200}) {
    ASSERT_TRUE(writer.write(packet_at(kStart + second * base::kNsPerSecond)).ok());
  }
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(names(), (std::vector<std::string>{"out_00001_20261121T154500Z.pcapng",
                                               "out_00002_20261121T154600Z.pcapng",
                                               "out_00003_20261121T154820Z.pcapng"}));
  EXPECT_EQ(blocks(names()[0]), (Types{kSection, kInterface, kPacket, kPacket}));
  EXPECT_EQ(blocks(names()[2]), (Types{kSection, kInterface, kPacket}));
}

TEST_F(RotationTest, ADurationBeginsWithTheFilesFirstPacket) {
  PcapngWriter writer = make({.duration_ns = 60 * base::kNsPerSecond});
  for (const int second : {30, 89, 90, 149, 150}) {
    ASSERT_TRUE(writer.write(packet_at(kStart + second * base::kNsPerSecond)).ok());
  }
  ASSERT_TRUE(writer.close().ok());
  ASSERT_EQ(names().size(), 3U);
  EXPECT_EQ(blocks(names()[1]), (Types{kSection, kInterface, kPacket, kPacket}));
}

// What packets of later files need is said again: their section, interface, names, secrets; what
// was true at one moment (statistics) is not.
TEST_F(RotationTest, EachFileIsCompleteInItself) {
  using Kind = model::CaptureNote::Kind;
  PcapngWriter writer = make({.max_packets = 2});
  const std::string os("\x03\0\x04\0Hurd", 8);
  const std::string eth("\x02\0\x04\0eth7", 8);
  ASSERT_TRUE(writer.write(note_of(Kind::kSection, kSection, os)).ok());
  ASSERT_TRUE(writer.write(note_of(Kind::kInterface, kInterface, eth)).ok());
  ASSERT_TRUE(writer.write(note_of(Kind::kNames, kNames, "names...")).ok());
  ASSERT_TRUE(writer.write(packet_at(kStart)).ok());
  ASSERT_TRUE(writer.write(packet_at(kStart)).ok());
  ASSERT_TRUE(writer.write(note_of(Kind::kSecrets, kSecrets, "secrets.")).ok());
  ASSERT_TRUE(writer.write(note_of(Kind::kStatistics, kStatistics, "")).ok());
  ASSERT_TRUE(writer.write(packet_at(kStart)).ok());
  ASSERT_TRUE(writer.close().ok());
  ASSERT_EQ(names().size(), 2U);
  EXPECT_EQ(blocks(names()[0]),
            (Types{kSection, kInterface, kNames, kPacket, kPacket, kSecrets, kStatistics}));
  EXPECT_EQ(blocks(names()[1]), (Types{kSection, kNames, kSecrets, kInterface, kPacket}));
  for (const std::string& name : names()) {
    for (const auto& text : {os, eth}) EXPECT_NE(contents(name).find(text), std::string::npos);
  }
}

TEST_F(RotationTest, NoFileIsLongerThanItMayBe) {
  PcapngWriter writer = make({.max_bytes = 2000});
  const std::string data(300, 'x');
  const std::string large(3000, 'x');
  for (int i = 0; i < 40; ++i) {
    const std::string& one = i == 20 ? large : data;
    ASSERT_TRUE(writer.write(packet_at(kStart, one)).ok());
  }
  ASSERT_TRUE(writer.close().ok());
  std::size_t packets = 0;
  std::size_t too_long = 0;
  for (const std::string& name : names()) {
    const Types found = blocks(name);
    packets += static_cast<std::size_t>(std::ranges::count(found, kPacket));
    EXPECT_GT(contents(name).size(), 1000U) << name;
    too_long += contents(name).size() > 2000 ? 1U : 0U;
  }
  EXPECT_EQ(packets, 40U);
  EXPECT_EQ(too_long, 1U);  // the packet that is longer alone
}

TEST_F(RotationTest, WhatIsSaidAgainDoesNotCountTowardsTheSize) {
  PcapngWriter writer = make({.max_bytes = 2000});
  const std::string names_block(5000, 'n');
  ASSERT_TRUE(writer.write(note_of(model::CaptureNote::Kind::kNames, kNames, names_block)).ok());
  const std::string data(300, 'x');
  for (int i = 0; i < 11; ++i) ASSERT_TRUE(writer.write(packet_at(kStart, data)).ok());
  ASSERT_TRUE(writer.close().ok());
  ASSERT_EQ(names().size(), 3U);  // the first has its names of its own: one packet
  EXPECT_EQ(std::ranges::count(blocks(names()[1]), kPacket), 5);
  EXPECT_EQ(std::ranges::count(blocks(names()[1]), kNames), 1);
}

TEST_F(RotationTest, OneTimeInTheFutureDoesNotEndTheDivision) {
  constexpr base::TimeNs kEver = std::numeric_limits<base::TimeNs>::max();
  constexpr base::TimeNs kMinute = 60 * base::kNsPerSecond;
  for (const Rotation& rotation :
       {Rotation{.duration_ns = kMinute}, Rotation{.interval_ns = kMinute}}) {
    PcapngWriter writer = make(rotation);
    for (const base::TimeNs time :
         {kStart, kStart - 1, kEver, kStart + 1, kStart + kMinute + 1, -kEver}) {
      ASSERT_TRUE(writer.write(packet_at(time)).ok());
    }
    ASSERT_TRUE(writer.close().ok());
    const auto made = names();
    ASSERT_EQ(made.size(), 5U);
    EXPECT_EQ(blocks(made[0]), (Types{kSection, kInterface, kPacket, kPacket}));
    for (const std::string& name : made) fs::remove(dir_ / name);
  }
}

TEST_F(RotationTest, NotesBeforeTheFirstPacketDoNotTakeTheTimeFromTheName) {
  PcapngWriter writer = make({.max_packets = 10});
  const std::string note(400'000, 'n');
  ASSERT_TRUE(writer.write(note_of(model::CaptureNote::Kind::kNames, kNames, note)).ok());
  ASSERT_TRUE(writer.write(packet_at(kStart)).ok());
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(names(), std::vector<std::string>{"out_00001_20261121T154500Z.pcapng"});
}

TEST_F(RotationTest, OnlyTheLastAreKeptAndOnlyOursAreDeleted) {
  std::ofstream(dir_ / "out_00000_20261121T154500Z.pcapng") << "somebody's";
  PcapngWriter writer = make({.max_packets = 1, .keep_files = 2});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(writer.write(packet_at(kStart)).ok());
    if (i == 1) {
      // Somebody took ours away and put another in its place.
      fs::remove(dir_ / "out_00001_20261121T154500Z.pcapng");
      std::ofstream(dir_ / "new") << "another's";
      fs::rename(dir_ / "new", dir_ / "out_00001_20261121T154500Z.pcapng");
    }
  }
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(names(),
            (std::vector<std::string>{
                "out_00000_20261121T154500Z.pcapng", "out_00001_20261121T154500Z.pcapng",
                "out_00004_20261121T154500Z.pcapng", "out_00005_20261121T154500Z.pcapng"}));
}

TEST_F(RotationTest, WhatIsThereIsNotReplaced) {
  std::ofstream(dir_ / "out_00002_20261121T154500Z.pcapng") << "old";
  PcapngWriter writer = make({.max_packets = 1});
  ASSERT_TRUE(writer.write(packet_at(kStart)).ok());
  ASSERT_TRUE(writer.write(packet_at(kStart)).ok());
  const base::Status closed = writer.close();
  ASSERT_FALSE(closed.ok());
  EXPECT_NE(closed.error().message.find("out_00002_20261121T154500Z.pcapng: exists already"),
            std::string::npos);
  EXPECT_EQ(contents("out_00002_20261121T154500Z.pcapng"), "old");
  EXPECT_EQ(blocks("out_00001_20261121T154500Z.pcapng"), (Types{kSection, kInterface, kPacket}));
}

TEST_F(RotationTest, APipeCannotBeDivided) {
  EXPECT_FALSE(PcapngWriter::create("-", "nw", {.max_packets = 1}).ok());
  EXPECT_FALSE(PcapngWriter::create("/dev/null", "nw", {.max_packets = 1}).ok());
}

TEST_F(RotationTest, WithoutPacketsThereIsOneFile) {
  PcapngWriter writer = make({.max_packets = 1, .keep_files = 1});
  ASSERT_TRUE(writer.flush().ok());
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(names(), std::vector<std::string>{"out_00001.pcapng"});
}

}  // namespace
}  // namespace netwatch::record
