// DCE RPC: C706 chapter 12 and [MS-RPCE] 2.2.2, over TCP (connection-oriented, version 5) and UDP
// (connectionless, version 4), where PROFINET IO sets its connections up, too (IEC 61158-6-10).
#include <algorithm>
#include <array>

#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/probe_sides.h"
#include "dpi/protocols/dcerpc_report.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::Side;

// Data representation, C706 14.1: byte order and characters, floating point, two reserved bytes.
bool is_representation(Bytes drep) {
  constexpr std::uint8_t kMostFloats = 3;
  return (drep[0] & 0xEE) == 0 && drep[1] <= kMostFloats;
}
bool is_little(Bytes drep) { return (drep[0] & 0x10) != 0; }

// The fewest bytes of a message of version 5; 0 if there is none of that type.
std::size_t fewest_bytes(std::uint8_t type) {
  switch (type) {
    case DcePdu::kBind:
    case DcePdu::kAlterContext:
      return kDceHeadBytes + 12 + 24;
    case DcePdu::kBindAck:
    case DcePdu::kAlterContextResponse:
    case DcePdu::kRequest:
    case DcePdu::kResponse:
      return kDceHeadBytes + 8;
    case DcePdu::kFault:
      return kDceHeadBytes + 12;
    case DcePdu::kBindNak:
      return kDceHeadBytes + 2;
    case DcePdu::kAuth3:
      return kDceHeadBytes + 4;
    case DcePdu::kShutdown:
    case DcePdu::kCancel:
    case DcePdu::kOrphaned:
      return kDceHeadBytes;
    default:
      return 0;
  }
}

// Of a stream the first message is one that begins or ends; a bind is known by more than its head.
Probe look_at_stream(Bytes bytes) {
  constexpr std::size_t kFlagsAt = 3;
  constexpr std::uint8_t kFirstOrLast = 3;
  DcePdu pdu;
  const Probe probe = read_dce_head(bytes, pdu);
  if (probe != Probe::kYes) return probe;
  return pdu.type == DcePdu::kBind || (bytes[kFlagsAt] & kFirstOrLast) != 0 ? probe : Probe::kNo;
}

Probe probe_dcerpc(const ProbeInput& input) {
  if (input.datagram) {
    DcePdu pdu;
    return read_dce_datagram(input.of(input.latest), pdu) ? Probe::kYes : Probe::kNo;
  }
  return probe_sides(input, look_at_stream);
}

// Fragments of version 5.
class FragmentStream final : public FrameDecoder {
 public:
  explicit FragmentStream(DceReader& reader) : reader_(&reader) {}

 protected:
  FrameSize size_of(Bytes bytes, Side /*side*/) override {
    DcePdu pdu;
    const Probe probe = read_dce_head(bytes, pdu);
    if (probe == Probe::kNo) return FrameSize::bad();
    return probe == Probe::kYes ? FrameSize::known(pdu.size) : FrameSize{};
  }
  Onward on_frame(const Frame& frame) override {
    DcePdu pdu;
    read_dce_head(frame.bytes, pdu);
    const model::StreamChunk chunk{.side = frame.side, .time_ns = frame.time_ns, .bytes = {}};
    reader_->message(pdu, frame.bytes, chunk, frame.context);
    return {};
  }
  bool begins_with(Bytes bytes, Side /*side*/) override {
    return look_at_stream(bytes) == Probe::kYes;
  }

 private:
  DceReader* reader_;
};

class DcerpcDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    if (!chunk.datagram) return on_stream(chunk, context);
    DcePdu pdu;
    if (!read_dce_datagram(chunk.bytes, pdu)) return {.verdict = Verdict::kNotMine};
    reader_.message(pdu, chunk.bytes, chunk, context);
    return {.consumed = chunk.bytes.size()};
  }
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override {
    return stream_.on_gap(chunk, context);
  }

 private:
  // Who is asked in a protocol that it does not speak may answer in its own.
  Step on_stream(const model::StreamChunk& chunk, Context& context) {
    constexpr std::uint8_t kVersion = 5;
    bool& begun = begun_[model::index(chunk.side)];
    if (!begun && begun_[model::index(model::other(chunk.side))] && chunk.bytes[0] != kVersion) {
      context.hand_on();
      return {};
    }
    begun = true;
    return stream_.on_bytes(chunk, context);
  }

  DceReader reader_;
  FragmentStream stream_{reader_};
  std::array<bool, 2> begun_{};
};

constexpr std::uint16_t kPorts[] = {135, 34964};

}  // namespace

Probe read_dce_head(Bytes bytes, DcePdu& pdu) {
  constexpr std::uint8_t kVersion = 5;
  constexpr std::size_t kVerifierHead = 8;
  enum Flag : std::uint8_t { kFirst = 1, kObject = 0x80 };
  Cursor in(bytes);
  if (in.u8() != kVersion) return Probe::kNo;
  if (!in.at_end() && in.u8() > 1) return Probe::kNo;
  pdu.type = in.peek();
  const std::size_t fewest = fewest_bytes(pdu.type);
  if (!in.at_end() && fewest == 0) return Probe::kNo;
  in.skip(1);
  const std::uint8_t flags = in.u8();
  const Bytes drep = in.take(4);
  if (!in.ok()) return Probe::kMore;
  if (!is_representation(drep) || drep[2] != 0 || drep[3] != 0) return Probe::kNo;
  DceCursor head(in.rest(), is_little(drep));
  pdu.size = head.u16();
  pdu.auth_bytes = head.u16();
  pdu.call_id = pdu.key = head.u32();
  if (!head.ok()) return Probe::kMore;
  const std::size_t verifier = pdu.auth_bytes == 0 ? 0 : pdu.auth_bytes + kVerifierHead;
  if (pdu.size < fewest + verifier) return Probe::kNo;
  pdu.first = (flags & kFirst) != 0;
  // Of an answer the same bit means that it may have been executed, or nothing.
  pdu.has_object = pdu.type == DcePdu::kRequest && (flags & kObject) != 0;
  const std::size_t here = std::min(bytes.size(), pdu.size - verifier);
  pdu.body = DceCursor(bytes.subspan(kDceHeadBytes, here - kDceHeadBytes), is_little(drep));
  return Probe::kYes;
}

bool read_dce_datagram(Bytes bytes, DcePdu& pdu) {
  constexpr std::uint8_t kVersion = 4;
  constexpr std::uint8_t kFragment = 4;
  if (bytes.size() < kDceDatagramHeadBytes || bytes[0] != kVersion) return false;
  pdu.type = bytes[1];
  const std::uint8_t flags = bytes[2];
  const Bytes drep = bytes.subspan(4, 3);
  if (pdu.type > DcePdu::kCancelAck || (flags & 0x80) != 0 || !is_representation(drep) ||
      drep[2] != 0)
    return false;
  DceCursor in(bytes.subspan(8), is_little(drep));
  pdu.object = in.uuid();
  pdu.interface = in.uuid();
  const Uuid activity = in.uuid();
  in.skip(4);  // the server's start
  pdu.interface_version = in.u32();
  pdu.call_id = in.u32();
  pdu.opnum = in.u16();
  in.skip(2 + 2);  // hints
  const std::size_t body = in.u16();
  const std::uint16_t fragment = in.u16();
  const bool authenticated = in.Cursor::u8() != 0;
  in.skip(1);
  const std::size_t size = kDceDatagramHeadBytes + body;
  if (!in.ok() || size > bytes.size() || (!authenticated && size != bytes.size())) return false;
  pdu.key = pdu.call_id ^ Cursor(activity).u32() ^ Cursor(Bytes(activity).subspan(12)).u32();
  pdu.connectionless = true;
  pdu.size = size;
  pdu.first = (flags & kFragment) == 0 || fragment == 0;
  pdu.body = DceCursor(in.rest().first(body), is_little(drep));
  return true;
}

extern const ProtocolDef kDcerpc;
constinit const ProtocolDef kDcerpc{
    .name = "dcerpc",
    .transport = Transport::kBoth,
    .first = FirstBytes::of("\x04\x05"),
    .usual_ports = kPorts,
    .probe = probe_dcerpc,
    .schema = &kDcerpcSchema,
    .state_bytes = sizeof(DcerpcDecoder),
    .make = make_decoder<DcerpcDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
