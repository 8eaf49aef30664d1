#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/packet.h"
#include "pipeline/batch_work.h"
#include "pipeline/budget.h"
#include "pipeline/crew.h"
#include "pipeline/flow_set.h"
#include "pipeline/outer_fragments.h"
#include "pipeline/reducer.h"
#include "pipeline/result_sink.h"
#include "pipeline/shard.h"
#include "pipeline/totals.h"

namespace netwatch::pipeline {

struct EngineOptions {
  unsigned threads = 1;  // the caller's among them
  EngineBudget budget{};
  bool community_ids = false;        // fill Flow::community_id
  bool first_sighting_only = false;  // live capture on `any`
  // Report only these flows, and their packets. Must outlive the engine.
  const FlowSet* selected = nullptr;
  // Tell the sink of every batch, and which flow each packet is of.
  bool packet_flows = false;
};

// The road of a packet, in order:
//   push(): wire::decode, tunnels' fragments, the clock, the choice of shard (the caller's thread)
//   Shard: flow table -> reassembly -> decoders          (one thread at a time)
//   Reducer: merge by packet number, names, totals       (one thread at a time)
//   ResultSink                                           (within the reducer)
// With one thread all of it happens inside push(), with more a Crew shares it. Results are the same
// for any number of threads.
class Engine {
 public:
  Engine(const EngineOptions& options, ResultSink& sink);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Works or waits when the other threads are behind; never drops.
  void push(model::PacketBatchPtr batch);
  // Moves the clock of a live engine on an idle link (the design asks for at least 10 Hz), and with
  // `report_changed` has the sink told of every flow that changed since the last time.
  void heartbeat(base::TimeNs now_ns, bool report_changed);
  // Has the sink told of every flow that lives.
  void report_open(base::TimeNs now_ns);
  // Packets come from another interface from now on, or from all of them (see EngineOptions). Flows
  // stay. With one thread only.
  void set_first_sighting_only(bool on);
  // The input ended: ends all flows and waits until the sink has seen everything.
  void finish();

  // With one thread: up to date after each call. Else: complete after finish().
  [[nodiscard]] Totals totals() const;
  [[nodiscard]] base::TimeNs clock_ns() const { return clock_ns_; }
  // Names learned so far; to be used from within the sink.
  [[nodiscard]] enrich::NameCache& names() { return reducer_.names(); }

 private:
  template <typename Fill>
  void run(Fill&& fill);  // one BatchWork, filled, down the whole road
  void work_inline(BatchWork& work);
  void work_lane(BatchWork& work, std::size_t lane);
  void set_clock(BatchWork& work);
  void dispatch(BatchWork& work);
  void take_detour(BatchWork& work, std::size_t index, wire::Decoded& decoded);
  void end_of_batch(BatchWork& work);
  void sort_derived(BatchWork& work, std::size_t from);
  void count(const model::Packet& packet, const wire::Decoded& decoded);
  void count_status(wire::DecodeStatus status, std::uint64_t packets);

  EngineOptions options_;
  std::vector<std::unique_ptr<Shard>> shards_;
  OuterFragments outer_fragments_;
  Reducer reducer_;
  Totals input_;  // what the dispatcher counts
  base::TimeNs clock_ns_ = 0;
  base::TimeNs previous_ns_ = 0;
  std::uint64_t last_packet_ = 0;
  bool finished_ = false;

  BatchWork inline_work_;     // with one thread
  std::optional<Crew> crew_;  // with more; last, since its threads use the rest
};

}  // namespace netwatch::pipeline
