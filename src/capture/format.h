#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/packet.h"

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

// The grammar of one file format. It sees the front of what is left of the file and never
// copies a packet; it knows nothing of where the bytes come from.
class Format {
 public:
  virtual ~Format() = default;
  // Sets time, interface, linktype, direction, wire_len and bytes of `packet` on kPacket. What a
  // step other than kNeed tells (drops, interfaces) it tells once: steps are not repeated.
  virtual Step next(base::Bytes front, model::Packet& packet) = 0;

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
