#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/cursor.h"

// The frame of GTP's messages, versions 0 to 2 and GTP' (prime): header and information elements.
namespace netwatch::dpi::gtp {

inline constexpr std::uint8_t kPrime = 3;  // not a version on the wire: GTP' has its own

struct Message {
  std::uint8_t version = 0;
  std::uint8_t type = 0;
  bool has_teid = false;
  std::uint32_t teid = 0;
  bool has_sequence = false;
  std::uint32_t sequence = 0;
  base::Bytes tid{};       // of version 0: IMSI and NSAPI
  base::Bytes elements{};  // information elements
  std::size_t size = 0;    // of all of it: another one may follow in the same datagram
};

// A message whose type is known and whose lengths add up, to the last element. A packet that is
// tunnelled is none.
bool read_message(base::Bytes bytes, Message& message);

// Size of an element that does not say it itself; 0 if there is no such element.
std::size_t fixed_size(std::uint8_t version, std::uint8_t type);

// Calls visit(type, value) for each element; false if they do not end where the message does.
template <typename Visit>
bool for_each_element(const Message& message, Visit visit) {
  base::Cursor in(message.elements);
  const bool second = message.version == 2;
  while (in.ok() && !in.at_end()) {
    const std::uint8_t type = in.u8();
    std::size_t size = 0;
    if (second) {
      size = in.u16();
      if (type == 0 || (in.u8() & 0xF0) != 0) return false;  // spare, instance
    } else if (type < 128) {
      size = fixed_size(message.version, type);
      if (size == 0) return false;
    } else {
      size = in.u16();
    }
    const base::Bytes value = in.take(size);
    if (in.ok()) visit(type, value);
  }
  return in.ok();
}

}  // namespace netwatch::dpi::gtp
