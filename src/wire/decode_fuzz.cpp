#include <cstdlib>

#include "base/cursor.h"
#include "wire/decode.h"

// Two bytes of link type, two of the bytes that a snaplen took away, then the frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netwatch;
  base::Cursor cursor({data, size});
  const std::uint16_t linktype = cursor.u16();
  const std::uint32_t missing = cursor.u16();
  if (!cursor.ok()) return 0;
  const base::Bytes frame = cursor.rest();
  const auto wire_len = static_cast<std::uint32_t>(frame.size()) + missing;
  const wire::Decoded d = wire::decode(linktype, frame, wire_len);
  const bool inside =
      d.payload.empty() || (d.payload.data() >= frame.data() &&
                            d.payload.data() + d.payload.size() <= frame.data() + frame.size());
  const base::Bytes header = d.transport_header();
  if (!header.empty() && header.data() < frame.data()) std::abort();
  if (!inside || d.payload.size() > d.payload_wire_len) std::abort();
  if (d.status != wire::DecodeStatus::kFlow && !d.payload.empty()) std::abort();
  // PPI and pktap name the link type of what they carry: it may be any.
  const bool unspoken = d.status == wire::DecodeStatus::kUnspokenLink;
  const bool names_another = linktype == 192 || linktype == 258;
  if (!unspoken && !wire::linktype_spoken(linktype)) std::abort();
  if (unspoken && wire::linktype_spoken(linktype) && !names_another) std::abort();
  if (d.tunnels.size() > model::Tunnels::kMax || d.tunnels.empty() != (d.scope >> 31 == 0))
    std::abort();
  return 0;
}
