// Flows that other flows announce.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "dpi/analyzer.h"
#include "dpi/expected_flows.h"
#include "dpi/fake_protocols.h"

namespace netwatch::dpi {
namespace {

using model::Side;
using namespace fake;

const base::IpAddress kOne = *base::IpAddress::parse("192.0.2.1");
const base::IpAddress kTwo = *base::IpAddress::parse("192.0.2.2");
const base::IpAddress kThird = *base::IpAddress::parse("192.0.2.3");

bool g_accepted = false;

// "A:" then lines "<address> <port> <note>": each announces a flow that speaks anything.
class AnnouncerDecoder final : public Fake {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    std::string_view text = base::as_text(chunk.bytes);
    text.remove_prefix(text.starts_with("A:") ? 2 : 0);
    const std::size_t blank = text.find(' ');
    const std::size_t second = text.find(' ', blank + 1);
    const auto port = std::stoi(std::string(text.substr(blank + 1, second - blank - 1)));
    const bool udp = text.substr(second + 1).starts_with("udp");
    g_accepted = context.expect({.protocol = "anything",
                                 .transport = udp ? Transport::kUdp : Transport::kTcp,
                                 .address = *base::IpAddress::parse(text.substr(0, blank)),
                                 .port = static_cast<std::uint16_t>(port),
                                 .note = base::as_bytes(text.substr(second + 1))});
    return {.consumed = chunk.bytes.size()};
  }
};

// Speaks anything if it was announced; tells what was noted.
class AnythingDecoder final : public Fake {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    const std::string_view note = base::as_text(context.announced(Side::kResponder));
    report(std::string(base::as_text(chunk.bytes)) + " by " + std::string(note), chunk.side,
           context);
    if (base::as_text(chunk.bytes).starts_with("child ")) {
      context.child({.side = chunk.side, .bytes = chunk.bytes.subspan(6)});
    }
    return {.consumed = chunk.bytes.size()};
  }
};

constexpr ProtocolDef kAnnouncer = def<AnnouncerDecoder>(
    "announcer", "A", Transport::kTcp, [](const ProbeInput& in) { return begins(in, "A:"); });
constexpr ProtocolDef kAnything =
    def<AnythingDecoder>("anything", "", Transport::kBoth, [](const ProbeInput& in) {
      const bool fits = in.datagram || begins(in, "L") == Probe::kNo;
      return in.expected && fits ? Probe::kYes : Probe::kNo;
    });
constexpr std::array kRows{&kAnnouncer, &kAnything, &kLines};

class ExpectedTest : public testing::Test, public AnalyzerSink {
 public:
  void on_record(const model::Record& record) override {
    lines_.emplace_back(model::find_value(record, 0)->text());
  }
  void on_app(std::uint64_t flow, std::uint8_t, std::string_view name) override {
    if (name != "announcer") lines_.push_back(std::to_string(flow) + " is " + std::string(name));
  }
  void on_originator(std::uint64_t, Side) override {}
  void on_parent(std::uint64_t flow, std::uint64_t parent) override {
    lines_.push_back(std::to_string(flow) + " of " + std::to_string(parent));
  }

 protected:
  struct Ends {
    std::array<base::IpAddress, 2> hosts{kOne, kTwo};
    std::uint16_t orig_port = 1000;
    std::uint16_t resp_port = 21;
    std::uint32_t scope = 0;
    bool datagram = false;
  };
  void feed(std::uint64_t flow, const Ends& ends, std::string_view text) {
    if (slots_.size() <= flow) slots_.resize(flow + 1);
    analyzer_.feed(
        slots_[flow],
        {.id = flow,
         .proto = static_cast<std::uint8_t>(ends.datagram ? 17 : 6),
         .orig_port = ends.orig_port,
         .resp_port = ends.resp_port,
         .hosts = &ends.hosts,
         .scope = ends.scope},
        {.side = kA, .time_ns = now_ns_, .bytes = base::as_bytes(text), .datagram = ends.datagram});
  }

  using Lines = std::vector<std::string>;
  Lines lines_;
  base::TimeNs now_ns_ = base::kNsPerSecond;
  Analyzer analyzer_{*this, AnalyzerBudget{}, std::span(kRows)};
  std::vector<std::uint32_t> slots_;
};

TEST_F(ExpectedTest, AnAnnouncedFlowBelongsToItsParent) {
  feed(1, {}, "A:192.0.2.2 4000 me");
  feed(2, {.resp_port = 4000}, "xyz");
  EXPECT_EQ(lines_, (Lines{"2 of 1", "2 is anything", "xyz by me"}));
}

TEST_F(ExpectedTest, EitherEndMayBeAnnounced) {
  feed(1, {}, "A:192.0.2.1 4000 me");
  feed(2, {.hosts = {kTwo, kOne}, .orig_port = 20, .resp_port = 4000}, "xyz");
  EXPECT_EQ(lines_.back(), "xyz by me");
}

TEST_F(ExpectedTest, WhatItCarriesWasNotAnnounced) {
  feed(1, {}, "A:192.0.2.2 4000 me");
  feed(2, {.resp_port = 4000}, "child xyz");
  EXPECT_EQ(lines_, (Lines{"2 of 1", "2 is anything", "child xyz by me"}));
}

TEST_F(ExpectedTest, ContentDecides) {
  feed(1, {}, "A:192.0.2.2 4000 me");
  feed(2, {.resp_port = 4000}, "L:\nread by others\n");
  EXPECT_EQ(lines_, (Lines{"2 is lines", "L:", "read by others"}));
}

// A call that names the port of a resolver as its media's must not hide what is asked there.
TEST_F(ExpectedTest, AnAnnouncementHidesNoDatagramThatOthersKnow) {
  feed(1, {}, "A:192.0.2.2 4000 udp");
  feed(2, {.resp_port = 4000, .datagram = true}, "L:known\n");
  feed(3, {.orig_port = 1001, .resp_port = 4000, .datagram = true}, "xyz");
  EXPECT_EQ(lines_.front(), "2 is lines");
  EXPECT_EQ(lines_.back(), "xyz by udp");
  EXPECT_EQ(std::ranges::count(lines_, "2 of 1"), 0);
  EXPECT_EQ(std::ranges::count(lines_, "3 of 1"), 1);
}

TEST_F(ExpectedTest, OnlyTheTwoHostsOfTheParentCanBeMeant) {
  feed(1, {}, "A:192.0.2.3 4000 me");
  EXPECT_FALSE(g_accepted);
  feed(2, {.hosts = {kOne, kThird}, .resp_port = 4000}, "xyz");
  feed(3, {.hosts = {kOne, kTwo}, .resp_port = 4000}, "xyz");
  EXPECT_EQ(lines_, Lines{});
}

TEST_F(ExpectedTest, OtherFlowsAreNotMistaken) {
  feed(1, {}, "A:192.0.2.2 4000 me");
  EXPECT_TRUE(g_accepted);
  feed(2, {.resp_port = 4001}, "xyz");                           // another port
  feed(3, {.orig_port = 4000, .resp_port = 9}, "xyz");           // the other host's
  feed(4, {.resp_port = 4000, .scope = 7}, "xyz");               // another network
  feed(5, {.hosts = {kThird, kTwo}, .resp_port = 4000}, "xyz");  // another peer
  EXPECT_EQ(lines_, Lines{});
}

TEST_F(ExpectedTest, OneAnnouncementIsForOneConnection) {
  feed(1, {}, "A:192.0.2.2 4000 me");
  feed(2, {.resp_port = 4000}, "xyz");
  feed(3, {.orig_port = 1001, .resp_port = 4000}, "xyz");
  EXPECT_EQ(lines_.back(), "xyz by me");
  EXPECT_EQ(lines_.size(), 3U);
  feed(1, {}, "192.0.2.2 4000 again");
  feed(4, {.orig_port = 1002, .resp_port = 4000}, "xyz");
  EXPECT_EQ(lines_.back(), "xyz by again");
}

TEST_F(ExpectedTest, IsForgottenInTime) {
  feed(1, {}, "A:192.0.2.2 4000 me");
  now_ns_ += ExpectedFlows::kLifetime + 1;
  feed(2, {.resp_port = 4000}, "xyz");
  EXPECT_EQ(lines_, Lines{});
}

TEST_F(ExpectedTest, TheOldestGivesWayAndIsCounted) {
  const auto announce = [&](std::size_t port) {
    feed(1, {}, (port == 1 ? "A:192.0.2.2 " : "192.0.2.2 ") + std::to_string(port) + " me");
  };
  for (std::size_t port = 1; port <= ExpectedFlows::kMax; ++port) announce(port);
  announce(7);  // said again: takes no more room
  EXPECT_EQ(analyzer_.drops()[model::Drop::kExpectedEvicted], 0U);
  announce(ExpectedFlows::kMax + 1);
  EXPECT_EQ(analyzer_.drops()[model::Drop::kExpectedEvicted], 1U);
  feed(2, {.resp_port = 1}, "xyz");
  EXPECT_EQ(lines_, Lines{});
  feed(3, {.resp_port = 2}, "xyz");
  feed(4, {.resp_port = static_cast<std::uint16_t>(ExpectedFlows::kMax + 1)}, "xyz");
  EXPECT_EQ(std::ranges::count(lines_, "xyz by me"), 2);
}

}  // namespace
}  // namespace netwatch::dpi
