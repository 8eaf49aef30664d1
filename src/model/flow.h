#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/time.h"
#include "model/owner.h"
#include "model/tunnel.h"

namespace netwatch::model {

// The two ends of a flow, from the flow's own point of view.
enum class Side : std::uint8_t { kOriginator = 0, kResponder = 1 };
constexpr Side other(Side side) {
  return side == Side::kOriginator ? Side::kResponder : Side::kOriginator;
}
constexpr std::size_t index(Side side) { return static_cast<std::size_t>(side); }

// IP protocol numbers (IANA) that have a name here.
namespace ip_proto {
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kIgmp = 2;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmp6 = 58;
inline constexpr std::uint8_t kSctp = 132;
// Whether Endpoint::port is a port (and not an ICMP type or nothing at all).
constexpr bool has_ports(std::uint8_t proto) {
  return proto == kTcp || proto == kUdp || proto == kSctp;
}
}  // namespace ip_proto
// "tcp", "udp", "icmp", "icmp6", "igmp", "sctp", or the number ("ip-89") in a static buffer of
// names.
std::string_view ip_proto_name(std::uint8_t proto);

struct Endpoint {
  base::IpAddress address;
  std::uint16_t port = 0;  // ICMP: type, and its answer's type or the code (Community ID v1)
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// The binary identity of a flow. `a` < `b` always, so both directions have one key.
struct FlowKey {
  Endpoint a;
  Endpoint b;
  std::uint8_t proto = 0;
  std::uint32_t scope = 0;  // what separates equal five-tuples: VLAN ids, tunnel, namespace

  friend auto operator<=>(const FlowKey&, const FlowKey&) = default;
};
std::uint64_t hash_value(const FlowKey& key);

// Unique in a run and the same for any number of threads: (shard-local count << 4) | shard.
using FlowId = std::uint64_t;
inline constexpr FlowId kNoFlow = 0;
void append_flow_id(std::string& out, FlowId id);

// How the originator was told from the responder.
enum class OriginBy : std::uint8_t { kFirstPacket, kHandshake, kContent };

// Why a flow left the table.
enum class FlowEnd : std::uint8_t { kOpen, kClosed, kReset, kIdle, kEvicted, kEndOfInput };
std::string_view flow_end_name(FlowEnd end);

// Where a flow's name came from, best first.
enum class NameSource : std::uint8_t { kNone, kSni, kHost, kDns, kReverseDns, kFile, kOther };
std::string_view name_source_name(NameSource source);  // "sni", "host", "dns", "ptr", ...

// What was counted in one direction. The three kinds of bytes never mix (design section 5).
struct DirectionCounters {
  std::uint64_t packets = 0;
  std::uint64_t wire_bytes = 0;     // link-layer frames as on the wire
  std::uint64_t ip_bytes = 0;       // IP headers and payload, as the IP length says
  std::uint64_t payload_bytes = 0;  // above TCP, UDP, SCTP, ICMP headers; retransmitted ones too
  std::uint64_t retransmitted = 0;  // TCP segments sent again, seen here before or not
  std::uint64_t lost_bytes = 0;     // gaps in a reassembled stream
};

// How one side's sending went, beyond its counters. Times are of the point of capture: from a
// packet to its acknowledgement or answer, so those of both sides together are the whole round
// trip.
struct SideQuality {
  std::int64_t rtt_us = -1;          // TCP, ICMP echo: smoothed as RFC 6298 does; -1 unknown
  std::int64_t rtt_min_us = -1;      // the smallest measured
  std::int16_t window_scale = -1;    // TCP: what its SYN offered (RFC 7323); -1 unknown
  std::uint32_t out_of_order = 0;    // TCP segments that came behind later ones, not sent again
  std::uint32_t duplicate_acks = 0;  // RFC 5681 section 2
  std::uint32_t zero_windows = 0;    // segments that closed the window
  std::uint32_t syn_retries = 0;     // the same SYN, or SYN-ACK, again
  std::uint32_t resets = 0;          // segments with RST
};

inline constexpr std::size_t kMaxFlowApps = 4;

// A flow as it leaves its shard: a plain value.
struct Flow {
  FlowId id = kNoFlow;
  FlowId parent = kNoFlow;         // the flow that announced this one's address and port
  FlowId migrated_from = kNoFlow;  // the flow in which this one's connection began
  Endpoint orig;
  Endpoint resp;
  std::uint8_t proto = 0;
  OriginBy orig_by = OriginBy::kFirstPacket;
  FlowEnd end = FlowEnd::kOpen;
  std::uint32_t scope = 0;
  Tunnels tunnels;  // what its packets were taken out of
  base::TimeNs first_ns = 0;
  base::TimeNs last_ns = 0;
  std::uint64_t first_packet = 0;
  std::uint64_t last_packet = 0;
  std::array<DirectionCounters, 2> sides;  // by Side
  std::array<SideQuality, 2> quality;      // by Side
  std::int64_t answer_us = -1;  // UDP, ICMP: first packet to the other side's first; -1 unknown
  std::int64_t handshake_rtt_us = -1;                 // SYN to ACK at the capture point; -1 unknown
  std::string conn_state;                             // Zeek's names; empty unless TCP or UDP
  std::string history;                                // Zeek's letters, at most 24
  std::string community_id;                           // filled where it is asked for
  std::array<std::string_view, kMaxFlowApps> apps{};  // innermost last; static names from dpi
  std::string name;  // what the responder is called; empty if unknown
  NameSource name_from = NameSource::kNone;
  std::array<Owner, 2> owners;  // by Side

  [[nodiscard]] const Endpoint& endpoint(Side side) const {
    return side == Side::kOriginator ? orig : resp;
  }
  [[nodiscard]] const DirectionCounters& counters(Side side) const { return sides[index(side)]; }
};

}  // namespace netwatch::model
