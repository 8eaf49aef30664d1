#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "pipeline/batch_work.h"

namespace netwatch::pipeline {

// The threads that share an engine's work: the caller's, which deals out batches and helps where it
// would have to wait, and `threads - 1` of its own. The shards are split into as many lanes as
// there are threads. A lane sees all batches in order, one thread at a time; a batch that has been
// through all lanes is reduced, again in order and by one thread at a time. What a duty throws ends
// the work and comes out of next() or finish(), in the caller's thread.
class Crew {
 public:
  struct Duties {
    std::function<void(BatchWork&, std::size_t lane)> work;
    std::function<void(BatchWork&)> reduce;
  };
  Crew(std::size_t threads, Duties duties);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // A batch to be filled, empty; works on others until there is one.
  BatchWork& next();
  void hand_out(BatchWork& work);
  // Works until all that was handed out is done, then ends the threads. Without it the destructor
  // leaves undone what waits.
  void finish();

 private:
  struct Lane {
    std::deque<BatchWork*> waiting;  // oldest first
    bool taken = false;              // by some thread
  };
  using Lock = std::unique_lock<std::mutex>;

  bool work_once(Lock& lock);
  void work_until(Lock& lock, const std::function<bool()>& done);
  template <typename Duty>
  void run(Lock& lock, Duty&& duty);
  void end_helpers();
  void work_lane(Lock& lock, std::size_t number);
  void reduce_one(Lock& lock);
  void run_helper();

  Duties duties_;
  std::vector<std::unique_ptr<BatchWork>> works_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<BatchWork*> idle_;
  std::vector<Lane> lanes_;
  std::deque<BatchWork*> done_;  // by all lanes, oldest first
  bool reducing_ = false;
  bool finished_ = false;
  std::exception_ptr failure_;  // of the first duty that threw; nothing is begun after it
  std::vector<std::thread> helpers_;
};

}  // namespace netwatch::pipeline
