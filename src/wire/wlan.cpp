// IEEE 802.11-2020 9.2 and 9.3.2: data frames, down to the LLC header that names what they carry.
#include "wire/byte_order.h"
#include "wire/layers.h"

namespace netwatch::wire {
namespace {

constexpr unsigned kDataType = 2;
constexpr unsigned kSubtypeNull = 4;  // bit of the subtypes that carry no data
constexpr unsigned kSubtypeQos = 8;

namespace flag {
constexpr unsigned kToDs = 0x01;
constexpr unsigned kFromDs = 0x02;
constexpr unsigned kMoreFragments = 0x04;
constexpr unsigned kProtected = 0x40;
constexpr unsigned kOrder = 0x80;  // in QoS frames: four bytes of HT control follow
}  // namespace flag

}  // namespace

DecodeStatus wlan(Decoded& out, Rest rest, bool swapped) {
  std::size_t header_len = 24;
  if (!rest.has(header_len)) return rest.lack(header_len);
  const std::uint8_t* p = rest.data();
  const unsigned control = p[swapped ? 1 : 0];
  const unsigned flags = p[swapped ? 0 : 1];
  const unsigned subtype = control >> 4;
  if ((control & 3) != 0) return DecodeStatus::kMalformed;  // versions other than 0
  if (((control >> 2) & 3) != kDataType) return DecodeStatus::kOther;
  if ((subtype & kSubtypeNull) != 0) return DecodeStatus::kOther;
  if ((flags & flag::kProtected) != 0) return DecodeStatus::kOther;
  const bool fragment = (p[swapped ? 23 : 22] & 0x0f) != 0;
  if ((flags & (flag::kToDs | flag::kFromDs)) == (flag::kToDs | flag::kFromDs)) header_len += 6;
  const std::size_t qos_at = header_len;
  const bool qos = (subtype & kSubtypeQos) != 0;
  if (qos) header_len += (flags & flag::kOrder) != 0 ? 6 : 2;
  if (!rest.has(header_len)) return rest.lack(header_len);
  if (fragment) return DecodeStatus::kOther;
  if ((flags & flag::kMoreFragments) != 0) out.first_fragment = true;
  const bool aggregate = qos && (p[qos_at] & 0x80) != 0;
  rest.skip(header_len);
  if (!aggregate) return llc_snap(out, rest);
  // Of an A-MSDU the first one (9.3.2.2): destination, source, length.
  constexpr std::size_t kSubframe = 14;
  if (!rest.has(kSubframe)) return rest.lack(kSubframe);
  const std::size_t len = load_be16(rest.data() + 12);
  rest.skip(kSubframe);
  if (len > rest.wire) return DecodeStatus::kMalformed;
  rest.limit(len);
  return llc_snap(out, rest);
}

}  // namespace netwatch::wire
