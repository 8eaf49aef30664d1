#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "wire/decode.h"

// Between the files of the decoder: what is left of a frame, and the layers that call each other
// across files. Nobody else includes this.
namespace netwatch::wire {

namespace ether {
inline constexpr std::uint16_t kMaxLength = 1500;  // up to here it is no type (IEEE 802.3 3.2.6)
inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::uint16_t kArp = 0x0806;
inline constexpr std::uint16_t kTransparentBridging = 0x6558;  // an Ethernet frame (RFC 1701)
inline constexpr std::uint16_t kRarp = 0x8035;
inline constexpr std::uint16_t kVlan = 0x8100;
inline constexpr std::uint16_t kIpv6 = 0x86dd;
inline constexpr std::uint16_t kMpls = 0x8847;
inline constexpr std::uint16_t kMplsMulticast = 0x8848;
inline constexpr std::uint16_t kPppoeSession = 0x8864;
inline constexpr std::uint16_t kServiceVlan = 0x88a8;
inline constexpr std::uint16_t kCiscoMetadata = 0x8909;
inline constexpr std::uint16_t kOldServiceVlan = 0x9100;
}  // namespace ether

// What is left of a frame: captured bytes, and how many its headers (at first the capture) say
// there are. Never fewer than captured.
struct Rest {
  base::Bytes bytes;
  std::size_t wire = 0;
  unsigned tunnels = 0;  // how many it was taken out of
  bool damaged = false;  // the IP length went beyond the frame, under a wrong checksum
  Fragmented fragmented = Fragmented::kWhole;

  void skip(std::size_t n) {
    bytes = bytes.subspan(n);
    wire -= n;
  }
  void limit(std::size_t n) {
    wire = n;
    bytes = bytes.first(std::min(n, bytes.size()));
  }
  [[nodiscard]] Rest after(std::size_t n) const {
    Rest rest = *this;
    rest.skip(n);
    return rest;
  }
  [[nodiscard]] bool has(std::size_t n) const { return n <= bytes.size(); }
  // Why `n` bytes are missing: the capture ends early, or the headers leave no room.
  [[nodiscard]] DecodeStatus lack(std::size_t n) const {
    return n <= wire ? DecodeStatus::kCut : DecodeStatus::kMalformed;
  }
  [[nodiscard]] const std::uint8_t* data() const { return bytes.data(); }
};

inline constexpr unsigned kMaxTunnels = 4;  // one packet inside another

// Protocol numbers of IP that tunnel; is_tunnel() knows them all.
namespace tunnel_proto {
inline constexpr std::uint8_t kIpv4 = 4;
inline constexpr std::uint8_t kIpv6 = 41;
inline constexpr std::uint8_t kGre = 47;
inline constexpr std::uint8_t kEtherIp = 97;
inline constexpr std::uint8_t kL2tp = 115;
inline constexpr std::uint8_t kMpls = 137;
}  // namespace tunnel_proto

// Scopes of tunnels never look like VLAN ids, which have 24 bits.
inline constexpr std::uint32_t kTunnelScope = 0x8000'0000;
// A VLAN inside a tunnel.
constexpr std::uint32_t tunnel_vlan_scope(std::uint32_t scope, std::uint32_t id) {
  return (scope * 0x9e37'79b1U + id) | kTunnelScope;
}

// decode.cpp
DecodeStatus ethernet(Decoded& out, Rest rest);
// What an Ethernet type announces.
DecodeStatus ether_type(Decoded& out, std::uint16_t type, Rest rest);
DecodeStatus ipv4(Decoded& out, Rest rest);
DecodeStatus ipv6(Decoded& out, Rest rest);
DecodeStatus ip(Decoded& out, Rest rest);  // told by its version
// Everything that is left is the payload of the flow so far.
DecodeStatus whole_payload(Decoded& out, const Rest& rest);
DecodeStatus link(Decoded& out, std::uint16_t linktype, const Rest& rest);

// ordinary.cpp: false, and nothing changed, unless the packet is of the kind that it knows.
bool ordinary(const model::Packet& packet, Decoded& out);

// encapsulation.cpp
// IEEE 802.2 with a SNAP header in front of an Ethernet type; anything else is kOther.
DecodeStatus llc_snap(Decoded& out, Rest rest);
bool skip_snap(Rest& rest, std::uint16_t& type);
DecodeStatus mpls(Decoded& out, Rest rest);
DecodeStatus ppp(Decoded& out, Rest rest);
// To the packet behind PPP's header, if it is IP.
bool skip_ppp_header(Rest& rest);
DecodeStatus pppoe(Decoded& out, Rest rest);

// link.cpp: link types that decode.cpp does not know itself.
DecodeStatus other_link(Decoded& out, std::uint16_t linktype, const Rest& rest);

// wlan.cpp
struct WlanFrame {
  Rest llc;  // where the LLC header begins
  bool first_fragment = false;
};
// IEEE 802.11 without radio header. Some controllers send frame control and sequence control with
// their two bytes exchanged (`swapped`). kFlow: a data frame that is not encrypted.
DecodeStatus wlan_frame(Rest rest, bool swapped, WlanFrame& frame);
DecodeStatus wlan(Decoded& out, const Rest& rest, bool swapped);
DecodeStatus radiotap(Decoded& out, const Rest& rest);
DecodeStatus prism(Decoded& out, const Rest& rest);
DecodeStatus avs(Decoded& out, const Rest& rest);
DecodeStatus ppi(Decoded& out, const Rest& rest);

// tunnel_ip.cpp: what an IP protocol number announces.
DecodeStatus ip_tunnel(Decoded& out, const Rest& rest);

// tunnel_udp.cpp
// Whether a datagram of UDP may begin with this byte and be a tunnel: the one thing that every
// ordinary datagram is asked.
bool may_begin_tunnel(std::uint8_t first);
// Looks for a tunnel in what follows a UDP header. True: `out` and `status` are those of the packet
// inside. False: nothing was changed.
bool udp_tunnel(Decoded& out, const Rest& rest, DecodeStatus& status);

}  // namespace netwatch::wire
