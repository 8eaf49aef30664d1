#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/time.h"
#include "collect/collectors.h"
#include "model/sample.h"

namespace netwatch::pipeline {

// Looks at this host every so often, in a thread of its own: asking a file system for its room may
// take as long as its disk does, and nothing else is to wait for that; the end does not either, so
// that the thread may outlive this object, with all that it uses.
class HostSampler {
 public:
  HostSampler(std::unique_ptr<const collect::Host> host, base::TimeNs every_ns);
  ~HostSampler();
  HostSampler(const HostSampler&) = delete;
  HostSampler& operator=(const HostSampler&) = delete;

  // The newest look that was not taken yet. Never waits for one.
  std::optional<model::SampleTable> take();

 private:
  struct Shared {
    explicit Shared(std::unique_ptr<const collect::Host> host) : collector(std::move(host)) {}
    collect::SampleCollector collector;  // of the thread
    std::mutex mutex;                    // guards what follows
    std::condition_variable changed;
    std::optional<model::SampleTable> newest;
    bool stop = false;
  };
  static void run(Shared& shared, base::TimeNs every_ns);

  std::shared_ptr<Shared> shared_;
};

}  // namespace netwatch::pipeline
