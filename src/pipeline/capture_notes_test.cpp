// What a pcapng file says beside its packets goes through the engine to the names and the writer.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "pipeline/file_run.h"
#include "record/pcapng_writer.h"

namespace netwatch::pipeline {
namespace {

using Kind = model::CaptureNote::Kind;

// Blocks in one of both byte orders.
class Maker {
 public:
  explicit Maker(bool big) : big_(big) {}
  std::string number(std::uint64_t value, std::size_t bytes) const {
    std::string out;
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::size_t shift = (big_ ? bytes - 1 - i : i) * 8;
      out += static_cast<char>(value >> shift);
    }
    return out;
  }
  std::string option(std::uint16_t code, const std::string& value) const {
    return number(code, 2) + number(value.size(), 2) + padded(value);
  }
  std::string block(std::uint32_t type, const std::string& body) const {
    const std::string length = number(body.size() + 12, 4);
    return number(type, 4) + length + body + length;
  }
  static std::string padded(std::string text) {
    text.append((4 - text.size() % 4) % 4, '\0');
    return text;
  }

 private:
  bool big_;
};

// An empty UDP datagram to 192.0.2.9.
const std::string kPacket(
    "\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\xc0\0\2\1\xc0\0\2\x09\x30\x39\0\x35\0\x08\0\0", 28);

std::string capture(bool big) {
  const Maker m(big);
  const std::string end = m.option(0, "");
  std::string names =
      m.number(1, 2) + m.number(15, 2) +
      Maker::padded(std::string("\xc0\0\2\x09", 4) + "host.test" + std::string("\0\0", 2)) + end +
      m.option(2, "resolver") + end;
  const std::string packet = m.number(0, 4) + m.number(0, 4) + m.number(5'000'000, 4) +
                             m.number(28, 4) + m.number(28, 4) + kPacket + m.option(1, "odd one") +
                             m.option(2, m.number(0x105, 4)) + m.option(4, m.number(3, 8)) +
                             m.option(8, m.number(4711, 4) + m.number(4712, 4)) +
                             m.option(19373, m.number(4711, 4) + "secret") + end;
  const std::string stats = m.number(0, 4) + m.number(0, 4) + m.number(9'000'000, 4) +
                            m.option(2, m.number(0, 4) + m.number(4'000'000, 4)) +
                            m.option(4, m.number(77, 8)) + end;
  return m.block(0x0A0D0D0A, m.number(0x1A2B3C4D, 4) + m.number(1, 2) + m.number(0, 2) +
                                 m.number(~0ULL, 8) + m.option(3, "an OS") +
                                 m.option(4, "another program") + end) +
         m.block(1, m.number(101, 2) + m.number(0, 2) + m.number(96, 4) + m.option(2, "eth7") +
                        m.option(8, m.number(1'000'000'000, 8)) + m.option(9, std::string(1, 6)) +
                        end) +
         m.block(1,
                 m.number(1, 2) + m.number(0, 2) + m.number(0, 4) + m.option(2, "unused") + end) +
         m.block(4, names) + m.block(6, packet) +
         m.block(10, m.number(0x544c534b, 4) + m.number(5, 4) + Maker::padded("KEYS\n") +
                         m.option(1, "whose") + end) +
         m.block(0xBAD, m.number(4711, 4) + "mine") +
         m.block(0x40000BAD, m.number(4711, 4) + "only") + m.block(9, "_BOOT_ID=1\n ") +
         m.block(0x7777, "????") + m.block(5, stats);
}

// A run over files in a folder of its own.
class CaptureNotes : public testing::Test, public ResultSink {
 public:
  void on_flow(const model::Flow& flow) override {
    named_.push_back(flow.name + " " + std::string(model::name_source_name(flow.name_from)));
  }

 protected:
  CaptureNotes() {
    std::string path = std::filesystem::temp_directory_path() / "netwatch-XXXXXX";
    folder_ = ::mkdtemp(path.data());
  }
  ~CaptureNotes() override { std::filesystem::remove_all(folder_); }

  std::string put(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name) << bytes;
    return folder_ / name;
  }
  // Reads a file and writes all of it again; returns what was written.
  std::string again(const std::string& path) {
    const std::string out = folder_ / "again.pcapng";
    auto writer = record::PcapngWriter::create(out, "test");
    EXPECT_TRUE(writer.ok());
    FileRunOptions options;
    options.files = {path};
    options.on_packet = [&](const model::Packet& packet) {
      EXPECT_TRUE(writer->write(packet).ok());
    };
    options.on_note = [&](const model::CaptureNote& note) {
      kinds_.push_back(note.kind);
      before_.push_back(note.before);
      EXPECT_TRUE(writer->write(note).ok());
    };
    const FileRunOutcome outcome = run_files(options, *this);
    EXPECT_TRUE(outcome.errors.empty());
    EXPECT_EQ(outcome.totals.packets, packets_);
    left_out_ = outcome.notes_left_out;
    EXPECT_TRUE(writer->close().ok());
    std::ifstream in(out, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path folder_;
  std::vector<std::string> named_;
  std::vector<Kind> kinds_;
  std::vector<std::uint64_t> before_;
  std::uint64_t packets_ = 1;  // that are expected
  std::uint64_t left_out_ = 0;
};

TEST_F(CaptureNotes, ComeInTheOrderOfTheFileAndNameFlows) {
  again(put("a.pcapng", capture(false)));
  EXPECT_EQ(kinds_,
            (std::vector<Kind>{Kind::kSection, Kind::kInterface, Kind::kInterface, Kind::kNames,
                               Kind::kSecrets, Kind::kOther, Kind::kOther, Kind::kStatistics}));
  EXPECT_EQ(before_, (std::vector<std::uint64_t>{1, 1, 1, 1, 2, 2, 2, 2}));
  EXPECT_EQ(left_out_, 3U);  // what must not be copied, and what is not known
  EXPECT_EQ(named_, std::vector<std::string>{"host.test file"});
}

TEST_F(CaptureNotes, AreWrittenAgainTheSameForBothByteOrders) {
  const std::string little = again(put("little.pcapng", capture(false)));
  const std::string big = again(put("big.pcapng", capture(true)));
  EXPECT_EQ(base::to_hex(base::as_bytes(big)), base::to_hex(base::as_bytes(little)));
  // What was written says all of it, and says it again.
  for (const char* text : {"an OS", "eth7", "odd one", "KEYS\n", "whose", "mine", "host.test",
                           "resolver", "unused", "_BOOT_ID=1"}) {
    EXPECT_NE(little.find(text), std::string::npos) << text;
  }
  for (const char* text : {"another program", "secret", "only", "????"}) {
    EXPECT_EQ(little.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(again(put("twice.pcapng", little)), little);
}

// In the writer's form: speed and counters little-endian, times in nanoseconds.
TEST_F(CaptureNotes, NumbersAndTimesAreOfTheWritersForm) {
  const std::string out = again(put("big.pcapng", capture(true)));
  const Maker m(false);
  const std::uint64_t start_ns = 4'000'000'000;
  EXPECT_NE(out.find(m.option(8, m.number(1'000'000'000, 8))), std::string::npos);
  EXPECT_NE(out.find(m.option(4, m.number(77, 8))), std::string::npos);
  EXPECT_NE(out.find(m.option(2, m.number(start_ns >> 32, 4) + m.number(start_ns & 0xffffffff, 4))),
            std::string::npos);
  EXPECT_NE(out.find(m.option(2, m.number(0x105, 4))), std::string::npos);  // one option of flags
  EXPECT_NE(out.find(m.option(4, m.number(3, 8))), std::string::npos);      // the drop count
}

TEST_F(CaptureNotes, DamagedNotesAreLeftOut) {
  std::string file = capture(false);
  const std::size_t names = file.find("host.test") - 6;
  file[names] = '\xff';  // the length of the name: beyond the block
  file[names + 1] = '\xff';
  again(put("a.pcapng", file));
  EXPECT_EQ(left_out_, 4U);
  EXPECT_EQ(std::count(kinds_.begin(), kinds_.end(), Kind::kNames), 0);
  EXPECT_EQ(named_, std::vector<std::string>{" "});
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

const std::string kSectionHead("\x0a\x0d\x0d\x0a", 4);

// Sections that say the same are written as one, others each with its own interfaces.
TEST_F(CaptureNotes, SectionsKeepWhatTheySay) {
  packets_ = 2;
  const std::string one = capture(false);
  EXPECT_EQ(count(again(put("same.pcapng", one + capture(true))), kSectionHead), 1U);
  std::string other = one;
  other.replace(other.find("an OS"), 5, "other");
  const std::string out = again(put("two.pcapng", one + other));
  EXPECT_EQ(count(out, kSectionHead), 2U);
  EXPECT_EQ(count(out, "other"), 1U);
  EXPECT_EQ(count(out, "eth7"), 2U);
  EXPECT_EQ(again(put("twice.pcapng", out)), out);
}

// Cooked frames carry the kernel's ifindex: their interface in the file is another matter.
TEST_F(CaptureNotes, CookedFramesStayWithTheirInterface) {
  const Maker m(false);
  const std::string cooked =
      std::string("\x08\0\0\0\0\0\0\x07\0\1\0\6", 12) + std::string(8, '\0') + kPacket;
  const std::string packet = m.number(0, 8) + m.number(9, 4) + m.number(cooked.size(), 4) +
                             m.number(cooked.size(), 4) + Maker::padded(cooked);
  const std::string out = again(
      put("cooked.pcapng",
          m.block(0x0A0D0D0A, m.number(0x1A2B3C4D, 4) + m.number(1, 4) + m.number(~0ULL, 8)) +
              m.block(1, m.number(276, 4) + m.number(0, 4) + m.option(2, "any") + m.option(0, "")) +
              m.block(6, packet) + m.block(5, m.number(0, 4) + m.number(0, 8))));
  EXPECT_EQ(count(out, m.number(276, 2) + m.number(0, 2)), 1U);  // one interface
}

// The order of notes and packets is that of the file, also where only some flows are wanted.
TEST_F(CaptureNotes, SelectedPacketsStandBetweenTheirNotes) {
  packets_ = 2;
  std::string other = capture(false);
  other.replace(other.find("an OS"), 5, "other");
  const std::string path = put("two.pcapng", capture(false) + other);
  struct Order final : ResultSink {
    void on_note(const model::CaptureNote& note) override {
      if (note.kind == Kind::kSection) seen += 'S';
    }
    void on_packet(const model::Packet&) override { seen += 'p'; }
    std::string seen;
  } order;
  FlowSet all;
  for (model::FlowId id = 0; id < 64; ++id) all.insert(id);
  FileRunOptions options;
  options.files = {path};
  options.engine.selected = &all;
  (void)run_files(options, order);
  EXPECT_EQ(order.seen, "SpSp");
}

TEST_F(CaptureNotes, NothingBehindTheLastWantedPacket) {
  const std::string path = put("a.pcapng", capture(false) + capture(true));
  FileRunOptions options;
  options.files = {path};
  options.max_packets = 1;
  std::string seen;
  options.on_note = [&](const model::CaptureNote& note) {
    if (note.kind == Kind::kSection || note.kind == Kind::kSecrets) seen += 'n';
  };
  options.on_packet = [&](const model::Packet&) { seen += 'p'; };
  EXPECT_EQ(run_files(options, *this).totals.packets, 1U);
  EXPECT_EQ(seen, "np");
}

}  // namespace
}  // namespace netwatch::pipeline
