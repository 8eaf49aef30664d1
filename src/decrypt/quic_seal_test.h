#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/cipher.h"
#include "decrypt/quic_initial.h"

// For tests: the sending half of Initial protection. GCM is written out here (NIST SP 800-38D over
// single AES blocks), so that it checks the library's rather than repeating it.
namespace netwatch::decrypt::testing {

// The product of two elements of GF(2^128) as GCM orders their bits.
inline base::AesBlock gcm_times(const base::AesBlock& x, const base::AesBlock& h) {
  base::AesBlock product{};
  base::AesBlock v = h;
  for (std::size_t bit = 0; bit < 128; ++bit) {
    if (((x[bit / 8] >> (7 - bit % 8)) & 1) != 0) {
      for (std::size_t i = 0; i < 16; ++i) product[i] ^= v[i];
    }
    const bool carry = (v[15] & 1) != 0;
    for (std::size_t i = 15; i > 0; --i) {
      v[i] = static_cast<std::uint8_t>((v[i] >> 1) | (v[i - 1] << 7));
    }
    v[0] = static_cast<std::uint8_t>((v[0] >> 1) ^ (carry ? 0xe1 : 0));
  }
  return product;
}

inline void gcm_absorb(base::AesBlock& hash, const base::AesBlock& h, std::string_view data) {
  for (std::size_t at = 0; at < data.size(); at += 16) {
    const std::string_view part = data.substr(at, 16);
    for (std::size_t i = 0; i < part.size(); ++i) hash[i] ^= static_cast<std::uint8_t>(part[i]);
    hash = gcm_times(hash, h);
  }
}

inline std::string gcm_seal(const base::Aes128Key& key, const base::GcmNonce& nonce,
                            std::string_view aad, std::string_view text) {
  base::AesBlock counter{};
  std::copy(nonce.begin(), nonce.end(), counter.begin());
  const auto key_stream = [&](std::size_t number) {
    for (std::size_t i = 0; i < 4; ++i) {
      counter[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return base::aes128_encrypt_block(key, counter);
  };
  std::string sealed(text);
  for (std::size_t at = 0; at < sealed.size(); at += 16) {
    const base::AesBlock stream = key_stream(2 + at / 16);
    for (std::size_t i = at; i < std::min(at + 16, sealed.size()); ++i) {
      sealed[i] = static_cast<char>(static_cast<std::uint8_t>(sealed[i]) ^ stream[i - at]);
    }
  }
  const base::AesBlock h = base::aes128_encrypt_block(key, {});
  base::AesBlock tag{};
  gcm_absorb(tag, h, aad);
  gcm_absorb(tag, h, sealed);
  std::string lengths(16, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    lengths[7 - i] = static_cast<char>((aad.size() * 8) >> (8 * i));
    lengths[15 - i] = static_cast<char>((sealed.size() * 8) >> (8 * i));
  }
  gcm_absorb(tag, h, lengths);
  const base::AesBlock last = key_stream(1);
  for (std::size_t i = 0; i < 16; ++i) {
    sealed += static_cast<char>(static_cast<std::uint8_t>(tag[i] ^ last[i]));
  }
  return sealed;
}

// `header` ends with the packet number, whose length its first byte tells.
inline std::string seal_packet(const QuicPacketKeys& keys, std::string_view header,
                               std::uint64_t number, std::string_view frames) {
  base::GcmNonce nonce = keys.iv;
  for (std::size_t i = 0; i < 8; ++i) nonce[11 - i] ^= static_cast<std::uint8_t>(number >> (8 * i));
  std::string packet(header);
  packet += gcm_seal(keys.key, nonce, header, frames);
  const std::size_t number_bytes = (static_cast<std::uint8_t>(header[0]) & 3U) + 1U;
  const std::size_t number_at = header.size() - number_bytes;
  base::AesBlock sample{};
  std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(number_at + 4), 16, sample.begin());
  const base::AesBlock mask = base::aes128_encrypt_block(keys.header, sample);
  packet[0] = static_cast<char>(packet[0] ^ (mask[0] & 0x0f));
  for (std::size_t i = 0; i < number_bytes; ++i) {
    packet[number_at + i] = static_cast<char>(packet[number_at + i] ^ mask[i + 1]);
  }
  return packet;
}

}  // namespace netwatch::decrypt::testing
