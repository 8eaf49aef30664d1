#include "dpi/parts/netbios_name.h"

#include <array>

#include "dpi/parts/field_text.h"

namespace netwatch::dpi {
namespace {

constexpr std::size_t kNameBytes = 16;
constexpr std::size_t kMaxScopeBytes = 220;

}  // namespace

NetbiosName plain_netbios_name(base::Bytes bytes) {
  NetbiosName out;
  if (bytes.size() != kNameBytes) return out;
  out.suffix = bytes[kNameBytes - 1];
  std::string_view text = base::as_text(bytes.first(kNameBytes - 1));
  text = text.substr(0, text.find('\0'));
  // "\x01\x02__MSBROWSE__\x02" is a name that was never meant for people.
  const auto filler = [](char c) { return c >= 0 && c <= ' '; };
  while (!text.empty() && filler(text.back())) text.remove_suffix(1);
  while (!text.empty() && filler(text.front())) text.remove_prefix(1);
  out.name = text;
  return out;
}

bool read_netbios_name(base::Cursor& in, NetbiosName& name, bool pointer_ok) {
  const std::uint8_t length = in.u8();
  if (pointer_ok && (length & 0xC0) == 0xC0) {
    in.skip(1);
    return in.ok();
  }
  const base::Bytes encoded = in.take(2 * kNameBytes);
  if (!in.ok() || length != 2 * kNameBytes) return false;
  std::array<std::uint8_t, kNameBytes> plain{};
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] < 'A' || encoded[i] > 'P') return false;
    plain[i / 2] = static_cast<std::uint8_t>(plain[i / 2] << 4 | (encoded[i] - 'A'));
  }
  name = plain_netbios_name(plain);
  while (in.ok()) {
    const std::uint8_t label = in.u8();
    if (label == 0) return in.ok();
    if (label > 63 || name.scope.size() > kMaxScopeBytes) return false;
    if (!name.scope.empty()) name.scope += '.';
    name.scope += base::as_text(in.take(label));
  }
  return false;
}

// [MS-NBTE] and Microsoft's KB 163409, as far as they are common.
std::string netbios_suffix_name(std::uint8_t suffix) {
  switch (suffix) {
    case 0x00:
      return "workstation";
    case 0x01:
      return "master_browsers";
    case 0x03:
      return "messenger";
    case 0x1B:
      return "domain_master";
    case 0x1C:
      return "domain_controllers";
    case 0x1D:
      return "master_browser";
    case 0x1E:
      return "browser_election";
    case 0x20:
      return "file_server";
    default:
      return hex_number(suffix, 2);
  }
}

}  // namespace netwatch::dpi
