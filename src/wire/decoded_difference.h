#pragma once

#include <string_view>

#include "wire/decode.h"

// For tests and the fuzzer: the short way of ordinary packets against the layers that all others go
// through.
namespace netwatch::wire {

inline bool same_bytes(base::Bytes a, base::Bytes b) {
  return a.size() == b.size() && (a.empty() || a.data() == b.data());
}

// What two readings of one packet do not agree on; empty if on everything.
inline std::string_view difference(const Decoded& a, const Decoded& b) {
  if (a.status != b.status) return "status";
  if (a.proto != b.proto || a.ether_type != b.ether_type) return "protocol";
  if (a.src != b.src || a.dst != b.dst) return "addresses";
  if (a.src_port != b.src_port || a.dst_port != b.dst_port) return "ports";
  if (a.tcp_flags != b.tcp_flags || a.tcp_window != b.tcp_window) return "flags or window";
  if (a.tcp_seq != b.tcp_seq || a.tcp_ack != b.tcp_ack) return "sequence numbers";
  if (a.header_bytes != b.header_bytes || a.ip_bytes != b.ip_bytes) return "lengths";
  if (a.payload_wire_len != b.payload_wire_len || !same_bytes(a.payload, b.payload)) {
    return "payload";
  }
  if (a.scope != b.scope || a.tunnels != b.tunnels) return "scope or tunnels";
  if (a.detour != b.detour || a.first_fragment != b.first_fragment) return "being a fragment";
  const FragmentPart& one = a.fragment;
  const FragmentPart& other = b.fragment;
  const bool same = same_bytes(one.bytes, other.bytes) && one.id == other.id &&
                    one.wire_len == other.wire_len && one.offset_more == other.offset_more &&
                    one.proto == other.proto && one.hides_tunnel == other.hides_tunnel;
  return same ? "" : "fragment";
}

// As if another packet had been read into the same place before.
inline Decoded used_before() {
  Decoded out;
  out.tcp_window = out.header_bytes = out.tcp_flags = 1;
  out.tcp_seq = out.tcp_ack = out.scope = 1;
  out.first_fragment = out.detour = true;
  out.fragment.wire_len = 1;
  out.fragment.hides_tunnel = true;
  out.tunnels.push(model::TunnelKind::kGre, 1);
  return out;
}

}  // namespace netwatch::wire
