#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/cursor.h"
#include "decrypt/quic_version.h"

// What of a QUIC datagram is in clear: the version-independent part of long headers (RFC 8999 5.1),
// the long headers of versions 1 and 2 (RFC 9000 17.2, RFC 9369 3.2), Version Negotiation (RFC 9000
// 17.2.1) and Retry (17.2.5). And the frames of an opened Initial packet (RFC 9000 19).
namespace netwatch::dpi {

enum class QuicType : std::uint8_t {
  kInitial,
  kZeroRtt,
  kHandshake,
  kRetry,
  kVersionNegotiation,
  kUnknown,  // of a version whose layout is not known: the rest of the datagram
};

// RFC 9000 16; its two top bits tell its length.
std::uint64_t read_quic_varint(base::Cursor& cursor);

// One packet with a long header. Views into the datagram.
struct QuicPacket {
  QuicType type = QuicType::kUnknown;
  std::uint32_t number = 0;                       // of the version
  const decrypt::QuicVersion* version = nullptr;  // null: not known, or negotiated
  base::Bytes dcid;
  base::Bytes scid;
  base::Bytes bytes;          // the whole packet, or as much of it as is here
  base::Bytes versions;       // of a Version Negotiation: 4 bytes each
  std::size_t number_at = 0;  // where the protected packet number begins
  bool fixed_bit = false;     // RFC 9000 17.2: set, unless greased (RFC 9287)
  bool whole = false;         // the datagram holds all that its Length field says
};

// Reads the first packet of `rest`, what is left of a datagram. False: it has no long header, or
// one that no version of QUIC allows.
bool read_quic_packet(base::Bytes rest, QuicPacket& packet);

// Where a packet with a short header (RFC 9000 17.3.1) carries the connection ID that its receiver
// chose, and what may follow it: nothing in the packet tells how long an ID is. Empty: it has a
// long header, or too little behind it. `cut`: not all of the datagram is here.
base::Bytes quic_short_header_id(base::Bytes datagram, bool cut);

// Walks the frames of an Initial packet and stops at those with data of the handshake.
class QuicCryptoFrames {
 public:
  QuicCryptoFrames(base::Bytes frames, bool google) : cursor_(frames), google_(google) {}
  // False at the end, or at a frame that does not belong into an Initial packet.
  bool next(std::uint64_t& offset, base::Bytes& data);
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  bool pass(std::uint8_t type);
  bool pass_google(std::uint8_t type);
  void pass_ack(bool ecn);
  void pass_google_ack(std::uint8_t type);
  bool fail();

  base::Cursor cursor_;
  bool google_;
  bool broken_ = false;
};

}  // namespace netwatch::dpi
