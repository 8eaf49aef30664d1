// Tunnels over UDP, told by their content: Geneve (RFC 8926), VXLAN (RFC 7348, with the group
// policy and GPE drafts), GTP-U (3GPP TS 29.281 5), Teredo (RFC 4380 5.1.1), L2TP (RFC 2661 3.1,
// RFC 3931 4.1.2), CAPWAP data (RFC 5415 4.3, RFC 5416), AYIYA (draft-massar-v6ops-ayiya-02 3).
// A header must obey every rule of its specification, and an IP packet (or ARP) must begin right
// behind it whose length fits. Everything else stays what it was: a datagram.
#include <array>

#include "wire/byte_order.h"
#include "wire/tunnel.h"

namespace netwatch::wire {
namespace {

using model::TunnelKind;

enum Candidate : std::uint8_t {
  kGeneve = 1,
  kVxlan = 2,
  kGtp = 4,
  kTeredo = 8,
  kL2tp = 16,
  kCapwap = 32,
  kAyiya = 64,
};

constexpr auto kCandidates = [] {
  std::array<std::uint8_t, 256> by_first{};
  for (unsigned b = 0; b < 256; ++b) {
    if (b < 0x40) by_first[b] |= kGeneve;                   // version 0, any length of options
    if ((b & 0x7b) == 0x08) by_first[b] |= kVxlan;          // an id; perhaps a policy, a protocol
    if ((b & 0xf8) == 0x30) by_first[b] |= kGtp;            // version 1, GTP, the spare bit
    if (b == 0 || b / 16 == 6) by_first[b] |= kTeredo;      // an indication, or IPv6
    if ((b & 0xb4) == 0) by_first[b] |= kL2tp;              // data; bits that must be 0
    if (b == 0) by_first[b] |= kCapwap;                     // version 0, in clear
    if (b / 16 <= 6 && b % 16 <= 2) by_first[b] |= kAyiya;  // length and type of an identity
  }
  return by_first;
}();

bool open_frame(Decoded& out, const Rest& inside, auto&& enter_it, DecodeStatus& status) {
  if (!is_ethernet(out, inside)) return false;
  return open(out, inside, false, status, enter_it, ethernet);
}

bool open_type(Decoded& out, const Rest& inside, std::uint16_t type, auto&& enter_it,
               DecodeStatus& status) {
  if (!is_type(out, inside, type)) return false;
  return open(out, inside, false, status, enter_it,
              [type](Decoded& to, const Rest& from) { return ether_type(to, type, from); });
}

bool open_ip(Decoded& out, const Rest& inside, auto&& enter_it, DecodeStatus& status) {
  if (!is_any_ip(out, inside)) return false;
  return open(out, inside, false, status, enter_it, ip);
}

auto entering(TunnelKind kind) {
  return [kind](Decoded& out, Rest& rest) { enter(out, rest, kind); };
}
auto entering(TunnelKind kind, std::uint32_t id) {
  return [kind, id](Decoded& out, Rest& rest) { enter(out, rest, kind, id); };
}

bool geneve(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kHeader = 8;
  constexpr unsigned kControlOrReserved = 0x80 | 0x3f;
  if (!rest.has(kHeader)) return false;
  const std::uint8_t* p = rest.data();
  const std::size_t options_len = std::size_t{p[0]} * 4;  // the version bits are 0
  const std::uint16_t type = load_be16(p + 2);
  if ((p[1] & kControlOrReserved) != 0 || p[7] != 0) return false;
  if (!rest.has(kHeader + options_len)) return false;
  const Rest inside = rest.after(kHeader + options_len);
  // Not the VNI: networks exist where the two directions of a flow have their own.
  const auto enter_it = entering(TunnelKind::kGeneve);
  if (type == ether::kTransparentBridging) return open_frame(out, inside, enter_it, status);
  return open_type(out, inside, type, enter_it, status);
}

bool vxlan(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kHeader = 8;
  constexpr unsigned kPolicy = 0x80;
  constexpr unsigned kProtocol = 0x04;
  if (!rest.has(kHeader)) return false;
  const std::uint8_t* p = rest.data();
  const bool policy = (p[0] & kPolicy) != 0;
  const bool names_protocol = (p[0] & kProtocol) != 0;
  if (p[7] != 0 || (policy && names_protocol)) return false;
  // Policy: "don't learn" and "applied" are the bits of the second byte, a group is behind it.
  if (policy ? (p[1] & 0xb7) != 0 : (p[1] | p[2]) != 0) return false;
  const Rest inside = rest.after(kHeader);
  const auto enter_it = entering(TunnelKind::kVxlan, load_be32(p + 4) >> 8);
  const unsigned next = policy ? 0 : p[3];
  if (!names_protocol) return next == 0 && open_frame(out, inside, enter_it, status);
  switch (next) {
    case 1:
      return open_type(out, inside, ether::kIpv4, enter_it, status);
    case 2:
      return open_type(out, inside, ether::kIpv6, enter_it, status);
    case 3:
      return open_frame(out, inside, enter_it, status);
    default:
      return false;
  }
}

// Behind the optional part of a GTP header: extension headers, each of so many 4 bytes with the
// type of the next one at its end (TS 29.281 5.2.1). False: they do not fit.
bool skip_gtp_extensions(Rest& rest, unsigned next) {
  constexpr unsigned kMaxExtensions = 8;
  for (unsigned count = 0; next != 0; ++count) {
    if (count == kMaxExtensions || !rest.has(1)) return false;
    const std::size_t len = std::size_t{rest.data()[0]} * 4;
    if (len == 0 || !rest.has(len)) return false;
    next = rest.data()[len - 1];
    rest.skip(len);
  }
  return true;
}

bool gtp(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kHeader = 8;
  constexpr std::size_t kOptional = 4;
  constexpr std::uint8_t kGPdu = 0xff;
  if (!rest.has(kHeader)) return false;
  const std::uint8_t* p = rest.data();
  if (p[1] != kGPdu) return false;
  const std::size_t len = kHeader + load_be16(p + 2);
  const bool fits = len == rest.wire || (out.first_fragment && len > rest.wire);
  if (!fits) return false;
  Rest inside = rest.after(kHeader);
  if ((p[0] & 7) != 0) {  // a sequence number, an N-PDU number or extensions
    if (!inside.has(kOptional)) return false;
    const unsigned next = (p[0] & 4) != 0 ? inside.data()[3] : 0;
    inside.skip(kOptional);
    if (!skip_gtp_extensions(inside, next)) return false;
  }
  // Not the TEID: each direction has its own.
  const auto enter_it = entering(TunnelKind::kGtp);
  return open_ip(out, inside, enter_it, status) || open_frame(out, inside, enter_it, status);
}

// An authentication (0001) and an origin indication (0000) may stand before the IPv6 packet.
bool skip_teredo_indications(Rest& rest) {
  constexpr std::size_t kAuthentication = 13;  // and the lengths of client and value
  constexpr std::size_t kOrigin = 8;
  if (rest.has(4) && load_be16(rest.data()) == 1) {
    const std::size_t len = kAuthentication + rest.data()[2] + rest.data()[3];
    if (!rest.has(len)) return false;
    rest.skip(len);
  }
  if (rest.has(kOrigin) && load_be16(rest.data()) == 0) rest.skip(kOrigin);
  return true;
}

bool teredo(Decoded& out, Rest rest, DecodeStatus& status) {
  constexpr std::uint32_t kPrefix = 0x2001'0000;  // 2001::/32 (2.6)
  constexpr std::uint16_t kLinkLocal = 0xfe80;    // router solicitation and advertisement
  constexpr std::size_t kHeader = 40;
  if (!skip_teredo_indications(rest) || !is_ip(out, rest, 6)) return false;
  const std::uint8_t* p = rest.data();
  const bool link_local = load_be16(p + 8) == kLinkLocal;
  const bool of_teredo = load_be32(p + 8) == kPrefix || load_be32(p + 24) == kPrefix;
  const bool exact = kHeader + load_be16(p + 4) == rest.wire;
  const bool believed = of_teredo || (link_local && exact);
  if (!believed) return false;
  return open(out, rest, false, status, entering(TunnelKind::kTeredo), ipv6);
}

// Behind the header of L2TPv2. Control messages and what is no IP (LCP and its kind) stay outside.
bool open_ppp(Decoded& out, const Rest& inside, DecodeStatus& status) {
  Rest packet = inside;
  if (!skip_ppp_header(packet) || !is_any_ip(out, packet)) return false;
  return open(out, inside, false, status, entering(TunnelKind::kL2tp), ppp);
}

bool l2tp_v2(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr unsigned kLength = 0x40;
  constexpr unsigned kSequence = 0x08;
  constexpr unsigned kOffset = 0x02;
  const unsigned flags = rest.data()[0];
  const bool has_length = (flags & kLength) != 0;
  std::size_t len = 6 + (has_length ? 2U : 0U) + ((flags & kSequence) != 0 ? 4U : 0U);
  if ((flags & kOffset) != 0) {
    if (!rest.has(len + 2)) return false;
    len += 2 + load_be16(rest.data() + len);
  }
  if (!rest.has(len)) return false;
  if (has_length && load_be16(rest.data() + 2) != rest.wire && !out.first_fragment) return false;
  return open_ppp(out, rest.after(len), status);
}

bool l2tp(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kFlags = 2;
  constexpr std::size_t kReserved = 4;
  if (!rest.has(kReserved)) return false;
  const std::uint8_t* p = rest.data();
  if (p[1] == 2) return l2tp_v2(out, rest, status);
  if (p[0] != 0 || p[1] != 3 || load_be16(p + kFlags) != 0) return false;
  return l2tp_session(out, rest.after(kReserved), status);
}

bool capwap(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kHeader = 8;
  constexpr std::uint16_t kDataPort = 5247;
  constexpr unsigned kBindingWlan = 1;
  if (!rest.has(kHeader)) return false;
  const std::uint32_t word = load_be32(rest.data());
  const std::uint16_t offset_and_reserved = load_be16(rest.data() + 6);
  const std::size_t header_len = std::size_t{(word >> 19) & 0x1f} * 4;
  const bool native = (word & 0x100) != 0;
  const bool fragment = (word & 0x80) != 0;
  const bool keep_alive = (word & 0x08) != 0;
  const unsigned reserved = (word & 7) | (offset_and_reserved & 7U);
  if (((word >> 9) & 0x1f) != kBindingWlan || keep_alive || reserved != 0) return false;
  if (header_len < kHeader || !rest.has(header_len)) return false;
  if (fragment) {
    // Of a fragment there is nothing to check but this header: the port has to agree.
    if (out.src_port != kDataPort && out.dst_port != kDataPort) return false;
    status = DecodeStatus::kFragment;
    return true;
  }
  if (offset_and_reserved != 0) return false;
  const Rest inside = rest.after(header_len);
  const auto enter_it = entering(TunnelKind::kCapwap);
  if (!native) return open_frame(out, inside, enter_it, status);
  return open_wlan(out, inside, false, status, enter_it);
}

// An identity of 2^n bytes and a signature of so many 4 stand before the packet.
bool ayiya(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kHeader = 8;
  constexpr unsigned kMaxHash = 3;
  constexpr unsigned kMaxAuthentication = 2;
  constexpr unsigned kForward = 1;
  if (!rest.has(kHeader)) return false;
  const std::uint8_t* p = rest.data();
  const std::size_t len = kHeader + (std::size_t{1} << (p[0] / 16)) + std::size_t{p[1]} / 16 * 4;
  const bool known = p[1] % 16 <= kMaxHash && p[2] / 16 <= kMaxAuthentication;
  if (!known || p[2] % 16 != kForward || !rest.has(len)) return false;
  const Rest inside = rest.after(len);
  const unsigned version = p[3] == tunnel_proto::kIpv6 ? 6 : 4;
  if (version == 4 && p[3] != tunnel_proto::kIpv4) return false;
  if (!is_ip(out, inside, version)) return false;
  return open(out, inside, false, status, entering(TunnelKind::kAyiya), ip);
}

}  // namespace

bool may_begin_tunnel(std::uint8_t first) { return kCandidates[first] != 0; }

bool udp_tunnel(Decoded& out, const Rest& rest, DecodeStatus& status) {
  const unsigned candidates = kCandidates[rest.data()[0]];
  if ((candidates & kGeneve) != 0 && geneve(out, rest, status)) return true;
  if ((candidates & kVxlan) != 0 && vxlan(out, rest, status)) return true;
  if ((candidates & kGtp) != 0 && gtp(out, rest, status)) return true;
  if ((candidates & kTeredo) != 0 && teredo(out, rest, status)) return true;
  if ((candidates & kL2tp) != 0 && l2tp(out, rest, status)) return true;
  if ((candidates & kCapwap) != 0 && capwap(out, rest, status)) return true;
  return (candidates & kAyiya) != 0 && ayiya(out, rest, status);
}

}  // namespace netwatch::wire
