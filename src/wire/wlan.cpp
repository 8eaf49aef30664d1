// IEEE 802.11-2020 9.2 and 9.3.2: data frames, down to the LLC header that names what they carry;
// and the radio headers that capturing programs put before them: radiotap (radiotap.org), Prism,
// AVS, PPI. A frame check sequence behind the frame needs no care: IP says how long it is.
#include "wire/byte_order.h"
#include "wire/layers.h"

namespace netwatch::wire {
namespace {

constexpr ByteOrder kLittle = ByteOrder::kLittle;
constexpr std::uint16_t kLinkPpi = 192;
constexpr std::uint16_t kLinkPktap = 258;

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

// Of a data frame.
std::size_t header_bytes(unsigned subtype, unsigned flags) {
  constexpr unsigned kFourAddresses = flag::kToDs | flag::kFromDs;
  std::size_t len = 24;
  if ((flags & kFourAddresses) == kFourAddresses) len += 6;
  if ((subtype & kSubtypeQos) != 0) len += (flags & flag::kOrder) != 0 ? 6U : 2U;
  return len;
}

// Of an A-MSDU the first one (9.3.2.2): destination, source, length.
DecodeStatus first_subframe(Rest& rest) {
  constexpr std::size_t kSubframe = 14;
  if (!rest.has(kSubframe)) return rest.lack(kSubframe);
  const std::size_t len = load_be16(rest.data() + 12);
  rest.skip(kSubframe);
  if (len > rest.wire) return DecodeStatus::kMalformed;
  rest.limit(len);
  return DecodeStatus::kFlow;
}

// `padded`: the header was filled up to a multiple of four bytes.
DecodeStatus frame_behind(Decoded& out, const Rest& rest, bool padded) {
  if (!padded || !rest.has(2)) return wlan(out, rest, false);
  const std::size_t len = header_bytes(rest.data()[0] >> 4, rest.data()[1]);
  if (len % 4 == 0 || ((rest.data()[0] >> 2) & 3) != kDataType) return wlan(out, rest, false);
  // Read over the pad: the header as it stands, the LLC header behind the pad.
  WlanFrame frame;
  const DecodeStatus status = wlan_frame(rest, false, frame);
  if (status != DecodeStatus::kFlow) return status;
  const std::size_t pad = 4 - len % 4;
  if (!frame.llc.has(pad)) return frame.llc.lack(pad);
  out.first_fragment = frame.first_fragment;
  return llc_snap(out, frame.llc.after(pad));
}

}  // namespace

DecodeStatus wlan_frame(Rest rest, bool swapped, WlanFrame& frame) {
  constexpr std::size_t kControl = 2;
  constexpr std::size_t kSequenceAt = 22;
  if (!rest.has(kControl)) return rest.lack(kControl);
  const std::uint8_t* p = rest.data();
  const unsigned control = p[swapped ? 1 : 0];
  const unsigned flags = p[swapped ? 0 : 1];
  const unsigned subtype = control >> 4;
  if ((control & 3) != 0) return DecodeStatus::kMalformed;  // versions other than 0
  if (((control >> 2) & 3) != kDataType) return DecodeStatus::kOther;
  if ((subtype & kSubtypeNull) != 0) return DecodeStatus::kOther;
  if ((flags & flag::kProtected) != 0) return DecodeStatus::kProtected;
  const std::size_t header_len = header_bytes(subtype, flags);
  if (!rest.has(header_len)) return rest.lack(header_len);
  if ((p[kSequenceAt + (swapped ? 1 : 0)] & 0x0f) != 0) return DecodeStatus::kFragment;
  frame.first_fragment = (flags & flag::kMoreFragments) != 0;
  const bool four = (flags & flag::kToDs) != 0 && (flags & flag::kFromDs) != 0;
  const bool qos = (subtype & kSubtypeQos) != 0;
  const bool aggregate = qos && (p[four ? 30 : 24] & 0x80) != 0;
  rest.skip(header_len);
  if (aggregate) {
    const DecodeStatus status = first_subframe(rest);
    if (status != DecodeStatus::kFlow) return status;
  }
  frame.llc = rest;
  return DecodeStatus::kFlow;
}

DecodeStatus wlan(Decoded& out, const Rest& rest, bool swapped) {
  WlanFrame frame;
  const DecodeStatus status = wlan_frame(rest, swapped, frame);
  if (status != DecodeStatus::kFlow) return status;
  out.first_fragment = frame.first_fragment;
  return llc_snap(out, frame.llc);
}

// Version, pad, length, words of which fields are there; the fields, each at its own alignment.
DecodeStatus radiotap(Decoded& out, const Rest& rest) {
  constexpr std::size_t kLeast = 8;
  constexpr std::uint32_t kTime = 1;
  constexpr std::uint32_t kFlags = 2;
  constexpr std::uint32_t kMore = 0x8000'0000;
  constexpr unsigned kPadded = 0x20;
  if (!rest.has(kLeast)) return rest.lack(kLeast);
  const std::size_t len = load16(rest.data() + 2, kLittle);
  if (rest.data()[0] != 0 || len < kLeast) return DecodeStatus::kMalformed;
  if (!rest.has(len)) return rest.lack(len);
  const std::uint32_t present = load32(rest.data() + 4, kLittle);
  std::size_t at = 4;
  for (std::uint32_t word = present; (word & kMore) != 0;) {
    at += 4;
    if (at + 4 > len) return DecodeStatus::kMalformed;
    word = load32(rest.data() + at, kLittle);
  }
  at += 4;
  if ((present & kTime) != 0) at = (at + 7) / 8 * 8 + 8;
  const bool flags = (present & kFlags) != 0 && at < len;
  return frame_behind(out, rest.after(len), flags && (rest.data()[at] & kPadded) != 0);
}

// Message code and length of the header; some drivers put AVS there.
DecodeStatus prism(Decoded& out, const Rest& rest) {
  constexpr std::size_t kLeast = 8;
  constexpr std::uint32_t kAvsMagic = 0x8021'1000;
  constexpr std::size_t kLength = 144;
  if (!rest.has(kLeast)) return rest.lack(kLeast);
  if ((load_be32(rest.data()) & 0xffff'f000) == kAvsMagic) return avs(out, rest);
  std::size_t len = load32(rest.data() + 4, kLittle);
  if (len != kLength) len = load_be32(rest.data() + 4);
  if (len != kLength) return DecodeStatus::kMalformed;
  if (!rest.has(len)) return rest.lack(len);
  return wlan(out, rest.after(len), false);
}

DecodeStatus avs(Decoded& out, const Rest& rest) {
  constexpr std::size_t kLeast = 8;
  if (!rest.has(kLeast)) return rest.lack(kLeast);
  const std::size_t len = load_be32(rest.data() + 4);
  if (len < kLeast) return DecodeStatus::kMalformed;
  if (!rest.has(len)) return rest.lack(len);
  return wlan(out, rest.after(len), false);
}

// Version, flags, length, link type of what follows.
DecodeStatus ppi(Decoded& out, const Rest& rest) {
  constexpr std::size_t kLeast = 8;
  if (!rest.has(kLeast)) return rest.lack(kLeast);
  const std::size_t len = load16(rest.data() + 2, kLittle);
  const std::uint32_t inner = load32(rest.data() + 4, kLittle);
  if (rest.data()[0] != 0 || len < kLeast) return DecodeStatus::kMalformed;
  if (!rest.has(len)) return rest.lack(len);
  if (inner == kLinkPpi || inner == kLinkPktap || inner > 0xffff) return DecodeStatus::kOther;
  return link(out, static_cast<std::uint16_t>(inner), rest.after(len));
}

}  // namespace netwatch::wire
