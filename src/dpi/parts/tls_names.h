#pragma once

#include <array>
#include <cstdint>
#include <string_view>

// What the numbers of TLS are called: the IANA registries "TLS Cipher Suites", "TLS Supported
// Groups" and "TLS Alerts".
namespace netwatch::dpi {

// Room for the spelling of a number without a name.
using NameBuffer = std::array<char, 24>;

// "TLS 1.3", "SSL 3.0", "TLS 1.3 draft 23", "DTLS 1.2", "DTLS 0.9" (OpenSSL before 0.9.8f);
// else "0x1234" in `buffer`.
std::string_view tls_version_name(std::uint16_t version, NameBuffer& buffer);
// "TLS_AES_128_GCM_SHA256"; else "0x1234" in `buffer`.
std::string_view tls_cipher_name(std::uint16_t cipher, NameBuffer& buffer);
// "x25519"; else "0x1234" in `buffer`.
std::string_view tls_group_name(std::uint16_t group, NameBuffer& buffer);
// "handshake_failure"; else "99" in `buffer`.
std::string_view tls_alert_name(std::uint8_t description, NameBuffer& buffer);

}  // namespace netwatch::dpi
