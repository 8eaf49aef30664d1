#include "flow/tcp_quality.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flow/fragment_maker.h"
#include "flow/packet_maker.h"

// Round trips, reordering and what else tells how well segments get through.
namespace netwatch::flow {
namespace {

using model::Side;
using testing::MadePacket;
using testing::RecordingSink;

constexpr std::uint8_t kSyn = wire::tcp_flag::kSyn;
constexpr std::uint8_t kAck = wire::tcp_flag::kAck;
constexpr std::uint8_t kRst = wire::tcp_flag::kRst;

struct Sent {
  std::int64_t at_us;
  Side side;
  std::uint8_t flags;
  std::int64_t seq;  // relative: 0 is the SYN
  std::size_t len = 0;
  std::int64_t ack = 0;
  std::uint32_t tsval = 0;  // 0: no time stamps
  std::uint32_t tsecr = 0;
  int scale = -1;
  std::uint16_t window = 500;
};
constexpr Side kOut = Side::kOriginator;
constexpr Side kBack = Side::kResponder;

model::Flow play(const std::vector<Sent>& script) {
  RecordingSink sink;
  FlowTable table(sink, 0, FlowBudget{});
  std::uint64_t number = 0;
  for (const Sent& sent : script) {
    MadePacket made(model::ip_proto::kTcp, 1, 40000, 2, 80);
    if (sent.side == kBack) made = made.reversed();
    std::vector<std::uint8_t> bytes(20);
    if (sent.scale >= 0) {
      bytes.insert(bytes.end(), {1, 3, 3, static_cast<std::uint8_t>(sent.scale)});
    }
    if (sent.tsval != 0) {
      bytes.insert(bytes.end(), {1, 1, 8, 10});
      for (const std::uint32_t stamp : {sent.tsval, sent.tsecr}) {
        testing::put_be16(bytes, stamp >> 16);
        testing::put_be16(bytes, stamp & 0xffff);
      }
    }
    const std::size_t header = bytes.size();
    bytes.insert(bytes.end(), sent.len, 'x');
    made.set_payload(base::Bytes(bytes).subspan(header), static_cast<std::uint32_t>(sent.len));
    made.decoded.header_bytes = static_cast<std::uint8_t>(header);
    made.decoded.tcp_flags = sent.flags;
    made.decoded.tcp_seq = static_cast<std::uint32_t>(0xfffffff0 + sent.seq);
    made.decoded.tcp_ack = static_cast<std::uint32_t>(0xfffffff0 + sent.ack);
    made.decoded.tcp_window = sent.window;
    made.packet.number = ++number;
    made.packet.time_ns = base::kNsPerSecond + sent.at_us * base::kNsPerUs;
    table.packet(made.packet, made.decoded);
  }
  table.finish();
  EXPECT_EQ(sink.ended.size(), 1U);
  return sink.ended.back().flow;
}

std::vector<Sent> opened(std::vector<Sent> rest) {
  std::vector<Sent> all = {
      {0, kOut, kSyn, 0}, {20'000, kBack, kSyn | kAck, 0, 0, 1}, {21'000, kOut, kAck, 1, 0, 1}};
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

TEST(TcpQuality, RoundTripsAreMeasuredToTheAcknowledgementOfEachSide) {
  const model::Flow flow = play(opened({{30'000, kOut, kAck, 1, 100, 1},
                                        {58'000, kBack, kAck, 1, 200, 101},
                                        {60'000, kOut, kAck, 101, 0, 201},
                                        {70'000, kOut, kAck, 101, 100, 201},
                                        {82'000, kBack, kAck, 201, 0, 201}}));
  EXPECT_EQ(flow.quality[0].rtt_min_us, 12'000);
  EXPECT_EQ(flow.quality[0].rtt_us, 20'000 + 1'000 - 1'125);  // 20, 28 and 12 ms, by eighths
  EXPECT_EQ(flow.quality[1].rtt_min_us, 1'000);
  EXPECT_EQ(flow.quality[1].rtt_us, 1'125);
  EXPECT_EQ(flow.handshake_rtt_us, 21'000);
}

// RFC 6298 3: which of two equal segments is acknowledged, only a time stamp tells.
TEST(TcpQuality, WhatIsSentTwiceIsTimedByItsTimeStampOnly) {
  const std::vector<Sent> blind = {{0, kOut, kAck, 1, 100, 1},
                                   {300'000, kOut, kAck, 1, 100, 1},
                                   {310'000, kBack, kAck, 1, 0, 101}};
  EXPECT_EQ(play(blind).quality[0].rtt_us, -1);
  EXPECT_EQ(play(blind).counters(kOut).retransmitted, 1U);
  std::vector<Sent> stamped = blind;
  stamped[0].tsval = 1000;
  stamped[1].tsval = 1300;
  stamped[2].tsval = 7;
  stamped[2].tsecr = 1000;  // the first one got there
  EXPECT_EQ(play(stamped).quality[0].rtt_us, 310'000);
  stamped[2].tsecr = 1300;
  EXPECT_EQ(play(stamped).quality[0].rtt_us, -1);
}

TEST(TcpQuality, OvertakenSegmentsAreNotSentAgain) {
  // Far less than a round trip behind: it was overtaken.
  model::Flow flow =
      play(opened({{30'000, kOut, kAck, 101, 100, 1}, {31'000, kOut, kAck, 1, 100, 1}}));
  EXPECT_EQ(flow.quality[0].out_of_order, 1U);
  EXPECT_EQ(flow.counters(kOut).retransmitted, 0U);
  EXPECT_EQ(flow.counters(kOut).lost_bytes, 0U);
  // A round trip and more behind: it was lost before it got here, and sent again.
  flow = play(opened({{30'000, kOut, kAck, 101, 100, 1}, {55'000, kOut, kAck, 1, 100, 1}}));
  EXPECT_EQ(flow.quality[0].out_of_order, 0U);
  EXPECT_EQ(flow.counters(kOut).retransmitted, 1U);
  // Asked for by duplicate acknowledgements.
  flow = play(opened({{25'000, kBack, kAck, 1, 0, 1},
                      {30'000, kOut, kAck, 101, 100, 1},
                      {30'100, kOut, kAck, 201, 100, 1},
                      {30'500, kBack, kAck, 1, 0, 1},
                      {30'600, kBack, kAck, 1, 0, 1},
                      {31'000, kOut, kAck, 1, 100, 1}}));
  EXPECT_EQ(flow.quality[1].duplicate_acks, 2U);
  EXPECT_EQ(flow.counters(kOut).retransmitted, 1U);
  EXPECT_EQ(flow.quality[0].out_of_order, 0U);
  EXPECT_NE(flow.history.find('T'), std::string::npos);  // not beyond what came before
}

TEST(TcpQuality, OnlyRealDuplicateAcknowledgementsCount) {
  const model::Flow flow = play(opened({{30'000, kBack, kAck, 1, 0, 1},  // nothing outstanding
                                        {40'000, kOut, kAck, 1, 100, 1},
                                        {41'000, kBack, kAck, 1, 50, 1},  // data
                                        {42'000, kBack, kAck, 51, 0, 1},  // the first to say so
                                        {43'000, kBack, kAck, 51, 0, 1, 0, 0, -1, 400},  // window
                                        {44'000, kBack, kAck, 50, 0, 1, 0, 0, -1, 400},  // probe
                                        {45'000, kBack, kAck, 51, 0, 1, 0, 0, -1, 400}}));
  EXPECT_EQ(flow.quality[1].duplicate_acks, 2U);
  EXPECT_EQ(flow.quality[0].duplicate_acks, 0U);
}

TEST(TcpQuality, SynRetriesWindowsAndResets) {
  const model::Flow flow = play({{0, kOut, kSyn, 0, 0, 0, 0, 0, 7},
                                 {1'000'000, kOut, kSyn, 0, 0, 0, 0, 0, 7},
                                 {1'020'000, kBack, kSyn | kAck, 0, 0, 1, 0, 0, 99},
                                 {1'021'000, kOut, kAck, 1, 0, 1},
                                 {1'030'000, kBack, kAck, 1, 0, 1, 0, 0, -1, 0},
                                 {1'040'000, kBack, kAck, 1, 0, 1, 0, 0, -1, 0},
                                 {1'050'000, kOut, kRst, 1}});
  EXPECT_EQ(flow.quality[0].syn_retries, 1U);
  EXPECT_EQ(flow.quality[0].rtt_us, -1);  // which SYN was answered is not known
  EXPECT_EQ(flow.quality[0].window_scale, 7);
  EXPECT_EQ(flow.quality[1].window_scale, 14);  // RFC 7323 2.3: more counts as 14
  EXPECT_EQ(flow.quality[1].zero_windows, 2U);
  EXPECT_EQ(flow.quality[0].resets, 1U);
  EXPECT_EQ(flow.quality[1].resets, 0U);
  EXPECT_EQ(play({{0, kOut, kAck, 1}}).quality[0].window_scale, -1);
}

// A flow without qualities tells the same, and what it told goes on once it is answered.
TEST(TcpQuality, BareSynsAndResetsTellWhatTheyKnow) {
  std::vector<Sent> script = {{0, kOut, kSyn, 0, 0, 0, 70, 0, 7},
                              {1'000'000, kOut, kSyn, 0, 0, 0, 80, 0, 7}};
  model::Flow flow = play(script);
  EXPECT_EQ(flow.history, "S");
  EXPECT_EQ(flow.quality[0].syn_retries, 1U);
  EXPECT_EQ(flow.quality[0].window_scale, 7);
  EXPECT_EQ(flow.quality[0].rtt_us, -1);
  script.push_back({1'010'000, kBack, kRst | kAck, 0, 0, 1});
  script.push_back({1'020'000, kBack, kRst | kAck, 0, 0, 1});
  flow = play(script);
  EXPECT_EQ(flow.conn_state, "REJ");
  EXPECT_EQ(flow.quality[1].resets, 2U);
  EXPECT_EQ(flow.quality[0].syn_retries, 1U);
  // The answer to the first of the two is a round trip; one to the second is not that of the first.
  script.resize(2);
  script.push_back({1'030'000, kBack, kSyn | kAck, 0, 0, 1, 5, 70});
  EXPECT_EQ(play(script).quality[0].rtt_us, 1'030'000);
  script.back().tsecr = 80;
  flow = play(script);
  EXPECT_EQ(flow.quality[0].rtt_us, -1);
  EXPECT_EQ(flow.quality[0].syn_retries, 1U);
  // Sent again with the same time stamp, there is no telling.
  script[1].tsval = 70;
  script.back().tsecr = 70;
  EXPECT_EQ(play(script).quality[0].rtt_us, -1);
}

// RFC 9293 3.5, figure 7: both sides have only sent a SYN when they are answered.
TEST(TcpQuality, BothSidesMayBeginWithASyn) {
  const model::Flow flow = play({{0, kOut, kSyn, 0},
                                 {4'000, kBack, kSyn, 500},
                                 {10'000, kOut, kSyn | kAck, 0, 0, 501},
                                 {25'000, kBack, kSyn | kAck, 500, 0, 1}});
  EXPECT_EQ(flow.quality[0].rtt_us, -1);  // its SYN came twice
  EXPECT_EQ(flow.quality[1].rtt_us, 6'000);
  EXPECT_EQ(flow.quality[0].syn_retries, 1U);
}

TEST(TcpQuality, OptionsMayBeBroken) {
  for (const std::vector<std::uint8_t>& options :
       {std::vector<std::uint8_t>{8, 10, 0, 0}, {8, 0, 1, 1}, {3, 1, 3, 3}, {0, 3, 3, 7}, {3}}) {
    std::vector<std::uint8_t> header(20);
    header.insert(header.end(), options.begin(), options.end());
    RecordingSink sink;
    FlowTable table(sink, 0, FlowBudget{});
    MadePacket made(model::ip_proto::kTcp, 1, 40000, 2, 80);
    made.decoded.payload = base::Bytes(header).subspan(header.size());
    made.decoded.header_bytes = static_cast<std::uint8_t>(header.size());
    made.decoded.tcp_flags = kSyn;
    table.packet(made.packet, made.decoded);
    table.finish();
    EXPECT_EQ(sink.ended[0].flow.quality[0].window_scale, -1);
  }
}

struct Datagrams {
  void send(std::uint8_t proto, std::uint16_t type, std::uint16_t answer, bool back,
            std::int64_t at_us, std::uint8_t sequence = 0) {
    MadePacket made(proto, 1, type, 2, answer);
    if (back) made = made.reversed();
    const std::vector<std::uint8_t> header{0, 0, 0, 0, 0, 1, 0, sequence};
    made.decoded.payload = base::Bytes(header).subspan(8);
    made.decoded.header_bytes = 8;
    made.packet.time_ns = at_us * base::kNsPerUs;
    table.packet(made.packet, made.decoded);
  }
  model::Flow finish() {
    table.finish();
    return sink.ended.back().flow;
  }
  RecordingSink sink;
  FlowTable table{sink, 0, FlowBudget{}};
};

TEST(Answers, EchoesAreTimedBySequenceNumber) {
  Datagrams ping;
  for (std::uint8_t i = 0; i < 3; ++i) {
    ping.send(1, 8, 0, false, i * 1'000'000L, i);
    if (i == 1) continue;  // no answer
    ping.send(1, 8, 0, true, i * 1'000'000L + 5'000 - 1'000L * i, i);
  }
  ping.send(1, 8, 0, true, 2'500'000, 1);  // far too late
  const model::Flow flow = ping.finish();
  EXPECT_EQ(flow.answer_us, 5'000);
  EXPECT_EQ(flow.quality[0].rtt_min_us, 5'000);  // the second one was waited for
  EXPECT_EQ(flow.quality[1].rtt_us, -1);
}

TEST(Answers, TheFirstAnswerIsTimedWhereOneRequestWasSent) {
  Datagrams dns;
  dns.send(17, 5000, 53, false, 100);
  dns.send(17, 5000, 53, true, 900);
  dns.send(17, 5000, 53, true, 5'000);
  EXPECT_EQ(dns.finish().answer_us, 800);
  Datagrams twice;
  twice.send(17, 5000, 53, false, 100);
  twice.send(17, 5000, 53, false, 200);
  twice.send(17, 5000, 53, true, 900);
  EXPECT_EQ(twice.finish().answer_us, -1);
  Datagrams other;
  other.send(132, 5000, 53, false, 100);
  other.send(132, 5000, 53, true, 900);
  EXPECT_EQ(other.finish().answer_us, -1);
}

}  // namespace
}  // namespace netwatch::flow
