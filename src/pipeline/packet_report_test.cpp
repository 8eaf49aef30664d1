// Packets with their owners: the waiting store, the live table and a filter together.
#include "pipeline/packet_report.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/flow_fields.h"

namespace netwatch::pipeline {
namespace {

using Lines = std::vector<std::string>;
constexpr base::TimeNs kStart = 1'000 * base::kNsPerSecond;

class Output final : public LiveSink {
 public:
  void on_owned_packet(const model::Packet& packet, const model::PacketOwners& owners) override {
    std::string line = std::to_string(packet.number);
    for (const model::Owner* owner : {owners.sender, owners.receiver}) {
      line += owner == nullptr ? " -" : ' ' + owner->process->comm;
    }
    lines_.push_back(line);
  }
  void on_packet_left_out(const model::Packet& packet) override {
    lines_.push_back("not " + std::to_string(packet.number));
  }
  Lines take() { return std::exchange(lines_, {}); }

 private:
  Lines lines_;
};

model::Endpoint end(const char* address, std::uint16_t port) {
  return {*base::IpAddress::parse(address), port};
}

model::InterfaceTable one_interface(std::uint32_t ifindex) {
  model::InterfaceTable table;
  table.interfaces.resize(1);
  table.interfaces[0].ifindex = ifindex;
  return table;
}

// A look at the sockets that finds the originator's.
model::SocketTable socket_of(const model::Flow& flow, model::Quality quality) {
  model::Socket socket;
  socket.proto = flow.proto;
  socket.local = flow.orig;
  socket.remote = flow.resp;
  socket.inode = socket.cookie = 4711;
  auto process = std::make_shared<model::Process>();
  process->comm = "curl";
  socket.owner = {quality, model::OwnerVia::kSockDiag, 1, std::move(process)};
  model::SocketTable table;
  table.taken_ns = flow.first_ns;
  table.sockets.push_back(std::move(socket));
  return table;
}

class PacketReportTest : public testing::Test {
 protected:
  PacketReportTest() {
    model::InterfaceTable interfaces = one_interface(2);
    interfaces.interfaces[0].addresses = {*base::IpAddress::parse("10.0.0.9")};
    table_.take_interfaces(interfaces);
    report_.take_interfaces(interfaces);
  }
  // A packet of `flow`, sent by its originator or by its responder.
  void packet(PacketReport& report, const model::Flow& flow, bool by_originator,
              std::uint32_t ifindex = 2) {
    model::PacketBatch batch;
    batch.packets.push_back(
        {.number = ++number_, .time_ns = kStart, .ifindex = ifindex, .bytes = {}});
    report.on_batch(batch);
    const bool originator_is_lower = flow.orig < flow.resp;
    const model::PacketFlow told{
        .number = number_, .flow = flow.id, .from_lower = by_originator == originator_is_lower};
    report.on_packet_flows({&told, 1});
  }
  model::Flow flow(model::FlowId id, const model::Endpoint& orig, const model::Endpoint& resp) {
    model::Flow flow;
    flow.id = id;
    flow.proto = model::ip_proto::kTcp;
    flow.orig = orig;
    flow.resp = resp;
    flow.first_ns = kStart;
    flow.last_ns = kStart;
    return flow;
  }
  void close(const model::Endpoint& local, const model::Endpoint& remote, const char* comm) {
    model::ClosedSocket closed{
        .socket = {}, .opened_ns = kStart - 1'000, .closed_ns = kStart + 1'000};
    closed.socket.proto = model::ip_proto::kTcp;
    closed.socket.local = local;
    closed.socket.remote = remote;
    closed.socket.cookie = ++cookie_;
    auto process = std::make_shared<model::Process>();
    process->pid = 7;
    process->comm = comm;
    closed.socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, std::move(process)};
    table_.take_closed({closed});
  }

  const model::Endpoint near_ = end("10.0.0.9", 50'000);
  const model::Endpoint far_ = end("192.0.2.1", 443);
  const model::Endpoint lower_far_ = end("1.2.3.4", 443);
  const model::Endpoint client_ = end("127.0.0.1", 50'000);
  const model::Endpoint server_ = end("127.0.0.1", 80);
  Output out_;
  LiveTable table_{[] {
    LiveTableOptions options;
    options.capturing = true;
    return options;
  }()};
  PacketReport report_{table_, out_, nullptr};
  std::uint64_t number_ = 0;
  std::uint64_t cookie_ = 0;
};

TEST_F(PacketReportTest, TheOwnerIsWithTheSenderOrTheReceiverWhicheverIsHere) {
  for (const auto& [id, far] : {std::pair{16, far_}, std::pair{32, lower_far_}}) {
    const model::Flow of = flow(static_cast<model::FlowId>(id), near_, far);
    packet(report_, of, true);
    packet(report_, of, false);
    report_.tell_due(1);
    EXPECT_EQ(out_.take(), Lines{}) << "no row yet";
    table_.on_flow(of);
    report_.tell_due(2);
    EXPECT_EQ(out_.take(), Lines{}) << "no owner yet";
    close(near_, far, "curl");
    report_.tell_due(3);
    const std::string first = std::to_string(number_ - 1);
    EXPECT_EQ(out_.take(), (Lines{first + " curl -", std::to_string(number_) + " - curl"}));
  }
}

TEST_F(PacketReportTest, OnLoopbackBothEndsAreWaitedFor) {
  const model::Flow of = flow(16, client_, server_);
  packet(report_, of, true);
  packet(report_, of, false);
  table_.on_flow(of);
  close(client_, server_, "curl");
  report_.tell_due(1);
  EXPECT_EQ(out_.take(), Lines{});
  close(server_, client_, "nginx");
  report_.tell_due(2);
  EXPECT_EQ(out_.take(), (Lines{"1 curl nginx", "2 nginx curl"}));
}

TEST_F(PacketReportTest, AnExactOwnerIsWaitedForOnlyWhereThereMayBeOne) {
  const model::Flow of = flow(16, near_, far_);
  LiveTableOptions options;
  options.capturing = true;
  for (const model::Quality best : {model::Quality::kExact, model::Quality::kInferred}) {
    options.best = best;
    LiveTable table(options);
    PacketReport report(table, out_, nullptr);
    model::InterfaceTable interfaces = one_interface(2);
    interfaces.interfaces[0].addresses = {near_.address};
    table.take_interfaces(interfaces);
    report.take_interfaces(interfaces);
    table.on_flow(of);
    packet(report, of, true);
    table.take_sockets(socket_of(of, model::Quality::kInferred));
    report.tell_due(1);
    const bool waits = best == model::Quality::kExact;
    EXPECT_EQ(report.waits(), waits);
    report.tell_all();
    EXPECT_EQ(out_.take(), Lines{std::to_string(number_) + " curl -"});
  }
}

TEST_F(PacketReportTest, WhatIsForwardedOrNoSocketsIsNotWaitedFor) {
  const model::Flow forwarded = flow(16, end("10.0.0.1", 1), far_);
  model::Flow ping = flow(32, near_, far_);
  ping.proto = model::ip_proto::kIcmp;
  table_.on_flow(forwarded);
  table_.on_flow(ping);
  packet(report_, forwarded, true);
  packet(report_, ping, true);
  report_.tell_due(1);
  EXPECT_EQ(out_.take(), (Lines{"1 - -", "2 - -"}));
}

TEST_F(PacketReportTest, AnInterfaceIsGivenTimeToGetItsName) {
  const model::Flow of = flow(16, end("10.0.0.1", 1), far_);
  table_.on_flow(of);
  packet(report_, of, true, 3);
  report_.tell_due(1);
  EXPECT_EQ(out_.take(), Lines{});
  report_.take_interfaces(one_interface(3));
  report_.tell_due(2);
  EXPECT_EQ(out_.take(), Lines{"1 - -"});
}

TEST_F(PacketReportTest, WithAFilterPacketsOfFlowsThatDoNotMatchInTimeAreLeftOut) {
  const query::Catalog catalog({&model::flow_schema()});
  const auto filter = query::Filter::parse("process:curl", catalog);
  ASSERT_TRUE(filter.has_value());
  PacketReport report(table_, out_, &*filter);
  report.take_interfaces(one_interface(2));
  const model::Flow wanted = flow(16, near_, far_);
  const model::Flow other = flow(32, end("10.0.0.9", 50'001), far_);
  packet(report, wanted, true);
  packet(report, other, true);
  for (const model::Flow& one : {wanted, other}) {
    table_.on_flow(one);
    report.on_flow(one);
  }
  close(near_, far_, "curl");
  close(other.orig, far_, "wget");
  report.tell_due(1);
  EXPECT_EQ(out_.take(), Lines{}) << "the filter has not seen the owner yet";
  for (const model::Flow& one : {wanted, other}) report.on_flow(one);
  report.tell_due(2);
  EXPECT_EQ(out_.take(), Lines{"1 curl -"});
  report.tell_due(1 + HeldPackets::kHoldNs);
  EXPECT_EQ(out_.take(), Lines{"not 2"});
}

TEST(FlowVerdicts, AFlowThatHasEndedIsForgottenOnceNoPacketOfItCanWait) {
  const query::Catalog catalog({&model::flow_schema()});
  const auto filter = query::Filter::parse("tcp", catalog);
  ASSERT_TRUE(filter.has_value());
  FlowVerdicts verdicts(*filter);
  model::Flow flow;
  flow.id = 16;
  flow.proto = model::ip_proto::kTcp;
  verdicts.advance(1);
  verdicts.on_flow(flow);
  flow.end = model::FlowEnd::kClosed;
  verdicts.on_flow(flow);
  verdicts.on_flow(flow);
  verdicts.advance(1 + FlowVerdicts::kKeepNs);
  EXPECT_TRUE(verdicts.matches(16));
  verdicts.advance(2 + FlowVerdicts::kKeepNs);
  EXPECT_FALSE(verdicts.matches(16));
  EXPECT_EQ(verdicts.size(), 0U);
}

}  // namespace
}  // namespace netwatch::pipeline
