// The PROXY protocol, versions 1 and 2: HAProxy's proxy-protocol.txt (2020-03-05), sections 2.1 and
// 2.2. A proxy puts one header before what it relays and says in it who the client was; what is
// relayed follows at once and is anybody's. Over UDP every datagram begins with a header.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/cursor.h"
#include "base/ip_address.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;

enum Kind : std::uint8_t { kProxied, kLocal };
constexpr std::array<std::string_view, 2> kKinds{"proxied", "local"};

enum Field : std::uint8_t {
  kVersion,
  kTransport,
  kSource,
  kSourcePort,
  kDestination,
  kDestinationPort,
  kSourcePath,
  kDestinationPath,
  kAuthority,
  kAlpn,
  kUniqueId,
  kTlsVersion,
  kTlsCipher,
  kTlsClient,
  kTlsVerified,
  kNamespace,
};

constexpr std::array<std::string_view, 1> kVersionAliases{"proxy.v2.version"};
constexpr std::array<std::string_view, 2> kSourceAliases{"proxy.src.ipv4", "proxy.src.ipv6"};
constexpr std::array<std::string_view, 1> kSourcePortAliases{"proxy.srcport"};
constexpr std::array<std::string_view, 2> kDestinationAliases{"proxy.dst.ipv4", "proxy.dst.ipv6"};
constexpr std::array<std::string_view, 1> kDestinationPortAliases{"proxy.dstport"};
constexpr std::array<std::string_view, 1> kTlsVersionAliases{"proxy.v2.tlv.ssl.version"};
constexpr std::array<std::string_view, 1> kTlsCipherAliases{"proxy.v2.tlv.ssl.cipher"};
constexpr std::array<std::string_view, 1> kTlsClientAliases{"proxy.v2.tlv.ssl.cn"};

constexpr std::array kFields{
    FieldDef{.name = "proxy.version",
             .type = FieldType::kUint,
             .help = "version of the PROXY header",
             .role = model::Role::kVersion,
             .aliases = kVersionAliases},
    FieldDef{.name = "proxy.transport", .help = "tcp4, tcp6, udp4, udp6, unix, unix_datagram"},
    FieldDef{.name = "proxy.source",
             .type = FieldType::kAddress,
             .help = "the client's address, as the proxy saw it",
             .aliases = kSourceAliases},
    FieldDef{.name = "proxy.source_port",
             .type = FieldType::kUint,
             .help = "the client's port",
             .aliases = kSourcePortAliases},
    FieldDef{.name = "proxy.destination",
             .type = FieldType::kAddress,
             .help = "the address that the client had connected to",
             .aliases = kDestinationAliases},
    FieldDef{.name = "proxy.destination_port",
             .type = FieldType::kUint,
             .help = "the port that the client had connected to",
             .aliases = kDestinationPortAliases},
    FieldDef{.name = "proxy.source_path", .help = "the client's UNIX socket", .max_bytes = 108},
    FieldDef{.name = "proxy.destination_path",
             .help = "the UNIX socket that the client had connected to",
             .max_bytes = 108},
    FieldDef{.name = "proxy.authority",
             .help = "host name that the client had asked the proxy for",
             .role = model::Role::kServerName,
             .privacy = model::Privacy::kPersonal},
    FieldDef{.name = "proxy.alpn", .help = "application protocol agreed on with the client"},
    FieldDef{.name = "proxy.unique_id",
             .type = FieldType::kBytes,
             .help = "the connection's name among proxies",
             .max_bytes = 128},
    FieldDef{.name = "proxy.tls_version",
             .help = "TLS between client and proxy",
             .aliases = kTlsVersionAliases},
    FieldDef{.name = "proxy.tls_cipher", .help = "its cipher", .aliases = kTlsCipherAliases},
    FieldDef{.name = "proxy.tls_client",
             .help = "common name of the client's certificate",
             .privacy = model::Privacy::kPersonal,
             .aliases = kTlsClientAliases},
    FieldDef{.name = "proxy.tls_verified",
             .type = FieldType::kBool,
             .help = "the client's certificate was verified"},
    FieldDef{.name = "proxy.namespace", .help = "network namespace of the proxy's listener"},
};
static_assert(kFields.size() == kNamespace + 1);

constinit const model::Schema kProxySchema{
    .proto = "proxy", .title = "PROXY header", .kinds = kKinds, .fields = kFields};

constexpr std::string_view kTextSignature = "PROXY ";
constexpr std::size_t kMaxLineBytes = 107;  // section 2.1, with CR and LF
constexpr std::string_view kBinarySignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kBinaryHeaderBytes = 16;
// A header should fit into one segment; a longer one than this is nobody's.
constexpr std::size_t kMaxBinaryBytes = 4096;

struct Family {
  std::uint8_t number;
  std::uint8_t address_bytes;
  std::string_view name;
};
constexpr std::array<Family, 7> kFamilies{{{0x00, 0, ""},
                                           {0x11, 12, "tcp4"},
                                           {0x12, 12, "udp4"},
                                           {0x21, 36, "tcp6"},
                                           {0x22, 36, "udp6"},
                                           {0x31, 216, "unix"},
                                           {0x32, 216, "unix_datagram"}}};

const Family* find_family(std::uint8_t number) {
  const auto* const found = std::ranges::find(kFamilies, number, &Family::number);
  return found == kFamilies.end() ? nullptr : found;
}

bool begins_alike(std::string_view text, std::string_view signature) {
  const std::size_t seen = std::min(text.size(), signature.size());
  return text.substr(0, seen) == signature.substr(0, seen);
}

// The whole line without its end; nothing if it is not here, or too long.
std::optional<std::string_view> whole_line(std::string_view text) {
  const std::size_t end = text.substr(0, kMaxLineBytes).find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  return text.substr(0, end);
}

// Section 2.1: "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443", or UNKNOWN and anything.
struct TextHeader {
  std::string_view transport;  // empty for UNKNOWN
  base::IpAddress source;
  base::IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

std::string_view next_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

bool read_port(std::string_view word, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
  return error == std::errc() && end == word.data() + word.size();
}

bool parse_text(std::string_view line, TextHeader& header) {
  line.remove_prefix(kTextSignature.size());
  const std::string_view transport = next_word(line);
  if (transport == "UNKNOWN") return true;
  if (transport != "TCP4" && transport != "TCP6") return false;
  const bool v4 = transport == "TCP4";
  header.transport = v4 ? "tcp4" : "tcp6";
  const auto source = base::IpAddress::parse(next_word(line));
  const auto destination = base::IpAddress::parse(next_word(line));
  if (!source || !destination) return false;
  if (v4 && (!source->is_v4() || !destination->is_v4())) return false;
  header.source = *source;
  header.destination = *destination;
  return read_port(next_word(line), header.source_port) &&
         read_port(next_word(line), header.destination_port) && line.empty();
}

Probe probe_text(std::string_view text) {
  const std::optional<std::string_view> line = whole_line(text);
  if (!line) return text.size() < kMaxLineBytes ? Probe::kMore : Probe::kNo;
  TextHeader header;
  return parse_text(*line, header) ? Probe::kYes : Probe::kNo;
}

// The fixed part of a header of version 2.
struct BinaryHeader {
  bool local = false;
  const Family* family = nullptr;
  std::size_t length = 0;  // of all that follows the fixed part
};

bool parse_fixed(Bytes bytes, BinaryHeader& header) {
  base::Cursor cursor(bytes);
  cursor.skip(kBinarySignature.size());
  const std::uint8_t version_and_command = cursor.u8();
  header.family = find_family(cursor.u8());
  header.length = cursor.u16();
  header.local = version_and_command == 0x20;
  if (!cursor.ok() || header.family == nullptr) return false;
  const bool known = version_and_command == 0x20 || version_and_command == 0x21;
  // A LOCAL header's length may be anything: what it holds is to be ignored.
  const bool fits = header.local || header.length >= header.family->address_bytes;
  return known && fits && header.length <= kMaxBinaryBytes - kBinaryHeaderBytes;
}

Probe probe_binary(Bytes bytes) {
  if (bytes.size() < kBinaryHeaderBytes) return Probe::kMore;
  BinaryHeader header;
  return parse_fixed(bytes, header) ? Probe::kYes : Probe::kNo;
}

Probe probe_proxy(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  const std::string_view text = base::as_text(bytes);
  if (begins_alike(text, kTextSignature)) return probe_text(text);
  return begins_alike(text, kBinarySignature) ? probe_binary(bytes) : Probe::kNo;
}

std::string_view before_nul(Bytes bytes) {
  const std::string_view text = base::as_text(bytes);
  return text.substr(0, text.find('\0'));
}

void add_addresses(const Family& family, base::Cursor& cursor, model::RecordBuilder& record) {
  if (family.address_bytes == 0) return;
  record.add_text(kTransport, family.name);
  if (family.number >= 0x30) {
    const std::string_view source = before_nul(cursor.take(108));
    const std::string_view destination = before_nul(cursor.take(108));
    if (!source.empty()) record.add_text(kSourcePath, source);
    if (!destination.empty()) record.add_text(kDestinationPath, destination);
    return;
  }
  const bool v4 = family.number < 0x20;
  const auto address = [&] {
    const Bytes bytes = cursor.take(v4 ? 4 : 16);
    if (!cursor.ok()) return base::IpAddress();
    return v4 ? base::IpAddress::v4(bytes.data()) : base::IpAddress::v6(bytes.data());
  };
  const base::IpAddress source = address();
  const base::IpAddress destination = address();
  const std::uint16_t source_port = cursor.u16();
  const std::uint16_t destination_port = cursor.u16();
  if (!cursor.ok()) return;
  record.add_address(kSource, source);
  record.add_uint(kSourcePort, source_port);
  record.add_address(kDestination, destination);
  record.add_uint(kDestinationPort, destination_port);
}

// Section 2.2.6: flags, the result of the check, and values of its own.
void add_tls(Bytes value, model::RecordBuilder& record, Context& context) {
  constexpr std::uint8_t kCertificateSeen = 0x02 | 0x04;
  base::Cursor cursor(value);
  const std::uint8_t client = cursor.u8();
  const std::uint32_t verify = cursor.u32();
  if (cursor.ok() && (client & kCertificateSeen) != 0) record.add_bool(kTlsVerified, verify == 0);
  while (cursor.ok() && !cursor.at_end()) {
    const std::uint8_t type = cursor.u8();
    const std::string_view text = base::as_text(cursor.take(cursor.u16()));
    if (!cursor.ok()) break;
    if (type == 0x21) record.add_text(kTlsVersion, text);
    if (type == 0x22) record.add_text(kTlsClient, text);
    if (type == 0x23) record.add_text(kTlsCipher, text);
  }
  if (!cursor.ok()) context.odd("tls_value");
}

void add_values(base::Cursor& cursor, model::RecordBuilder& record, Context& context) {
  while (cursor.ok() && !cursor.at_end()) {
    const std::uint8_t type = cursor.u8();
    const Bytes value = cursor.take(cursor.u16());
    if (!cursor.ok()) break;
    switch (type) {
      case 0x01:
        record.add_text(kAlpn, base::as_text(value));
        break;
      case 0x02:
        record.add_text(kAuthority, base::as_text(value));
        break;
      case 0x05:
        record.add_bytes(kUniqueId, value);
        break;
      case 0x20:
        add_tls(value, record, context);
        break;
      case 0x30:
        record.add_text(kNamespace, base::as_text(value));
        break;
      default:
        break;
    }
  }
  if (!cursor.ok()) context.odd("value_overrun");
}

class ProxyDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  // How long the header is; 0 after setting `step`: not here whole, or none.
  std::size_t read(const model::StreamChunk& chunk, Context& context, Step& step);
  void report_text(const TextHeader& header, model::Side side, Context& context);
  void report_binary(const BinaryHeader& header, Bytes body, model::Side side, Context& context);

  bool reported_ = false;  // datagrams repeat it
};

Step ProxyDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Step step;
  const std::size_t header_bytes = read(chunk, context, step);
  if (chunk.datagram) {
    // Answers come back bare. What a header stands before is carried, and so are they.
    if (header_bytes == 0 && !reported_) return {.verdict = Verdict::kNotMine};
    model::StreamChunk inner = chunk;
    inner.bytes = chunk.bytes.subspan(header_bytes);
    if (!inner.bytes.empty()) context.child(inner);
    return {.consumed = chunk.bytes.size()};
  }
  if (header_bytes == 0) return step;
  context.hand_on();
  return {.consumed = header_bytes};
}

std::size_t ProxyDecoder::read(const model::StreamChunk& chunk, Context& context, Step& step) {
  const std::string_view text = base::as_text(chunk.bytes);
  const bool binary = begins_alike(text, kBinarySignature);
  if (!binary && !begins_alike(text, kTextSignature)) {
    step.verdict = Verdict::kNotMine;
    return 0;
  }
  const Probe probe = binary ? probe_binary(chunk.bytes) : probe_text(text);
  if (probe == Probe::kNo) step.verdict = Verdict::kNotMine;
  if (probe != Probe::kYes) return 0;
  if (!binary) {
    const std::string_view line = *whole_line(text);
    TextHeader header;
    parse_text(line, header);
    report_text(header, chunk.side, context);
    return line.size() + 2;
  }
  BinaryHeader header;
  parse_fixed(chunk.bytes, header);
  step.wanted = kBinaryHeaderBytes + header.length;
  if (chunk.bytes.size() < step.wanted) return 0;
  const Bytes body = chunk.bytes.first(step.wanted).subspan(kBinaryHeaderBytes);
  report_binary(header, body, chunk.side, context);
  return step.wanted;
}

void ProxyDecoder::report_text(const TextHeader& header, model::Side side, Context& context) {
  if (reported_) return;
  reported_ = true;
  context.set_originator(side);
  model::RecordBuilder& record = context.record();
  record.start(kProxySchema, kProxied);
  record.add_uint(kVersion, 1);
  if (!header.transport.empty()) {
    record.add_text(kTransport, header.transport);
    record.add_address(kSource, header.source);
    record.add_uint(kSourcePort, header.source_port);
    record.add_address(kDestination, header.destination);
    record.add_uint(kDestinationPort, header.destination_port);
  }
  context.emit(side);
}

void ProxyDecoder::report_binary(const BinaryHeader& header, Bytes body, model::Side side,
                                 Context& context) {
  if (reported_) return;
  reported_ = true;
  context.set_originator(side);
  model::RecordBuilder& record = context.record();
  record.start(kProxySchema, header.local ? kLocal : kProxied);
  record.add_uint(kVersion, 2);
  if (!header.local) {
    base::Cursor cursor(body);
    add_addresses(*header.family, cursor, record);
    add_values(cursor, record, context);
  }
  context.emit(side);
}

}  // namespace

extern const ProtocolDef kProxy;
constinit const ProtocolDef kProxy{
    .name = "proxy",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("P\r"),
    .probe = probe_proxy,
    .schema = &kProxySchema,
    .state_bytes = sizeof(ProxyDecoder),
    .make = make_decoder<ProxyDecoder>,
};

}  // namespace netwatch::dpi
