#pragma once

#include <cstdint>
#include <utility>

#include "model/tunnel.h"
#include "wire/layers.h"

// What the tunnels have in common. Nobody outside the decoder includes this.
namespace netwatch::wire {

// Whether something begins here that could be meant: a whole header whose length fits.
bool is_ip(const Decoded& out, const Rest& rest, unsigned version);
bool is_any_ip(const Decoded& out, const Rest& rest);
// IPv4, IPv6 or ARP, as an Ethernet type says.
bool is_type(const Decoded& out, const Rest& rest, std::uint16_t type);
// A frame (at most two VLAN tags) of one of these.
bool is_ethernet(const Decoded& out, Rest rest);

// One more tunnel: name it, and keep equal inner tuples of different tunnels apart. What both
// directions have in common goes into the scope: the outer pair, and the id where there is one.
void enter(Decoded& out, Rest& rest, model::TunnelKind kind);
void enter(Decoded& out, Rest& rest, model::TunnelKind kind, std::uint32_t id);

// Decodes what is inside, behind an enter(). False, and nothing changed, if it is no IP after all,
// or (`sure` tells that it must be a tunnel) contradicts itself.
template <typename Enter, typename Inner>
bool open(Decoded& out, Rest rest, bool sure, DecodeStatus& status, Enter&& enter_it,
          Inner&& inner) {
  if (out.first_fragment && out.fragment.wire_len != 0 && rest.fragmented == Fragmented::kWhole) {
    out.fragment.hides_tunnel = true;
    status = DecodeStatus::kFragment;
    return true;
  }
  if (rest.tunnels == kMaxTunnels) {
    status = DecodeStatus::kTooDeep;
    return true;
  }
  const Decoded before = out;
  enter_it(out, rest);
  const DecodeStatus found = inner(out, rest);
  // The rest of the inner headers is in a later fragment of the outer packet.
  if (found == DecodeStatus::kMalformed && sure && before.first_fragment) {
    out = before;
    status = DecodeStatus::kFragment;
    return true;
  }
  if (found == DecodeStatus::kOther || (found == DecodeStatus::kMalformed && !sure)) {
    out = before;
    return false;
  }
  status = found;
  return true;
}

// The same for an 802.11 frame, whichever way its controller wrote it.
template <typename Enter>
bool open_wlan(Decoded& out, const Rest& rest, bool sure, DecodeStatus& status, Enter&& enter_it) {
  for (const bool swapped : {false, true}) {
    WlanFrame frame;
    const DecodeStatus found = wlan_frame(rest, swapped, frame);
    if (sure && !swapped && found == DecodeStatus::kProtected) {
      status = found;
      return true;
    }
    if (found != DecodeStatus::kFlow) continue;
    std::uint16_t type = 0;
    Rest packet = frame.llc;
    if (!skip_snap(packet, type) || !(frame.first_fragment || is_type(out, packet, type))) continue;
    return open(out, rest, sure, status, enter_it,
                [&](Decoded& to, const Rest& from) { return wlan(to, from, swapped); });
  }
  return false;
}

// Session and frame of L2TPv3, over IP or UDP.
bool l2tp_session(Decoded& out, const Rest& rest, DecodeStatus& status);

}  // namespace netwatch::wire
