#pragma once

#include <cstdint>
#include <string_view>

// The versions of QUIC whose Initial packets can be read by everyone who knows the constants:
// RFC 9000 (1), RFC 9369 (2), the drafts draft-ietf-quic-tls-22 to -34, Facebook's mvfst, and
// Google's Q050 and T05x as of draft-ietf-quic-tls-27.
namespace netwatch::decrypt {

// Which constants protect a version's Initial packets.
enum class QuicSalt : std::uint8_t {
  kDraft22,  // to draft 22
  kDraft23,  // to draft 28
  kDraft29,  // to draft 32
  kV1,       // drafts 33 and 34 too
  kV2,
  kQ050,
  kT050,
  kT051,
};

struct QuicVersion {
  std::uint32_t number = 0;
  std::string_view name{};  // "1", "2", "draft-29", "mvfst-2", "T051"
  QuicSalt salt = QuicSalt::kV1;

  // RFC 9369 3.2: version 2 numbers its long header types otherwise.
  [[nodiscard]] bool shifted_types() const { return salt == QuicSalt::kV2; }
  // Google's own frames: their CRYPTO and ACK differ from those of RFC 9000.
  [[nodiscard]] bool google_frames() const { return salt >= QuicSalt::kQ050; }
};

// Null for a version that is not known.
const QuicVersion* find_quic_version(std::uint32_t number);

// RFC 9000 15: 0x?a?a?a?a is sent to provoke a version negotiation.
constexpr bool is_reserved_quic_version(std::uint32_t number) {
  return (number & 0x0f0f0f0f) == 0x0a0a0a0a;
}

}  // namespace netwatch::decrypt
