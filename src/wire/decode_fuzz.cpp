#include <cstdlib>

#include "base/cursor.h"
#include "wire/decode.h"
#include "wire/decoded_difference.h"

namespace netwatch::wire {
namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void check(const Decoded& d, base::Bytes frame) {
  const bool inside =
      d.payload.empty() || (d.payload.data() >= frame.data() &&
                            d.payload.data() + d.payload.size() <= frame.data() + frame.size());
  check(inside && d.payload.size() <= d.payload_wire_len);
  const base::Bytes header = d.transport_header();
  check(header.empty() || header.data() >= frame.data());
  check(d.status == DecodeStatus::kFlow || d.payload.empty());
  check(d.tunnels.size() <= model::Tunnels::kMax && d.tunnels.empty() == (d.scope >> 31 == 0));
  const FragmentPart& part = d.fragment;
  if (part.wire_len == 0) return;
  check(d.detour && part.bytes.size() <= part.wire_len);
  check(!part.hides_tunnel || (part.offset() == 0 && d.status == DecodeStatus::kFragment));
}

}  // namespace
}  // namespace netwatch::wire

// Two bytes of link type, two of the bytes that a snaplen took away, then the frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netwatch;
  base::Cursor cursor({data, size});
  const std::uint16_t linktype = cursor.u16();
  const std::uint32_t missing = cursor.u16();
  if (!cursor.ok()) return 0;
  const base::Bytes frame = cursor.rest();
  const auto wire_len = static_cast<std::uint32_t>(frame.size()) + missing;
  wire::Decoded d = wire::decode(linktype, frame, wire_len);
  wire::check(d, frame);
  // PPI and pktap name the link type of what they carry: it may be any.
  const bool unspoken = d.status == wire::DecodeStatus::kUnspokenLink;
  const bool names_another = linktype == 192 || linktype == 258;
  if (!unspoken && !wire::linktype_spoken(linktype)) std::abort();
  if (unspoken && wire::linktype_spoken(linktype) && !names_another) std::abort();
  const model::Packet packet{.linktype = linktype, .wire_len = wire_len, .bytes = frame};
  wire::Decoded again = wire::used_before();
  wire::decode_into(packet, again);
  wire::check(wire::difference(d, again).empty());
  wire::decode_into(packet, d, wire::Fragmented::kBeginning);
  wire::check(d, frame);
  const wire::Envelope envelope{d.scope, d.ether_type, d.tunnels};
  wire::decode_joined(envelope, frame, wire_len, wire::Fragmented::kWhole, d);
  wire::check(d, frame);
  return 0;
}
