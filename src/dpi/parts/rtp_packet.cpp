#include "dpi/parts/rtp_packet.h"

#include <charconv>

#include "base/cursor.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using std::string_view;

constexpr std::uint8_t kVersion = 2;

bool is_rtcp_type(std::uint8_t second) { return second >= 192 && second <= 223; }

// Blocks of reports say by their number how long they are at least (RFC 3550 section 6.4).
bool fits(const RtcpPacket& packet) {
  constexpr std::size_t kBlock = 24;
  const std::size_t size = packet.body.size();
  switch (packet.type) {
    case kRtcpSr:
      return size >= 24 + packet.count * kBlock;
    case kRtcpRr:
      return size >= 4 + packet.count * kBlock;
    case kRtcpBye:
      return size >= packet.count * std::size_t{4};
    case kRtcpRtpfb:
    case kRtcpPsfb:
      return size >= 8;
    default:
      return true;
  }
}

}  // namespace

bool read_rtp(Bytes bytes, bool cut, RtpPacket& packet) {
  Cursor in(bytes);
  const std::uint8_t first = in.u8();
  const std::uint8_t second = in.u8();
  if (first >> 6 != kVersion || is_rtcp_type(second)) return false;
  packet.marker = (second & 0x80) != 0;
  packet.payload_type = second & 0x7F;
  packet.sequence = in.u16();
  packet.timestamp = in.u32();
  packet.ssrc = in.u32();
  in.skip(std::size_t{4} * (first & 15));
  if ((first & 0x10) != 0) {
    in.skip(2);
    in.skip(std::size_t{4} * in.u16());
  }
  if (!in.ok()) return false;
  packet.payload_bytes = in.remaining();
  if ((first & 0x20) == 0 || cut || in.at_end()) return true;
  // Enciphered padding says anything (RFC 3711 section 3.1).
  const std::size_t padding = bytes.back();
  if (padding > 0 && padding <= packet.payload_bytes) packet.payload_bytes -= padding;
  return true;
}

bool next_rtcp(Bytes& rest, RtcpPacket& packet) {
  Cursor in(rest);
  const std::uint8_t first = in.u8();
  packet.type = in.u8();
  packet.body = in.take(std::size_t{4} * in.u16());
  packet.count = first & 31;
  if (!in.ok() || first >> 6 != kVersion || !is_rtcp_type(packet.type)) return false;
  rest = in.rest();
  if ((first & 0x20) == 0 || packet.body.empty()) return true;
  const std::size_t padding = packet.body.back();
  if (padding == 0 || padding > packet.body.size() || !rest.empty()) return false;
  packet.body = packet.body.first(packet.body.size() - padding);
  return true;
}

string_view rtcp_type_name(std::uint8_t type) {
  constexpr std::array<string_view, 8> kNames{"sr",  "rr",    "sdes", "bye",
                                              "app", "rtpfb", "psfb", "xr"};
  return type >= kRtcpSr && type <= kRtcpXr ? kNames[type - kRtcpSr] : string_view();
}

// RFC 4585 section 6, RFC 5104 section 4, RFC 6051, and the IANA registries.
string_view rtcp_feedback_name(std::uint8_t type, std::uint8_t kind) {
  constexpr std::array<string_view, 16> kTransport{
      "",    "nack",  "", "tmmbr", "tmmbn", "sr_req", "rams", "tllei",
      "ecn", "pause", "", "",      "",      "",       "",     "transport_cc"};
  constexpr std::array<string_view, 16> kPayload{"",     "pli",  "sli",   "rpsi", "fir", "tstr",
                                                 "tstn", "vbcm", "pslei", "roi",  "lrr", "",
                                                 "",     "",     "",      "afb"};
  if (kind >= kTransport.size()) return {};
  return type == kRtcpRtpfb ? kTransport[kind] : type == kRtcpPsfb ? kPayload[kind] : string_view();
}

RtcpLook look_at_rtcp(Bytes bytes) {
  if (bytes.size() < 8 || bytes[0] >> 6 != kVersion) return RtcpLook::kNo;
  if (bytes[1] < kRtcpSr || bytes[1] > kRtcpXr) return RtcpLook::kNo;
  Bytes rest = bytes;
  RtcpPacket packet;
  unsigned packets = 0;
  while (!rest.empty()) {
    if (!next_rtcp(rest, packet) || !fits(packet)) return RtcpLook::kHeader;
    // RFC 3550 section 6.1: a compound begins with a report.
    if (++packets == 1 && packet.type > kRtcpRr) return RtcpLook::kHeader;
  }
  return packets > 1 ? RtcpLook::kCompound : RtcpLook::kSingle;
}

std::uint32_t rtcp_sender(Bytes bytes) {
  Cursor in(bytes);
  in.skip(4);
  return in.u32();
}

string_view static_codec(std::uint8_t payload_type) {
  constexpr std::array<string_view, 35> kNames{"PCMU/8000",
                                               "",
                                               "",
                                               "GSM/8000",
                                               "G723/8000",
                                               "DVI4/8000",
                                               "DVI4/16000",
                                               "LPC/8000",
                                               "PCMA/8000",
                                               "G722/8000",
                                               "L16/44100/2",
                                               "L16/44100",
                                               "QCELP/8000",
                                               "CN/8000",
                                               "MPA/90000",
                                               "G728/8000",
                                               "DVI4/11025",
                                               "DVI4/22050",
                                               "G729/8000",
                                               "",
                                               "",
                                               "",
                                               "",
                                               "",
                                               "",
                                               "CelB/90000",
                                               "JPEG/90000",
                                               "",
                                               "nv/90000",
                                               "",
                                               "",
                                               "H261/90000",
                                               "MPV/90000",
                                               "MP2T/90000",
                                               "H263/90000"};
  return payload_type < kNames.size() ? kNames[payload_type] : string_view();
}

std::uint32_t clock_of(string_view codec) {
  const std::size_t slash = codec.find('/');
  if (slash == string_view::npos) return 0;
  std::uint32_t clock = 0;
  const string_view digits = codec.substr(slash + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), clock);
  return clock;
}

}  // namespace netwatch::dpi
