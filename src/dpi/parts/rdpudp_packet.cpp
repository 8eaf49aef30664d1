#include "dpi/parts/rdpudp_packet.h"

#include <algorithm>
#include <utility>

#include "base/cursor.h"

namespace netwatch::dpi {
namespace {

// [MS-RDPEUDP] 2.2.2.1
namespace flag {
constexpr unsigned kSyn = 0x0001;
constexpr unsigned kAck = 0x0004;
constexpr unsigned kData = 0x0008;
constexpr unsigned kFec = 0x0010;
constexpr unsigned kAckOfAcks = 0x0100;
constexpr unsigned kSynLossy = 0x0200;
constexpr unsigned kCorrelationId = 0x0800;
constexpr unsigned kSynEx = 0x1000;
constexpr unsigned kAll = 0x1FFF;
}  // namespace flag

// [MS-RDPEUDP2] 2.2.1.1
namespace flag2 {
constexpr unsigned kAck = 0x001;
constexpr unsigned kData = 0x004;
constexpr unsigned kAckVector = 0x008;
constexpr unsigned kAckOfAcks = 0x010;
constexpr unsigned kOverhead = 0x040;
constexpr unsigned kDelayAck = 0x100;
constexpr unsigned kAll = 0x15D;
}  // namespace flag2

constexpr std::size_t kAckBytes = 4;
constexpr std::size_t kWindowBytes = 2;

void read_syn_ex(base::Cursor& cursor, RdpudpSyn& syn) {
  const bool version_valid = (cursor.u16() & 1) != 0;
  const std::uint16_t version = cursor.u16();
  if (cursor.ok() && version_valid) syn.version = version;
}

}  // namespace

bool read_rdpudp_syn(base::Bytes datagram, RdpudpSyn& syn) {
  constexpr std::uint32_t kNothingToAck = 0xFFFFFFFF;
  constexpr std::uint16_t kSmallestMtu = 1132;
  constexpr std::uint16_t kLargestMtu = 1232;
  base::Cursor cursor(datagram);
  const std::uint32_t acked = cursor.u32();
  cursor.skip(kWindowBytes);
  const unsigned flags = cursor.u16();
  syn.first_number = cursor.u32();
  syn.up_mtu = cursor.u16();
  syn.down_mtu = cursor.u16();
  if (!cursor.ok() || (flags & flag::kSyn) == 0 || (flags & ~flag::kAll) != 0) return false;
  if ((flags & (flag::kData | flag::kFec | flag::kAckOfAcks)) != 0) return false;
  syn.ack = (flags & flag::kAck) != 0;
  syn.lossy = (flags & flag::kSynLossy) != 0;
  if (syn.ack == (acked == kNothingToAck)) return false;
  for (const std::uint16_t mtu : {syn.up_mtu, syn.down_mtu}) {
    if (mtu < kSmallestMtu || mtu > kLargestMtu) return false;
  }
  if ((flags & flag::kCorrelationId) != 0) {
    constexpr std::size_t kIdBytes = 16;
    syn.correlation_id = cursor.take(kIdBytes);
    cursor.skip(kIdBytes);  // reserved
  }
  if ((flags & flag::kSynEx) != 0) read_syn_ex(cursor, syn);
  return true;
}

bool read_rdpudp_data(base::Bytes datagram, RdpudpData& data) {
  constexpr std::size_t kMaxVector = 2048;
  constexpr std::size_t kWord = 4;
  base::Cursor cursor(datagram);
  cursor.skip(kAckBytes + kWindowBytes);
  const unsigned flags = cursor.u16();
  if ((flags & ~flag::kAll) != 0 || (flags & flag::kSyn) != 0) return false;
  if ((flags & flag::kAck) != 0) {
    const std::size_t vector = cursor.u16();
    if (vector > kMaxVector) return false;
    cursor.skip(vector);
    cursor.skip((kWord - cursor.offset() % kWord) % kWord);
  }
  if ((flags & flag::kAckOfAcks) != 0) cursor.skip(kAckBytes);
  data = {};
  // A FEC packet repeats what others carry.
  if ((flags & flag::kData) == 0 || (flags & flag::kFec) != 0) return cursor.ok();
  cursor.skip(4);  // the number of this packet, another one if it is sent again
  data.number = cursor.u32();
  data.payload = cursor.rest();
  return cursor.ok();
}

bool read_rdpudp2_data(base::Bytes datagram, std::span<std::uint8_t> room, RdpudpData& data) {
  constexpr std::size_t kPrefixAt = 7;
  constexpr unsigned kDummy = 8;
  data = {};
  if (datagram.size() <= kPrefixAt || datagram.size() > room.size()) return false;
  std::ranges::copy(datagram, room.begin());
  std::swap(room[0], room[kPrefixAt]);
  base::Cursor cursor(base::Bytes(room).first(datagram.size()));
  const unsigned prefix = cursor.u8();
  const unsigned type = (prefix >> 1) & 0xF;
  const unsigned flags = cursor.u16le() & 0xFFF;
  if ((prefix & 1) != 0 || (type != 0 && type != kDummy)) return false;
  if (flags == 0 || (flags & ~flag2::kAll) != 0) return false;
  if ((flags & flag2::kAck) != 0 && (flags & flag2::kAckVector) != 0) return false;
  if ((flags & flag2::kAck) != 0) {
    cursor.skip(2 + 3 + 1);  // number, time, gap
    cursor.skip(cursor.u8() & 0xF);
  }
  if ((flags & flag2::kOverhead) != 0) cursor.skip(1);
  if ((flags & flag2::kDelayAck) != 0) cursor.skip(3);
  if ((flags & flag2::kAckOfAcks) != 0) cursor.skip(2);
  if ((flags & flag2::kData) == 0 || type == kDummy) return cursor.ok();
  cursor.skip(2);  // the number of this packet, another one if it is sent again
  if ((flags & flag2::kAckVector) != 0) {
    cursor.skip(2);
    const unsigned size = cursor.u8();
    if ((size & 0x80) != 0) cursor.skip(3 + 1);
    cursor.skip(size & 0x7F);
  }
  data.number = cursor.u16le();
  data.payload = cursor.rest();
  return cursor.ok();
}

}  // namespace netwatch::dpi
