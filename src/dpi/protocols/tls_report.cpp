#include "dpi/protocols/tls_report.h"

#include <string>

#include "base/crypto.h"
#include "dpi/parts/tls_names.h"
#include "dpi/parts/x509.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Role;

enum Kind : std::uint8_t { kClientHello, kServerHello, kCertificate, kAlert };
constexpr std::array<std::string_view, 4> kKinds{"client_hello", "server_hello", "certificate",
                                                 "alert"};

enum Field : std::uint8_t {
  kVersion,
  kSni,
  kAlpn,
  kCipher,
  kSupportedVersions,
  kGroups,
  kEch,
  kHelloRetry,
  kJa3,
  kJa3s,
  kJa4,
  kSubject,
  kIssuer,
  kSan,
  kNotBefore,
  kNotAfter,
  kFingerprint,
  kAlertLevel,
  kAlertName,
};

constexpr std::array<std::string_view, 2> kSniAliases{"tls.handshake.extensions_server_name",
                                                      "sni"};
constexpr std::array<std::string_view, 2> kAlpnAliases{"tls.handshake.extensions_alpn_str", "alpn"};
constexpr std::array<std::string_view, 1> kJa3Aliases{"tls.handshake.ja3"};
constexpr std::array<std::string_view, 1> kJa3sAliases{"tls.handshake.ja3s"};
constexpr std::array<std::string_view, 1> kJa4Aliases{"tls.handshake.ja4"};
constexpr std::array<std::string_view, 1> kSanAliases{"x509ce.dNSName"};

constexpr std::uint16_t kMaxNameBytes = 512;

constexpr std::array kFields{
    FieldDef{.name = "tls.version",
             .help = "highest version offered, or the one chosen",
             .role = Role::kVersion},
    FieldDef{.name = "tls.sni",
             .help = "server name the client asked for",
             .role = Role::kServerName,
             .privacy = model::Privacy::kPersonal,
             .aliases = kSniAliases},
    FieldDef{.name = "tls.alpn",
             .list = true,
             .help = "application protocols offered, or the one chosen",
             .aliases = kAlpnAliases},
    FieldDef{.name = "tls.cipher", .help = "cipher suite chosen"},
    FieldDef{.name = "tls.supported_versions", .list = true, .help = "versions offered"},
    FieldDef{.name = "tls.groups", .list = true, .help = "key exchange groups offered"},
    FieldDef{.name = "tls.ech",
             .type = FieldType::kBool,
             .help = "the hello carries Encrypted ClientHello, or pretends to (GREASE)"},
    FieldDef{.name = "tls.hello_retry",
             .type = FieldType::kBool,
             .help = "the server asked for another ClientHello"},
    FieldDef{.name = "ja3",
             .help = "JA3 fingerprint of the client",
             .role = Role::kFingerprint,
             .aliases = kJa3Aliases},
    FieldDef{.name = "ja3s",
             .help = "JA3S fingerprint of the server",
             .role = Role::kFingerprint,
             .aliases = kJa3sAliases},
    FieldDef{.name = "ja4",
             .help = "JA4 fingerprint of the client",
             .role = Role::kFingerprint,
             .aliases = kJa4Aliases},
    FieldDef{.name = "tls.subject",
             .help = "whom the leaf certificate names",
             .role = Role::kSubject,
             .max_bytes = kMaxNameBytes},
    FieldDef{.name = "tls.issuer", .help = "who issued it", .max_bytes = kMaxNameBytes},
    FieldDef{.name = "tls.san",
             .list = true,
             .help = "its alternative names",
             .aliases = kSanAliases,
             .max_bytes = 255},
    FieldDef{.name = "tls.not_before", .type = FieldType::kTime, .help = "it is valid from"},
    FieldDef{.name = "tls.not_after", .type = FieldType::kTime, .help = "it is valid until"},
    FieldDef{.name = "tls.certificate_sha256",
             .type = FieldType::kBytes,
             .help = "SHA-256 of the leaf certificate"},
    FieldDef{.name = "tls.alert_level", .help = "warning or fatal"},
    FieldDef{.name = "tls.alert", .help = "what an alert in clear says"},
};
static_assert(kFields.size() == kAlertName + 1);

void add_alpn(base::Bytes list, model::RecordBuilder& record) {
  AlpnCursor cursor(list);
  std::string_view protocol;
  while (cursor.next(protocol)) record.add_text(kAlpn, protocol);
}

void add_client_lists(const ClientHello& hello, model::RecordBuilder& record) {
  NameBuffer buffer;
  for (std::size_t i = 0; i < hello.supported_versions.size(); ++i) {
    const std::uint16_t version = hello.supported_versions[i];
    if (is_grease(version)) continue;
    record.add_text(kSupportedVersions, tls_version_name(version, buffer));
  }
  for (std::size_t i = 0; i < hello.groups.size(); ++i) {
    if (is_grease(hello.groups[i])) continue;
    record.add_text(kGroups, tls_group_name(hello.groups[i], buffer));
  }
}

}  // namespace

constinit const model::Schema kTlsSchema{
    .proto = "tls", .title = "TLS handshake", .kinds = kKinds, .fields = kFields};

void report_client_hello(const ClientHello& hello, model::Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kClientHello);
  NameBuffer buffer;
  record.add_text(kVersion, tls_version_name(hello.version(), buffer));
  if (!hello.sni.empty()) record.add_text(kSni, hello.sni);
  Ja3Text ja3_text;
  if (ja3(hello, ja3_text)) record.add_text(kJa3, as_text(ja3_text));
  Ja4Text ja4_text;
  if (ja4(hello, Ja4Transport::kTcp, ja4_text)) record.add_text(kJa4, as_text(ja4_text));
  record.add_bool(kEch, hello.ech);
  add_alpn(hello.alpn, record);
  add_client_lists(hello, record);
  context.emit(side);
}

void report_cut_client_hello(const ClientHello& hello, model::Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kClientHello);
  record.mark_cut();
  if (!hello.sni.empty()) record.add_text(kSni, hello.sni);
  context.emit(side);
}

void report_v2_client_hello(std::uint16_t version, model::Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kClientHello);
  NameBuffer buffer;
  record.add_text(kVersion, tls_version_name(version, buffer));
  context.emit(side);
}

void report_server_hello(const ServerHello& hello, model::Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kServerHello);
  NameBuffer buffer;
  record.add_text(kVersion, tls_version_name(hello.version(), buffer));
  record.add_text(kCipher, tls_cipher_name(hello.cipher, buffer));
  record.add_bool(kHelloRetry, hello.hello_retry);
  Ja3Text text;
  if (ja3s(hello, text)) record.add_text(kJa3s, as_text(text));
  add_alpn(hello.alpn, record);
  context.emit(side);
}

bool report_certificate(base::Bytes der, model::Side side, Context& context) {
  Certificate certificate;
  if (!parse_certificate(der, certificate)) return false;
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kCertificate);
  std::string text;
  append_name(text, certificate.subject, kMaxNameBytes);
  if (!text.empty()) record.add_text(kSubject, text);
  text.clear();
  append_name(text, certificate.issuer, kMaxNameBytes);
  if (!text.empty()) record.add_text(kIssuer, text);
  if (certificate.not_before != kNoTime) record.add_int(kNotBefore, certificate.not_before);
  if (certificate.not_after != kNoTime) record.add_int(kNotAfter, certificate.not_after);
  record.add_bytes(kFingerprint, base::sha256(der));
  AltNameCursor names(certificate.alt_names);
  while (names.next(text)) {
    if (!text.empty()) record.add_text(kSan, text);
  }
  context.emit(side);
  return true;
}

void report_alert(std::uint8_t level, std::uint8_t description, model::Side side,
                  Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kAlert);
  NameBuffer buffer;
  record.add_text(kAlertLevel, level == 1 ? "warning" : "fatal");
  record.add_text(kAlertName, tls_alert_name(description, buffer));
  context.emit(side);
}

}  // namespace netwatch::dpi
