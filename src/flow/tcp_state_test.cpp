#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "flow/packet_maker.h"

// Connection states, history, handshake time and port reuse, by scripted connections.
namespace netwatch::flow {
namespace {

using model::FlowEnd;
using model::OriginBy;
using model::Side;
using testing::MadePacket;
using testing::RecordingSink;

constexpr std::uint32_t kClientIsn = 0xfffffff0;  // data soon crosses the wrap
constexpr std::uint32_t kServerIsn = 5000;

std::uint8_t flag_bits(std::string_view letters) {
  std::uint8_t bits = 0;
  for (const char letter : letters) {
    const std::size_t at = std::string_view("FSRPA").find(letter);
    bits = static_cast<std::uint8_t>(bits | (1U << at));
  }
  return bits;
}

// A script of packets: "> S" the client's SYN, "< SA+0", "> A 100" with 100 bytes. Sequence
// numbers follow by themselves; "@n" before a packet sets its relative one, "w0" its window.
class Conversation {
 public:
  Conversation() : table(sink, 3, FlowBudget{}) {}

  void play(std::string_view script) {
    std::size_t at = 0;
    while (at < script.size()) {
      std::size_t end = script.find(';', at);
      if (end == std::string_view::npos) end = script.size();
      step(std::string(script.substr(at, end - at)));
      at = end + 1;
    }
  }
  void step(const std::string& text) {
    const std::size_t start = text.find_first_of("<>");
    const bool client = text[start] == '>';
    const std::size_t flags_at = text.find_first_not_of(' ', start + 1);
    const std::size_t flags_end = text.find(' ', flags_at);
    const std::uint8_t flags = flag_bits(text.substr(flags_at, flags_end - flags_at));
    std::uint32_t len = 0;
    std::uint32_t& next = relative[client ? 0 : 1];
    std::uint32_t seq = next;
    bool zero_window = false;
    std::size_t at = flags_end;
    while (at != std::string::npos && (at = text.find_first_not_of(' ', at)) != std::string::npos) {
      if (text[at] == '@') seq = static_cast<std::uint32_t>(std::stoul(text.substr(at + 1)));
      if (text[at] == 'w') zero_window = true;
      if (text[at] >= '0' && text[at] <= '9') {
        len = static_cast<std::uint32_t>(std::stoul(text.substr(at)));
      }
      at = text.find(' ', at);
    }
    MadePacket made(model::ip_proto::kTcp, 1, 40000, 2, 80);
    if (!client) made = made.reversed();
    bytes.assign(len, 'x');
    made.set_payload(bytes, len);
    made.decoded.tcp_flags = flags;
    made.decoded.tcp_seq = (client ? kClientIsn : kServerIsn) + isn_shift + seq;
    made.decoded.tcp_ack =
        (client ? kServerIsn : kClientIsn) + isn_shift + relative[client ? 1 : 0];
    made.decoded.tcp_window = zero_window ? 0 : 500;
    made.packet.number = ++number;
    made.packet.time_ns = time_ns;
    time_ns += 10 * base::kNsPerMs;
    table.packet(made.packet, made.decoded);
    std::uint32_t after = seq + len;
    if ((flags & (wire::tcp_flag::kSyn | wire::tcp_flag::kFin)) != 0) ++after;
    if ((flags & wire::tcp_flag::kRst) == 0 && after > next) next = after;
  }
  model::Flow finish() {
    table.finish();
    EXPECT_FALSE(sink.ended.empty());
    return sink.ended.empty() ? model::Flow{} : sink.ended.back().flow;
  }

  RecordingSink sink;
  FlowTable table;
  std::vector<std::uint8_t> bytes;
  std::uint32_t relative[2] = {};
  std::uint32_t isn_shift = 0;
  std::uint64_t number = 0;
  base::TimeNs time_ns = 1'000'000'000;
};

constexpr const char* kOpen = ">S;<SA;>A;";

struct StateCase {
  const char* script;
  const char* conn_state;
  const char* history;
  FlowEnd end;
  OriginBy orig_by = OriginBy::kHandshake;
};

TEST(TcpState, AsZeekNamesThem) {
  const StateCase cases[] = {
      {">S", "S0", "S", FlowEnd::kEndOfInput},
      {">S;>S @0", "S0", "S", FlowEnd::kEndOfInput},
      {">S;>S @7", "S0", "SS", FlowEnd::kEndOfInput},
      {">S;<SA;>A", "S1", "ShA", FlowEnd::kEndOfInput},
      {">S;<SA", "S1", "Sh", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>A 10;<A;<A 20;>A;>FA;<FA;>A", "SF", "ShADadFf", FlowEnd::kClosed},
      {">S;<SA;>A;<FA 20;>A;>FA;<A", "SF", "ShAdfFa", FlowEnd::kClosed},
      {">S;<RA", "REJ", "Sr", FlowEnd::kReset},
      {">S;<SA;>A;>FA;<A", "S2", "ShAFa", FlowEnd::kEndOfInput},
      {">S;<SA;>A;<FA;>A", "S3", "ShAf", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>A 5;>R", "RSTO", "ShADR", FlowEnd::kReset},
      {">S;<SA;>A;>A 5;<R", "RSTR", "ShADr", FlowEnd::kReset},
      {">S;>R", "RSTOS0", "SR", FlowEnd::kReset},
      {">S;<A", "S0", "Sa", FlowEnd::kEndOfInput},
      {">S;<A;>R", "RSTOS0", "SaR", FlowEnd::kReset},
      {">S;<A;>F;>R", "OTH", "SaFR", FlowEnd::kReset},
      {">R", "OTH", "R", FlowEnd::kReset, OriginBy::kFirstPacket},
      {">S;>A;>R", "OTH", "SAR", FlowEnd::kReset},
      {"<SA;<R", "RSTRH", "^hr", FlowEnd::kReset},
      {">S;>FA", "SH", "SF", FlowEnd::kEndOfInput},
      {"<SA;<FA", "SHR", "^hf", FlowEnd::kEndOfInput},
      {"<SA;>A", "S1", "^hA", FlowEnd::kEndOfInput},
      {">A 5;<A 5", "OTH", "Dd", FlowEnd::kEndOfInput, OriginBy::kFirstPacket},
      {">S;<SA;>A;>FA;<FA;>A;<R", "SF", "ShAFfr", FlowEnd::kClosed},
      // A hasty end: FIN, then RST from the same side, then the other side's FIN.
      {">S;<SA;>A;>FA;>R;<FA", "SF", "ShAFRf", FlowEnd::kClosed},
      // Retransmission, zero window, and their logarithmic repetition.
      {">S;<SA;>A;>A 5;>A @1 5;<A w0", "S1", "ShADTaw", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>A 2;>A @1 2;>A @1 2;>A @1 2;>A @1 2;>A @1 2;>A @1 2;>A @1 2;>A @1 2;>A @1 2;"
       ">A @1 2",
       "S1", "ShADTT", FlowEnd::kEndOfInput},
      // Data that do not go beyond what was sent: overtaken, probes, known by an ACK's number only.
      {">S;<SA;>A;>A @6 5;>A @1 5", "S1", "ShADT", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>A 5;>A @5 1", "S1", "ShADT", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>A @21;>A @1 20", "S1", "ShADT", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>A @21;>A @1 40", "S1", "ShAD", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>A @70000;>A @1 40;>A 40", "S1", "ShAD", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>A @11 5;>A", "S1", "ShADG", FlowEnd::kEndOfInput},
      {">SF", "SH", "QSF", FlowEnd::kEndOfInput},
      {">S;<SA;>A;>FRA", "RSTO", "ShAIFR", FlowEnd::kReset},
  };
  for (const StateCase& c : cases) {
    Conversation talk;
    talk.play(c.script);
    const model::Flow flow = talk.finish();
    EXPECT_EQ(flow.conn_state, c.conn_state) << c.script;
    EXPECT_EQ(flow.history, c.history) << c.script;
    EXPECT_EQ(flow.end, c.end) << c.script;
    EXPECT_EQ(flow.orig_by, c.orig_by) << c.script;
    EXPECT_EQ(flow.orig.port, 40000) << c.script;
    EXPECT_EQ(talk.sink.ended.size(), 1U) << c.script;
  }
}

// A tunnel's packet that came in fragments is opened when the last of them is there: what overtook
// it meanwhile does not make it one that was sent again. Stamped later it was.
TEST(TcpState, WhatWasKeptBackWasSentOnce) {
  for (const bool late : {true, false}) {
    Conversation talk;
    talk.play(">S;<SA;>A;>A @6 5");
    if (late) talk.time_ns -= 15 * base::kNsPerMs;
    talk.play(">A @1 5");
    EXPECT_EQ(talk.finish().history, late ? "ShAD" : "ShADT");
  }
}

// RFC 9293 3.10.7.3: who waits for a SYN drops a FIN, so neither it nor what came with it is part
// of the stream that the SYN opens.
TEST(TcpState, WhatCameBeforeTheSynIsNoPartOfTheStream) {
  const struct {
    const char* script;
    const char* conn_state;
    const char* history;
    const char* resp_stream;
  } cases[] = {
      {">S;<FA @1;<SA @0;>A;>A 5;<A @1 3;>A;>FA;<FA", "SF", "SfhADdFf", "xxx"},
      {">S;<FA @1;<SA @0;>A;>A 5;<A @1 3", "S1", "SfhADd", "xxx"},
      {">S;<FA @60 2;<SA @0;>A;<A @1 3", "S1", "SdfhA", "xxxxx"},  // forged bytes, then the true
      {">S;<A @500000 2;<SA @0;>A;<A @1 3", "OTH", "SdhA", "xxxxx"},
      {">S;<A @500000 2;<FA @500009;<SA @0;>A;<A @1 3", "S1", "SdfhA", "xxxxx"},
      {">S;<RA @1;<FA @1;<SA @0;>A;<A @1 3", "REJ", "SrfhAd", "xxx"},
      {">S;<A @1 4;<SA @0;>A;<A @5 3", "OTH", "SdhA", "xxxxxxx"},   // only captured out of order
      {">S;<SA;>A;<A 3;<FA;<SA @0;<A @9 3", "S3", "ShAdf", "xxx"},  // a late copy opens nothing
  };
  for (const auto& c : cases) {
    Conversation talk;
    talk.play(c.script);
    const model::Flow flow = talk.finish();
    EXPECT_EQ(flow.conn_state, c.conn_state) << c.script;
    EXPECT_EQ(flow.history, c.history) << c.script;
    EXPECT_EQ(talk.sink.streams[1], c.resp_stream) << c.script;
    EXPECT_EQ(flow.counters(Side::kResponder).lost_bytes, 0U) << c.script;
  }
}

TEST(TcpState, HandshakeTimeIsFromTheLastSynToItsAck) {
  const struct {
    const char* script;
    std::int64_t rtt_us;
  } cases[] = {
      {">S;<SA;>A", 20'000},
      {">S;>S @0;<SA;>A", 20'000},
      {">S;<SA;<SA @0;>A 7", 30'000},
      {">S;<SA", -1},
      {"<SA;>A", -1},
      {">A 5;<A", -1},
      {">S;<R", -1},
      {">S;<SA;>A;>A 5;<A;>S", 20'000},
  };
  for (const auto& c : cases) {
    Conversation talk;
    talk.play(c.script);
    EXPECT_EQ(talk.finish().handshake_rtt_us, c.rtt_us) << c.script;
  }
}

TEST(TcpState, NewSynOnAnOverConnectionIsANewFlow) {
  const struct {
    const char* first;
    base::TimeNs silence_ns;
    FlowEnd end;
    bool reused;
  } cases[] = {
      {">S;<SA;>A;>FA;<FA;>A", base::kNsPerSecond, FlowEnd::kClosed, true},
      {">S;<RA", base::kNsPerSecond, FlowEnd::kReset, true},
      {">S;<SA;>A;>FA", base::kNsPerSecond, FlowEnd::kClosed, true},
      {">A 5;<A 5", base::kNsPerSecond, FlowEnd::kClosed, true},
      {">S;<SA;>A;>A 5", 61 * base::kNsPerSecond, FlowEnd::kClosed, true},
      {">S;<SA;>A;>A 5", 901 * base::kNsPerSecond, FlowEnd::kIdle, true},
      {">S;<SA;>A;>A 5", base::kNsPerSecond, FlowEnd::kOpen, false},
      {">S", base::kNsPerSecond, FlowEnd::kOpen, false},
  };
  for (const auto& c : cases) {
    Conversation talk;
    talk.play(c.first);
    talk.time_ns += c.silence_ns;
    talk.isn_shift = 0x12345;
    talk.relative[0] = talk.relative[1] = 0;
    talk.play(">S");
    ASSERT_EQ(talk.sink.ended.size(), c.reused ? 1U : 0U) << c.first;
    if (!c.reused) continue;
    EXPECT_EQ(talk.sink.ended[0].end, c.end) << c.first;
    const model::Flow next = talk.finish();
    EXPECT_EQ(next.history, "S") << c.first;
    EXPECT_NE(next.id, talk.sink.ended[0].flow.id) << c.first;
  }
}

TEST(TcpState, TheSameSynAgainIsNoNewFlow) {
  Conversation talk;
  talk.play(">S;<RA");
  talk.relative[0] = 0;
  talk.play(">S");
  EXPECT_TRUE(talk.sink.ended.empty());
}

TEST(TcpState, ContentFlipsOnlyWhereNoHandshakeWasSeen) {
  Conversation partial;
  partial.play("<A 9");
  const FlowHandle flow{0};
  partial.table.set_originator(flow, Side::kResponder);
  partial.table.set_originator(flow, Side::kOriginator);  // the first word counts
  EXPECT_TRUE(partial.table.flipped(flow));
  partial.play(">A 4");
  const model::Flow flipped = partial.finish();
  EXPECT_EQ(flipped.orig.port, 40000);
  EXPECT_EQ(flipped.orig_by, OriginBy::kContent);
  EXPECT_EQ(flipped.counters(Side::kOriginator).payload_bytes, 4U);
  EXPECT_EQ(flipped.counters(Side::kResponder).payload_bytes, 9U);
  EXPECT_EQ(flipped.history, "^dD");

  Conversation whole;
  whole.play(kOpen);
  whole.table.set_originator(flow, Side::kResponder);
  EXPECT_FALSE(whole.table.flipped(flow));
  EXPECT_EQ(whole.finish().orig_by, OriginBy::kHandshake);
}

TEST(TcpState, CountsEachKindOfBytesPerSide) {
  Conversation talk;
  talk.play(">S;<SA;>A;>A 100;<A 1000;>A;>A @1 100");
  const model::Flow flow = talk.finish();
  const model::DirectionCounters& orig = flow.counters(Side::kOriginator);
  EXPECT_EQ(orig.packets, 5U);
  EXPECT_EQ(orig.payload_bytes, 200U);
  EXPECT_EQ(orig.ip_bytes, 5U * testing::kHeaders + 200U);
  EXPECT_EQ(orig.wire_bytes, 5U * (testing::kHeaders + testing::kEthernet) + 200U);
  EXPECT_EQ(orig.retransmitted, 1U);
  const model::DirectionCounters& resp = flow.counters(Side::kResponder);
  EXPECT_EQ(resp.packets, 2U);
  EXPECT_EQ(resp.payload_bytes, 1000U);
  EXPECT_EQ(resp.retransmitted, 0U);
  EXPECT_EQ(flow.first_packet, 1U);
  EXPECT_EQ(flow.last_packet, 7U);
  EXPECT_EQ(flow.id, (1U << 4) | 3U);
}

TEST(TcpState, HistoryIsBounded) {
  Conversation talk;
  for (int i = 0; i < 100; ++i) {
    talk.isn_shift += 77777;
    talk.play(">S @0");
  }
  EXPECT_EQ(talk.finish().history, std::string(24, 'S'));
}

}  // namespace
}  // namespace netwatch::flow
