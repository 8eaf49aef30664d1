#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/packet.h"
#include "wire/pcap_format.h"

namespace netwatch::capture {

// No record of a capture file may be longer, whatever it says of itself: one packet must fit an
// arena. The limit of a file is kRecordSlackBytes above its snaplen, and never above this.
inline constexpr std::size_t kMaxRecordBytes = model::PacketBatch::kMaxArenaBytes;
inline constexpr std::size_t kRecordSlackBytes = std::size_t{256} << 10;
// A block with its options; the most that a format asks to see at once.
inline constexpr std::size_t kMaxBlockBytes = kMaxRecordBytes + (std::size_t{64} << 10);
// The longest front that is needed to tell the format.
inline constexpr std::size_t kMagicBytes = 8;

constexpr std::size_t record_limit(std::uint32_t snaplen) {
  const std::size_t limit = kRecordSlackBytes + snaplen;
  return limit < kMaxRecordBytes ? limit : kMaxRecordBytes;
}

// One step over a capture file.
struct Step {
  enum class Kind : std::uint8_t {
    kPacket,  // a packet was filled in; `bytes` were used up
    kSkip,    // no packet; `bytes` were used up, perhaps more than were shown
    kNeed,    // nothing was done: at least `bytes` must be shown
    kBroken,  // see problem()
  };
  Kind kind = Kind::kNeed;
  std::uint64_t bytes = 0;
  std::uint64_t dropped = 0;   // packets that the capturing program reports lost at this point
  bool noted = false;          // kSkip: note() says something; kPacket: the packet has options
  std::uint64_t left_out = 0;  // blocks and options that note() does not say
};

// Records that stand one behind the other with nothing but packets in them: what pcap files hold.
struct PlainRecords {
  wire::pcap::FileHeader file;
  std::size_t header_bytes = 0;  // of a record
  std::size_t limit = 0;         // of a packet's bytes

  // Sets of `packet` what Format::next() does; how many bytes the record takes, or 0 if it is not
  // there in full or longer than it may be.
  std::size_t read(base::Bytes front, model::Packet& packet) const {
    if (front.size() < header_bytes) return 0;
    const wire::pcap::RecordHeader record = wire::pcap::parse_record_header(file, front.data());
    if (record.captured_len > limit || record.captured_len > front.size() - header_bytes) return 0;
    packet.time_ns = record.time_ns;
    packet.interface = record.ifindex;
    packet.linktype = file.linktype;
    packet.direction = model::PacketDirection::kUnknown;
    constexpr std::uint8_t kOutgoing = 4;  // PACKET_OUTGOING of Linux
    if (file.modified)
      packet.direction = record.packet_type == kOutgoing ? model::PacketDirection::kOutbound
                                                         : model::PacketDirection::kInbound;
    packet.wire_len = std::max(record.captured_len, record.wire_len);
    packet.bytes = front.subspan(header_bytes, record.captured_len);
    return header_bytes + record.captured_len;
  }
};

// The grammar of one file format. It sees the front of what is left of the file and never
// copies a packet; it knows nothing of where the bytes come from.
class Format {
 public:
  virtual ~Format() = default;
  // Sets time, interface, linktype, direction, wire_len and bytes of `packet` on kPacket. What a
  // step other than kNeed tells (drops, interfaces) it tells once: steps are not repeated.
  virtual Step next(base::Bytes front, model::Packet& packet) = 0;

  // What many steps may be taken by at once, after those that were: null for most formats.
  [[nodiscard]] virtual const PlainRecords* plain_records() const { return nullptr; }

  // Of the last step, where it says `noted`; their bytes are in note_bytes().
  [[nodiscard]] const model::CaptureNote& note() const { return note_; }
  [[nodiscard]] base::Bytes note_bytes() const { return note_bytes_; }

  [[nodiscard]] const base::Error& problem() const { return problem_; }
  [[nodiscard]] const std::vector<std::uint16_t>& linktypes() const { return linktypes_; }

 protected:
  Step broken(base::ErrorCode code, std::string why);
  void saw_linktype(std::uint16_t linktype);

  model::CaptureNote note_;
  std::vector<std::uint8_t> note_bytes_;

 private:
  base::Error problem_;
  std::vector<std::uint16_t> linktypes_;
};

// By the magic number at the front; nothing if no format has it.
std::unique_ptr<Format> make_format(base::Bytes front);
std::unique_ptr<Format> make_pcap_format();
std::unique_ptr<Format> make_pcapng_format();
std::unique_ptr<Format> make_snoop_format();

}  // namespace netwatch::capture
