#include "dpi/parts/tls_names.h"

#include <algorithm>
#include <charconv>

namespace netwatch::dpi {
namespace {

struct Name {
  std::uint16_t number;
  std::string_view text;
};

// By number, for the binary search.
constexpr std::array kCiphers{
    Name{0x0001, "TLS_RSA_WITH_NULL_MD5"},
    Name{0x0002, "TLS_RSA_WITH_NULL_SHA"},
    Name{0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"},
    Name{0x0004, "TLS_RSA_WITH_RC4_128_MD5"},
    Name{0x0005, "TLS_RSA_WITH_RC4_128_SHA"},
    Name{0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"},
    Name{0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA"},
    Name{0x0009, "TLS_RSA_WITH_DES_CBC_SHA"},
    Name{0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
    Name{0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA"},
    Name{0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA"},
    Name{0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"},
    Name{0x0018, "TLS_DH_anon_WITH_RC4_128_MD5"},
    Name{0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA"},
    Name{0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"},
    Name{0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"},
    Name{0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"},
    Name{0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA"},
    Name{0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"},
    Name{0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"},
    Name{0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"},
    Name{0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA"},
    Name{0x003b, "TLS_RSA_WITH_NULL_SHA256"},
    Name{0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"},
    Name{0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"},
    Name{0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256"},
    Name{0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"},
    Name{0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"},
    Name{0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"},
    Name{0x006a, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256"},
    Name{0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"},
    Name{0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256"},
    Name{0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256"},
    Name{0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"},
    Name{0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"},
    Name{0x008c, "TLS_PSK_WITH_AES_128_CBC_SHA"},
    Name{0x008d, "TLS_PSK_WITH_AES_256_CBC_SHA"},
    Name{0x0090, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA"},
    Name{0x0091, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA"},
    Name{0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"},
    Name{0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"},
    Name{0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"},
    Name{0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"},
    Name{0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
    Name{0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256"},
    Name{0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384"},
    Name{0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"},
    Name{0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"},
    Name{0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256"},
    Name{0x00a9, "TLS_PSK_WITH_AES_256_GCM_SHA384"},
    Name{0x00aa, "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256"},
    Name{0x00ab, "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384"},
    Name{0x00ae, "TLS_PSK_WITH_AES_128_CBC_SHA256"},
    Name{0x00af, "TLS_PSK_WITH_AES_256_CBC_SHA384"},
    Name{0x00b2, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA256"},
    Name{0x00b3, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA384"},
    Name{0x00c6, "TLS_SM4_GCM_SM3"},
    Name{0x00c7, "TLS_SM4_CCM_SM3"},
    Name{0x1301, "TLS_AES_128_GCM_SHA256"},
    Name{0x1302, "TLS_AES_256_GCM_SHA384"},
    Name{0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
    Name{0x1304, "TLS_AES_128_CCM_SHA256"},
    Name{0x1305, "TLS_AES_128_CCM_8_SHA256"},
    Name{0xc002, "TLS_ECDH_ECDSA_WITH_RC4_128_SHA"},
    Name{0xc003, "TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA"},
    Name{0xc004, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA"},
    Name{0xc005, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA"},
    Name{0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA"},
    Name{0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"},
    Name{0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"},
    Name{0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
    Name{0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
    Name{0xc00e, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA"},
    Name{0xc00f, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA"},
    Name{0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA"},
    Name{0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"},
    Name{0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"},
    Name{0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
    Name{0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
    Name{0xc015, "TLS_ECDH_anon_WITH_NULL_SHA"},
    Name{0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"},
    Name{0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"},
    Name{0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
    Name{0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"},
    Name{0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
    Name{0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
    Name{0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    Name{0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    Name{0xc02d, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256"},
    Name{0xc02e, "TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384"},
    Name{0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    Name{0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    Name{0xc031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"},
    Name{0xc032, "TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384"},
    Name{0xc035, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA"},
    Name{0xc036, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA"},
    Name{0xc037, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256"},
    Name{0xc038, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384"},
    Name{0xc09c, "TLS_RSA_WITH_AES_128_CCM"},
    Name{0xc09d, "TLS_RSA_WITH_AES_256_CCM"},
    Name{0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM"},
    Name{0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM"},
    Name{0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8"},
    Name{0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8"},
    Name{0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8"},
    Name{0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8"},
    Name{0xc0a4, "TLS_PSK_WITH_AES_128_CCM"},
    Name{0xc0a5, "TLS_PSK_WITH_AES_256_CCM"},
    Name{0xc0a6, "TLS_DHE_PSK_WITH_AES_128_CCM"},
    Name{0xc0a7, "TLS_DHE_PSK_WITH_AES_256_CCM"},
    Name{0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8"},
    Name{0xc0a9, "TLS_PSK_WITH_AES_256_CCM_8"},
    Name{0xc0aa, "TLS_PSK_DHE_WITH_AES_128_CCM_8"},
    Name{0xc0ab, "TLS_PSK_DHE_WITH_AES_256_CCM_8"},
    Name{0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"},
    Name{0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"},
    Name{0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"},
    Name{0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"},
    Name{0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    Name{0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    Name{0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    Name{0xccab, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256"},
    Name{0xccac, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"},
    Name{0xccad, "TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256"},
};

constexpr std::array kGroups{
    Name{1, "sect163k1"},
    Name{9, "sect283k1"},
    Name{10, "sect283r1"},
    Name{11, "sect409k1"},
    Name{12, "sect409r1"},
    Name{13, "sect571k1"},
    Name{14, "sect571r1"},
    Name{19, "secp192r1"},
    Name{21, "secp224r1"},
    Name{22, "secp256k1"},
    Name{23, "secp256r1"},
    Name{24, "secp384r1"},
    Name{25, "secp521r1"},
    Name{26, "brainpoolP256r1"},
    Name{27, "brainpoolP384r1"},
    Name{28, "brainpoolP512r1"},
    Name{29, "x25519"},
    Name{30, "x448"},
    Name{41, "curveSM2"},
    Name{256, "ffdhe2048"},
    Name{257, "ffdhe3072"},
    Name{258, "ffdhe4096"},
    Name{259, "ffdhe6144"},
    Name{260, "ffdhe8192"},
    Name{512, "MLKEM512"},
    Name{513, "MLKEM768"},
    Name{514, "MLKEM1024"},
    Name{4587, "SecP256r1MLKEM768"},
    Name{4588, "X25519MLKEM768"},
    Name{4589, "SecP384r1MLKEM1024"},
    Name{25497, "X25519Kyber768Draft00"},
};

constexpr std::array kAlerts{
    Name{0, "close_notify"},
    Name{10, "unexpected_message"},
    Name{20, "bad_record_mac"},
    Name{21, "decryption_failed"},
    Name{22, "record_overflow"},
    Name{30, "decompression_failure"},
    Name{40, "handshake_failure"},
    Name{41, "no_certificate"},
    Name{42, "bad_certificate"},
    Name{43, "unsupported_certificate"},
    Name{44, "certificate_revoked"},
    Name{45, "certificate_expired"},
    Name{46, "certificate_unknown"},
    Name{47, "illegal_parameter"},
    Name{48, "unknown_ca"},
    Name{49, "access_denied"},
    Name{50, "decode_error"},
    Name{51, "decrypt_error"},
    Name{60, "export_restriction"},
    Name{70, "protocol_version"},
    Name{71, "insufficient_security"},
    Name{80, "internal_error"},
    Name{86, "inappropriate_fallback"},
    Name{90, "user_canceled"},
    Name{100, "no_renegotiation"},
    Name{109, "missing_extension"},
    Name{110, "unsupported_extension"},
    Name{111, "certificate_unobtainable"},
    Name{112, "unrecognized_name"},
    Name{113, "bad_certificate_status_response"},
    Name{114, "bad_certificate_hash_value"},
    Name{115, "unknown_psk_identity"},
    Name{116, "certificate_required"},
    Name{120, "no_application_protocol"},
    Name{121, "ech_required"},
};

constexpr std::array kVersions{
    Name{0x0002, "SSL 2.0"},  Name{0x0100, "DTLS 0.9"}, Name{0x0300, "SSL 3.0"},
    Name{0x0301, "TLS 1.0"},  Name{0x0302, "TLS 1.1"},  Name{0x0303, "TLS 1.2"},
    Name{0x0304, "TLS 1.3"},  Name{0xfefc, "DTLS 1.3"}, Name{0xfefd, "DTLS 1.2"},
    Name{0xfeff, "DTLS 1.0"},
};

template <std::size_t kCount>
std::string_view find(const std::array<Name, kCount>& names, std::uint16_t number) {
  const auto found = std::lower_bound(names.begin(), names.end(), number,
                                      [](const Name& a, std::uint16_t b) { return a.number < b; });
  return found != names.end() && found->number == number ? found->text : std::string_view{};
}

std::string_view in_hex(std::uint16_t number, NameBuffer& buffer) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  buffer[0] = '0';
  buffer[1] = 'x';
  for (std::size_t i = 0; i < 4; ++i) buffer[2 + i] = kDigits[(number >> (4 * (3 - i))) & 15];
  return {buffer.data(), 6};
}

std::string_view in_decimal(std::string_view before, unsigned number, NameBuffer& buffer) {
  char* at = std::copy(before.begin(), before.end(), buffer.data());
  at = std::to_chars(at, buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), static_cast<std::size_t>(at - buffer.data())};
}

}  // namespace

std::string_view tls_version_name(std::uint16_t version, NameBuffer& buffer) {
  if ((version >> 8) == 0x7f) return in_decimal("TLS 1.3 draft ", version & 0xff, buffer);
  const std::string_view name = find(kVersions, version);
  return name.empty() ? in_hex(version, buffer) : name;
}

std::string_view tls_cipher_name(std::uint16_t cipher, NameBuffer& buffer) {
  const std::string_view name = find(kCiphers, cipher);
  return name.empty() ? in_hex(cipher, buffer) : name;
}

std::string_view tls_group_name(std::uint16_t group, NameBuffer& buffer) {
  const std::string_view name = find(kGroups, group);
  return name.empty() ? in_hex(group, buffer) : name;
}

std::string_view tls_alert_name(std::uint8_t description, NameBuffer& buffer) {
  const std::string_view name = find(kAlerts, description);
  return name.empty() ? in_decimal("", description, buffer) : name;
}

}  // namespace netwatch::dpi
