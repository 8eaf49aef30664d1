#include "dpi/analysis.h"

#include <algorithm>

namespace netwatch::dpi {

AnalysisTable::AnalysisTable(std::size_t capacity) : capacity_(capacity) {
  pages_.reserve((capacity + kPageAnalyses - 1) / kPageAnalyses);
}

std::uint32_t AnalysisTable::take(model::FlowId flow) {
  std::uint32_t slot = free_;
  if (slot != 0) {
    free_ = at(slot).next;
  } else if (made_ < capacity_) {
    if (made_ % kPageAnalyses == 0) {
      pages_.push_back(std::make_unique<Page>());
    }
    slot = ++made_;
  } else {
    return 0;
  }
  Analysis& analysis = at(slot);
  analysis = Analysis{};
  analysis.flow = static_cast<std::uint32_t>(flow);
  child(slot) = 0;
  push(slot, AnalysisList::kProbing);
  ++live_;
  return slot;
}

void AnalysisTable::give_back(std::uint32_t slot) {
  pull(slot);
  Analysis& analysis = at(slot);
  analysis.list = static_cast<std::uint8_t>(AnalysisList::kFree) & 3;
  analysis.next = free_;
  free_ = slot;
  --live_;
}

Analysis* AnalysisTable::find(std::uint32_t slot, model::FlowId flow) const {
  if (slot == 0 || slot > made_) return nullptr;
  Analysis& analysis = at(slot);
  const bool same = analysis.flow == static_cast<std::uint32_t>(flow);
  return same && static_cast<AnalysisList>(analysis.list) != AnalysisList::kFree ? &analysis
                                                                                 : nullptr;
}

void AnalysisTable::touch(std::uint32_t slot) {
  Analysis& analysis = at(slot);
  const auto list = static_cast<AnalysisList>(analysis.list);
  if (lists_[analysis.list].youngest == slot) {
    analysis.stamp = ++clock_;
    return;
  }
  move(slot, list);
}

void AnalysisTable::move(std::uint32_t slot, AnalysisList list) {
  pull(slot);
  push(slot, list);
}

std::uint32_t AnalysisTable::oldest(AnalysisList list) const {
  return lists_[static_cast<std::size_t>(list)].oldest;
}

std::uint32_t AnalysisTable::older(std::uint32_t a, std::uint32_t b) const {
  if (a == 0 || b == 0) return std::max(a, b);
  // The clock may wrap: the difference is what counts.
  return static_cast<std::int32_t>(at(a).stamp - at(b).stamp) < 0 ? a : b;
}

void AnalysisTable::push(std::uint32_t slot, AnalysisList list) {
  Ends& ends = lists_[static_cast<std::size_t>(list)];
  Analysis& analysis = at(slot);
  analysis.list = static_cast<std::uint8_t>(list) & 3;
  analysis.stamp = ++clock_;
  analysis.prev = 0;
  analysis.next = ends.youngest;
  if (ends.youngest != 0) at(ends.youngest).prev = slot;
  ends.youngest = slot;
  if (ends.oldest == 0) ends.oldest = slot;
}

void AnalysisTable::pull(std::uint32_t slot) {
  Analysis& analysis = at(slot);
  Ends& ends = lists_[analysis.list];
  if (analysis.prev != 0) at(analysis.prev).next = analysis.next;
  if (analysis.next != 0) at(analysis.next).prev = analysis.prev;
  if (ends.youngest == slot) ends.youngest = analysis.next;
  if (ends.oldest == slot) ends.oldest = analysis.prev;
}

}  // namespace netwatch::dpi
