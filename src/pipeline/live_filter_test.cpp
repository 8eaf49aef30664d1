#include "pipeline/live_filter.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "model/flow_fields.h"

namespace netwatch::pipeline {
namespace {

constexpr std::array<std::string_view, 1> kKinds{"message"};
constexpr std::array<model::FieldDef, 1> kFields{{{.name = "tls.sni"}}};
constexpr model::Schema kTls{"tls", "TLS", kKinds, kFields};

using Lines = std::vector<std::string>;

class Output final : public LiveSink {
 public:
  void on_record(const model::Record& record) override {
    model::ValueCursor values(record);
    lines_.push_back(std::to_string(record.flow) + " says " + std::string(values.next()->text()));
  }
  void on_flow(const model::Flow& flow) override {
    lines_.push_back(std::to_string(flow.id) + ' ' + std::string(model::flow_end_name(flow.end)));
  }
  void on_socket(const model::SocketEvent&) override { lines_.emplace_back("socket"); }
  Lines take() { return std::exchange(lines_, {}); }

 private:
  Lines lines_;
};

class LiveFilterTest : public testing::Test {
 protected:
  LiveFilter filter(std::string_view text) {
    const query::Catalog catalog({&model::flow_schema(), &kTls});
    return {*query::Filter::parse(text, catalog), out_};
  }
  static void say(LiveFilter& filter, model::FlowId flow, std::string_view name) {
    model::RecordBuilder builder;
    builder.start(kTls, 0);
    builder.add_text(0, name);
    model::Record record = builder.view();
    record.flow = flow;
    filter.on_record(record);
  }
  static void tell(LiveFilter& filter, model::FlowId id, model::FlowEnd end,
                   std::string_view app = {}) {
    model::Flow flow;
    flow.id = id;
    flow.proto = model::ip_proto::kTcp;
    flow.end = end;
    flow.apps[0] = app;
    filter.on_flow(flow);
  }

  Output out_;
};

using model::FlowEnd;

TEST_F(LiveFilterTest, RecordsWaitUntilTheirFlowIsJudged) {
  LiveFilter sni = filter("tls.sni == b");
  say(sni, 1, "a");
  say(sni, 2, "a");
  say(sni, 1, "b");
  EXPECT_EQ(out_.take(), Lines{});
  tell(sni, 1, FlowEnd::kClosed);
  EXPECT_EQ(out_.take(), (Lines{"1 says a", "1 says b", "1 closed"}));
  tell(sni, 2, FlowEnd::kClosed);
  tell(sni, 3, FlowEnd::kClosed);
  EXPECT_EQ(out_.take(), Lines{});
  EXPECT_EQ(sni.records_lost(), 0U);
}

TEST_F(LiveFilterTest, AFlowThatMatchedIsToldToItsEnd) {
  LiveFilter negation = filter("not tls.sni");
  tell(negation, 1, FlowEnd::kOpen);
  EXPECT_EQ(out_.take(), Lines{"1 open"});
  say(negation, 1, "a");
  tell(negation, 1, FlowEnd::kClosed);
  EXPECT_EQ(out_.take(), (Lines{"1 says a", "1 closed"}));
  // One that did not match may match later.
  LiveFilter tls = filter("app:tls");
  say(tls, 2, "a");
  tell(tls, 2, FlowEnd::kOpen);
  EXPECT_EQ(out_.take(), Lines{});
  tell(tls, 2, FlowEnd::kOpen, "tls");
  tell(tls, 2, FlowEnd::kReset, "tls");
  EXPECT_EQ(out_.take(), (Lines{"2 says a", "2 open", "2 reset"}));
}

TEST_F(LiveFilterTest, WhatWaitsIsBoundedAndWhatIsLostCounted) {
  LiveFilter tls = filter("app:tls");
  const std::string long_name(200, 'x');
  const std::size_t most = LiveFilter::kMaxHeldBytes / (long_name.size() + 131);
  say(tls, 1, "first");
  for (std::size_t i = 0; i < most + 10; ++i) say(tls, 2 + i % 3, long_name);
  EXPECT_GE(tls.records_lost(), 1U);
  EXPECT_LE(tls.records_lost(),
            1 + most / 3 + 10);  // of the flow that waited longest, and one more
  tell(tls, 1, FlowEnd::kClosed, "tls");
  EXPECT_EQ(out_.take(), Lines{"1 closed"});
}

TEST_F(LiveFilterTest, SocketsAreNoFlows) {
  LiveFilter tcp = filter("tcp");
  tcp.on_socket({});
  EXPECT_EQ(out_.take(), Lines{});
}

}  // namespace
}  // namespace netwatch::pipeline
