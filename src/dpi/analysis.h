#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dpi/protocol.h"

namespace netwatch::dpi {

// The bytes of one side that are kept: for the probes, or because a decoder wants more with them.
struct SideBytes {
  union {
    std::uint8_t* block = nullptr;  // size > 0
    std::uint64_t skip_bytes;       // size == 0: that many of the next bytes are of no interest
  };
  std::uint32_t size = 0;
  std::uint16_t start = 0;   // bytes before it are read; always < size, or both are 0
  std::uint16_t wanted = 0;  // unread bytes without which the decoder is not called

  [[nodiscard]] std::size_t unread() const { return size - start; }
  [[nodiscard]] base::Bytes view() const {
    return size == 0 ? base::Bytes{} : base::Bytes(block, size).subspan(start);
  }
};

// Which list an analysis is in: each is ordered by the last time bytes came.
enum class AnalysisList : std::uint8_t { kProbing, kQuiet, kHolding, kFree };
inline constexpr std::size_t kAnalysisLists = 3;

inline constexpr std::uint8_t kNoProtocol = 0xFF;

// What is known of a flow that is being probed or decoded: one cache line.
struct Analysis {
  std::array<SideBytes, 2> sides;
  Decoder* decoder = nullptr;
  std::uint32_t prev = 0;
  std::uint32_t next = 0;
  std::uint32_t flow = 0;   // low half of the flow's id: a slot that was reused is not mistaken
  std::uint32_t stamp = 0;  // when bytes came last, in calls
  std::uint8_t protocol = kNoProtocol;  // without a decoder: the one that was announced
  std::uint8_t layer : 3 = 0;
  std::uint8_t list : 2 = 0;
  std::uint8_t confirmed : 1 = 0;   // the decoder has proven itself; nothing is kept to replay
  std::uint8_t first_side : 1 = 0;  // who spoke first
  std::uint8_t unsure : 1 = 0;      // datagrams: all the decoder said so far was Step::unsure
  std::uint8_t tries = 0;           // probes that said "more"
  std::uint8_t ask_at = 0;          // probed again at that many bytes, in units of kAskUnit
  std::array<std::uint8_t, 4> rejected{kNoProtocol, kNoProtocol, kNoProtocol, kNoProtocol};
};
static_assert(sizeof(Analysis) == 64);

// All analyses of a shard in stable places, found by slot, and in order of last use. Slots are
// 1-based so that 0 means none.
class AnalysisTable {
 public:
  static constexpr std::size_t kBytesEach = sizeof(Analysis) + sizeof(std::uint32_t);
  // Of a child that nobody reads any more; never a slot.
  static constexpr std::uint32_t kChildOver = 0x7FFFFFFF;

  explicit AnalysisTable(std::size_t capacity);

  // A blank analysis of `flow` in the list kProbing; 0 when all are in use.
  std::uint32_t take(model::FlowId flow);
  void give_back(std::uint32_t slot);

  [[nodiscard]] Analysis& at(std::uint32_t slot) const {
    return pages_[(slot - 1) / kPageAnalyses]->analyses[(slot - 1) % kPageAnalyses];
  }
  // The slot of the stream that this one carries: an analysis, a mark, 0 or kChildOver.
  [[nodiscard]] std::uint32_t& child(std::uint32_t slot) const {
    return pages_[(slot - 1) / kPageAnalyses]->children[(slot - 1) % kPageAnalyses];
  }
  // Null when the slot's analysis was given away.
  [[nodiscard]] Analysis* find(std::uint32_t slot, model::FlowId flow) const;

  // For a slot that is 0, a mark or an analysis.
  void prefetch(std::uint32_t slot) const {
    if (slot != 0 && slot <= made_) __builtin_prefetch(&at(slot), 1);
  }

  // Bytes came: it is now the youngest.
  void touch(std::uint32_t slot);
  // It belongs to another list now, as the youngest.
  void move(std::uint32_t slot, AnalysisList list);
  // The one that was longest without bytes; 0 if the list is empty.
  [[nodiscard]] std::uint32_t oldest(AnalysisList list) const;
  // The next younger one of the same list; 0 after the youngest.
  [[nodiscard]] std::uint32_t younger(std::uint32_t slot) const { return at(slot).prev; }
  // Of two, the one longer without bytes; either may be 0.
  [[nodiscard]] std::uint32_t older(std::uint32_t a, std::uint32_t b) const;

  [[nodiscard]] std::size_t live() const { return live_; }

 private:
  static constexpr std::size_t kPageAnalyses = 64;
  // Few streams carry another: their links lie apart, so that an analysis stays one cache line.
  struct Page {
    std::array<Analysis, kPageAnalyses> analyses;
    std::array<std::uint32_t, kPageAnalyses> children;
  };
  struct Ends {
    std::uint32_t youngest = 0;
    std::uint32_t oldest = 0;
  };

  void push(std::uint32_t slot, AnalysisList list);
  void pull(std::uint32_t slot);

  std::size_t capacity_;
  std::uint32_t made_ = 0;
  std::size_t live_ = 0;
  std::uint32_t free_ = 0;
  std::uint32_t clock_ = 0;
  std::array<Ends, kAnalysisLists> lists_;
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace netwatch::dpi
