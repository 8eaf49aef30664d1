// draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, RFC 1761 (snoop).
#include "wire/pcap_format.h"
#include "wire/snoop_format.h"

#include <algorithm>
#include <limits>

namespace netwatch::wire {
namespace pcap {
namespace {

struct Variant {
  std::uint32_t magic;
  bool nanos, modified, ixia;
};
constexpr Variant kVariants[] = {
    {kMagicMicros, false, false, false},    {kMagicNanos, true, false, false},
    {kMagicModified, false, true, false},   {kMagicIxiaNanos, true, false, true},
    {kMagicIxiaMicros, false, false, true},
};

struct Magic {
  const Variant* variant = nullptr;
  ByteOrder order = ByteOrder::kLittle;
};

Magic find_magic(base::Bytes front) {
  if (front.size() < 4) return {};
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    const std::uint32_t magic = load32(front.data(), order);
    for (const Variant& variant : kVariants)
      if (variant.magic == magic) return {&variant, order};
  }
  return {};
}

}  // namespace

bool is_pcap(base::Bytes front) { return find_magic(front).variant != nullptr; }

std::optional<FileHeader> parse_file_header(base::Bytes front) {
  const Magic magic = find_magic(front);
  if (magic.variant == nullptr || front.size() < kFileHeaderBytes) return std::nullopt;
  constexpr std::uint32_t kReservedBits = 0x03ff'0000;  // above them: FCS length and its flags
  FileHeader header;
  header.order = magic.order;
  header.nanos = magic.variant->nanos;
  header.modified = magic.variant->modified;
  if (magic.variant->ixia) header.bytes = kLongestFileHeaderBytes;
  if (front.size() < header.bytes) return std::nullopt;
  header.version_major = load16(front.data() + 4, magic.order);
  header.version_minor = load16(front.data() + 6, magic.order);
  header.snaplen = load32(front.data() + 16, magic.order);
  const std::uint32_t network = load32(front.data() + 20, magic.order);
  header.linktype = static_cast<std::uint16_t>(network);
  header.reserved_bits = (network & kReservedBits) != 0;
  return header;
}

}  // namespace pcap

namespace pcapng {
namespace {

// A cursor that knows the section's byte order.
class Reader {
 public:
  Reader(base::Bytes bytes, ByteOrder order) : cursor_(bytes), big_(order == ByteOrder::kBig) {}

  std::uint16_t u16() { return big_ ? cursor_.u16() : cursor_.u16le(); }
  std::uint32_t u32() { return big_ ? cursor_.u32() : cursor_.u32le(); }
  std::uint64_t u64() { return big_ ? cursor_.u64() : cursor_.u64le(); }
  base::Cursor& cursor() { return cursor_; }

 private:
  base::Cursor cursor_;
  bool big_;
};

// Calls found(code, value) for each option; false if one overruns the block.
template <typename Found>
bool for_each_option(Reader& reader, Found&& found) {
  base::Cursor& cursor = reader.cursor();
  while (cursor.remaining() >= 4) {
    const std::uint16_t code = reader.u16();
    const std::uint16_t len = reader.u16();
    if (code == option::kEnd) return true;
    const base::Bytes value = cursor.take(len);
    cursor.take_up_to(padded(len) - len);
    if (!cursor.ok()) return false;
    found(code, value);
  }
  return true;
}

model::PacketDirection direction_of(std::uint32_t flags) {
  switch (flags & kFlagsDirectionMask) {
    case kFlagsInbound:
      return model::PacketDirection::kInbound;
    case kFlagsOutbound:
      return model::PacketDirection::kOutbound;
    default:
      return model::PacketDirection::kUnknown;
  }
}

// The packet and its options, which follow the fixed part of enhanced and obsolete packets.
bool parse_packet_rest(PacketBlock& packet, Reader& reader, ByteOrder order) {
  base::Cursor& cursor = reader.cursor();
  packet.bytes = cursor.take(packet.captured_len);
  if (!cursor.ok()) return false;
  if (cursor.at_end()) return true;
  cursor.take_up_to(padded(packet.captured_len) - packet.captured_len);
  (void)for_each_option(reader, [&](std::uint16_t code, base::Bytes value) {
    if (code == option::kPacketFlags && value.size() == 4) {
      packet.flags = load32(value.data(), order);
      packet.direction = direction_of(packet.flags);
    }
    if (code == option::kPacketDropCount && value.size() == 8)
      packet.dropped_before = load64(value.data(), order);
  });
  return true;
}

}  // namespace

std::optional<TimeScale> TimeScale::make(std::uint8_t if_tsresol, std::int64_t offset_s) {
  constexpr unsigned kMostDecimal = 19;
  constexpr unsigned kMostBinary = 63;
  const unsigned exponent = if_tsresol & 0x7fU;
  const bool binary = (if_tsresol & 0x80U) != 0;
  if (exponent > (binary ? kMostBinary : kMostDecimal)) return std::nullopt;
  TimeScale scale;
  scale.offset_s_ = offset_s;
  scale.units_per_second_ = 1;
  for (unsigned i = 0; i < exponent; ++i) scale.units_per_second_ *= binary ? 2 : 10;
  // A fraction times 10^9 must fit 64 bits: at most 2^34 or 10^10 units a second.
  constexpr unsigned kExactBinary = 34;
  constexpr unsigned kExactDecimal = 10;
  for (unsigned i = binary ? kExactBinary : kExactDecimal; i < exponent; ++i)
    scale.coarsen_ *= binary ? 2 : 10;
  return scale;
}

base::TimeNs TimeScale::to_ns(std::uint64_t stamp) const {
  constexpr auto kMost = std::numeric_limits<base::TimeNs>::max();
  constexpr auto kLeast = std::numeric_limits<base::TimeNs>::min();
  constexpr std::int64_t kMostSeconds = kMost / base::kNsPerSecond - 1;
  const std::uint64_t seconds = stamp / units_per_second_;
  const std::uint64_t fraction = stamp % units_per_second_ / coarsen_;
  const std::uint64_t fraction_ns =
      fraction * static_cast<std::uint64_t>(base::kNsPerSecond) / (units_per_second_ / coarsen_);
  if (seconds > static_cast<std::uint64_t>(kMostSeconds)) return kMost;
  std::int64_t total_s = 0;
  if (__builtin_add_overflow(static_cast<std::int64_t>(seconds), offset_s_, &total_s))
    return offset_s_ > 0 ? kMost : kLeast;
  if (total_s > kMostSeconds) return kMost;
  if (total_s < -kMostSeconds) return kLeast;
  return total_s * base::kNsPerSecond + static_cast<std::int64_t>(fraction_ns);
}

std::optional<Interface> parse_interface(base::Bytes body, ByteOrder order) {
  Reader reader(body, order);
  Interface out;
  out.linktype = reader.u16();
  (void)reader.u16();
  out.snaplen = reader.u32();
  if (!reader.cursor().ok()) return std::nullopt;
  const bool whole = for_each_option(reader, [&](std::uint16_t code, base::Bytes value) {
    if (code == option::kInterfaceTimeResolution && value.size() == 1)
      out.time_resolution = value[0];
    if (code == option::kInterfaceTimeOffset && value.size() == 8)
      out.time_offset_s = static_cast<std::int64_t>(load64(value.data(), order));
  });
  if (!whole) return std::nullopt;
  return out;
}

std::optional<PacketBlock> parse_enhanced_packet(base::Bytes body, ByteOrder order) {
  if (body.size() < kEnhancedBodyBytes) return std::nullopt;
  PacketBlock out;
  const std::uint8_t* p = body.data();
  out.interface_id = load32(p, order);
  out.stamp = (std::uint64_t{load32(p + 4, order)} << 32) | load32(p + 8, order);
  out.captured_len = load32(p + 12, order);
  out.wire_len = load32(p + 16, order);
  Reader reader(body.subspan(kEnhancedBodyBytes), order);
  if (!parse_packet_rest(out, reader, order)) return std::nullopt;
  return out;
}

std::optional<PacketBlock> parse_obsolete_packet(base::Bytes body, ByteOrder order) {
  constexpr std::uint16_t kDropsUnknown = 0xffff;
  Reader reader(body, order);
  PacketBlock out;
  out.interface_id = reader.u16();
  const std::uint16_t drops = reader.u16();
  out.dropped_before = drops == kDropsUnknown ? 0 : drops;
  const std::uint64_t high = reader.u32();
  out.stamp = (high << 32) | reader.u32();
  out.captured_len = reader.u32();
  out.wire_len = reader.u32();
  if (!reader.cursor().ok() || !parse_packet_rest(out, reader, order)) return std::nullopt;
  return out;
}

std::optional<PacketBlock> parse_simple_packet(base::Bytes body, ByteOrder order,
                                               std::uint32_t snaplen) {
  Reader reader(body, order);
  PacketBlock out;
  out.stamped = false;
  out.wire_len = reader.u32();
  if (!reader.cursor().ok()) return std::nullopt;
  out.captured_len = snaplen == 0 ? out.wire_len : std::min(snaplen, out.wire_len);
  out.bytes = reader.cursor().take(out.captured_len);
  if (!reader.cursor().ok()) return std::nullopt;
  return out;
}

std::optional<Statistics> parse_statistics(base::Bytes body, ByteOrder order) {
  Reader reader(body, order);
  Statistics out;
  out.interface_id = reader.u32();
  const std::uint64_t high = reader.u32();
  out.stamp = (high << 32) | reader.u32();
  if (!reader.cursor().ok()) return std::nullopt;
  (void)for_each_option(reader, [&](std::uint16_t code, base::Bytes value) {
    const bool drop = code == option::kStatisticsInterfaceDrop || code == option::kStatisticsOsDrop;
    if (!drop || value.size() != 8) return;
    if (__builtin_add_overflow(out.dropped, load64(value.data(), order), &out.dropped))
      out.dropped = std::numeric_limits<std::uint64_t>::max();
  });
  return out;
}

}  // namespace pcapng

namespace snoop {

std::optional<std::uint16_t> linktype_of(std::uint32_t datalink) {
  switch (datalink) {
    case 2:  // token ring
      return std::uint16_t{6};
    case 4:
      return std::uint16_t{1};
    case 8:  // FDDI
      return std::uint16_t{10};
    case 18:  // SunATM
      return std::uint16_t{123};
    default:
      return std::nullopt;
  }
}

RecordHeader parse_record_header(const std::uint8_t* at) {
  RecordHeader header;
  header.wire_len = load_be32(at);
  header.captured_len = load_be32(at + 4);
  header.record_len = load_be32(at + 8);
  header.cumulative_drops = load_be32(at + 12);
  header.time_ns = base::TimeNs{load_be32(at + 16)} * base::kNsPerSecond +
                   base::TimeNs{load_be32(at + 20)} * base::kNsPerUs;
  return header;
}

}  // namespace snoop
}  // namespace netwatch::wire
