#include "dpi/protocols/quic_report.h"

#include <array>

#include "decrypt/quic_version.h"
#include "dpi/parts/hello_fields.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::FieldType;
using model::Role;

enum Kind : std::uint8_t { kClientHello, kServerHello, kRetry, kNegotiation };
constexpr std::array<std::string_view, 4> kKinds{"client_hello", "server_hello", "retry",
                                                 "version_negotiation"};

enum Field : std::uint8_t {
  kVersion,
  kSni,
  kAlpn,
  kCipher,
  kEch,
  kHelloRetry,
  kJa3,
  kJa3s,
  kJa4,
  kSupportedVersions,
  kDcid,
  kScid,
};

// Wireshark has one name for TLS hellos, whatever carries them: the aliases are those of the
// fields of TLS, and a filter that uses them means both.
constexpr std::array<std::string_view, 1> kSniAliases{"tls.handshake.extensions_server_name"};
constexpr std::array<std::string_view, 2> kAlpnAliases{"tls.handshake.extensions_alpn_str", "alpn"};
constexpr std::array<std::string_view, 1> kJa3Aliases{"tls.handshake.ja3"};
constexpr std::array<std::string_view, 1> kJa3sAliases{"tls.handshake.ja3s"};
constexpr std::array<std::string_view, 1> kJa4Aliases{"tls.handshake.ja4"};
constexpr std::array<std::string_view, 1> kSupportedAliases{"quic.supported_version"};

constexpr std::array kFields{
    FieldDef{.name = "quic.version",
             .help = "version of the packet: 1, 2, draft-29, mvfst-2, ...",
             .role = Role::kVersion},
    hello_field::sni("quic.sni", kSniAliases),
    hello_field::alpn("quic.alpn", kAlpnAliases),
    hello_field::cipher("quic.cipher"),
    hello_field::ech("quic.ech"),
    hello_field::hello_retry("quic.hello_retry"),
    hello_field::ja3("ja3", kJa3Aliases),
    hello_field::ja3s("ja3s", kJa3sAliases),
    hello_field::ja4(kJa4Aliases),
    FieldDef{.name = "quic.supported_versions",
             .list = true,
             .help = "versions the server speaks",
             .aliases = kSupportedAliases},
    FieldDef{.name = "quic.dcid",
             .type = FieldType::kBytes,
             .help = "destination connection ID",
             .max_bytes = 255},
    FieldDef{.name = "quic.scid",
             .type = FieldType::kBytes,
             .help = "source connection ID",
             .max_bytes = 255},
};
static_assert(kFields.size() == kScid + 1);

// The version is that of the packet; lists are left to TLS.
constexpr HelloFields kHelloFields{.sni = kSni,
                                   .alpn = kAlpn,
                                   .cipher = kCipher,
                                   .ech = kEch,
                                   .hello_retry = kHelloRetry,
                                   .ja3 = kJa3,
                                   .ja3s = kJa3s,
                                   .ja4 = kJa4};

void add_version(std::uint8_t field, std::uint32_t number, model::RecordBuilder& record) {
  if (const decrypt::QuicVersion* known = decrypt::find_quic_version(number)) {
    record.add_text(field, known->name);
    return;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 10> text{'0', 'x'};
  for (std::size_t i = 0; i < 8; ++i) text[2 + i] = kDigits[(number >> (28 - 4 * i)) & 0xf];
  record.add_text(field, {text.data(), text.size()});
}

model::RecordBuilder& start(Kind kind, const QuicLabel& label, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kQuicSchema, kind);
  if (label.version != 0) add_version(kVersion, label.version, record);
  return record;
}

void finish(const QuicLabel& label, model::Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  if (!label.dcid.empty()) record.add_bytes(kDcid, label.dcid);
  if (!label.scid.empty()) record.add_bytes(kScid, label.scid);
  context.emit(side);
}

}  // namespace

constinit const model::Schema kQuicSchema{
    .proto = "quic", .title = "QUIC handshake", .kinds = kKinds, .fields = kFields};

void report_quic_client_hello(const QuicLabel& label, const ClientHello& hello, model::Side side,
                              Context& context) {
  model::RecordBuilder& record = start(kClientHello, label, context);
  add_client_hello(kHelloFields, hello, Ja4Transport::kQuic, record);
  finish(label, side, context);
}

void report_quic_name(const QuicLabel& label, std::string_view sni, bool cut, model::Side side,
                      Context& context) {
  model::RecordBuilder& record = start(kClientHello, label, context);
  if (cut) record.mark_cut();
  if (!sni.empty()) record.add_text(kSni, sni);
  finish(label, side, context);
}

void report_quic_server_hello(const QuicLabel& label, const ServerHello& hello, model::Side side,
                              Context& context) {
  model::RecordBuilder& record = start(kServerHello, label, context);
  add_server_hello(kHelloFields, hello, record);
  finish(label, side, context);
}

void report_quic_retry(const QuicLabel& label, model::Side side, Context& context) {
  start(kRetry, label, context);
  finish(label, side, context);
}

void report_quic_negotiation(const QuicLabel& label, base::Bytes versions, model::Side side,
                             Context& context) {
  model::RecordBuilder& record = start(kNegotiation, label, context);
  base::Cursor cursor(versions);
  while (cursor.remaining() >= 4) {
    const std::uint32_t number = cursor.u32();
    if (!decrypt::is_reserved_quic_version(number)) {
      add_version(kSupportedVersions, number, record);
    }
  }
  finish(label, side, context);
}

}  // namespace netwatch::dpi
