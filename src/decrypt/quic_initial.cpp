#include "decrypt/quic_initial.h"

#include <algorithm>
#include <string_view>

namespace netwatch::decrypt {
namespace {

using base::Bytes;
using Salt = std::array<std::uint8_t, 20>;

// In the order of QuicSalt.
constexpr std::array<Salt, 8> kSalts{{
    {0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a,
     0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a, 0x02, 0x64, 0x4a},
    {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
     0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02},
    {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
     0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99},
    {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
     0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
    {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
     0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
    {0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94,
     0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0, 0xd3, 0xb5, 0x6b, 0x45},
    {0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80,
     0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c, 0x60, 0x48, 0x83, 0x10},
    {0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50,
     0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc, 0xda, 0x6e, 0x03, 0x3d},
}};

// What keys a Retry's tag: RFC 9001 5.8, RFC 9369 3.3.3, draft-ietf-quic-tls-29 5.8.
struct RetrySecret {
  base::Aes128Key key;
  base::GcmNonce nonce;
};
constexpr RetrySecret kRetryDraft29{
    {0xcc, 0xce, 0x18, 0x7e, 0xd0, 0x9a, 0x09, 0xd0, 0x57, 0x28, 0x15, 0x5a, 0x6c, 0xb9, 0x6b,
     0xe1},
    {0xe5, 0x49, 0x30, 0xf9, 0x7f, 0x21, 0x36, 0xf0, 0x53, 0x0a, 0x8c, 0x1c}};
constexpr RetrySecret kRetryV1{
    {0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8,
     0x4e},
    {0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb}};
constexpr RetrySecret kRetryV2{
    {0x8f, 0xb4, 0xb0, 0x1b, 0x56, 0xac, 0x48, 0xe2, 0x60, 0xfb, 0xcb, 0xce, 0xad, 0x7c, 0xcc,
     0x92},
    {0xd8, 0x69, 0x69, 0xbc, 0x2d, 0x7c, 0x6d, 0x99, 0x90, 0xef, 0xb0, 0x4a}};

constexpr std::size_t kMaxNumberBytes = 4;

struct Labels {
  std::string_view key = "quic key";
  std::string_view iv = "quic iv";
  std::string_view header = "quic hp";
};
constexpr Labels kLabelsV2{"quicv2 key", "quicv2 iv", "quicv2 hp"};

QuicPacketKeys direction_keys(const base::Sha256Digest& initial_secret, std::string_view direction,
                              const Labels& labels) {
  base::Sha256Digest secret{};
  QuicPacketKeys keys;
  // The labels are short: none of these can fail.
  base::hkdf_expand_label_sha256(initial_secret, direction, {}, secret);
  base::hkdf_expand_label_sha256(secret, labels.key, {}, keys.key);
  base::hkdf_expand_label_sha256(secret, labels.iv, {}, keys.iv);
  base::hkdf_expand_label_sha256(secret, labels.header, {}, keys.header);
  return keys;
}

// RFC 9000 A.3: the number nearest to the expected one that ends in these bits.
std::uint64_t full_number(std::uint64_t truncated, std::size_t bytes, std::uint64_t expected) {
  const std::uint64_t window = std::uint64_t{1} << (8 * bytes);
  const std::uint64_t half = window / 2;
  const std::uint64_t candidate = (expected & ~(window - 1)) | truncated;
  if (candidate + half <= expected && candidate < (std::uint64_t{1} << 62) - window) {
    return candidate + window;
  }
  if (candidate > expected + half && candidate >= window) return candidate - window;
  return candidate;
}

}  // namespace

QuicInitialKeys::QuicInitialKeys(QuicSalt salt, Bytes client_dcid) {
  const base::Sha256Digest secret =
      base::hkdf_extract_sha256(kSalts[static_cast<std::size_t>(salt)], client_dcid);
  const Labels labels = salt == QuicSalt::kV2 ? kLabelsV2 : Labels{};
  client_ = direction_keys(secret, "client in", labels);
  server_ = direction_keys(secret, "server in", labels);
}

std::optional<QuicPayload> open_quic_packet(const QuicPacketKeys& keys, Bytes packet,
                                            std::size_t number_at, std::uint64_t expected,
                                            std::span<std::uint8_t> out) {
  base::AesBlock sample;
  // RFC 9001 5.4.2: the sample is taken as if the number had four bytes.
  if (number_at == 0 || number_at > packet.size()) return std::nullopt;
  if (packet.size() - number_at < kMaxNumberBytes + sample.size()) return std::nullopt;
  const Bytes sampled = packet.subspan(number_at + kMaxNumberBytes, sample.size());
  std::copy(sampled.begin(), sampled.end(), sample.begin());
  const base::AesBlock mask = base::aes128_encrypt_block(keys.header, sample);

  const auto first = static_cast<std::uint8_t>(packet[0] ^ (mask[0] & 0x0f));
  const std::size_t number_bytes = (first & 3U) + 1U;
  std::array<std::uint8_t, kMaxNumberBytes> number{};
  std::uint64_t truncated = 0;
  for (std::size_t i = 0; i < number_bytes; ++i) {
    number[i] = packet[number_at + i] ^ mask[i + 1];
    truncated = (truncated << 8) | number[i];
  }
  QuicPayload payload;
  payload.packet_number = full_number(truncated, number_bytes, expected);

  base::GcmNonce nonce = keys.iv;
  for (std::size_t i = 0; i < sizeof payload.packet_number; ++i) {
    nonce[nonce.size() - 1 - i] ^= static_cast<std::uint8_t>(payload.packet_number >> (8 * i));
  }
  const std::array<Bytes, 3> header{Bytes(&first, 1), packet.subspan(1, number_at - 1),
                                    Bytes(number).first(number_bytes)};
  const Bytes sealed = packet.subspan(number_at + number_bytes);
  if (!base::aes128_gcm_open(keys.key, nonce, header, sealed, out)) return std::nullopt;
  payload.frames = out.first(sealed.size() - base::kGcmTagBytes);
  return payload;
}

QuicRetryTag check_quic_retry(QuicSalt salt, Bytes original_dcid, Bytes packet) {
  const RetrySecret* secret = nullptr;
  if (salt == QuicSalt::kDraft29) secret = &kRetryDraft29;
  if (salt == QuicSalt::kV1) secret = &kRetryV1;
  if (salt == QuicSalt::kV2) secret = &kRetryV2;
  if (secret == nullptr) return QuicRetryTag::kUnknown;
  if (packet.size() < base::kGcmTagBytes || original_dcid.size() > kMaxQuicCidBytes) {
    return QuicRetryTag::kForged;
  }
  const auto length = static_cast<std::uint8_t>(original_dcid.size());
  const std::array<Bytes, 3> pseudo_packet{Bytes(&length, 1), original_dcid,
                                           packet.first(packet.size() - base::kGcmTagBytes)};
  const Bytes tag = packet.last(base::kGcmTagBytes);
  return base::aes128_gcm_open(secret->key, secret->nonce, pseudo_packet, tag, {})
             ? QuicRetryTag::kGenuine
             : QuicRetryTag::kForged;
}

}  // namespace netwatch::decrypt
