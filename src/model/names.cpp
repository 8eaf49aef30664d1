// The stable spellings of the model's enumerations and ids.
#include <array>
#include <charconv>

#include "model/drops.h"
#include "model/flow.h"
#include "model/health.h"
#include "model/network.h"
#include "model/owner.h"
#include "model/process_row.h"
#include "model/sample.h"
#include "model/socket.h"
#include "model/tunnel.h"

namespace netwatch::model {
namespace {

template <typename Enum, std::size_t kCount>
std::string_view pick(const std::array<std::string_view, kCount>& names, Enum value) {
  const auto i = static_cast<std::size_t>(value);
  return i < kCount ? names[i] : std::string_view{};
}

}  // namespace

std::string_view ip_proto_name(std::uint8_t proto) {
  static const std::array<std::string, 256> names = [] {
    std::array<std::string, 256> all;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = "ip-" + std::to_string(i);
    all[ip_proto::kIcmp] = "icmp";
    all[ip_proto::kTcp] = "tcp";
    all[ip_proto::kUdp] = "udp";
    all[ip_proto::kIcmp6] = "icmp6";
    all[ip_proto::kSctp] = "sctp";
    all[ip_proto::kIgmp] = "igmp";
    return all;
  }();
  return names[proto];
}

std::uint64_t hash_value(const FlowKey& key) {
  const std::uint64_t a = base::hash_value(key.a.address);
  const std::uint64_t b = base::hash_value(key.b.address);
  std::uint64_t h = a * 0x9E3779B97F4A7C15ULL + b;
  h ^= (std::uint64_t{key.a.port} << 40) ^ (std::uint64_t{key.b.port} << 16) ^
       (std::uint64_t{key.proto} << 8) ^ (std::uint64_t{key.scope} << 20);
  h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9ULL;
  return h ^ (h >> 31);
}

void append_flow_id(std::string& out, FlowId id) {
  std::array<char, 16> text{};
  char* const end = std::to_chars(text.data(), text.data() + text.size(), id, 16).ptr;
  out.append(text.data(), end);
}

std::string_view flow_end_name(FlowEnd end) {
  static constexpr std::array<std::string_view, 6> kNames{"open", "closed",  "reset",
                                                          "idle", "evicted", "end_of_input"};
  return pick(kNames, end);
}

std::string_view name_source_name(NameSource source) {
  static constexpr std::array<std::string_view, 7> kNames{"",    "sni",  "host", "dns",
                                                          "ptr", "file", "other"};
  return pick(kNames, source);
}

std::string_view quality_name(Quality quality) {
  static constexpr std::array<std::string_view, 3> kNames{"unknown", "inferred", "exact"};
  return pick(kNames, quality);
}

std::string_view owner_via_name(OwnerVia via) {
  static constexpr std::array<std::string_view, 4> kNames{"", "ebpf", "sock_diag", "proc_net"};
  return pick(kNames, via);
}

std::string_view metric_kind_name(MetricKind kind) {
  static constexpr std::array<std::string_view, 3> kNames{"gauge", "counter", "state"};
  return pick(kNames, kind);
}

std::string_view metric_unit_name(MetricUnit unit) {
  static constexpr std::array<std::string_view, 6> kNames{"",        "bytes",   "bits_per_second",
                                                          "packets", "seconds", "ratio"};
  return pick(kNames, unit);
}

std::string_view probe_kind_name(ProbeKind kind) {
  static constexpr std::array<std::string_view, 2> kNames{"icmp_echo", "dns_query"};
  return pick(kNames, kind);
}

std::string_view link_state_name(LinkState state) {
  static constexpr std::array<std::string_view, 7> kNames{
      "unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"};
  return pick(kNames, state);
}

std::string_view link_event_name(LinkEvent::Kind kind) {
  static constexpr std::array<std::string_view, 7> kNames{"appeared",  "removed", "up",  "down",
                                                          "addresses", "default", "lost"};
  return pick(kNames, kind);
}

std::string_view interface_role_name(InterfaceRole role) {
  static constexpr std::array<std::string_view, 15> kNames{
      "unknown", "loopback",  "physical", "wireless", "bridge", "bond",  "vlan",   "veth",
      "tun",     "wireguard", "tunnel",   "macvlan",  "vrf",    "dummy", "virtual"};
  return pick(kNames, role);
}

std::string_view tcp_state_name(TcpState state) {
  static constexpr std::array<std::string_view, 13> kNames{
      "",       "ESTAB",      "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
      "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN",   "CLOSING",    "SYN-RECV"};
  return pick(kNames, state);
}

std::string_view process_row_kind_name(ProcessRow::Kind kind) {
  static constexpr std::array<std::string_view, 3> kNames{"process", "unknown", "earlier"};
  return pick(kNames, kind);
}

std::string_view unowned_kind_name(UnownedTraffic::Kind kind) {
  static constexpr std::array<std::string_view,
                              static_cast<std::size_t>(UnownedTraffic::Kind::kCount)>
      kNames{"forwarded", "kernel", "no_port", "unknown"};
  return pick(kNames, kind);
}

std::string_view socket_event_name(SocketEvent::Kind kind) {
  static constexpr std::array<std::string_view, 3> kNames{"existing", "opened", "closed"};
  return pick(kNames, kind);
}

std::string_view drop_name(Drop drop) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(Drop::kCount)> kNames{
      "kernel",
      "queue",
      "malformed",
      "cut_headers",
      "unspoken_link",
      "fragments",
      "flow_evicted",
      "flow_refused",
      "stream_evicted",
      "stream_gap_bytes",
      "decoder_evicted",
      "decoder_odd",
      "record_cut",
      "name_evicted",
      "duplicate",
      "row_refused",
      "fragment_overlaps",
      "fragment_evicted",
      "protected",
      "tunnel_depth",
      "expected_evicted",
      "connection_evicted",
      "socket_events"};
  return pick(kNames, drop);
}

std::string_view tunnel_name(TunnelKind kind) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(TunnelKind::kCount)>
      kNames{"",     "ip",    "gre",    "erspan", "pptp",   "etherip", "mpls",
             "l2tp", "vxlan", "geneve", "gtp",    "teredo", "capwap",  "ayiya"};
  return pick(kNames, kind);
}

}  // namespace netwatch::model
