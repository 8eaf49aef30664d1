// QUIC as Google had it before the IETF: versions Q024 to Q043 with their public header ("QUIC Wire
// Layout Specification", R. Hamilton et al.), Q046 with the invariant one. The client's hello is in
// clear ("QUIC Crypto", A. Langley and W. Chang): its version and the name it asks for are
// reported, under names of their own because the hello is no TLS; then the flow is let go.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/cursor.h"
#include "dpi/parts/quic_google_hello.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::Role;
using std::string_view;

constexpr string_view kKinds[] = {"client_hello"};
enum Field : std::uint8_t { kVersion, kSni, kCid };
constexpr string_view kSniAlias[] = {"gquic.tag.sni"};
constexpr FieldDef kFields[] = {
    {.name = "gquic.version", .help = "Q024 to Q046", .role = Role::kVersion},
    {.name = "gquic.sni",
     .help = "name of the server the client asks for",
     .role = Role::kServerName,
     .aliases = kSniAlias},
    {.name = "gquic.cid",
     .type = model::FieldType::kBytes,
     .help = "connection ID",
     .max_bytes = 8},
};
constexpr model::Schema kSchema{
    .proto = "gquic", .title = "Google QUIC handshake", .kinds = kKinds, .fields = kFields};

constexpr std::uint8_t kLongForm = 0x80;
constexpr std::size_t kCidBytes = 8;
constexpr std::uint8_t kMaxWithoutHello = 8;  // datagrams

// A packet of a client that says its version.
struct Packet {
  std::uint32_t version = 0;
  Bytes cid;
  Bytes rest;  // from the packet number on
};

bool is_google_version(std::uint32_t version) {
  constexpr std::uint32_t kQ0 = 0x5130;
  const auto digit = [](std::uint32_t c) { return c >= '0' && c <= '9'; };
  return version >> 16 == kQ0 && digit(version >> 8 & 0xff) && digit(version & 0xff);
}

bool read_packet(Bytes bytes, Packet& packet) {
  constexpr std::uint8_t kVersionBit = 0x01;
  constexpr std::uint8_t kResetBit = 0x02;
  constexpr std::uint8_t kCidBit = 0x08;
  constexpr std::uint8_t kReservedBit = 0x40;
  constexpr std::uint8_t kBothLengths = 0x50;  // Q046: 8 bytes of destination, 0 of source
  constexpr std::uint32_t kQ046 = 0x51303436;
  base::Cursor cursor(bytes);
  const std::uint8_t first = cursor.u8();
  if ((first & kLongForm) != 0) {
    packet.version = cursor.u32();
    if (packet.version != kQ046 || cursor.u8() != kBothLengths) return false;
    packet.cid = cursor.take(kCidBytes);
  } else {
    constexpr std::uint8_t kAsked = kVersionBit | kCidBit;
    if ((first & (kAsked | kResetBit | kReservedBit)) != kAsked) return false;
    packet.cid = cursor.take(kCidBytes);
    packet.version = cursor.u32();
    if (!is_google_version(packet.version)) return false;
  }
  packet.rest = cursor.rest();
  constexpr std::size_t kShortest = 1 + 12;  // a number and an authenticator
  return cursor.ok() && packet.rest.size() >= kShortest;
}

// The message stands behind packet number, authenticator and the header of a STREAM frame, whose
// lengths depend on the version: it is looked for by its tag.
Bytes find_hello(Bytes rest) {
  constexpr std::size_t kMostBefore = 48;
  const string_view text = base::as_text(rest.first(std::min(rest.size(), kMostBefore)));
  const std::size_t at = text.find("CHLO");
  return at == string_view::npos ? Bytes{} : rest.subspan(at);
}

void report(const Packet& packet, string_view sni, model::Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kSchema, 0);
  std::array<char, 4> version{};
  for (std::size_t i = 0; i < version.size(); ++i) {
    version[i] = static_cast<char>(packet.version >> (24 - 8 * i) & 0xff);
  }
  record.add_text(kVersion, {version.data(), version.size()});
  if (!sni.empty()) record.add_text(kSni, sni);
  record.add_bytes(kCid, packet.cid);
  context.emit(side);
}

Probe probe_gquic(const ProbeInput& input) {
  Packet packet;
  return read_packet(input.of(input.latest), packet) ? Probe::kYes : Probe::kNo;
}

class GquicDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  std::uint8_t seen_ = 0;
};

Step GquicDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Packet packet;
  const bool client = read_packet(chunk.bytes, packet);
  if (!client && seen_ == 0) return {.verdict = Verdict::kNotMine};
  if (client && seen_ == 0) context.set_originator(chunk.side);
  ++seen_;
  Step step{.consumed = chunk.bytes.size()};
  string_view sni;
  const Bytes hello = client ? find_hello(packet.rest) : Bytes{};
  if (!hello.empty() && parse_google_hello(hello, sni) != GoogleHello::kOther) {
    report(packet, sni, chunk.side, context);
    step.verdict = Verdict::kDone;
  } else if (seen_ == kMaxWithoutHello) {
    step.verdict = Verdict::kDone;
  }
  return step;
}

constexpr FirstBytes kFirst = [] {
  FirstBytes set{{0, 0, ~0ULL, ~0ULL}};
  for (unsigned byte = 0; byte < kLongForm; ++byte) {
    if ((byte & 0x4b) == 0x09) set.bits[byte >> 6] |= std::uint64_t{1} << (byte & 63);
  }
  return set;
}();
constexpr std::array<std::uint16_t, 2> kUsualPorts{443, 80};

}  // namespace

extern const ProtocolDef kGquic;
constinit const ProtocolDef kGquic{
    .name = "quic",
    .transport = Transport::kUdp,
    .first = kFirst,
    .usual_ports = kUsualPorts,
    .probe = probe_gquic,
    .schema = &kSchema,
    .state_bytes = sizeof(GquicDecoder),
    .make = make_decoder<GquicDecoder>,
};

}  // namespace netwatch::dpi
