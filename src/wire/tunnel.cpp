// Whether bytes could be meant as a packet: what a tunnel's header is believed by.
#include "wire/tunnel.h"

#include <array>

#include "wire/byte_order.h"

namespace netwatch::wire {
namespace {

bool is_arp(const Rest& rest) {
  constexpr std::size_t kForIpv4 = 28;
  static constexpr std::array<std::uint8_t, 6> kEthernetIpv4{0, 1, 0x08, 0, 6, 4};
  return rest.has(kForIpv4) && std::equal(kEthernetIpv4.begin(), kEthernetIpv4.end(), rest.data());
}

// The outer ports are none of the inner packet's.
void leave_outer(Decoded& out, std::uint64_t what) {
  out.src_port = 0;
  out.dst_port = 0;
  const std::uint64_t pair = base::hash_value(out.src) + base::hash_value(out.dst);
  const std::uint64_t mixed = (pair ^ what) * 0x9e37'79b9'7f4a'7c15ULL;
  out.scope = (out.scope * 0x9e37'79b1U + static_cast<std::uint32_t>(mixed >> 32)) | kTunnelScope;
}

}  // namespace

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

bool is_any_ip(const Decoded& out, const Rest& rest) {
  return rest.has(1) && is_ip(out, rest, rest.data()[0] / 16 == 4 ? 4 : 6);
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

void enter(Decoded& out, Rest& rest, model::TunnelKind kind) {
  ++rest.tunnels;
  out.tunnels.push(kind);
  leave_outer(out, static_cast<std::uint64_t>(kind));
}

void enter(Decoded& out, Rest& rest, model::TunnelKind kind, std::uint32_t id) {
  ++rest.tunnels;
  out.tunnels.push(kind, id);
  leave_outer(out, (std::uint64_t{id} << 8) + static_cast<std::uint64_t>(kind));
}

}  // namespace netwatch::wire
