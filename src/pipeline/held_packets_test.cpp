#include "pipeline/held_packets.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace netwatch::pipeline {
namespace {

using Lines = std::vector<std::string>;
constexpr base::TimeNs kHold = HeldPackets::kHoldNs;
constexpr base::TimeNs kCaptured = 1'000 * base::kNsPerSecond;

class HeldPacketsTest : public testing::Test {
 protected:
  // Packets of these texts; their bytes are gone when this returns.
  void hold(std::uint64_t first, const std::vector<std::string>& texts,
            base::TimeNs time_ns = kCaptured, HeldPackets* into = nullptr) {
    model::PacketBatch batch;
    for (const std::string& text : texts) {
      batch.packets.push_back(
          {.number = first++, .time_ns = time_ns, .bytes = base::as_bytes(text)});
    }
    (into != nullptr ? *into : held_).hold(batch);
  }
  void is_of(std::uint64_t number, model::FlowId flow) {
    const model::PacketFlow told{.number = number, .flow = flow, .from_lower = true};
    held_.take_flows({&told, 1});
  }
  Lines take() { return std::exchange(lines_, {}); }

  HeldPackets::Ask ask_ = [this](const HeldPackets::Held& held) -> HeldPackets::Answer {
    if (held.flow == model::kNoFlow) return {.settled = !held.has_flow};
    return answers_[held.flow];
  };
  HeldPackets::Tell tell_ = [this](const HeldPackets::Held& held) {
    lines_.push_back(std::to_string(held.packet.number) + ' ' +
                     std::string(base::as_text(held.packet.bytes)) + " of " +
                     std::to_string(held.flow));
  };
  HeldPackets held_{ask_, tell_};
  std::unordered_map<model::FlowId, HeldPackets::Answer> answers_;
  Lines lines_;
};

TEST_F(HeldPacketsTest, APacketWaitsForAnOwnerThatComesLateAndHoldsBackThoseBehindIt) {
  hold(1, {"one", "two"});
  is_of(1, 16);
  hold(3, {"three"});
  held_.release(5);
  EXPECT_EQ(take(), Lines{});
  held_.release(5 + kHold - 1);
  EXPECT_EQ(take(), Lines{});
  answers_[16].settled = true;
  held_.release(5 + kHold - 1);
  EXPECT_EQ(take(), (Lines{"1 one of 16", "2 two of 0", "3 three of 0"}));
  EXPECT_TRUE(held_.empty());
  EXPECT_EQ(held_.bytes(), 0U);
  EXPECT_EQ(held_.hurried(), 0U);
}

TEST_F(HeldPacketsTest, AnOwnerThatNeverComesIsNotWaitedForLongerThanASecond) {
  hold(1, {"one"});
  is_of(1, 16);
  held_.release(1'000);
  hold(2, {"two"});
  is_of(2, 32);
  held_.release(1'000 + kHold / 2);  // the second's time begins here
  held_.release(1'000 + kHold);
  EXPECT_EQ(take(), Lines{"1 one of 16"});
  held_.release(1'000 + kHold / 2 + kHold);
  EXPECT_EQ(take(), Lines{"2 two of 32"});
}

TEST_F(HeldPacketsTest, APacketOfAFlowThatWasWaitedForOnceGoesAtOnce) {
  answers_[16] = {.settled = false, .flow_begun_ns = kCaptured - kHold};
  answers_[32] = {.settled = false, .flow_begun_ns = kCaptured - kHold + 1};
  hold(1, {"old", "young"});
  is_of(1, 16);
  is_of(2, 32);
  held_.release(1);
  EXPECT_EQ(take(), Lines{"1 old of 16"});
}

TEST_F(HeldPacketsTest, FragmentsOfEarlierBatchesGetTheFlowOfTheirDatagram) {
  hold(7, {"first part"});
  is_of(7, model::kNoFlow);  // a fragment
  held_.release(1);
  hold(8, {"last part", "another"});
  is_of(8, 16);
  is_of(7, 16);
  is_of(99, 16);  // never seen
  is_of(1, 16);   // long gone
  EXPECT_EQ(take(), Lines{});
  answers_[16].settled = true;
  held_.release(2);
  EXPECT_EQ(take(), (Lines{"7 first part of 16", "8 last part of 16", "9 another of 0"}));
}

TEST_F(HeldPacketsTest, BeyondTheirBudgetTheOldestGoAsTheyAreAndAreCounted) {
  HeldPackets held(ask_, tell_, 2 * (sizeof(HeldPackets::Held) + 4));
  const model::PacketFlow flow{.number = 1, .flow = 16};
  hold(1, {"1111"}, kCaptured, &held);
  held.take_flows({&flow, 1});
  hold(2, {"2222"}, kCaptured, &held);
  EXPECT_EQ(take(), Lines{}) << "both fit";
  hold(3, {"3333"}, kCaptured, &held);
  EXPECT_EQ(take(), Lines{"1 1111 of 16"});
  EXPECT_EQ(held.hurried(), 1U);
  EXPECT_LE(held.bytes(), 2 * (sizeof(HeldPackets::Held) + 4));
  held.release_all();
  EXPECT_EQ(take(), (Lines{"2 2222 of 0", "3 3333 of 0"}));
  EXPECT_EQ(held.hurried(), 1U) << "not because of the budget";
}

TEST_F(HeldPacketsTest, AtTheEndEverythingGoes) {
  hold(1, {"one", "two"});
  is_of(1, 16);
  held_.release_all();
  EXPECT_EQ(take(), (Lines{"1 one of 16", "2 two of 0"}));
  EXPECT_TRUE(held_.empty());
}

}  // namespace
}  // namespace netwatch::pipeline
