// WebSocket: RFC 6455, where HTTP/1.1 has switched to it (RFC 6455 section 4). Its framing is too
// weak to be told by content, so the probe believes only who announces it. Payload of messages that
// are not compressed (RFC 7692) is a stream of its own: MQTT, SSH and others are carried so.
#include <algorithm>
#include <array>
#include <utility>

#include "base/cursor.h"
#include "dpi/parts/line_decoder.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::FieldDef;
using model::FieldType;
using model::Privacy;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kMessage, kClose, kSummary };
constexpr string_view kKinds[] = {"message", "close", "summary"};

enum Field : std::uint8_t {
  kType,
  kBytes,
  kFrames,
  kCompressed,
  kCloseCode,
  kReason,
  kMessages,
  kTotalBytes,
  kPings,
};
constexpr string_view kBytesAlias[] = {"websocket.payload_length"};
constexpr string_view kCodeAlias[] = {"websocket.payload.close.status_code"};
constexpr string_view kReasonAlias[] = {"websocket.payload.close.reason"};

constexpr FieldDef kFields[] = {
    {.name = "websocket.type", .help = "text or binary", .max_bytes = 16},
    {.name = "websocket.bytes",
     .type = FieldType::kUint,
     .help = "payload of the message",
     .aliases = kBytesAlias},
    {.name = "websocket.frames",
     .type = FieldType::kUint,
     .help = "frames of the message, if there are several"},
    {.name = "websocket.compressed",
     .type = FieldType::kBool,
     .help = "the message is compressed; its payload is not read"},
    {.name = "websocket.close_code",
     .type = FieldType::kUint,
     .help = "why this side closes; 1000 is well",
     .aliases = kCodeAlias},
    {.name = "websocket.reason",
     .help = "why this side closes, in words",
     .privacy = Privacy::kPersonal,
     .aliases = kReasonAlias,
     .max_bytes = 128},
    {.name = "websocket.messages",
     .type = FieldType::kUint,
     .help = "messages of this side in all"},
    {.name = "websocket.total_bytes",
     .type = FieldType::kUint,
     .help = "payload of this side's messages"},
    {.name = "websocket.pings",
     .type = FieldType::kUint,
     .help = "pings of this side, if there were any"},
};
static_assert(std::size(kFields) == kPings + 1);
constexpr model::Schema kWebsocketSchema{"websocket", "WebSocket", kKinds, kFields};

// Section 5.2.
enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};
using MaskKey = std::array<std::uint8_t, 4>;
constexpr std::size_t kMaxControlBytes = 125;

struct Frame {
  Opcode opcode = Opcode::kText;
  bool final = false;
  bool compressed = false;  // RSV1, RFC 7692 section 6
  bool masked = false;
  std::size_t head_bytes = 0;
  std::uint64_t payload_bytes = 0;
  MaskKey key{};
  [[nodiscard]] bool is_control() const { return opcode >= Opcode::kClose; }
};

// kMore: its head is not all there.
Probe parse_frame(Bytes bytes, Frame& frame) {
  base::Cursor in(bytes);
  const std::uint8_t first = in.u8();
  const std::uint8_t second = in.u8();
  if (!in.ok()) return Probe::kMore;
  const std::uint8_t opcode = first & 0x0F;
  frame.opcode = static_cast<Opcode>(opcode);
  frame.final = (first & 0x80) != 0;
  frame.compressed = (first & 0x40) != 0;
  frame.masked = (second & 0x80) != 0;
  frame.payload_bytes = second & 0x7F;
  const bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
  if (!known || (first & 0x30) != 0) return Probe::kNo;
  const bool long_control = frame.is_control() && frame.payload_bytes > kMaxControlBytes;
  if (long_control || (frame.is_control() && (!frame.final || frame.compressed))) return Probe::kNo;
  if (frame.payload_bytes == 126)
    frame.payload_bytes = in.u16();
  else if (frame.payload_bytes == 127)
    frame.payload_bytes = in.u64();
  if (frame.payload_bytes >> 62 != 0) return Probe::kNo;
  if (frame.masked) std::ranges::copy(in.take(frame.key.size()), frame.key.begin());
  frame.head_bytes = in.offset();
  return in.ok() ? Probe::kYes : Probe::kMore;
}

// Section 5.3; `at` is the place of the first byte in the frame's payload.
void unmask(Bytes bytes, const MaskKey& key, std::uint64_t at, std::uint8_t* out) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(bytes[i] ^ key[(at + i) % key.size()]);
  }
}

class WebsocketDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override;
  void on_end(Context& context) override;

 private:
  // The first messages of a side are records of their own; all are counted.
  static constexpr std::uint64_t kReported = 8;

  struct SideState {
    // The data frame whose payload is coming: handed to the child, or passed over.
    std::uint64_t payload_at = 0;
    std::uint64_t payload_bytes = 0;  // 0: a frame begins here
    MaskKey key{};
    // Of that frame: what has not been counted yet.
    std::uint64_t frame_left = 0;
    bool final = false;
    // The message that is not complete.
    bool in_message = false;
    bool text = false;
    bool compressed = false;
    std::uint64_t message_bytes = 0;
    std::uint64_t frames = 0;
    // All of them.
    std::uint64_t messages = 0;
    std::uint64_t total_bytes = 0;
    std::uint64_t pings = 0;
    bool lost = false;
    bool closed = false;
  };
  struct Call {
    const model::StreamChunk& chunk;
    Context& context;
    SideState& side;
  };

  std::uint64_t payload(Bytes rest, Call& call);
  [[nodiscard]] static bool fits(const Frame& frame, const SideState& side);
  void check_mask(const Frame& frame, Call& call);
  static void data(const Frame& frame, std::size_t here, Call& call);
  [[nodiscard]] bool is_read(const SideState& side) const {
    return !side.compressed && !child_over_;
  }
  static void count(std::uint64_t bytes, Side which, SideState& side, Context& context);
  static void end_frame(bool cut, Side which, SideState& side, Context& context);
  void control(const Frame& frame, Bytes payload, Call& call);
  void summarise(Context& context);

  std::array<SideState, 2> sides_;
  bool confirmed_ = false;
  bool child_over_ = false;
  bool masker_known_ = false;
  bool mask_told_ = false;
  Side masker_ = Side::kOriginator;
  bool summarised_ = false;
};
static_assert(sizeof(WebsocketDecoder) <= 256);

Step WebsocketDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Call call{chunk, context, sides_[model::index(chunk.side)]};
  SideState& side = call.side;
  Step step;
  while (step.consumed < chunk.bytes.size() && !side.lost && !side.closed) {
    const Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    if (side.payload_bytes > 0) {
      step.consumed += payload(rest, call);
      continue;
    }
    Frame frame;
    const Probe there = parse_frame(rest, frame);
    if (there == Probe::kNo || (there == Probe::kYes && !fits(frame, side))) {
      if (!confirmed_) return {.verdict = Verdict::kNotMine};
      context.odd("bad_frame");
      step.verdict = Verdict::kOdd;
      side.lost = true;
      break;
    }
    const std::uint64_t wanted =
        frame.head_bytes + (frame.is_control() ? frame.payload_bytes : std::uint64_t{0});
    if (there == Probe::kMore || rest.size() < wanted) {
      if (chunk.cut) side.lost = true;
      break;
    }
    confirmed_ = true;
    check_mask(frame, call);
    step.consumed += frame.head_bytes;
    if (frame.is_control()) {
      const auto size = static_cast<std::size_t>(frame.payload_bytes);
      control(frame, rest.subspan(frame.head_bytes, size), call);
      step.consumed += size;
    } else {
      data(frame, rest.size() - frame.head_bytes, call);
    }
  }
  if (side.lost || side.closed) {
    step.consumed = std::max<std::uint64_t>(step.consumed, chunk.bytes.size());
  }
  if (sides_[0].closed && sides_[1].closed) {
    summarise(context);
    // With a child what it was just given must still be read.
    if (child_over_) step.verdict = Verdict::kDone;
  }
  return step;
}

// Passes what is here of a data frame's payload, and hands it on if somebody reads it.
std::uint64_t WebsocketDecoder::payload(Bytes rest, Call& call) {
  SideState& side = call.side;
  const std::uint64_t left = side.payload_bytes - side.payload_at;
  auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, rest.size()));
  if (is_read(side)) {
    const std::span<std::uint8_t> room = call.context.scratch();
    size = std::min(size, room.size());
    unmask(rest.first(size), side.key, side.payload_at, room.data());
    const model::StreamChunk inner{.side = call.chunk.side, .bytes = room.first(size)};
    child_over_ = !call.context.child(inner);
  }
  side.payload_at += size;
  if (side.payload_at == side.payload_bytes) side.payload_bytes = 0;
  count(size, call.chunk.side, side, call.context);
  return size;
}

// Section 5.4: a message's frames follow each other, with none but control frames between; one
// side masks all of its frames (section 5.1).
bool WebsocketDecoder::fits(const Frame& frame, const SideState& side) {
  if (frame.is_control()) return true;
  const bool goes_on = frame.opcode == Opcode::kContinuation;
  return goes_on == side.in_message && !(goes_on && frame.compressed);
}

// Section 5.1: a client masks all frames, a server none. Which side is which the first frame says.
void WebsocketDecoder::check_mask(const Frame& frame, Call& call) {
  const Side masker = frame.masked ? call.chunk.side : model::other(call.chunk.side);
  if (!std::exchange(masker_known_, true)) masker_ = masker;
  if (masker != masker_ && !std::exchange(mask_told_, true)) call.context.odd("bad_mask");
}

// `here`: what is at hand behind the frame's head.
void WebsocketDecoder::data(const Frame& frame, std::size_t here, Call& call) {
  SideState& side = call.side;
  if (frame.opcode != Opcode::kContinuation) {
    side.in_message = true;
    side.text = frame.opcode == Opcode::kText;
    side.compressed = frame.compressed;
    side.message_bytes = 0;
    side.frames = 0;
  }
  ++side.frames;
  side.frame_left = frame.payload_bytes;
  side.final = frame.final;
  side.payload_at = 0;
  side.payload_bytes = frame.payload_bytes;
  side.key = frame.key;
  if (frame.payload_bytes == 0) {
    end_frame(false, call.chunk.side, side, call.context);
  } else if (here >= frame.payload_bytes) {
    // A message that is all here is told before what its payload holds.
    count(frame.payload_bytes, call.chunk.side, side, call.context);
  }
  if (!frame.final) return;
  side.in_message = false;
}

// Of the frame's payload so many bytes have come: a length is not believed before.
void WebsocketDecoder::count(std::uint64_t bytes, Side which, SideState& side, Context& context) {
  const std::uint64_t counted = std::min(bytes, side.frame_left);
  if (counted == 0) return;
  side.frame_left -= counted;
  side.message_bytes += counted;
  side.total_bytes += counted;
  if (side.frame_left == 0) end_frame(false, which, side, context);
}

// Tells the message if that was its last frame.
void WebsocketDecoder::end_frame(bool cut, Side which, SideState& side, Context& context) {
  side.frame_left = 0;
  if (!side.final || ++side.messages > kReported) return;
  model::RecordBuilder& record = context.record();
  record.start(kWebsocketSchema, kMessage);
  record.add_text(kType, side.text ? "text" : "binary");
  record.add_uint(kBytes, side.message_bytes);
  if (side.frames > 1) record.add_uint(kFrames, side.frames);
  if (side.compressed) record.add_bool(kCompressed, true);
  if (cut) record.mark_cut();
  context.emit(which);
}

void WebsocketDecoder::control(const Frame& frame, Bytes payload, Call& call) {
  if (frame.opcode == Opcode::kPing) ++call.side.pings;
  if (frame.opcode != Opcode::kClose) return;
  std::array<std::uint8_t, kMaxControlBytes> plain;
  const std::size_t size = std::min(payload.size(), plain.size());
  unmask(payload.first(size), frame.key, 0, plain.data());
  base::Cursor in(Bytes(plain).first(size));
  call.side.closed = true;
  model::RecordBuilder& record = call.context.record();
  record.start(kWebsocketSchema, kClose);
  const std::uint16_t code = in.u16();
  if (in.ok()) record.add_uint(kCloseCode, code);
  const string_view reason = base::as_text(in.rest());
  if (!reason.empty() && is_plain_text(reason)) record.add_text(kReason, reason);
  call.context.emit(call.chunk.side);
}

Verdict WebsocketDecoder::on_gap(const model::StreamChunk& chunk, Context& context) {
  SideState& side = sides_[model::index(chunk.side)];
  const std::uint64_t left = side.payload_bytes - side.payload_at;
  count(chunk.gap_bytes, chunk.side, side, context);
  if (side.payload_bytes == 0 || chunk.gap_bytes > left) {
    side.lost = true;
    return Verdict::kFine;
  }
  // The frame goes on behind it.
  side.payload_at += chunk.gap_bytes;
  if (side.payload_at == side.payload_bytes) side.payload_bytes = 0;
  if (!is_read(side)) return Verdict::kFine;
  child_over_ = !context.child({.side = chunk.side, .bytes = {}, .gap_bytes = chunk.gap_bytes});
  return Verdict::kFine;
}

void WebsocketDecoder::on_end(Context& context) { summarise(context); }

void WebsocketDecoder::summarise(Context& context) {
  if (summarised_ || !confirmed_) return;
  summarised_ = true;
  for (const Side which : {Side::kOriginator, Side::kResponder}) {
    SideState& side = sides_[model::index(which)];
    if (side.frame_left > 0) end_frame(true, which, side, context);
    if (side.messages == 0 && side.pings == 0) continue;
    model::RecordBuilder& record = context.record();
    record.start(kWebsocketSchema, kSummary);
    record.add_uint(kMessages, side.messages);
    record.add_uint(kTotalBytes, side.total_bytes);
    if (side.pings > 0) record.add_uint(kPings, side.pings);
    context.emit(which);
  }
}

Probe probe_websocket(const ProbeInput& input) {
  if (!input.expected) return Probe::kNo;
  Frame frame;
  return parse_frame(input.of(input.latest), frame);
}

}  // namespace

extern const ProtocolDef kWebsocket;

const ProtocolDef kWebsocket{
    .name = "websocket",
    .transport = Transport::kTcp,
    .first = {},  // never by content
    .probe = probe_websocket,
    .schema = &kWebsocketSchema,
    .state_bytes = sizeof(WebsocketDecoder),
    .make = make_decoder<WebsocketDecoder>,
};

}  // namespace netwatch::dpi
