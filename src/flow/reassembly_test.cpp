#include "flow/reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "flow/packet_maker.h"

namespace netwatch::flow {
namespace {

using model::Drop;
using model::Side;
using testing::MadePacket;
using testing::RecordingSink;

constexpr std::uint8_t kAck = wire::tcp_flag::kAck;
constexpr std::uint8_t kPush = wire::tcp_flag::kAck | wire::tcp_flag::kPsh;

// One connection, client 40000 -> server 80, by relative sequence numbers: 0 is the first byte.
class Stream {
 public:
  explicit Stream(std::uint32_t first_seq = 0xffffff00, const FlowBudget& budget = {})
      : table(sink, 0, budget), first(first_seq) {}

  void open() {
    send(Side::kOriginator, -1, {}, wire::tcp_flag::kSyn);
    send(Side::kResponder, -1, {}, wire::tcp_flag::kSyn | kAck);
    send(Side::kOriginator, 0, {}, kAck);
  }
  void send(Side side, std::int64_t at, std::string_view text, std::uint8_t flags = kPush,
            std::int64_t ack = 0, std::uint32_t cut = 0, std::uint16_t client_port = 40000) {
    MadePacket made(model::ip_proto::kTcp, 1, client_port, 2, 80);
    if (side == Side::kResponder) made = made.reversed();
    const auto wire_len = static_cast<std::uint32_t>(text.size());
    made.set_payload(base::as_bytes(text.substr(0, text.size() - cut)), wire_len);
    made.decoded.tcp_flags = flags;
    made.decoded.tcp_seq = first + static_cast<std::uint32_t>(at);
    made.decoded.tcp_ack = first + static_cast<std::uint32_t>(ack);
    made.packet.number = ++number;
    // The handshake is slow and the data fast: what comes late was overtaken, not sent again.
    const auto n = static_cast<base::TimeNs>(number);
    made.packet.time_ns = std::min<base::TimeNs>(n, 4) * base::kNsPerMs + n * base::kNsPerUs;
    table.packet(made.packet, made.decoded);
    EXPECT_LE(table.held_bytes(), FlowBudget{}.stream_bytes);
  }
  void data(std::int64_t at, std::string_view text) { send(Side::kOriginator, at, text); }
  void ack(std::int64_t to, std::string_view text = {}) {
    send(Side::kResponder, answered, text, kAck, to);
    answered += static_cast<std::int64_t>(text.size());
  }
  [[nodiscard]] const std::string& text() const { return sink.streams[0]; }
  model::Flow finish() {
    table.finish();
    return sink.ended.back().flow;
  }

  RecordingSink sink;
  FlowTable table;
  std::uint32_t first;
  std::int64_t answered = 0;
  std::uint64_t number = 0;
};

struct Part {
  std::int64_t at;
  const char* text;
};
struct StreamCase {
  const char* name;
  std::vector<Part> parts;
  const char* live;   // given out while the flow lives
  const char* whole;  // and when it has ended
  std::uint64_t retransmitted = 0;
  std::uint64_t lost_bytes = 0;
};

const StreamCase kStreamCases[] = {
    {"in order", {{0, "abc"}, {3, "def"}}, "abcdef", "abcdef"},
    {"swapped", {{3, "def"}, {0, "abc"}}, "abcdef", "abcdef"},
    {"reversed", {{6, "g"}, {4, "ef"}, {2, "cd"}, {0, "ab"}}, "abcdefg", "abcdefg"},
    {"pure retransmission", {{0, "abc"}, {0, "abc"}, {3, "d"}}, "abcd", "abcd", 1},
    {"old part of a segment", {{0, "abc"}, {1, "BCde"}}, "abcde", "abcde"},
    {"first seen wins in the past", {{0, "abc"}, {0, "XYZd"}}, "abcd", "abcd"},
    {"first seen wins in the hold", {{2, "cd"}, {0, "abXYe"}}, "abcde", "abcde"},
    {"held twice", {{2, "cd"}, {2, "XY"}, {0, "ab"}}, "abcd", "abcd", 1},
    {"overlap in the hold", {{2, "cde"}, {4, "EFG"}, {0, "ab"}}, "abcdeFG", "abcdeFG"},
    {"around what is held", {{3, "d"}, {1, "bXYe"}, {0, "a"}}, "abXde", "abXde"},
    {"hole at the end", {{0, "ab"}, {4, "ef"}}, "ab", "ab<2>ef", 0, 2},
    {"two holes", {{1, "b"}, {3, "d"}, {5, "f"}}, "", "<1>b<1>d<1>f", 0, 3},
    {"one hole filled of two", {{1, "b"}, {3, "d"}, {2, "c"}, {0, "a"}}, "abcd", "abcd"},
    {"keep-alive", {{0, "abc"}, {2, "X"}, {3, "d"}}, "abcd", "abcd"},
    {"window probe, then the data", {{0, "abc"}, {3, "d"}, {3, "def"}}, "abcdef", "abcdef"},
    {"before the stream", {{0, "abc"}, {-3, "xyz"}}, "abc", "abc", 1},
};

TEST(Reassembly, GivesOutEachByteOnceInOrder) {
  for (const StreamCase& c : kStreamCases) {
    for (const std::uint32_t first : {1000U, 0xfffffffeU}) {
      Stream stream(first);
      stream.open();
      for (const Part& part : c.parts) stream.data(part.at, part.text);
      EXPECT_EQ(stream.text(), c.live) << c.name;
      const model::Flow flow = stream.finish();
      EXPECT_EQ(stream.text(), c.whole) << c.name;
      EXPECT_EQ(flow.counters(Side::kOriginator).retransmitted, c.retransmitted) << c.name;
      EXPECT_EQ(flow.counters(Side::kOriginator).lost_bytes, c.lost_bytes) << c.name;
      EXPECT_EQ(stream.table.drops()[Drop::kStreamGapBytes], c.lost_bytes) << c.name;
      EXPECT_EQ(stream.table.held_bytes(), 0U) << c.name;
    }
  }
}

TEST(Reassembly, UnreadFlowsAreCountedAlike) {
  for (const StreamCase& c : kStreamCases) {
    if (std::string_view(c.name) == "held twice") continue;  // only the last hole is remembered
    if (std::string_view(c.name) == "one hole filled of two") continue;
    Stream stream;
    stream.sink.wanted_chunks = 1;
    stream.open();
    stream.send(Side::kResponder, 0, "x");  // the reader sees one chunk and stops
    for (const Part& part : c.parts) stream.data(part.at, part.text);
    EXPECT_EQ(stream.text(), "") << c.name;
    EXPECT_EQ(stream.table.held_bytes(), 0U) << c.name;
    const model::Flow flow = stream.finish();
    EXPECT_EQ(flow.counters(Side::kOriginator).retransmitted, c.retransmitted) << c.name;
    EXPECT_EQ(flow.counters(Side::kOriginator).lost_bytes, c.lost_bytes) << c.name;
  }
}

TEST(Reassembly, AcknowledgedHolesAreGivenUp) {
  Stream stream;
  stream.open();
  stream.data(0, "ab");
  stream.data(4, "ef");
  stream.ack(2);  // before the hole: says nothing
  stream.ack(2);
  stream.ack(2);
  EXPECT_EQ(stream.text(), "ab");
  stream.ack(6, "answer");  // the hole was received, so we will not see it
  EXPECT_EQ(stream.text(), "ab");
  stream.data(6, "gh");  // and more follows
  EXPECT_EQ(stream.text(), "ab<2>efgh");
  stream.data(2, "cd");  // too late
  EXPECT_EQ(stream.text(), "ab<2>efgh");
}

TEST(Reassembly, AcknowledgementsOfWhatWasNeverSentSayNothing) {
  Stream stream;
  stream.open();
  stream.data(2, "c");
  for (int i = 0; i < 10; ++i) stream.ack(1'000'000, "x");
  EXPECT_EQ(stream.text(), "");
}

TEST(Reassembly, TheHoldHasALimit) {
  Stream stream;
  stream.open();
  const std::string kilobyte(1000, 'k');
  for (int i = 0; i < 70; ++i) stream.data(1 + i * 1000, kilobyte);
  // Some 62 KiB wait; then the hole is given up and the stream flows again.
  EXPECT_EQ(stream.text().substr(0, 4), "<1>k");
  EXPECT_EQ(stream.text().size(), 3U + 70'000U);
  EXPECT_EQ(stream.table.held_bytes(), 0U);
  EXPECT_EQ(stream.finish().history, "ShADG");
}

TEST(Reassembly, ManySmallPiecesAreBounded) {
  Stream stream;
  stream.open();
  for (int i = 0; i < 1000; ++i) stream.data(1 + 2 * i, "x");
  stream.table.finish();
  std::string whole;
  for (int i = 0; i < 1000; ++i) whole += "<1>x";
  EXPECT_EQ(stream.text(), whole);
}

TEST(Reassembly, OneStraySegmentDoesNotStopAStream) {
  Stream stream;
  stream.open();
  stream.data(0, "ab");
  stream.data(100'000'000, "forged");
  stream.data(2, "cd");
  stream.data(4, "ef");
  EXPECT_EQ(stream.text(), "abcdef");
  stream.data(500'000, "real");  // a true jump goes on
  stream.data(500'004, "jump");
  stream.data(500'008, "!");
  EXPECT_EQ(stream.text(), "abcdef<499998>jump!");
}

TEST(Reassembly, BytesCutByASnaplenAreAGap) {
  Stream stream;
  stream.open();
  stream.send(Side::kOriginator, 0, "abcdef", kPush, 0, 4);
  stream.data(6, "gh");
  EXPECT_EQ(stream.text(), "ab<4>gh");
  stream.send(Side::kOriginator, 8, "ijkl", kPush, 0, 4);  // nothing of it captured
  EXPECT_EQ(stream.text(), "ab<4>gh<4>");
  stream.send(Side::kOriginator, 14, "opqr", kPush, 0, 2);  // and after a hole
  stream.data(12, "mn");
  EXPECT_EQ(stream.text(), "ab<4>gh<4>mnop");
  const model::Flow flow = stream.finish();
  EXPECT_EQ(stream.text(), "ab<4>gh<4>mnop<2>");
  EXPECT_EQ(stream.table.drops()[Drop::kStreamGapBytes], 10U);
  EXPECT_LE(flow.counters(Side::kOriginator).lost_bytes, 2U);
}

TEST(Reassembly, HandshakeDataFinAndReset) {
  Stream stream;
  stream.send(Side::kOriginator, -1, "early", wire::tcp_flag::kSyn);  // RFC 7413
  stream.send(Side::kResponder, -1, {}, wire::tcp_flag::kSyn | kAck);
  stream.data(5, "+");
  stream.send(Side::kOriginator, 8, "end", kPush | wire::tcp_flag::kFin);
  stream.data(6, "12");
  stream.data(11, "after the FIN");
  EXPECT_EQ(stream.text(), "early+12end");
  stream.send(Side::kResponder, 0, "reason", wire::tcp_flag::kRst);
  EXPECT_EQ(stream.sink.streams[1], "");
}

TEST(Reassembly, AFinTellsOfMissingBytes) {
  for (const bool read : {true, false}) {
    Stream stream;
    if (!read) stream.sink.wanted_chunks = 1;
    stream.open();
    stream.data(0, "ab");
    stream.send(Side::kOriginator, 5, {}, kAck | wire::tcp_flag::kFin);
    EXPECT_EQ(stream.text(), "ab");
    const model::Flow flow = stream.finish();
    EXPECT_EQ(stream.text(), read ? "ab<3>" : "ab");
    EXPECT_EQ(flow.counters(Side::kOriginator).lost_bytes, 3U);
  }
}

TEST(Reassembly, MidStreamStartsAtTheFirstData) {
  Stream stream;
  stream.send(Side::kOriginator, 470, {}, kAck);  // says nothing of where the data will start
  stream.data(480, "abc");
  stream.data(483, "def");
  EXPECT_EQ(stream.text(), "abcdef");
  EXPECT_EQ(stream.finish().counters(Side::kOriginator).lost_bytes, 0U);
}

TEST(Reassembly, AReaderThatStopsLeavesNothingBehind) {
  Stream stream;
  stream.sink.wanted_chunks = 2;
  stream.open();
  stream.send(Side::kResponder, 2, "held too");
  stream.data(1, "b");
  stream.data(3, "d");
  EXPECT_GT(stream.table.held_bytes(), 0U);
  stream.data(0, "a");
  EXPECT_EQ(stream.text(), "ab");
  EXPECT_EQ(stream.table.held_bytes(), 0U);
  stream.data(4, "e");
  const model::Flow flow = stream.finish();
  EXPECT_EQ(stream.text(), "ab");
  EXPECT_EQ(flow.counters(Side::kOriginator).lost_bytes, 1U);
  EXPECT_EQ(flow.counters(Side::kResponder).lost_bytes, 2U);
}

TEST(Reassembly, TheOldestHoldIsEvictedForANewOne) {
  FlowBudget budget;
  budget.stream_bytes = std::size_t{12} * 1024;
  Stream stream(1000, budget);
  for (std::uint16_t port = 1; port <= 10; ++port) {
    stream.send(Side::kOriginator, 0, std::string(1, static_cast<char>('a' + port)), kPush, 0, 0,
                port);
    stream.send(Side::kOriginator, 2, "?", kPush, 0, 0, port);
    EXPECT_LE(stream.table.held_bytes(), budget.stream_bytes);
  }
  EXPECT_GT(stream.table.drops()[Drop::kStreamEvicted], 3U);
  // Given up oldest first, and with its gap.
  EXPECT_EQ(stream.text().find("<1>?"), stream.text().find('<'));
  std::vector<model::FlowId> evicted;  // the even packets open holds
  for (const auto& seen : stream.sink.chunks) {
    if (seen.packet % 2 == 0 && (evicted.empty() || evicted.back() != seen.flow)) {
      evicted.push_back(seen.flow >> 4);
    }
  }
  ASSERT_GT(evicted.size(), 3U);
  EXPECT_EQ(evicted.front(), 1U);
  EXPECT_TRUE(std::ranges::is_sorted(evicted));
  stream.table.finish();
  EXPECT_EQ(stream.sink.ended.size(), 10U);
  EXPECT_EQ(stream.table.held_bytes(), 0U);
}

TEST(Reassembly, WithoutAnyBudgetStreamsStillFlow) {
  FlowBudget budget;
  budget.stream_bytes = 0;
  Stream stream(1000, budget);
  stream.open();
  stream.data(0, "ab");
  stream.data(4, "ef");
  stream.data(2, "cd");
  stream.data(6, "gh");
  EXPECT_EQ(stream.text(), "ab<2>efgh");
}

// A known stream, cut, shuffled within reach, repeated and overlapped, arrives exactly once.
TEST(Reassembly, RandomSegmentsGiveTheStream) {
  for (unsigned seed_number = 0; seed_number < 200; ++seed_number) {
    std::mt19937 random(seed_number);
    const auto below = [&](std::size_t n) { return random() % static_cast<std::uint32_t>(n); };
    std::string whole(1 + below(60'000), ' ');
    for (char& c : whole) c = static_cast<char>('A' + below(26));
    struct Cut {
      std::size_t at;
      std::size_t len;
    };
    std::vector<Cut> cuts;
    const std::size_t longest = 1 + below(3000);
    for (std::size_t at = 0; at < whole.size();) {
      const std::size_t len = std::min<std::size_t>(1 + below(longest), whole.size() - at);
      const std::size_t early = std::min<std::size_t>(at, below(4) == 0 ? below(longest) : 0);
      cuts.push_back({at - early, len + early});
      if (below(5) == 0) cuts.push_back(cuts.back());
      at += len;
    }
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      const std::size_t reach = std::min<std::size_t>(cuts.size() - i, 8);
      if (below(2) == 0) std::swap(cuts[i], cuts[i + below(reach)]);
    }
    Stream stream(static_cast<std::uint32_t>(random()));
    stream.open();
    for (const Cut& cut : cuts) {
      stream.data(static_cast<std::int64_t>(cut.at),
                  std::string_view(whole).substr(cut.at, cut.len));
    }
    ASSERT_EQ(stream.text(), whole) << seed_number;
    ASSERT_EQ(stream.finish().counters(Side::kOriginator).lost_bytes, 0U) << seed_number;
    ASSERT_EQ(stream.table.held_bytes(), 0U) << seed_number;
  }
}

}  // namespace
}  // namespace netwatch::flow
