#include "pipeline/crew.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

namespace netwatch::pipeline {
namespace {

constexpr std::uint64_t kBatches = 400;

// What the duties saw. Nothing in it is guarded: the crew promises that nothing needs to be.
struct Seen {
  std::vector<std::vector<std::uint64_t>> by_lane;
  std::vector<std::uint64_t> reduced;
  std::array<int, kShards> in_lane{};
  int reducing = 0;
  int overlaps = 0;
};

Crew::Duties duties_into(Seen& seen, std::atomic<std::uint64_t>& left_lanes) {
  return {.work =
              [&](BatchWork& work, std::size_t lane) {
                if (seen.in_lane[lane]++ != 0) ++seen.overlaps;
                seen.by_lane[lane].push_back(work.last_packet);
                // Lanes take unequal time, so that batches overtake each other where they may.
                if ((work.last_packet + lane) % 7 == 0) std::this_thread::yield();
                left_lanes.fetch_add(1, std::memory_order_relaxed);
                --seen.in_lane[lane];
              },
          .reduce =
              [&](BatchWork& work) {
                if (seen.reducing++ != 0) ++seen.overlaps;
                seen.reduced.push_back(work.last_packet);
                --seen.reducing;
              }};
}

TEST(CrewThreads, EachLaneAndTheReducerSeeAllBatchesInOrderOneAtATime) {
  std::vector<std::uint64_t> all(kBatches);
  std::iota(all.begin(), all.end(), 0);
  for (const std::size_t threads : {2U, 3U, 5U, 16U}) {
    Seen seen;
    seen.by_lane.resize(threads);
    std::atomic<std::uint64_t> lanes{0};
    Crew crew(threads, duties_into(seen, lanes));
    for (std::uint64_t i = 0; i < kBatches; ++i) {
      BatchWork& work = crew.next();
      EXPECT_FALSE(work.report_all) << "a batch is empty when it comes again";
      work.report_all = true;
      work.last_packet = i;
      crew.hand_out(work);
    }
    crew.finish();
    EXPECT_EQ(seen.reduced, all) << threads;
    for (const auto& lane : seen.by_lane) EXPECT_EQ(lane, all) << threads;
    EXPECT_EQ(seen.overlaps, 0);
    EXPECT_EQ(lanes.load(), kBatches * threads);
  }
}

// As the reader of a pipe on which nothing comes.
TEST(CrewThreads, WorkIsDoneWhileTheCallerIsElsewhere) {
  std::atomic<bool> reduced{false};
  Crew crew(2, {.work = [](BatchWork&, std::size_t) {},
                .reduce = [&](BatchWork&) { reduced.store(true); }});
  crew.hand_out(crew.next());
  for (int i = 0; i < 2000 && !reduced.load(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(reduced.load());
}

// Memory runs out: the caller is told, and nobody waits for what will not come.
TEST(CrewThreads, WhatADutyThrowsComesOutOfTheCallersThread) {
  for (const bool in_reducer : {false, true}) {
    const auto fail = [](bool now) {
      if (now) throw std::bad_alloc();
    };
    Crew crew(3, {.work = [&](BatchWork& work,
                              std::size_t) { fail(!in_reducer && work.last_packet == 20); },
                  .reduce = [&](BatchWork& work) { fail(in_reducer && work.last_packet == 20); }});
    const auto run = [&] {
      for (std::uint64_t i = 0; i < kBatches; ++i) {
        BatchWork& work = crew.next();
        work.last_packet = i;
        crew.hand_out(work);
      }
      crew.finish();
    };
    EXPECT_THROW(run(), std::bad_alloc);
  }
}

TEST(CrewThreads, ABatchThatIsNeverHandedOutHoldsNobody) {
  Crew crew(2, {.work = [](BatchWork&, std::size_t) {}, .reduce = [](BatchWork&) {}});
  (void)crew.next();
}

TEST(CrewThreads, EndsWithoutWork) { const Crew crew(3, {}); }

}  // namespace
}  // namespace netwatch::pipeline
