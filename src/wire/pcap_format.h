#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/time.h"
#include "model/packet.h"
#include "wire/byte_order.h"

// The layout of capture files, for those who read and those who write them: pcap
// (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
namespace netwatch::wire {

// ---- pcap ----
namespace pcap {

// The magic number says the unit of time stamps, and the shape of what follows.
inline constexpr std::uint32_t kMagicMicros = 0xa1b2c3d4;
inline constexpr std::uint32_t kMagicNanos = 0xa1b23c4d;
inline constexpr std::uint32_t kMagicModified = 0xa1b2cd34;    // longer record headers
inline constexpr std::uint32_t kMagicIxiaNanos = 0x1c0001ac;   // 4 bytes more in the file header
inline constexpr std::uint32_t kMagicIxiaMicros = 0x1c0001ab;  // likewise
inline constexpr std::size_t kFileHeaderBytes = 24;
inline constexpr std::size_t kLongestFileHeaderBytes = 28;
inline constexpr std::size_t kRecordHeaderBytes = 16;
inline constexpr std::size_t kModifiedRecordHeaderBytes = 24;

struct FileHeader {
  ByteOrder order = ByteOrder::kLittle;
  bool nanos = false;
  bool modified = false;
  std::uint8_t bytes = kFileHeaderBytes;  // of this header
  std::uint16_t version_major = 0;
  std::uint16_t version_minor = 0;
  std::uint32_t snaplen = 0;
  std::uint16_t linktype = 0;
  bool reserved_bits = false;  // some that must be 0 are not: not a link type of today

  [[nodiscard]] std::size_t record_header_bytes() const {
    return modified ? kModifiedRecordHeaderBytes : kRecordHeaderBytes;
  }
};
// Whether a file that begins so is pcap; `front` holds at least 4 bytes.
bool is_pcap(base::Bytes front);
// Nothing if it is not pcap, or shorter than the header.
std::optional<FileHeader> parse_file_header(base::Bytes front);

struct RecordHeader {
  base::TimeNs time_ns = 0;
  std::uint32_t captured_len = 0;  // untrusted
  std::uint32_t wire_len = 0;
  std::uint32_t ifindex = 0;  // modified files only, as the packet type
  std::uint8_t packet_type = 0;
};
// `at` holds record_header_bytes().
inline RecordHeader parse_record_header(const FileHeader& file, const std::uint8_t* at) {
  RecordHeader header;
  const std::uint32_t fraction = load32(at + 4, file.order);
  header.time_ns = base::TimeNs{load32(at, file.order)} * base::kNsPerSecond +
                   base::TimeNs{fraction} * (file.nanos ? 1 : base::kNsPerUs);
  header.captured_len = load32(at + 8, file.order);
  header.wire_len = load32(at + 12, file.order);
  // Before version 2.3 the two lengths stood the other way round, in 2.3 either way.
  if (file.version_minor < 3 || (file.version_minor == 3 && header.captured_len > header.wire_len))
    std::swap(header.captured_len, header.wire_len);
  if (file.modified) {
    header.ifindex = load32(at + 16, file.order);
    header.packet_type = at[22];
  }
  return header;
}

}  // namespace pcap

// ---- pcapng ----
namespace pcapng {

enum class BlockType : std::uint32_t {
  kSectionHeader = 0x0a0d0d0a,  // reads the same in both byte orders
  kInterface = 1,
  kObsoletePacket = 2,
  kSimplePacket = 3,
  kNameResolution = 4,
  kInterfaceStatistics = 5,
  kEnhancedPacket = 6,
  kJournal = 9,  // systemd's journal export format: text and counted bytes
  kDecryptionSecrets = 10,
  kCustom = 0x00000bad,
  kCustomNoCopy = 0x40000bad,  // must not be copied into another file
};
inline constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
inline constexpr std::size_t kBlockHeaderBytes = 8;     // type, total length
inline constexpr std::size_t kBlockOverheadBytes = 12;  // and the total length again, at the end
inline constexpr std::size_t kSectionBodyBytes = 16;
inline constexpr std::size_t kInterfaceBodyBytes = 8;
inline constexpr std::size_t kEnhancedBodyBytes = 20;  // of obsolete packet blocks, too
inline constexpr std::size_t kStatisticsBodyBytes = 12;

namespace option {
inline constexpr std::uint16_t kEnd = 0;
inline constexpr std::uint16_t kComment = 1;
inline constexpr std::uint16_t kCustomText = 2988;
inline constexpr std::uint16_t kCustomBytes = 2989;
inline constexpr std::uint16_t kCustomTextNoCopy = 19372;
inline constexpr std::uint16_t kCustomBytesNoCopy = 19373;
inline constexpr std::uint16_t kSectionHardware = 2;
inline constexpr std::uint16_t kSectionOs = 3;
inline constexpr std::uint16_t kSectionApplication = 4;
inline constexpr std::uint16_t kInterfaceName = 2;
inline constexpr std::uint16_t kInterfaceDescription = 3;
inline constexpr std::uint16_t kInterfaceTimeResolution = 9;
inline constexpr std::uint16_t kInterfaceFilter = 11;
inline constexpr std::uint16_t kInterfaceTimeOffset = 14;
inline constexpr std::uint16_t kPacketFlags = 2;
inline constexpr std::uint16_t kPacketDropCount = 4;
inline constexpr std::uint16_t kPacketProcess = 8;  // two 32-bit numbers: process, thread
inline constexpr std::uint16_t kStatisticsStart = 2;
inline constexpr std::uint16_t kStatisticsEnd = 3;
inline constexpr std::uint16_t kStatisticsReceived = 4;
inline constexpr std::uint16_t kStatisticsInterfaceDrop = 5;
inline constexpr std::uint16_t kStatisticsOsDrop = 7;
inline constexpr std::uint16_t kStatisticsDelivered = 8;
}  // namespace option
inline constexpr std::uint32_t kFlagsDirectionMask = 3;  // of epb_flags
inline constexpr std::uint32_t kFlagsInbound = 1;
inline constexpr std::uint32_t kFlagsOutbound = 2;
inline constexpr std::uint8_t kResolutionNanos = 9;  // if_tsresol: 10^-9 s

constexpr std::size_t padded(std::size_t len) { return (len + 3) & ~std::size_t{3}; }

// if_tsresol and if_tsoffset: turns an interface's time stamps into ns since the epoch.
class TimeScale {
 public:
  // 10^-n s, or 2^-n s with the top bit set. Nothing if a unit does not fit 64 bits a second.
  static std::optional<TimeScale> make(std::uint8_t if_tsresol, std::int64_t offset_s);
  // Saturates at the ends of TimeNs.
  [[nodiscard]] base::TimeNs to_ns(std::uint64_t stamp) const;

 private:
  std::uint64_t units_per_second_ = 1'000'000;
  std::uint64_t coarsen_ = 1;  // divides units before they are scaled to ns, against overflow
  std::int64_t offset_s_ = 0;
};

struct Interface {
  std::uint16_t linktype = 0;
  std::uint32_t snaplen = 0;  // 0: unlimited
  std::uint8_t time_resolution = 6;
  std::int64_t time_offset_s = 0;
};
// `body` is the block without header and trailer. Nothing if it is too short or an option
// overruns it.
std::optional<Interface> parse_interface(base::Bytes body, ByteOrder order);

struct PacketBlock {
  std::uint32_t interface_id = 0;
  std::uint64_t stamp = 0;
  bool stamped = true;
  std::uint32_t captured_len = 0;
  std::uint32_t wire_len = 0;
  base::Bytes bytes;
  model::PacketDirection direction = model::PacketDirection::kUnknown;
  std::uint64_t dropped_before = 0;
  std::uint32_t flags = 0;  // epb_flags
};
// Options that overrun their block are ignored from there on: the packet itself is whole.
std::optional<PacketBlock> parse_enhanced_packet(base::Bytes body, ByteOrder order);
std::optional<PacketBlock> parse_obsolete_packet(base::Bytes body, ByteOrder order);
// `snaplen` is that of interface 0, which every simple packet belongs to.
std::optional<PacketBlock> parse_simple_packet(base::Bytes body, ByteOrder order,
                                               std::uint32_t snaplen);

struct Statistics {
  std::uint32_t interface_id = 0;
  std::uint64_t stamp = 0;    // in the units of the interface
  std::uint64_t dropped = 0;  // by the interface and by the OS, since the start of the capture
};
std::optional<Statistics> parse_statistics(base::Bytes body, ByteOrder order);

}  // namespace pcapng

}  // namespace netwatch::wire
