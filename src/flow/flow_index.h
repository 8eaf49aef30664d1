#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "flow/chunk_slab.h"

namespace netwatch::flow {

// From 32 bits of hash to flow indices: open addressing with linear probing over slots of eight
// bytes, deletion by shifting back (no tombstones). A slot's home is its tag scaled to the
// capacity, so capacities need not be powers of two (growth by a quarter wastes little) and growing
// walks the old and the new slots in nearly the same order: sequential memory, no flow is touched.
class FlowIndex {
 public:
  // Index of the flow with this tag for which `same` says yes; kNone if there is none.
  template <typename Same>
  [[nodiscard]] std::uint32_t find(std::uint32_t tag, Same&& same) const {
    if (slots_.empty()) return kNone;
    for (std::size_t at = home(tag);; at = after(at)) {
      const Slot& slot = slots_[at];
      if (slot.flow == kNone) return kNone;
      if (slot.tag == tag && same(slot.flow)) return slot.flow;
    }
  }

  // In three steps, each some packets after the one before: the slot, the flow that it names.
  void prefetch(std::uint32_t tag) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[home(tag)]);
  }
  // The flow that find() is most likely to ask about; kNone if there is none.
  [[nodiscard]] std::uint32_t likely(std::uint32_t tag) const {
    return find(tag, [](std::uint32_t) { return true; });
  }

  void insert(std::uint32_t tag, std::uint32_t flow) {
    if ((size_ + 1) * kFullOf > slots_.size() * kFull) grow();
    place(Slot{tag, flow});
    ++size_;
  }

  void erase(std::uint32_t tag, std::uint32_t flow) {
    std::size_t hole = home(tag);
    while (slots_[hole].flow != flow) {
      if (slots_[hole].flow == kNone) return;
      hole = after(hole);
    }
    for (std::size_t at = after(hole); slots_[at].flow != kNone; at = after(at)) {
      if (distance(home(slots_[at].tag), at) < distance(hole, at)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = Slot{};
    --size_;
  }

  void clear() {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    size_ = 0;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t flow = kNone;
  };
  static constexpr std::size_t kFirstCapacity = 256;
  static constexpr std::size_t kFull = 5;  // at most five eighths are in use: runs stay short
  static constexpr std::size_t kFullOf = 8;

  [[nodiscard]] std::size_t home(std::uint32_t tag) const {
    return static_cast<std::size_t>((std::uint64_t{tag} * slots_.size()) >> 32);
  }
  [[nodiscard]] std::size_t after(std::size_t at) const {
    return at + 1 == slots_.size() ? 0 : at + 1;
  }
  [[nodiscard]] std::size_t distance(std::size_t from, std::size_t to) const {
    return to >= from ? to - from : to + slots_.size() - from;
  }
  void place(const Slot& slot) {
    std::size_t at = home(slot.tag);
    while (slots_[at].flow != kNone) at = after(at);
    slots_[at] = slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? kFirstCapacity : slots_.size() + slots_.size() / 4);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.flow != kNone) place(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace netwatch::flow
