#include "pipeline/host_sampler.h"

#include <chrono>
#include <utility>

namespace netwatch::pipeline {

HostSampler::HostSampler(std::unique_ptr<const collect::Host> host, base::TimeNs every_ns)
    : collector_(std::move(host)), every_ns_(every_ns), thread_([this] { run(); }) {}

HostSampler::~HostSampler() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::optional<model::SampleTable> HostSampler::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(newest_, std::nullopt);
}

void HostSampler::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    model::SampleTable table = collector_.collect();
    lock.lock();
    newest_ = std::move(table);
    changed_.wait_for(lock, std::chrono::nanoseconds(every_ns_), [this] { return stop_; });
  }
}

}  // namespace netwatch::pipeline
