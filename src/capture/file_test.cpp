#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "capture/file_source.h"
#include "capture/test_captures.h"

namespace netwatch::capture {
namespace {

using namespace test_captures;
using base::ErrorCode;
using model::Packet;
using model::PacketDirection;

// What a source gave until its end or its error.
struct Read {
  std::vector<Packet> packets;  // bytes are only valid while `batches` live
  std::vector<model::PacketBatchPtr> batches;
  std::vector<std::size_t> sizes;
  std::uint64_t dropped = 0;
  std::vector<std::uint16_t> linktypes;
  std::string error;
  ErrorCode code = ErrorCode::kIo;
};

Read drain(base::Result<std::unique_ptr<PacketSource>> opened) {
  Read out;
  if (!opened) {
    out.error = opened.error().message;
    out.code = opened.error().code;
    return out;
  }
  while (true) {
    auto batch = (*opened)->next(1000);
    if (!batch) {
      out.error = batch.error().message;
      out.code = batch.error().code;
      break;
    }
    if (*batch == nullptr) break;
    out.dropped += (*batch)->kernel_dropped;
    out.sizes.push_back((*batch)->packets.size());
    out.packets.insert(out.packets.end(), (*batch)->packets.begin(), (*batch)->packets.end());
    out.batches.push_back(*batch);
  }
  out.linktypes = (*opened)->linktypes();
  return out;
}

Read read(const Bytes& file) { return drain(open_bytes(file, "t.pcap", 3)); }

// Gives a file out in pieces of `step_bytes`, as a pipe does.
class PieceReader final : public base::ByteReader {
 public:
  PieceReader(Bytes bytes, std::size_t step_bytes) : bytes_(std::move(bytes)), step_(step_bytes) {}
  base::Result<std::size_t> read(std::span<std::uint8_t> out) override {
    const std::size_t n = std::min({out.size(), step_, bytes_.size() - offset_});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_), n, out.begin());
    offset_ += n;
    return n;
  }
  [[nodiscard]] const char* encoding() const override { return "plain"; }

 private:
  Bytes bytes_;
  std::size_t step_;
  std::size_t offset_ = 0;
};

Read read_in_pieces(const Bytes& file, std::size_t step_bytes) {
  return drain(open_reader(std::make_unique<PieceReader>(file, step_bytes), -1, "t.pcap", 3));
}

TEST(PcapFile, EveryVariantGivesTheSamePackets) {
  struct Variant {
    const char* what;
    std::uint32_t magic;
    std::uint32_t fraction;  // of 1.5 s
  };
  constexpr Variant kVariants[] = {{"us", 0xa1b2c3d4, 500'000},
                                   {"ns", 0xa1b23c4d, 500'000'000},
                                   {"modified", 0xa1b2cd34, 500'000},
                                   {"ixia ns", 0x1c0001ac, 500'000'000},
                                   {"ixia us", 0x1c0001ab, 500'000}};
  for (const Variant& variant : kVariants) {
    for (const bool big : {false, true}) {
      SCOPED_TRACE(std::string(variant.what) + (big ? " big" : " little"));
      Writer w(big);
      w.pcap_header(variant.magic, 65535, 1);
      w.pcap_record(variant.magic, 1, variant.fraction, "abc", 60, 7, 4);
      w.pcap_record(variant.magic, 2, 0, "", 0, 8, 0);
      const Read got = read(w.bytes);
      ASSERT_EQ(got.error, "");
      ASSERT_EQ(got.packets.size(), 2U);
      const Packet& p = got.packets[0];
      EXPECT_EQ(p.number, 1U);
      EXPECT_EQ(p.source, 3U);
      EXPECT_EQ(p.time_ns, 1'500'000'000);
      EXPECT_EQ(p.wire_len, 60U);
      EXPECT_EQ(p.linktype, 1);
      EXPECT_EQ(base::as_text(p.bytes), "abc");
      EXPECT_EQ(got.packets[1].time_ns, 2'000'000'000);
      const bool modified = variant.magic == 0xa1b2cd34;
      EXPECT_EQ(p.ifindex, modified ? 7U : 0U);
      EXPECT_EQ(p.direction, modified ? PacketDirection::kOutbound : PacketDirection::kUnknown);
      EXPECT_EQ(p.file_offset, variant.magic >> 16 == 0x1c00 ? 28U : 24U);
    }
  }
}

TEST(PcapFile, OldVersionsSwapTheLengths) {
  Writer w(false);
  w.pcap_header(0xa1b2c3d4, 65535, 1, 2, 2);
  w.u32(1).u32(0).u32(60).u32(3).text("abc");
  const Read got = read(w.bytes);
  ASSERT_EQ(got.packets.size(), 1U) << got.error;
  EXPECT_EQ(got.packets[0].bytes.size(), 3U);
  EXPECT_EQ(got.packets[0].wire_len, 60U);
}

TEST(PcapFile, CookedHeadersGiveTheDirection) {
  for (const char type : std::string("\0\1\2\3\4", 5)) {
    Writer w(false);
    w.pcap_header(0xa1b2c3d4, 65535, 113);
    std::string sll(16, '\0');
    sll[1] = type;
    w.pcap_record(0xa1b2c3d4, 1, 0, sll, 16);
    Writer w2(false);
    w2.pcap_header(0xa1b2c3d4, 65535, 276);
    std::string sll2(20, '\0');
    sll2[7] = 9;
    sll2[10] = type;
    w2.pcap_record(0xa1b2c3d4, 1, 0, sll2, 20);
    const auto want = type == 4 ? PacketDirection::kOutbound : PacketDirection::kInbound;
    const Read one = read(w.bytes);
    EXPECT_EQ(one.packets.at(0).direction, want);
    const Read two = read(w2.bytes);
    EXPECT_EQ(two.packets.at(0).direction, want);
    EXPECT_EQ(two.packets.at(0).ifindex, 9U);
  }
}

TEST(PcapngFile, BothByteOrdersSectionsAndInterfaces) {
  for (const bool big : {false, true}) {
    SCOPED_TRACE(big);
    Writer w(big);
    w.section();
    w.interface(1, 65535, Options(big).u8(9, 9));                     // ns
    w.interface(101, 0, Options(big).u8(9, 0x80 | 10).u64(14, 100));  // 2^-10 s, 100 s later
    w.enhanced(0, 5'000'000'001, "one", 60, Options(big).u32(2, 1));
    w.block(0x0bad, "unknown blocks are skipped..");
    w.enhanced(1, 2 * 1024 + 512, "two!", 4, Options(big).u32(2, 2));
    w.simple("three", 5);
    w.obsolete(1, 3072, "four", 4);
    const Writer second = [&] {
      Writer s(!big);
      s.section();
      s.interface(113, 65535, Options(!big));
      s.enhanced(0, 7'000'000, std::string(16, '\0'), 16);
      return s;
    }();
    Bytes file = w.bytes;
    file.insert(file.end(), second.bytes.begin(), second.bytes.end());
    const Read got = read(file);
    ASSERT_EQ(got.error, "");
    ASSERT_EQ(got.packets.size(), 5U);
    EXPECT_EQ(got.packets[0].time_ns, 5'000'000'001);
    EXPECT_EQ(got.packets[0].direction, PacketDirection::kInbound);
    EXPECT_EQ(got.packets[0].wire_len, 60U);
    EXPECT_EQ(got.packets[1].time_ns, 102'500'000'000);
    EXPECT_EQ(got.packets[1].direction, PacketDirection::kOutbound);
    EXPECT_EQ(got.packets[1].linktype, 101);
    EXPECT_EQ(got.packets[1].ifindex, 1U);
    EXPECT_EQ(base::as_text(got.packets[2].bytes), "three");
    EXPECT_EQ(got.packets[2].time_ns, 102'500'000'000) << "its neighbour's: it has none";
    EXPECT_EQ(base::as_text(got.packets[3].bytes), "four");
    EXPECT_EQ(got.packets[3].time_ns, 103'000'000'000);
    EXPECT_EQ(got.packets[4].time_ns, 7'000'000'000);
    EXPECT_EQ(got.packets[4].ifindex, 2U) << "interfaces are counted over all sections";
    EXPECT_EQ(got.linktypes, (std::vector<std::uint16_t>{1, 101, 113}));
  }
}

TEST(PcapngFile, DropsAreCountedOnce) {
  Writer w(false);
  w.section();
  w.interface(1, 0, Options(false));
  w.enhanced(0, 1, "a", 1, Options(false).u64(4, 5));   // 5 lost before it
  w.statistics(0, Options(false).u64(5, 7).u64(7, 1));  // 8 in all
  w.statistics(0, Options(false).u64(5, 9).u64(7, 1));  // 10 in all
  const Read got = read(w.bytes);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.dropped, 10U);
}

TEST(PcapngFile, PacketsThatWaitForTheNextBatchTellTheirDropsOnce) {
  Writer w(false);
  w.section();
  w.interface(1, 0, Options(false));
  for (int i = 0; i < 5000; ++i) w.enhanced(0, 1, "a", 1, Options(false).u64(4, 1));
  w.statistics(0, Options(false).u64(5, 5003));
  EXPECT_EQ(read(w.bytes).dropped, 5003U);
}

TEST(PcapngFile, SimplePacketsAreCutByTheSnaplen) {
  Writer w(false);
  w.section();
  w.interface(1, 3, Options(false));
  w.simple("abc", 60);
  const Read got = read(w.bytes);
  ASSERT_EQ(got.packets.size(), 1U) << got.error;
  EXPECT_EQ(base::as_text(got.packets[0].bytes), "abc");
  EXPECT_EQ(got.packets[0].wire_len, 60U);
}

TEST(PcapngFile, HugeUnknownBlocksAreSkippedUnread) {
  Writer w(false);
  w.section();
  w.interface(1, 0, Options(false));
  w.block(0x4242, std::string(std::size_t{3} << 20, 'x'));
  w.enhanced(0, 1, "behind", 6);
  for (const Read& got : {read(w.bytes), read_in_pieces(w.bytes, 50'000)}) {
    ASSERT_EQ(got.packets.size(), 1U) << got.error;
    EXPECT_EQ(base::as_text(got.packets[0].bytes), "behind");
  }
}

TEST(SnoopFile, IsRead) {
  const Bytes file = snoop_file({"abc", "defgh"}, 60);
  const Read got = read(file);
  ASSERT_EQ(got.packets.size(), 2U) << got.error;
  EXPECT_EQ(base::as_text(got.packets[1].bytes), "defgh");
  EXPECT_EQ(got.packets[0].wire_len, 60U);
  EXPECT_EQ(got.packets[0].time_ns, 1'500'000'000);
  EXPECT_EQ(got.packets[0].linktype, 1);
  EXPECT_EQ(got.dropped, 2U);
}

// ---- what is broken ----

struct Broken {
  const char* what;
  std::function<void(Writer&)> damage;
  ErrorCode code;
  const char* says;
};

TEST(BrokenPcap, GivesWhatWasGoodThenSaysWhere) {
  const Broken kCases[] = {
      {"cut header", [](Writer& w) { w.u32(1).u32(0); }, ErrorCode::kTruncated, "byte 43"},
      {"cut packet", [](Writer& w) { w.u32(1).u32(0).u32(9).u32(9).text("x"); },
       ErrorCode::kTruncated, "8 more bytes"},
      {"4 GB packet", [](Writer& w) { w.u32(1).u32(0).u32(0xffffffff).u32(9).text("xx"); },
       ErrorCode::kInvalid, "4294967295"},
      {"above the limit", [](Writer& w) { w.u32(1).u32(0).u32(65535 + 262144 + 1).u32(9); },
       ErrorCode::kInvalid, "at most 327679"},
  };
  for (const Broken& c : kCases) {
    SCOPED_TRACE(c.what);
    Writer w(false);
    w.pcap_header(0xa1b2c3d4, 65535, 1);
    w.pcap_record(0xa1b2c3d4, 1, 0, "abc", 60);
    c.damage(w);
    for (const Read& got : {read(w.bytes), read_in_pieces(w.bytes, 1)}) {
      EXPECT_EQ(got.packets.size(), 1U);
      EXPECT_EQ(got.code, c.code);
      EXPECT_NE(got.error.find("t.pcap: byte 43: "), std::string::npos) << got.error;
      EXPECT_NE(got.error.find(c.says), std::string::npos) << got.error;
      EXPECT_NE(got.error.find("1 packets before it are good"), std::string::npos) << got.error;
    }
  }
}

TEST(BrokenPcapng, GivesWhatWasGoodThenSaysWhere) {
  const Broken kCases[] = {
      {"unknown interface", [](Writer& w) { w.enhanced(1, 1, "x", 1); }, ErrorCode::kInvalid,
       "interface 1 is used"},
      {"length not of 4", [](Writer& w) { w.u32(6).u32(33).text(std::string(40, 'x')); },
       ErrorCode::kInvalid, "33 bytes"},
      {"length too short", [](Writer& w) { w.u32(6).u32(8).text(std::string(40, 'x')); },
       ErrorCode::kInvalid, "8 bytes"},
      {"lengths differ", [](Writer& w) { w.u32(9).u32(16).u32(0).u32(20); }, ErrorCode::kInvalid,
       "16 bytes at its front and 20"},
      {"packet past block",
       [](Writer& w) { w.u32(6).u32(36).u32(0).u32(0).u32(1).u32(999).u32(999).u32(0).u32(36); },
       ErrorCode::kInvalid, "shorter than its packet"},
      {"packet block of 2 GB", [](Writer& w) { w.u32(6).u32(0x80000000); }, ErrorCode::kInvalid,
       "2147483648"},
      {"unknown block of 2 GB", [](Writer& w) { w.u32(99).u32(0x80000000); }, ErrorCode::kTruncated,
       "more bytes"},
      {"wrong magic",
       [](Writer& w) { w.u32(0x0a0d0d0a).u32(28).u32(5).text(std::string(30, 'x')); },
       ErrorCode::kInvalid, "byte-order magic"},
      {"too fine", [](Writer& w) { w.interface(1, 0, Options(false).u8(9, 40)); },
       ErrorCode::kUnsupported, "if_tsresol"},
      {"option overruns",
       [](Writer& w) { w.block(1, std::string("\x01\0\0\0\0\0\0\0\x09\0\xff\0", 12)); },
       ErrorCode::kInvalid, "interface description"},
  };
  for (const Broken& c : kCases) {
    SCOPED_TRACE(c.what);
    Writer w(false);
    w.section();
    w.interface(1, 65535, Options(false));
    w.enhanced(0, 1, "good", 4);
    const std::string where = "byte " + std::to_string(w.bytes.size());
    c.damage(w);
    for (const Read& got : {read(w.bytes), read_in_pieces(w.bytes, 7)}) {
      EXPECT_EQ(got.packets.size(), 1U);
      EXPECT_EQ(got.code, c.code) << got.error;
      EXPECT_NE(got.error.find(c.says), std::string::npos) << got.error;
      if (c.code != ErrorCode::kTruncated) {
        EXPECT_NE(got.error.find(where), std::string::npos) << got.error;
      }
    }
  }
}

TEST(NotACapture, IsSaid) {
  const std::string html = "<html> nothing here";
  const Read got = read(Bytes(html.begin(), html.end()));
  EXPECT_EQ(got.code, ErrorCode::kUnsupported);
  EXPECT_NE(got.error.find("begins with 3c 68 74 6d"), std::string::npos) << got.error;
  EXPECT_NE(read({}).error.find("empty"), std::string::npos);
  EXPECT_EQ(drain(open_file("/does/not/exist.pcap")).code, ErrorCode::kNotFound);
  EXPECT_NE(drain(open_file("/")).error.find("directory"), std::string::npos);
}

// ---- the ways in ----

Bytes long_capture(std::size_t packets) {
  Writer w(false);
  w.pcap_header(0xa1b2c3d4, 65535, 1);
  for (std::size_t i = 0; i < packets; ++i)
    w.pcap_record(0xa1b2c3d4, static_cast<std::uint32_t>(i), 0,
                  std::string(i % 1500, static_cast<char>(i)), 1500);
  return w.bytes;
}

void expect_same(const Read& a, const Read& b) {
  EXPECT_EQ(a.error, b.error);
  EXPECT_EQ(a.sizes, b.sizes) << "batches must not depend on how the bytes came in";
  ASSERT_EQ(a.packets.size(), b.packets.size());
  for (std::size_t i = 0; i < a.packets.size(); ++i) {
    ASSERT_EQ(a.packets[i].number, i + 1);
    ASSERT_EQ(a.packets[i].number, b.packets[i].number);
    ASSERT_EQ(a.packets[i].time_ns, b.packets[i].time_ns);
    ASSERT_EQ(a.packets[i].file_offset, b.packets[i].file_offset);
    ASSERT_EQ(base::as_text(a.packets[i].bytes), base::as_text(b.packets[i].bytes)) << i;
  }
}

TEST(Batches, AreTheSameWholeOrInPieces) {
  const Bytes file = long_capture(6000);
  const Read whole = read(file);
  ASSERT_EQ(whole.packets.size(), 6000U);
  for (const auto& batch : whole.batches) {
    EXPECT_LE(batch->packets.size(), model::PacketBatch::kMaxPackets);
    std::size_t bytes = 0;
    for (const Packet& packet : batch->packets) bytes += packet.bytes.size();
    EXPECT_LE(bytes, model::PacketBatch::kMaxArenaBytes);
  }
  for (const std::size_t step : {std::size_t{1}, std::size_t{4097}, std::size_t{10'000'000}}) {
    SCOPED_TRACE(step);
    expect_same(whole, read_in_pieces(file, step));
  }
}

// Blocks are read into again, but never while a batch has packets in them.
TEST(Batches, KeepTheirBytesWhileOthersAreReadAndDropped) {
  const Bytes file = long_capture(30'000);
  const Read expected = read(file);
  auto source = open_reader(std::make_unique<PieceReader>(file, 70'000), -1, "t.pcap");
  ASSERT_TRUE(source);
  std::vector<model::PacketBatchPtr> kept;
  for (std::size_t n = 0;; ++n) {
    auto batch = (*source)->next(1000);
    ASSERT_TRUE(batch);
    if (*batch == nullptr) break;
    if (n % 3 == 0) kept.push_back(*std::move(batch));
  }
  ASSERT_GT(kept.size(), 5U);
  for (const auto& batch : kept) {
    for (const Packet& packet : batch->packets) {
      const base::Bytes& same = expected.packets[packet.number - 1].bytes;
      ASSERT_EQ(base::as_text(packet.bytes), base::as_text(same)) << packet.number;
    }
  }
}

class OnDisk : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "netwatchXXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string write(const std::string& name, const Bytes& bytes) const {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path;
  }
  static bool run(const std::string& command) {
    // NOLINTNEXTLINE(cert-env33-c): gzip or zstd, with words of this file only
    return std::system(command.c_str()) == 0;
  }
  std::filesystem::path folder_;
};

TEST_F(OnDisk, PlainGzipAndZstdAreOne) {
  const Bytes file = long_capture(3000);
  const std::string path = write("a.bin", file);
  const Read plain = drain(open_file(path));
  ASSERT_EQ(plain.packets.size(), 3000U) << plain.error;
  EXPECT_TRUE(plain.batches[0]->arena.empty()) << "a plain file is not copied";
  for (const char* packer : {"gzip -k", "zstd -q"}) {
    SCOPED_TRACE(packer);
    const std::string packed = path + (packer[0] == 'g' ? ".gz" : ".zst");
    if (!run(std::string(packer) + " " + path)) continue;
    expect_same(plain, drain(open_file(packed)));
  }
}

TEST_F(OnDisk, CutGzipGivesWhatItHeld) {
  const std::string path = write("a.bin", long_capture(3000));
  if (!run("gzip -k " + path)) GTEST_SKIP() << "needs gzip";
  const auto size = std::filesystem::file_size(path + ".gz");
  std::filesystem::resize_file(path + ".gz", size / 2);
  const Read got = drain(open_file(path + ".gz"));
  EXPECT_GT(got.packets.size(), 100U);
  EXPECT_LT(got.packets.size(), 3000U);
  EXPECT_NE(got.error, "");
}

TEST(Pipe, PacketsComeWhenTheyAreWritten) {
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe(fds.data()), 0);
  const Bytes file = long_capture(40);
  const std::size_t half = 24 + 10 * 16 + 45;  // the header and the first ten packets
  ASSERT_EQ(write(fds[1], file.data(), half + 3), static_cast<ssize_t>(half + 3));
  auto source = open_reader(base::make_fd_reader(fds[0], true, "pipe"), fds[0], "pipe");
  ASSERT_TRUE(source);
  auto first = (*source)->next(1000);
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)->packets.size(), 10U) << "and not held back until a batch is full";
  auto none = (*source)->next(0);
  ASSERT_TRUE(none);
  ASSERT_NE(*none, nullptr) << "idle is not the end";
  EXPECT_TRUE((*none)->packets.empty());
  const std::size_t rest = file.size() - half - 3;
  ASSERT_EQ(write(fds[1], file.data() + half + 3, rest), static_cast<ssize_t>(rest));
  close(fds[1]);
  const Read got = drain(std::move(source));
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 30U);
  EXPECT_EQ(got.packets[0].number, 11U);
}

}  // namespace
}  // namespace netwatch::capture
