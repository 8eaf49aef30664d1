#include "dpi/parts/utf16.h"

#include "base/cursor.h"

namespace netwatch::dpi {
namespace {

constexpr int kMostUnits = 1024;

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  const auto tail = [&](unsigned shift) { put(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    tail(6);
    tail(0);
  } else {
    put(0xF0 | point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

// RFC 2781 section 2.2.
std::string utf16_text(base::Bytes bytes) {
  std::string out;
  base::Cursor in(bytes);
  for (int i = 0; i < kMostUnits && in.remaining() >= 2; ++i) {
    std::uint32_t point = in.u16le();
    if (point == 0) break;
    if (point >= 0xD800 && point < 0xE000) {
      const auto low = static_cast<std::uint32_t>(in.peek() | in.peek(1) << 8);
      const bool pair = point < 0xDC00 && low >= 0xDC00 && low < 0xE000;
      if (pair) in.skip(2);
      point = pair ? 0x10000 + ((point - 0xD800) << 10 | (low - 0xDC00)) : '?';
    }
    append_utf8(out, point);
  }
  return out;
}

}  // namespace netwatch::dpi
