#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/flow.h"
#include "pipeline/result_sink.h"
#include "pipeline/totals.h"

namespace netwatch::app {

// What a person wants to know of a capture first: its span, who talked most, in which protocols,
// to which names, what was odd, and the largest flows. Bounded: beyond kMaxKeys distinct keys the
// rest is counted as "others".
class Summary final : public pipeline::ResultSink {
 public:
  static constexpr std::size_t kMaxKeys = 50'000;

  void on_flow(const model::Flow& flow) override;

  [[nodiscard]] std::string render(const std::string& source, const pipeline::Totals& totals) const;

 private:
  struct Tally {
    std::uint64_t flows = 0;
    std::uint64_t packets = 0;
    std::uint64_t wire_bytes = 0;
    std::string note;  // talkers: the name of the responder; names: where it came from
  };
  using Tallies = std::unordered_map<std::string, Tally>;

  static Tally& tally(Tallies& tallies, const std::string& key);
  void keep_if_large(const model::Flow& flow);
  static void render_span(std::string& out, const std::string& source,
                          const pipeline::Totals& totals);
  static void render_oddities(std::string& out, const pipeline::Totals& totals);
  void render_tables(std::string& out, const pipeline::Totals& totals) const;
  void render_flows(std::string& out, const pipeline::Totals& totals) const;

  Tallies talkers_;
  Tallies protocols_;
  Tallies names_;
  std::vector<model::Flow> largest_;  // a heap, the smallest of them in front
};

}  // namespace netwatch::app
