#include "dpi/parts/bacnet_tag.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

#include "dpi/parts/bacnet_names.h"
#include "dpi/parts/field_text.h"

namespace netwatch::dpi::bacnet {

using base::Bytes;
using base::Cursor;

namespace {

constexpr std::uint8_t kBoolean = 1;
constexpr std::uint8_t kUnsigned = 2;
constexpr std::uint8_t kSigned = 3;
constexpr std::uint8_t kReal = 4;
constexpr std::uint8_t kCharacters = 7;
constexpr std::uint8_t kEnumerated = 9;

}  // namespace

bool take_tag(Cursor& in, Tag& tag) {
  tag = {};
  const std::uint8_t head = in.u8();
  tag.number = head >> 4;
  tag.context = (head & 8) != 0;
  if (tag.number == 15) tag.number = in.u8();
  std::size_t size = head & 7;
  tag.opening = tag.context && size == 6;
  tag.closing = tag.context && size == 7;
  if (tag.opening || tag.closing) return in.ok();
  if (!tag.context && tag.number == kBoolean) {
    // Its length is its value.
    static constexpr std::array<std::uint8_t, 2> kValues{0, 1};
    tag.value = Bytes(kValues).subspan(size & 1, 1);
    return in.ok();
  }
  if (size == 5) {
    size = in.u8();
    if (size == 254) size = in.u16();
    if (size == 255) size = in.u32();
  }
  tag.value = in.take(size);
  return in.ok();
}

std::string value_text(const Tag& tag) {
  if (tag.context || tag.value.empty()) return {};
  switch (tag.number) {
    case kBoolean:
      return tag.value[0] != 0 ? "true" : "false";
    case kUnsigned:
    case kEnumerated:
      return tag.value.size() <= 4 ? std::to_string(tag.uint()) : std::string{};
    case kSigned: {
      if (tag.value.size() > 4) return {};
      const auto shift = static_cast<int>(32 - 8 * tag.value.size());
      return std::to_string(static_cast<std::int32_t>(tag.uint() << shift) >> shift);
    }
    case kReal: {
      if (tag.value.size() != 4) return {};
      std::array<char, 32> text;
      const int size = std::snprintf(text.data(), text.size(), "%.6g",
                                     static_cast<double>(std::bit_cast<float>(tag.uint())));
      return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 31))};
    }
    case kCharacters:
      // Its first byte is the set of characters: 0 is UTF-8.
      if (tag.value[0] != 0 || !is_text(tag.value.subspan(1))) return {};
      return std::string(base::as_text(tag.value.subspan(1)));
    case kIdentifierTag:
      return tag.value.size() == 4 ? object_text(tag.uint()) : std::string{};
    default:
      return {};
  }
}

}  // namespace netwatch::dpi::bacnet
