// Tunnels over UDP, told by their content: Geneve (RFC 8926), CAPWAP data (RFC 5415 4.3, RFC 5416).
// A header must obey every rule of its specification, and an IP packet (or ARP) must begin right
// behind it whose length fits. Everything else stays what it was: a datagram.
#include <array>

#include "wire/byte_order.h"
#include "wire/layers.h"

namespace netwatch::wire {
namespace {

enum Candidate : std::uint8_t { kGeneve = 1, kCapwap = 2 };

constexpr auto kCandidates = [] {
  std::array<std::uint8_t, 256> by_first{};
  for (unsigned b = 0; b < 0x40; ++b) by_first[b] |= kGeneve;  // version 0, any options length
  by_first[0] |= kCapwap;                                      // version 0, type 0
  return by_first;
}();

// A whole IP header whose length fits into what is left.
bool is_ip(const Decoded& out, const Rest& rest, unsigned version) {
  const std::size_t header = version == 4 ? 20 : 40;
  if (!rest.has(header)) return false;
  const std::uint8_t* p = rest.data();
  if (p[0] / 16 != version) return false;
  std::size_t least = header;
  std::size_t total = header;
  if (version == 4) {
    least = std::size_t{p[0]} % 16 * 4;
    total = load_be16(p + 2);
    if (least < header) return false;
  } else {
    total += load_be16(p + 4);
  }
  // Too long for the field: segments that the network card is going to cut up.
  constexpr std::size_t kMaxTotal = 0xffff;
  if (total == (version == 4 ? 0U : header) && rest.wire > kMaxTotal) total = rest.wire;
  return total >= least && (total <= rest.wire || out.first_fragment);
}

bool is_arp(const Rest& rest) {
  constexpr std::size_t kForIpv4 = 28;
  static constexpr std::array<std::uint8_t, 6> kEthernetIpv4{0, 1, 0x08, 0, 6, 4};
  return rest.has(kForIpv4) && std::equal(kEthernetIpv4.begin(), kEthernetIpv4.end(), rest.data());
}

bool is_type(const Decoded& out, const Rest& rest, std::uint16_t type) {
  if (type == ether::kIpv4) return is_ip(out, rest, 4);
  if (type == ether::kIpv6) return is_ip(out, rest, 6);
  return type == ether::kArp && is_arp(rest);
}

bool is_ethernet(const Decoded& out, Rest rest) {
  constexpr std::size_t kAddresses = 12;
  constexpr std::size_t kTag = 4;
  constexpr unsigned kMaxTags = 2;
  if (!rest.has(kAddresses + 2)) return false;
  std::uint16_t type = load_be16(rest.data() + kAddresses);
  rest.skip(kAddresses + 2);
  for (unsigned tags = 0; type == ether::kVlan || type == ether::kServiceVlan; ++tags) {
    if (tags == kMaxTags || !rest.has(kTag)) return false;
    type = load_be16(rest.data() + 2);
    rest.skip(kTag);
  }
  return is_type(out, rest, type);
}

// Equal inner tuples of different tunnels are different flows: the outer pair and what else both
// directions have in common goes into the scope.
void enter(Decoded& out, Rest& rest, std::uint32_t common) {
  ++rest.tunnels;
  const std::uint64_t pair = base::hash_value(out.src) + base::hash_value(out.dst) + common;
  out.scope = out.scope * 0x9e37'79b1U + static_cast<std::uint32_t>((pair >> 32) ^ pair);
}

// Decodes what is inside; false, and nothing changed, if it contradicts itself after all.
template <typename Inner>
bool open(Decoded& out, Rest rest, std::uint32_t common, DecodeStatus& status, Inner&& inner) {
  const Decoded before = out;
  enter(out, rest, common);
  const DecodeStatus found = inner(out, rest);
  if (found == DecodeStatus::kMalformed || found == DecodeStatus::kOther) {
    out = before;
    return false;
  }
  status = found;
  return true;
}

bool geneve(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kHeader = 8;
  constexpr unsigned kControl = 0x80;
  constexpr unsigned kReserved = 0x3f;
  if (!rest.has(kHeader)) return false;
  const std::uint8_t* p = rest.data();
  const std::size_t options_len = std::size_t{p[0]} * 4;  // the version bits are 0
  const std::uint16_t type = load_be16(p + 2);
  if ((p[1] & (kControl | kReserved)) != 0 || p[7] != 0) return false;
  if (!rest.has(kHeader + options_len)) return false;
  const Rest inside = rest.after(kHeader + options_len);
  const bool frame = type == ether::kTransparentBridging;
  if (frame ? !is_ethernet(out, inside) : !is_type(out, inside, type)) return false;
  // Not the VNI: networks exist where the two directions of a flow have their own.
  return open(out, inside, 1, status, [=](Decoded& to, const Rest& from) {
    return frame ? ethernet(to, from) : ether_type(to, type, from);
  });
}

bool capwap(Decoded& out, const Rest& rest, DecodeStatus& status) {
  constexpr std::size_t kHeader = 8;
  constexpr std::uint16_t kDataPort = 5247;
  if (!rest.has(kHeader)) return false;
  const std::uint8_t* p = rest.data();
  const std::uint32_t word = load_be32(p);
  const std::size_t header_len = std::size_t{(word >> 19) & 0x1f} * 4;
  const unsigned binding = (word >> 9) & 0x1f;
  const bool native = (word & 0x100) != 0;
  const bool fragment = (word & 0x80) != 0;
  const bool keep_alive = (word & 0x08) != 0;
  if (binding != 1 || keep_alive || (word & 7) != 0 || (p[7] & 7) != 0) return false;
  if (header_len < kHeader || !rest.has(header_len)) return false;
  const unsigned offset = load_be16(p + 6) >> 3;
  if (!fragment && offset != 0) return false;
  const Rest inside = rest.after(header_len);
  if (fragment) {
    // Of a fragment there is nothing to check but this header: the port has to agree.
    if (out.src_port != kDataPort && out.dst_port != kDataPort) return false;
    status = DecodeStatus::kFragment;
    return true;
  }
  if (!native) {
    if (!is_ethernet(out, inside)) return false;
    return open(out, inside, 2, status,
                [](Decoded& to, const Rest& from) { return ethernet(to, from); });
  }
  for (const bool swapped : {false, true}) {
    const auto frame = [=](Decoded& to, const Rest& from) { return wlan(to, from, swapped); };
    if (open(out, inside, 2, status, frame)) return true;
  }
  return false;
}

}  // namespace

bool may_begin_tunnel(std::uint8_t first) { return kCandidates[first] != 0; }

bool udp_tunnel(Decoded& out, const Rest& rest, DecodeStatus& status) {
  const unsigned candidates = kCandidates[rest.data()[0]];
  if ((candidates & kGeneve) != 0 && geneve(out, rest, status)) return true;
  return (candidates & kCapwap) != 0 && capwap(out, rest, status);
}

}  // namespace netwatch::wire
