#pragma once

#include "apps/netwatch/output.h"
#include "apps/netwatch/text_lines.h"
#include "export/ndjson.h"
#include "pipeline/result_sink.h"

namespace netwatch::app {

// NDJSON: one line for each record and each flow.
class JsonPrinter final : public pipeline::ResultSink {
 public:
  // `live`: somebody waits for each line; nothing is held back.
  JsonPrinter(Output& out, bool live) : out_(out), live_(live) {}
  void on_record(const model::Record& record) override {
    exporting::append_record(out_.buffer(), record);
    out_.written();
  }
  void on_flow(const model::Flow& flow) override {
    exporting::append_flow(out_.buffer(), flow);
    out_.written();
  }
  void on_batch_end() override {
    if (live_) out_.flush();
  }

 private:
  Output& out_;
  bool live_;
};

// Lines for people: flows as they end, records as they are complete, or both.
class TextPrinter final : public pipeline::ResultSink {
 public:
  TextPrinter(Output& out, bool live, bool flows, bool records)
      : out_(out), live_(live), flows_(flows), records_(records) {}
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
  void on_batch_end() override {
    if (live_) out_.flush();
  }

 private:
  Output& out_;
  bool live_;
  bool flows_;
  bool records_;
};

}  // namespace netwatch::app
