// Streams that carry streams.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "dpi/analyzer.h"
#include "dpi/child_queue.h"
#include "dpi/fake_protocols.h"

namespace netwatch::dpi {
namespace {

using model::Side;
using namespace fake;

bool g_child_wanted = true;

// "X:" then lines: each goes to the child, "gap" as a gap of three bytes.
class BoxDecoder final : public Fake {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override {
    const std::string_view text = base::as_text(chunk.bytes);
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view line = text.substr(0, end + 1);
    if (!opened) {
      opened = true;
      return {.consumed = line.size()};
    }
    if (line == "stop\n") return {.verdict = Verdict::kDone, .consumed = line.size()};
    if (line == "gap\n") {
      g_child_wanted = context.child({.side = chunk.side, .bytes = {}, .gap_bytes = 3});
    } else {
      g_child_wanted = context.child({.side = chunk.side, .bytes = base::as_bytes(line)});
    }
    return {.consumed = line.size()};
  }
  void on_end(Context& context) override {
    context.child({.side = kA, .bytes = base::as_bytes("last words\n")});
  }
  bool opened = false;
};

constexpr ProtocolDef kBox = def<BoxDecoder>("box", "X", Transport::kBoth,
                                             [](const ProbeInput& in) { return begins(in, "X:"); });
constexpr std::array kBoxes{&kBox, &kLines};

class ChildTest : public testing::Test, public AnalyzerSink {
 public:
  void on_record(const model::Record& record) override {
    const auto value = model::find_value(record, 0);
    lines_.push_back(std::to_string(record.layer) + (record.side == kA ? " A " : " B ") +
                     std::string(value->text()));
  }
  void on_app(std::uint64_t, std::uint8_t layer, std::string_view name) override {
    lines_.push_back("app " + std::to_string(layer) + " " + std::string(name));
  }
  void on_originator(std::uint64_t, Side) override {}

 protected:
  void TearDown() override {
    analyzer_.reset();
    EXPECT_EQ(g_live_decoders, 0);
  }
  Appetite feed(std::uint64_t flow, Side side, std::string_view text, bool datagram = false) {
    if (slots_.size() <= flow) slots_.resize(flow + 1);
    return analyzer_->feed(
        slots_[flow], {.id = flow, .proto = 6},
        {.side = side, .packet = ++packet_, .bytes = base::as_bytes(text), .datagram = datagram});
  }
  void end(std::uint64_t flow) { analyzer_->end(slots_[flow], {.id = flow, .proto = 6}, 0, 9); }

  using Lines = std::vector<std::string>;
  Lines lines_;
  std::unique_ptr<Analyzer> analyzer_ =
      std::make_unique<Analyzer>(*this, AnalyzerBudget{}, std::span(kBoxes));
  std::vector<std::uint32_t> slots_;
  std::uint64_t packet_ = 0;
};

TEST_F(ChildTest, IsProbedAndDecodedOneLayerFurtherIn) {
  feed(0, kA, "X:\nL:\none\n");
  feed(0, Side::kResponder, "two\n");
  EXPECT_EQ(lines_, (Lines{"app 0 box", "app 1 lines", "1 A L:", "1 A one", "1 B two"}));
  end(0);
  EXPECT_EQ(lines_.back(), "1 A end");
  EXPECT_EQ(lines_.at(lines_.size() - 2), "1 A last words");
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(ChildTest, SegmentationNeverMatters) {
  const std::string text = "X:\nX:\nL:\nalpha\nbeta\n";
  feed(0, kA, text);
  end(0);
  const Lines whole = lines_;
  for (std::size_t step : {1U, 2U, 5U}) {
    lines_.clear();
    for (std::size_t at = 0; at < text.size(); at += step) {
      feed(step, kA, std::string_view(text).substr(at, step));
    }
    end(step);
    EXPECT_EQ(lines_, whole) << step;
  }
}

TEST_F(ChildTest, DatagramsCarryStreams) {
  feed(0, kA, "X:\n", true);
  feed(0, kA, "L:\nonly the first line of each\n", true);
  feed(0, kA, "one\n", true);
  EXPECT_EQ(lines_, (Lines{"app 0 box", "app 1 lines", "1 A L:", "1 A one"}));
}

TEST_F(ChildTest, LearnsOfGaps) {
  feed(0, kA, "X:\nL:\ngap\n");
  EXPECT_EQ(lines_.back(), "1 A gap 3 after ");
}

TEST_F(ChildTest, IsOverWhenNobodyReadsIt) {
  feed(0, kA, "X:\nL:\ndone\n");
  feed(0, kA, "x\n");
  EXPECT_FALSE(g_child_wanted);
  EXPECT_EQ(lines_.back(), "1 A L:");
  EXPECT_EQ(analyzer_->live(), 1U);
}

TEST_F(ChildTest, EndsWithItsParent) {
  EXPECT_EQ(feed(0, kA, "X:\nL:\none\nstop\n"), Appetite::kNone);
  EXPECT_EQ(analyzer_->live(), 0U);
}

TEST_F(ChildTest, DepthIsLimited) {
  feed(0, kA, "X:\nX:\nX:\nX:\nL:\nin\n");
  EXPECT_EQ(lines_.back(), "4 A in");
  EXPECT_EQ(analyzer_->drops()[model::Drop::kStreamEvicted], 0U);
  feed(1, kA, "X:\nX:\nX:\nX:\nX:\nL:\ntoo deep\n");
  EXPECT_EQ(lines_.back(), "app 4 box");
  EXPECT_EQ(analyzer_->drops()[model::Drop::kStreamEvicted], 1U);
}

TEST_F(ChildTest, OneSegmentMayNotFillTheQueueWithoutEnd) {
  std::string text = "X:\nL:\n";
  while (text.size() < 2 * ChildQueue::kMaxPieces) text += "\n";
  text += "never read\n";
  feed(0, kA, text);
  EXPECT_EQ(analyzer_->drops()[model::Drop::kStreamEvicted], 1U);
  EXPECT_EQ(std::find(lines_.begin(), lines_.end(), "1 A never read"), lines_.end());
}

TEST_F(ChildTest, EvictionSparesTheFlowAtHandAndTakesFamiliesWhole) {
  constexpr std::size_t kRoom = std::size_t{32} << 10;  // some 240 analyses, 256 decoders
  analyzer_ =
      std::make_unique<Analyzer>(*this, AnalyzerBudget{.decoder_bytes = kRoom}, std::span(kBoxes));
  for (std::uint64_t flow = 0; flow < 200; ++flow) {
    lines_.clear();
    feed(flow, kA, "X:\nX:\nX:\nX:\nL:\nin\n");
    ASSERT_EQ(lines_.back(), "4 A in") << flow;
  }
  EXPECT_LE(analyzer_->live(), 240U);
  EXPECT_GT(analyzer_->drops()[model::Drop::kDecoderEvicted], 0U);
}

}  // namespace
}  // namespace netwatch::dpi
