// DTLS 1.0 to 1.3: RFC 4347, RFC 6347, RFC 9147; and what OpenSSL spoke before 0.9.8f, as Cisco
// AnyConnect still does. Read are the hellos, put together from fragments, HelloVerifyRequest, leaf
// certificates in clear and alerts in clear; then the flow is let go. Datagrams that are not DTLS
// (STUN, RTP: RFC 7983) are passed over.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/offset_stream.h"
#include "dpi/parts/tls_hello.h"
#include "dpi/protocol.h"
#include "dpi/protocols/dtls_report.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::Side;

enum RecordType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
  kHeartbeat = 24,
  kConnectionId = 25,  // RFC 9146
  kAck = 26,           // RFC 9147 7
};
enum MessageType : std::uint8_t {
  kClientHello = 1,
  kServerHello = 2,
  kHelloVerifyRequest = 3,
  kCertificate = 11,
};

constexpr std::uint16_t kOldVersion = 0x0100;
constexpr std::uint16_t kVersion13 = 0xfefc;
constexpr std::size_t kMaxRecordBytes = 16384 + 2048;
constexpr std::size_t kMaxMessageBytes = std::size_t{64} << 10;
constexpr std::size_t kMessageHeaderBytes = 12;
constexpr std::size_t kShortestHello = 38;  // version, random, three lengths
constexpr int kMaxRecords = 32;             // of one datagram
constexpr std::uint8_t kMaxIdle = 32;       // datagrams in a row that told nothing

// Fragments wait in the decoder's own state. One message at a time: flights do not overlap. A
// certificate that is longer is read as far as the leaf needs.
constexpr std::size_t kRoomBytes = 3584;

struct Record {
  std::uint8_t type = 0;
  std::uint16_t version = 0;
  std::uint16_t epoch = 0;
  std::size_t length = 0;
  Bytes fragment;  // shorter than `length` if the datagram was cut
};

// RFC 9147 4, the form of DTLSPlaintext. A ciphertext of 1.3 has another one, and is none here.
bool read_record(base::Cursor& cursor, Record& record) {
  constexpr std::size_t kNumberBytes = 6;
  record.type = cursor.u8();
  record.version = cursor.u16();
  record.epoch = cursor.u16();
  cursor.skip(kNumberBytes);
  record.length = cursor.u16();
  if (!cursor.ok()) return false;
  const bool version_known =
      record.version == 0xfeff || record.version == 0xfefd || record.version == kOldVersion;
  record.fragment = cursor.take_up_to(record.length);
  return record.type >= kChangeCipherSpec && record.type <= kAck && version_known &&
         record.type != kConnectionId && record.length > 0 && record.length <= kMaxRecordBytes;
}

struct Fragment {
  std::uint8_t type = 0;
  std::size_t length = 0;  // of the whole message
  std::uint16_t number = 0;
  std::size_t offset = 0;
  Bytes bytes;
};

// RFC 9147 5.2. False if the lengths do not fit each other; `cut`: or the record.
bool read_fragment(base::Cursor& cursor, bool cut, Fragment& fragment) {
  fragment.type = cursor.u8();
  fragment.length = cursor.u24();
  fragment.number = cursor.u16();
  fragment.offset = cursor.u24();
  const std::size_t size = cursor.u24();
  if (!cursor.ok() || fragment.length > kMaxMessageBytes) return false;
  if (fragment.offset + size > fragment.length) return false;
  fragment.bytes = cut ? cursor.take_up_to(size) : cursor.take(size);
  return cursor.ok();
}

bool known_message(std::uint8_t type) {
  constexpr std::uint64_t kClear = 0x03F1F97F;  // 0-6, 8, 11-16, 20-25 as registered by IANA
  return type < 64 && ((kClear >> type) & 1) != 0;
}

bool plausible_handshake(const Record& record) {
  if (record.length < kMessageHeaderBytes) return false;
  base::Cursor cursor(record.fragment);
  Fragment fragment;
  if (!read_fragment(cursor, record.fragment.size() < record.length, fragment)) return false;
  if (!known_message(fragment.type) || fragment.number > 64) return false;
  const bool hello = fragment.type == kClientHello || fragment.type == kServerHello;
  return !hello || fragment.length >= kShortestHello;
}

// The first record tells what it is; the others must follow each other to the datagram's end.
bool plausible_first(const Record& record) {
  constexpr std::size_t kShortestSealed = 16;  // every cipher adds a tag or a MAC
  constexpr std::uint16_t kHighestEpoch = 255;
  if (record.epoch > 0) {
    return record.epoch <= kHighestEpoch && record.length >= kShortestSealed &&
           record.fragment.size() == record.length;
  }
  switch (record.type) {
    case kHandshake:
      return plausible_handshake(record);
    case kAlert:
      return record.fragment.size() == 2 && (record.fragment[0] == 1 || record.fragment[0] == 2);
    case kChangeCipherSpec:
      return record.fragment.size() == (record.version == kOldVersion ? 3 : 1) &&
             record.fragment[0] == 1;
    default:
      return false;
  }
}

Probe probe_dtls(const ProbeInput& input) {
  base::Cursor cursor(input.of(input.latest));
  Record record;
  if (!read_record(cursor, record) || !plausible_first(record)) return Probe::kNo;
  for (int i = 1; i < kMaxRecords && !cursor.at_end(); ++i) {
    const bool sealed13 = (cursor.peek() & 0xe0) == 0x20;  // its form ends all guessing
    if (sealed13) break;
    if (!read_record(cursor, record)) return Probe::kNo;
  }
  return Probe::kYes;
}

class DtlsDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override { report_unfinished(context); }

 private:
  struct DtlsSide {
    std::uint32_t read = 0;  // messages by number, so that what is sent again is not read again
    bool over = false;       // what follows is encrypted
  };

  bool on_record(const Record& record, Side which, Context& context);
  void on_handshake(const Record& record, Side which, Context& context);
  void on_fragment(const Fragment& fragment, Side which, Context& context);
  void collect(const Fragment& fragment, Side which, Context& context);
  void on_message(const Fragment& message, Bytes body, Side which, Context& context);
  void on_client_hello(Bytes body, Side which, Context& context);
  void on_server_hello(Bytes body, Side which, Context& context);
  void begin_anew(const Fragment& fragment, Side which, Context& context);
  void report_unfinished(Context& context);
  static std::size_t leaf_end(Bytes body);
  static bool is_wanted(std::uint8_t type) {
    return type == kClientHello || type == kServerHello || type == kHelloVerifyRequest ||
           type == kCertificate;
  }
  DtlsSide& of(Side side) { return sides_[model::index(side)]; }

  std::array<DtlsSide, 2> sides_;
  OffsetStream parts_;  // of the message that is collected
  std::uint16_t number_ = 0;
  std::uint8_t type_ = 0;
  Side collected_ = Side::kOriginator;
  std::uint8_t idle_ = 0;
  std::array<std::uint8_t, 8> random_{};  // the beginning of the client's
  bool any_ = false;                      // some datagram was DTLS
  bool client_seen_ = false;              // a ClientHello was reported
  bool verified_ = false;                 // a HelloVerifyRequest was seen
  bool news_ = false;                     // the datagram at hand told something
  std::array<std::uint8_t, kRoomBytes> room_;
};
static_assert(sizeof(DtlsDecoder) <= kMaxStateBytes);

Step DtlsDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  base::Cursor cursor(chunk.bytes);
  Record record;
  news_ = false;
  for (int i = 0; i < kMaxRecords && !cursor.at_end(); ++i) {
    if (!read_record(cursor, record)) break;
    any_ = true;
    if (!on_record(record, chunk.side, context)) break;
  }
  if (!any_) return {.verdict = Verdict::kNotMine};
  idle_ = news_ ? std::uint8_t{0} : static_cast<std::uint8_t>(idle_ + 1);
  Step step{.consumed = chunk.bytes.size()};
  if ((sides_[0].over && sides_[1].over) || idle_ >= kMaxIdle) {
    report_unfinished(context);
    step.verdict = Verdict::kDone;
  }
  return step;
}

// False: the rest of the datagram tells nothing.
bool DtlsDecoder::on_record(const Record& record, Side which, Context& context) {
  DtlsSide& side = of(which);
  if (record.epoch > 0) {
    // Without its handshake a flow may have another one yet: kMaxIdle ends the waiting.
    side.over |= client_seen_;
    return false;
  }
  if (record.type == kAlert && record.length == 2 && record.fragment.size() == 2) {
    const std::uint8_t level = record.fragment[0];
    if (level != 1 && level != 2) return false;
    news_ = true;
    report_dtls_alert(level, record.fragment[1], which, context);
    if (level == 2) sides_[0].over = sides_[1].over = true;
  }
  if (record.type == kChangeCipherSpec) side.over = true;
  if (record.type == kHandshake) on_handshake(record, which, context);
  return true;
}

void DtlsDecoder::on_handshake(const Record& record, Side which, Context& context) {
  const bool cut = record.fragment.size() < record.length;
  base::Cursor cursor(record.fragment);
  while (!cursor.at_end()) {
    Fragment fragment;
    if (!read_fragment(cursor, cut, fragment)) {
      if (!cut) context.odd("bad_fragment");
      return;
    }
    if (is_wanted(fragment.type)) on_fragment(fragment, which, context);
  }
}

void DtlsDecoder::on_fragment(const Fragment& fragment, Side which, Context& context) {
  constexpr unsigned kNumbers = 32;
  begin_anew(fragment, which, context);
  DtlsSide& side = of(which);
  if (fragment.number >= kNumbers || ((side.read >> fragment.number) & 1) != 0) return;
  if (fragment.bytes.size() < fragment.length) {
    collect(fragment, which, context);
    return;
  }
  side.read |= 1U << fragment.number;
  on_message(fragment, fragment.bytes, which, context);
}

void DtlsDecoder::collect(const Fragment& fragment, Side which, Context& context) {
  const bool same = !parts_.empty() && collected_ == which && number_ == fragment.number &&
                    type_ == fragment.type;
  if (!same) {
    report_unfinished(context);
    parts_ = {};
    collected_ = which;
    number_ = fragment.number;
    type_ = fragment.type;
  }
  news_ = true;
  // What lies beyond the room is missing at its end; leaves fit.
  parts_.add(fragment.offset, fragment.bytes, room_);
  const Bytes ready = parts_.ready(room_);
  const std::size_t need = type_ == kCertificate ? leaf_end(ready) : fragment.length;
  if (ready.size() < need) return;
  of(which).read |= 1U << number_;
  on_message(fragment, ready.first(std::min(ready.size(), fragment.length)), which, context);
  parts_ = {};
}

// How much of a Certificate message must be here for the first one in it.
std::size_t DtlsDecoder::leaf_end(Bytes body) {
  constexpr std::size_t kLengths = 6;
  base::Cursor cursor(body);
  cursor.skip(3);
  const std::size_t leaf = cursor.u24();
  return kLengths + (cursor.ok() ? leaf : 0);
}

void DtlsDecoder::on_message(const Fragment& message, Bytes body, Side which, Context& context) {
  news_ = true;
  switch (message.type) {
    case kClientHello:
      on_client_hello(body, which, context);
      return;
    case kServerHello:
      on_server_hello(body, which, context);
      return;
    case kHelloVerifyRequest: {
      base::Cursor cursor(body);
      const std::uint16_t version = cursor.u16();
      if (!client_seen_) context.set_originator(model::other(which));
      verified_ = true;
      report_dtls_hello_verify(version, which, context);
      return;
    }
    case kCertificate: {
      constexpr std::size_t kLengths = 6;
      if (message.length <= kLengths) return;  // a client that has none
      const std::size_t end = leaf_end(body);
      const bool whole = end > kLengths && end <= body.size();
      if (!whole || !report_dtls_certificate(body.first(end).subspan(kLengths), which, context)) {
        context.odd("bad_certificate");
      }
      return;
    }
    default:
      return;
  }
}

void DtlsDecoder::on_client_hello(Bytes body, Side which, Context& context) {
  // After a HelloVerifyRequest it says again what it said before.
  if (verified_ && client_seen_) return;
  ClientHello hello;
  if (!parse_client_hello(body, HelloForm::kDtls, hello)) {
    context.odd("bad_client_hello");
    return;
  }
  if (hello.broken) context.odd("extension_overrun");
  client_seen_ = true;
  report_dtls_client_hello(hello, which, context);
}

void DtlsDecoder::on_server_hello(Bytes body, Side which, Context& context) {
  ServerHello hello;
  if (!parse_server_hello(body, hello)) {
    context.odd("bad_server_hello");
    return;
  }
  if (hello.broken) context.odd("extension_overrun");
  // Who says the first hello need not have said the first word (ICE comes before it), so only
  // where its hello is missing the client is told from the server's.
  if (!client_seen_) context.set_originator(model::other(which));
  report_dtls_server_hello(hello, which, context);
  if (hello.hello_retry || hello.version() != kVersion13) return;
  of(which).over = true;  // all that follows is encrypted
  if (client_seen_) of(model::other(which)).over = true;
}

// A ClientHello with the first number and another random is another association's on the same
// ports; the first one's was sent again otherwise.
void DtlsDecoder::begin_anew(const Fragment& fragment, Side which, Context& context) {
  constexpr std::size_t kRandomAt = 2;
  if (fragment.type != kClientHello || fragment.number != 0 || fragment.offset != 0) return;
  if (fragment.bytes.size() < kRandomAt + random_.size()) return;
  const Bytes random = fragment.bytes.subspan(kRandomAt, random_.size());
  if (std::ranges::equal(random, random_)) return;
  const bool other = (of(which).read & 1) != 0;
  std::ranges::copy(random, random_.begin());
  if (!other) return;
  report_unfinished(context);
  sides_ = {};
  parts_ = {};
  client_seen_ = verified_ = false;
}

// A hello of which a part is missing may have told the name all the same.
void DtlsDecoder::report_unfinished(Context& context) {
  if (parts_.empty() || type_ != kClientHello || (verified_ && client_seen_)) return;
  const Bytes ready = parts_.ready(room_);
  parts_ = {};
  ClientHello hello;
  if (ready.empty() || !parse_client_hello(ready, HelloForm::kDtls, hello)) return;
  client_seen_ = true;
  report_cut_dtls_client_hello(hello.sni, collected_, context);
}

constexpr std::array<std::uint16_t, 4> kUsualPorts{443, 4433, 5684, 3391};

}  // namespace

extern const ProtocolDef kDtls;
constinit const ProtocolDef kDtls{
    .name = "dtls",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x14\x15\x16\x17\x18\x1a"),
    .usual_ports = kUsualPorts,
    .probe = probe_dtls,
    .schema = &kDtlsSchema,
    .state_bytes = sizeof(DtlsDecoder),
    .make = make_decoder<DtlsDecoder>,
};

}  // namespace netwatch::dpi
