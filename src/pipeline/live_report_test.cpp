#include "pipeline/live_report.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace netwatch::pipeline {
namespace {

using Lines = std::vector<std::string>;

class Output final : public LiveSink {
 public:
  void on_flow(const model::Flow& flow) override {
    std::string line = std::to_string(flow.id) + ' ' + std::string(model::flow_end_name(flow.end));
    for (const model::Owner& owner : flow.owners) {
      line += ' ' + std::string(model::quality_name(owner.quality));
      if (owner.process) line += ' ' + owner.process->comm + owner.process->exe;
    }
    lines_.push_back(line);
  }
  void on_drop(base::TimeNs, model::Drop drop, std::uint64_t count, std::uint64_t total) override {
    lines_.push_back(std::string(model::drop_name(drop)) + ' ' + std::to_string(count) + " of " +
                     std::to_string(total));
  }
  void on_totals(base::TimeNs now_ns, const model::OwnerTotals& totals) override {
    std::string line = "at " + std::to_string(now_ns);
    for (const model::ProcessRow& row : totals.processes) {
      line += ' ' + row.process->comm + ' ' + std::to_string(row.totals.sent_bytes);
    }
    if (totals.unowned) line += " unowned " + std::to_string(totals.unowned->sum().packets);
    lines_.push_back(line);
  }
  Lines take() { return std::exchange(lines_, {}); }

 private:
  Lines lines_;
};

model::Endpoint end(std::uint16_t port) { return {*base::IpAddress::parse("127.0.0.1"), port}; }

model::Flow flow(model::FlowId id, model::FlowEnd how) {
  model::Flow flow;
  flow.id = id;
  flow.proto = model::ip_proto::kTcp;
  flow.orig = end(static_cast<std::uint16_t>(50'000 + id));
  flow.resp = end(80);
  flow.first_ns = 1'000'000'000;
  flow.last_ns = 2'000'000'000;
  flow.end = how;
  return flow;
}

model::Socket socket(model::FlowId id, bool of_client, const char* exe) {
  const model::Flow of = flow(id, model::FlowEnd::kOpen);
  model::Socket socket;
  socket.proto = of.proto;
  socket.local = of_client ? of.orig : of.resp;
  socket.remote = of_client ? of.resp : of.orig;
  socket.cookie = 2 * id + (of_client ? 1 : 0);
  socket.inode = socket.cookie;
  auto process = std::make_shared<model::Process>();
  process->pid = of_client ? 7 : 8;
  process->comm = of_client ? "curl" : "nginx";
  process->exe = exe;
  process->in_proc = !process->exe.empty();
  socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, std::move(process)};
  return socket;
}

class LiveReportTest : public testing::Test {
 protected:
  void close(model::FlowId id, bool of_client) {
    const std::vector<model::ClosedSocket> closed{{.socket = socket(id, of_client, ""),
                                                   .opened_ns = 900'000'000,
                                                   .closed_ns = 2'000'000'000}};
    report_.take_closed(closed);
    table_.take_closed(closed);
  }
  Output out_;
  LiveTable table_{[] {
    LiveTableOptions options;
    options.capturing = true;
    return options;
  }()};
  LiveReport report_{table_, out_, true};
};

TEST_F(LiveReportTest, AnOwnerThatIsKnownAfterTheFlowsEndIsTold) {
  report_.tell_due(1);
  report_.on_flow(flow(1, model::FlowEnd::kClosed));
  close(1, true);
  report_.tell_due(LiveReport::kHoldNs);
  EXPECT_EQ(out_.take(), Lines{});
  close(1, false);  // loopback: both ends are ours
  report_.tell_due(LiveReport::kHoldNs + 1);
  EXPECT_EQ(out_.take(), Lines{"1 closed exact curl exact nginx"});
  report_.tell_all();
  EXPECT_EQ(out_.take(), Lines{}) << "told once";
}

TEST_F(LiveReportTest, OpenFlowsAreToldWhenTheirTimeHasCome) {
  report_.on_flow(flow(1, model::FlowEnd::kOpen));
  EXPECT_EQ(out_.take(), Lines{});
  report_.set_repeating(true);
  report_.on_flow(flow(1, model::FlowEnd::kOpen));
  report_.set_repeating(false);
  report_.on_flow(flow(1, model::FlowEnd::kOpen));
  EXPECT_EQ(out_.take(), Lines{"1 open unknown unknown"});
  report_.on_flow(flow(1, model::FlowEnd::kEndOfInput));
  report_.tell_all();
  EXPECT_EQ(out_.take(), Lines{"1 end_of_input unknown unknown"});
}

TEST_F(LiveReportTest, TheEndOfASocketForgetsNothingOfItsProcess) {
  model::SocketTable look;
  look.sockets = {socket(1, true, "/usr/bin/curl")};
  table_.take_sockets(look);
  report_.on_flow(flow(1, model::FlowEnd::kClosed));
  close(1, true);
  report_.tell_all();
  EXPECT_EQ(out_.take(), Lines{"1 closed exact curl/usr/bin/curl unknown"});
}

TEST_F(LiveReportTest, TotalsAreThoseOfTheMoment) {
  model::SocketTable look;
  look.sockets = {socket(1, true, "/usr/bin/curl")};
  look.sockets[0].followed = true;
  look.sockets[0].bytes_sent = look.sockets[0].bytes_received = 40;
  table_.take_sockets(look);
  model::Flow other = flow(2, model::FlowEnd::kClosed);
  other.sides[0].packets = 3;
  report_.on_flow(other);
  report_.tell_totals(5);
  EXPECT_EQ(out_.take(), Lines{"at 5 curl 40 unowned 3"});
}

TEST_F(LiveReportTest, LossesAreToldWhenTheyGrow) {
  model::DropCounters drops;
  report_.take_drops(1, drops);
  drops[model::Drop::kKernel] = 3;
  report_.take_drops(2, drops);
  report_.take_drops(3, drops);
  drops[model::Drop::kKernel] = 10;
  drops[model::Drop::kDuplicate] = 1;
  report_.take_drops(4, drops);
  EXPECT_EQ(out_.take(), (Lines{"kernel 3 of 3", "kernel 7 of 10", "duplicate 1 of 1"}));
}

}  // namespace
}  // namespace netwatch::pipeline
