#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/time.h"
#include "collect/collectors.h"
#include "model/sample.h"

namespace netwatch::pipeline {

// Looks at this host every so often, in a thread of its own: asking a file system for its room may
// take as long as its disk does, and nothing else is to wait for that.
class HostSampler {
 public:
  HostSampler(std::unique_ptr<const collect::Host> host, base::TimeNs every_ns);
  ~HostSampler();
  HostSampler(const HostSampler&) = delete;
  HostSampler& operator=(const HostSampler&) = delete;

  // The newest look that was not taken yet. Never waits for one.
  std::optional<model::SampleTable> take();

 private:
  void run();

  collect::SampleCollector collector_;
  base::TimeNs every_ns_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::optional<model::SampleTable> newest_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace netwatch::pipeline
