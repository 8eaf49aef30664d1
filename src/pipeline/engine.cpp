#include "pipeline/engine.h"

#include <algorithm>
#include <utility>

namespace netwatch::pipeline {
namespace {

// Batches in flight with more than one thread: enough that no stage waits for another's last
// packet, few enough that memory stays small and the screen stays current.
constexpr std::size_t kWorksPerThread = 4;

ShardOptions shard_options(const EngineOptions& options, const ResultSink& sink) {
  return {.budget = options.budget,
          .community_ids = options.community_ids,
          .first_sighting_only = options.first_sighting_only,
          .selected = options.selected,
          .count_only = !sink.wants_results()};
}

// Symmetric, of the innermost address pair and nothing else: fragments, FTP data and media meet
// their parents in one shard.
std::uint32_t shard_of(const wire::Decoded& decoded) {
  const std::uint64_t pair = base::hash_value(decoded.src) + base::hash_value(decoded.dst);
  return static_cast<std::uint32_t>((pair * 0x9E3779B97F4A7C15ULL) >> 60);
}
static_assert(kShards == 16, "shard_of() takes four bits");

}  // namespace

Engine::Engine(const EngineOptions& options, ResultSink& sink)
    : options_(options),
      reducer_(sink, options.budget.name_bytes),
      idle_(kWorksPerThread * std::max(1U, options.threads)),
      done_(kWorksPerThread * std::max(1U, options.threads)) {
  options_.threads = std::clamp(options.threads, 1U, kShards);
  for (std::uint32_t i = 0; i < kShards; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, shard_options(options_, sink)));
  }
  if (options_.threads == 1) return;
  const std::size_t works = kWorksPerThread * options_.threads;
  for (std::size_t i = 0; i < works; ++i) {
    works_.push_back(std::make_unique<BatchWork>());
    idle_.push(works_.back().get());
  }
  for (unsigned i = 0; i < options_.threads; ++i) {
    inbox_.push_back(std::make_unique<WorkQueue>(works));
  }
  for (unsigned i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i] { run_worker(i); });
  }
  threads_.emplace_back([this] { run_reducer(); });
}

Engine::~Engine() { stop_threads(); }

template <typename Fill>
void Engine::run(Fill&& fill) {
  if (options_.threads == 1) {
    inline_work_.reset();
    fill(inline_work_);
    dispatch(inline_work_);
    for (const auto& shard : shards_) shard->work(inline_work_);
    reducer_.take(inline_work_);
    return;
  }
  BatchWork& work = *idle_.pop().value();
  work.reset();
  fill(work);
  dispatch(work);
  work.workers_left.store(options_.threads, std::memory_order_relaxed);
  for (const auto& inbox : inbox_) inbox->push(&work);
}

void Engine::push(model::PacketBatchPtr batch) {
  run([&](BatchWork& work) { work.batch = std::move(batch); });
}

void Engine::heartbeat(base::TimeNs now_ns, bool report_changed) {
  run([&](BatchWork& work) {
    clock_ns_ = std::max(clock_ns_, now_ns);
    work.report_changed = report_changed;
  });
}

void Engine::finish() {
  if (std::exchange(finished_, true)) return;
  for (std::size_t i = 0; i < kFinishParts; ++i) {
    run([](BatchWork& work) { work.last = true; });
  }
  stop_threads();
}

void Engine::dispatch(BatchWork& work) {
  if (work.batch != nullptr) {
    const auto& packets = work.batch->packets;
    work.decoded.resize(packets.size());
    for (std::size_t i = 0; i < packets.size(); ++i) {
      wire::Decoded& decoded = work.decoded[i];
      decoded = wire::decode(packets[i]);
      count(packets[i], decoded);
      if (decoded.status == wire::DecodeStatus::kFlow ||
          decoded.status == wire::DecodeStatus::kFragment) {
        work.packets[shard_of(decoded)].push_back(static_cast<std::uint32_t>(i));
      }
    }
    input_.drops[model::Drop::kKernel] += work.batch->kernel_dropped;
  }
  work.clock_ns = clock_ns_;
  work.last_packet = last_packet_;
}

void Engine::count(const model::Packet& packet, const wire::Decoded& decoded) {
  last_packet_ = packet.number;
  if (input_.packets++ == 0 || packet.time_ns < input_.first_ns) input_.first_ns = packet.time_ns;
  input_.wire_bytes += packet.wire_len;
  if (packet.time_ns < previous_ns_) ++input_.clock_steps;
  previous_ns_ = packet.time_ns;
  input_.last_ns = std::max(input_.last_ns, packet.time_ns);
  clock_ns_ = std::max(clock_ns_, packet.time_ns);
  switch (decoded.status) {
    case wire::DecodeStatus::kFlow:
    case wire::DecodeStatus::kFragment:
      break;
    case wire::DecodeStatus::kArp:
    case wire::DecodeStatus::kOther:
      ++input_.non_ip;
      break;
    case wire::DecodeStatus::kUnspokenLink:
      ++input_.drops[model::Drop::kUnspokenLink];
      break;
    case wire::DecodeStatus::kProtected:
      ++input_.drops[model::Drop::kProtected];
      break;
    case wire::DecodeStatus::kTooDeep:
      ++input_.drops[model::Drop::kTunnelDepth];
      break;
    case wire::DecodeStatus::kCut:
      ++input_.drops[model::Drop::kCutHeaders];
      break;
    case wire::DecodeStatus::kMalformed:
      ++input_.drops[model::Drop::kMalformed];
      break;
  }
}

Totals Engine::totals() const {
  Totals totals = input_;
  totals.flows = reducer_.flows();
  totals.records = reducer_.records();
  totals.drops[model::Drop::kNameEvicted] += reducer_.names().forgotten();
  for (const auto& shard : shards_) totals.drops.add(shard->drops());
  return totals;
}

void Engine::run_worker(unsigned worker) {
  while (const auto work = inbox_[worker]->pop()) {
    for (std::size_t i = worker; i < shards_.size(); i += options_.threads) {
      shards_[i]->work(**work);
    }
    // Each worker takes batches in order, so the last one to finish a batch hands the batches on
    // in order, too.
    if ((*work)->workers_left.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.push(*work);
  }
}

void Engine::run_reducer() {
  while (const auto work = done_.pop()) {
    reducer_.take(**work);
    idle_.push(*work);
  }
}

void Engine::stop_threads() {
  if (threads_.empty()) return;
  for (const auto& inbox : inbox_) inbox->close();
  for (std::size_t i = 0; i + 1 < threads_.size(); ++i) threads_[i].join();
  done_.close();
  threads_.back().join();
  threads_.clear();
}

}  // namespace netwatch::pipeline
