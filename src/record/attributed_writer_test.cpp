#include "record/attributed_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "wire/byte_order.h"
#include "wire/pcap_format.h"

namespace netwatch::record {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr base::TimeNs kStart = 1'795'275'900 * base::kNsPerSecond;

std::uint64_t number(base::Bytes bytes, std::size_t at, std::size_t size) {
  std::uint64_t out = 0;
  for (std::size_t i = size; i-- > 0;) out = (out << 8) | bytes[at + i];
  return out;
}

// "code=value ..." of what is short, "code=text" of the rest.
std::string options_of(base::Bytes bytes) {
  std::string out;
  while (bytes.size() >= 4) {
    const auto code = number(bytes, 0, 2);
    const auto length = static_cast<std::size_t>(number(bytes, 2, 2));
    if (code == 0) break;
    const base::Bytes value = bytes.subspan(4, length);
    out += ' ' + std::to_string(code) + '=';
    out += length == 8   ? std::to_string(number(value, 0, 8))
           : length == 1 ? std::to_string(value[0])
                         : std::string(base::as_text(value));
    bytes = bytes.subspan(4 + wire::pcapng::padded(length));
  }
  return out;
}

std::string line_of(std::uint64_t type, base::Bytes body) {
  switch (type) {
    case 0x0a0d0d0a:
      return "section" + options_of(body.subspan(16));
    case 1:
      return "interface " + std::to_string(number(body, 0, 2)) + " snaplen " +
             std::to_string(number(body, 4, 4)) + options_of(body.subspan(8));
    case 5:
      return "statistics of " + std::to_string(number(body, 0, 4)) + options_of(body.subspan(12));
    case 6:
      return "packet of " + std::to_string(number(body, 0, 4)) +
             options_of(body.subspan(20 + wire::pcapng::padded(number(body, 12, 4))));
    case 0xbad:
      return "process " + std::to_string(number(body, 12, 4)) + options_of(body.subspan(16));
    default:
      return "?";
  }
}

class AttributedWriterTest : public testing::Test {
 protected:
  AttributedWriterTest() {
    std::string pattern = fs::temp_directory_path() / "netwatch-XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }
  ~AttributedWriterTest() override { fs::remove_all(dir_); }

  std::unique_ptr<AttributedWriter> make(const std::string& interface,
                                         const Rotation& rotation = {},
                                         Annotation annotation = Annotation::kBlocks) const {
    auto writer = PcapngWriter::create(dir_ / "out.pcapng", "nw", rotation);
    EXPECT_TRUE(writer.ok());
    auto out = std::make_unique<AttributedWriter>(*std::move(writer), annotation);
    EXPECT_TRUE(out->begin({.interface = interface,
                            .filter = "tcp",
                            .linktype = 276,
                            .snaplen = 65'536,
                            .hardware = "a cpu",
                            .system = "Linux 6",
                            .started_ns = kStart})
                    .ok());
    return out;
  }
  // The blocks of the nth file.
  Lines blocks(std::size_t nth = 0) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(dir_)) files.push_back(entry.path());
    std::ranges::sort(files);
    if (nth >= files.size()) return {"no such file"};
    std::ifstream in(files[nth], std::ios::binary);
    const std::string file{std::istreambuf_iterator<char>(in), {}};
    Lines out;
    for (base::Bytes rest = base::as_bytes(file); rest.size() >= 12;) {
      const auto length = static_cast<std::size_t>(number(rest, 4, 4));
      out.push_back(line_of(number(rest, 0, 4), rest.subspan(8, length - 12)));
      rest = rest.subspan(length);
    }
    return out;
  }

  fs::path dir_;
};

model::Packet packet_at(base::TimeNs time_ns, std::uint32_t ifindex = 4) {
  model::Packet packet;
  packet.time_ns = time_ns;
  packet.ifindex = ifindex;
  packet.linktype = 276;
  packet.bytes = base::as_bytes(std::string_view("0123"));
  packet.wire_len = 4;
  return packet;
}

model::Owner owner_of(std::uint32_t pid, const char* comm, std::uint64_t start_ticks = 1) {
  model::Process process;
  process.pid = pid;
  process.start_ticks = start_ticks;
  process.comm = comm;
  return {.quality = model::Quality::kExact,
          .via = model::OwnerVia::kSockDiag,
          .holders = 1,
          .process = std::make_shared<const model::Process>(std::move(process))};
}

// As the time stands in a file: the upper half first.
std::string stamp(int count) {
  const auto time = static_cast<std::uint64_t>(kStart + count * base::kNsPerSecond);
  return std::to_string((time << 32) | (time >> 32));
}

TEST_F(AttributedWriterTest, AProcessIsDescribedOnceBeforeItsFirstPacket) {
  auto writer = make("eth0");
  const model::Owner curl = owner_of(7, "curl");
  const model::Owner exec = owner_of(7, "wget");       // after execve(2)
  const model::Owner again = owner_of(7, "curl", 99);  // the pid is another's by now
  for (const model::Owner* one : {&curl, &curl, &exec, &again, &curl}) {
    ASSERT_TRUE(writer->write(packet_at(kStart + 1), {.sender = one}).ok());
  }
  ASSERT_TRUE(writer->write(packet_at(kStart + 2), {}).ok());
  ASSERT_TRUE(writer->close(kStart + 3 * base::kNsPerSecond).ok());
  EXPECT_EQ(
      blocks(),
      (Lines{"section 2=a cpu 3=Linux 6 4=nw",
             "interface 276 snaplen 65536 2=eth0 11=" + std::string("\0tcp", 4) + " 9=9",
             "process 7 2=curl", "packet of 0 8=7", "packet of 0 8=7", "process 7 2=wget",
             "packet of 0 8=7", "process 7 2=curl", "packet of 0 8=7", "packet of 0 8=7",
             "packet of 0", "statistics of 0 2=" + stamp(0) + " 3=" + stamp(3) + " 4=6 5=0 8=6"}));
}

TEST_F(AttributedWriterTest, ReceivedIsWrittenLeftOutAndDropped) {
  auto writer = make("eth0", {}, Annotation::kComments);
  const model::Owner curl = owner_of(7, "curl");
  ASSERT_TRUE(writer->write(packet_at(kStart), {.receiver = &curl}).ok());
  writer->leave_out(packet_at(kStart));
  writer->leave_out(packet_at(kStart));
  writer->count_dropped(5);
  ASSERT_TRUE(writer->close(kStart).ok());
  const Lines lines = blocks();
  ASSERT_EQ(lines.size(), 4U) << "no process in a block";
  EXPECT_EQ(lines[2], "packet of 0 1=to curl[7] exact via sock_diag");
  EXPECT_EQ(lines[3], "statistics of 0 2=" + stamp(0) + " 3=" + stamp(0) + " 4=8 5=5 8=1");
}

TEST_F(AttributedWriterTest, OnAnyEachInterfaceHasItsNameAndLossesBelongToAny) {
  auto writer = make("any");
  model::InterfaceTable interfaces;
  interfaces.interfaces.resize(2);
  interfaces.interfaces[0].name = "lo";
  interfaces.interfaces[0].ifindex = 1;
  interfaces.interfaces[1].name = "eth0";
  interfaces.interfaces[1].ifindex = 4;
  writer->take_interfaces(interfaces);
  ASSERT_TRUE(writer->write(packet_at(kStart, 4), {}).ok());
  ASSERT_TRUE(writer->write(packet_at(kStart, 1), {}).ok());
  ASSERT_TRUE(writer->write(packet_at(kStart, 4), {}).ok());
  writer->count_dropped(2);
  ASSERT_TRUE(writer->close(kStart).ok());
  const std::string filter = " 11=" + std::string("\0tcp", 4) + " 9=9";
  const std::string times = " 2=" + stamp(0) + " 3=" + stamp(0);
  EXPECT_EQ(
      blocks(),
      (Lines{"section 2=a cpu 3=Linux 6 4=nw", "interface 276 snaplen 65536 2=any" + filter,
             "interface 276 snaplen 65536 2=eth0" + filter, "packet of 1",
             "interface 276 snaplen 65536 2=lo" + filter, "packet of 2", "packet of 1",
             "statistics of 0" + times + " 4=2 5=2 8=0", "statistics of 2" + times + " 4=1 5=0 8=1",
             "statistics of 1" + times + " 4=2 5=0 8=2"}));
}

TEST_F(AttributedWriterTest, EachOfSeveralFilesIsCompleteInItself) {
  auto writer = make("eth0", {.max_packets = 2});
  const model::Owner curl = owner_of(7, "curl");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer->write(packet_at(kStart + i * base::kNsPerSecond), {.sender = &curl}).ok());
    writer->count_dropped(1);
  }
  ASSERT_TRUE(writer->close(kStart + 9 * base::kNsPerSecond).ok());
  const Lines head{"section 2=a cpu 3=Linux 6 4=nw",
                   "interface 276 snaplen 65536 2=eth0 11=" + std::string("\0tcp", 4) + " 9=9"};
  Lines first = head;
  first.insert(first.end(), {"process 7 2=curl", "packet of 0 8=7", "packet of 0 8=7",
                             "statistics of 0 2=" + stamp(0) + " 3=" + stamp(2) + " 4=4 5=2 8=2"});
  EXPECT_EQ(blocks(0), first);
  // The block of the process stands before what it needs: its interface follows.
  const Lines second{head[0], "process 7 2=curl", head[1], "packet of 0 8=7",
                     "statistics of 0 2=" + stamp(2) + " 3=" + stamp(9) + " 4=2 5=1 8=1"};
  EXPECT_EQ(blocks(1), second);
  EXPECT_EQ(blocks(2), Lines{"no such file"});
}

// The last packet that fits by its bytes, with a description that makes the file longer: it stays
// with its description.
TEST_F(AttributedWriterTest, APacketIsInTheFileOfItsProcess) {
  auto writer = make("eth0", {.max_bytes = 300});
  for (std::uint32_t pid = 1; pid < 40; ++pid) {
    const model::Owner owner = owner_of(pid, "a program");
    ASSERT_TRUE(writer->write(packet_at(kStart), {.sender = &owner}).ok());
  }
  ASSERT_TRUE(writer->close(kStart).ok());
  std::uint32_t pid = 0;
  for (std::size_t nth = 0; pid < 39; ++nth) {
    const Lines lines = blocks(nth);
    ASSERT_GT(lines.size(), 1U);
    std::string described;
    for (const std::string& line : lines) {
      if (line.starts_with("process")) described = line;
      if (!line.starts_with("packet")) continue;
      ++pid;
      EXPECT_EQ(described, "process " + std::to_string(pid) + " 2=a program");
    }
  }
}

TEST_F(AttributedWriterTest, ACaptureWithoutPacketsIsACapture) {
  auto writer = make("any");
  ASSERT_TRUE(writer->close(kStart).ok());
  const Lines lines = blocks();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[2], "statistics of 0 2=" + stamp(0) + " 3=" + stamp(0) + " 4=0 5=0 8=0");
}

}  // namespace
}  // namespace netwatch::record
