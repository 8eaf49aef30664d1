#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

// Integers at an address whose bounds the caller has checked: for the few formats that are read
// once per packet. Everything else reads through base::Cursor.
namespace netwatch::wire {

enum class ByteOrder : std::uint8_t { kLittle, kBig };

inline std::uint16_t load_be16(const std::uint8_t* at) {
  std::uint16_t value = 0;
  std::memcpy(&value, at, sizeof value);
  if constexpr (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) value = __builtin_bswap16(value);
  return value;
}

inline std::uint32_t load_be32(const std::uint8_t* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  if constexpr (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) value = __builtin_bswap32(value);
  return value;
}

inline std::uint16_t load16(const std::uint8_t* at, ByteOrder order) {
  const std::uint16_t value = load_be16(at);
  return order == ByteOrder::kBig ? value : __builtin_bswap16(value);
}

inline std::uint32_t load32(const std::uint8_t* at, ByteOrder order) {
  const std::uint32_t value = load_be32(at);
  return order == ByteOrder::kBig ? value : __builtin_bswap32(value);
}

inline std::uint64_t load64(const std::uint8_t* at, ByteOrder order) {
  const std::uint64_t first = load32(at, order);
  const std::uint64_t second = load32(at + 4, order);
  return order == ByteOrder::kBig ? (first << 32) | second : (second << 32) | first;
}

inline void store32(std::uint8_t* at, std::uint32_t value, ByteOrder order) {
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t shift = (order == ByteOrder::kLittle ? i : 3 - i) * 8;
    at[i] = static_cast<std::uint8_t>(value >> shift);
  }
}

}  // namespace netwatch::wire
