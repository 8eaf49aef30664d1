#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "dpi/protocol.h"
#include "model/drops.h"
#include "model/flow.h"
#include "model/record.h"
#include "model/stream.h"

namespace netwatch::dpi {

// What an analyzer tells its shard. Calls come while feed() or end() runs.
class AnalyzerSink {
 public:
  virtual ~AnalyzerSink() = default;
  // A finished record; its flow, time and packet are filled in. Valid during the call.
  virtual void on_record(const model::Record& record) = 0;
  // `handle`'s flow speaks `name` at this depth (0 outermost).
  virtual void on_app(std::uint64_t flow, std::uint8_t layer, std::string_view name) = 0;
  virtual void on_originator(std::uint64_t flow, model::Side side) = 0;
  // `parent` announced the address and port of `flow` (Context::expect). May be told again.
  virtual void on_parent(std::uint64_t /*flow*/, std::uint64_t /*parent*/) {}
  // The end of `flow` on `side` chose an id for what is sent to it: kShortestConnectionId to
  // kLongestConnectionId bytes, by which `protocol` knows its conversations.
  virtual void on_connection_id(std::uint64_t /*flow*/, model::Side /*side*/,
                                std::string_view /*protocol*/, base::Bytes /*id*/) {}
  // Nobody knows the first datagram of `flow` to `side`. If it goes on with a conversation of
  // `protocol` that began elsewhere, `bytes` begin with that one's id. May be told again.
  virtual void on_carried_id(std::uint64_t /*flow*/, model::Side /*side*/,
                             std::string_view /*protocol*/, base::Bytes /*bytes*/) {}
};

// Whose bytes they are, given with each call so that no analysis keeps a copy.
struct FlowRef {
  model::FlowId id = model::kNoFlow;
  std::uint8_t proto = 0;
  std::uint16_t orig_port = 0;
  std::uint16_t resp_port = 0;
  const std::array<base::IpAddress, 2>* hosts = nullptr;  // by Side; null: nothing is expected
  std::uint32_t scope = 0;                                // as in model::FlowKey
};

// What the flow's reader wants next.
enum class Appetite : std::uint8_t {
  kBytes,  // go on
  kNone,   // nothing more, ever: stop reassembling this flow
};

// Memory of one analyzer, a fixed part of the engine's (design section 5).
struct AnalyzerBudget {
  std::size_t decoder_bytes = std::size_t{8} << 20;
  std::size_t held_bytes = std::size_t{4} << 20;
};

// How often one rule of one protocol was broken. Names are static.
struct OddCount {
  std::string_view protocol;
  std::string_view what;
  std::uint64_t count = 0;
};

// The decoders of one shard. Single-threaded. Flows are named by slots: 0 is "no analysis yet";
// feed() makes one when it needs one and writes it into `slot`, end() frees it. When a budget is
// exhausted, the analysis that was longest without bytes gives way, and is counted.
class Analyzer {
 public:
  Analyzer(AnalyzerSink& sink, const AnalyzerBudget& budget);
  // With other protocols than those of protocols(); the table must outlive it.
  Analyzer(AnalyzerSink& sink, const AnalyzerBudget& budget,
           std::span<const ProtocolDef* const> table);
  ~Analyzer();
  Analyzer(const Analyzer&) = delete;
  Analyzer& operator=(const Analyzer&) = delete;

  Appetite feed(std::uint32_t& slot, const FlowRef& flow, const model::StreamChunk& chunk);
  void end(std::uint32_t& slot, const FlowRef& flow, base::TimeNs now_ns, std::uint64_t packet);

  // Records are counted by their sink and not looked into: see model::RecordBuilder::wanted().
  void only_count_records();

  // Brings what a slot names into the cache; nothing but time depends on it.
  void prefetch(std::uint32_t slot) const;

  [[nodiscard]] const model::DropCounters& drops() const;
  // What Drop::kDecoderOdd is made of, in the order of first sight.
  [[nodiscard]] std::span<const OddCount> odds() const;
  [[nodiscard]] std::size_t live() const;  // analyses that take memory

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace netwatch::dpi
