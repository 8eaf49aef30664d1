#include "dpi/protocols/tls_report.h"

#include <array>

#include "dpi/parts/hello_fields.h"
#include "dpi/parts/tls_names.h"

namespace netwatch::dpi {
namespace {

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

constexpr std::array kFields{
    hello_field::version("tls.version"),
    hello_field::sni("tls.sni", kSniAliases),
    hello_field::alpn("tls.alpn", kAlpnAliases),
    hello_field::cipher("tls.cipher"),
    hello_field::supported_versions("tls.supported_versions"),
    hello_field::groups("tls.groups"),
    hello_field::ech("tls.ech"),
    hello_field::hello_retry("tls.hello_retry"),
    hello_field::ja3("ja3", kJa3Aliases),
    hello_field::ja3s("ja3s", kJa3sAliases),
    hello_field::ja4(kJa4Aliases),
    hello_field::subject("tls.subject"),
    hello_field::issuer("tls.issuer"),
    hello_field::san("tls.san", kSanAliases),
    hello_field::not_before("tls.not_before"),
    hello_field::not_after("tls.not_after"),
    hello_field::certificate_sha256("tls.certificate_sha256"),
    hello_field::alert_level("tls.alert_level"),
    hello_field::alert("tls.alert"),
};
static_assert(kFields.size() == kAlertName + 1);

constexpr HelloFields kHelloFields{.version = kVersion,
                                   .sni = kSni,
                                   .alpn = kAlpn,
                                   .cipher = kCipher,
                                   .supported_versions = kSupportedVersions,
                                   .groups = kGroups,
                                   .ech = kEch,
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

}  // namespace

constinit const model::Schema kTlsSchema{
    .proto = "tls", .title = "TLS handshake", .kinds = kKinds, .fields = kFields};

void report_client_hello(const ClientHello& hello, model::Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kClientHello);
  add_client_hello(kHelloFields, hello, Ja4Transport::kTcp, record);
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
  add_server_hello(kHelloFields, hello, record);
  context.emit(side);
}

bool report_certificate(base::Bytes der, model::Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kCertificate);
  if (!add_certificate(kCertificateFields, der, record)) return false;
  context.emit(side);
  return true;
}

void report_alert(std::uint8_t level, std::uint8_t description, model::Side side,
                  Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kTlsSchema, kAlert);
  add_alert({.level = kAlertLevel, .name = kAlertName}, level, description, record);
  context.emit(side);
}

}  // namespace netwatch::dpi
