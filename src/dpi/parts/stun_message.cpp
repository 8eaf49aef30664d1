#include "dpi/parts/stun_message.h"

#include <algorithm>
#include <array>

#include "base/cursor.h"

namespace netwatch::dpi {
namespace {

constexpr std::uint16_t kFingerprint = 0x8028;
constexpr std::uint32_t kFingerprintMask = 0x5354554E;  // "STUN"

// ITU V.42's CRC-32, which RFC 8489 section 14.7 asks for.
std::uint32_t crc32(base::Bytes bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

// IANA's STUN methods; 0x080 to 0x0FF are vendors', of which GOOG-PING is seen.
bool is_method(std::uint16_t method) {
  return (method >= 1 && method <= 0x0C) || (method >= 0x80 && method <= 0xFF);
}

// They have to add up to the end; a fingerprint is the last and has to be right.
bool attributes_add_up(base::Bytes bytes, base::Bytes attributes, bool classic) {
  base::Bytes rest = attributes;
  StunAttribute attribute;
  while (!rest.empty()) {
    const std::size_t at = kStunHeaderBytes + attributes.size() - rest.size();
    if (!next_stun_attribute(rest, attribute)) return false;
    // Zoom's own are 0x0101 to 0x0103.
    const bool known =
        attribute.type != 0 && (attribute.type <= 0x20 || attribute.type >> 4 == 0x10);
    if (classic && !known && attribute.type < 0x8000) return false;
    if (attribute.type != kFingerprint || classic) continue;
    base::Cursor value(attribute.value);
    const std::uint32_t sent = value.u32();
    return value.ok() && rest.empty() && (crc32(bytes.first(at)) ^ kFingerprintMask) == sent;
  }
  return true;
}

}  // namespace

StunLook look_at_stun(base::Bytes bytes, StunMessage& message) {
  base::Cursor in(bytes);
  const std::uint16_t type = in.u16();
  const std::uint16_t length = in.u16();
  const std::uint32_t cookie = in.u32();
  if (!in.ok()) return bytes.empty() || bytes[0] > 0x3F ? StunLook::kNo : StunLook::kMore;
  message.message_class = static_cast<std::uint8_t>((type >> 7 & 2) | (type >> 4 & 1));
  message.method =
      static_cast<std::uint16_t>((type & 0xF) | (type >> 1 & 0x70) | (type >> 2 & 0xF80));
  message.classic = cookie != kStunCookie;
  if (type > 0x3FFF || length % 4 != 0 || !is_method(message.method)) return StunLook::kNo;
  // RFC 3489 knew two methods, and no indications.
  if (message.classic && (message.method > 2 || message.message_class == 1)) return StunLook::kNo;
  message.transaction = in.take(12);
  message.attributes = in.take(length);
  if (!in.ok()) return StunLook::kMore;
  message.cookie = bytes.subspan(4, 4);
  if (message.classic) {
    message.transaction = bytes.subspan(4, 16);
    // Without the cookie there are only the first bytes to go by, and that the id is random: other
    // protocols' small numbers are full of zeros.
    const int most_zeros = length == 0 ? 3 : 8;
    if (!in.at_end() || std::ranges::count(message.transaction, 0) > most_zeros) {
      return StunLook::kNo;
    }
  }
  const base::Bytes whole = bytes.first(kStunHeaderBytes + length);
  return attributes_add_up(whole, message.attributes, message.classic) ? StunLook::kYes
                                                                       : StunLook::kNo;
}

bool next_stun_attribute(base::Bytes& rest, StunAttribute& attribute) {
  base::Cursor in(rest);
  attribute.type = in.u16();
  const std::size_t length = in.u16();
  attribute.value = in.take(length);
  if (!in.ok()) return false;
  in.skip(std::min((4 - length % 4) % 4, in.remaining()));
  rest = in.rest();
  return true;
}

std::optional<StunAddress> read_stun_address(base::Bytes value, const StunMessage& message,
                                             bool combined) {
  base::Cursor in(value);
  in.skip(1);
  const std::uint8_t family = in.u8();
  std::uint16_t port = in.u16();
  const std::size_t size = family == 1 ? 4 : 16;
  const base::Bytes raw = in.take(size);
  if (!in.ok() || !in.at_end() || (family != 1 && family != 2)) return std::nullopt;
  std::array<std::uint8_t, 16> plain{};
  std::ranges::copy(raw, plain.begin());
  if (combined) {
    port = static_cast<std::uint16_t>(port ^ (message.cookie[0] << 8 | message.cookie[1]));
    for (std::size_t i = 0; i < size; ++i) {
      plain[i] ^= i < 4 ? message.cookie[i] : message.transaction[i - 4];
    }
  }
  return StunAddress{
      family == 1 ? base::IpAddress::v4(plain.data()) : base::IpAddress::v6(plain.data()), port};
}

}  // namespace netwatch::dpi
