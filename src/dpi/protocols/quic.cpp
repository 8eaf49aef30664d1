// QUIC: RFC 9000, RFC 9001 5 and A, RFC 9369 (version 2), RFC 8999 (what every version keeps), the
// drafts 22 to 34, mvfst, and Google's Q050 and T05x. Read are the TLS hellos (RFC 8446 4.1) in
// Initial packets, whose keys follow from a connection ID in clear; Retry and Version Negotiation
// are in clear anyway. Everything later is encrypted: then the flow is let go.
#include <algorithm>
#include <array>
#include <optional>

#include "base/cursor.h"
#include "decrypt/quic_initial.h"
#include "dpi/parts/offset_stream.h"
#include "dpi/parts/quic_google_hello.h"
#include "dpi/parts/quic_packet.h"
#include "dpi/parts/tls_hello.h"
#include "dpi/protocol.h"
#include "dpi/protocols/quic_report.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using decrypt::QuicSalt;
using model::Side;

enum MessageType : std::uint8_t { kClientHello = 1, kServerHello = 2 };

constexpr std::size_t kMessageHeaderBytes = 4;
constexpr int kMaxCoalesced = 16;        // packets of one datagram
constexpr std::uint8_t kMaxFailed = 16;  // Initial packets that could not be opened
constexpr std::uint8_t kMaxIdle = 64;    // datagrams in a row that told nothing

// Room for what CRYPTO frames carry until a hello is whole, a part of the decoder's own state so
// that it is counted and evicted with it. Clients with a post-quantum key share send 1.8 KiB, and
// the server's answer to it has 1.2 KiB; the client may use all of the room until the server
// answers. What is longer is reported as cut, with the name if that was among the first bytes.
constexpr std::size_t kRoomBytes = 3520;
constexpr std::size_t kServerRoomBytes = 1280;
constexpr std::size_t kClientRoomBytes = kRoomBytes - kServerRoomBytes;

bool plausible_negotiation(const QuicPacket& packet) {
  constexpr std::size_t kMaxVersions = 64;
  const std::size_t count = packet.versions.size() / 4;
  if (packet.versions.size() % 4 != 0 || count == 0 || count > kMaxVersions) return false;
  if (std::max(packet.dcid.size(), packet.scid.size()) > decrypt::kMaxQuicCidBytes) return false;
  base::Cursor cursor(packet.versions);
  while (!cursor.at_end()) {
    if (decrypt::find_quic_version(cursor.u32()) != nullptr) return true;
  }
  return false;
}

Probe probe_quic(const ProbeInput& input) {
  constexpr std::size_t kFullDatagram = 1200;  // RFC 9000 14.1
  constexpr std::size_t kShortestFirstDcid = 8;
  const Bytes bytes = input.of(input.latest);
  QuicPacket packet;
  if (!read_quic_packet(bytes, packet)) return Probe::kNo;
  if (packet.type == QuicType::kVersionNegotiation) {
    return plausible_negotiation(packet) ? Probe::kYes : Probe::kNo;
  }
  if (packet.type == QuicType::kUnknown || !packet.fixed_bit) return Probe::kNo;
  if (packet.version != nullptr) return Probe::kYes;
  // A reserved version proves little, so the rest of a first packet must fit as well.
  const bool first_packet = packet.type == QuicType::kInitial && packet.whole &&
                            bytes.size() >= kFullDatagram &&
                            packet.dcid.size() >= kShortestFirstDcid;
  return first_packet ? Probe::kYes : Probe::kNo;
}

Bytes carried_id(const model::StreamChunk& datagram) {
  return quic_short_header_id(datagram.bytes, datagram.cut);
}

class QuicDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override { report_unfinished(context); }

 private:
  struct QuicSide {
    OffsetStream crypto;
    std::uint64_t next_number = 0;  // one more than the highest packet number
    bool over = false;              // its hello was read, or will never be
  };

  bool on_packet(const QuicPacket& packet, Side which, Context& context);
  bool on_initial(const QuicPacket& packet, Side which, Context& context);
  bool on_retry(const QuicPacket& packet, Side which, Context& context);
  bool on_negotiation(const QuicPacket& packet, Side which, Context& context);
  std::optional<decrypt::QuicPayload> open(const QuicPacket& packet, Side which, Context& context);
  std::optional<decrypt::QuicPayload> open_as_client(const QuicPacket& packet, Side which,
                                                     Context& context);
  void begin_connection(const QuicPacket& packet, Side which, Context& context);
  void tell_server_id(const QuicPacket& packet, Side which, Context& context);
  void read_hellos(QuicSide& side, const QuicPacket& packet, Side which, Context& context);
  void read_google_hello(const QuicPacket& packet, Side which, Context& context);
  void on_client_hello(Bytes body, const QuicLabel& label, Context& context);
  void on_server_hello(Bytes body, const QuicLabel& label, Side which, Context& context);
  void report_unfinished(Context& context);

  QuicSide& side_of(Side which) { return which == client_side_ ? client_ : server_; }
  std::span<std::uint8_t> room_of(const QuicSide& side);
  [[nodiscard]] Bytes dcid() const { return Bytes(dcid_).first(dcid_bytes_); }
  static QuicLabel label_of(const QuicPacket& packet) {
    return {.version = packet.number, .dcid = packet.dcid, .scid = packet.scid};
  }

  QuicSide client_;
  QuicSide server_;
  decrypt::QuicInitialKeys keys_;
  std::uint32_t version_ = 0;  // of the keys
  std::uint8_t dcid_bytes_ = 0;
  std::array<std::uint8_t, decrypt::kMaxQuicCidBytes> dcid_{};  // which the keys follow from
  Side client_side_ = Side::kOriginator;
  bool opened_ = false;      // there are keys, and so it is known who the client is
  bool any_ = false;         // some datagram was QUIC
  bool retried_ = false;     // a Retry was seen
  bool negotiated_ = false;  // a Version Negotiation was seen
  bool id_told_ = false;     // which ID the server chose
  bool repeat_ = false;      // the next client hello was reported already, before a Retry
  std::uint8_t failed_ = 0;
  std::uint8_t idle_ = 0;
  std::array<std::uint8_t, kRoomBytes> room_;
};
static_assert(sizeof(QuicDecoder) <= kMaxStateBytes);

Step QuicDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Bytes rest = chunk.bytes;
  bool news = false;
  QuicPacket packet;
  for (int i = 0; i < kMaxCoalesced && read_quic_packet(rest, packet); ++i) {
    any_ = true;
    news |= on_packet(packet, chunk.side, context);
    rest = rest.subspan(packet.bytes.size());
  }
  if (!any_) return {.verdict = Verdict::kNotMine};
  Step step{.consumed = chunk.bytes.size()};
  idle_ = news ? std::uint8_t{0} : static_cast<std::uint8_t>(idle_ + 1);
  if ((client_.over && server_.over) || failed_ >= kMaxFailed || idle_ >= kMaxIdle) {
    report_unfinished(context);
    step.verdict = Verdict::kDone;
  }
  return step;
}

// True if it told something new.
bool QuicDecoder::on_packet(const QuicPacket& packet, Side which, Context& context) {
  switch (packet.type) {
    case QuicType::kInitial:
      return on_initial(packet, which, context);
    case QuicType::kRetry:
      return on_retry(packet, which, context);
    case QuicType::kVersionNegotiation:
      return on_negotiation(packet, which, context);
    default:
      return false;
  }
}

bool QuicDecoder::on_initial(const QuicPacket& packet, Side which, Context& context) {
  const std::optional<decrypt::QuicPayload> payload = open(packet, which, context);
  if (!payload) {
    ++failed_;
    return false;
  }
  QuicSide& side = side_of(which);
  side.next_number = std::max(side.next_number, payload->packet_number + 1);
  const bool google = packet.version != nullptr && packet.version->google_frames();
  QuicCryptoFrames frames(payload->frames, google);
  std::uint64_t offset = 0;
  Bytes data;
  while (!side.over && frames.next(offset, data)) {
    if (!side.crypto.add(offset, data, room_of(side))) context.odd("crypto_room");
  }
  if (frames.broken()) context.odd("bad_frame");
  if (!side.over) read_hellos(side, packet, which, context);
  tell_server_id(packet, which, context);
  return true;
}

// To which the client sends from now on (RFC 9000 7.2), also from an address that it has later: it
// is the client that may move (RFC 9000 9). Once the name is known, if it is going to be.
void QuicDecoder::tell_server_id(const QuicPacket& packet, Side which, Context& context) {
  if (which == client_side_ || id_told_ || !(client_.over || server_.over)) return;
  id_told_ = true;
  context.connection_id(which, packet.scid);
}

// Server and client share the room: see kRoomBytes.
std::span<std::uint8_t> QuicDecoder::room_of(const QuicSide& side) {
  const std::span<std::uint8_t> all(room_);
  if (&side == &client_) return all.first(server_.crypto.empty() ? kRoomBytes : kClientRoomBytes);
  return client_.crypto.extent() <= kClientRoomBytes ? all.subspan(kClientRoomBytes)
                                                     : std::span<std::uint8_t>{};
}

// First with the keys that there are, also after the version was changed on the way (RFC 9368 2.1:
// they follow from the same connection ID); else it may begin a connection of its own.
std::optional<decrypt::QuicPayload> QuicDecoder::open(const QuicPacket& packet, Side which,
                                                      Context& context) {
  if (!packet.whole) return std::nullopt;
  const bool by_client = which == client_side_;
  const bool changed = packet.number != version_ && packet.version != nullptr;
  const bool anew = by_client && changed && negotiated_;  // RFC 9000 6.2: from the beginning
  if (opened_ && !anew) {
    const decrypt::QuicInitialKeys keys =
        changed ? decrypt::QuicInitialKeys(packet.version->salt, dcid()) : keys_;
    auto payload =
        decrypt::open_quic_packet(by_client ? keys.client() : keys.server(), packet.bytes,
                                  packet.number_at, side_of(which).next_number, context.scratch());
    if (payload && changed) {
      keys_ = keys;
      version_ = packet.number;
    }
    if (payload || !by_client) return payload;
    if (packet.number == version_ && std::ranges::equal(packet.dcid, dcid())) return payload;
  }
  return open_as_client(packet, which, context);
}

std::optional<decrypt::QuicPayload> QuicDecoder::open_as_client(const QuicPacket& packet,
                                                                Side which, Context& context) {
  // A reserved version is sent to be refused, with whatever protection its sender likes.
  std::array<QuicSalt, 2> salts{QuicSalt::kV1, QuicSalt::kDraft29};
  std::size_t count = salts.size();
  if (packet.version != nullptr) {
    salts[0] = packet.version->salt;
    count = 1;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const decrypt::QuicInitialKeys keys(salts[i], packet.dcid);
    auto payload = decrypt::open_quic_packet(keys.client(), packet.bytes, packet.number_at, 0,
                                             context.scratch());
    if (!payload) continue;
    begin_connection(packet, which, context);
    keys_ = keys;
    return payload;
  }
  return std::nullopt;
}

// The first one, or another: after a Retry the client says again what it said before.
void QuicDecoder::begin_connection(const QuicPacket& packet, Side which, Context& context) {
  repeat_ = retried_ && opened_ && client_.over && packet.number == version_;
  if (!retried_) report_unfinished(context);
  client_ = QuicSide{};
  server_ = QuicSide{};
  client_side_ = which;
  opened_ = true;
  id_told_ = false;
  version_ = packet.number;
  dcid_bytes_ = static_cast<std::uint8_t>(packet.dcid.size());
  std::copy(packet.dcid.begin(), packet.dcid.end(), dcid_.begin());
  context.set_originator(which);
}

void QuicDecoder::read_hellos(QuicSide& side, const QuicPacket& packet, Side which,
                              Context& context) {
  const bool by_client = &side == &client_;
  if (packet.version != nullptr && packet.version->salt == QuicSalt::kQ050) {
    if (by_client) read_google_hello(packet, which, context);
    return;
  }
  while (!side.over) {
    const Bytes ready = side.crypto.ready(room_of(side));
    base::Cursor cursor(ready);
    const std::uint8_t type = cursor.u8();
    const std::size_t length = cursor.u24();
    if (!cursor.ok()) return;
    if (type != (by_client ? kClientHello : kServerHello)) {
      context.odd("handshake_type");
      side.over = true;
      return;
    }
    const Bytes body = cursor.take(length);
    if (!cursor.ok()) return;
    side.over = true;  // but for a HelloRetryRequest, which makes way for a second round
    if (by_client) {
      on_client_hello(body, label_of(packet), context);
    } else {
      on_server_hello(body, label_of(packet), which, context);
    }
    side.crypto.consume(kMessageHeaderBytes + length, room_of(side));
  }
}

void QuicDecoder::on_client_hello(Bytes body, const QuicLabel& label, Context& context) {
  if (repeat_) {
    repeat_ = false;
    return;
  }
  ClientHello hello;
  if (!parse_client_hello(body, HelloForm::kTls, hello)) {
    context.odd("bad_client_hello");
    return;
  }
  if (hello.broken) context.odd("extension_overrun");
  report_quic_client_hello(label, hello, client_side_, context);
}

void QuicDecoder::on_server_hello(Bytes body, const QuicLabel& label, Side which,
                                  Context& context) {
  ServerHello hello;
  if (!parse_server_hello(body, hello)) {
    context.odd("bad_server_hello");
    return;
  }
  if (hello.broken) context.odd("extension_overrun");
  report_quic_server_hello(label, hello, which, context);
  if (hello.hello_retry) client_.over = server_.over = false;
}

void QuicDecoder::read_google_hello(const QuicPacket& packet, Side which, Context& context) {
  std::string_view sni;
  const GoogleHello found = parse_google_hello(client_.crypto.ready(room_of(client_)), sni);
  if (found == GoogleHello::kMore) return;
  if (found == GoogleHello::kHello) {
    report_quic_name(label_of(packet), sni, false, which, context);
  } else {
    context.odd("handshake_type");
  }
  client_.over = server_.over = true;  // the server's answer names nothing
}

bool QuicDecoder::on_retry(const QuicPacket& packet, Side which, Context& context) {
  if (retried_ || packet.version == nullptr || (opened_ && which == client_side_)) return false;
  if (opened_ && decrypt::check_quic_retry(packet.version->salt, dcid(), packet.bytes) ==
                     decrypt::QuicRetryTag::kForged) {
    context.odd("retry_tag");
    return false;
  }
  retried_ = true;
  context.set_originator(model::other(which));
  report_quic_retry(label_of(packet), which, context);
  return true;
}

bool QuicDecoder::on_negotiation(const QuicPacket& packet, Side which, Context& context) {
  if (negotiated_ || !plausible_negotiation(packet)) return false;
  negotiated_ = true;
  context.set_originator(model::other(which));
  report_quic_negotiation(label_of(packet), packet.versions, which, context);
  return true;
}

// A hello of which a part is missing may have told the name all the same.
void QuicDecoder::report_unfinished(Context& context) {
  if (client_.over || client_.crypto.empty() || repeat_) return;
  client_.over = true;
  const Bytes ready = client_.crypto.ready(room_of(client_));
  if (ready.size() <= kMessageHeaderBytes || ready[0] != kClientHello) return;
  ClientHello hello;
  if (!parse_client_hello(ready.subspan(kMessageHeaderBytes), HelloForm::kTls, hello)) return;
  if (hello.sni.empty()) return;
  report_quic_name({.version = version_, .dcid = dcid(), .scid = {}}, hello.sni, true, client_side_,
                   context);
}

constexpr std::array<std::uint16_t, 4> kUsualPorts{443, 784, 853, 8853};

}  // namespace

extern const ProtocolDef kQuic;
constinit const ProtocolDef kQuic{
    .name = "quic",
    .transport = Transport::kUdp,
    .first = FirstBytes{{0, 0, ~0ULL, ~0ULL}},  // the long header's bit
    .usual_ports = kUsualPorts,
    .probe = probe_quic,
    .schema = &kQuicSchema,
    .state_bytes = sizeof(QuicDecoder),
    .make = make_decoder<QuicDecoder>,
    .carried_id = carried_id,
    .carried_first = FirstBytes{{~0ULL, ~0ULL, 0, 0}},
};

}  // namespace netwatch::dpi
