#include "pipeline/host_sampler.h"

#include <chrono>
#include <thread>

namespace netwatch::pipeline {

HostSampler::HostSampler(std::unique_ptr<const collect::Host> host, base::TimeNs every_ns)
    : shared_(std::make_shared<Shared>(std::move(host))) {
  std::thread([shared = shared_, every_ns] { run(*shared, every_ns); }).detach();
}

HostSampler::~HostSampler() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->changed.notify_all();
}

std::optional<model::SampleTable> HostSampler::take() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->newest, std::nullopt);
}

void HostSampler::run(Shared& shared, base::TimeNs every_ns) {
  std::unique_lock lock(shared.mutex);
  while (!shared.stop) {
    lock.unlock();
    model::SampleTable table = shared.collector.collect();
    lock.lock();
    shared.newest = std::move(table);
    shared.changed.wait_for(lock, std::chrono::nanoseconds(every_ns),
                            [&shared] { return shared.stop; });
  }
}

}  // namespace netwatch::pipeline
