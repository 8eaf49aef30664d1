#include "dpi/parts/tls_hello.h"

#include <algorithm>

namespace netwatch::dpi {
namespace {

namespace extension {
constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kGroups = 10;
constexpr std::uint16_t kPointFormats = 11;
constexpr std::uint16_t kSignatureAlgorithms = 13;
constexpr std::uint16_t kAlpn = 16;
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::uint16_t kEch = 0xfe0d;
}  // namespace extension

// The SHA-256 of "HelloRetryRequest" as ServerHello.random (RFC 8446 4.1.3).
constexpr std::array<std::uint8_t, 32> kRetryRandom{
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

// A list with a length in front; what overruns the extension is cut off.
base::Bytes counted_list(base::Bytes data, std::size_t length_bytes) {
  base::Cursor cursor(data);
  const auto length = static_cast<std::size_t>(cursor.be(length_bytes));
  return cursor.take_up_to(length);
}

void read_server_name(base::Bytes data, ClientHello& hello) {
  hello.has_sni = true;
  base::Cursor list(data);
  list.skip(2);
  const bool is_host_name = list.u8() == 0;
  const std::size_t length = list.u16();
  if (list.ok() && is_host_name) hello.sni = base::as_text(list.take(length));
}

void read_client_extension(std::uint16_t type, base::Bytes data, ClientHello& hello) {
  switch (type) {
    case extension::kServerName:
      read_server_name(data, hello);
      break;
    case extension::kGroups:
      hello.groups = U16List(counted_list(data, 2));
      break;
    case extension::kPointFormats:
      hello.point_formats = counted_list(data, 1);
      break;
    case extension::kSignatureAlgorithms:
      hello.signature_algorithms = U16List(counted_list(data, 2));
      break;
    case extension::kAlpn:
      hello.alpn = counted_list(data, 2);
      break;
    case extension::kSupportedVersions:
      hello.supported_versions = U16List(counted_list(data, 1));
      break;
    case extension::kEch:
      hello.ech = true;
      break;
    default:
      break;
  }
}

// The extensions block may be absent altogether (SSL 3.0, TLS 1.0).
base::Bytes extensions_block(base::Cursor& cursor, bool& broken) {
  if (cursor.remaining() == 0) return {};
  const std::size_t length = cursor.u16();
  broken |= !cursor.ok() || length > cursor.remaining();
  return cursor.take_up_to(length);
}

}  // namespace

bool ExtensionCursor::next(std::uint16_t& type, base::Bytes& data) {
  if (cursor_.remaining() < 4) {
    broken_ |= cursor_.remaining() > 0;
    return false;
  }
  type = cursor_.u16();
  const std::size_t length = cursor_.u16();
  broken_ |= length > cursor_.remaining();
  data = cursor_.take_up_to(length);
  return true;
}

bool AlpnCursor::next(std::string_view& protocol) {
  const std::size_t length = cursor_.u8();
  if (!cursor_.ok() || cursor_.remaining() == 0) return false;
  protocol = base::as_text(cursor_.take_up_to(length));
  return true;
}

std::uint16_t ClientHello::version() const {
  const bool counts_down = (legacy_version >> 8) == 0xfe;  // DTLS
  std::uint16_t best = 0;
  for (std::size_t i = 0; i < supported_versions.size(); ++i) {
    const std::uint16_t version = supported_versions[i];
    if (is_grease(version)) continue;
    best = counts_down && best != 0 ? std::min(best, version) : std::max(best, version);
  }
  return best != 0 ? best : legacy_version;
}

bool parse_client_hello(base::Bytes body, HelloForm form, ClientHello& hello) {
  base::Cursor cursor(body);
  hello.legacy_version = cursor.u16();
  cursor.skip(32);
  cursor.skip(cursor.u8());
  if (form == HelloForm::kDtls) cursor.skip(cursor.u8());
  hello.ciphers = U16List(cursor.take(cursor.u16()));
  cursor.skip(cursor.u8());
  if (!cursor.ok()) return false;
  hello.extensions = extensions_block(cursor, hello.broken);
  ExtensionCursor extensions(hello.extensions);
  std::uint16_t type = 0;
  base::Bytes data;
  while (extensions.next(type, data)) read_client_extension(type, data, hello);
  hello.broken |= extensions.broken();
  return true;
}

bool parse_server_hello(base::Bytes body, ServerHello& hello) {
  base::Cursor cursor(body);
  hello.legacy_version = cursor.u16();
  const base::Bytes random = cursor.take(32);
  hello.hello_retry = std::equal(random.begin(), random.end(), kRetryRandom.begin()) &&
                      random.size() == kRetryRandom.size();
  // TLS 1.3 drafts up to 21 had neither session id nor compression method; the oldest of them
  // already called themselves 0x0304, which the final version never does here.
  const bool draft = (hello.legacy_version >> 8) == 0x7f && (hello.legacy_version & 0xff) < 22;
  const bool short_form = draft || hello.legacy_version == 0x0304;
  if (!short_form) cursor.skip(cursor.u8());
  hello.cipher = cursor.u16();
  if (!short_form) cursor.skip(1);
  if (!cursor.ok()) return false;
  hello.extensions = extensions_block(cursor, hello.broken);
  ExtensionCursor extensions(hello.extensions);
  std::uint16_t type = 0;
  base::Bytes data;
  while (extensions.next(type, data)) {
    if (type == extension::kAlpn) hello.alpn = counted_list(data, 2);
    if (type == extension::kSupportedVersions) hello.selected_version = base::Cursor(data).u16();
  }
  hello.broken |= extensions.broken();
  return true;
}

}  // namespace netwatch::dpi
