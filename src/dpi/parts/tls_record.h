#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "dpi/protocol.h"

// Headers of TLS records (RFC 8446 5.1) and of handshake messages (4), the SSL 2.0 compatible
// ClientHello (RFC 5246 E.2), and by what of them a stream is known to be TLS.
namespace netwatch::dpi {

enum RecordType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
  kHeartbeat = 24,
};
enum MessageType : std::uint8_t {
  kClientHello = 1,
  kServerHello = 2,
  kCertificate = 11,
  kServerHelloDone = 14,
  kClientKeyExchange = 16,
};

inline constexpr std::size_t kRecordHeaderBytes = 5;
inline constexpr std::size_t kMessageHeaderBytes = 4;
inline constexpr std::size_t kMaxRecordBytes = 16384 + 2048;  // RFC 5246 6.2.3
inline constexpr std::size_t kLongestMessageBytes =
    std::size_t{256} * 1024;  // beyond: no handshake

bool known_message(std::uint8_t type);
bool valid_record(std::uint8_t type, std::uint8_t major, std::uint8_t minor, std::size_t length);

struct V2Hello {
  std::uint16_t version = 0;
  std::size_t record_bytes = 0;
};
inline constexpr std::size_t kV2HeaderBytes = 11;

// Of at least kV2HeaderBytes. The lengths must add up: there is little else to know it by.
bool parse_v2_hello(base::Bytes bytes, V2Hello& hello);

// Whether either side of a stream begins with TLS, encrypted or not.
Probe probe_tls(const ProbeInput& input);

}  // namespace netwatch::dpi
