#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

// Packets of RTP and RTCP: RFC 3550 sections 5.1 and 6; RFC 5761 section 4 tells them apart; RFC
// 3711 (SRTP) leaves the headers in clear.
namespace netwatch::dpi {

struct RtpPacket {
  std::uint8_t payload_type = 0;
  bool marker = false;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
  std::size_t payload_bytes = 0;  // without padding, if that could be read
};
// `cut`: the bytes end early. False if it is no RTP: its lengths do not add up, or it is RTCP.
bool read_rtp(base::Bytes bytes, bool cut, RtpPacket& packet);

enum RtcpType : std::uint8_t {
  kRtcpSr = 200,
  kRtcpRr,
  kRtcpSdes,
  kRtcpBye,
  kRtcpApp,
  kRtcpRtpfb,  // RFC 4585
  kRtcpPsfb,
  kRtcpXr,  // RFC 3611
};
// One packet of a compound.
struct RtcpPacket {
  std::uint8_t type = 0;
  std::uint8_t count = 0;  // reports, sources; of feedback: what kind
  base::Bytes body;        // behind the first four bytes, without padding
};
// Takes the next packet off `rest`. False at the end, or if it does not fit.
bool next_rtcp(base::Bytes& rest, RtcpPacket& packet);
// "sr", "nack"; empty if it has no name.
std::string_view rtcp_type_name(std::uint8_t type);
std::string_view rtcp_feedback_name(std::uint8_t type, std::uint8_t kind);

enum class RtcpLook : std::uint8_t {
  kNo,
  kHeader,    // begins like one; what follows is not, or is enciphered
  kSingle,    // one report, its lengths add up
  kCompound,  // several that add up to the end
};
RtcpLook look_at_rtcp(base::Bytes bytes);
// SSRC of the sender, of the first packet.
std::uint32_t rtcp_sender(base::Bytes bytes);

// RFC 3551 section 6: "PCMU/8000" of a type that is assigned for good; empty if it is not.
std::string_view static_codec(std::uint8_t payload_type);
// Of "opus/48000/2"; 0 if it does not say.
std::uint32_t clock_of(std::string_view codec);

}  // namespace netwatch::dpi
