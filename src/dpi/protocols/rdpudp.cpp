// RDP over UDP: [MS-RDPEUDP] (versions 1 and 2) and [MS-RDPEUDP2] (version 3). Read are the SYN
// datagrams; what the others carry, put in order, is the child: TLS over the reliable transport,
// DTLS over the lossy one ([MS-RDPEMT] 1.3.2).
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/message_order.h"
#include "dpi/parts/rdpudp_packet.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Side;

enum Kind : std::uint8_t { kSyn, kSynAck, kData };
constexpr std::array<std::string_view, 3> kKinds{"syn", "syn_ack", "data"};

enum Field : std::uint8_t { kVersion, kLossy, kUpMtu, kDownMtu, kCorrelationId };
constexpr std::array<std::string_view, 1> kVersionAliases{"rdpudp.synex.version"};
constexpr std::array<std::string_view, 1> kLossyAliases{"rdpudp.flags.synlossy"};
constexpr std::array<std::string_view, 1> kUpAliases{"rdpudp.upstreammtu"};
constexpr std::array<std::string_view, 1> kDownAliases{"rdpudp.downstreammtu"};
constexpr std::array<std::string_view, 1> kCorrelationAliases{"rdpudp.correlationid"};

constexpr std::array kFields{
    FieldDef{.name = "rdpudp.version",
             .type = FieldType::kUint,
             .help = "highest version offered, or the one chosen: 1, 2, 3",
             .role = model::Role::kVersion,
             .aliases = kVersionAliases},
    FieldDef{.name = "rdpudp.lossy",
             .type = FieldType::kBool,
             .help = "nothing is sent again: DTLS follows, not TLS",
             .aliases = kLossyAliases},
    FieldDef{.name = "rdpudp.up_mtu",
             .type = FieldType::kUint,
             .help = "largest datagram the sender sends, in bytes",
             .aliases = kUpAliases},
    FieldDef{.name = "rdpudp.down_mtu",
             .type = FieldType::kUint,
             .help = "largest datagram the sender takes, in bytes",
             .aliases = kDownAliases},
    FieldDef{.name = "rdpudp.correlation_id",
             .type = FieldType::kBytes,
             .help = "names the session in the logs of both ends",
             .aliases = kCorrelationAliases},
};
static_assert(kFields.size() == kCorrelationId + 1);

constinit const model::Schema kRdpudpSchema{
    .proto = "rdpudp", .title = "RDP over UDP", .kinds = kKinds, .fields = kFields};

constexpr std::uint8_t kMaxIdle = 64;  // datagrams in a row that told nothing

bool begins_tls(Bytes payload) {
  return payload.size() > 5 && payload[0] >= 20 && payload[0] <= 23 && payload[1] == 3 &&
         payload[2] <= 4 && payload[3] < 0x48;
}

Probe probe_rdpudp(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  RdpudpSyn syn;
  if (read_rdpudp_syn(bytes, syn)) return Probe::kYes;
  // In the middle: only a datagram that a TLS record begins in is believed.
  RdpudpData data;
  return read_rdpudp_data(bytes, data) && begins_tls(data.payload) ? Probe::kYes : Probe::kNo;
}

class RdpudpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override;

 private:
  void on_syn(const RdpudpSyn& syn, Side side, Context& context);
  bool read(Bytes datagram, RdpudpData& data, std::span<std::uint8_t> room);
  void on_data(const RdpudpData& data, const model::StreamChunk& chunk, Context& context);
  [[nodiscard]] std::uint32_t first_number(Side side, std::uint32_t number) const;
  void carry(Side side, Bytes bytes, bool after_gap, bool cut, Context& context);

  enum class Form : std::uint8_t { kUnknown, kFirst, kSecond };  // of data: which specification

  MessageOrder order_;
  std::array<std::uint32_t, 2> first_{};
  std::uint8_t idle_ = 0;
  std::array<bool, 2> greeted_{};
  Form form_ = Form::kUnknown;
  bool lossy_ = false;
  bool reported_ = false;
  bool over_ = false;  // nobody reads the child
};
static_assert(sizeof(RdpudpDecoder) <= kMaxStateBytes);

Step RdpudpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  RdpudpSyn syn;
  RdpudpData data;
  if (idle_ < kMaxIdle) ++idle_;
  if (read_rdpudp_syn(chunk.bytes, syn)) {
    on_syn(syn, chunk.side, context);
  } else if (!read(chunk.bytes, data, context.scratch())) {
    if (!reported_) return {.verdict = Verdict::kNotMine};
  } else if (!data.payload.empty()) {
    on_data(data, chunk, context);
  }
  const bool done = over_ || idle_ == kMaxIdle;
  return {.verdict = done ? Verdict::kDone : Verdict::kFine, .consumed = chunk.bytes.size()};
}

// It is sent until it is answered.
void RdpudpDecoder::on_syn(const RdpudpSyn& syn, Side side, Context& context) {
  bool& greeted = greeted_[model::index(side)];
  if (greeted) return;
  greeted = true;
  reported_ = true;
  idle_ = 0;
  lossy_ |= syn.lossy;
  if (syn.ack) form_ = syn.version == kRdpudpVersion3 ? Form::kSecond : Form::kFirst;
  first_[model::index(side)] = syn.first_number + 1;
  context.set_originator(syn.ack ? model::other(side) : side);
  model::RecordBuilder& record = context.record();
  record.start(kRdpudpSchema, syn.ack ? kSynAck : kSyn);
  // Without the extension it is version 1.
  const unsigned version = syn.version == kRdpudpVersion3 ? 3 : syn.version;
  record.add_uint(kVersion, version == 0 ? 1 : version);
  record.add_bool(kLossy, syn.lossy);
  record.add_uint(kUpMtu, syn.up_mtu);
  record.add_uint(kDownMtu, syn.down_mtu);
  if (!syn.correlation_id.empty()) record.add_bytes(kCorrelationId, syn.correlation_id);
  context.emit(side);
}

// The answer to the SYN decides the form. Where it is missing, the first TLS record does.
bool RdpudpDecoder::read(Bytes datagram, RdpudpData& data, std::span<std::uint8_t> room) {
  if (form_ == Form::kFirst) return read_rdpudp_data(datagram, data);
  if (form_ == Form::kSecond) return read_rdpudp2_data(datagram, room, data);
  if (read_rdpudp_data(datagram, data) && begins_tls(data.payload)) {
    form_ = Form::kFirst;
    return true;
  }
  if (reported_ && read_rdpudp2_data(datagram, room, data) && begins_tls(data.payload)) {
    form_ = Form::kSecond;
    return true;
  }
  data = {};
  return false;
}

void RdpudpDecoder::on_data(const RdpudpData& data, const model::StreamChunk& chunk,
                            Context& context) {
  const Side side = chunk.side;
  if (!reported_) {
    reported_ = true;
    context.record().start(kRdpudpSchema, kData);
    context.emit(side);
  }
  if (lossy_) {
    carry(side, data.payload, false, chunk.cut, context);
    return;
  }
  std::uint32_t number = data.number;
  if (!order_.started(side)) order_.start(side, first_number(side, number));
  if (form_ == Form::kSecond) {  // the upper bits follow from what is expected
    const std::uint32_t next = order_.next(side);
    const auto ahead = static_cast<std::int16_t>(static_cast<std::uint16_t>(number - next));
    number = next + static_cast<std::uint32_t>(ahead);
  }
  order_.add(side, number, data.payload, [&](Bytes bytes, bool after_gap) {
    carry(side, bytes, after_gap, chunk.cut, context);
  });
}

// Where the count begins: after the SYN's number, but in version 3 at 1; in the middle anywhere.
std::uint32_t RdpudpDecoder::first_number(Side side, std::uint32_t number) const {
  constexpr std::uint32_t kFew = 16;
  if (form_ == Form::kSecond) return number <= kFew ? std::min(number, 1U) : number;
  return greeted_[model::index(side)] ? first_[model::index(side)] : number;
}

void RdpudpDecoder::carry(Side side, Bytes bytes, bool after_gap, bool cut, Context& context) {
  idle_ = 0;
  // How long it was is not known: at least a byte.
  if (after_gap) over_ |= !context.child({.side = side, .bytes = {}, .gap_bytes = 1});
  over_ |= !context.child({.side = side, .bytes = bytes, .datagram = lossy_, .cut = cut});
}

void RdpudpDecoder::on_end(Context& context) {
  for (const Side side : {Side::kOriginator, Side::kResponder}) {
    order_.finish(
        side, [&](Bytes bytes, bool after_gap) { carry(side, bytes, after_gap, false, context); });
  }
}

constexpr std::array<std::uint16_t, 1> kUsualPorts{3389};

}  // namespace

extern const ProtocolDef kRdpudp;
constinit const ProtocolDef kRdpudp{
    .name = "rdpudp",
    .transport = Transport::kUdp,
    .first = FirstBytes::any(),
    .usual_ports = kUsualPorts,
    .probe = probe_rdpudp,
    .schema = &kRdpudpSchema,
    .state_bytes = sizeof(RdpudpDecoder),
    .make = make_decoder<RdpudpDecoder>,
};

}  // namespace netwatch::dpi
