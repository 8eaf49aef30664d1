#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"

// TLS hellos, shared by TLS, DTLS and QUIC. ClientHello and ServerHello: RFC 8446 4.1, RFC 5246
// 7.4.1, RFC 6101 (SSL 3.0); extensions: RFC 6066 3 (server_name), RFC 7301 (ALPN), RFC 8446 4.2;
// ECH: RFC 9849; GREASE: RFC 8701. JA3 and JA3S: Salesforce's definition; JA4: FoxIO's technical
// details of the TLS client fingerprint.
namespace netwatch::dpi {

// RFC 8701: 0x0a0a, 0x1a1a, ... are sent to be ignored.
constexpr bool is_grease(std::uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

// Two-byte values, one after the other; an odd last byte is left out.
class U16List {
 public:
  constexpr U16List() = default;
  constexpr explicit U16List(base::Bytes raw) : raw_(raw) {}
  [[nodiscard]] constexpr std::size_t size() const { return raw_.size() / 2; }
  constexpr std::uint16_t operator[](std::size_t i) const {
    return static_cast<std::uint16_t>((raw_[2 * i] << 8) | raw_[2 * i + 1]);
  }

 private:
  base::Bytes raw_;
};

// Walks the extensions block: {type, length, data}*.
class ExtensionCursor {
 public:
  explicit ExtensionCursor(base::Bytes block) : cursor_(block) {}
  // False at the end; a length that overruns the block gives what there is, and ends it.
  bool next(std::uint16_t& type, base::Bytes& data);
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  base::Cursor cursor_;
  bool broken_ = false;
};

// Walks the ALPN protocol list.
class AlpnCursor {
 public:
  explicit AlpnCursor(base::Bytes list) : cursor_(list) {}
  bool next(std::string_view& protocol);

 private:
  base::Cursor cursor_;
};

// Views into the message. Lists are empty when their extension is absent.
struct ClientHello {
  std::uint16_t legacy_version = 0;
  U16List ciphers;
  base::Bytes extensions;
  std::string_view sni;
  base::Bytes alpn;
  U16List groups;
  base::Bytes point_formats;
  U16List signature_algorithms;
  U16List supported_versions;
  bool has_sni = false;
  bool ech = false;
  bool broken = false;  // an extension overruns its place: fingerprints are of what there is

  // The highest version that is offered (RFC 8446 4.2.1).
  [[nodiscard]] std::uint16_t version() const;
};

struct ServerHello {
  std::uint16_t legacy_version = 0;
  std::uint16_t cipher = 0;
  base::Bytes extensions;
  base::Bytes alpn;
  std::uint16_t selected_version = 0;  // 0: no supported_versions extension
  bool hello_retry = false;            // RFC 8446 4.1.3: a HelloRetryRequest in disguise
  bool broken = false;

  [[nodiscard]] std::uint16_t version() const {
    return selected_version != 0 ? selected_version : legacy_version;
  }
};

enum class HelloForm : std::uint8_t { kTls, kDtls };  // DTLS has a cookie (RFC 6347 4.2.1)

// `body`: the handshake message without its header. False if it ends before its extensions; what
// was read until then stays in `hello`.
bool parse_client_hello(base::Bytes body, HelloForm form, ClientHello& hello);
bool parse_server_hello(base::Bytes body, ServerHello& hello);

using Ja3Text = std::array<char, 32>;  // hexadecimal MD5
using Ja4Text = std::array<char, 36>;  // t13d1516h2_8daaf6152771_e5627efa2ab1
// What carries the hello: the first letter of a JA4.
enum class Ja4Transport : char { kTcp = 't', kQuic = 'q', kDtls = 'd' };

// False, and `out` untouched, for a hello with longer lists than any honest one: its fingerprint
// would be of a part only. Where it is not `wanted`, nothing is hashed: the answer is the same,
// what `out` holds afterwards is of no use.
bool ja3(const ClientHello& hello, Ja3Text& out, bool wanted = true);
bool ja3s(const ServerHello& hello, Ja3Text& out, bool wanted = true);
bool ja4(const ClientHello& hello, Ja4Transport transport, Ja4Text& out, bool wanted = true);

inline std::string_view as_text(const Ja3Text& text) { return {text.data(), text.size()}; }
inline std::string_view as_text(const Ja4Text& text) { return {text.data(), text.size()}; }

}  // namespace netwatch::dpi
