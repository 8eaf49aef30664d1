#include "pipeline/engine.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pipeline/in_step.h"

namespace netwatch::pipeline {
namespace {

ShardOptions shard_options(const EngineOptions& options, const ResultSink& sink) {
  return {.budget = options.budget,
          .community_ids = options.community_ids,
          .first_sighting_only = options.first_sighting_only,
          .selected = options.selected,
          .packet_flows = options.packet_flows,
          .count_only = !sink.wants_results()};
}

// Symmetric, of the innermost address pair and nothing else: fragments, FTP data and media meet
// their parents in one shard.
std::uint32_t shard_of(const wire::Decoded& decoded) {
  const std::uint64_t pair = base::hash_value(decoded.src) + base::hash_value(decoded.dst);
  return static_cast<std::uint32_t>((pair * 0x9E3779B97F4A7C15ULL) >> 60);
}
bool has_flow(const wire::Decoded& decoded) {
  return decoded.status == wire::DecodeStatus::kFlow ||
         decoded.status == wire::DecodeStatus::kFragment;
}
static_assert(kShards == 16, "shard_of() takes four bits");

// What another core wrote, asked for before it is needed.
constexpr std::size_t kFetchAhead = 8;
constexpr std::size_t kCacheLine = 64;
void fetch(const BatchWork& work, const BatchWork::Task& task) {
  const auto* const decoded = reinterpret_cast<const std::uint8_t*>(&work.decoded_of(task));
  for (std::size_t at = 0; at < sizeof(wire::Decoded); at += kCacheLine) {
    __builtin_prefetch(decoded + at);
  }
  if (!task.derived) __builtin_prefetch(&work.batch->packets[task.index]);
}

}  // namespace

Engine::Engine(const EngineOptions& options, ResultSink& sink)
    : options_(options),
      outer_fragments_(options.budget.outer_fragment_bytes, options.first_sighting_only),
      reducer_(sink, options.budget) {
  options_.threads = std::clamp(options.threads, 1U, kShards);
  for (std::uint32_t i = 0; i < kShards; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, shard_options(options_, sink)));
  }
  if (options_.threads == 1) return;
  crew_.emplace(
      options_.threads,
      Crew::Duties{.work = [this](BatchWork& work, std::size_t lane) { work_lane(work, lane); },
                   .reduce = [this](BatchWork& work) { reducer_.take(work); }});
}

Engine::~Engine() = default;

template <typename Fill>
void Engine::run(Fill&& fill) {
  if (options_.threads == 1) {
    fill(inline_work_);
    set_clock(inline_work_);
    work_inline(inline_work_);
    reducer_.take(inline_work_);
    inline_work_.reset();  // so that the next batch is read into the same memory
    return;
  }
  BatchWork& work = crew_->next();
  fill(work);
  set_clock(work);
  dispatch(work);
  crew_->hand_out(work);
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

void Engine::report_open(base::TimeNs now_ns) {
  run([&](BatchWork& work) {
    clock_ns_ = std::max(clock_ns_, now_ns);
    work.report_changed = work.report_all = true;
  });
}

void Engine::finish() {
  if (std::exchange(finished_, true)) return;
  for (std::size_t i = 0; i < kFinishParts; ++i) {
    run([](BatchWork& work) { work.last = true; });
  }
  if (crew_) crew_->finish();
}

// The clock at the end of the batch; all of its packets are worked on by that one.
void Engine::set_clock(BatchWork& work) {
  if (work.batch != nullptr) {
    for (const model::Packet& packet : work.batch->packets) {
      clock_ns_ = std::max(clock_ns_, packet.time_ns);
    }
    if (!work.batch->packets.empty()) last_packet_ = work.batch->packets.back().number;
    input_.drops[model::Drop::kKernel] += work.batch->kernel_dropped;
  }
  work.clock_ns = clock_ns_;
  work.last_packet = last_packet_;
}

void Engine::dispatch(BatchWork& work) {
  const std::size_t packets = work.batch == nullptr ? 0 : work.batch->packets.size();
  work.decoded.resize(packets);
  const auto deal = [&](const wire::Decoded& decoded, std::size_t index, bool derived) {
    const std::uint32_t shard = shard_of(decoded);
    work.lanes[shard % work.lanes.size()].push_back({.index = static_cast<std::uint32_t>(index),
                                                     .shard = static_cast<std::uint8_t>(shard),
                                                     .derived = derived});
  };
  std::size_t derived = 0;
  const auto deal_derived = [&] {
    for (; derived < work.derived.size(); ++derived) {
      deal(work.derived[derived].decoded, derived, true);
    }
  };
  for (std::size_t i = 0; i < packets; ++i) {
    wire::Decoded& decoded = work.decoded[i];
    wire::decode_into(work.batch->packets[i], decoded);
    if (decoded.detour) [[unlikely]] {
      take_detour(work, i, decoded);
      deal_derived();
    } else {
      count(work.batch->packets[i], decoded);
    }
    if (has_flow(decoded)) deal(decoded, i, false);
  }
  end_of_batch(work);
  deal_derived();
}

// The packets of every so many-th shard, each shard's in order.
void Engine::work_lane(BatchWork& work, std::size_t lane) {
  struct Ahead {
    std::uint32_t tag = 0;
    flow::FlowHandle flow;
  };
  std::array<Ahead, InStep::kRing> ring;
  const std::vector<BatchWork::Task>& tasks = work.lanes[lane];
  const auto at = [&ring](std::size_t i) -> Ahead& { return ring[i % InStep::kRing]; };
  const auto shard_at = [&](std::size_t i) -> Shard& { return *shards_[tasks[i].shard]; };
  for (std::size_t i = lane; i < shards_.size(); i += work.lanes.size()) shards_[i]->begin(work);
  const auto look = [&](std::size_t i) {
    if (i + kFetchAhead < tasks.size()) fetch(work, tasks[i + kFetchAhead]);
    at(i).tag = shard_at(i).announce(work.decoded_of(tasks[i]));
  };
  const auto approach = [&](std::size_t i) { at(i).flow = shard_at(i).approach(at(i).tag); };
  const auto meet = [&](std::size_t i) { shard_at(i).meet(at(i).flow); };
  const auto take = [&](std::size_t i) {
    const BatchWork::Task& task = tasks[i];
    if (task.derived) {
      shard_at(i).take(work, work.derived[task.index], at(i).tag);
    } else {
      shard_at(i).take(work, task.index, work.decoded[task.index], at(i).tag);
    }
  };
  InStep::run(tasks.size(), look, approach, meet, take);
  for (std::size_t i = lane; i < shards_.size(); i += work.lanes.size()) shards_[i]->end(work);
}

// A packet that may not go on as it is, counted. If it is kept for later it has no flow, and what
// comes of it now or of those that gave way to it is in work.derived.
void Engine::take_detour(BatchWork& work, std::size_t index, wire::Decoded& decoded) {
  const model::Packet& packet = work.batch->packets[index];
  if (!has_flow(decoded)) return count(packet, decoded);
  const std::size_t before = work.derived.size();
  const bool kept =
      outer_fragments_.take(packet, static_cast<std::uint32_t>(index),
                            std::max(input_.last_ns, packet.time_ns), decoded, work.derived);
  count(packet, decoded);
  if (kept) decoded.status = wire::DecodeStatus::kOther;
  sort_derived(work, before);
}

void Engine::end_of_batch(BatchWork& work) {
  const std::size_t before = work.derived.size();
  const std::size_t packets = work.batch == nullptr ? 0 : work.batch->packets.size();
  const auto index = static_cast<std::uint32_t>(packets);
  if (work.last) {
    outer_fragments_.finish(index, work.derived);
  } else {
    outer_fragments_.advance(clock_ns_, index, work.derived);
  }
  sort_derived(work, before);
}

// Those that are of no flow are counted, and gone.
void Engine::sort_derived(BatchWork& work, std::size_t from) {
  const auto begin = work.derived.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = std::remove_if(begin, work.derived.end(), [this](const DerivedPacket& derived) {
    if (has_flow(derived.decoded)) return false;
    count_status(derived.decoded.status, derived.tally.packets);
    return true;
  });
  work.derived.erase(end, work.derived.end());
}

void Engine::set_first_sighting_only(bool on) {
  outer_fragments_.set_by_interface(on);
  for (const auto& shard : shards_) shard->set_first_sighting_only(on);
}

// With one thread a packet goes all the way while its headers are in the nearest cache, and is not
// written down for a shard's thread in between.
void Engine::work_inline(BatchWork& work) {
  struct Ahead {
    wire::Decoded decoded;
    Shard* shard = nullptr;  // none: it has no flow
    std::uint32_t tag = 0;
    flow::FlowHandle flow;
  };
  std::array<Ahead, InStep::kRing> ring;
  const auto at = [&ring](std::size_t i) -> Ahead& { return ring[i % InStep::kRing]; };
  for (const auto& shard : shards_) shard->begin(work);
  std::size_t derived = 0;
  std::size_t next_derived = SIZE_MAX;  // before which packet it goes
  const auto see_derived = [&] {
    next_derived = derived < work.derived.size() ? work.derived[derived].index : SIZE_MAX;
  };
  const auto take_derived = [&](std::size_t before) {
    while (next_derived <= before) {
      const DerivedPacket& packet = work.derived[derived++];
      Shard& shard = *shards_[shard_of(packet.decoded)];
      shard.take(work, packet, shard.announce(packet.decoded));
      see_derived();
    }
  };
  const auto look = [&](std::size_t i) {
    const model::Packet& packet = work.batch->packets[i];
    Ahead& ahead = at(i);
    wire::decode_into(packet, ahead.decoded);
    if (ahead.decoded.detour) [[unlikely]] {
      take_detour(work, i, ahead.decoded);
      see_derived();
    } else {
      count(packet, ahead.decoded);
    }
    ahead.shard = has_flow(ahead.decoded) ? shards_[shard_of(ahead.decoded)].get() : nullptr;
    if (ahead.shard != nullptr) ahead.tag = ahead.shard->announce(ahead.decoded);
  };
  const auto approach = [&](std::size_t i) {
    Ahead& ahead = at(i);
    if (ahead.shard != nullptr) ahead.flow = ahead.shard->approach(ahead.tag);
  };
  const auto meet = [&](std::size_t i) {
    if (at(i).shard != nullptr) at(i).shard->meet(at(i).flow);
  };
  const auto take = [&](std::size_t i) {
    const Ahead& ahead = at(i);
    if (next_derived <= i) [[unlikely]]
      take_derived(i);
    if (ahead.shard == nullptr) return;
    ahead.shard->take(work, static_cast<std::uint32_t>(i), ahead.decoded, ahead.tag);
  };
  const std::size_t packets = work.batch == nullptr ? 0 : work.batch->packets.size();
  InStep::run(packets, look, approach, meet, take);
  end_of_batch(work);
  see_derived();
  take_derived(packets);
  for (const auto& shard : shards_) shard->end(work);
}

void Engine::count(const model::Packet& packet, const wire::Decoded& decoded) {
  if (input_.packets++ == 0 || packet.time_ns < input_.first_ns) input_.first_ns = packet.time_ns;
  input_.wire_bytes += packet.wire_len;
  if (packet.time_ns < previous_ns_) ++input_.clock_steps;
  previous_ns_ = packet.time_ns;
  input_.last_ns = std::max(input_.last_ns, packet.time_ns);
  if (decoded.status != wire::DecodeStatus::kFlow) [[unlikely]]
    count_status(decoded.status, 1);
}

void Engine::count_status(wire::DecodeStatus status, std::uint64_t packets) {
  switch (status) {
    case wire::DecodeStatus::kFlow:
    case wire::DecodeStatus::kFragment:
      break;
    case wire::DecodeStatus::kArp:
    case wire::DecodeStatus::kOther:
      input_.non_ip += packets;
      break;
    case wire::DecodeStatus::kUnspokenLink:
      input_.drops[model::Drop::kUnspokenLink] += packets;
      break;
    case wire::DecodeStatus::kProtected:
      input_.drops[model::Drop::kProtected] += packets;
      break;
    case wire::DecodeStatus::kTooDeep:
      input_.drops[model::Drop::kTunnelDepth] += packets;
      break;
    case wire::DecodeStatus::kCut:
      input_.drops[model::Drop::kCutHeaders] += packets;
      break;
    case wire::DecodeStatus::kMalformed:
      input_.drops[model::Drop::kMalformed] += packets;
      break;
  }
}

Totals Engine::totals() const {
  Totals totals = input_;
  totals.flows = reducer_.flows();
  totals.records = reducer_.records();
  totals.drops[model::Drop::kNameEvicted] += reducer_.names().forgotten();
  totals.drops[model::Drop::kConnectionEvicted] += reducer_.migrations().forgotten();
  outer_fragments_.add_to(totals.drops);
  for (const auto& shard : shards_) totals.drops.add(shard->drops());
  return totals;
}

}  // namespace netwatch::pipeline
