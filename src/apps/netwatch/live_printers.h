#pragma once

#include <functional>
#include <utility>

#include "apps/netwatch/output.h"
#include "apps/netwatch/text_lines.h"
#include "export/ndjson.h"
#include "pipeline/live_sink.h"

namespace netwatch::app {

// What a live session tells, one line each, shown as soon as a batch is through. `on_failure` is
// called when nothing can be written any more.
class LivePrinter : public pipeline::LiveSink {
 public:
  LivePrinter(Output& out, std::function<void()> on_failure)
      : out_(out), on_failure_(std::move(on_failure)) {}
  void on_batch_end() override {
    if (out_.buffer().empty()) return;
    out_.flush();
    if (out_.failed()) on_failure_();
  }

 protected:
  [[nodiscard]] Output& out() { return out_; }

 private:
  Output& out_;
  std::function<void()> on_failure_;
};

// NDJSON: everything.
class LiveJsonPrinter final : public LivePrinter {
 public:
  using LivePrinter::LivePrinter;
  void on_record(const model::Record& record) override {
    exporting::append_record(out().buffer(), record);
    out().written();
  }
  void on_flow(const model::Flow& flow) override {
    exporting::append_flow(out().buffer(), flow);
    out().written();
  }
  void on_socket(const model::SocketEvent& event) override {
    exporting::append_socket_event(out().buffer(), event);
    out().written();
  }
  void on_samples(const model::SampleTable& samples) override {
    for (const model::Sample& sample : samples.samples) {
      exporting::append_sample(out().buffer(), sample, samples.taken_ns);
      out().written();
    }
  }
  void on_ability(base::TimeNs now_ns, const model::Ability& ability) override {
    exporting::append_ability(out().buffer(), ability, now_ns);
    out().written();
  }
  void on_link(const model::LinkEvent& event) override {
    exporting::append_link_event(out().buffer(), event);
    out().written();
  }
  void on_drop(base::TimeNs now_ns, model::Drop drop, std::uint64_t count,
               std::uint64_t total) override {
    exporting::append_drop(out().buffer(), now_ns, drop, count, total);
    out().written();
  }
  void on_totals(base::TimeNs now_ns, const model::OwnerTotals& totals) override {
    exporting::append_totals(out().buffer(), now_ns, totals);
    out().written();
  }
};

// For people: flows as they end; losses, and what is not possible any more, on standard error.
class LiveTextPrinter final : public LivePrinter {
 public:
  using LivePrinter::LivePrinter;
  void on_flow(const model::Flow& flow) override {
    if (flow.end == model::FlowEnd::kOpen) return;
    append_flow_line(out().buffer(), flow);
    out().written();
  }
  void on_ability(base::TimeNs now_ns, const model::Ability& ability) override;
  void on_drop(base::TimeNs now_ns, model::Drop drop, std::uint64_t count,
               std::uint64_t total) override;
};

}  // namespace netwatch::app
