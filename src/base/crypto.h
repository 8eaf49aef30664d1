#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

// The seam over the crypto library (OpenSSL 3, EVP). Digests are one-shot, thread safe, allocate
// nothing once warm, and come from a library context of our own: a host's crypto policy that
// forbids MD5 or SHA-1 does not change what a fingerprint is.
namespace netwatch::base {

using Md5Digest = std::array<std::uint8_t, 16>;
using Sha1Digest = std::array<std::uint8_t, 20>;
using Sha256Digest = std::array<std::uint8_t, 32>;

Md5Digest md5(Bytes data);
Sha1Digest sha1(Bytes data);
Sha256Digest sha256(Bytes data);

// Lower-case hex, two digits a byte.
void append_hex(std::string& out, Bytes data);
std::string to_hex(Bytes data);

// RFC 4648 section 4, with padding.
void append_base64(std::string& out, Bytes data);
std::string to_base64(Bytes data);
// Strict: padding may be left out, but white space, foreign characters and set bits below the last
// byte are refused.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace netwatch::base
