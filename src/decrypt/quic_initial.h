#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/cipher.h"
#include "decrypt/quic_version.h"

// The protection of QUIC Initial packets, which keeps nothing secret: RFC 9001 5 (packet
// protection), 5.2 (Initial secrets), 5.4 (header protection), 5.8 (Retry integrity), A (vectors);
// RFC 9369 3.3 (version 2). All is AES-128-GCM and SHA-256, whatever TLS agrees on later.
namespace netwatch::decrypt {

inline constexpr std::size_t kMaxQuicCidBytes = 20;  // RFC 9000 17.2, versions 1 and 2

// Keys of one direction.
struct QuicPacketKeys {
  base::Aes128Key key{};
  base::GcmNonce iv{};
  base::Aes128Key header{};  // of the header protection
};

// Both directions of a connection's Initial packets.
class QuicInitialKeys {
 public:
  QuicInitialKeys() = default;
  // `client_dcid`: the Destination Connection ID of the client's first Initial packet, or of its
  // first one after a Retry. Costs 18 short SHA-256 digests.
  QuicInitialKeys(QuicSalt salt, base::Bytes client_dcid);

  [[nodiscard]] const QuicPacketKeys& client() const { return client_; }
  [[nodiscard]] const QuicPacketKeys& server() const { return server_; }

 private:
  QuicPacketKeys client_;
  QuicPacketKeys server_;
};

struct QuicPayload {
  std::uint64_t packet_number = 0;
  base::Bytes frames;  // inside `out`
};

// Removes both protections of one packet. `packet`: from its first byte to the end that its Length
// field says; `number_at`: where the packet number begins; `expected`: one more than the highest
// packet number of that direction so far (RFC 9000 A.3). Plaintext goes to `out`. Nothing if the
// packet is too short, `out` too small or the tag does not fit.
std::optional<QuicPayload> open_quic_packet(const QuicPacketKeys& keys, base::Bytes packet,
                                            std::size_t number_at, std::uint64_t expected,
                                            std::span<std::uint8_t> out);

enum class QuicRetryTag : std::uint8_t {
  kGenuine,
  kForged,
  kUnknown,  // versions whose Retry has no tag, or none that is published
};
// `packet`: the whole Retry; `original_dcid`: of the Initial packet that it answers.
QuicRetryTag check_quic_retry(QuicSalt salt, base::Bytes original_dcid, base::Bytes packet);

}  // namespace netwatch::decrypt
