// Ethernet, network and transport headers of one frame, the way that most packets go.
// IEEE 802.3, 802.1Q, 802.1ad; RFC 791 (IPv4), RFC 8200 (IPv6), RFC 2675 (jumbograms), RFC 4302
// (AH), RFC 9293 (TCP), RFC 768 (UDP), RFC 9260 (SCTP), RFC 792 and RFC 4443 (ICMP), Community ID
// v1 (ports of ICMP).
#include "wire/decode.h"

#include <algorithm>
#include <array>

#include "model/flow.h"
#include "wire/byte_order.h"
#include "wire/layers.h"

namespace netwatch::wire {
namespace {

namespace next_header {
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kNone = 59;
constexpr std::uint8_t kDestination = 60;
constexpr std::uint8_t kMobility = 135;
constexpr std::uint8_t kHostIdentity = 139;
constexpr std::uint8_t kShim6 = 140;
}  // namespace next_header

constexpr unsigned kMaxVlanTags = 4;
constexpr unsigned kMaxExtensionHeaders = 10;
constexpr std::uint32_t kVlanScopeMask = 0x00ff'ffff;  // two VLAN ids

// The answer that belongs to an ICMP type, or -1 for messages that have none.
int icmp_counterpart(std::uint8_t proto, std::uint8_t type) {
  struct Pair {
    std::uint8_t one, other;
  };
  static constexpr std::array<Pair, 5> kIcmp{{{8, 0}, {10, 9}, {13, 14}, {15, 16}, {17, 18}}};
  static constexpr std::array<Pair, 6> kIcmp6{
      {{128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}}};
  const auto find = [type](const auto& pairs) -> int {
    for (const Pair& pair : pairs) {
      if (type == pair.one) return pair.other;
      if (type == pair.other) return pair.one;
    }
    return -1;
  };
  return proto == model::ip_proto::kIcmp ? find(kIcmp) : find(kIcmp6);
}

// `offset_more` as IPv6 has it: 0 for a whole packet, also for one out of a tunnel's fragment.
void note_fragment(Decoded& out, const Rest& rest, std::uint32_t id, unsigned offset_more) {
  out.fragment.wire_len = 0;
  if (offset_more == 0) return;
  out.detour = true;
  const auto len = static_cast<std::uint16_t>(std::min<std::size_t>(rest.wire, 0xffff));
  out.fragment = {rest.bytes, id, len, static_cast<std::uint16_t>(offset_more), out.proto};
}

DecodeStatus payload(Decoded& out, Rest rest, std::size_t header_len) {
  rest.skip(header_len);
  out.header_bytes = static_cast<std::uint8_t>(header_len);
  out.payload = rest.bytes;
  out.payload_wire_len = static_cast<std::uint32_t>(rest.wire);
  return DecodeStatus::kFlow;
}

DecodeStatus tcp(Decoded& out, const Rest& rest) {
  constexpr std::size_t kHeader = 20;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const std::uint8_t* p = rest.data();
  out.src_port = load_be16(p);
  out.dst_port = load_be16(p + 2);
  out.tcp_seq = load_be32(p + 4);
  out.tcp_ack = load_be32(p + 8);
  out.tcp_flags = p[13];
  out.tcp_window = load_be16(p + 14);
  const std::size_t header_len = std::size_t{p[12]} / 16 * 4;
  if (header_len < kHeader) return DecodeStatus::kMalformed;
  if (out.first_fragment && rest.wire < header_len) return DecodeStatus::kFragment;
  if (!rest.has(header_len)) return rest.lack(header_len);
  return payload(out, rest, header_len);
}

DecodeStatus udp(Decoded& out, Rest rest) {
  constexpr std::size_t kHeader = 8;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const std::uint8_t* p = rest.data();
  out.src_port = load_be16(p);
  out.dst_port = load_be16(p + 2);
  const std::size_t len = load_be16(p + 4);
  // 0: longer than the field can say (RFC 2675 4), or left to the network card.
  if (len != 0) {
    if (len < kHeader) return DecodeStatus::kMalformed;
    if (len > rest.wire && !out.first_fragment && !rest.damaged) return DecodeStatus::kMalformed;
    rest.limit(std::min(len, rest.wire));
  }
  rest.skip(kHeader);
  if (!rest.bytes.empty() && may_begin_tunnel(rest.data()[0])) {
    DecodeStatus status = DecodeStatus::kFlow;
    if (udp_tunnel(out, rest, status)) return status;
  }
  return payload(out, rest, 0);
}

DecodeStatus sctp(Decoded& out, const Rest& rest) {
  constexpr std::size_t kCommonHeader = 12;
  if (!rest.has(kCommonHeader)) return rest.lack(kCommonHeader);
  out.src_port = load_be16(rest.data());
  out.dst_port = load_be16(rest.data() + 2);
  return payload(out, rest, kCommonHeader);
}

DecodeStatus icmp(Decoded& out, const Rest& rest) {
  constexpr std::size_t kTypeCodeChecksum = 4;
  constexpr std::size_t kHeader = 8;
  if (!rest.has(kTypeCodeChecksum)) return rest.lack(kTypeCodeChecksum);
  const std::uint8_t type = rest.data()[0];
  const std::uint8_t code = rest.data()[1];
  const int counterpart = icmp_counterpart(out.proto, type);
  out.src_port = type;
  out.dst_port = counterpart >= 0 ? static_cast<std::uint16_t>(counterpart) : code;
  return payload(out, rest, std::min(kHeader, rest.bytes.size()));
}

// The part of the transport header that must be there, by protocol.
std::size_t least_header_bytes(std::uint8_t proto) {
  switch (proto) {
    case model::ip_proto::kTcp:
      return 20;
    case model::ip_proto::kUdp:
      return 8;
    case model::ip_proto::kSctp:
      return 12;
    case model::ip_proto::kIcmp:
    case model::ip_proto::kIcmp6:
      return 4;
    case tunnel_proto::kIpv4:
      return 20;
    case tunnel_proto::kIpv6:
      return 40;
    default:
      return 0;
  }
}

DecodeStatus transport(Decoded& out, const Rest& rest) {
  // A first fragment too small for the header is not wrong: its ports are in a later one.
  if (out.first_fragment && rest.wire < least_header_bytes(out.proto))
    return DecodeStatus::kFragment;
  switch (out.proto) {
    case model::ip_proto::kTcp:
      return tcp(out, rest);
    case model::ip_proto::kUdp:
      return udp(out, rest);
    case model::ip_proto::kSctp:
      return sctp(out, rest);
    case model::ip_proto::kIcmp:
    case model::ip_proto::kIcmp6:
      return icmp(out, rest);
    default:
      return is_tunnel(out.proto) ? ip_tunnel(out, rest) : payload(out, rest, 0);
  }
}

// One header of the shape (next header, length, ...); what follows is in out.proto afterwards.
DecodeStatus skip_extension(Decoded& out, Rest& rest) {
  if (!rest.has(2)) return rest.lack(2);
  const std::uint8_t next = rest.data()[0];
  const std::size_t units = rest.data()[1];
  // AH counts 32-bit words less 2 (RFC 4302 2.2), all others 8 bytes less 1 (RFC 8200 4.2).
  const std::size_t len =
      out.proto == next_header::kAuthentication ? (units + 2) * 4 : (units + 1) * 8;
  if (!rest.has(len)) return rest.lack(len);
  rest.skip(len);
  out.proto = next;
  return DecodeStatus::kFlow;
}

// RFC 8200 4.5. An atomic fragment (RFC 6946) is a whole packet.
DecodeStatus fragment_header(Decoded& out, Rest& rest) {
  constexpr std::size_t kHeader = 8;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const unsigned offset_and_more = load_be16(rest.data() + 2);
  out.proto = rest.data()[0];
  rest.skip(kHeader);
  note_fragment(out, rest, load_be32(rest.data() - 4), offset_and_more & 0xfff9);
  if ((offset_and_more & 0xfff8) != 0) return DecodeStatus::kFragment;
  if ((offset_and_more & 1) != 0) out.first_fragment = true;
  return DecodeStatus::kFlow;
}

// The headers between IPv6 and its transport; of IPv4 only AH is walked through.
DecodeStatus extensions_then_transport(Decoded& out, Rest rest) {
  for (unsigned count = 0; count < kMaxExtensionHeaders; ++count) {
    DecodeStatus status = DecodeStatus::kFlow;
    switch (out.proto) {
      case next_header::kFragment:
        status = fragment_header(out, rest);
        break;
      case next_header::kMobility:
      case next_header::kHostIdentity:
      case next_header::kShim6:
        // Alone (RFC 6275 6.1.1) they are the message; before a transport they are in its way.
        if (!rest.has(1)) return rest.lack(1);
        if (rest.data()[0] == next_header::kNone) return transport(out, rest);
        [[fallthrough]];
      case next_header::kHopByHop:
      case next_header::kRouting:
      case next_header::kDestination:
      case next_header::kAuthentication:
        status = skip_extension(out, rest);
        break;
      default:
        return transport(out, rest);
    }
    if (status != DecodeStatus::kFlow) return status;
  }
  return DecodeStatus::kMalformed;
}

// RFC 791 3.1, over a header that is there in full.
bool checksum_holds(base::Bytes header) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at + 1 < header.size(); at += 2) sum += load_be16(header.data() + at);
  return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

}  // namespace

DecodeStatus ipv4(Decoded& out, Rest rest) {
  constexpr std::size_t kHeader = 20;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const std::uint8_t* p = rest.data();
  const std::size_t header_len = std::size_t{p[0]} % 16 * 4;
  if (p[0] / 16 != 4 || header_len < kHeader) return DecodeStatus::kMalformed;
  // 0: a segment that the network card is going to cut up; the frame says how long it is.
  std::size_t total = load_be16(p + 2);
  if (total == 0) total = rest.wire;
  if (total < header_len) return DecodeStatus::kMalformed;
  // More than the frame had: cut by a capture that does not say so, or damage, which would make a
  // hole of thousands of bytes in a TCP stream. The checksum tells.
  const bool beyond =
      total > rest.wire && !out.first_fragment && rest.tunnels == 0 && rest.has(header_len);
  rest.damaged = beyond && !checksum_holds(rest.bytes.first(header_len));
  if (rest.damaged) total = rest.wire;
  rest.limit(total);
  out.ip_bytes = static_cast<std::uint32_t>(total);
  out.proto = p[9];
  out.src = base::IpAddress::v4(p + 12);
  out.dst = base::IpAddress::v4(p + 16);
  const unsigned fragment = load_be16(p + 6);
  if (!rest.has(header_len)) return rest.lack(header_len);
  rest.skip(header_len);
  note_fragment(out, rest, load_be16(p + 4), (fragment & 0x1fff) << 3 | (fragment >> 13 & 1));
  if ((fragment & 0x1fff) != 0) return DecodeStatus::kFragment;
  if ((fragment & 0x2000) != 0) out.first_fragment = true;
  if (out.proto == next_header::kAuthentication) {
    const DecodeStatus status = skip_extension(out, rest);
    if (status != DecodeStatus::kFlow) return status;
  }
  return transport(out, rest);
}

DecodeStatus ipv6(Decoded& out, Rest rest) {
  constexpr std::size_t kHeader = 40;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const std::uint8_t* p = rest.data();
  if (p[0] / 16 != 6) return DecodeStatus::kMalformed;
  out.proto = p[6];
  out.src = base::IpAddress::v6(p + 8);
  out.dst = base::IpAddress::v6(p + 24);
  const std::size_t len = load_be16(p + 4);
  out.fragment.wire_len = 0;
  // 0 with something behind it: a jumbogram or a segment for the card; the frame says how long.
  if (len != 0 || out.proto == next_header::kNone) rest.limit(kHeader + len);
  out.ip_bytes = static_cast<std::uint32_t>(rest.wire);
  rest.skip(kHeader);
  return extensions_then_transport(out, rest);
}

DecodeStatus ip(Decoded& out, Rest rest) {
  if (!rest.has(1)) return rest.lack(1);
  switch (rest.data()[0] / 16) {
    case 4:
      return ipv4(out, rest);
    case 6:
      return ipv6(out, rest);
    default:
      return DecodeStatus::kMalformed;
  }
}

DecodeStatus ether_type(Decoded& out, std::uint16_t type, Rest rest) {
  constexpr std::size_t kMetadata = 8;  // version, length, option, security group, next type
  for (unsigned tags = 0;; ++tags) {
    if (tags > kMaxVlanTags) return DecodeStatus::kMalformed;
    out.ether_type = type;
    switch (type) {
      case ether::kIpv4:
      case ether::kIpv6:
        return ip(out, rest);  // rewritten captures leave the type of the other one
      case ether::kArp:
      case ether::kRarp:
        return DecodeStatus::kArp;
      case ether::kMpls:
      case ether::kMplsMulticast:
        return mpls(out, rest);
      case ether::kPppoeSession:
        return pppoe(out, rest);
      case ether::kCiscoMetadata:
        if (!rest.has(kMetadata)) return rest.lack(kMetadata);
        type = load_be16(rest.data() + kMetadata - 2);
        rest.skip(kMetadata);
        continue;
      case ether::kVlan:
      case ether::kServiceVlan:
      case ether::kOldServiceVlan:
        break;
      default:
        return DecodeStatus::kOther;
    }
    constexpr std::size_t kTag = 4;
    if (!rest.has(kTag)) return rest.lack(kTag);
    const std::uint32_t id = load_be16(rest.data()) & 0x0fffU;
    out.scope = out.tunnels.empty() ? ((out.scope << 12) | id) & kVlanScopeMask
                                    : tunnel_vlan_scope(out.scope, id);
    type = load_be16(rest.data() + 2);
    rest.skip(kTag);
  }
}

DecodeStatus ethernet(Decoded& out, Rest rest) {
  constexpr std::size_t kHeader = 14;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const std::uint16_t type = load_be16(rest.data() + 12);
  rest.skip(kHeader);
  if (type > ether::kMaxLength) return ether_type(out, type, rest);
  out.ether_type = type;
  rest.limit(std::min<std::size_t>(type, rest.wire));
  return llc_snap(out, rest);
}

DecodeStatus whole_payload(Decoded& out, const Rest& rest) { return payload(out, rest, 0); }

DecodeStatus link(Decoded& out, std::uint16_t linktype, const Rest& rest) {
  switch (linktype) {
    case linktype::kEthernet:
      return ethernet(out, rest);
    case linktype::kRaw:
      return ip(out, rest);
    case linktype::kIpv4:
      return ipv4(out, rest);
    case linktype::kIpv6:
      return ipv6(out, rest);
    default:
      return other_link(out, linktype, rest);
  }
}

Decoded decode(std::uint16_t linktype, base::Bytes bytes, std::uint32_t wire_len) {
  Decoded out;
  out.status = link(out, linktype, {bytes, std::max<std::size_t>(bytes.size(), wire_len)});
  return out;
}

void decode_into(const model::Packet& packet, Decoded& out, Fragmented fragmented) {
  if (ordinary(packet, out)) return;
  out = Decoded{};
  out.status = link(out, packet.linktype,
                    {.bytes = packet.bytes,
                     .wire = std::max<std::size_t>(packet.bytes.size(), packet.wire_len),
                     .fragmented = fragmented});
}

void decode_joined(const Envelope& envelope, base::Bytes bytes, std::uint32_t wire_len,
                   Fragmented fragmented, Decoded& out) {
  out = Decoded{};
  out.scope = envelope.scope;
  out.ether_type = envelope.ether_type;
  out.tunnels = envelope.tunnels;
  out.status = ip(out, {.bytes = bytes,
                        .wire = std::max<std::size_t>(bytes.size(), wire_len),
                        .tunnels = envelope.tunnels.size(),
                        .fragmented = fragmented});
}

Decoded decode(const model::Packet& packet) {
  Decoded out;
  decode_into(packet, out);
  return out;
}

}  // namespace netwatch::wire
