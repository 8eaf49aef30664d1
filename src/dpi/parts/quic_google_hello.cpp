#include "dpi/parts/quic_google_hello.h"

#include "base/cursor.h"

namespace netwatch::dpi {

GoogleHello parse_google_hello(base::Bytes message, std::string_view& sni) {
  constexpr std::uint32_t kClientHello = 0x43484c4f;  // "CHLO"
  constexpr std::uint32_t kServerName = 0x534e4900;   // "SNI\0"
  constexpr std::size_t kMaxTags = 128;
  constexpr std::size_t kTagBytes = 8;
  sni = {};
  base::Cursor cursor(message);
  const std::uint32_t type = cursor.u32();
  const std::size_t tags = cursor.u16le();
  cursor.skip(2);
  if (!cursor.ok()) return GoogleHello::kMore;
  if (type != kClientHello || tags > kMaxTags) return GoogleHello::kOther;
  base::Cursor table = cursor.sub(tags * kTagBytes);
  if (!table.ok()) return GoogleHello::kMore;
  const base::Bytes values = cursor.rest();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < tags; ++i) {
    const std::uint32_t tag = table.u32();
    const std::size_t end = table.u32le();
    if (end < begin) return GoogleHello::kOther;
    if (tag == kServerName) {
      if (end > values.size()) return GoogleHello::kMore;
      sni = base::as_text(values.subspan(begin, end - begin));
      return GoogleHello::kHello;
    }
    begin = end;
  }
  return GoogleHello::kHello;
}

}  // namespace netwatch::dpi
