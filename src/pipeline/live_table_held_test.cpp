// Owners that looks have inferred, and what happened to their sockets after the last look.
#include <gtest/gtest.h>

#include "pipeline/live_table.h"
#include "pipeline/live_table_fixture.h"

namespace netwatch::pipeline {
namespace {

class LiveTableHeld : public testing::Test {
 protected:
  LiveTableHeld() : table_({.source = "any", .interface = {}, .capturing = true}) {
    model::Interface interface;
    interface.name = "eth0";
    interface.up = interface.is_default = true;
    interface.addresses = {mine_.address};
    table_.take_interfaces({.taken_ns = kStart, .interfaces = {interface}});
    table_.publish(kStart, kStart, {});
  }

  // A look at kStart + `after_ns`; `owner` holds the socket, or there is none.
  void look(base::TimeNs after_ns, const model::Owner* owner,
            std::vector<model::HolderDoubt> doubts = {}) {
    model::SocketTable table{.taken_ns = kStart + after_ns,
                             .sockets = {},
                             .read_ns = kStart + after_ns + base::kNsPerMs,
                             .watches_holders = watches_,
                             .doubts = std::move(doubts)};
    if (owner != nullptr) {
      table.sockets = {tcp_socket(mine_, theirs_, *owner)};
      table.sockets[0].bytes_sent = table.sockets[0].bytes_received = bytes_;
    }
    table_.take_sockets(table);
  }
  model::Flow flow(model::FlowId id, base::TimeNs first_ns, base::TimeNs last_ns, bool ended) {
    model::Flow flow = tcp_flow(id, mine_, theirs_, 100, 100);
    flow.first_ns = kStart + first_ns;
    flow.last_ns = kStart + last_ns;
    flow.orig_by = model::OriginBy::kHandshake;
    flow.sides[0].payload_bytes = flow.sides[1].payload_bytes = 100;
    if (ended) flow.end = model::FlowEnd::kClosed;
    table_.on_flow(flow);
    return flow;
  }
  std::string name_of(const model::Flow& flow) {
    const auto owners = table_.owners_of(flow);
    return owners[0].process ? owners[0].process->comm : "";
  }
  static model::Owner held_by(const char* comm, std::uint32_t pid) {
    model::Owner owner = owned_by(comm, pid);
    owner.held_only = true;
    return owner;
  }

  const model::Endpoint mine_ = at("192.0.2.10", 50000);
  const model::Endpoint theirs_ = at("198.51.100.7", 443);
  const model::Owner held_ = held_by("sh", 7);
  const model::Owner proven_ = owned_by("curl", 7);
  std::int64_t bytes_ = 0;  // that the socket has moved, in each direction
  bool watches_ = true;     // for signs of other users
  LiveTable table_;
};

TEST_F(LiveTableHeld, WhoOnlyHeldItIsShownAndNotTold) {
  const auto open = flow(1, 0, 1, false);
  look(kSecond, &held_);
  EXPECT_EQ(name_of(open), "");
  const auto snapshot = table_.publish(kStart + kSecond, kStart + kSecond, {});
  EXPECT_EQ(snapshot->chunks[0]->rows[0].owners[0].name, "sh");
  look(2 * kSecond, &proven_);
  EXPECT_EQ(name_of(open), "curl");
}

TEST_F(LiveTableHeld, AtTheEndItIsToldIfNobodyElseCanHaveUsedIt) {
  (void)flow(1, 0, 1, false);
  look(kSecond, &held_);
  const auto ended = flow(1, 0, kSecond + kSecond / 4, true);
  EXPECT_EQ(name_of(ended), "");
  look(2 * kSecond, nullptr);
  EXPECT_EQ(name_of(ended), "sh");
}

// A server has answered; what it started holds the socket last.
TEST_F(LiveTableHeld, WhoHeldItWhileNothingMovedIsNotTold) {
  (void)flow(1, 0, 1, false);
  bytes_ = 100;  // of each direction, as the flow
  look(kSecond, &held_);
  const auto ended = flow(1, 0, kSecond + kSecond / 4, true);
  look(2 * kSecond, nullptr);
  EXPECT_EQ(name_of(ended), "");
}

// Where the kernel's word was missing at one look nobody has looked for signs.
TEST_F(LiveTableHeld, ALookThatWatchesNobodyTellsNothing) {
  (void)flow(1, 0, 1, false);
  look(kSecond, &held_);
  const auto ended = flow(1, 0, kSecond + kSecond / 4, true);
  watches_ = false;
  look(2 * kSecond, nullptr);
  EXPECT_EQ(name_of(ended), "");
}

TEST_F(LiveTableHeld, AtTheEndItIsForgottenIfSomebodyElseMayHave) {
  for (const bool is_gone : {false, true}) {
    const model::FlowId id = is_gone ? 2 : 1;
    (void)flow(id, 0, 1, false);
    look(kSecond, &held_);
    const auto ended = flow(id, 0, kSecond + kSecond / 4, true);
    look(2 * kSecond, nullptr, {{.process = held_.process, .is_gone = is_gone}});
    EXPECT_EQ(name_of(ended), "");
    const auto snapshot = table_.publish(kStart + kSecond, kStart + kSecond, {});
    EXPECT_EQ(snapshot->chunks[0]->rows[0].owners[0].quality, model::Quality::kUnknown);
  }
}

TEST_F(LiveTableHeld, WhoMovedItsBytesFromLookToLookKeepsItsNameWhenItIsGone) {
  for (const int looks : {1, 2}) {
    const auto id = static_cast<model::FlowId>(looks);
    (void)flow(id, 0, 1, false);
    for (bytes_ = 1; bytes_ <= looks; ++bytes_) look(kSecond, &proven_);
    const auto ended = flow(id, 0, kSecond + kSecond / 4, true);
    EXPECT_EQ(name_of(ended), "") << "until the next look";
    look(2 * kSecond, nullptr, {{.process = proven_.process, .is_gone = true}});
    EXPECT_EQ(name_of(ended), looks == 2 ? "curl" : "");
  }
}

TEST_F(LiveTableHeld, SoDoesWhoMovedAllOfThem) {
  (void)flow(1, 0, 1, false);
  bytes_ = 100;  // of each direction, as the flow
  look(kSecond, &proven_);
  const auto ended = flow(1, 0, kSecond + kSecond / 4, true);
  look(2 * kSecond, nullptr, {{.process = proven_.process, .is_gone = true}});
  EXPECT_EQ(name_of(ended), "curl");
}

TEST_F(LiveTableHeld, ASignOfAnotherTakesItAway) {
  (void)flow(1, 0, 1, false);
  look(kSecond, &proven_);
  const auto ended = flow(1, 0, kSecond + kSecond / 4, true);
  look(2 * kSecond, nullptr, {{.process = proven_.process, .is_gone = false}});
  EXPECT_EQ(name_of(ended), "");
}

TEST_F(LiveTableHeld, ADoubtWithoutAnEndTakesNothingAway) {
  const auto open = flow(1, 0, 1, false);
  look(kSecond, &proven_);
  look(2 * kSecond, &proven_, {{.process = proven_.process, .is_gone = false}});
  EXPECT_EQ(name_of(open), "curl");
}

TEST_F(LiveTableHeld, SeveralProgramsThatHoldItNowTakeItAway) {
  const auto open = flow(1, 0, 1, false);
  look(kSecond, &proven_);
  model::Owner several;
  several.holders = 2;
  look(2 * kSecond, &several);
  EXPECT_EQ(name_of(open), "");
}

// Equal ends twice between two looks.
TEST_F(LiveTableHeld, ASocketIsNotOfAFlowThatBeganLater) {
  look(kSecond, &proven_);
  const auto later = flow(1, kSecond + kSecond / 4, kSecond + kSecond / 2, true);
  EXPECT_EQ(name_of(later), "");
  const auto second = flow(2, kSecond + kSecond / 2, kSecond + kSecond / 2, true);
  look(2 * kSecond, nullptr);
  EXPECT_EQ(name_of(second), "");
}

TEST_F(LiveTableHeld, NorOfOneThatWasOverBefore) {
  const auto before = flow(1, 0, kSecond / 2, true);
  look(kSecond, &proven_);
  EXPECT_EQ(name_of(before), "");
}

}  // namespace
}  // namespace netwatch::pipeline
