// uTP, BitTorrent's transport over UDP: BEP 29. The connection's beginning and end are reported;
// what it carries, put in order, is the child.
#include <array>

#include "base/cursor.h"
#include "dpi/parts/message_order.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using model::Side;

enum Kind : std::uint8_t { kSyn, kAccepted, kFin, kReset };
constexpr std::array<std::string_view, 4> kKinds{"syn", "accepted", "fin", "reset"};

enum Field : std::uint8_t { kConnection, kWindow, kDelay, kLatency };

constexpr std::string_view kConnectionAlias[] = {"bt-utp.connection_id"};
constexpr std::string_view kWindowAlias[] = {"bt-utp.wnd_size"};

constexpr FieldDef kFields[] = {
    {.name = "utp.connection",
     .type = FieldType::kUint,
     .help = "number of the connection",
     .aliases = kConnectionAlias},
    {.name = "utp.window_bytes",
     .type = FieldType::kUint,
     .help = "how much the sender takes",
     .aliases = kWindowAlias},
    {.name = "utp.delay_us",
     .type = FieldType::kDuration,
     .help = "difference of the clocks and the way, as the sender measured it"},
    {.name = "utp.latency_us",
     .type = FieldType::kDuration,
     .help = "SYN to this answer",
     .role = model::Role::kLatency},
};
static_assert(std::size(kFields) == kLatency + 1);

const model::Schema kUtpSchema{"utp", "uTP", kKinds, kFields};

enum Type : std::uint8_t { kTypeData, kTypeFin, kTypeState, kTypeReset, kTypeSyn };
constexpr std::uint8_t kMaxIdle = 64;  // packets in a row that told nothing

struct Packet {
  std::uint8_t type = 0;
  std::uint16_t connection = 0;
  std::uint32_t difference_us = 0;
  std::uint32_t window = 0;
  std::uint16_t sequence = 0;
  std::uint16_t acknowledged = 0;
  Bytes payload;
};

bool read_packet(Bytes bytes, Packet& packet) {
  constexpr int kMaxExtensions = 4;
  Cursor in(bytes);
  const std::uint8_t first = in.u8();
  std::uint8_t extension = in.u8();
  packet.type = first >> 4;
  packet.connection = in.u16();
  in.skip(4);  // the sender's clock
  packet.difference_us = in.u32();
  packet.window = in.u32();
  packet.sequence = in.u16();
  packet.acknowledged = in.u16();
  if (!in.ok() || (first & 15) != 1 || packet.type > kTypeSyn) return false;
  // A chain, like IPv6's: selective acknowledgements are 1; 2 was an early way to tell features.
  for (int i = 0; extension != 0; ++i) {
    if (i == kMaxExtensions || extension > 3) return false;
    extension = in.u8();
    in.skip(in.u8());
    if (!in.ok()) return false;
  }
  packet.payload = in.rest();
  return true;
}

// Only a SYN has enough that is fixed: no payload, and neither a delay nor a number of the other
// side's yet. (BEP 29 begins to count at 1; libtorrent anywhere.)
Probe probe_utp(const ProbeInput& input) {
  Packet packet;
  if (!read_packet(input.of(input.latest), packet) || packet.type != kTypeSyn) return Probe::kNo;
  const bool first =
      packet.difference_us == 0 && packet.acknowledged == 0 && packet.payload.empty();
  return first ? Probe::kYes : Probe::kNo;
}

class UtpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override;

 private:
  void report(Kind kind, const Packet& packet, const model::StreamChunk& chunk,
              Context& context) const;
  void data(const Packet& packet, const model::StreamChunk& chunk, Context& context);
  void carry(Side side, Bytes bytes, bool after_gap, bool cut, Context& context);

  MessageOrder order_;
  base::TimeNs asked_ns_ = -1;
  Side asker_ = Side::kOriginator;
  std::uint16_t connection_ = 0;
  std::uint8_t idle_ = 0;
  bool accepted_ = false;
  bool finished_ = false;
  bool over_ = false;  // nobody reads the child
};
static_assert(sizeof(UtpDecoder) <= kMaxStateBytes);

void UtpDecoder::report(Kind kind, const Packet& packet, const model::StreamChunk& chunk,
                        Context& context) const {
  model::RecordBuilder& record = context.record();
  record.start(kUtpSchema, kind);
  record.add_uint(kConnection, packet.connection);
  if (kind <= kAccepted) record.add_uint(kWindow, packet.window);
  // The largest number is libtorrent's for "not measured yet".
  if (packet.difference_us != 0 && packet.difference_us < 0x7FFFFFFF) {
    record.add_int(kDelay, std::int64_t{packet.difference_us} * base::kNsPerUs);
  }
  if (kind == kAccepted && asked_ns_ >= 0) record.add_int(kLatency, chunk.time_ns - asked_ns_);
  context.emit(chunk.side);
}

void UtpDecoder::carry(Side side, Bytes bytes, bool after_gap, bool cut, Context& context) {
  if (over_) return;
  idle_ = 0;
  // How long it was is not known: at least a byte.
  if (after_gap) over_ |= !context.child({.side = side, .bytes = {}, .gap_bytes = 1});
  over_ |= !context.child({.side = side, .bytes = bytes, .cut = cut});
}

// Numbers have 16 bits: the upper ones follow from what is expected.
void UtpDecoder::data(const Packet& packet, const model::StreamChunk& chunk, Context& context) {
  const Side side = chunk.side;
  // The other side's count begins with its first answer, which does not use its number up.
  if (!order_.started(side)) order_.start(side, packet.sequence);
  const std::uint32_t next = order_.next(side);
  const auto ahead = static_cast<std::int16_t>(static_cast<std::uint16_t>(packet.sequence - next));
  order_.add(
      side, next + static_cast<std::uint32_t>(ahead), packet.payload,
      [&](Bytes bytes, bool after_gap) { carry(side, bytes, after_gap, chunk.cut, context); });
}

Step UtpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Packet packet;
  if (!read_packet(chunk.bytes, packet)) {
    // Its flow may be shared with the DHT: what is not uTP is passed over.
    if (asked_ns_ < 0) return {.verdict = Verdict::kNotMine};
    return {.consumed = chunk.bytes.size()};
  }
  if (idle_ < kMaxIdle) ++idle_;
  if (packet.type == kTypeSyn) {
    if (asked_ns_ < 0 || packet.connection != connection_) {
      asked_ns_ = chunk.time_ns;
      asker_ = chunk.side;
      connection_ = packet.connection;
      accepted_ = finished_ = false;
      order_.start(asker_, static_cast<std::uint16_t>(packet.sequence + 1));
      context.set_originator(chunk.side);
      report(kSyn, packet, chunk, context);
    }
  } else if (packet.type == kTypeState && chunk.side != asker_ && !accepted_) {
    accepted_ = true;
    order_.start(chunk.side, packet.sequence);
    report(kAccepted, packet, chunk, context);
  } else if ((packet.type == kTypeFin || packet.type == kTypeReset) && !finished_) {
    finished_ = true;
    report(packet.type == kTypeFin ? kFin : kReset, packet, chunk, context);
  } else if (packet.type == kTypeData && !packet.payload.empty()) {
    data(packet, chunk, context);
  }
  const bool done = over_ || idle_ == kMaxIdle;
  return {.verdict = done ? Verdict::kDone : Verdict::kFine, .consumed = chunk.bytes.size()};
}

void UtpDecoder::on_end(Context& context) {
  for (const Side side : {Side::kOriginator, Side::kResponder}) {
    order_.finish(
        side, [&](Bytes bytes, bool after_gap) { carry(side, bytes, after_gap, false, context); });
  }
}

}  // namespace

extern const ProtocolDef kUtp;
constinit const ProtocolDef kUtp{
    .name = "utp",
    .transport = Transport::kUdp,
    .first = FirstBytes::of("\x41"),
    .probe = probe_utp,
    .schema = &kUtpSchema,
    .state_bytes = sizeof(UtpDecoder),
    .make = make_decoder<UtpDecoder>,
};

}  // namespace netwatch::dpi
