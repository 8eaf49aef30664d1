#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "dpi/parts/tls_hello.h"
#include "model/field.h"
#include "model/record.h"

// How the hellos, certificates and alerts of TLS stand in records, whatever carries them: each
// schema (tls, dtls, quic) names its fields after itself and says where they are; what they mean,
// and what goes into them, is here.
namespace netwatch::dpi {

namespace hello_field {

using Aliases = std::span<const std::string_view>;
inline constexpr std::uint16_t kMaxNameBytes = 512;

constexpr model::FieldDef version(std::string_view name) {
  return {.name = name,
          .help = "highest version offered, or the one chosen",
          .role = model::Role::kVersion};
}
constexpr model::FieldDef sni(std::string_view name, Aliases aliases) {
  return {.name = name,
          .help = "server name the client asked for",
          .role = model::Role::kServerName,
          .privacy = model::Privacy::kPersonal,
          .aliases = aliases};
}
constexpr model::FieldDef alpn(std::string_view name, Aliases aliases) {
  return {.name = name,
          .list = true,
          .help = "application protocols offered, or the one chosen",
          .aliases = aliases};
}
constexpr model::FieldDef cipher(std::string_view name) {
  return {.name = name, .help = "cipher suite chosen"};
}
constexpr model::FieldDef supported_versions(std::string_view name) {
  return {.name = name, .list = true, .help = "versions offered"};
}
constexpr model::FieldDef groups(std::string_view name) {
  return {.name = name, .list = true, .help = "key exchange groups offered"};
}
constexpr model::FieldDef ech(std::string_view name) {
  return {.name = name,
          .type = model::FieldType::kBool,
          .help = "the hello carries Encrypted ClientHello, or pretends to (GREASE)"};
}
constexpr model::FieldDef hello_retry(std::string_view name) {
  return {.name = name,
          .type = model::FieldType::kBool,
          .help = "the server asked for another ClientHello"};
}
constexpr model::FieldDef ja3(std::string_view name, Aliases aliases) {
  return {.name = name,
          .help = "JA3 fingerprint of the client",
          .role = model::Role::kFingerprint,
          .aliases = aliases};
}
constexpr model::FieldDef ja3s(std::string_view name, Aliases aliases) {
  return {.name = name,
          .help = "JA3S fingerprint of the server",
          .role = model::Role::kFingerprint,
          .aliases = aliases};
}
// Its first letter says what carried the hello, so one name is enough.
constexpr model::FieldDef ja4(Aliases aliases) {
  return {.name = "ja4",
          .help = "JA4 fingerprint of the client",
          .role = model::Role::kFingerprint,
          .aliases = aliases};
}
constexpr model::FieldDef subject(std::string_view name) {
  return {.name = name,
          .help = "whom the leaf certificate names",
          .role = model::Role::kSubject,
          .max_bytes = kMaxNameBytes};
}
constexpr model::FieldDef issuer(std::string_view name) {
  return {.name = name, .help = "who issued it", .max_bytes = kMaxNameBytes};
}
constexpr model::FieldDef san(std::string_view name, Aliases aliases) {
  return {.name = name,
          .list = true,
          .help = "its alternative names",
          .aliases = aliases,
          .max_bytes = 255};
}
constexpr model::FieldDef not_before(std::string_view name) {
  return {.name = name, .type = model::FieldType::kTime, .help = "it is valid from"};
}
constexpr model::FieldDef not_after(std::string_view name) {
  return {.name = name, .type = model::FieldType::kTime, .help = "it is valid until"};
}
constexpr model::FieldDef certificate_sha256(std::string_view name) {
  return {
      .name = name, .type = model::FieldType::kBytes, .help = "SHA-256 of the leaf certificate"};
}
constexpr model::FieldDef alert_level(std::string_view name) {
  return {.name = name, .help = "warning or fatal"};
}
constexpr model::FieldDef alert(std::string_view name) {
  return {.name = name, .help = "what an alert in clear says"};
}

}  // namespace hello_field

// Places in a schema; kNoField: it has none, and the value is left out.
inline constexpr std::uint8_t kNoField = 255;
struct HelloFields {
  std::uint8_t version = kNoField;
  std::uint8_t sni = kNoField;
  std::uint8_t alpn = kNoField;
  std::uint8_t cipher = kNoField;
  std::uint8_t supported_versions = kNoField;
  std::uint8_t groups = kNoField;
  std::uint8_t ech = kNoField;
  std::uint8_t hello_retry = kNoField;
  std::uint8_t ja3 = kNoField;
  std::uint8_t ja3s = kNoField;
  std::uint8_t ja4 = kNoField;
};
struct CertificateFields {
  std::uint8_t subject = kNoField;
  std::uint8_t issuer = kNoField;
  std::uint8_t san = kNoField;
  std::uint8_t not_before = kNoField;
  std::uint8_t not_after = kNoField;
  std::uint8_t sha256 = kNoField;
};
struct AlertFields {
  std::uint8_t level = kNoField;
  std::uint8_t name = kNoField;
};

// These add to a record that was started.
void add_client_hello(const HelloFields& fields, const ClientHello& hello, Ja4Transport transport,
                      model::RecordBuilder& record);
void add_server_hello(const HelloFields& fields, const ServerHello& hello,
                      model::RecordBuilder& record);
// `der`: the leaf. False, and nothing was added, if it is not a certificate.
bool add_certificate(const CertificateFields& fields, base::Bytes der,
                     model::RecordBuilder& record);
void add_alert(const AlertFields& fields, std::uint8_t level, std::uint8_t description,
               model::RecordBuilder& record);

}  // namespace netwatch::dpi
