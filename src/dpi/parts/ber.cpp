#include "dpi/parts/ber.h"

namespace netwatch::dpi {

BerLook look_at_ber(base::Bytes bytes, BerHead& head) {
  if (bytes.empty()) return BerLook::kMore;
  constexpr std::uint8_t kLongTag = 0x1F;
  head.tag = bytes[0];
  if ((head.tag & kLongTag) == kLongTag) return BerLook::kNo;
  if (bytes.size() < 2) return BerLook::kMore;
  const std::size_t first = bytes[1];
  if (first < 0x80) {
    head.head_bytes = 2;
    head.content_bytes = first;
    return BerLook::kYes;
  }
  const std::size_t count = first & 0x7F;
  if (count == 0 || count > 4) return BerLook::kNo;
  if (bytes.size() < 2 + count) return BerLook::kMore;
  head.content_bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    head.content_bytes = head.content_bytes << 8 | bytes[2 + i];
  }
  head.head_bytes = 2 + count;
  return BerLook::kYes;
}

base::Bytes BerReader::next() {
  BerHead head;
  if (failed_ || look_at_ber(rest_, head) != BerLook::kYes ||
      head.content_bytes > rest_.size() - head.head_bytes) {
    fail();
    return {};
  }
  const base::Bytes content = rest_.subspan(head.head_bytes, head.content_bytes);
  rest_ = rest_.subspan(head.head_bytes + head.content_bytes);
  return content;
}

base::Bytes BerReader::take(std::uint8_t tag) {
  if (peek() != tag) fail();
  return next();
}

BerReader BerReader::enter(std::uint8_t tag) {
  BerReader inner(take(tag));
  if (failed_) inner.fail();
  return inner;
}

std::int64_t BerReader::integer(std::uint8_t tag) {
  const auto value = ber_integer(take(tag));
  if (!value) fail();
  return value.value_or(0);
}

std::optional<std::int64_t> ber_integer(base::Bytes content) {
  if (content.empty() || content.size() > 8) return std::nullopt;
  std::uint64_t value = (content[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (std::uint8_t byte : content) value = value << 8 | byte;
  return static_cast<std::int64_t>(value);
}

std::optional<std::string> ber_oid(base::Bytes content) {
  constexpr std::size_t kMost = 128;
  if (content.empty() || content.size() > kMost || (content.back() & 0x80) != 0) {
    return std::nullopt;
  }
  std::string out;
  std::uint64_t arc = 0;
  for (std::uint8_t byte : content) {
    if (arc >> 56 != 0) return std::nullopt;
    arc = arc << 7 | (byte & 0x7F);
    if ((byte & 0x80) != 0) continue;
    if (out.empty()) {  // the first two arcs share a number
      const std::uint64_t first = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      out = std::to_string(first);
      arc -= first * 40;
    }
    out += '.';
    out += std::to_string(arc);
    arc = 0;
  }
  return out;
}

}  // namespace netwatch::dpi
