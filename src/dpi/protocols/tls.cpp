// TLS 1.0 to 1.3 and SSL 3.0 over a stream: RFC 8446, RFC 5246, RFC 4346, RFC 2246, RFC 6101; the
// SSL 2.0 compatible ClientHello: RFC 5246 E.2. Read are the two hellos, the leaf certificate as
// long as it is in clear, and alerts in clear; then the flow is let go.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/cursor.h"
#include "dpi/parts/tls_hello.h"
#include "dpi/parts/tls_record.h"
#include "dpi/protocol.h"
#include "dpi/protocols/tls_report.h"

namespace netwatch::dpi {
namespace {

using model::Side;

constexpr std::size_t kMaxMessageBytes = std::size_t{48} * 1024;    // of what must be here at once
constexpr std::uint64_t kIgnoredBytes = std::uint64_t{256} * 1024;  // of a side that said it all
constexpr std::uint8_t kMaxPassedRecords = 64;  // before the server has answered

class TlsDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override;

 private:
  struct TlsSide {
    std::uint32_t message_left = 0;  // of a handshake message that is not read on
    std::uint16_t record_left = 0;   // of the record that is open
    std::uint8_t record_type = 0;
    std::uint8_t passed = 0;  // records that were passed over while a hello may still come
    bool started = false;
    bool spoke = false;    // it sent a record
    bool over = false;     // nothing more of this side is of interest
    bool ignored = false;  // and a good part of it was passed over
  };
  // A handshake message, or as much of it as is read, in one piece.
  struct Message {
    std::uint8_t type = 0;
    std::size_t length = 0;
    base::Bytes body;
    std::size_t stream_bytes = 0;  // what it took, with its header and headers of records in it
    std::size_t wanted = 0;        // > 0: not here yet
    bool bad = false;
  };

  Step decode(TlsSide& side, const model::StreamChunk& chunk, Context& context);
  Step start(TlsSide& side, const model::StreamChunk& chunk, Context& context);
  bool open_record(TlsSide& side, base::Bytes header) const;
  std::size_t pass_record(TlsSide& side, base::Bytes fragment, Side which, Context& context);
  Message gather(TlsSide& side, base::Bytes bytes, Context& context) const;
  static bool join(TlsSide& side, base::Bytes bytes, std::size_t& at,
                   std::span<std::uint8_t> scratch, std::size_t& have, Message& message,
                   std::size_t need);
  static std::size_t body_wanted(const Message& message, base::Bytes body);
  void on_message(const Message& message, Side which, Context& context);
  void on_server_hello(const ServerHello& hello, Side which);
  static void report_rest(base::Bytes rest, const TlsSide& side, Side which, Context& context);
  Step leave(TlsSide& side) const;
  TlsSide& of(Side side) { return sides_[model::index(side)]; }

  std::array<TlsSide, 2> sides_;
  bool any_ = false;              // something of the handshake was understood
  bool offers_13_ = false;        // the client may go on in TLS 1.3
  bool client_seen_ = false;      // a ClientHello was read
  bool server_answered_ = false;  // the ServerHello that counts, no HelloRetryRequest
};
static_assert(sizeof(TlsDecoder) <= 64);

Step TlsDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  TlsSide& side = of(chunk.side);
  if (side.over) return leave(side);
  if (!side.started && chunk.bytes[0] >= 0x80) return start(side, chunk, context);
  side.started = true;
  return decode(side, chunk, context);
}

// A stream may begin with a hello in the form of SSL 2.0.
Step TlsDecoder::start(TlsSide& side, const model::StreamChunk& chunk, Context& context) {
  if (chunk.bytes.size() < kV2HeaderBytes) return {.wanted = kV2HeaderBytes};
  V2Hello hello;
  if (!parse_v2_hello(chunk.bytes, hello)) {
    return {.verdict = any_ ? Verdict::kDone : Verdict::kNotMine};
  }
  side.started = true;
  any_ = true;
  client_seen_ = true;
  context.set_originator(chunk.side);
  report_v2_client_hello(hello.version, chunk.side, context);
  // What follows in SSL 2.0 itself is not spoken.
  if (hello.version == 0x0002) return {.verdict = Verdict::kDone};
  return {.consumed = hello.record_bytes};
}

Step TlsDecoder::decode(TlsSide& side, const model::StreamChunk& chunk, Context& context) {
  const base::Bytes bytes = chunk.bytes;
  std::size_t at = 0;
  while (!side.over) {
    if (at >= bytes.size()) return {.consumed = at};
    const base::Bytes rest = bytes.subspan(at);
    if (side.record_left == 0) {
      if (rest.size() < kRecordHeaderBytes) return {.consumed = at, .wanted = kRecordHeaderBytes};
      if (!open_record(side, rest)) {
        if (!any_) return {.verdict = Verdict::kNotMine};
        if (!side.spoke && client_seen_) {  // a server that does not speak TLS: what does it say?
          context.odd("answered_in_clear");
          context.hand_on();
          return {.verdict = Verdict::kOdd, .consumed = at};
        }
        context.odd("bad_record");
        side.over = true;
        break;
      }
      side.spoke = true;
      at += kRecordHeaderBytes;
      continue;
    }
    if (side.record_type != kHandshake) {
      if (side.record_type == kAlert && side.record_left == 2 && rest.size() < 2) {
        return {.consumed = at, .wanted = 2};
      }
      at += pass_record(side, rest, chunk.side, context);
      continue;
    }
    if (side.message_left > 0) {
      const std::uint32_t part = std::min<std::uint32_t>(side.message_left, side.record_left);
      side.message_left -= part;
      side.record_left = static_cast<std::uint16_t>(side.record_left - part);
      at += part;
      continue;
    }
    const Message message = gather(side, rest, context);
    if (message.wanted > 0 && !chunk.cut) return {.consumed = at, .wanted = message.wanted};
    if (message.wanted > 0) report_rest(rest, side, chunk.side, context);
    if (message.wanted > 0 || message.bad) {
      side.over = true;
      break;
    }
    at += message.stream_bytes;
    on_message(message, chunk.side, context);
  }
  return leave(side);
}

// When both sides have said what there is to hear, the flow is let go; a side that has is not
// listened to, for a while, and then the other one is not waited for either.
Step TlsDecoder::leave(TlsSide& side) const {
  if (side.ignored || (sides_[0].over && sides_[1].over)) return {.verdict = Verdict::kDone};
  side.ignored = true;
  return {.consumed = kIgnoredBytes};
}

bool TlsDecoder::open_record(TlsSide& side, base::Bytes header) const {
  base::Cursor cursor(header);
  const std::uint8_t type = cursor.u8();
  const std::uint8_t major = cursor.u8();
  const std::uint8_t minor = cursor.u8();
  const std::uint16_t length = cursor.u16();
  if (!valid_record(type, major, minor, length)) return false;
  side.record_type = type;
  side.record_left = length;
  return true;
}

// A record that is no handshake: how far to go on. Encryption begins with the first of them, but
// for TLS 1.3 clients, which may send some before a HelloRetryRequest asks for a second hello.
std::size_t TlsDecoder::pass_record(TlsSide& side, base::Bytes fragment, Side which,
                                    Context& context) {
  const std::size_t length = side.record_left;
  side.record_left = 0;
  any_ = true;
  if (side.record_type == kHeartbeat) return length;
  if (side.record_type == kAlert) {
    const bool in_clear = length == 2 && (fragment[0] == 1 || fragment[0] == 2);
    if (in_clear) report_alert(fragment[0], fragment[1], which, context);
    if (in_clear && fragment[0] == 2) sides_[0].over = sides_[1].over = true;
    return length;
  }
  const bool hello_may_follow = offers_13_ && !server_answered_;
  if (!hello_may_follow || ++side.passed > kMaxPassedRecords) side.over = true;
  return length;
}

// The next handshake message out of the open record, and those after it if it goes on there.
TlsDecoder::Message TlsDecoder::gather(TlsSide& side, base::Bytes bytes, Context& context) const {
  Message message;
  TlsSide reader = side;
  std::size_t at = 0;
  std::size_t have = 0;
  const std::span<std::uint8_t> scratch = context.scratch();
  if (!join(reader, bytes, at, scratch, have, message, kMessageHeaderBytes)) return message;
  base::Cursor header(base::Bytes(scratch).first(kMessageHeaderBytes));
  message.type = header.u8();
  message.length = header.u24();
  if (!known_message(message.type) || message.length > kLongestMessageBytes) {
    message.bad = true;  // encrypted, and the sign of it was missed
    return message;
  }
  // The usual case: it lies in one record, and nothing is copied.
  const base::Bytes in_place =
      bytes.subspan(at, std::min<std::size_t>(reader.record_left, bytes.size() - at));
  std::size_t need = body_wanted(message, in_place);
  if (reader.record_left >= need) {
    if (in_place.size() < need) {
      message.wanted = at + need;
      return message;
    }
    message.body = in_place.first(need);
    at += need;
    reader.record_left = static_cast<std::uint16_t>(reader.record_left - need);
  } else {
    have = 0;
    std::size_t reached = 0;
    do {  // once more when the first bytes of a certificate tell its length
      reached = need;
      if (!join(reader, bytes, at, scratch, have, message, need)) return message;
      need = body_wanted(message, base::Bytes(scratch).first(have));
    } while (need > reached);
    message.body = base::Bytes(scratch).first(have);
  }
  message.stream_bytes = at;
  reader.message_left = static_cast<std::uint32_t>(message.length - message.body.size());
  side = reader;
  return message;
}

// Copies handshake bytes to the front of `scratch` until there are `need`, over the borders of
// records and past records of other types. False: sets `wanted` or `bad`.
bool TlsDecoder::join(TlsSide& side, base::Bytes bytes, std::size_t& at,
                      std::span<std::uint8_t> scratch, std::size_t& have, Message& message,
                      std::size_t need) {
  if (need > scratch.size()) {
    message.bad = true;
    return false;
  }
  while (have < need) {
    const std::size_t here = bytes.size() - at;
    if (side.record_left == 0) {
      if (here < kRecordHeaderBytes) {
        message.wanted = at + kRecordHeaderBytes + (need - have);
        return false;
      }
      base::Cursor header(bytes.subspan(at));
      side.record_type = header.u8();
      const std::uint8_t major = header.u8();
      const std::uint8_t minor = header.u8();
      side.record_left = header.u16();
      message.bad = !valid_record(side.record_type, major, minor, side.record_left);
      if (message.bad) return false;
      at += kRecordHeaderBytes;
      continue;
    }
    const bool handshake = side.record_type == kHandshake;
    const std::size_t part =
        handshake ? std::min<std::size_t>(side.record_left, need - have) : side.record_left;
    if (here < part) {
      message.wanted = at + (handshake ? need - have : part);
      return false;
    }
    if (handshake) {
      std::memcpy(scratch.data() + have, bytes.data() + at, part);
      have += part;
    }
    at += part;
    side.record_left = static_cast<std::uint16_t>(side.record_left - part);
  }
  return true;
}

// How much of a message's body is read: hellos whole, of certificates the first, else nothing.
std::size_t TlsDecoder::body_wanted(const Message& message, base::Bytes body) {
  if (message.length > kMaxMessageBytes && message.type != kCertificate) return 0;
  if (message.type == kClientHello || message.type == kServerHello) return message.length;
  if (message.type != kCertificate) return 0;
  constexpr std::size_t kLengths = 6;  // of the list, and of the first in it
  if (message.length <= kLengths) return message.length;
  if (body.size() < kLengths) return kLengths;
  base::Cursor cursor(body);
  cursor.skip(3);
  const std::size_t need = kLengths + cursor.u24();
  return need <= std::min(message.length, kMaxMessageBytes) ? need : kLengths;
}

void TlsDecoder::on_message(const Message& message, Side which, Context& context) {
  TlsSide& side = of(which);
  any_ = true;
  switch (message.type) {
    case kClientHello: {
      ClientHello hello;
      if (message.body.empty() || !parse_client_hello(message.body, HelloForm::kTls, hello)) {
        context.odd("bad_client_hello");
        return;
      }
      if (hello.broken) context.odd("extension_overrun");
      client_seen_ = true;
      offers_13_ = hello.version() >= 0x0304;
      context.set_originator(which);
      report_client_hello(hello, which, context);
      return;
    }
    case kServerHello: {
      ServerHello hello;
      if (message.body.empty() || !parse_server_hello(message.body, hello)) {
        context.odd("bad_server_hello");
        return;
      }
      if (hello.broken) context.odd("extension_overrun");
      context.set_originator(model::other(which));
      report_server_hello(hello, which, context);
      on_server_hello(hello, which);
      return;
    }
    case kCertificate: {
      constexpr std::size_t kLengths = 6;
      if (message.length <= kLengths) return;  // a client that has none
      const bool whole = message.body.size() > kLengths;
      if (!whole || !report_certificate(message.body.subspan(kLengths), which, context)) {
        context.odd("bad_certificate");
      }
      return;
    }
    case kServerHelloDone:
    case kClientKeyExchange:
      side.over = true;
      return;
    default:
      return;
  }
}

void TlsDecoder::on_server_hello(const ServerHello& hello, Side which) {
  if (hello.hello_retry) {
    offers_13_ = true;
    return;
  }
  server_answered_ = true;
  if (hello.selected_version == 0 && (hello.legacy_version >> 8) != 0x7f) return;
  of(which).over = true;  // TLS 1.3: all that follows is encrypted
  if (client_seen_) of(model::other(which)).over = true;
}

// A ClientHello whose end will never come may have told the name already.
void TlsDecoder::report_rest(base::Bytes rest, const TlsSide& side, Side which, Context& context) {
  if (side.record_left == 0 || side.record_type != kHandshake || side.message_left > 0) return;
  base::Cursor cursor(rest.first(std::min<std::size_t>(rest.size(), side.record_left)));
  if (cursor.u8() != kClientHello) return;
  cursor.skip(3);
  ClientHello hello;
  if (!parse_client_hello(cursor.rest(), HelloForm::kTls, hello)) return;
  context.set_originator(which);
  report_cut_client_hello(hello, which, context);
}

// Where the next record begins is not known any more; the other side may still have its hello.
Verdict TlsDecoder::on_gap(const model::StreamChunk& chunk, Context& context) {
  TlsSide& side = of(chunk.side);
  report_rest(chunk.bytes, side, chunk.side, context);
  side.over = true;
  return sides_[0].over && sides_[1].over ? Verdict::kDone : Verdict::kFine;
}

constexpr std::array<std::uint16_t, 5> kUsualPorts{443, 8443, 853, 993, 995};

}  // namespace

extern const ProtocolDef kTls;
constinit const ProtocolDef kTls{
    .name = "tls",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("\x14\x15\x16\x17\x80\x81\x82\x83"),
    .usual_ports = kUsualPorts,
    .probe = probe_tls,
    .schema = &kTlsSchema,
    .state_bytes = sizeof(TlsDecoder),
    .make = make_decoder<TlsDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
