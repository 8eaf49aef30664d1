#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/ip_address.h"
#include "model/packet.h"
#include "model/tunnel.h"

// From a captured frame to its transport payload, once per packet, in place.
namespace netwatch::wire {

// LINKTYPE_* values (https://www.tcpdump.org/linktypes.html) that others name, too.
namespace linktype {
inline constexpr std::uint16_t kEthernet = 1;
inline constexpr std::uint16_t kRaw = 101;  // IP, version in the first nibble
inline constexpr std::uint16_t kLinuxSll = 113;
inline constexpr std::uint16_t kIpv4 = 228;
inline constexpr std::uint16_t kIpv6 = 229;
inline constexpr std::uint16_t kLinuxSll2 = 276;
}  // namespace linktype
// "EN10MB", "LINUX_SLL2", ... as pcap-linktype(7) names them; "LINKTYPE_<n>" for others, and
// "LINKTYPE_UNASSIGNED" from 512 on.
std::string_view linktype_name(std::uint16_t linktype);
bool linktype_spoken(std::uint16_t linktype);

enum class DecodeStatus : std::uint8_t {
  kFlow,      // everything up to the transport payload is valid
  kFragment,  // an IP fragment without the whole transport header: addresses and protocol only
  kArp,
  kOther,  // not IP (LLDP, STP, ...): counted, never a flow
  kUnspokenLink,
  kProtected,  // an encrypted 802.11 frame
  kTooDeep,    // a tunnel inside four others
  kCut,        // ends (snaplen) before the transport header does
  kMalformed,  // lengths or versions contradict each other
};

// TCP flags (RFC 9293 3.1) as in the header's low byte.
namespace tcp_flag {
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kAck = 0x10;
}  // namespace tcp_flag

// Whether this IP protocol is a tunnel by its number.
bool is_tunnel(std::uint8_t proto);

// A fragment's part of its datagram (RFC 791 3.2, RFC 8200 4.5), from the transport header on; of
// IPv6 from the header behind the fragment header on.
struct FragmentPart {
  base::Bytes bytes;              // captured
  std::uint32_t id = 0;           // of the datagram
  std::uint16_t wire_len = 0;     // by the headers; 0 when the packet is no fragment
  std::uint16_t offset_more = 0;  // offset in bytes, a multiple of 8; bit 0: more fragments follow
  std::uint8_t proto = 0;         // of the header at the start of the datagram
  bool hides_tunnel = false;      // it is the first one, and a tunnel begins in it

  [[nodiscard]] std::uint32_t offset() const { return offset_more & 0xfff8U; }
  [[nodiscard]] bool more() const { return (offset_more & 1) != 0; }
};

// The headers of one packet. Addresses are copied (for keys), the rest is offsets into its bytes.
struct Decoded {
  DecodeStatus status = DecodeStatus::kOther;
  std::uint8_t proto = 0;  // the transport's IP protocol number
  std::uint8_t tcp_flags = 0;
  bool first_fragment = false;    // the payload ends where the fragment does
  std::uint8_t header_bytes = 0;  // of the transport, captured right before `payload`
  bool detour = false;            // a fragment: there is more to it than this packet
  std::uint16_t src_port = 0;     // ICMP: the ports that Community ID v1 gives it
  std::uint16_t dst_port = 0;
  std::uint16_t ether_type = 0;  // innermost, where the link has one
  std::uint16_t tcp_window = 0;
  // VLAN ids, outer and inner: (outer << 12) | inner. Out of a tunnel a hash of these, of each
  // outer address pair and of the tunnel's id, with the highest bit set.
  std::uint32_t scope = 0;
  std::uint32_t tcp_seq = 0;
  std::uint32_t tcp_ack = 0;
  std::uint32_t ip_bytes = 0;          // by the innermost IP length field
  std::uint32_t payload_wire_len = 0;  // by the headers; more than payload.size() when cut
  model::Tunnels tunnels;              // what it was taken out of
  base::IpAddress src;
  base::IpAddress dst;
  base::Bytes payload;    // captured transport payload, without link padding
  FragmentPart fragment;  // of the innermost IP header

  [[nodiscard]] base::Bytes transport_header() const {
    return {payload.data() - header_bytes, header_bytes};
  }
};

// What a tunnel's header lets nobody see in a fragment; kWhole: kFragment, and `hides_tunnel`. Once
// it is clear that the rest will not come, kBeginning opens what is there.
enum class Fragmented : std::uint8_t { kWhole, kBeginning };

// Never fails: what is wrong is the status. No state; safe from any thread.
Decoded decode(const model::Packet& packet);
// The same in place; what was in `out` is gone.
void decode_into(const model::Packet& packet, Decoded& out,
                 Fragmented fragmented = Fragmented::kWhole);

// The same for a frame of another origin (tests, tunnels).
Decoded decode(std::uint16_t linktype, base::Bytes bytes, std::uint32_t wire_len);

// What was around a packet that does not stand in a frame.
struct Envelope {
  std::uint32_t scope = 0;
  std::uint16_t ether_type = 0;
  model::Tunnels tunnels;
};
// An IP packet that was put together from fragments in this envelope.
void decode_joined(const Envelope& envelope, base::Bytes bytes, std::uint32_t wire_len,
                   Fragmented fragmented, Decoded& out);

}  // namespace netwatch::wire
