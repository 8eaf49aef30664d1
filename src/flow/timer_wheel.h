#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/time.h"
#include "flow/hot_flow.h"

namespace netwatch::flow {

// Flows in the order of their time-outs, to about a second. Lazy: a packet changes nothing here; a
// flow is looked at when the bucket of an older deadline comes due, and moves on if it has been
// active since. One ring of buckets per class, so that the oldest flow of a class is at hand.
// `Links` maps a flow index to its TimerLink.
class TimerWheel {
 public:
  static constexpr unsigned kTickBits = 30;  // ticks of 1.07 s
  static constexpr std::size_t kBuckets = 1024;

  TimerWheel() { clear(); }
  // Forgets all flows, without touching them.
  void clear() {
    for (std::uint32_t b = 0; b < buckets_.size(); ++b) buckets_[b] = {kBucket | b, kBucket | b};
    full_.fill(0);
    size_ = 0;
  }
  // Whether a flow's link leads to no other flow.
  static bool is_bucket(std::uint32_t link) { return (link & kBucket) != 0; }

  static std::int64_t tick_of(base::TimeNs time_ns) { return time_ns >> kTickBits; }
  [[nodiscard]] std::int64_t tick() const { return tick_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // Where the wheel stands before its first flow; ticks up to this one count as done.
  void start(std::int64_t tick) { tick_ = tick; }

  // The tick of the bucket where a deadline is looked at.
  [[nodiscard]] std::int64_t place_of(base::TimeNs deadline_ns) const {
    const std::int64_t last = tick_ + static_cast<std::int64_t>(kBuckets) - 1;
    return std::clamp(tick_of(deadline_ns), tick_ + 1, last);
  }

  // Appends a flow to the bucket of its deadline; a deadline too far away is looked at earlier.
  template <typename Links>
  void add(std::uint32_t flow, TimerClass timer_class, base::TimeNs deadline_ns, Links&& links) {
    const std::uint32_t bucket = bucket_of(timer_class, place_of(deadline_ns));
    TimerLink& head = buckets_[bucket];
    links(flow) = {head.prev, kBucket | bucket};
    link(head.prev, links).next = flow;
    head.prev = flow;
    full_[bucket / 64] |= std::uint64_t{1} << (bucket % 64);
    ++size_;
  }

  template <typename Links>
  void remove(std::uint32_t flow, Links&& links) {
    const TimerLink mine = links(flow);
    link(mine.prev, links).next = mine.next;
    link(mine.next, links).prev = mine.prev;
    --size_;
  }

  struct First {
    std::uint32_t flow = kNone;
    std::int64_t tick = 0;  // of its bucket
  };
  // First flow of the first bucket of a class; kNone if the class is empty.
  [[nodiscard]] First first(TimerClass timer_class) {
    const std::size_t base = static_cast<std::size_t>(timer_class) * kBuckets;
    const auto start = static_cast<std::size_t>(tick_ + 1) % kBuckets;
    for (std::size_t step = 0; step < kBuckets;) {
      const std::size_t place = (start + step) % kBuckets;
      const std::size_t bucket = base + place;
      const std::uint64_t word = full_[bucket / 64] >> (bucket % 64);
      if (word == 0) {
        step += 64 - (bucket % 64);
        continue;
      }
      const auto ahead = static_cast<std::size_t>(std::countr_zero(word));
      step += ahead;
      if (step >= kBuckets) break;
      const std::uint32_t next = buckets_[bucket + ahead].next;
      if ((next & kBucket) == 0) return {next, tick_ + 1 + static_cast<std::int64_t>(step)};
      full_[bucket / 64] &= ~(std::uint64_t{1} << ((bucket + ahead) % 64));
    }
    return {};
  }

  // Goes one tick on and calls due(flow) for each flow of its buckets. `due` must remove the flow
  // from the wheel; it may add it again (only later ticks are open to it).
  template <typename Due>
  void step(Due&& due) {
    ++tick_;
    for (std::size_t c = 0; c < kTimerClasses; ++c) {
      const std::uint32_t bucket = bucket_of(static_cast<TimerClass>(c), tick_);
      while ((buckets_[bucket].next & kBucket) == 0) due(buckets_[bucket].next);
      full_[bucket / 64] &= ~(std::uint64_t{1} << (bucket % 64));
    }
  }
  // With no flow in the wheel, time passes for free.
  void skip_to(std::int64_t tick) { tick_ = std::max(tick_, tick); }

 private:
  static constexpr std::uint32_t kBucket = 0x80000000;  // marks a link to a bucket's head

  static std::uint32_t bucket_of(TimerClass timer_class, std::int64_t tick) {
    const auto place = static_cast<std::size_t>(tick) % kBuckets;
    return static_cast<std::uint32_t>(static_cast<std::size_t>(timer_class) * kBuckets + place);
  }
  template <typename Links>
  TimerLink& link(std::uint32_t at, Links&& links) {
    return (at & kBucket) != 0 ? buckets_[at & ~kBucket] : links(at);
  }

  std::array<TimerLink, kTimerClasses * kBuckets> buckets_;
  std::array<std::uint64_t, kTimerClasses * kBuckets / 64> full_{};  // may say yes when empty
  std::int64_t tick_ = 0;
  std::size_t size_ = 0;
};

}  // namespace netwatch::flow
