#include "dpi/parts/quic_packet.h"

#include <algorithm>

#include "decrypt/quic_initial.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;

constexpr std::uint8_t kLongForm = 0x80;
constexpr std::uint8_t kFixedBit = 0x40;
constexpr std::size_t kRetryTagBytes = 16;

enum Frame : std::uint8_t {
  kPadding = 0x00,
  kPing = 0x01,
  kAck = 0x02,
  kAckEcn = 0x03,
  kCrypto = 0x06,
  kConnectionClose = 0x1c,
  // Google's own, up to Q050 and T051:
  kGooglePing = 0x07,
  kGoogleConnectionClose = 0x02,
  kGoogleCrypto = 0x08,
  kGoogleAck = 0x40,  // and the six bits below it
};

QuicType type_of(std::uint8_t first, const decrypt::QuicVersion* version) {
  const unsigned bits = (first >> 4) & 3U;
  const bool shifted = version != nullptr && version->shifted_types();
  return static_cast<QuicType>(shifted ? (bits + 3U) & 3U : bits);
}

bool read_rest(Bytes rest, Cursor cursor, QuicPacket& packet) {
  if (packet.type == QuicType::kRetry) {
    packet.bytes = rest;
    packet.whole = cursor.remaining() >= kRetryTagBytes;
    return packet.whole;
  }
  if (packet.type == QuicType::kInitial) {
    const std::uint64_t token_bytes = read_quic_varint(cursor);
    if (token_bytes > cursor.remaining()) return false;
    cursor.skip(static_cast<std::size_t>(token_bytes));
  }
  const std::uint64_t length = read_quic_varint(cursor);
  if (!cursor.ok()) return false;
  packet.number_at = cursor.offset();
  packet.whole = length <= cursor.remaining();
  const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(length, cursor.remaining()));
  packet.bytes = rest.first(packet.number_at + here);
  // RFC 9000 17.2: a number of one byte at least; RFC 9001 5.4.2: and enough for a sample. It
  // cannot be longer than a datagram.
  constexpr std::uint64_t kShortest = 20;
  constexpr std::uint64_t kLongest = 65527;
  return length >= kShortest && length <= kLongest;
}

}  // namespace

std::uint64_t read_quic_varint(Cursor& cursor) {
  const unsigned size = 1U << (cursor.peek() >> 6);
  const std::uint64_t value = cursor.be(size);
  return value & ((std::uint64_t{1} << (8 * size - 2)) - 1);
}

bool read_quic_packet(Bytes rest, QuicPacket& packet) {
  packet = QuicPacket{};
  Cursor cursor(rest);
  const std::uint8_t first = cursor.u8();
  if ((first & kLongForm) == 0) return false;
  packet.fixed_bit = (first & kFixedBit) != 0;
  packet.number = cursor.u32();
  packet.dcid = cursor.take(cursor.u8());
  packet.scid = cursor.take(cursor.u8());
  if (!cursor.ok()) return false;
  packet.bytes = rest;
  if (packet.number == 0) {
    packet.type = QuicType::kVersionNegotiation;
    packet.versions = cursor.rest();
    packet.whole = true;
    return true;
  }
  packet.version = decrypt::find_quic_version(packet.number);
  // A reserved version has no layout; those who send one lay it out as version 1.
  if (packet.version == nullptr && !decrypt::is_reserved_quic_version(packet.number)) return true;
  if (std::max(packet.dcid.size(), packet.scid.size()) > decrypt::kMaxQuicCidBytes) return false;
  packet.type = type_of(first, packet.version);
  return read_rest(rest, cursor, packet);
}

// The Fixed Bit proves nothing: it may be sent as either (RFC 9287).
Bytes quic_short_header_id(Bytes datagram, bool cut) {
  constexpr std::size_t kSealedBytes = 20;  // at least, behind the ID: RFC 9001 5.4.2
  if (datagram.empty() || (datagram[0] & kLongForm) != 0) return {};
  const std::size_t behind = cut ? 0 : kSealedBytes;
  if (datagram.size() <= 1 + behind) return {};
  const std::size_t most = datagram.size() - 1 - behind;
  return datagram.subspan(1, std::min(most, decrypt::kMaxQuicCidBytes));
}

bool QuicCryptoFrames::next(std::uint64_t& offset, Bytes& data) {
  while (!broken_ && !cursor_.at_end()) {
    const std::uint8_t type = cursor_.u8();
    if (type == kPadding) continue;
    if (type == (google_ ? kGoogleCrypto : kCrypto)) {
      offset = read_quic_varint(cursor_);
      const std::uint64_t length = read_quic_varint(cursor_);
      if (length > cursor_.remaining()) return fail();
      data = cursor_.take(static_cast<std::size_t>(length));
      return cursor_.ok() || fail();
    }
    const bool passed = google_ ? pass_google(type) : pass(type);
    if (!passed || !cursor_.ok()) return fail();
  }
  return false;
}

bool QuicCryptoFrames::fail() {
  broken_ = true;
  return false;
}

bool QuicCryptoFrames::pass(std::uint8_t type) {
  switch (type) {
    case kPing:
      return true;
    case kAck:
    case kAckEcn:
      pass_ack(type == kAckEcn);
      return true;
    case kConnectionClose: {
      read_quic_varint(cursor_);  // error code
      read_quic_varint(cursor_);  // type of the frame that was at fault
      const std::uint64_t reason_bytes = read_quic_varint(cursor_);
      if (reason_bytes > cursor_.remaining()) return false;
      cursor_.skip(static_cast<std::size_t>(reason_bytes));
      return true;
    }
    default:
      return false;
  }
}

// RFC 9000 19.3.
void QuicCryptoFrames::pass_ack(bool ecn) {
  read_quic_varint(cursor_);  // largest acknowledged
  read_quic_varint(cursor_);  // delay
  const std::uint64_t ranges = read_quic_varint(cursor_);
  read_quic_varint(cursor_);  // first range
  for (std::uint64_t i = 0; i < ranges && cursor_.ok(); ++i) {
    read_quic_varint(cursor_);
    read_quic_varint(cursor_);
  }
  for (int i = 0; ecn && i < 3; ++i) read_quic_varint(cursor_);
}

bool QuicCryptoFrames::pass_google(std::uint8_t type) {
  if (type == kGooglePing) return true;
  if (type == kGoogleConnectionClose) {
    cursor_.skip(4);  // error code
    cursor_.skip(cursor_.u16());
    return true;
  }
  if ((type & 0xc0) != kGoogleAck) return false;
  pass_google_ack(type);
  return true;
}

// 01nullmm: n says that there are more blocks than one, ll and mm how long a number and a block
// are. "QUIC Wire Layout Specification", ACK frame.
void QuicCryptoFrames::pass_google_ack(std::uint8_t type) {
  constexpr std::uint8_t kMoreBlocks = 0x20;
  constexpr std::size_t kSizes[]{1, 2, 4, 6};
  cursor_.skip(kSizes[(type >> 2) & 3]);  // largest acknowledged
  cursor_.skip(2);                        // delay
  const std::size_t blocks = (type & kMoreBlocks) != 0 ? cursor_.u8() : 0U;
  const std::size_t block_bytes = kSizes[type & 3];
  cursor_.skip(block_bytes);
  cursor_.skip(blocks * (1 + block_bytes));
  const std::size_t times = cursor_.u8();
  if (times > 0) cursor_.skip(5 + 3 * (times - 1));
}

}  // namespace netwatch::dpi
