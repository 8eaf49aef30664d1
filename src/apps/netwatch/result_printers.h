#pragma once

#include "apps/netwatch/output.h"
#include "apps/netwatch/text_lines.h"
#include "export/ndjson.h"
#include "pipeline/result_sink.h"

namespace netwatch::app {

// NDJSON: one line for each record and each flow.
class JsonPrinter final : public pipeline::ResultSink {
 public:
  explicit JsonPrinter(Output& out) : out_(out) {}
  void on_record(const model::Record& record) override {
    exporting::append_record(out_.buffer(), record);
    out_.written();
  }
  void on_flow(const model::Flow& flow) override {
    exporting::append_flow(out_.buffer(), flow);
    out_.written();
  }

 private:
  Output& out_;
};

// Lines for people: flows as they end, records as they are complete, or both.
class TextPrinter final : public pipeline::ResultSink {
 public:
  TextPrinter(Output& out, bool flows, bool records)
      : out_(out), flows_(flows), records_(records) {}
  void on_record(const model::Record& record) override {
    if (!records_) return;
    append_record_line(out_.buffer(), record);
    out_.written();
  }
  void on_flow(const model::Flow& flow) override {
    if (!flows_) return;
    append_flow_line(out_.buffer(), flow);
    out_.written();
  }

 private:
  Output& out_;
  bool flows_;
  bool records_;
};

}  // namespace netwatch::app
