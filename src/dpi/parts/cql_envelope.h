#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"

// Frames of Cassandra's native protocol: "CQL BINARY PROTOCOL" v1 to v5, sections 2 and 3.
namespace netwatch::dpi::cql {

enum Opcode : std::uint8_t {
  kError = 0,
  kStartup = 1,
  kReady = 2,
  kAuthenticate = 3,
  kCredentials = 4,
  kOptions = 5,
  kSupported = 6,
  kQuery = 7,
  kResult = 8,
  kPrepare = 9,
  kExecute = 10,
  kRegister = 11,
  kEvent = 12,
  kBatch = 13,
  kAuthChallenge = 14,
  kAuthResponse = 15,
  kAuthSuccess = 16,
};
enum Flag : std::uint8_t { kCompressed = 1, kTracing = 2, kPayload = 4, kWarnings = 8 };

// A message: an envelope, as version 5 calls it.
struct Envelope {
  std::uint8_t version = 0;
  bool response = false;
  std::uint8_t flags = 0;
  std::int16_t stream = 0;
  std::uint8_t opcode = 0;
  std::uint32_t length = 0;  // of the body
  std::uint8_t head = 0;     // bytes of the header
};

// Bytes of the header that begins so; 0 if none does.
std::size_t head_bytes(std::uint8_t first);
// False if it is not here whole, or cannot be one.
bool read_envelope(base::Bytes bytes, Envelope& envelope);
std::string_view opcode_name(std::uint8_t opcode);
std::string_view consistency_name(std::uint16_t consistency);
std::string_view error_name(std::uint32_t code);

// Notations: [string], [long string], [short bytes].
std::string_view short_text(base::Cursor& in);
std::string_view long_text(base::Cursor& in);
base::Bytes short_bytes(base::Cursor& in);
// What stands before the body proper: a trace's number, warnings, a custom payload.
void skip_extras(base::Cursor& in, const Envelope& envelope);

}  // namespace netwatch::dpi::cql
