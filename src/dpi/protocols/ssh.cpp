// SSH: RFC 4253 sections 4.2 (identification) and 7.1 (KEXINIT). Its lists and their fingerprints:
// HASSH, the MD5 of "kex;encryption;mac;compression" as the client sends with them, and HASSH
// server, the same of the server. Read until both sides have named their algorithms; what follows
// is enciphered. SSH 1 (protocol 1.x) is reported by its identification alone.
#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "base/cursor.h"
#include "dpi/parts/http_message.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kBannerKind, kKexinitKind };
enum Field : std::uint8_t {
  kClient,
  kServer,
  kHassh,
  kHasshServer,
  kKex,
  kHostKey,
  kCipher,
  kMac,
  kCompression,
};

constexpr string_view kKinds[] = {"banner", "kexinit"};
constexpr string_view kBannerAlias[] = {"ssh.protocol"};
constexpr string_view kHasshAlias[] = {"ssh.kex.hassh", "hassh"};
constexpr string_view kHasshServerAlias[] = {"ssh.kex.hasshserver", "hassh_server"};
constexpr string_view kKexAlias[] = {"ssh.kex_algorithms"};
constexpr string_view kHostKeyAlias[] = {"ssh.server_host_key_algorithms"};

constexpr FieldDef kFields[] = {
    {.name = "ssh.client",
     .help = "the client's identification",
     .role = Role::kUserAgent,
     .aliases = kBannerAlias},
    {.name = "ssh.server",
     .help = "the server's identification",
     .role = Role::kSubject,
     .aliases = kBannerAlias},
    {.name = "ssh.hassh",
     .help = "HASSH fingerprint of the client",
     .role = Role::kFingerprint,
     .aliases = kHasshAlias},
    {.name = "ssh.hassh_server",
     .help = "HASSH fingerprint of the server",
     .role = Role::kFingerprint,
     .aliases = kHasshServerAlias},
    {.name = "ssh.kex", .help = "key exchange methods offered", .aliases = kKexAlias},
    {.name = "ssh.host_key", .help = "host key algorithms offered", .aliases = kHostKeyAlias},
    {.name = "ssh.cipher", .help = "ciphers offered in the sender's direction"},
    {.name = "ssh.mac", .help = "MACs offered in the sender's direction"},
    {.name = "ssh.compression", .help = "compression offered in the sender's direction"},
};
constexpr model::Schema kSchema{.proto = "ssh", .title = "SSH", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kMaxIdentBytes = 255;       // section 4.2, CR and LF included
constexpr std::size_t kMaxBeforeBytes = 8192;     // other lines that a server may send first
constexpr std::uint32_t kMaxPacketBytes = 35000;  // section 6.1
constexpr std::uint8_t kMsgKexinit = 20;
constexpr std::size_t kCookieBytes = 16;

bool is_ident(string_view line) { return line.starts_with("SSH-"); }

// A capture that begins behind the identifications: section 6's header, then section 7.1's first
// list of names.
Probe probe_kexinit(Bytes bytes) {
  constexpr std::string_view kInNames = "abcdefghijklmnopqrstuvwxyz0123456789-@.,";
  constexpr std::size_t kSeen = 16;
  base::Cursor cursor(bytes);
  const std::uint32_t length = cursor.u32();
  const std::uint8_t padding = cursor.u8();
  const std::uint8_t type = cursor.u8();
  if (!cursor.ok()) return std::ranges::count(bytes, 0) > 1 ? Probe::kMore : Probe::kNo;
  if (type != kMsgKexinit || length > kMaxPacketBytes) return Probe::kNo;
  cursor.skip(kCookieBytes);
  const std::uint32_t names = cursor.u32();
  const string_view first = base::as_text(cursor.take(kSeen));
  if (!cursor.ok()) return Probe::kMore;
  const bool fits = padding >= 4 && names >= kSeen && names < length;
  return fits && first.find_first_not_of(kInNames) == string_view::npos ? Probe::kYes : Probe::kNo;
}

Probe probe_ssh(const ProbeInput& input) {
  for (Bytes bytes : input.sides) {
    if (!bytes.empty() && bytes[0] == 0) {
      const Probe probe = probe_kexinit(bytes);
      if (probe != Probe::kNo) return probe;
      continue;
    }
    const string_view text = base::as_text(bytes);
    constexpr string_view kStart = "SSH-";
    const std::size_t seen = std::min(text.size(), kStart.size());
    if (seen == 0 || text.substr(0, seen) != kStart.substr(0, seen)) continue;
    if (text.size() < 6) return Probe::kMore;
    const bool version = text[4] >= '1' && text[4] <= '9' && text[5] == '.';
    return version ? Probe::kYes : Probe::kNo;
  }
  return Probe::kNo;
}

// Section 4.2: "The null character MUST NOT be sent." Some servers send their whole buffer.
string_view until_nul(string_view line, Context& context) {
  const std::size_t nul = line.find('\0');
  if (nul == string_view::npos) return line;
  context.odd("nul_in_identification");
  return line.substr(0, nul);
}

// The ten name-lists of KEXINIT.
enum List : std::uint8_t {
  kListKex,
  kListHostKey,
  kListCipher,
  kListMac = 4,
  kListCompression = 6
};
constexpr std::size_t kLists = 10;

class SshDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& /*chunk*/, Context& /*context*/) override {
    return Verdict::kDone;
  }

 private:
  enum class Phase : std::uint8_t { kIdent, kPackets, kOver };

  Step read_ident(const model::StreamChunk& chunk, Context& context);
  Step read_packet(const model::StreamChunk& chunk, Context& context);
  void report_kexinit(Bytes payload, Side side, Context& context);
  // The client is who connected; of a capture from the middle the engine has its own guess.
  static bool is_client(Side side) { return side == Side::kOriginator; }

  std::array<Phase, 2> phases_{};
  std::array<std::uint16_t, 2> before_{};  // bytes of lines before the identification
};

Step SshDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Phase& phase = phases_[model::index(chunk.side)];
  const bool late = phase == Phase::kIdent && chunk.bytes[0] == 0;
  if (late && probe_kexinit(chunk.bytes) == Probe::kYes) phase = Phase::kPackets;
  if (phase == Phase::kOver) return {.consumed = chunk.bytes.size()};
  Step step;
  if (phase == Phase::kIdent) step = read_ident(chunk, context);
  if (step.verdict == Verdict::kNotMine || phase != Phase::kPackets) return step;
  model::StreamChunk rest = chunk;
  rest.bytes = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
  Step packet = read_packet(rest, context);
  packet.consumed += step.consumed;
  const bool both =
      phases_[0] == Phase::kOver && phases_[1] == Phase::kOver && packet.verdict == Verdict::kFine;
  if (both) packet.verdict = Verdict::kDone;
  return packet;
}

// Section 4.2: the server may send other lines before its identification.
Step SshDecoder::read_ident(const model::StreamChunk& chunk, Context& context) {
  const string_view bytes = base::as_text(chunk.bytes);
  string_view rest = bytes;
  string_view line;
  std::size_t other = 0;  // bytes of whole lines that are none
  while (next_line(rest, line)) {
    if (is_ident(line)) break;
    line = {};
    other = bytes.size() - rest.size();
  }
  Phase& phase = phases_[model::index(chunk.side)];
  std::uint16_t& before = before_[model::index(chunk.side)];
  if (line.empty()) {
    const bool begun = is_ident(bytes.substr(other));
    const std::size_t seen = begun ? bytes.size() - other : before + bytes.size();
    if (seen < (begun ? kMaxIdentBytes : kMaxBeforeBytes) && !chunk.cut) {
      before = static_cast<std::uint16_t>(before + other);
      return {.consumed = other};
    }
    phase = Phase::kOver;
    context.odd("no_identification");
    return {.verdict = Verdict::kOdd, .consumed = chunk.bytes.size()};
  }
  context.record().start(kSchema, kBannerKind);
  context.record().add_text(is_client(chunk.side) ? kClient : kServer, until_nul(line, context));
  context.emit(chunk.side);
  const bool version2 = line.starts_with("SSH-2.") || line.starts_with("SSH-1.99-");
  phase = version2 ? Phase::kPackets : Phase::kOver;
  return {.consumed = bytes.size() - rest.size()};
}

// Section 6: length, padding length, payload. Before keys are there, nothing but KEXINIT is
// expected; a guessed key exchange packet may follow it.
Step SshDecoder::read_packet(const model::StreamChunk& chunk, Context& context) {
  if (chunk.bytes.size() < 6) return {};
  base::Cursor cursor(chunk.bytes);
  const std::uint32_t length = cursor.u32();
  const std::uint8_t padding = cursor.u8();
  Phase& phase = phases_[model::index(chunk.side)];
  const bool sane = length <= kMaxPacketBytes && padding + 2U <= length;
  if (!sane || cursor.peek() != kMsgKexinit) {
    phase = Phase::kOver;
    if (sane) return {.consumed = chunk.bytes.size()};
    context.odd("bad_packet");
    return {.verdict = Verdict::kOdd, .consumed = chunk.bytes.size()};
  }
  const std::size_t whole = std::size_t{4} + length;
  if (chunk.bytes.size() < whole && !chunk.cut) return {.wanted = whole};
  phase = Phase::kOver;
  report_kexinit(cursor.take_up_to(length - 1 - padding), chunk.side, context);
  return {.consumed = chunk.bytes.size()};
}

void SshDecoder::report_kexinit(Bytes payload, Side side, Context& context) {
  base::Cursor cursor(payload);
  cursor.skip(1 + kCookieBytes);
  std::array<string_view, kLists> lists;
  for (string_view& list : lists) list = base::as_text(cursor.take(cursor.u32()));
  if (!cursor.ok()) {
    context.odd("kexinit_cut");
    return;
  }
  const bool client = is_client(side);
  // Even lists are the client's direction, odd ones the server's.
  const std::size_t direction = client ? 0 : 1;
  const std::array<string_view, 4> parts{lists[kListKex], lists[kListCipher + direction],
                                         lists[kListMac + direction],
                                         lists[kListCompression + direction]};
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kKexinitKind);
  const std::span<std::uint8_t> room = context.scratch();
  std::size_t used = 0;
  bool fits = true;
  for (std::size_t i = 0; i < parts.size() && fits; ++i) {
    fits = used + parts[i].size() + 1 <= room.size();
    if (!fits) break;
    if (i > 0) room[used++] = ';';
    std::ranges::copy(parts[i], room.begin() + static_cast<std::ptrdiff_t>(used));
    used += parts[i].size();
  }
  if (fits) {
    const base::Md5Digest digest = base::md5(room.first(used));
    record.add_text(client ? kHassh : kHasshServer, base::to_hex(digest));
  }
  record.add_text(kKex, parts[0]);
  record.add_text(kHostKey, lists[kListHostKey]);
  record.add_text(kCipher, parts[1]);
  record.add_text(kMac, parts[2]);
  record.add_text(kCompression, parts[3]);
  context.emit(side);
}

constexpr std::uint16_t kPorts[] = {22};

}  // namespace

extern const ProtocolDef kSsh;
constinit const ProtocolDef kSsh{
    .name = "ssh",
    .transport = Transport::kTcp,
    .first = FirstBytes::of({"S\0", 2}),
    .usual_ports = kPorts,
    .probe = probe_ssh,
    .schema = &kSchema,
    .state_bytes = sizeof(SshDecoder),
    .make = make_decoder<SshDecoder>,
    .late = true,  // so that it is found behind a proxy that is not known
};

}  // namespace netwatch::dpi
