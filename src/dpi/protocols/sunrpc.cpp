// Sun RPC: RFC 5531 (section 11: records of streams). NFS lies in the same messages; it is a row of
// its own, told by its calls, and read by the same decoder.
#include <utility>

#include "dpi/protocols/sunrpc_decoder.h"

namespace netwatch::dpi {
namespace {

using base::Bytes;
using base::Cursor;
using model::Side;

constexpr std::size_t kMarkBytes = 4;
constexpr std::uint32_t kLastFragment = 0x80000000;
constexpr std::uint32_t kMaxFragmentBytes = 32U << 20;

// A record of a stream begins here; `program` is 0 for any.
Probe look_at_record(Bytes bytes, RpcMessage& message) {
  constexpr std::uint32_t kFewestBytes = 24;
  Cursor in(bytes);
  const std::uint32_t mark = in.u32();
  const std::uint32_t size = mark & ~kLastFragment;
  if (!in.ok()) return bytes.empty() ? Probe::kNo : Probe::kMore;
  if (size < kFewestBytes || size > kMaxFragmentBytes) return Probe::kNo;
  const Probe probe = read_rpc_message(in.take_up_to(size), message);
  // The head must lie in the first fragment whole.
  return probe == Probe::kMore && bytes.size() >= kMarkBytes + size ? Probe::kNo : probe;
}

Probe probe_rpc(const ProbeInput& input, bool nfs) {
  Probe best = Probe::kNo;
  for (Bytes bytes : input.sides) {
    if (bytes.empty()) continue;
    RpcMessage message;
    const Probe probe =
        input.datagram ? read_rpc_message(bytes, message) : look_at_record(bytes, message);
    if (probe == Probe::kMore && !input.datagram) best = probe;
    if (probe != Probe::kYes) continue;
    if (nfs == (!message.reply && message.program == rpc::kNfs)) return probe;
    // NFS's own replies are asked for behind its call.
  }
  return best;
}

// Records of a stream, put together of their fragments.
class RecordStream final : public FrameDecoder {
 public:
  explicit RecordStream(RpcReader& reader) : reader_(&reader) {}

 protected:
  FrameSize size_of(Bytes bytes, Side side) override;
  Onward on_frame(const Frame& frame) override;
  bool begins_with(Bytes bytes, Side side) override {
    mark_at_[model::index(side)] = 0;
    RpcMessage message;
    return look_at_record(bytes, message) == Probe::kYes;
  }
  void on_loss(Side side) override {
    in_rest_[model::index(side)] = false;
    mark_at_[model::index(side)] = 0;
  }

 private:
  RpcReader* reader_;
  // Of a record whose end is not seen: the next mark, so that no mark is read again.
  std::array<std::uint32_t, 2> mark_at_{};
  std::array<bool, 2> in_rest_{};  // fragments of a message whose first part was read
  bool any_ = false;
};

// All fragments of a record, or as many as are shown of it.
FrameSize RecordStream::size_of(Bytes bytes, Side side) {
  std::uint64_t at = std::exchange(mark_at_[model::index(side)], 0);
  while (at + kMarkBytes <= bytes.size()) {
    const std::uint32_t mark = Cursor(bytes.subspan(static_cast<std::size_t>(at))).u32();
    const std::uint32_t size = mark & ~kLastFragment;
    const bool last = (mark & kLastFragment) != 0;
    // One of nothing that is not the last says nothing; nobody sends it.
    if (size > kMaxFragmentBytes || (size == 0 && !last)) return FrameSize::bad();
    if (at == 0 && !in_rest_[model::index(side)] && bytes.size() >= 12) {
      const std::uint32_t type = Cursor(bytes.subspan(8)).u32();
      if (type > 1 || size < 8) return FrameSize::bad();
    }
    at += kMarkBytes + size;
    if (last || at >= kFrameBytes) return FrameSize::known(at);
  }
  mark_at_[model::index(side)] = static_cast<std::uint32_t>(at);
  return {};
}

Onward RecordStream::on_frame(const Frame& frame) {
  const std::span<std::uint8_t> room = frame.context.scratch();
  Cursor in(frame.bytes);
  Bytes whole;
  std::size_t joined = 0;
  bool last = false;
  for (int fragments = 0; !last && in.remaining() >= kMarkBytes; ++fragments) {
    const std::uint32_t mark = in.u32();
    last = (mark & kLastFragment) != 0;
    const Bytes part = in.take_up_to(mark & ~kLastFragment);
    if (last && fragments == 0) {
      whole = part;
    } else if (joined + part.size() <= room.size()) {
      std::ranges::copy(part, room.begin() + static_cast<std::ptrdiff_t>(joined));
      joined += part.size();
      whole = room.first(joined);
    }
  }
  bool& in_rest = in_rest_[model::index(frame.side)];
  const bool rest = in_rest;
  in_rest = !last;
  if (rest) return {};
  const model::StreamChunk chunk{.side = frame.side, .time_ns = frame.time_ns, .bytes = {}};
  if (!reader_->message(whole, frame.cut() || !last, chunk, frame.context)) {
    if (!any_) return Onward::not_mine();
    frame.context.odd("bad_message");
  }
  any_ = true;
  return {};
}

class SunrpcDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    if (!chunk.datagram) return stream_.on_bytes(chunk, context);
    const bool mine = reader_.message(chunk.bytes, chunk.cut, chunk, context);
    return {.verdict = mine ? Verdict::kFine : Verdict::kNotMine, .consumed = chunk.bytes.size()};
  }
  Verdict on_gap(const model::StreamChunk& chunk, Context& context) override {
    return stream_.on_gap(chunk, context);
  }

 private:
  RpcReader reader_;
  RecordStream stream_{reader_};
};

constexpr std::uint16_t kNfsPorts[] = {2049};
constexpr std::uint16_t kPorts[] = {111};

}  // namespace

extern const ProtocolDef kNfs;
constinit const ProtocolDef kNfs{
    .name = "nfs",
    .transport = Transport::kBoth,
    .first = FirstBytes::any(),
    .usual_ports = kNfsPorts,
    .probe = [](const ProbeInput& input) { return probe_rpc(input, true); },
    .schema = &kNfsSchema,
    .state_bytes = sizeof(SunrpcDecoder),
    .make = make_decoder<SunrpcDecoder>,
    .late = true,
};
extern const ProtocolDef kSunrpc;
constinit const ProtocolDef kSunrpc{
    .name = "sunrpc",
    .transport = Transport::kBoth,
    .first = FirstBytes::any(),
    .usual_ports = kPorts,
    .probe = [](const ProbeInput& input) { return probe_rpc(input, false); },
    .schema = &kSunrpcSchema,
    .state_bytes = sizeof(SunrpcDecoder),
    .make = make_decoder<SunrpcDecoder>,
    .late = true,
};

}  // namespace netwatch::dpi
