#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace netwatch::model {

// The closed set of value types of records, flows and samples. No nesting.
enum class FieldType : std::uint8_t {
  kBool,
  kUint,
  kInt,
  kReal,
  kText,      // UTF-8 as sent; sanitised only at the edge to people
  kBytes,     // shown as hex
  kAddress,   // IPv4 or IPv6
  kTime,      // ns since the epoch
  kDuration,  // ns; printed in us
};

// What a field is for: lets names, tabs, exports and the hub work without naming a protocol.
enum class Role : std::uint8_t {
  kNone,
  kServerName,     // what the originator calls the responder in clear (SNI)
  kHostName,       // the same, from a request header (Host, :authority)
  kQueryName,      // a name that was asked for
  kAnswerAddress,  // an address given for the query name
  kAnswerAlias,    // another name of the query name (CNAME)
  kFingerprint,    // JA3, JA4, HASSH, ...
  kMethod,
  kUri,
  kStatus,
  kUserAgent,
  kVersion,
  kUser,
  kLatency,
  kSubject,  // certificate subject or software banner
};

enum class Privacy : std::uint8_t {
  kPublic,
  kPersonal,  // names, URIs: kept on the host, exported as configured
  kSecret,    // passwords, cookies, tokens, communities: masked inside dpi
};

// Describes one typed field. All views are of static storage.
struct FieldDef {
  std::string_view name;  // full and dotted: "tls.sni"; its NDJSON place
  FieldType type = FieldType::kText;
  bool list = false;
  std::string_view help{};  // one line, for people
  Role role = Role::kNone;
  Privacy privacy = Privacy::kPublic;
  std::span<const std::string_view> aliases{};  // Wireshark's names and short forms
  std::uint16_t max_bytes = 512;                // of one text or bytes value; longer ones are cut
};

// The fields of one protocol's records. A field's place in `fields` is its id in a record.
struct Schema {
  std::string_view proto;                   // "tls"
  std::string_view title;                   // "TLS handshake"
  std::span<const std::string_view> kinds;  // "client_hello", ...; a record's kind indexes it
  std::span<const FieldDef> fields;         // at most 255
};

}  // namespace netwatch::model
