#include "pipeline/crew.h"

#include <algorithm>
#include <utility>

namespace netwatch::pipeline {
namespace {

// Batches in flight: one for each thread, and one that is being filled. Each is half a megabyte
// with its packets; more of them fall out of the caches on their way from thread to thread.
constexpr std::size_t works_for(std::size_t threads) { return 1 + threads; }

}  // namespace

Crew::Crew(std::size_t threads, Duties duties) : duties_(std::move(duties)), lanes_(threads) {
  for (std::size_t i = 0; i < works_for(threads); ++i) {
    works_.push_back(std::make_unique<BatchWork>());
    works_.back()->lanes.resize(threads);
    idle_.push_back(works_.back().get());
  }
  try {
    for (std::size_t i = 1; i < threads; ++i) helpers_.emplace_back([this] { run_helper(); });
  } catch (...) {
    end_helpers();
    throw;
  }
}

Crew::~Crew() { end_helpers(); }

BatchWork& Crew::next() {
  Lock lock(mutex_);
  work_until(lock, [this] { return !idle_.empty(); });
  // The one that was done last is nearest.
  BatchWork* const work = idle_.back();
  idle_.pop_back();
  return *work;
}

void Crew::hand_out(BatchWork& work) {
  {
    const Lock lock(mutex_);
    work.lanes_left = lanes_.size();
    for (Lane& lane : lanes_) lane.waiting.push_back(&work);
  }
  changed_.notify_all();
}

void Crew::finish() {
  {
    Lock lock(mutex_);
    work_until(lock, [this] { return idle_.size() == works_.size(); });
  }
  end_helpers();
}

void Crew::end_helpers() {
  {
    const Lock lock(mutex_);
    finished_ = true;
  }
  changed_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
  helpers_.clear();
}

void Crew::work_until(Lock& lock, const std::function<bool()>& done) {
  while (!done()) {
    if (failure_) std::rethrow_exception(failure_);
    if (!work_once(lock)) changed_.wait(lock);
  }
}

// Without the lock.
template <typename Duty>
void Crew::run(Lock& lock, Duty&& duty) {
  lock.unlock();
  std::exception_ptr failure;
  try {
    duty();
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  if (failure && !failure_) failure_ = std::move(failure);
}

// What is nearest to its end goes first: it makes room for another batch.
bool Crew::work_once(Lock& lock) {
  if (failure_) return false;
  if (!reducing_ && !done_.empty()) {
    reduce_one(lock);
    return true;
  }
  std::size_t best = lanes_.size();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].taken || lanes_[i].waiting.empty()) continue;
    if (best == lanes_.size() || lanes_[i].waiting.size() > lanes_[best].waiting.size()) best = i;
  }
  if (best == lanes_.size()) return false;
  work_lane(lock, best);
  return true;
}

void Crew::work_lane(Lock& lock, std::size_t number) {
  Lane& lane = lanes_[number];
  BatchWork& work = *lane.waiting.front();
  lane.taken = true;
  run(lock, [&] { duties_.work(work, number); });
  lane.taken = false;
  lane.waiting.pop_front();
  if (--work.lanes_left == 0) done_.push_back(&work);
  changed_.notify_all();
}

void Crew::reduce_one(Lock& lock) {
  BatchWork& work = *done_.front();
  reducing_ = true;
  run(lock, [&] {
    duties_.reduce(work);
    work.reset();
  });
  reducing_ = false;
  done_.pop_front();
  idle_.push_back(&work);
  changed_.notify_all();
}

void Crew::run_helper() {
  Lock lock(mutex_);
  while (!finished_) {
    if (!work_once(lock)) changed_.wait(lock);
  }
}

}  // namespace netwatch::pipeline
