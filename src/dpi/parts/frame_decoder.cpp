// Messages that say how long they are.
#include "dpi/parts/frame_decoder.h"

#include <algorithm>

namespace netwatch::dpi {

Step FrameDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  bool& lost = lost_[model::index(chunk.side)];
  if (lost && !begins_with(chunk.bytes, chunk.side)) return {.consumed = chunk.bytes.size()};
  lost = false;
  Step step;
  while (step.consumed < chunk.bytes.size()) {
    const base::Bytes rest = chunk.bytes.subspan(static_cast<std::size_t>(step.consumed));
    FrameSize size = size_of(rest, chunk.side);
    // A frame of nothing would be read for ever.
    if (size.what == FrameSize::What::kKnown && size.bytes == 0) size = FrameSize::bad();
    if (size.what == FrameSize::What::kBad) {
      if (!confirmed_) return {.verdict = Verdict::kNotMine};
      context.odd("bad_frame");
      lost = true;
      return {.verdict = Verdict::kOdd, .consumed = chunk.bytes.size()};
    }
    const bool known = size.what == FrameSize::What::kKnown;
    const std::uint64_t shown = std::min<std::uint64_t>(size.bytes, kFrameBytes);
    if (!known || (rest.size() < shown && !chunk.cut)) {
      if (chunk.cut) {
        lost = true;
        return {.verdict = step.verdict, .consumed = chunk.bytes.size()};
      }
      step.wanted = known ? static_cast<std::size_t>(shown) : 0;
      return step;
    }
    confirmed_ = true;
    const Onward next = show(rest, size, chunk, context);
    if (next.what == Onward::What::kNotMine) return {.verdict = Verdict::kNotMine};
    step.consumed += size.bytes + next.skip;
    if (next.what == Onward::What::kDone) step.verdict = Verdict::kDone;
    if (next.what == Onward::What::kHandOn) context.hand_on();
    if (next.what != Onward::What::kGoOn) return step;
  }
  return step;
}

Onward FrameDecoder::show(base::Bytes rest, const FrameSize& size, const model::StreamChunk& chunk,
                          Context& context) {
  const auto shown = std::min<std::uint64_t>({size.bytes, kFrameBytes, rest.size()});
  return on_frame({.bytes = rest.first(static_cast<std::size_t>(shown)),
                   .size = size.bytes,
                   .side = chunk.side,
                   .context = context,
                   .time_ns = chunk.time_ns});
}

Verdict FrameDecoder::on_gap(const model::StreamChunk& chunk, Context& /*context*/) {
  lost_[model::index(chunk.side)] = true;
  on_loss(chunk.side);
  return Verdict::kFine;
}

}  // namespace netwatch::dpi
