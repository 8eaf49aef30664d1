#include "dpi/parts/tls_record.h"

#include <algorithm>

#include "base/cursor.h"

namespace netwatch::dpi {

bool known_message(std::uint8_t type) {
  constexpr std::uint64_t kClear = 0x03F1F977;  // 0-2, 4-6, 8, 11-16, 20-25 as registered by IANA
  return type < 64 && ((kClear >> type) & 1) != 0;
}

bool valid_record(std::uint8_t type, std::uint8_t major, std::uint8_t minor, std::size_t length) {
  return type >= kChangeCipherSpec && type <= kHeartbeat && major == 3 && minor <= 4 &&
         length <= kMaxRecordBytes && (length > 0 || type == kApplicationData);
}

// RFC 5246 E.2.
bool parse_v2_hello(base::Bytes bytes, V2Hello& hello) {
  base::Cursor cursor(bytes);
  const std::size_t length = cursor.u16() & 0x7fffU;
  const bool two_byte_header = (bytes[0] & 0x80) != 0;
  const bool is_hello = cursor.u8() == kClientHello;
  hello.version = cursor.u16();
  const std::size_t ciphers = cursor.u16();
  const std::size_t session_id = cursor.u16();
  const std::size_t challenge = cursor.u16();
  hello.record_bytes = 2 + length;
  const bool version_fits =
      hello.version == 0x0002 || (hello.version >= 0x0300 && hello.version <= 0x0304);
  return cursor.ok() && two_byte_header && is_hello && version_fits && ciphers > 0 &&
         ciphers % 3 == 0 && (session_id == 0 || session_id == 16) && challenge >= 16 &&
         challenge <= 32 && 9 + ciphers + session_id + challenge == length;
}

namespace {

Probe probe_v2(base::Bytes bytes) {
  if (bytes.size() > 2 && bytes[2] != kClientHello) return Probe::kNo;
  if (bytes.size() < kV2HeaderBytes) return Probe::kMore;
  V2Hello hello;
  return parse_v2_hello(bytes, hello) ? Probe::kYes : Probe::kNo;
}

Probe probe_handshake(base::Bytes fragment, std::size_t record_bytes) {
  if (fragment.size() < kMessageHeaderBytes) return Probe::kMore;
  if (record_bytes < kMessageHeaderBytes) {  // legal, and absurd: the next one must fit as well
    const bool hello = fragment[0] == kClientHello || fragment[0] == kServerHello;
    return hello && fragment[record_bytes] == kHandshake ? Probe::kYes : Probe::kNo;
  }
  base::Cursor cursor(fragment);
  const std::uint8_t type = cursor.u8();
  const std::size_t length = cursor.u24();
  if (!known_message(type) || length > kLongestMessageBytes) return Probe::kNo;
  constexpr std::size_t kShortestHello = 38;  // version, random, three lengths
  const bool hello = type == kClientHello || type == kServerHello;
  return !hello || length >= kShortestHello ? Probe::kYes : Probe::kNo;
}

// Encrypted, so of its content nothing is known: a capture that begins late. The record must end
// where the bytes do, or another must begin there; a cipher adds 16 bytes at least.
Probe probe_encrypted(base::Bytes fragment, std::size_t length) {
  constexpr std::size_t kShortest = 16 + 2;
  constexpr std::size_t kLongest = 512;  // of an alert, a Finished, a ticket
  if (length < kShortest || length > kLongest) return Probe::kNo;
  if (fragment.size() < length) return Probe::kMore;
  if (fragment.size() == length) return Probe::kYes;
  if (fragment.size() < length + kRecordHeaderBytes) return Probe::kMore;
  base::Cursor next(fragment.subspan(length));
  const std::uint8_t type = next.u8();
  const std::uint8_t major = next.u8();
  const std::uint8_t minor = next.u8();
  return valid_record(type, major, minor, next.u16()) ? Probe::kYes : Probe::kNo;
}

Probe probe_side(base::Bytes bytes) {
  if (bytes[0] >= 0x80) return probe_v2(bytes);
  if (bytes.size() > 1 && bytes[1] != 3) return Probe::kNo;
  if (bytes.size() > 2 && bytes[2] > 4) return Probe::kNo;
  if (bytes.size() < kRecordHeaderBytes) return Probe::kMore;
  base::Cursor cursor(bytes);
  const std::uint8_t type = cursor.u8();
  cursor.skip(2);
  const std::size_t length = cursor.u16();
  if (!valid_record(type, bytes[1], bytes[2], length)) return Probe::kNo;
  const base::Bytes fragment = cursor.rest();
  switch (type) {
    case kHandshake:
      return std::max(probe_handshake(fragment, length), probe_encrypted(fragment, length));
    case kChangeCipherSpec:
      if (length != 1) return Probe::kNo;
      if (fragment.empty()) return Probe::kMore;
      return fragment[0] == 1 ? Probe::kYes : Probe::kNo;
    case kAlert:
      if (length != 2) return probe_encrypted(fragment, length);
      if (fragment.size() < 2) return Probe::kMore;
      return fragment[0] == 1 || fragment[0] == 2 ? Probe::kYes : Probe::kNo;
    case kApplicationData:
      // Every cipher adds at least a tag; and what follows a whole record is one as well.
      if (length < 16 || bytes[2] == 0) return Probe::kNo;
      if (fragment.size() < length + 3) return Probe::kYes;
      return valid_record(fragment[length], fragment[length + 1], fragment[length + 2], 1)
                 ? Probe::kYes
                 : Probe::kNo;
    default:
      return Probe::kNo;
  }
}

}  // namespace

Probe probe_tls(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (base::Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    const Probe probe = probe_side(bytes);
    if (probe == Probe::kYes) return probe;
    if (probe == Probe::kMore) best = probe;
  }
  return best;
}

}  // namespace netwatch::dpi
