#include "dpi/engine.h"

#include <algorithm>

namespace netwatch::dpi {
namespace {

// Half of decoder_bytes is for the analyses, half for what their decoders remember.
constexpr std::size_t kDecoderPageBytes = kHttp2StateBytes;
constexpr std::array<std::uint32_t, 13> kDecoderClasses{
    64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, kMaxStateBytes, kHttp2StateBytes};
constexpr std::size_t kHeldPageBytes = kMaxHeldBytes;
constexpr std::array<std::uint32_t, 11> kHeldClasses{64,   128,  256,   512,   1024, 2048,
                                                     4096, 8192, 16384, 32768, 65536};
constexpr std::size_t kFewestAnalyses = 16;
constexpr std::size_t kMaxOddNames = 256;

}  // namespace

Engine::Engine(AnalyzerSink& sink, const AnalyzerBudget& budget,
               std::span<const ProtocolDef* const> table)
    : sink_(sink),
      shared_index_(ProbeIndex::of(table)),
      index_(*shared_index_),
      table_(std::max(budget.decoder_bytes / 2 / AnalysisTable::kBytesEach, kFewestAnalyses)),
      decoders_(budget.decoder_bytes / 2, kDecoderPageBytes, kDecoderClasses),
      blocks_(budget.held_bytes, kHeldPageBytes, kHeldClasses),
      scratch_(kMaxHeldBytes) {}

Engine::~Engine() {
  for (const AnalysisList list :
       {AnalysisList::kProbing, AnalysisList::kQuiet, AnalysisList::kHolding}) {
    while (const std::uint32_t slot = table_.oldest(list)) free_analysis(slot);
  }
}

Appetite Engine::feed(std::uint32_t& slot, const FlowRef& flow, const model::StreamChunk& chunk) {
  flow_ = flow;
  side_ = chunk.side;
  time_ns_ = chunk.time_ns;
  packet_ = chunk.packet;
  cut_ = chunk.cut;
  const Appetite appetite = chunk.datagram ? feed_datagram(slot, chunk) : feed_stream(slot, chunk);
  if (!children_.empty()) feed_children();
  return appetite;
}

void Engine::end(std::uint32_t& slot, const FlowRef& flow, base::TimeNs now_ns,
                 std::uint64_t packet) {
  flow_ = flow;
  time_ns_ = now_ns;
  packet_ = packet;
  if (table_.find(slot, flow.id) != nullptr) end_analysis(slot);
  slot = 0;
}

void Engine::begin_call(std::uint32_t slot) {
  current_ = &table_.at(slot);
  current_slot_ = slot;
  handed_on_ = false;
  named_next_ = kNoProtocol;
  counted_odd_ = false;
  turned_ = false;
}

Step Engine::call(std::uint32_t slot, const model::StreamChunk& chunk) {
  begin_call(slot);
  const Step step = current_->decoder->on_bytes(chunk, *this);
  if (step.verdict == Verdict::kOdd && !counted_odd_) odd("unnamed");
  if (step.verdict != Verdict::kNotMine) tell_originator();
  return step;
}

void Engine::emit(model::Side side) {
  confirm(*current_);
  model::Record record = builder_.view();
  record.side = side;
  record.layer = current_->layer;
  record.flow = flow_.id;
  record.time_ns = time_ns_;
  record.packet = packet_;
  if (record.cut) ++drops_[model::Drop::kRecordCut];
  sink_.on_record(record);
}

void Engine::odd(std::string_view what) {
  counted_odd_ = true;
  ++drops_[model::Drop::kDecoderOdd];
  const std::string_view protocol = index_.def(current_->protocol).name;
  for (OddCount& known : odds_) {
    if (known.what == what && known.protocol == protocol) {
      ++known.count;
      return;
    }
  }
  // The names are static, so there are only so many; the limit is against a decoder's bug.
  if (odds_.size() < kMaxOddNames) odds_.push_back({protocol, what, 1});
}

void Engine::hand_on(std::string_view announced) {
  handed_on_ = true;
  named_next_ = announced.empty() ? kNoProtocol : index_.find(announced);
}

void Engine::carries(std::string_view name) {
  confirm(*current_);
  const auto inner = static_cast<std::uint8_t>(current_->layer + 1);
  if (inner <= kMaxLayer) sink_.on_app(flow_.id, inner, name);
}

void Engine::set_originator(model::Side side) {
  turned_ = true;
  originator_ = side;
}

void Engine::tell_originator() {
  if (turned_) sink_.on_originator(flow_.id, originator_);
  turned_ = false;
}

Appetite Engine::give_up(std::uint32_t& slot) {
  slot = 0;
  return Appetite::kNone;
}

}  // namespace netwatch::dpi
