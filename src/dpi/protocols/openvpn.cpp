// OpenVPN over UDP and TCP: draft-openvpn-wire-protocol. Read is the control channel as long as it
// is in clear (plain, or --tls-auth): its messages, put in order, are a stream of TLS records, the
// child. Under --tls-crypt nothing but the session's beginning is told.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/message_order.h"
#include "dpi/parts/openvpn_packet.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Side;

enum Kind : std::uint8_t { kClientReset, kServerReset, kControl };
constexpr std::array<std::string_view, 3> kKinds{"client_reset", "server_reset", "control"};

enum Field : std::uint8_t { kOpcode, kSession, kProtection, kHmacBytes };
constexpr std::array<std::string_view, 1> kOpcodeAliases{"openvpn.type"};
constexpr std::array<std::string_view, 1> kSessionAliases{"openvpn.sessionid"};

constexpr std::array kFields{
    FieldDef{.name = "openvpn.opcode",
             .type = FieldType::kUint,
             .help = "what begins the session: 7 and 8 are common, 10 brings a wrapped key",
             .aliases = kOpcodeAliases},
    FieldDef{.name = "openvpn.session",
             .type = FieldType::kBytes,
             .help = "the sender's session ID",
             .aliases = kSessionAliases},
    FieldDef{.name = "openvpn.protection",
             .help = "of the control channel: none, tls-auth, tls-crypt, tls-crypt-v2"},
    FieldDef{.name = "openvpn.hmac_bytes",
             .type = FieldType::kUint,
             .help = "length of the HMAC of tls-auth: 20 is SHA-1, 32 SHA-256, 64 SHA-512"},
};
static_assert(kFields.size() == kHmacBytes + 1);

constinit const model::Schema kOpenvpnSchema{
    .proto = "openvpn", .title = "OpenVPN session", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kLengthBytes = 2;  // before every packet in TCP
constexpr std::uint8_t kMaxData = 16;    // packets of the data channel until the flow is let go
constexpr std::uint8_t kMaxOpaque = 8;   // packets of a control channel that cannot be read

bool is_beginning(Bytes packet) {
  std::size_t auth_bytes = 0;
  return find_openvpn_auth(packet, auth_bytes) || is_openvpn_crypt_reset(packet);
}

Probe probe_datagram(Bytes bytes) { return is_beginning(bytes) ? Probe::kYes : Probe::kNo; }

Probe probe_stream(Bytes bytes) {
  constexpr std::size_t kShortest = 14;
  if (bytes.size() < kLengthBytes) return Probe::kMore;
  base::Cursor cursor(bytes);
  const std::size_t length = cursor.u16();
  if (length < kShortest || length > kProbeBytes - kLengthBytes) return Probe::kNo;
  if (cursor.at_end()) return Probe::kMore;
  const std::uint8_t opcode = openvpn_opcode(cursor.peek());
  if (opcode == 0 || is_openvpn_data(cursor.peek())) return Probe::kNo;
  const Bytes packet = cursor.take(length);
  if (!cursor.ok()) return Probe::kMore;
  return is_beginning(packet) ? Probe::kYes : Probe::kNo;
}

Probe probe_openvpn(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  if (bytes.empty()) return Probe::kNo;
  return input.datagram ? probe_datagram(bytes) : probe_stream(bytes);
}

class OpenvpnDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override;

 private:
  struct Session {
    std::array<std::uint8_t, kOpenvpnSessionBytes> id{};
    bool seen = false;
  };

  Step on_stream(const model::StreamChunk& chunk, Context& context);
  // False: this is no packet of OpenVPN, and none was before.
  bool on_packet(Bytes bytes, const model::StreamChunk& chunk, Context& context);
  bool learn_protection(Bytes bytes);
  void on_crypt(Bytes bytes, Side side, Context& context);
  void on_reset(const OpenvpnPacket& packet, Side side, Context& context);
  void on_message(const OpenvpnPacket& packet, const model::StreamChunk& chunk, Context& context);
  bool begin_session(Bytes id, Side side);
  void report(Kind kind, const OpenvpnPacket& packet, Side side, Context& context) const;
  void carry(Side side, Bytes bytes, bool after_gap, bool cut, Context& context);
  [[nodiscard]] Verdict verdict() const {
    return over_ || data_ >= kMaxData || opaque_ >= kMaxOpaque ? Verdict::kDone : Verdict::kFine;
  }

  std::array<Session, 2> sessions_;
  MessageOrder order_;
  std::uint8_t auth_bytes_ = 0;
  std::uint8_t key_ = 0;  // the TLS handshake that is read: the first
  std::uint8_t data_ = 0;
  std::uint8_t opaque_ = 0;
  bool known_ = false;  // how the control channel is protected
  bool crypt_ = false;  // so that it cannot be read
  bool wrapped_ = false;
  bool over_ = false;  // nobody reads the child
};
static_assert(sizeof(OpenvpnDecoder) <= kMaxStateBytes);

Step OpenvpnDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  if (!chunk.datagram) return on_stream(chunk, context);
  if (!on_packet(chunk.bytes, chunk, context)) return {.verdict = Verdict::kNotMine};
  return {.verdict = verdict(), .consumed = chunk.bytes.size()};
}

Step OpenvpnDecoder::on_stream(const model::StreamChunk& chunk, Context& context) {
  std::size_t at = 0;
  while (verdict() == Verdict::kFine) {
    base::Cursor cursor(chunk.bytes.subspan(at));
    const std::size_t length = cursor.u16();
    if (!cursor.ok()) return {.consumed = at, .wanted = kLengthBytes};
    if (length == 0) return {.verdict = known_ ? Verdict::kDone : Verdict::kNotMine};
    if (cursor.at_end()) return {.consumed = at, .wanted = kLengthBytes + 1};
    if (is_openvpn_data(cursor.peek()) && known_) {
      ++data_;
      at += kLengthBytes + length;
      if (at >= chunk.bytes.size()) break;
      continue;
    }
    const Bytes packet = cursor.take(length);
    if (!cursor.ok()) return {.consumed = at, .wanted = kLengthBytes + length};
    if (!on_packet(packet, chunk, context)) return {.verdict = Verdict::kNotMine};
    at += kLengthBytes + length;
  }
  return {.verdict = verdict(), .consumed = at};
}

bool OpenvpnDecoder::on_packet(Bytes bytes, const model::StreamChunk& chunk, Context& context) {
  if (bytes.empty() || (!known_ && !learn_protection(bytes))) return known_;
  if (is_openvpn_data(bytes[0])) {
    ++data_;
    return true;
  }
  if (crypt_) {
    on_crypt(bytes, chunk.side, context);
    return true;
  }
  OpenvpnPacket packet;
  if (!read_openvpn_packet(bytes, auth_bytes_, packet)) {
    if (!chunk.cut) context.odd("bad_packet");
    return true;
  }
  if (packet.is_reset()) {
    on_reset(packet, chunk.side, context);
  } else if (packet.opcode == OpenvpnOpcode::kControl && (bytes[0] & 7) == key_) {
    on_message(packet, chunk, context);
  }
  return true;
}

// The first packet tells: see openvpn_packet.h.
bool OpenvpnDecoder::learn_protection(Bytes bytes) {
  std::size_t auth_bytes = 0;
  if (find_openvpn_auth(bytes, auth_bytes)) {
    auth_bytes_ = static_cast<std::uint8_t>(auth_bytes);
  } else if (is_openvpn_crypt_reset(bytes)) {
    crypt_ = true;
  } else {
    return false;
  }
  key_ = bytes[0] & 7;
  known_ = true;
  return true;
}

void OpenvpnDecoder::on_crypt(Bytes bytes, Side side, Context& context) {
  if (!is_openvpn_crypt_reset(bytes)) {
    ++opaque_;
    return;
  }
  OpenvpnPacket packet;
  packet.opcode = static_cast<OpenvpnOpcode>(openvpn_opcode(bytes[0]));
  packet.session = bytes.subspan(1, kOpenvpnSessionBytes);
  wrapped_ |= packet.opcode == OpenvpnOpcode::kClientResetV3;
  if (begin_session(packet.session, side)) {
    report(packet.from_client() ? kClientReset : kServerReset, packet, side, context);
  }
}

void OpenvpnDecoder::on_reset(const OpenvpnPacket& packet, Side side, Context& context) {
  if (!begin_session(packet.session, side)) return;  // it is sent until it is answered
  report(packet.from_client() ? kClientReset : kServerReset, packet, side, context);
  // The stream of a second session would have to be another child: it is not read.
  if (!order_.started(side) || order_.next(side) <= 1) order_.start(side, 1);
}

void OpenvpnDecoder::on_message(const OpenvpnPacket& packet, const model::StreamChunk& chunk,
                                Context& context) {
  const Side side = chunk.side;
  Session& session = sessions_[model::index(side)];
  if (!session.seen) {  // the capture began after the reset
    begin_session(packet.session, side);
    report(kControl, packet, side, context);
    order_.start(side, packet.message);
  }
  if (!std::ranges::equal(packet.session, session.id)) return;
  order_.add(side, packet.message, packet.payload, [&](Bytes bytes, bool after_gap) {
    carry(side, bytes, after_gap, chunk.cut, context);
  });
}

void OpenvpnDecoder::carry(Side side, Bytes bytes, bool after_gap, bool cut, Context& context) {
  // How long it was is not known: at least a byte.
  if (after_gap) over_ |= !context.child({.side = side, .bytes = {}, .gap_bytes = 1});
  over_ |= !context.child({.side = side, .bytes = bytes, .cut = cut});
}

// True if it is a new one.
bool OpenvpnDecoder::begin_session(Bytes id, Side side) {
  Session& session = sessions_[model::index(side)];
  if (session.seen && std::ranges::equal(session.id, id)) return false;
  session.seen = true;
  std::ranges::copy(id, session.id.begin());
  return true;
}

void OpenvpnDecoder::report(Kind kind, const OpenvpnPacket& packet, Side side,
                            Context& context) const {
  constexpr std::size_t kReplayBytes = 8;
  if (kind != kControl) {
    context.set_originator(kind == kClientReset ? side : model::other(side));
  }
  model::RecordBuilder& record = context.record();
  record.start(kOpenvpnSchema, kind);
  record.add_uint(kOpcode, static_cast<std::uint8_t>(packet.opcode));
  record.add_bytes(kSession, packet.session);
  if (crypt_) {
    record.add_text(kProtection, wrapped_ ? "tls-crypt-v2" : "tls-crypt");
  } else {
    record.add_text(kProtection, auth_bytes_ > 0 ? "tls-auth" : "none");
    if (auth_bytes_ > 0) record.add_uint(kHmacBytes, auth_bytes_ - kReplayBytes);
  }
  context.emit(side);
}

void OpenvpnDecoder::on_end(Context& context) {
  for (const Side side : {Side::kOriginator, Side::kResponder}) {
    order_.finish(
        side, [&](Bytes bytes, bool after_gap) { carry(side, bytes, after_gap, false, context); });
  }
}

constexpr std::array<std::uint16_t, 1> kUsualPorts{1194};
// High bytes of lengths; resets; control with any key number.
constexpr FirstBytes kFirst =
    FirstBytes::of(std::string_view("\0\1\2\3\4\5\6\7"
                                    "\x08\x10\x38\x40\x50"
                                    "\x20\x21\x22\x23\x24\x25\x26\x27",
                                    21));

}  // namespace

extern const ProtocolDef kOpenvpn;
constinit const ProtocolDef kOpenvpn{
    .name = "openvpn",
    .transport = Transport::kBoth,
    .first = kFirst,
    .usual_ports = kUsualPorts,
    .probe = probe_openvpn,
    .schema = &kOpenvpnSchema,
    .state_bytes = sizeof(OpenvpnDecoder),
    .make = make_decoder<OpenvpnDecoder>,
};

}  // namespace netwatch::dpi
