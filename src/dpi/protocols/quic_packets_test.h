#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "decrypt/quic_initial.h"
#include "decrypt/quic_seal_test.h"

// For tests and fuzzers: QUIC packets made from their parts.
namespace netwatch::dpi::testing {

inline std::string be(std::size_t bytes, std::uint64_t value) {
  std::string out;
  for (std::size_t i = bytes; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)));
  return out;
}
// Always of four bytes, which is allowed.
inline std::string varint(std::uint64_t value) { return be(4, value | 0x80000000); }

inline std::string crypto_frame(std::uint64_t offset, std::string_view data) {
  return "\x06" + varint(offset) + varint(data.size()) + std::string(data);
}

struct Sender {
  std::uint32_t version = 1;
  std::string dcid{};
  std::string scid{};
  bool client = true;
};

inline std::string long_header(const Sender& from, unsigned type) {
  const bool shifted = from.version == 0x6b3343cf;
  const unsigned bits = shifted ? (type + 1) & 3 : type;
  return static_cast<char>(0xc0 | bits << 4) + be(4, from.version) +
         static_cast<char>(from.dcid.size()) + from.dcid + static_cast<char>(from.scid.size()) +
         from.scid;
}

// An Initial packet with a packet number of one byte; `key_dcid` is what its keys follow from.
inline std::string initial(const Sender& from, std::string_view key_dcid, std::uint8_t number,
                           const std::string& frames, const std::string& token = {}) {
  const decrypt::QuicVersion* version = decrypt::find_quic_version(from.version);
  const decrypt::QuicInitialKeys keys(version != nullptr ? version->salt : decrypt::QuicSalt::kV1,
                                      base::as_bytes(key_dcid));
  std::string header = long_header(from, 0) + varint(token.size()) + token;
  header += varint(1 + frames.size() + base::kGcmTagBytes) + static_cast<char>(number);
  return decrypt::testing::seal_packet(from.client ? keys.client() : keys.server(), header, number,
                                       frames);
}

// A Handshake packet that nobody can open.
inline std::string handshake(const Sender& from) {
  return long_header(from, 2) + varint(40) + std::string(40, 'h');
}

}  // namespace netwatch::dpi::testing
