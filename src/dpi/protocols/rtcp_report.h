#pragma once

#include <array>
#include <cstdint>

#include "dpi/parts/rtp_packet.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {

extern const model::Schema kRtcpSchema;

// Reads the control packets of one flow. Reports come every few seconds, feedback much more often:
// a record is made of a side's first report, of the first that says how the media arrived, of news
// (a name, a kind of feedback, a BYE), and else of one a minute.
class RtcpReporter {
 public:
  // `secure`: only the first header is in clear (RFC 3711 section 3.4).
  void read(const model::StreamChunk& chunk, bool secure, Context& context);

 private:
  struct SideState {
    base::TimeNs reported_ns = -1;
    base::TimeNs sent_ns = 0;      // when its last sender report was seen,
    std::uint32_t sent_stamp = 0;  // and what receivers call it; 0: none was
    std::uint32_t feedback = 0;    // kinds that were reported, a bit each
    std::uint32_t name_hash = 0;
    std::uint8_t byes = 0;
    bool blocks = false;
    bool round_trip = false;
  };
  struct Reading;
  void read_packet(const RtcpPacket& packet, Reading& reading);
  void read_blocks(base::Bytes blocks, Reading& reading);

  std::array<SideState, 2> sides_;
};

}  // namespace netwatch::dpi
