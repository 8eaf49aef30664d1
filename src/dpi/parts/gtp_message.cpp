// 3GPP TS 29.060 sections 6 and 7.7, TS 29.274 section 5, TS 29.281 section 5, TS 32.295 section 6.
#include "dpi/parts/gtp_message.h"

#include <array>
#include <utility>

#include "dpi/parts/gtp_names.h"

namespace netwatch::dpi::gtp {
namespace {

using base::Bytes;
using base::Cursor;

// Extension headers of GTPv1 (TS 29.281 section 5.2), each with the type of the next at its end.
bool skip_extensions(Cursor& in, std::uint8_t next) {
  constexpr int kMost = 8;
  for (int i = 0; next != 0 && i < kMost; ++i) {
    const std::size_t units = in.u8();
    if (units == 0) return false;
    in.skip(units * 4 - 2);
    next = in.u8();
  }
  return in.ok() && next == 0;
}

bool read_v1(Cursor& in, std::uint8_t flags, Message& message) {
  constexpr std::uint8_t kExtension = 4;
  constexpr std::uint8_t kSequenced = 2;
  constexpr std::uint8_t kAnyOption = 7;
  constexpr std::uint8_t kFirstTunnel = 254;  // end marker; 255 is the tunnel itself
  const std::size_t length = in.u16();
  message.has_teid = true;
  message.teid = in.u32();
  message.size = 8 + length;
  if (!in.ok() || length != in.remaining() || message.type > kFirstTunnel) return false;
  if ((flags & kAnyOption) != 0) {
    message.has_sequence = (flags & kSequenced) != 0;
    message.sequence = in.u16();
    in.skip(1);
    const std::uint8_t next = in.u8();
    if ((flags & kExtension) != 0 && !skip_extensions(in, next)) return false;
  }
  message.elements = in.rest();
  return in.ok();
}

bool read_v2(Cursor& in, std::uint8_t flags, Message& message) {
  constexpr std::uint8_t kPiggyback = 0x10;
  constexpr std::uint8_t kHasTeid = 8;
  constexpr std::uint8_t kHasPriority = 4;
  const std::size_t length = in.u16();
  message.size = 4 + length;
  if (!in.ok() || length > in.remaining()) return false;
  // What is piggybacked follows in the same datagram.
  if ((flags & kPiggyback) == 0 && length != in.remaining()) return false;
  Cursor body = in.sub(length);
  message.has_teid = (flags & kHasTeid) != 0;
  if (message.has_teid) message.teid = body.u32();
  message.has_sequence = true;
  message.sequence = body.u24();
  const std::uint8_t spare = body.u8();
  if (spare != 0 && (flags & kHasPriority) == 0) return false;
  message.elements = body.rest();
  return body.ok();
}

bool read_v0(Cursor& in, Message& message) {
  const std::size_t length = in.u16();
  message.size = 20 + length;
  message.has_sequence = true;
  message.sequence = in.u16();
  in.skip(3);  // flow label, LLC frame
  const bool spare = in.u24() == 0xFFFFFF;
  message.tid = in.take(8);
  message.elements = in.rest();
  return in.ok() && spare && length == message.elements.size();
}

// TS 32.295 section 6.1: a short header, or version 0's long one.
bool read_prime(Cursor& in, std::uint8_t flags, Message& message) {
  const bool is_long = (flags >> 5) == 0 && (flags & 1) == 0;
  const std::size_t length = in.u16();
  message.has_sequence = true;
  message.sequence = in.u16();
  if (is_long) in.skip(14);
  message.elements = in.rest();
  message.size = (is_long ? 20 : 6) + length;
  return in.ok() && length == message.elements.size();
}

}  // namespace

// Sizes of the information elements that do not say it themselves, TS 29.060 section 7.7.
std::size_t fixed_size(std::uint8_t version, std::uint8_t type) {
  constexpr auto kSizes = [] {
    std::array<std::uint8_t, 128> sizes{};
    for (const auto& [at, size] :
         {std::pair{1, 1}, {2, 8},  {3, 6},  {4, 4},  {5, 4},  {8, 1},   {9, 28},
          {11, 1},         {12, 3}, {13, 1}, {14, 1}, {15, 1}, {16, 4},  {17, 4},
          {18, 5},         {19, 1}, {20, 1}, {21, 1}, {22, 9}, {23, 1},  {24, 1},
          {25, 2},         {26, 2}, {27, 2}, {28, 2}, {29, 1}, {126, 1}, {127, 4}}) {
      sizes[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(size);
    }
    return sizes;
  }();
  if (version == 0) {
    if (type == 6 || type == 18) return type == 6 ? 3 : 4;
    if (type == 16 || type == 17) return 2;
  }
  return type < kSizes.size() ? kSizes[type] : 0;
}

bool read_message(Bytes bytes, Message& message) {
  Cursor in(bytes);
  const std::uint8_t flags = in.u8();
  message.type = in.u8();
  const std::uint8_t version = flags >> 5;
  const bool gtp = (flags & 0x10) != 0;
  message.version = version;
  bool whole = false;
  if (version == 2 && ((flags & 0x03) == 0)) {
    whole = read_v2(in, flags, message);
  } else if (version == 1 && gtp && (flags & 8) == 0) {
    whole = read_v1(in, flags, message);
  } else if (version == 0 && gtp && (flags & 0x0E) == 0x0E) {
    whole = read_v0(in, message);
  }
  if (!whole && !gtp && version <= 2 && (flags & 0x0E) == 0x0E) {
    Cursor again(bytes);
    again.skip(2);
    message = {.version = kPrime, .type = message.type, .tid = {}, .elements = {}};
    whole = read_prime(again, flags, message);
  }
  if (!whole || message_name(message.version, message.type).empty()) return false;
  // Messages of charging are its own, and the others' are not charging's.
  const bool charging = message.type >= 240 && message.type <= 241;
  const bool path = message.type <= 7;
  if (message.version == kPrime ? !charging && !path : message.version < 2 && charging)
    return false;
  return for_each_element(message, [](std::uint8_t, Bytes) {});
}

}  // namespace netwatch::dpi::gtp
