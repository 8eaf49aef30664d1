// Link layers other than Ethernet: Cisco HDLC, frame relay (RFC 2427), FDDI (RFC 1390), token ring
// (IEEE 802.5), ARCNET (RFC 1201), ATM (RFC 2684), and the pseudo-headers of capturing programs
// (https://www.tcpdump.org/linktypes.html).
#include "wire/byte_order.h"
#include "wire/layers.h"

namespace netwatch::wire {
namespace {

// LINKTYPE_* values that nobody else needs.
enum Link : std::uint16_t {
  kNull = 0,
  kIeee8025 = 6,
  kArcnetBsd = 7,
  kSlip = 8,
  kPpp = 9,
  kFddi = 10,
  kRawBsd = 12,
  kRawOpenBsd = 14,
  kPppHdlc = 50,
  kPppEther = 51,
  kAtmRfc1483 = 100,
  kCiscoHdlc = 104,
  kWlan = 105,
  kAtmClip = 106,
  kFrameRelay = 107,
  kLoop = 108,
  kEnc = 109,
  kPflog = 117,
  kWlanPrism = 119,
  kIpOverFc = 122,
  kSunAtm = 123,
  kWlanRadiotap = 127,
  kArcnetLinux = 129,
  kIpOver1394 = 138,
  kWlanAvs = 163,
  kPppPppd = 166,
  kJuniperEther = 178,
  kPpi = 192,
  kErf = 197,
  kPppWithDir = 204,
  kCiscoHdlcWithDir = 205,
  kFrameRelayWithDir = 206,
  kIpnet = 226,
  kNflog = 239,
  kNetAnalyzer = 240,
  kIpoib = 242,
  kPktap = 258,
  kMpacket = 274,
  kBroadcomTag = 281,
  kBroadcomPrepend = 282,
  kDsa = 284,
  kEdsa = 285,
};

using Step = DecodeStatus (*)(Decoded&, Rest);

DecodeStatus behind(Decoded& out, const Rest& rest, std::size_t header_len, Step step) {
  if (!rest.has(header_len)) return rest.lack(header_len);
  return step(out, rest.after(header_len));
}

// An Ethernet type in the last two bytes of a header.
DecodeStatus typed(Decoded& out, const Rest& rest, std::size_t header_len) {
  if (!rest.has(header_len)) return rest.lack(header_len);
  const std::uint16_t type = load_be16(rest.data() + header_len - 2);
  return ether_type(out, type, rest.after(header_len));
}

DecodeStatus cooked(Decoded& out, const Rest& rest, std::size_t header_len, std::size_t device_at,
                    std::size_t protocol_at) {
  constexpr std::uint16_t kArphrdRadiotap = 803;
  constexpr std::uint16_t kArphrdNetlink = 824;  // the protocol is a netlink family
  constexpr std::uint16_t kLlc = 4;
  if (!rest.has(header_len)) return rest.lack(header_len);
  const std::uint16_t device = load_be16(rest.data() + device_at);
  const std::uint16_t type = load_be16(rest.data() + protocol_at);
  if (device == kArphrdNetlink) return DecodeStatus::kOther;
  if (device == kArphrdRadiotap) return radiotap(out, rest.after(header_len));
  if (type == kLlc) return llc_snap(out, rest.after(header_len));
  return ether_type(out, type, rest.after(header_len));
}

// An address family as the capturing system numbers it.
DecodeStatus family(Decoded& out, std::uint32_t family, const Rest& rest) {
  switch (family) {
    case 2:
      return ipv4(out, rest);
    case 10:  // Linux
    case 24:  // NetBSD, OpenBSD, Npcap
    case 26:  // Solaris
    case 28:  // FreeBSD, DragonFly
    case 30:  // Darwin
      return ipv6(out, rest);
    default:
      return DecodeStatus::kOther;
  }
}

// The address family, in the byte order of the capturing host: no family is above 255.
DecodeStatus bsd_loopback(Decoded& out, const Rest& rest, std::size_t header_len) {
  if (!rest.has(header_len)) return rest.lack(header_len);
  std::uint32_t number = load_be32(rest.data());
  const auto low_half = static_cast<std::uint16_t>(number);
  if (number > 0xffff) number = __builtin_bswap32(number);
  // No family in either order: some systems write an Ethernet type into the second half.
  if (number > 0xffff) return ether_type(out, low_half, rest.after(header_len));
  return family(out, number, rest.after(header_len));
}

DecodeStatus cisco_hdlc(Decoded& out, Rest rest) { return typed(out, rest, 4); }

DecodeStatus ppp_hdlc(Decoded& out, Rest rest) {
  constexpr std::uint8_t kCiscoUnicast = 0x0f;
  constexpr std::uint8_t kCiscoMulticast = 0x8f;
  if (!rest.has(1)) return rest.lack(1);
  const std::uint8_t address = rest.data()[0];
  const bool cisco = address == kCiscoUnicast || address == kCiscoMulticast;
  return cisco ? cisco_hdlc(out, rest) : ppp(out, rest);
}

// A Q.922 address of two to four bytes, then a network layer protocol id (RFC 2427 3), or an
// Ethernet type as one vendor does it.
DecodeStatus frame_relay(Decoded& out, Rest rest) {
  constexpr std::size_t kMaxAddress = 4;
  constexpr std::uint8_t kUnnumbered = 0x03;
  std::size_t len = 1;
  for (;; ++len) {
    if (!rest.has(len)) return rest.lack(len);
    if ((rest.data()[len - 1] & 1) != 0) break;
    if (len == kMaxAddress) return DecodeStatus::kMalformed;
  }
  rest.skip(len);
  if (!rest.has(2)) return rest.lack(2);
  if (rest.data()[0] != kUnnumbered) return typed(out, rest, 2);
  rest.skip(1);
  if (rest.data()[0] == 0) rest.skip(1);  // a pad
  if (!rest.has(1)) return rest.lack(1);
  switch (rest.data()[0]) {
    case 0xcc:
      return ipv4(out, rest.after(1));
    case 0x8e:
      return ipv6(out, rest.after(1));
    case 0xcf:
      return ppp(out, rest.after(1));
    case 0x80: {  // SNAP
      constexpr std::size_t kSnap = 6;
      if (!rest.has(kSnap)) return rest.lack(kSnap);
      const bool types = (load_be32(rest.data()) & 0xff'ffff) == 0;
      return types ? typed(out, rest, kSnap) : DecodeStatus::kOther;
    }
    default:
      return DecodeStatus::kOther;
  }
}

// Frame control, destination, source. Only frames of LLC carry anything.
DecodeStatus fddi(Decoded& out, const Rest& rest) {
  constexpr std::size_t kHeader = 13;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  if ((rest.data()[0] & 0x30) != 0x10) return DecodeStatus::kOther;
  return llc_snap(out, rest.after(kHeader));
}

// Access control, frame control, destination, source, and a route if the source says so.
DecodeStatus token_ring(Decoded& out, Rest rest) {
  constexpr std::size_t kHeader = 14;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  if ((rest.data()[1] & 0xc0) != 0x40) return DecodeStatus::kOther;
  const bool routed = (rest.data()[8] & 0x80) != 0;
  rest.skip(kHeader);
  if (!routed) return llc_snap(out, rest);
  if (!rest.has(2)) return rest.lack(2);
  const std::size_t len = rest.data()[0] & 0x1fU;
  if (len < 2) return DecodeStatus::kMalformed;
  return behind(out, rest, len, llc_snap);
}

// `type_at`: behind the addresses, and on Linux an offset. The older encapsulation has no flag and
// sequence number behind the type.
DecodeStatus arcnet(Decoded& out, const Rest& rest, std::size_t type_at) {
  constexpr std::size_t kNumbered = 4;
  if (!rest.has(type_at + 1)) return rest.lack(type_at + 1);
  switch (rest.data()[type_at]) {
    case 0xf0:
      return behind(out, rest, type_at + 1, ipv4);
    case 0xd4:
      return behind(out, rest, type_at + kNumbered, ipv4);
    case 0xc4:
      return behind(out, rest, type_at + kNumbered, ipv6);
    case 0xf1:
    case 0xd5:
      return DecodeStatus::kArp;
    default:
      return DecodeStatus::kOther;
  }
}

DecodeStatus sun_atm(Decoded& out, const Rest& rest) {
  constexpr std::size_t kHeader = 4;
  constexpr unsigned kLlc = 2;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  if ((rest.data()[0] & 0x0f) != kLlc) return DecodeStatus::kOther;
  return llc_snap(out, rest.after(kHeader));
}

DecodeStatus pflog(Decoded& out, const Rest& rest) {
  if (!rest.has(2)) return rest.lack(2);
  const std::size_t len = (std::size_t{rest.data()[0]} + 3) / 4 * 4;
  const std::uint8_t number = rest.data()[1];
  if (len < 2) return DecodeStatus::kMalformed;
  if (!rest.has(len)) return rest.lack(len);
  return family(out, number, rest.after(len));
}

// Family, version, resource; then length, type and value in the byte order of the capturing host,
// each padded to 4 bytes. The packet is the value of one type.
DecodeStatus nflog(Decoded& out, Rest rest) {
  constexpr std::size_t kHeader = 4;
  constexpr std::uint16_t kPayload = 9;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const std::uint8_t number = rest.data()[0];
  if (rest.data()[1] != 0) return DecodeStatus::kOther;
  rest.skip(kHeader);
  // The types are below 256: the first one tells the order.
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const ByteOrder order = rest.data()[2] == 0 ? ByteOrder::kBig : ByteOrder::kLittle;
  while (rest.wire != 0) {
    if (!rest.has(kHeader)) return rest.lack(kHeader);
    const std::size_t len = load16(rest.data(), order);
    if (len < kHeader || len > rest.wire) return DecodeStatus::kMalformed;
    if (load16(rest.data() + 2, order) == kPayload) {
      rest.limit(len);
      return family(out, number, rest.after(kHeader));
    }
    const std::size_t padded = std::min((len + 3) / 4 * 4, rest.wire);
    if (!rest.has(padded)) return rest.lack(padded);
    rest.skip(padded);
  }
  return DecodeStatus::kOther;
}

// Endace: time, type, flags, record length, losses, wire length; extension headers of 8 bytes.
DecodeStatus erf(Decoded& out, Rest rest) {
  constexpr std::size_t kHeader = 16;
  constexpr std::size_t kExtension = 8;
  constexpr unsigned kMore = 0x80;
  constexpr unsigned kMaxExtensions = 8;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const unsigned type = rest.data()[8] & 0x7fU;
  bool more = (rest.data()[8] & kMore) != 0;
  rest.skip(kHeader);
  for (unsigned count = 0; more; ++count) {
    if (count == kMaxExtensions) return DecodeStatus::kMalformed;
    if (!rest.has(kExtension)) return rest.lack(kExtension);
    more = (rest.data()[0] & kMore) != 0;
    rest.skip(kExtension);
  }
  switch (type) {
    case 2:   // Ethernet, behind an offset and a pad
    case 11:  // with a colour, ...
    case 16:
      return behind(out, rest, 2, ethernet);
    case 22:
      return ipv4(out, rest);
    case 23:
      return ipv6(out, rest);
    default:
      return DecodeStatus::kOther;
  }
}

// Length of the header, then the link type of what follows; both little-endian.
DecodeStatus pktap(Decoded& out, const Rest& rest) {
  constexpr std::size_t kLeast = 12;
  if (!rest.has(kLeast)) return rest.lack(kLeast);
  const std::size_t len = load32(rest.data(), ByteOrder::kLittle);
  const std::uint32_t inner = load32(rest.data() + 8, ByteOrder::kLittle);
  if (len < kLeast) return DecodeStatus::kMalformed;
  if (!rest.has(len)) return rest.lack(len);
  if (inner == kPktap || inner == kPpi || inner > 0xffff) return DecodeStatus::kOther;
  return link(out, static_cast<std::uint16_t>(inner), rest.after(len));
}

// IEEE 802.3br: a preamble, then a delimiter; only the express one begins a whole frame.
DecodeStatus mpacket(Decoded& out, const Rest& rest) {
  constexpr std::size_t kMaxPreamble = 7;
  std::size_t at = 0;
  while (at < kMaxPreamble && rest.has(at + 1) && rest.data()[at] == 0x55) ++at;
  if (!rest.has(at + 1)) return rest.lack(at + 1);
  if (rest.data()[at] != 0xd5) return DecodeStatus::kOther;
  return ethernet(out, rest.after(at + 1));
}

DecodeStatus juniper_ethernet(Decoded& out, const Rest& rest) {
  constexpr std::size_t kHeader = 4;
  constexpr unsigned kNoLink = 0x02;
  constexpr unsigned kExtended = 0x80;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const std::uint32_t word = load_be32(rest.data());
  if (word >> 8 != 0x4d'4743 || (word & kNoLink) != 0) return DecodeStatus::kOther;
  if ((word & kExtended) == 0) return ethernet(out, rest.after(kHeader));
  if (!rest.has(kHeader + 2)) return rest.lack(kHeader + 2);
  return behind(out, rest, kHeader + 2 + load_be16(rest.data() + kHeader), ethernet);
}

// Switches put a tag of `len` bytes between the addresses and the type.
DecodeStatus tagged_ethernet(Decoded& out, const Rest& rest, std::size_t len) {
  return typed(out, rest, 12 + len + 2);
}

DecodeStatus ppp_links(Decoded& out, std::uint16_t linktype, const Rest& rest) {
  switch (linktype) {
    case kPpp:
      return ppp(out, rest);
    case kPppHdlc:
      return ppp_hdlc(out, rest);
    case kPppPppd:
    case kPppWithDir:
      return behind(out, rest, 1, ppp);
    case kPppEther:
      return pppoe(out, rest);
    case kCiscoHdlc:
      return cisco_hdlc(out, rest);
    case kCiscoHdlcWithDir:
      return behind(out, rest, 1, cisco_hdlc);
    case kFrameRelay:
      return frame_relay(out, rest);
    case kFrameRelayWithDir:
      return behind(out, rest, 1, frame_relay);
    case kSlip:
      return behind(out, rest, 16, ip);
    default:
      return DecodeStatus::kUnspokenLink;
  }
}

DecodeStatus lan_links(Decoded& out, std::uint16_t linktype, const Rest& rest) {
  switch (linktype) {
    case kFddi:
      return fddi(out, rest);
    case kIeee8025:
      return token_ring(out, rest);
    case kArcnetBsd:
      return arcnet(out, rest, 2);
    case kArcnetLinux:
      return arcnet(out, rest, 4);
    case kIpOverFc:
      return behind(out, rest, 16, llc_snap);
    case kIpOver1394:
      return typed(out, rest, 18);
    case kIpoib:
      if (!rest.has(44)) return rest.lack(44);
      return ether_type(out, load_be16(rest.data() + 40), rest.after(44));
    case kAtmRfc1483:
      return llc_snap(out, rest);
    case kAtmClip:
      return rest.has(1) && rest.data()[0] == 0xaa ? llc_snap(out, rest) : ip(out, rest);
    case kSunAtm:
      return sun_atm(out, rest);
    case kBroadcomTag:
    case kDsa:
      return tagged_ethernet(out, rest, 4);
    case kEdsa:
      return tagged_ethernet(out, rest, 8);
    case kBroadcomPrepend:
      return behind(out, rest, 4, ethernet);
    case kMpacket:
      return mpacket(out, rest);
    default:
      return ppp_links(out, linktype, rest);
  }
}

}  // namespace

DecodeStatus other_link(Decoded& out, std::uint16_t linktype, const Rest& rest) {
  switch (linktype) {
    case linktype::kLinuxSll:
      return cooked(out, rest, 16, 2, 14);
    case linktype::kLinuxSll2:
      return cooked(out, rest, 20, 8, 0);
    case kRawBsd:
    case kRawOpenBsd:
      return ip(out, rest);
    case kNull:
    case kLoop:
      return bsd_loopback(out, rest, 4);
    case kEnc:
      return bsd_loopback(out, rest, 12);
    case kWlan:
      return wlan(out, rest, false);
    case kWlanRadiotap:
      return radiotap(out, rest);
    case kWlanPrism:
      return prism(out, rest);
    case kWlanAvs:
      return avs(out, rest);
    case kPpi:
      return ppi(out, rest);
    case kPktap:
      return pktap(out, rest);
    case kPflog:
      return pflog(out, rest);
    case kNflog:
      return nflog(out, rest);
    case kErf:
      return erf(out, rest);
    case kIpnet:
      if (!rest.has(24)) return rest.lack(24);
      return family(out, rest.data()[1], rest.after(24));
    case kNetAnalyzer:
      return behind(out, rest, 4, ethernet);
    case kJuniperEther:
      return juniper_ethernet(out, rest);
    default:
      return lan_links(out, linktype, rest);
  }
}

bool linktype_spoken(std::uint16_t linktype) {
  Decoded out;
  return link(out, linktype, {}) != DecodeStatus::kUnspokenLink;
}

}  // namespace netwatch::wire
