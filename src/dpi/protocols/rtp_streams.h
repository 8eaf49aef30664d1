#pragma once

#include <array>
#include <cstdint>

#include "dpi/parts/media_note.h"
#include "dpi/parts/rtp_packet.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {

extern const model::Schema kRtpSchema;

// One sender's packets, as RFC 3550 appendix A counts them.
class RtpStream {
 public:
  void begin(const RtpPacket& packet, const model::StreamChunk& chunk);
  // False if the packet does not follow from those before it.
  bool add(const RtpPacket& packet, const model::StreamChunk& chunk, std::uint32_t clock);

  [[nodiscard]] bool is(std::uint32_t ssrc, model::Side side) const {
    return in_order_ > 0 && ssrc_ == ssrc && side_ == side;
  }
  [[nodiscard]] bool used() const { return in_order_ > 0; }
  // So many packets in a row made sense.
  [[nodiscard]] unsigned in_order() const { return in_order_; }
  [[nodiscard]] bool time_moved() const { return time_moved_; }
  [[nodiscard]] base::TimeNs last_ns() const { return last_ns_; }
  [[nodiscard]] model::Side side() const { return side_; }
  [[nodiscard]] std::uint8_t payload_type() const { return types_[0]; }

  enum Kind : std::uint8_t { kStart, kProgress, kStream };
  void report(Kind kind, const MediaNote& note, base::TimeNs now_ns, Context& context);
  [[nodiscard]] bool reported() const { return reported_ns_ >= 0; }
  [[nodiscard]] bool due(base::TimeNs now_ns) const;

 private:
  static constexpr std::size_t kMaxTypes = 4;

  void count_type(std::uint8_t type);
  void measure(const RtpPacket& packet, base::TimeNs now_ns, std::uint32_t clock);

  base::TimeNs first_ns_ = 0;
  base::TimeNs last_ns_ = 0;
  base::TimeNs reported_ns_ = -1;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
  double jitter_ = 0;  // in units of the clock
  std::uint32_t ssrc_ = 0;
  std::uint32_t clock_ = 0;
  std::uint32_t cycles_ = 0;
  std::uint32_t last_timestamp_ = 0;
  std::uint16_t base_sequence_ = 0;
  std::uint16_t max_sequence_ = 0;
  std::uint16_t in_order_ = 0;
  std::array<std::uint8_t, kMaxTypes> types_{};
  std::uint8_t type_count_ = 0;
  model::Side side_ = model::Side::kOriginator;
  bool time_moved_ = false;
};

// What a payload type means: as noted, else as RFC 3551 has it.
std::string_view rtp_codec(std::uint8_t payload_type, const MediaNote& note);

}  // namespace netwatch::dpi
