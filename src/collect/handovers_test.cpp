// Signs that a process has handed its sockets on between two looks, over a made-up /proc.
#include "collect/handovers.h"

#include <gtest/gtest.h>

#include <string>

#include "collect/fake_root.h"

namespace netwatch::collect {
namespace {

class HandoversTest : public testing::Test, public FakeRoot {
 protected:
  struct Stat {
    std::uint32_t parent = 1;
    std::string name = "p";
    std::uint64_t start = 100;
    std::uint64_t child_faults = 0;
  };
  HandoversTest() : handovers_(root_), cache_(root_) {
    forked(10);
    process(1, {.parent = 0, .name = "init"});
  }

  void forked(int count) { write("proc/stat", "cpu 1\nprocesses " + std::to_string(count) + "\n"); }
  void process(std::uint32_t pid, const Stat& stat, const char* ignored = "0000000000000000") {
    const std::string folder = "proc/" + std::to_string(pid);
    write(folder + "/stat", std::to_string(pid) + " (" + stat.name + ") S " +
                                std::to_string(stat.parent) + " 1 1 0 -1 0 5 " +
                                std::to_string(stat.child_faults) + " 0 0 7 7 0 0 20 0 1 0 " +
                                std::to_string(stat.start) + " 1048576 25\n");
    write(folder + "/status", std::string("Uid:\t0\t0\t0\t0\nSigIgn:\t") + ignored + "\n");
  }
  void ends(std::uint32_t pid) {
    std::filesystem::remove_all(root_.join("proc/" + std::to_string(pid)));
  }

  // One look at which process 7, if it lives, holds a socket: whether it keeps to itself.
  bool look() {
    handovers_.begin_look();
    cache_.begin_round();
    handovers_.take_processes();
    const bool keeps = handovers_.keeps_its_own(cache_, 7);
    doubts_ = handovers_.doubts(cache_);
    return keeps;
  }

  Handovers handovers_;
  ProcessCache cache_;
  std::vector<model::HolderDoubt> doubts_;
};

TEST_F(HandoversTest, TextOfTheKernel) {
  EXPECT_EQ(parse_proc_stat_forks("cpu 1 2\nprocesses 4711\nprocs_running 1\n"), 4711U);
  EXPECT_FALSE(parse_proc_stat_forks("cpu 1 2\n"));
  EXPECT_EQ(parse_proc_status_ignores_children("Name:\tx\nSigIgn:\t0000000000010000\n"), true);
  EXPECT_EQ(parse_proc_status_ignores_children("SigIgn:\t0000000000001000\n"), false);
  EXPECT_FALSE(parse_proc_status_ignores_children("SigIgn:\tx\n"));
}

TEST_F(HandoversTest, AProcessWithoutChildrenKeepsItsSockets) {
  process(7, {});
  EXPECT_FALSE(look()) << "what was before the first look nobody knows";
  forked(20);  // others do
  EXPECT_TRUE(look());
  EXPECT_TRUE(look());
  EXPECT_TRUE(doubts_.empty());
}

TEST_F(HandoversTest, OneThatIsNewMayHaveThemFromItsParent) {
  (void)look();
  process(7, {});
  EXPECT_FALSE(look());
  EXPECT_TRUE(look());
}

TEST_F(HandoversTest, AChildThatLives) {
  process(7, {});
  (void)look();
  ASSERT_TRUE(look());
  forked(11);
  process(8, {.parent = 7});
  EXPECT_FALSE(look());
  ASSERT_EQ(doubts_.size(), 1U);
  EXPECT_FALSE(doubts_[0].is_gone);
  EXPECT_FALSE(look()) << "it has not been walked while it may have held one";
  EXPECT_TRUE(look());
}

TEST_F(HandoversTest, AChildThatHasBeenWaitedFor) {
  process(7, {});
  (void)look();
  ASSERT_TRUE(look());
  forked(11);
  process(7, {.child_faults = 40});
  EXPECT_FALSE(look());
  EXPECT_FALSE(look());
  EXPECT_TRUE(look());
}

TEST_F(HandoversTest, ChildrenThatEndWithoutATrace) {
  process(7, {}, "0000000000010000");
  (void)look();
  forked(11);
  EXPECT_FALSE(look());
  forked(12);
  EXPECT_FALSE(look());
}

// In some sandboxes the count of forks stands still.
TEST_F(HandoversTest, ACountOfForksIsBelievedOnceItHasCounted) {
  process(7, {}, "0000000000010000");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(look());
  forked(11);
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(look());
  EXPECT_TRUE(look());
}

TEST_F(HandoversTest, AnotherProgramOrAnotherProcess) {
  process(7, {});
  (void)look();
  ASSERT_TRUE(look());
  process(7, {.name = "q"});
  EXPECT_FALSE(look());
  ASSERT_TRUE((look(), look()));
  process(7, {.name = "q", .start = 200});
  EXPECT_FALSE(look());
  ASSERT_EQ(doubts_.size(), 1U);
  EXPECT_TRUE(doubts_[0].is_gone);
}

TEST_F(HandoversTest, OneThatIsGone) {
  process(7, {});
  (void)look();
  forked(11);
  ASSERT_TRUE(look());
  ends(7);
  EXPECT_FALSE(look());
  ASSERT_EQ(doubts_.size(), 1U) << "nobody has forked since, but it may have executed something";
  process(7, {});
  (void)look();
  ends(7);
  forked(12);
  (void)look();
  ASSERT_EQ(doubts_.size(), 1U);
  EXPECT_TRUE(doubts_[0].is_gone);
}

model::Socket socket_that_moved(std::int64_t bytes) {
  model::Socket socket;
  socket.proto = model::ip_proto::kTcp;
  socket.cookie = 5;
  socket.bytes_sent = bytes;
  socket.bytes_received = 0;
  return socket;
}

class SocketProofsTest : public testing::Test {
 protected:
  bool look(const model::Socket& socket, std::uint64_t holders, bool sure) {
    proofs_.begin_look();
    return proofs_.is_proven(socket, holders, sure, true);
  }
  SocketProofs proofs_;
};

TEST_F(SocketProofsTest, HoldingIsNotUsing) {
  EXPECT_FALSE(look(socket_that_moved(0), 1, true));
  EXPECT_FALSE(look(socket_that_moved(0), 1, true));
  EXPECT_TRUE(look(socket_that_moved(9), 1, true));
  EXPECT_TRUE(look(socket_that_moved(9), 1, false)) << "it has moved nothing since";
  EXPECT_FALSE(look(socket_that_moved(10), 1, false));
  EXPECT_TRUE(look(socket_that_moved(11), 1, true));
}

TEST_F(SocketProofsTest, OtherHoldersHaveToProveIt) {
  EXPECT_TRUE(look(socket_that_moved(9), 1, true));
  EXPECT_FALSE(look(socket_that_moved(9), 2, true));
  EXPECT_TRUE(look(socket_that_moved(10), 2, true));
  EXPECT_FALSE(look(socket_that_moved(20), 1, true)) << "either may have moved it";
}

TEST_F(SocketProofsTest, WhatIsReadLessOftenHasToBeSureAllTheTime) {
  model::Socket old = socket_that_moved(0);
  (void)look(old, 1, true);
  old.kept = true;
  EXPECT_FALSE(look(old, 1, false));
  EXPECT_FALSE(look(socket_that_moved(9), 1, true));
}

TEST_F(SocketProofsTest, WhereNobodyCountsEachTimeBetweenLooksCounts) {
  EXPECT_TRUE(look(socket_that_moved(-1), 1, true));
  EXPECT_FALSE(look(socket_that_moved(-1), 1, false));
  EXPECT_TRUE(look(socket_that_moved(-1), 1, true));
}

}  // namespace
}  // namespace netwatch::collect
