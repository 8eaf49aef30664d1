#include "dpi/parts/hello_fields.h"

#include <string>

#include "base/crypto.h"
#include "dpi/parts/tls_names.h"
#include "dpi/parts/x509.h"

namespace netwatch::dpi {
namespace {

using hello_field::kMaxNameBytes;

void add_text(std::uint8_t field, std::string_view text, model::RecordBuilder& record) {
  if (field != kNoField) record.add_text(field, text);
}
void add_bool(std::uint8_t field, bool value, model::RecordBuilder& record) {
  if (field != kNoField) record.add_bool(field, value);
}

void add_alpn(std::uint8_t field, base::Bytes list, model::RecordBuilder& record) {
  AlpnCursor cursor(list);
  std::string_view protocol;
  while (cursor.next(protocol)) add_text(field, protocol, record);
}

void add_names(std::uint8_t field, const U16List& numbers,
               std::string_view (*name)(std::uint16_t, NameBuffer&), model::RecordBuilder& record) {
  NameBuffer buffer;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (!is_grease(numbers[i])) add_text(field, name(numbers[i], buffer), record);
  }
}

}  // namespace

void add_client_hello(const HelloFields& fields, const ClientHello& hello, Ja4Transport transport,
                      model::RecordBuilder& record) {
  NameBuffer buffer;
  add_text(fields.version, tls_version_name(hello.version(), buffer), record);
  if (!hello.sni.empty()) add_text(fields.sni, hello.sni, record);
  Ja3Text ja3_text{};
  if (ja3(hello, ja3_text, record.wanted())) add_text(fields.ja3, as_text(ja3_text), record);
  Ja4Text ja4_text;
  if (ja4(hello, transport, ja4_text, record.wanted()))
    add_text(fields.ja4, as_text(ja4_text), record);
  add_bool(fields.ech, hello.ech, record);
  add_alpn(fields.alpn, hello.alpn, record);
  add_names(fields.supported_versions, hello.supported_versions, tls_version_name, record);
  add_names(fields.groups, hello.groups, tls_group_name, record);
}

void add_server_hello(const HelloFields& fields, const ServerHello& hello,
                      model::RecordBuilder& record) {
  NameBuffer buffer;
  add_text(fields.version, tls_version_name(hello.version(), buffer), record);
  add_text(fields.cipher, tls_cipher_name(hello.cipher, buffer), record);
  add_bool(fields.hello_retry, hello.hello_retry, record);
  Ja3Text text{};
  if (ja3s(hello, text, record.wanted())) add_text(fields.ja3s, as_text(text), record);
  add_alpn(fields.alpn, hello.alpn, record);
}

bool add_certificate(const CertificateFields& fields, base::Bytes der,
                     model::RecordBuilder& record) {
  Certificate certificate;
  if (!parse_certificate(der, certificate)) return false;
  // Two names, two times, and at most 49 bytes for six of an alternative name: nothing is cut, as
  // long as no field comes after them.
  constexpr std::size_t kFewNames = 255;
  static_assert(2 * (kMaxNameBytes + 3) + 22 + kFewNames * 49 / 6 < 3200);
  if (!record.wanted() && record.has_room(3200) && certificate.alt_names.size() <= kFewNames) {
    record.add_bytes(fields.sha256, base::Sha256Digest{});
    return true;
  }
  std::string text;
  append_name(text, certificate.subject, kMaxNameBytes);
  if (!text.empty()) add_text(fields.subject, text, record);
  text.clear();
  append_name(text, certificate.issuer, kMaxNameBytes);
  if (!text.empty()) add_text(fields.issuer, text, record);
  if (certificate.not_before != kNoTime) record.add_int(fields.not_before, certificate.not_before);
  if (certificate.not_after != kNoTime) record.add_int(fields.not_after, certificate.not_after);
  record.add_bytes(fields.sha256, record.wanted() ? base::sha256(der) : base::Sha256Digest{});
  AltNameCursor names(certificate.alt_names);
  while (names.next(text)) {
    if (!text.empty()) add_text(fields.san, text, record);
  }
  return true;
}

void add_alert(const AlertFields& fields, std::uint8_t level, std::uint8_t description,
               model::RecordBuilder& record) {
  NameBuffer buffer;
  add_text(fields.level, level == 1 ? "warning" : "fatal", record);
  add_text(fields.name, tls_alert_name(description, buffer), record);
}

}  // namespace netwatch::dpi
