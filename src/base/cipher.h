#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto.h"

// The seam over the crypto library's keyed algorithms (OpenSSL 3, EVP). Thread safe, allocates
// nothing once warm; a failure of the library itself ends the program, as in base/crypto.h.
namespace netwatch::base {

using Aes128Key = std::array<std::uint8_t, 16>;
using AesBlock = std::array<std::uint8_t, 16>;
using GcmNonce = std::array<std::uint8_t, 12>;
inline constexpr std::size_t kGcmTagBytes = 16;

// RFC 2104, with a key of any length.
Sha256Digest hmac_sha256(Bytes key, Bytes data);

// RFC 5869 2.2 with SHA-256.
Sha256Digest hkdf_extract_sha256(Bytes salt, Bytes secret);

// RFC 8446 7.1: HKDF-Expand-Label with SHA-256; "tls13 " is put before `label`. False, and `out`
// untouched, if the label (249 bytes), the context (255) or `out` (255 digests) is too long.
bool hkdf_expand_label_sha256(const Sha256Digest& secret, std::string_view label, Bytes context,
                              std::span<std::uint8_t> out);

// One block, no mode around it.
AesBlock aes128_encrypt_block(const Aes128Key& key, const AesBlock& block);

// Opens `sealed` (ciphertext, then the tag); the associated data is the pieces of `aad` one after
// the other. False if the tag does not fit, or `out` is shorter than the plaintext, which is
// sealed.size() - kGcmTagBytes; after false the contents of `out` mean nothing.
bool aes128_gcm_open(const Aes128Key& key, const GcmNonce& nonce, std::span<const Bytes> aad,
                     Bytes sealed, std::span<std::uint8_t> out);

}  // namespace netwatch::base
