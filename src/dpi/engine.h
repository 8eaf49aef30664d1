#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dpi/analysis.h"
#include "dpi/analyzer.h"
#include "dpi/block_pool.h"
#include "dpi/child_queue.h"
#include "dpi/expected_flows.h"
#include "dpi/probe_index.h"

namespace netwatch::dpi {

// The works of an Analyzer: one shard's probing, decoding, keeping of bytes and eviction.
//
// A slot is 0 (nothing known), an analysis, or a mark: a flow of which nothing is kept but how
// often it was looked at in vain. So a flow that nobody knows costs no memory at all.
class Engine final : private Context {
 public:
  Engine(AnalyzerSink& sink, const AnalyzerBudget& budget,
         std::span<const ProtocolDef* const> table);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Appetite feed(std::uint32_t& slot, const FlowRef& flow, const model::StreamChunk& chunk);
  void end(std::uint32_t& slot, const FlowRef& flow, base::TimeNs now_ns, std::uint64_t packet);

  void only_count_records() { builder_.set_wanted(false); }
  void prefetch(std::uint32_t slot) const { table_.prefetch(slot); }

  [[nodiscard]] const model::DropCounters& drops() const { return drops_; }
  [[nodiscard]] std::span<const OddCount> odds() const { return odds_; }
  [[nodiscard]] std::size_t live() const { return table_.live(); }

 private:
  // How a run of a decoder over one side ended.
  enum class Outcome : std::uint8_t { kGoOn, kEnded, kNotMine, kHandedOn };

  // engine_stream.cpp
  Appetite feed_stream(std::uint32_t& slot, const model::StreamChunk& chunk);
  Appetite on_gap(std::uint32_t& slot, const model::StreamChunk& chunk);
  Appetite decode_stream(std::uint32_t& slot, base::Bytes input);
  Outcome replay(std::uint32_t slot, base::Bytes& input);
  Outcome run(std::uint32_t slot, model::Side which, base::Bytes& input);
  base::Bytes choose_view(std::uint32_t slot, model::Side which, base::Bytes& input,
                          std::size_t need);
  bool advance(std::uint32_t slot, model::Side which, base::Bytes& input, base::Bytes view,
               std::uint64_t consumed);
  bool fall_back(std::uint32_t slot);
  bool hand_over(std::uint32_t slot);
  void settle(std::uint32_t slot);

  // engine_probe.cpp
  Probe probe_stream(std::uint32_t& slot, base::Bytes& input);
  Probe ask_stream(std::uint32_t& slot, ProbeInput& shown, bool first_words, base::Bytes& input);
  ProbeIndex::Answer ask_announced(std::uint32_t slot, ProbeInput& shown);
  bool begin_at_this_segment(std::uint32_t& slot, base::Bytes& input);
  Probe keep_for_later(std::uint32_t& slot, base::Bytes input, bool first_words);
  Probe probe_late(std::uint32_t& slot, const ProbeInput& shown);
  Probe refuse(std::uint32_t& slot);
  Probe begin_decoder(std::uint32_t& slot, std::uint8_t protocol);
  bool start_decoder(std::uint32_t slot, std::uint8_t protocol);
  Appetite feed_datagram(std::uint32_t& slot, const model::StreamChunk& chunk);
  Probe probe_datagram(std::uint32_t& slot, const model::StreamChunk& chunk,
                       std::span<const std::uint8_t> rejected);
  Outcome decode_datagram(std::uint32_t slot, const model::StreamChunk& chunk);
  Appetite undecided_datagram(std::uint32_t& slot, const model::StreamChunk& chunk);
  void tell_carried_id(const model::StreamChunk& chunk);

  // engine_expect.cpp
  [[nodiscard]] ExpectedFlows::Place place_of(model::Side side, Transport transport) const;
  [[nodiscard]] ExpectedFlows::Entry* announcement() const;
  [[nodiscard]] ExpectedFlows::Entry* announced_at(model::Side side) const;
  ProbeIndex::Answer ask(ProbeInput& shown, bool datagram, std::span<const std::uint8_t> rejected);

  // engine_child.cpp
  void feed_children();
  void end_analysis(std::uint32_t slot);
  void drop_child(std::uint32_t slot);

  // engine_memory.cpp
  std::uint32_t new_analysis();
  [[nodiscard]] std::uint32_t oldest_of_others(AnalysisList list) const;
  [[nodiscard]] bool of_this_flow(std::uint32_t slot) const;
  void free_analysis(std::uint32_t slot);
  void drop_decoder(Analysis& analysis);
  void confirm(Analysis& analysis);
  bool hold(std::uint32_t slot, model::Side which, base::Bytes bytes);
  void drop_read(SideBytes& side);
  void release(SideBytes& side);
  void* take_block(std::size_t bytes);
  enum class Room : std::uint8_t { kBlock, kDecoder };
  bool make_room(std::size_t bytes, Room room);
  [[nodiscard]] bool frees_room(const Analysis& analysis, std::size_t bytes, Room room) const;
  void evict(std::uint32_t slot);

  // Context, for the call at hand
  model::RecordBuilder& record() override { return builder_; }
  void emit(model::Side side) override;
  void odd(std::string_view what) override;
  void set_originator(model::Side side) override;
  void hand_on(std::string_view announced) override;
  void carries(std::string_view name) override;
  [[nodiscard]] base::TimeNs now_ns() const override { return time_ns_; }
  bool child(const model::StreamChunk& inner) override;
  bool expect(const Expected& flow) override;
  [[nodiscard]] base::Bytes announced(model::Side side) const override;
  void connection_id(model::Side side, base::Bytes id) override;
  [[nodiscard]] base::IpAddress address(model::Side side) const override;
  [[nodiscard]] std::uint16_t port(model::Side side) const override {
    return side == model::Side::kOriginator ? flow_.orig_port : flow_.resp_port;
  }
  std::span<std::uint8_t> scratch() override { return scratch_; }

  void begin_call(std::uint32_t slot);
  Step call(std::uint32_t slot, const model::StreamChunk& chunk);
  void tell_originator();
  Appetite give_up(std::uint32_t& slot);

  AnalyzerSink& sink_;
  // Of all engines that speak the same protocols: one copy stays in the cache, sixteen do not.
  std::shared_ptr<const ProbeIndex> shared_index_;
  const ProbeIndex& index_;
  AnalysisTable table_;
  BlockPool decoders_;
  BlockPool blocks_;
  model::DropCounters drops_;
  std::vector<OddCount> odds_;
  model::RecordBuilder builder_;
  std::vector<std::uint8_t> scratch_;
  ChildQueue children_;
  ExpectedFlows expected_;

  // The call at hand.
  FlowRef flow_;
  model::Side side_ = model::Side::kOriginator;
  base::TimeNs time_ns_ = 0;
  std::uint64_t packet_ = 0;
  bool cut_ = false;
  base::Bytes arrived_;          // the segment, while nothing of it has been read by a decoder
  std::uint8_t base_layer_ = 0;  // of the stream at hand: 0 on the wire, more in a child
  Analysis* current_ = nullptr;
  std::uint32_t current_slot_ = 0;
  bool handed_on_ = false;
  std::uint8_t named_next_ = kNoProtocol;  // what hand_on() named
  bool counted_odd_ = false;
  bool turned_ = false;  // set_originator() was called: told once the decoder stands by it
  model::Side originator_ = model::Side::kOriginator;
};

}  // namespace netwatch::dpi
