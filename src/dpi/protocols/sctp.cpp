// SCTP, RFC 9260: how an association begins and ends, what it carries by payload protocol
// identifier (IANA), and of each side the bytes of the first stream that speaks, in order of their
// TSNs, as the child. What is out of order there ends the child; nothing waits.
#include <algorithm>
#include <array>

#include "base/cursor.h"
#include "dpi/parts/internet_message.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::FieldDef;
using model::FieldType;
using std::string_view;

enum Kind : std::uint8_t { kInit, kInitAck, kPayload, kAbort, kShutdown };
constexpr std::array<string_view, 5> kKinds{"init", "init_ack", "payload", "abort", "shutdown"};

enum Field : std::uint8_t { kOutbound, kInbound, kWindow, kAddress, kPpid, kPpidName, kCause };

constexpr string_view kOutboundAlias[] = {"sctp.init_nr_out_streams",
                                          "sctp.initack_nr_out_streams"};
constexpr string_view kInboundAlias[] = {"sctp.init_nr_in_streams", "sctp.initack_nr_in_streams"};
constexpr string_view kWindowAlias[] = {"sctp.init_credit", "sctp.initack_credit"};
constexpr string_view kAddressAlias[] = {"sctp.parameter_ipv4_address",
                                         "sctp.parameter_ipv6_address"};
constexpr string_view kPpidAlias[] = {"sctp.data_payload_proto_id"};
constexpr string_view kCauseAlias[] = {"sctp.cause_code"};

constexpr FieldDef kFields[] = {
    {.name = "sctp.outbound_streams",
     .type = FieldType::kUint,
     .help = "streams the sender may open",
     .aliases = kOutboundAlias},
    {.name = "sctp.inbound_streams",
     .type = FieldType::kUint,
     .help = "streams it accepts",
     .aliases = kInboundAlias},
    {.name = "sctp.window_bytes",
     .type = FieldType::kUint,
     .help = "its receive window",
     .aliases = kWindowAlias},
    {.name = "sctp.address",
     .type = FieldType::kAddress,
     .list = true,
     .help = "its addresses, where it has several",
     .aliases = kAddressAlias},
    {.name = "sctp.ppid",
     .type = FieldType::kUint,
     .help = "payload protocol identifier of a side's first data",
     .aliases = kPpidAlias},
    {.name = "sctp.ppid_name", .help = "the same by its registered name"},
    {.name = "sctp.cause",
     .help = "why the association was aborted",
     .role = model::Role::kStatus,
     .aliases = kCauseAlias},
};
static_assert(std::size(kFields) == kCause + 1);

const model::Schema kSctpSchema{"sctp", "SCTP", kKinds, kFields};

enum ChunkType : std::uint8_t {
  kDataChunk = 0,
  kInitChunk = 1,
  kInitAckChunk = 2,
  kAbortChunk = 6,
  kShutdownChunk = 7,
  kLastChunk = 14,  // SHUTDOWN COMPLETE
};
constexpr std::size_t kCommonHeader = 12;

struct PpidName {
  std::uint32_t id;
  string_view name;
};
// IANA, "SCTP Payload Protocol Identifiers": those that are met.
constexpr std::array kPpids{
    PpidName{1, "iua"},          PpidName{2, "m2ua"},           PpidName{3, "m3ua"},
    PpidName{4, "sua"},          PpidName{5, "m2pa"},           PpidName{6, "v5ua"},
    PpidName{7, "h248"},         PpidName{18, "s1ap"},          PpidName{24, "sbcap"},
    PpidName{25, "nbap"},        PpidName{27, "x2ap"},          PpidName{38, "echo"},
    PpidName{39, "discard"},     PpidName{40, "daytime"},       PpidName{41, "chargen"},
    PpidName{45, "ssh"},         PpidName{46, "diameter"},      PpidName{47, "diameter-dtls"},
    PpidName{50, "webrtc-dcep"}, PpidName{51, "webrtc-string"}, PpidName{53, "webrtc-binary"},
    PpidName{60, "ngap"},        PpidName{61, "xnap"},          PpidName{62, "f1ap"},
    PpidName{63, "http"},        PpidName{64, "e1ap"},
};

string_view ppid_name(std::uint32_t id) {
  for (const PpidName& row : kPpids) {
    if (row.id == id) return row.name;
  }
  return {};
}

// RFC 9260 3.3.10.
string_view cause_name(std::uint16_t code) {
  constexpr std::array<string_view, 14> kCauses{"",
                                                "invalid_stream",
                                                "missing_parameter",
                                                "stale_cookie",
                                                "out_of_resource",
                                                "unresolvable_address",
                                                "unrecognized_chunk",
                                                "invalid_parameter",
                                                "unrecognized_parameters",
                                                "no_user_data",
                                                "cookie_while_shutting_down",
                                                "restart_with_new_addresses",
                                                "user_abort",
                                                "protocol_violation"};
  return code < kCauses.size() ? kCauses[code] : string_view{};
}

struct ChunkView {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  Cursor body;
};

// Chunks are padded to 4 bytes, which their length does not count (3.2). False at the end.
bool next_chunk(Cursor& in, ChunkView& chunk) {
  if (in.remaining() < 4) return false;
  chunk.type = in.u8();
  chunk.flags = in.u8();
  const std::size_t len = in.u16();
  if (len < 4) {
    in.fail();
    return false;
  }
  chunk.body = in.sub(len - 4);
  in.skip(std::min<std::size_t>((4 - len % 4) % 4, in.remaining()));
  return in.ok();
}

class SctpDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;

 private:
  struct SideState {
    std::uint8_t told = 0;  // kinds of records it has had, a bit each
    bool following = true;  // its stream is given to the child
    bool begun = false;
    std::uint16_t stream = 0;
    std::uint32_t next_tsn = 0;
  };
  bool first_of(Kind kind, model::Side side);
  void init(bool ack, Cursor in, const model::StreamChunk& chunk, Context& context);
  void ended(const ChunkView& view, const model::StreamChunk& chunk, Context& context);
  void data(Cursor in, const model::StreamChunk& chunk, Context& context);
  void follow(SideState& side, std::uint16_t stream, std::uint32_t tsn, Bytes bytes,
              const model::StreamChunk& chunk, Context& context);

  std::array<SideState, 2> sides_;
  std::uint32_t tag_ = 0;  // of the INIT that began the association at hand
};

// Each kind once a side and association: what is sent again, or bundled by the hundred, says no
// more.
bool SctpDecoder::first_of(Kind kind, model::Side side) {
  std::uint8_t& told = sides_[model::index(side)].told;
  const auto bit = static_cast<std::uint8_t>(1U << kind);
  if ((told & bit) != 0) return false;
  told |= bit;
  return true;
}

void SctpDecoder::init(bool ack, Cursor in, const model::StreamChunk& chunk, Context& context) {
  enum : std::uint16_t { kIpv4 = 5, kIpv6 = 6 };
  model::RecordBuilder& record = context.record();
  const std::uint32_t tag = in.u32();
  const std::uint32_t window = in.u32();
  const std::uint16_t outbound = in.u16();
  const std::uint16_t inbound = in.u16();
  in.skip(4);
  if (!in.ok()) {
    context.odd("init_short");
    return;
  }
  // Another tag: the ports are used again.
  if (!ack && tag != tag_) {
    sides_ = {};
    tag_ = tag;
  }
  if (!first_of(ack ? kInitAck : kInit, chunk.side)) return;
  record.start(kSctpSchema, ack ? kInitAck : kInit);
  record.add_uint(kOutbound, outbound);
  record.add_uint(kInbound, inbound);
  record.add_uint(kWindow, window);
  while (in.remaining() >= 4) {
    const std::uint16_t type = in.u16();
    const std::size_t len = in.u16();
    if (len < 4) break;
    Cursor value = in.sub(len - 4);
    in.skip(std::min<std::size_t>((4 - len % 4) % 4, in.remaining()));
    if (type == kIpv4 && len == 8) record.add_address(kAddress, next_v4(value));
    if (type == kIpv6 && len == 20) record.add_address(kAddress, next_v6(value));
  }
  if (!ack) context.set_originator(chunk.side);
  context.emit(chunk.side);
}

void SctpDecoder::ended(const ChunkView& view, const model::StreamChunk& chunk, Context& context) {
  Cursor in = view.body;
  const Kind kind = view.type == kAbortChunk ? kAbort : kShutdown;
  if (!first_of(kind, chunk.side)) return;
  context.record().start(kSctpSchema, kind);
  const string_view cause =
      view.type == kAbortChunk && in.remaining() >= 4 ? cause_name(in.u16()) : string_view{};
  if (!cause.empty()) context.record().add_text(kCause, cause);
  context.emit(chunk.side);
}

void SctpDecoder::data(Cursor in, const model::StreamChunk& chunk, Context& context) {
  const std::uint32_t tsn = in.u32();
  const std::uint16_t stream = in.u16();
  in.skip(2);
  const std::uint32_t ppid = in.u32();
  if (!in.ok()) {
    context.odd("data_short");
    return;
  }
  SideState& side = sides_[model::index(chunk.side)];
  if (first_of(kPayload, chunk.side)) {
    context.record().start(kSctpSchema, kPayload);
    context.record().add_uint(kPpid, ppid);
    if (const string_view name = ppid_name(ppid); !name.empty()) {
      context.record().add_text(kPpidName, name);
    }
    context.emit(chunk.side);
  }
  follow(side, stream, tsn, in.rest(), chunk, context);
}

void SctpDecoder::follow(SideState& side, std::uint16_t stream, std::uint32_t tsn, Bytes bytes,
                         const model::StreamChunk& chunk, Context& context) {
  if (!side.begun) {
    side.begun = true;
    side.stream = stream;
    side.next_tsn = tsn;
  }
  if (!side.following) return;
  // What was seen is sent again.
  if (static_cast<std::int32_t>(tsn - side.next_tsn) < 0) return;
  if (tsn != side.next_tsn || chunk.cut) {
    side.following = false;
    return;
  }
  ++side.next_tsn;
  if (stream != side.stream || bytes.empty()) return;
  side.following = context.child(
      {.side = chunk.side, .time_ns = chunk.time_ns, .packet = chunk.packet, .bytes = bytes});
}

Step SctpDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Cursor in(chunk.bytes);
  in.skip(kCommonHeader);
  ChunkView view;
  bool first = true;
  for (; next_chunk(in, view); first = false) {
    switch (view.type) {
      case kDataChunk:
        data(view.body, chunk, context);
        break;
      case kInitChunk:
      case kInitAckChunk:
        // It travels alone (section 3.3.2).
        if (first) init(view.type == kInitAckChunk, view.body, chunk, context);
        break;
      case kAbortChunk:
      case kShutdownChunk:
        ended(view, chunk, context);
        break;
      default:
        break;
    }
  }
  if (!in.ok() && !chunk.cut) context.odd("chunk_overrun");
  return {.consumed = chunk.bytes.size()};
}

// The chunks must follow each other, and the first be one that has been defined.
Probe probe_sctp(const ProbeInput& input) {
  const Bytes bytes = input.of(input.latest);
  if (bytes.size() < kCommonHeader + 4) return Probe::kNo;
  const std::uint8_t type = bytes[kCommonHeader];
  // Beyond the base: AUTH, I-DATA, ASCONF-ACK, RE-CONFIG, PAD, FORWARD-TSN, ASCONF, I-FORWARD-TSN.
  constexpr std::array<std::uint8_t, 8> kExtensions{15, 64, 128, 130, 132, 192, 193, 194};
  const bool known =
      type <= kLastChunk || std::ranges::find(kExtensions, type) != kExtensions.end();
  return known ? Probe::kYes : Probe::kNo;
}

}  // namespace

extern const ProtocolDef kSctp{.name = "sctp",
                               .transport = Transport::kIp,
                               .first = FirstBytes::any(),
                               .probe = probe_sctp,
                               .schema = &kSctpSchema,
                               .state_bytes = sizeof(SctpDecoder),
                               .make = make_decoder<SctpDecoder>,
                               .ip_proto = model::ip_proto::kSctp};

}  // namespace netwatch::dpi
