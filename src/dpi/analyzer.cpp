#include "dpi/analyzer.h"

#include "dpi/engine.h"
#include "dpi/protocols.h"

namespace netwatch::dpi {

class Analyzer::Impl {
 public:
  Impl(AnalyzerSink& sink, const AnalyzerBudget& budget, std::span<const ProtocolDef* const> table)
      : engine(sink, budget, table) {}
  Engine engine;
};

Analyzer::Analyzer(AnalyzerSink& sink, const AnalyzerBudget& budget)
    : Analyzer(sink, budget, protocols()) {}

Analyzer::Analyzer(AnalyzerSink& sink, const AnalyzerBudget& budget,
                   std::span<const ProtocolDef* const> table)
    : impl_(std::make_unique<Impl>(sink, budget, table)) {}

Analyzer::~Analyzer() = default;

Appetite Analyzer::feed(std::uint32_t& slot, const FlowRef& flow, const model::StreamChunk& chunk) {
  return impl_->engine.feed(slot, flow, chunk);
}

void Analyzer::end(std::uint32_t& slot, const FlowRef& flow, base::TimeNs now_ns,
                   std::uint64_t packet) {
  impl_->engine.end(slot, flow, now_ns, packet);
}

void Analyzer::only_count_records() { impl_->engine.only_count_records(); }

void Analyzer::prefetch(std::uint32_t slot) const { impl_->engine.prefetch(slot); }

const model::DropCounters& Analyzer::drops() const { return impl_->engine.drops(); }

std::span<const OddCount> Analyzer::odds() const { return impl_->engine.odds(); }

std::size_t Analyzer::live() const { return impl_->engine.live(); }

}  // namespace netwatch::dpi
