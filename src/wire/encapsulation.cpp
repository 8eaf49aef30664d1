// What stands between a link and IP: LLC and SNAP (IEEE 802.2, RFC 1042), MPLS (RFC 3032) with
// Ethernet pseudowires (RFC 4448), PPP (RFC 1661, RFC 1662), PPPoE (RFC 2516).
#include <array>

#include "wire/byte_order.h"
#include "wire/tunnel.h"

namespace netwatch::wire {
namespace {

constexpr unsigned kMaxMplsLabels = 8;
constexpr std::uint16_t kPppIpv4 = 0x0021;
constexpr std::uint16_t kPppIpv6 = 0x0057;
constexpr std::uint16_t kPppMpls = 0x0281;

DecodeStatus ppp_header(Rest& rest, std::uint16_t& protocol) {
  constexpr std::uint16_t kAddressControl = 0xff03;
  if (!rest.has(2)) return rest.lack(2);
  if (load_be16(rest.data()) == kAddressControl) rest.skip(2);
  // A protocol whose first byte is odd was compressed to that byte (RFC 1661 6.5).
  if (!rest.has(1)) return rest.lack(1);
  const bool short_protocol = (rest.data()[0] & 1) != 0;
  if (!rest.has(2)) return rest.lack(2);
  protocol = short_protocol ? rest.data()[0] : load_be16(rest.data());
  rest.skip(short_protocol ? 1 : 2);
  return DecodeStatus::kFlow;
}

}  // namespace

// Of all that LLC carries, IP is behind a SNAP header that says "Ethernet types" (RFC 1042).
DecodeStatus llc_snap(Decoded& out, Rest rest) {
  static constexpr std::array<std::uint8_t, 6> kSnap{0xaa, 0xaa, 0x03, 0, 0, 0};
  constexpr std::size_t kHeader = kSnap.size() + 2;
  const std::size_t shown = std::min(kSnap.size(), rest.bytes.size());
  const bool snap = std::equal(kSnap.begin(), kSnap.begin() + shown, rest.data());
  if (!snap || rest.wire < kHeader) return DecodeStatus::kOther;
  if (!rest.has(kHeader)) return DecodeStatus::kCut;
  return ether_type(out, load_be16(rest.data() + kSnap.size()), rest.after(kHeader));
}

bool skip_snap(Rest& rest, std::uint16_t& type) {
  constexpr std::size_t kHeader = 8;
  constexpr std::uint32_t kUnnumberedSnap = 0xaaaa'0300;
  if (!rest.has(kHeader) || load_be32(rest.data()) != kUnnumberedSnap) return false;
  if (load_be16(rest.data() + 4) != 0) return false;
  type = load_be16(rest.data() + 6);
  rest.skip(kHeader);
  return true;
}

// The label alone says what follows. IP is told by its version (RFC 4928 3); an Ethernet frame,
// bare or behind a control word (RFC 4448 4.6), by what is in it.
DecodeStatus mpls(Decoded& out, Rest rest) {
  constexpr std::size_t kLabel = 4;
  constexpr std::size_t kControlWord = 4;
  bool bottom = false;
  for (unsigned count = 0; !bottom; ++count) {
    if (count == kMaxMplsLabels) return DecodeStatus::kMalformed;
    if (!rest.has(kLabel)) return rest.lack(kLabel);
    bottom = (rest.data()[2] & 1) != 0;
    rest.skip(kLabel);
  }
  if (!rest.has(1)) return rest.lack(1);
  const unsigned version = rest.data()[0] / 16;
  const bool says_ip = version == 4 || version == 6;
  if (says_ip && is_ip(out, rest, version)) return ip(out, rest);
  for (const std::size_t word : {std::size_t{0}, kControlWord}) {
    if (word != 0 && (version != 0 || !rest.has(word))) break;
    const Rest frame = rest.after(word);
    if (!is_ethernet(out, frame)) continue;
    DecodeStatus status = DecodeStatus::kOther;
    const auto enter_it = [](Decoded& to, Rest& from) {
      enter(to, from, model::TunnelKind::kMpls);
    };
    open(out, frame, true, status, enter_it, ethernet);
    return status;
  }
  if (says_ip) return ip(out, rest);
  // Too little is there to tell a frame by its Ethernet and IP headers.
  constexpr std::size_t kEnough = kControlWord + 14 + 40;
  return rest.has(std::min(kEnough, rest.wire)) ? DecodeStatus::kOther : DecodeStatus::kCut;
}

DecodeStatus ppp(Decoded& out, Rest rest) {
  std::uint16_t protocol = 0;
  const DecodeStatus status = ppp_header(rest, protocol);
  if (status != DecodeStatus::kFlow) return status;
  if (protocol == kPppIpv4) return ipv4(out, rest);
  if (protocol == kPppIpv6) return ipv6(out, rest);
  if (protocol == kPppMpls) return mpls(out, rest);
  return DecodeStatus::kOther;
}

bool skip_ppp_header(Rest& rest) {
  std::uint16_t protocol = 0;
  if (ppp_header(rest, protocol) != DecodeStatus::kFlow) return false;
  return protocol == kPppIpv4 || protocol == kPppIpv6;
}

DecodeStatus pppoe(Decoded& out, Rest rest) {
  constexpr std::size_t kHeader = 6;
  if (!rest.has(kHeader)) return rest.lack(kHeader);
  const std::size_t len = load_be16(rest.data() + 4);
  rest.skip(kHeader);
  if (len > rest.wire) return DecodeStatus::kMalformed;
  rest.limit(len);
  return ppp(out, rest);
}

}  // namespace netwatch::wire
