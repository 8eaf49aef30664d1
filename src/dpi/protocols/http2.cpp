// HTTP/2: RFC 9113, in clear (prior knowledge; behind an upgrade of HTTP/1.1, RFC 7540 section 3.2,
// stream 1 is the request that was upgraded) or as a stream inside another. Header compression is
// parts/hpack's; bodies are passed over. gRPC's calls are read from their header fields.
#include <algorithm>
#include <array>
#include <utility>

#include "base/cursor.h"
#include "dpi/parts/hpack.h"
#include "dpi/parts/http2_frame.h"
#include "dpi/protocol.h"
#include "dpi/protocols/http2_report.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using model::Side;
using std::string_view;

// A header block with its frames; of a longer one the beginning is reported.
constexpr std::size_t kMaxBlockBytes = std::size_t{48} << 10;
constexpr std::size_t kMaxSettingsBytes = std::size_t{64} * 6;
constexpr std::size_t kMaxGoawayBytes = 512;
// A byte that refers to the header table may stand for thousands, and each would go into a record:
// those of a connection hold so much text to begin with, and so much for every byte of its blocks.
constexpr std::uint64_t kFirstText = std::uint64_t{64} << 10;
constexpr std::uint64_t kTextPerByte = 16;

// When the streams that wait for something were asked for: those of the highest numbers.
class StreamTable {
 public:
  struct Stream {
    base::TimeNs asked_ns = 0;
    std::uint32_t id = 0;
    bool asked = false;     // the time is known
    bool answered = false;  // a final status came
    bool grpc = false;
  };
  // Null if it is not known.
  Stream* find(std::uint32_t id) {
    Stream& stream = place(id);
    return stream.id == id ? &stream : nullptr;
  }
  Stream& open(std::uint32_t id) {
    Stream& stream = place(id);
    if (stream.id != id) stream = {.id = id};
    return stream;
  }

 private:
  static constexpr std::size_t kCapacity = 48;
  // One side's numbers grow by two (section 5.1.1); pushed ones (even) are few.
  Stream& place(std::uint32_t id) { return streams_[(id / 2) % kCapacity]; }

  std::array<Stream, kCapacity> streams_{};
};

class Http2Decoder final : public Decoder {
 public:
  Http2Decoder();
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override;

 private:
  enum class Phase : std::uint8_t {
    kStart,   // the preface, or settings
    kFrames,  // a frame begins here
    kTail,    // so does one, but a header block that was given up is not over
    kLost,    // looks for frames at the beginning of a segment
  };
  struct SideState {
    Phase phase = Phase::kStart;
    bool settings_told = false;
    std::uint32_t block_at = 0;  // of a header block that is not whole: where its next frame begins
  };
  // One step inside on_bytes().
  struct Move {
    std::uint64_t consumed = 0;
    bool wait = false;
    std::size_t wanted = 0;  // with `wait`, from where the step began; 0: any more
    bool not_mine = false;
  };
  // What one call works with.
  struct Call {
    const model::StreamChunk& chunk;
    Context& context;
    SideState& side;
    bool odd = false;

    void breach(string_view what) {
      context.odd(what);
      odd = true;
    }
  };
  // The frames of a header block: HEADERS or PUSH_PROMISE, then CONTINUATION (section 6.10).
  struct Block {
    std::uint64_t bytes = 0;  // of its frames, the last one whole
    string_view breach{};     // why it does not end as it should; empty if it does, or must wait
    bool goes_on = false;     // other frames of it follow those
    bool wait = false;        // for more bytes
    std::size_t wanted = 0;
  };

  Move advance(Bytes rest, Call& call);
  Move begin(Bytes rest, Call& call);
  Move frame(Bytes rest, Call& call);
  Move control(const Http2Frame& frame, Bytes rest, Call& call);
  Move headers(Bytes rest, Call& call);
  static Block gather(Bytes rest, SideState& side);
  static Http2Fragment join(Bytes frames, Context& context);
  void report(Bytes frames, bool complete, Call& call);
  void on_request(const Http2HeaderReader& reader, std::uint32_t stream, Call& call);
  void on_answer(const Http2HeaderReader& reader, std::uint32_t stream, Call& call);
  void tell_grpc(Call& call);
  [[nodiscard]] Http2Message expected(const Http2Frame& frame, Side side);

  StreamTable streams_;
  std::array<SideState, 2> sides_;
  Side client_ = Side::kOriginator;
  bool client_known_ = false;
  bool confirmed_ = false;  // a preface, or frames, were read
  bool grpc_told_ = false;
  bool text_told_ = false;
  std::uint64_t text_left_ = kFirstText;  // that may still go into records
  Hpack hpack_;
};
static_assert(sizeof(Http2Decoder) <= kHttp2StateBytes);

// Not the default: that would write over all of the header tables' memory first.
Http2Decoder::Http2Decoder() : sides_{} {}

Step Http2Decoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  Call call{chunk, context, sides_[model::index(chunk.side)]};
  Step step;
  while (step.consumed < chunk.bytes.size()) {
    const Move move = advance(chunk.bytes.subspan(static_cast<std::size_t>(step.consumed)), call);
    if (move.not_mine) return {.verdict = Verdict::kNotMine};
    step.consumed += move.consumed;
    if (!move.wait) continue;
    step.wanted = move.wanted;
    break;
  }
  // What the capture did not keep cannot be waited for.
  if (chunk.cut && step.consumed < chunk.bytes.size()) {
    step.consumed = chunk.bytes.size();
    call.side.phase = Phase::kLost;
    hpack_.forget(chunk.side);
  }
  step.verdict = call.odd ? Verdict::kOdd : Verdict::kFine;
  return step;
}

Verdict Http2Decoder::on_gap(const model::StreamChunk& chunk, Context& context) {
  SideState& side = sides_[model::index(chunk.side)];
  Call call{chunk, context, side};
  // What was kept of a header block is all there will ever be of it.
  if (side.phase == Phase::kFrames && chunk.bytes.size() > kHttp2HeadBytes) {
    const Http2Type type = parse_http2_frame(chunk.bytes).type;
    const bool header = type == Http2Type::kHeaders || type == Http2Type::kPushPromise;
    if (header) report(chunk.bytes, false, call);
  }
  hpack_.forget(chunk.side);
  side.phase = Phase::kLost;
  side.block_at = 0;
  return call.odd ? Verdict::kOdd : Verdict::kFine;
}

Http2Decoder::Move Http2Decoder::advance(Bytes rest, Call& call) {
  switch (call.side.phase) {
    case Phase::kStart:
    case Phase::kLost:
      return begin(rest, call);
    case Phase::kFrames:
    case Phase::kTail:
      break;
  }
  return frame(rest, call);
}

Http2Decoder::Move Http2Decoder::begin(Bytes rest, Call& call) {
  switch (classify_http2(rest)) {
    case Http2Start::kPreface:
      call.side.phase = Phase::kFrames;
      confirmed_ = true;
      client_known_ = true;
      client_ = call.chunk.side;
      call.context.set_originator(client_);
      return {.consumed = kHttp2Preface.size()};
    case Http2Start::kSettings:
      call.side.phase = Phase::kFrames;
      return {};
    case Http2Start::kMiddle:
      call.side.phase = Phase::kFrames;
      hpack_.forget(call.chunk.side);
      return {};
    case Http2Start::kMore:
      if (!call.chunk.cut && rest.size() < kMaxBlockBytes) return {.wait = true};
      break;
    case Http2Start::kNo:
      break;
  }
  call.side.phase = Phase::kLost;
  return {.consumed = rest.size()};
}

Http2Decoder::Move Http2Decoder::frame(Bytes rest, Call& call) {
  if (rest.size() < kHttp2HeadBytes) return {.wait = true, .wanted = kHttp2HeadBytes};
  const Http2Frame frame = parse_http2_frame(rest);
  if (!is_sound(frame)) {
    if (!confirmed_) return {.not_mine = true};
    call.breach("bad_frame");
    hpack_.forget(call.chunk.side);
    call.side.phase = Phase::kLost;
    return {.consumed = rest.size()};
  }
  if (call.side.phase == Phase::kTail) {
    // Section 6.10: nothing else may come before the block's end.
    const bool belongs = frame.type == Http2Type::kContinuation;
    if (!belongs || frame.has(Http2Frame::kEndHeaders)) call.side.phase = Phase::kFrames;
    return {.consumed = belongs ? frame.size() : 0};
  }
  switch (frame.type) {
    case Http2Type::kHeaders:
    case Http2Type::kPushPromise:
      return headers(rest, call);
    case Http2Type::kSettings:
    case Http2Type::kRstStream:
    case Http2Type::kGoaway:
      return control(frame, rest, call);
    case Http2Type::kContinuation:
      call.breach("stray_continuation");
      hpack_.forget(call.chunk.side);
      break;
    case Http2Type::kData:
    case Http2Type::kPriority:
    case Http2Type::kPing:
    case Http2Type::kWindowUpdate:
      break;
  }
  confirmed_ = true;
  return {.consumed = frame.size()};
}

// Frames that are short and of which all is wanted.
Http2Decoder::Move Http2Decoder::control(const Http2Frame& frame, Bytes rest, Call& call) {
  const bool goaway = frame.type == Http2Type::kGoaway;
  const std::size_t wanted =
      kHttp2HeadBytes +
      std::min<std::size_t>(frame.payload_bytes, goaway ? kMaxGoawayBytes : kMaxSettingsBytes);
  if (rest.size() < wanted && !call.chunk.cut) return {.wait = true, .wanted = wanted};
  const Bytes payload =
      rest.subspan(kHttp2HeadBytes, std::min(rest.size(), wanted) - kHttp2HeadBytes);
  model::RecordBuilder& record = call.context.record();
  bool tells = false;
  if (goaway) {
    tells = report_http2_goaway(payload, record);
  } else if (frame.type == Http2Type::kRstStream) {
    tells = report_http2_reset(frame.stream, payload, record);
  } else if (!call.side.settings_told && !frame.has(Http2Frame::kAck)) {
    call.side.settings_told = true;
    tells = report_http2_settings(payload, record);
  }
  confirmed_ = true;
  if (tells) call.context.emit(call.chunk.side);
  return {.consumed = frame.size()};
}

Http2Decoder::Move Http2Decoder::headers(Bytes rest, Call& call) {
  const Block block = gather(rest, call.side);
  if (block.wait && !call.chunk.cut) return {.wait = true, .wanted = block.wanted};
  call.side.block_at = 0;
  if (!block.breach.empty()) call.breach(block.breach);
  if (block.goes_on) call.side.phase = Phase::kTail;
  const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(block.bytes, rest.size()));
  report(rest.first(there), block.breach.empty() && !block.wait, call);
  confirmed_ = true;
  return {.consumed = block.bytes};
}

Http2Decoder::Block Http2Decoder::gather(Bytes rest, SideState& side) {
  const std::uint32_t stream = parse_http2_frame(rest).stream;
  if (side.block_at > rest.size()) side.block_at = 0;
  Block block;
  for (std::size_t at = side.block_at;; at = side.block_at) {
    block.bytes = at;
    if (rest.size() - at < kHttp2HeadBytes) {
      block.wait = true;
      block.wanted = at + kHttp2HeadBytes;
      return block;
    }
    const Http2Frame next = parse_http2_frame(rest.subspan(at));
    const bool belongs = next.type == Http2Type::kContinuation && next.stream == stream;
    if (at > 0 && !belongs) {
      block.breach = "header_block_interrupted";
      return block;
    }
    block.bytes = at + next.size();
    if (block.bytes > kMaxBlockBytes) {
      block.breach = "header_block_too_long";
      block.goes_on = !next.has(Http2Frame::kEndHeaders);
      return block;
    }
    if (rest.size() < block.bytes) {
      block.wait = true;
      block.wanted = static_cast<std::size_t>(block.bytes);
      return block;
    }
    if (next.has(Http2Frame::kEndHeaders)) return block;
    side.block_at = static_cast<std::uint32_t>(block.bytes);
  }
}

// The parts of a block that lie in its frames, the last of which may be cut. One frame's is not
// copied.
Http2Fragment Http2Decoder::join(Bytes frames, Context& context) {
  const Http2Frame first = parse_http2_frame(frames);
  base::Cursor in(frames.subspan(kHttp2HeadBytes));
  Http2Fragment whole = fragment_of(first, in.take_up_to(first.payload_bytes));
  if (!whole.ok || in.remaining() < kHttp2HeadBytes) return whole;
  const std::span<std::uint8_t> room = context.scratch();
  std::size_t used = 0;
  const auto append = [&](Bytes part) {
    const std::size_t size = std::min(part.size(), room.size() - used);
    std::copy_n(part.begin(), size, room.begin() + static_cast<std::ptrdiff_t>(used));
    used += size;
  };
  append(whole.bytes);
  while (in.remaining() >= kHttp2HeadBytes) {
    const Http2Frame next = parse_http2_frame(in.take(kHttp2HeadBytes));
    append(in.take_up_to(next.payload_bytes));
  }
  whole.bytes = room.first(used);
  return whole;
}

void Http2Decoder::report(Bytes frames, bool complete, Call& call) {
  const Side side = call.chunk.side;
  const Http2Frame first = parse_http2_frame(frames);
  const Http2Fragment block = join(frames, call.context);
  if (!block.ok) {
    if (complete) call.breach("bad_padding");
    hpack_.forget(side);
    return;
  }
  model::RecordBuilder& record = call.context.record();
  Http2HeaderReader reader(record, expected(first, side), first.stream, text_left_);
  text_left_ += kTextPerByte * frames.size();
  const Hpack::Outcome outcome = hpack_.read(side, block.bytes, complete, reader);
  reader.finish(outcome.whole);
  if (!outcome.breach.empty()) call.breach(outcome.breach);
  if (!reader.breach().empty()) call.breach(reader.breach());
  if (reader.lacks_text() && !std::exchange(text_told_, true)) call.breach("header_list_too_long");
  // A client that answers itself, or a server that asks, would be taken for the other.
  const bool answers = reader.message() == Http2Message::kResponse;
  if (client_known_ && reader.message() != Http2Message::kTrailers &&
      (answers || reader.message() == Http2Message::kPromise) == (side == client_)) {
    return call.breach("wrong_side");
  }
  switch (reader.message()) {
    case Http2Message::kRequest:
      return on_request(reader, first.stream, call);
    case Http2Message::kPromise:
      add_http2_promised(record, block.promised_stream);
      return call.context.emit(side);
    case Http2Message::kResponse:
    case Http2Message::kTrailers:
      return on_answer(reader, first.stream, call);
  }
}

// What a block is that does not say so itself: its beginning may be unknown.
Http2Message Http2Decoder::expected(const Http2Frame& frame, Side side) {
  if (frame.type == Http2Type::kPushPromise) return Http2Message::kPromise;
  const StreamTable::Stream* stream = streams_.find(frame.stream);
  const bool in_doubt = hpack_.in_doubt(side) && client_known_;
  if (!in_doubt) return Http2Message::kTrailers;
  if (side == client_) {
    return stream == nullptr ? Http2Message::kRequest : Http2Message::kTrailers;
  }
  const bool answered = stream != nullptr && stream->answered;
  return answered ? Http2Message::kTrailers : Http2Message::kResponse;
}

void Http2Decoder::on_request(const Http2HeaderReader& reader, std::uint32_t stream, Call& call) {
  if (!client_known_) {
    client_known_ = true;
    client_ = call.chunk.side;
    call.context.set_originator(client_);
  }
  StreamTable::Stream& opened = streams_.open(stream);
  opened.asked = true;
  opened.asked_ns = call.chunk.time_ns;
  opened.grpc = reader.is_grpc();
  call.context.emit(call.chunk.side);
  if (reader.is_grpc()) tell_grpc(call);
}

void Http2Decoder::on_answer(const Http2HeaderReader& reader, std::uint32_t stream, Call& call) {
  const bool response = reader.message() == Http2Message::kResponse;
  const bool from_client = client_known_ && call.chunk.side == client_;
  if (!response && (!reader.tells() || from_client)) return;
  if (!client_known_) {
    client_known_ = true;
    client_ = model::other(call.chunk.side);
    call.context.set_originator(client_);
  }
  model::RecordBuilder& record = call.context.record();
  StreamTable::Stream& answered = streams_.open(stream);
  const base::TimeNs passed = call.chunk.time_ns - answered.asked_ns;
  const bool timed = answered.asked && passed >= 0;
  const bool final = response && !reader.is_interim() && !answered.answered;
  if (timed && final) add_http2_latency(record, passed);
  if (timed && reader.ends_call()) add_grpc_duration(record, passed);
  answered.answered = answered.answered || final;
  // A status in trailers is gRPC's even where the content type is not known.
  answered.grpc = answered.grpc || reader.is_grpc() || (!response && reader.ends_call());
  call.context.emit(call.chunk.side);
  if (answered.grpc) tell_grpc(call);
}

void Http2Decoder::tell_grpc(Call& call) {
  if (!std::exchange(grpc_told_, true)) call.context.carries("grpc");
}

Probe probe_http2(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (const Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    const Http2Start start = classify_http2(bytes);
    if (start == Http2Start::kMore) best = Probe::kMore;
    if (start != Http2Start::kMore && start != Http2Start::kNo) return Probe::kYes;
  }
  return best;
}

constexpr std::uint16_t kPorts[] = {80, 8080, 50051};

}  // namespace

extern const ProtocolDef kHttp2;

const ProtocolDef kHttp2{
    .name = "http2",
    .transport = Transport::kTcp,
    .first = FirstBytes::of(string_view("P\0", 2)),
    .usual_ports = kPorts,
    .probe = probe_http2,
    .schema = &kHttp2Schema,
    .state_bytes = sizeof(Http2Decoder),
    .make = make_decoder<Http2Decoder, kHttp2StateBytes>,
    .late = true,
};

}  // namespace netwatch::dpi
