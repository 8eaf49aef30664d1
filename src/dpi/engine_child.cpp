// Streams inside streams: what a decoder takes out of its bytes is probed and decoded like any
// other stream of the flow, one layer further in. It waits until the call that brought it is over,
// so no decoder ever runs inside another's call.
#include "dpi/engine.h"
#include "dpi/engine_mark.h"

namespace netwatch::dpi {

bool Engine::child(const model::StreamChunk& inner) {
  std::uint32_t& link = table_.child(current_slot_);
  if (link == AnalysisTable::kChildOver) return false;
  if (inner.bytes.empty() && inner.gap_bytes == 0) return true;
  confirm(*current_);  // what the child reports cannot be taken back
  model::StreamChunk chunk = inner;
  chunk.time_ns = time_ns_;
  chunk.packet = packet_;
  if (current_->layer < kMaxLayer && children_.push(current_slot_, chunk)) return true;
  ++drops_[model::Drop::kStreamEvicted];
  drop_child(current_slot_);
  link = AnalysisTable::kChildOver;
  return false;
}

// The queue grows while it is walked: children may carry streams themselves.
void Engine::feed_children() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    const ChildQueue::Piece piece = children_.at(i);
    if (piece.parent == 0) continue;
    std::uint32_t slot = table_.child(piece.parent);
    if (slot == AnalysisTable::kChildOver) continue;
    side_ = piece.chunk.side;
    cut_ = piece.chunk.cut;
    base_layer_ = static_cast<std::uint8_t>(table_.at(piece.parent).layer + 1);
    const Appetite appetite =
        piece.chunk.datagram ? feed_datagram(slot, piece.chunk) : feed_stream(slot, piece.chunk);
    if (appetite == Appetite::kNone) slot = AnalysisTable::kChildOver;
    table_.child(piece.parent) = slot;
  }
  children_.clear();
  base_layer_ = 0;
}

// The flow is over: the outer stream's decoder says its last words first, for its child may read
// them. No deeper than kMaxLayer.
void Engine::end_analysis(std::uint32_t slot) {
  Analysis& analysis = table_.at(slot);
  if (analysis.decoder != nullptr && analysis.unsure == 0) {
    confirm(analysis);
    begin_call(slot);
    analysis.decoder->on_end(*this);
    tell_originator();
    feed_children();
  }
  const std::uint32_t inner = table_.child(slot);
  if (table_.find(inner, flow_.id) != nullptr) {
    end_analysis(inner);
    table_.child(slot) = 0;
  }
  free_analysis(slot);
}

void Engine::drop_child(std::uint32_t slot) {
  if (!children_.empty()) children_.forget(slot);
  std::uint32_t& link = table_.child(slot);
  const std::uint32_t inner = link;
  link = 0;
  if (table_.find(inner, table_.at(slot).flow) != nullptr) free_analysis(inner);
}

}  // namespace netwatch::dpi
