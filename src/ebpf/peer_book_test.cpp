#include "ebpf/peer_book.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace netwatch::ebpf {
namespace {

using Moved = std::pair<std::uint64_t, std::uint64_t>;

// A table as programs write it.
class Table {
 public:
  void add(std::uint64_t cookie, std::uint16_t port, std::uint64_t sent, std::uint64_t received) {
    PeerHalf& half = table_->halves[table_->turn & 1];
    for (std::uint32_t i = 0; i < half.used; ++i) {
      PeerSlot& slot = half.slots[half.order[i] - 1];
      if (slot.cookie != cookie || slot.port != port) continue;
      slot.sent += sent;
      slot.received += received;
      return;
    }
    // Anywhere, as by a hash.
    const std::uint32_t number = (half.used * 7919 + 13) % NETWATCH_PEER_SLOTS;
    half.slots[number] = {.cookie = cookie,
                          .address = {0, 0x0100007fffff0000},
                          .sent = sent,
                          .received = received,
                          .port = port,
                          .state = kPeerSlotUsed};
    half.order[half.used++] = number + 1;
  }
  PeerTable& get() { return *table_; }

 private:
  std::unique_ptr<PeerTable> table_ = std::make_unique<PeerTable>();
};

constexpr PeersNote kTold{.unknown_sent = 0, .unknown_received = 0, .told = 1, .reserved = 0};

std::map<std::uint16_t, Moved> by_port(const std::shared_ptr<const model::SocketPeers>& peers) {
  std::map<std::uint16_t, Moved> out;
  if (!peers) return out;
  for (const model::PeerPayload& one : peers->peers) {
    EXPECT_EQ(one.peer.address.to_string(), "127.0.0.1");
    EXPECT_TRUE(out.emplace(one.peer.port, Moved{one.sent, one.received}).second);
  }
  return out;
}

std::shared_ptr<const model::SocketPeers> end(PeerBook& book, std::uint64_t cookie) {
  std::vector<PeerBook::Ended> ended(1);
  ended[0].cookie = cookie;
  ended[0].note = kTold;
  book.end(ended);
  return ended[0].peers;
}

TEST(PeerBook, SumsOverManyLooks) {
  Table table;
  int waits = 0;
  PeerBook book(table.get(), [&] { ++waits; });
  for (std::uint64_t look = 1; look <= 10; ++look) {
    table.add(1, 53, 10, 1);
    if (look % 2 == 0) table.add(1, 80, 0, 100);
    table.add(2, 53, 7, 0);
    book.turn();
    std::map<std::uint16_t, Moved> wanted{{53, {10 * look, look}}};
    if (look >= 2) wanted[80] = {0, look / 2 * 100};
    EXPECT_EQ(by_port(book.find(1, kTold)), wanted);
    EXPECT_EQ(by_port(book.find(2, kTold)), (std::map<std::uint16_t, Moved>{{53, {7 * look, 0}}}));
  }
  EXPECT_GE(waits, 8) << "no half is emptied while programs may write into it";
  // Who moves nothing is told by the same object.
  for (int i = 0; i < 3; ++i) book.turn();
  const auto before = book.find(1, kTold);
  book.turn();
  EXPECT_EQ(book.find(1, kTold), before);
  EXPECT_EQ(book.find(3, PeersNote{}), nullptr);
}

TEST(PeerBook, TheEndTellsAllAndForgets) {
  Table table;
  PeerBook book(table.get(), [] {});
  table.add(1, 53, 10, 1);
  book.turn();
  table.add(1, 53, 5, 0);
  table.add(1, 54, 6, 0);
  table.add(2, 53, 1, 1);
  EXPECT_EQ(by_port(end(book, 1)), (std::map<std::uint16_t, Moved>{{53, {15, 1}}, {54, {6, 0}}}));
  // What is still in the table is no new socket's.
  for (int i = 0; i < 6; ++i) {
    book.turn();
    EXPECT_EQ(book.find(1, kTold) == nullptr, i < 3);
  }
  EXPECT_EQ(by_port(book.find(2, kTold)), (std::map<std::uint16_t, Moved>{{53, {1, 1}}}));
  EXPECT_EQ(book.size(), 1U);
  EXPECT_EQ(by_port(end(book, 2)), (std::map<std::uint16_t, Moved>{{53, {1, 1}}}));
  EXPECT_EQ(book.size(), 0U);
}

TEST(PeerBook, WhoMovedNothingForLongestMakesRoom) {
  Table table;
  PeerBook book(table.get(), [] {}, 80);
  std::uint64_t sent = 0;
  for (std::uint16_t port = 1; port <= 500; ++port) {
    table.add(1, port, 3, 1);
    table.add(1, 60000, 1, 0);  // all the time
    sent += 4;
    book.turn();
    EXPECT_LE(book.size(), 80U);
  }
  const auto peers = book.find(1, kTold);
  ASSERT_TRUE(peers);
  const auto told = by_port(peers);
  EXPECT_EQ(told.at(60000), (Moved{500, 0}));
  EXPECT_EQ(told.at(500), (Moved{3, 1}));
  EXPECT_FALSE(told.contains(1));
  EXPECT_GE(told.size(), 60U);
  for (const auto& [port, moved] : told) sent -= moved.first;
  EXPECT_EQ(peers->unknown_sent, sent);
}

// A table that was damaged costs no more than what it tells.
TEST(PeerBook, OddTables) {
  Table table;
  PeerBook book(table.get(), [] {});
  table.add(1, 53, 10, 1);
  table.get().halves[0].order[1] = 0xffffffff;
  table.get().halves[0].order[2] = NETWATCH_PEER_SLOTS + 1;
  table.get().halves[0].used = 0xffffffff;
  for (int i = 0; i < 3; ++i) book.turn();
  EXPECT_EQ(by_port(book.find(1, kTold)), (std::map<std::uint16_t, Moved>{{53, {10, 1}}}));
}

}  // namespace
}  // namespace netwatch::ebpf
