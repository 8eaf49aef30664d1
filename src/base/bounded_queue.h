#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace netwatch::base {

// A first-in first-out queue of at most `capacity` items between threads; any number of producers
// and consumers. Allocates once. Meant for batches, not for packets: every call takes a lock.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : ring_(std::max<std::size_t>(capacity, 1)) {}
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  // Waits for room. False, and `item` is gone, if the queue is or gets closed.
  bool push(T item) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [this] { return closed_ || used_ < ring_.size(); });
    if (closed_) return false;
    put(std::move(item));
    lock.unlock();
    has_items_.notify_one();
    return true;
  }

  // Never waits. False, and `item` untouched, if the queue is full or closed.
  bool try_push(T& item) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || used_ == ring_.size()) return false;
      put(std::move(item));
    }
    has_items_.notify_one();
    return true;
  }
  bool try_push(T&& item) { return try_push(item); }

  // Waits for an item. Nothing once the queue is closed and empty.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    has_items_.wait(lock, [this] { return closed_ || used_ > 0; });
    return take(lock);
  }

  // The same, waiting at most so long: nothing also when time is up (see closed()).
  template <typename Rep, typename Period>
  std::optional<T> pop_for(std::chrono::duration<Rep, Period> longest) {
    std::unique_lock lock(mutex_);
    has_items_.wait_for(lock, longest, [this] { return closed_ || used_ > 0; });
    return take(lock);
  }

  std::optional<T> try_pop() {
    std::unique_lock lock(mutex_);
    return take(lock);
  }

  // No more items come in; those inside can still be popped. Wakes everybody.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    has_room_.notify_all();
    has_items_.notify_all();
  }

  [[nodiscard]] bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return used_;
  }
  // The most items that were ever inside at once.
  [[nodiscard]] std::size_t high_water() const {
    const std::lock_guard lock(mutex_);
    return high_water_;
  }
  [[nodiscard]] std::size_t capacity() const { return ring_.size(); }

 private:
  void put(T item) {
    ring_[(first_ + used_) % ring_.size()] = std::move(item);
    high_water_ = std::max(high_water_, ++used_);
  }
  std::optional<T> take(std::unique_lock<std::mutex>& lock) {
    if (used_ == 0) return std::nullopt;
    std::optional<T> item = std::exchange(ring_[first_], std::nullopt);
    first_ = (first_ + 1) % ring_.size();
    --used_;
    lock.unlock();
    has_room_.notify_one();
    return item;
  }

  mutable std::mutex mutex_;
  std::condition_variable has_room_;
  std::condition_variable has_items_;
  std::vector<std::optional<T>> ring_;
  std::size_t first_ = 0;
  std::size_t used_ = 0;
  std::size_t high_water_ = 0;
  bool closed_ = false;
};

}  // namespace netwatch::base
