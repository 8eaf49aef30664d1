// Tunnels that IP names by a protocol number: IP in IP (RFC 2003, RFC 2473, RFC 4213), GRE
// (RFC 2784, RFC 2890) with NVGRE (RFC 7637), PPTP (RFC 2637 4.1) and ERSPAN
// (draft-foschiano-erspan), EtherIP (RFC 3378), MPLS in IP (RFC 4023), L2TPv3 (RFC 3931 4.1.1).
#include "wire/byte_order.h"
#include "wire/tunnel.h"

namespace netwatch::wire {
namespace {

using model::TunnelKind;

namespace gre_flag {
constexpr unsigned kChecksum = 0x8000;
constexpr unsigned kRouting = 0x4000;  // RFC 1701, gone since RFC 2784
constexpr unsigned kKey = 0x2000;
constexpr unsigned kSequence = 0x1000;
constexpr unsigned kAcknowledgement = 0x0080;  // version 1 only
constexpr unsigned kVersion = 0x0007;
}  // namespace gre_flag

namespace gre_type {
constexpr std::uint16_t kPpp = 0x880b;
constexpr std::uint16_t kErspan = 0x88be;
constexpr std::uint16_t kErspan3 = 0x22eb;
constexpr std::uint16_t kWccp = 0x883e;
constexpr std::uint16_t kAruba = 0x8200;  // to 0x83ff: 802.11 frames
}  // namespace gre_type

struct Gre {
  TunnelKind kind = TunnelKind::kGre;
  std::uint16_t type = 0;
  bool has_id = false;
  std::uint32_t id = 0;

  void operator()(Decoded& out, Rest& rest) const {
    has_id ? enter(out, rest, kind, id) : enter(out, rest, kind);
  }
};

// The frame that a switch copied. Type I has no header of its own, type II and III one with a
// session; type III may say that it is no Ethernet frame.
bool erspan(Decoded& out, Rest rest, Gre gre, bool numbered, DecodeStatus& status) {
  gre.kind = TunnelKind::kErspan;
  gre.has_id = false;
  if (gre.type == gre_type::kErspan3 || numbered) {
    const bool three = gre.type == gre_type::kErspan3;
    std::size_t header = three ? 12 : 8;
    if (!rest.has(header)) return false;
    const std::uint8_t* p = rest.data();
    if (p[0] / 16 != (three ? 2 : 1)) return false;
    gre.has_id = true;
    gre.id = load_be16(p + 2) & 0x3ffU;
    const unsigned frame_type = three ? (p[10] >> 2) & 0x1fU : 0;
    if (three && (p[11] & 1) != 0) header += 8;  // the platform's own
    if (!rest.has(header)) return false;
    rest.skip(header);
    if (frame_type == 2) return open(out, rest, true, status, gre, ip);
    if (frame_type != 0) return false;
  }
  return open(out, rest, true, status, gre, ethernet);
}

// What the type of GRE announces; false: nothing that is opened.
bool gre_payload(Decoded& out, Rest rest, const Gre& gre, bool numbered, DecodeStatus& status) {
  switch (gre.type) {
    case ether::kTransparentBridging:
      return open(out, rest, true, status, gre, ethernet);
    case gre_type::kErspan:
    case gre_type::kErspan3:
      return erspan(out, rest, gre, numbered, status);
    case gre_type::kPpp:
      return open(out, rest, true, status, gre, ppp);
    case gre_type::kWccp:
      // Version 2 puts four bytes before the packet; which it is, is not said.
      if (rest.has(4) && rest.data()[0] / 16 != 4) rest.skip(4);
      return is_ip(out, rest, 4) && open(out, rest, true, status, gre, ipv4);
    case ether::kIpv4:
    case ether::kIpv6:
    case ether::kArp:
    case ether::kVlan:
    case ether::kMpls:
    case ether::kMplsMulticast:
    case ether::kCiscoMetadata:
      return open(out, rest, true, status, gre, [type = gre.type](Decoded& to, const Rest& from) {
        return ether_type(to, type, from);
      });
    default:
      return (gre.type & 0xfe00) == gre_type::kAruba && open_wlan(out, rest, true, status, gre);
  }
}

// PPTP: a key of payload length and call; each direction has a call of its own.
bool gre_version1(Decoded& out, Rest rest, unsigned flags, DecodeStatus& status) {
  constexpr std::size_t kFixed = 8;
  if ((flags & gre_flag::kKey) == 0 || load_be16(rest.data() + 2) != gre_type::kPpp) return false;
  std::size_t len = kFixed;
  if ((flags & gre_flag::kSequence) != 0) len += 4;
  if ((flags & gre_flag::kAcknowledgement) != 0) len += 4;
  if (!rest.has(len)) return false;
  const std::size_t payload_len = load_be16(rest.data() + 4);
  rest.skip(len);
  if (payload_len > rest.wire || (flags & gre_flag::kSequence) == 0) return false;
  rest.limit(payload_len);
  return open(out, rest, true, status, Gre{.kind = TunnelKind::kPptp}, ppp);
}

bool gre(Decoded& out, Rest rest, DecodeStatus& status) {
  constexpr std::size_t kFixed = 4;
  constexpr std::size_t kPptpFixed = 8;
  if (!rest.has(kFixed)) return false;
  const unsigned flags = load_be16(rest.data());
  const unsigned version = flags & gre_flag::kVersion;
  if (version == 1) return rest.has(kPptpFixed) && gre_version1(out, rest, flags, status);
  if (version != 0 || (flags & gre_flag::kRouting) != 0) return false;
  Gre header{.type = load_be16(rest.data() + 2)};
  const bool numbered = (flags & gre_flag::kSequence) != 0;
  std::size_t len = kFixed;
  if ((flags & gre_flag::kChecksum) != 0) len += 4;
  if ((flags & gre_flag::kKey) != 0) {
    if (!rest.has(len + 4)) return false;
    header.has_id = true;
    header.id = load_be32(rest.data() + len);
    // NVGRE: the low byte tells flows apart, the id is above it; lower ids are reserved.
    constexpr std::uint32_t kLeastNvgre = 0x1000U << 8;
    if (header.type == ether::kTransparentBridging && header.id >= kLeastNvgre) header.id >>= 8;
    len += 4;
  }
  if (numbered) len += 4;
  if (!rest.has(len)) return false;
  rest.skip(len);
  return gre_payload(out, rest, header, numbered, status);
}

bool ether_ip(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kHeader = 2;
  constexpr std::uint16_t kVersion3 = 0x3000;
  if (!rest.has(kHeader) || load_be16(rest.data()) != kVersion3) return false;
  return open(out, rest.after(kHeader), true, status, Gre{.kind = TunnelKind::kEtherIp}, ethernet);
}

}  // namespace

bool is_tunnel(std::uint8_t proto) {
  switch (proto) {
    case tunnel_proto::kIpv4:
    case tunnel_proto::kIpv6:
    case tunnel_proto::kGre:
    case tunnel_proto::kEtherIp:
    case tunnel_proto::kL2tp:
    case tunnel_proto::kMpls:
      return true;
    default:
      return false;
  }
}

// Session, then what its two ends have agreed on: a cookie of 0, 4 or 8 bytes, perhaps a sublayer
// of 4, mostly Ethernet. Only the frame itself can tell.
bool l2tp_session(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kSession = 4;
  if (!rest.has(kSession) || load_be32(rest.data()) == 0) return false;  // 0: a control message
  for (const std::size_t agreed : {0U, 4U, 8U, 12U}) {
    if (!rest.has(kSession + agreed)) return false;
    const Rest inside = rest.after(kSession + agreed);
    if (!is_ethernet(out, inside)) continue;
    return open(out, inside, false, status, Gre{.kind = TunnelKind::kL2tp}, ethernet);
  }
  return false;
}

DecodeStatus ip_tunnel(Decoded& out, const Rest& rest) {
  DecodeStatus status = DecodeStatus::kFlow;
  bool opened = false;
  switch (out.proto) {
    case tunnel_proto::kIpv4:
      opened = open(out, rest, true, status, Gre{.kind = TunnelKind::kIp}, ipv4);
      break;
    case tunnel_proto::kIpv6:
      opened = open(out, rest, true, status, Gre{.kind = TunnelKind::kIp}, ipv6);
      break;
    case tunnel_proto::kGre:
      opened = gre(out, rest, status);
      break;
    case tunnel_proto::kEtherIp:
      opened = ether_ip(out, rest, status);
      break;
    case tunnel_proto::kMpls:
      opened = open(out, rest, true, status, Gre{.kind = TunnelKind::kMpls}, mpls);
      break;
    case tunnel_proto::kL2tp:
      opened = l2tp_session(out, rest, status);
      break;
    default:
      break;
  }
  return opened ? status : whole_payload(out, rest);
}

}  // namespace netwatch::wire
