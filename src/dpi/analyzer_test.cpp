#include "dpi/analyzer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dpi/fake_protocols.h"

namespace netwatch::dpi {
namespace {

using model::Side;
using namespace fake;

constexpr Side kB = Side::kResponder;

class Log final : public AnalyzerSink {
 public:
  void on_record(const model::Record& record) override {
    const auto value = model::find_value(record, 0);
    lines.push_back((record.side == kA ? "A " : "B ") +
                    std::string(value ? value->text() : "(none)"));
    last = record;
  }
  void on_app(std::uint64_t, std::uint8_t layer, std::string_view name) override {
    lines.push_back("app " + std::to_string(layer) + " " + std::string(name));
  }
  void on_originator(std::uint64_t, Side side) override {
    lines.emplace_back(side == kA ? "orig A" : "orig B");
  }
  std::vector<std::string> lines;
  model::Record last;
};

// One analyzer and its flows.
class AnalyzerTest : public testing::Test {
 protected:
  void TearDown() override {
    analyzer_.reset();
    EXPECT_EQ(g_live_decoders, 0);
  }
  void use(std::span<const ProtocolDef* const> table, AnalyzerBudget budget = {}) {
    analyzer_ = std::make_unique<Analyzer>(log_, budget, table);
  }
  Appetite feed(std::uint64_t flow, Side side, std::string_view text) {
    return chunk(flow, {.side = side, .bytes = base::as_bytes(text)});
  }
  Appetite gap(std::uint64_t flow, Side side, std::uint64_t bytes) {
    return chunk(flow, {.side = side, .bytes = {}, .gap_bytes = bytes});
  }
  Appetite datagram(std::uint64_t flow, Side side, std::string_view text) {
    return chunk(flow, {.side = side, .bytes = base::as_bytes(text), .datagram = true});
  }
  Appetite chunk(std::uint64_t flow, model::StreamChunk chunk) {
    chunk.time_ns = 1000 + packet_;
    chunk.packet = static_cast<std::uint64_t>(packet_++);
    if (slots_.size() <= flow) slots_.resize(flow + 1);
    return analyzer_->feed(slots_[flow], ref(flow), chunk);
  }
  void end(std::uint64_t flow) { analyzer_->end(slots_[flow], ref(flow), 5000, 77); }
  FlowRef ref(std::uint64_t flow) const { return {.id = flow, .proto = 6, .resp_port = port_}; }

  using Lines = std::vector<std::string>;
  Log log_;
  std::unique_ptr<Analyzer> analyzer_;
  std::vector<std::uint32_t> slots_;
  int packet_ = 1;
  std::uint16_t port_ = 80;
};

TEST_F(AnalyzerTest, DecodesAndFillsInTheRecord) {
  use(kHonest);
  EXPECT_EQ(feed(5, kA, "L:\none\n"), Appetite::kBytes);
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:", "A one"}));
  EXPECT_EQ(log_.last.flow, 5U);
  EXPECT_EQ(log_.last.packet, 1U);
  EXPECT_EQ(log_.last.time_ns, 1001);
  EXPECT_EQ(log_.last.layer, 0);
  end(5);
  EXPECT_EQ(log_.lines.back(), "A end");
  EXPECT_EQ(log_.last.packet, 77U);
  EXPECT_EQ(slots_[5], 0U);
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(AnalyzerTest, ASegmentationNeverMatters) {
  const std::string text = "L:\nalpha\nturn\nskip\n0123456789beta\n\nhand\nL:\ngamma\n";
  use(kHonest);
  feed(0, kA, text);
  end(0);
  const Lines whole = log_.lines;
  ASSERT_GT(whole.size(), 6U);
  for (std::size_t step : {1U, 2U, 3U, 7U, 16U}) {
    log_.lines.clear();
    use(kHonest);
    slots_.clear();
    for (std::size_t at = 0; at < text.size(); at += step) {
      ASSERT_EQ(feed(0, kA, std::string_view(text).substr(at, step)), Appetite::kBytes);
    }
    end(0);
    EXPECT_EQ(log_.lines, whole) << step;
  }
}

TEST_F(AnalyzerTest, NothingIsKeptOfWhatNobodyKnows) {
  use(kTable);
  EXPECT_EQ(feed(0, kA, "unknown"), Appetite::kBytes);  // the other side may still tell
  EXPECT_EQ(analyzer_->live(), 0U);
  int chunks = 1;
  while (feed(0, kB, "neither") == Appetite::kBytes && chunks < 1000) ++chunks;
  EXPECT_LE(chunks, 33);
  EXPECT_EQ(analyzer_->live(), 0U);
  EXPECT_EQ(slots_[0], 0U);
}

TEST_F(AnalyzerTest, OnlyStrongProbesAreBelievedLate) {
  ProtocolDef strong = kCounted;
  strong.late = true;
  const std::array<const ProtocolDef*, 2> table{&kLines, &strong};
  use(table);
  feed(0, kA, "220 hello");
  feed(0, kB, "EHLO");
  EXPECT_EQ(feed(0, kA, "L:\nnot believed\n"), Appetite::kBytes);
  EXPECT_TRUE(log_.lines.empty());
  feed(0, kB, std::string_view("C\0", 2));
  EXPECT_EQ(log_.lines, (Lines{"app 0 counted", "B 2"}));
}

TEST_F(AnalyzerTest, ASilentOtherSideIsNotWaitedForForEver) {
  use(kTable);
  int chunks = 1;
  while (feed(0, kA, "unknown") == Appetite::kBytes && chunks < 10'000) ++chunks;
  EXPECT_LE(chunks, 257);
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(AnalyzerTest, TheOtherSideTellsWhenOneStartsInTheMiddle) {
  use(kHonest);
  feed(0, kA, "tail of something\n");
  EXPECT_EQ(feed(0, kB, "L:\n"), Appetite::kBytes);
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "B L:"}));
}

TEST_F(AnalyzerTest, WhatWasKeptInVainDoesNotHideANewBeginning) {
  ProtocolDef strong = kCounted;
  strong.late = true;
  std::string message = "C";
  message += '\x01';
  message += std::string(100, 'x');
  ProtocolDef never = kLate;
  never.probe = [](const ProbeInput& in) {
    return in.of(in.latest).size() > 50 ? Probe::kNo : Probe::kMore;
  };
  const std::array<const ProtocolDef*, 2> hiding{&never, &strong};
  use(hiding);
  feed(0, kA, "Mfirst");  // kept: it may be more
  feed(0, kB, "M");
  feed(0, kA, message);
  EXPECT_EQ(log_.lines, (Lines{"app 0 counted", "A 102"}));
}

TEST_F(AnalyzerTest, FirstSpeakersBytesComeFirst) {
  use(kHonest);
  feed(0, kB, "M" + std::string(20, 'b') + "\n");
  EXPECT_TRUE(log_.lines.empty());
  feed(0, kA, "M" + std::string(120, 'a') + "\n");
  ASSERT_EQ(log_.lines.size(), 3U);
  EXPECT_EQ(log_.lines[1].substr(0, 4), "B Mb");
  EXPECT_EQ(log_.lines[2].substr(0, 4), "A Ma");
}

TEST_F(AnalyzerTest, MoreIsAnsweredOnlySoOften) {
  use(kHonest);
  Appetite appetite = Appetite::kBytes;
  int segments = 0;
  while (appetite == Appetite::kBytes && segments < 100) {
    appetite = feed(0, segments % 2 == 0 ? kA : kB, "N" + std::string(100, 'x'));
    ++segments;
  }
  EXPECT_LE(segments, 48);
  EXPECT_EQ(analyzer_->live(), 0U);
  // And what fills the room for kept bytes is decided at once.
  EXPECT_EQ(feed(1, kB, "zzz"), Appetite::kBytes);
  feed(1, kA, "N" + std::string(kProbeBytes, 'x'));
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(AnalyzerTest, UsualPortsOrderTheProbesOnly) {
  use(kHonest);
  feed(0, kA, "L:\n");
  port_ = 7;
  feed(1, kA, "L:\n");
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:", "app 0 twin", "A L:"}));
  EXPECT_EQ(feed(2, kA, "not"), Appetite::kBytes);
  EXPECT_EQ(log_.lines.size(), 4U);
}

TEST_F(AnalyzerTest, NotMineIsReplayedToTheOthers) {
  use(kTable);
  feed(0, kA, "L:\n");  // read by the liar
  EXPECT_TRUE(log_.lines.empty());
  feed(0, kA, "one\ntwo");
  feed(0, kA, "!\n");
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:", "A one", "A two!"}));
  EXPECT_EQ(g_live_decoders, 1);
}

TEST_F(AnalyzerTest, NotMineAfterARecordEndsTheFlow) {
  use(kHonest);
  EXPECT_EQ(feed(0, kA, "L:\nlie\n"), Appetite::kNone);
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(AnalyzerTest, SkippedBytesAreNeitherKeptNorMissed) {
  use(kHonest);
  feed(0, kA, "L:\nskip\n012");
  gap(0, kA, 4);
  feed(0, kA, "789after\n");
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:", "A after"}));
}

TEST_F(AnalyzerTest, AGapBeyondTheSkipIsTold) {
  use(kHonest);
  feed(0, kA, "L:\nskip\n012");
  gap(0, kA, 9);
  feed(0, kA, "x\nhalf");
  gap(0, kA, 5);
  EXPECT_EQ(log_.lines,
            (Lines{"app 0 lines", "A L:", "A gap 2 after ", "A x", "A gap 5 after half"}));
}

TEST_F(AnalyzerTest, AnUndecidedSideBeginsAnewAfterAGap) {
  use(kHonest);
  feed(0, kA, "Mfirst");
  gap(0, kA, 3);
  feed(0, kA, "L:\n");
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:"}));
}

TEST_F(AnalyzerTest, DoneLetsTheFlowGo) {
  use(kHonest);
  EXPECT_EQ(feed(0, kA, "L:\ndone\nmore\n"), Appetite::kNone);
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:"}));
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(AnalyzerTest, HandOnProbesTheRestOneLayerFurtherIn) {
  use(kHonest);
  feed(0, kB, "");
  feed(0, kA, "L:\nhand\nL:\ninner\n");
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:", "app 1 lines", "A L:", "A inner"}));
  EXPECT_EQ(log_.last.layer, 1);
  EXPECT_EQ(feed(0, kA, "hand\nL:\nhand\nL:\nhand\n"), Appetite::kBytes);
  EXPECT_EQ(feed(0, kA, "L:\n"), Appetite::kBytes);
  EXPECT_EQ(log_.last.layer, 4);
  EXPECT_EQ(feed(0, kA, "hand\nL:\n"), Appetite::kNone);
}

TEST_F(AnalyzerTest, HandOnKeepsTheOtherSidesUnreadBytes) {
  use(kHonest);
  feed(0, kA, "L:\n");
  feed(0, kB, "L:");  // not a line yet
  feed(0, kA, "hand\n");
  feed(0, kB, "\n");
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:", "app 1 lines", "B L:"}));
}

TEST_F(AnalyzerTest, OddIsNamedAndCountedOnce) {
  use(kHonest);
  feed(0, kA, "L:\nodd\nodd\nunnamed\nstill\n");
  EXPECT_EQ(analyzer_->drops()[model::Drop::kDecoderOdd], 3U);
  ASSERT_EQ(analyzer_->odds().size(), 2U);
  EXPECT_EQ(analyzer_->odds()[0].what, "odd_line");
  EXPECT_EQ(analyzer_->odds()[0].count, 2U);
  EXPECT_EQ(analyzer_->odds()[0].protocol, "lines");
  EXPECT_EQ(log_.lines.back(), "A still");
}

TEST_F(AnalyzerTest, WantedBytesAvoidUselessCalls) {
  use(kHonest);
  g_message_calls = 0;
  std::string message = "C";
  message += static_cast<char>(200);
  message += std::string(20'000, 'x');
  for (std::size_t at = 0; at < message.size(); at += 10) {
    feed(0, kA, std::string_view(message).substr(at, 10));
  }
  EXPECT_EQ(log_.lines, (Lines{"app 0 counted", "A 20002"}));
  EXPECT_LE(g_message_calls, 3);
}

TEST_F(AnalyzerTest, AskingForTooMuchEndsTheDecoder) {
  use(kHonest);
  EXPECT_EQ(feed(0, kA, "L:\nhuge\nx"), Appetite::kNone);
  EXPECT_EQ(feed(1, kA, "L:\n"), Appetite::kBytes);
  Appetite appetite = Appetite::kBytes;
  std::size_t sent = 0;
  while (appetite == Appetite::kBytes && sent < 1'000'000) {
    appetite = feed(1, kA, std::string(1000, 'y'));
    sent += 1000;
  }
  EXPECT_GE(sent, kMaxHeldBytes);
  EXPECT_LE(sent, kMaxHeldBytes + 1000);
  EXPECT_EQ(analyzer_->drops()[model::Drop::kStreamEvicted], 2U);
}

TEST_F(AnalyzerTest, DatagramsStandAlone) {
  use(kHonest);
  EXPECT_EQ(datagram(0, kA, "zzz"), Appetite::kBytes);
  EXPECT_EQ(datagram(0, kB, "zzz"), Appetite::kBytes);
  EXPECT_EQ(analyzer_->live(), 0U);
  EXPECT_EQ(datagram(0, kB, "L:\nhalf"), Appetite::kBytes);
  EXPECT_EQ(datagram(0, kA, "one\n"), Appetite::kBytes);
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "B L:", "A one"}));
  EXPECT_EQ(datagram(0, kA, "done\n"), Appetite::kNone);
}

TEST_F(AnalyzerTest, UnknownDatagramsAreLookedAtAFewTimes) {
  use(kHonest);
  int count = 1;
  while (datagram(0, count % 2 == 0 ? kA : kB, "zzz") == Appetite::kBytes && count < 99) ++count;
  EXPECT_EQ(count, 16);
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(AnalyzerTest, ADatagramThatIsNotMineGoesToTheOthers) {
  use(kTable);
  EXPECT_EQ(datagram(0, kA, "L:x"), Appetite::kBytes);  // the liar, who wants lines
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines"}));
}

TEST_F(AnalyzerTest, DatagramsThatAProbeTakesAndItsDecoderDoesNotAreCounted) {
  use(kTable);
  int count = 1;
  while (datagram(0, kA, "Lz") == Appetite::kBytes && count < 99) ++count;
  EXPECT_EQ(count, 16);
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(AnalyzerTest, DecodersGiveWayOldestFirst) {
  use(kHonest, {.decoder_bytes = 64 << 10, .held_bytes = 64 << 10});  // one page: 8 big ones
  for (std::uint64_t flow = 0; flow < 8; ++flow) feed(flow, kA, "Bx");
  EXPECT_EQ(analyzer_->drops()[model::Drop::kDecoderEvicted], 0U);
  feed(0, kA, "again");  // now 1 is the one longest without bytes
  feed(8, kA, "Bx");
  EXPECT_EQ(analyzer_->drops()[model::Drop::kDecoderEvicted], 1U);
  log_.lines.clear();
  EXPECT_EQ(feed(0, kA, "still here"), Appetite::kBytes);
  EXPECT_EQ(feed(1, kA, "gone"), Appetite::kNone);
  EXPECT_EQ(log_.lines, (Lines{"A big"}));
  EXPECT_EQ(slots_[1], 0U);
}

TEST_F(AnalyzerTest, KeptBytesGiveWayOldestFirst) {
  use(kHonest, {.decoder_bytes = 64 << 10, .held_bytes = 128 << 10});  // 128 cells of 1 KiB
  for (std::uint64_t flow = 0; flow < 128; ++flow) {
    feed(flow, kA, "L:\n");
    feed(flow, kA, std::string(1000, 'h'));
  }
  EXPECT_EQ(analyzer_->drops()[model::Drop::kStreamEvicted], 0U);
  feed(128, kA, "L:\n");
  feed(128, kA, std::string(1000, 'h'));
  EXPECT_EQ(analyzer_->drops()[model::Drop::kStreamEvicted], 1U);
  EXPECT_EQ(feed(0, kA, "\n"), Appetite::kNone);
  EXPECT_EQ(feed(1, kA, "\n"), Appetite::kBytes);
  EXPECT_EQ(log_.lines.back(), "A " + std::string(512, 'h'));  // cut to the field's limit
  // Another size needs a page of its own: it is made empty, and the flow at hand survives.
  feed(129, kA, "M" + std::string(50, 'p'));
  EXPECT_EQ(feed(129, kA, std::string(60, 'p') + "\n"), Appetite::kBytes);
  EXPECT_EQ(log_.lines.back().substr(0, 3), "A M");
}

TEST_F(AnalyzerTest, ASlotThatWasReusedIsNotMistaken) {
  use(kHonest, {.decoder_bytes = 2048, .held_bytes = 64 << 10});  // 16 analyses
  for (std::uint64_t flow = 0; flow < 40; ++flow) feed(flow, kA, "L:\n");
  EXPECT_EQ(analyzer_->live(), 16U);
  log_.lines.clear();
  for (std::uint64_t flow = 0; flow < 24; ++flow) {
    EXPECT_EQ(feed(flow, kA, "old\n"), Appetite::kNone);
    end(flow);
  }
  EXPECT_TRUE(log_.lines.empty());
  EXPECT_EQ(analyzer_->live(), 16U);
  EXPECT_EQ(analyzer_->drops()[model::Drop::kDecoderEvicted], 24U);
}

TEST_F(AnalyzerTest, ADatagramFlowThatWasEvictedBeginsAnew) {
  use(kHonest, {.decoder_bytes = 2048, .held_bytes = 64 << 10});
  for (std::uint64_t flow = 0; flow < 40; ++flow) datagram(flow, kA, "L:\n");
  log_.lines.clear();
  EXPECT_EQ(datagram(0, kA, "L:\n"), Appetite::kBytes);
  EXPECT_EQ(log_.lines, (Lines{"app 0 lines", "A L:"}));
}

TEST_F(AnalyzerTest, TurningTheFlowIsTold) {
  use(kHonest);
  feed(0, kB, "L:\nturn\n");
  EXPECT_EQ(log_.lines.back(), "orig B");
}

}  // namespace
}  // namespace netwatch::dpi
