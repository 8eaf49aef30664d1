#include "dpi/protocols/dtls_report.h"

#include <array>

#include "dpi/parts/hello_fields.h"
#include "dpi/parts/tls_names.h"

namespace netwatch::dpi {
namespace {

enum Kind : std::uint8_t { kClientHello, kServerHello, kHelloVerify, kCertificate, kAlert };
constexpr std::array<std::string_view, 5> kKinds{"client_hello", "server_hello", "hello_verify",
                                                 "certificate", "alert"};

enum Field : std::uint8_t {
  kVersion,
  kSni,
  kAlpn,
  kCipher,
  kSupportedVersions,
  kGroups,
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

constexpr std::array<std::string_view, 1> kSniAliases{"dtls.handshake.extensions_server_name"};
constexpr std::array<std::string_view, 2> kAlpnAliases{"dtls.handshake.extensions_alpn_str",
                                                       "alpn"};
// JA3 does not say what carried the hello: as in Wireshark, DTLS has a field of its own. The alias
// makes filters on either find both.
constexpr std::array<std::string_view, 2> kJa3Aliases{"ja3", "dtls.handshake.ja3"};
constexpr std::array<std::string_view, 2> kJa3sAliases{"ja3s", "dtls.handshake.ja3s"};
constexpr std::array<std::string_view, 1> kJa4Aliases{"dtls.handshake.ja4"};

constexpr std::array kFields{
    hello_field::version("dtls.version"),
    hello_field::sni("dtls.sni", kSniAliases),
    hello_field::alpn("dtls.alpn", kAlpnAliases),
    hello_field::cipher("dtls.cipher"),
    hello_field::supported_versions("dtls.supported_versions"),
    hello_field::groups("dtls.groups"),
    hello_field::hello_retry("dtls.hello_retry"),
    hello_field::ja3("dtls.ja3", kJa3Aliases),
    hello_field::ja3s("dtls.ja3s", kJa3sAliases),
    hello_field::ja4(kJa4Aliases),
    hello_field::subject("dtls.subject"),
    hello_field::issuer("dtls.issuer"),
    hello_field::san("dtls.san", {}),
    hello_field::not_before("dtls.not_before"),
    hello_field::not_after("dtls.not_after"),
    hello_field::certificate_sha256("dtls.certificate_sha256"),
    hello_field::alert_level("dtls.alert_level"),
    hello_field::alert("dtls.alert"),
};
static_assert(kFields.size() == kAlertName + 1);

constexpr HelloFields kHelloFields{.version = kVersion,
                                   .sni = kSni,
                                   .alpn = kAlpn,
                                   .cipher = kCipher,
                                   .supported_versions = kSupportedVersions,
                                   .groups = kGroups,
                                   .hello_retry = kHelloRetry,
                                   .ja3 = kJa3,
                                   .ja3s = kJa3s,
                                   .ja4 = kJa4};
constexpr CertificateFields kCertificateFields{.subject = kSubject,
                                               .issuer = kIssuer,
                                               .san = kSan,
                                               .not_before = kNotBefore,
                                               .not_after = kNotAfter,
                                               .sha256 = kFingerprint};

model::RecordBuilder& start(Kind kind, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kDtlsSchema, kind);
  return record;
}

}  // namespace

constinit const model::Schema kDtlsSchema{
    .proto = "dtls", .title = "DTLS handshake", .kinds = kKinds, .fields = kFields};

void report_dtls_client_hello(const ClientHello& hello, model::Side side, Context& context) {
  add_client_hello(kHelloFields, hello, Ja4Transport::kDtls, start(kClientHello, context));
  context.emit(side);
}

void report_cut_dtls_client_hello(std::string_view sni, model::Side side, Context& context) {
  model::RecordBuilder& record = start(kClientHello, context);
  record.mark_cut();
  if (!sni.empty()) record.add_text(kSni, sni);
  context.emit(side);
}

void report_dtls_server_hello(const ServerHello& hello, model::Side side, Context& context) {
  add_server_hello(kHelloFields, hello, start(kServerHello, context));
  context.emit(side);
}

void report_dtls_hello_verify(std::uint16_t version, model::Side side, Context& context) {
  NameBuffer buffer;
  start(kHelloVerify, context).add_text(kVersion, tls_version_name(version, buffer));
  context.emit(side);
}

bool report_dtls_certificate(base::Bytes der, model::Side side, Context& context) {
  if (!add_certificate(kCertificateFields, der, start(kCertificate, context))) return false;
  context.emit(side);
  return true;
}

void report_dtls_alert(std::uint8_t level, std::uint8_t description, model::Side side,
                       Context& context) {
  add_alert({.level = kAlertLevel, .name = kAlertName}, level, description, start(kAlert, context));
  context.emit(side);
}

}  // namespace netwatch::dpi
