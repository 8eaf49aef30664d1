// UDP sockets that share an address, and a socket that several processes use: who of them owns a
// flow is not known, and must not be said as if it were.
#include <gtest/gtest.h>

#include <string>

#include "pipeline/live_table.h"
#include "pipeline/live_table_fixture.h"

namespace netwatch::pipeline {
namespace {

model::Socket udp_socket(std::uint64_t cookie, const model::Endpoint& local, const char* comm,
                         std::uint32_t pid) {
  auto process = std::make_shared<model::Process>();
  process->pid = pid;
  process->start_ticks = pid;
  process->comm = comm;
  model::Socket socket;
  socket.proto = model::ip_proto::kUdp;
  socket.local = local;
  socket.cookie = cookie;
  socket.inode = 1000 + cookie;
  socket.owner = {.quality = model::Quality::kExact,
                  .via = model::OwnerVia::kEbpf,
                  .holders = 1,
                  .process = std::move(process)};
  return socket;
}

model::ClosedSocket closed(model::Socket socket, base::TimeNs opened_ns, base::TimeNs closed_ns) {
  socket.inode = 0;
  return {.socket = std::move(socket),
          .opened_ns = kStart + opened_ns,
          .closed_ns = kStart + closed_ns};
}

class SharedSockets : public testing::Test {
 protected:
  SharedSockets() : table_({.source = "any", .interface = {}, .capturing = true}) {
    table_.publish(kStart, kStart, {});
  }

  void look(base::TimeNs after_ns, std::vector<model::Socket> sockets) {
    table_.take_sockets({.taken_ns = kStart + after_ns, .sockets = std::move(sockets)});
  }
  void flow(model::FlowId id, base::TimeNs first_ns, base::TimeNs last_ns,
            const char* server = "127.0.0.1") {
    model::Flow flow;
    flow.id = id;
    flow.proto = model::ip_proto::kUdp;
    flow.orig = at(server, static_cast<std::uint16_t>(40'000 + id));
    flow.resp = at(server, 5600);
    flow.first_ns = kStart + first_ns;
    flow.last_ns = kStart + last_ns;
    table_.on_flow(flow);
  }
  // Who is said to serve, as "rsrv 7 exact".
  std::string server_of(model::FlowId id) {
    const auto snapshot = table_.publish(kStart, kStart, {});
    for (const auto& row : snapshot->chunks.at(0)->rows) {
      if (row.vacant || row.flow != id) continue;
      const model::RowOwner& owner = row.owners[1];
      if (owner.quality == model::Quality::kUnknown) return "nobody";
      return std::string(owner.name) + ' ' + std::to_string(owner.pid) + ' ' +
             std::string(model::quality_name(owner.quality));
    }
    return "no row";
  }

  const model::Endpoint any_ = at("0.0.0.0", 5600);
  const model::Socket one_ = udp_socket(1, any_, "one", 11);
  const model::Socket two_ = udp_socket(2, any_, "two", 12);
  LiveTable table_;
};

TEST_F(SharedSockets, OfTwoProgramsNoneIsNamed) {
  look(0, {one_, two_});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "nobody");
  // The one that ends first has shared the address as well, and so has the one that ends last.
  table_.take_closed({closed(one_, 0, 2 * kSecond)});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "nobody");
  look(3 * kSecond, {two_});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "nobody");
  table_.take_closed({closed(two_, 0, 4 * kSecond)});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "nobody");
}

TEST_F(SharedSockets, OfOneProgramsProcessesTheFirstIsLikely) {
  look(0, {udp_socket(2, any_, "one", 12), one_});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "one 11 inferred");
}

TEST_F(SharedSockets, OneProcessMayHaveSeveral) {
  look(0, {one_, udp_socket(2, any_, "one", 11)});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "one 11 exact");
}

TEST_F(SharedSockets, SocketsThatNoLookHasSeen) {
  table_.take_closed({closed(one_, 0, 2 * kSecond), closed(two_, kSecond, 3 * kSecond)});
  flow(1, 0, 2 * kSecond);
  EXPECT_EQ(server_of(1), "nobody");
}

// An address that is handed on is not shared.
TEST_F(SharedSockets, OneAfterTheOther) {
  look(0, {one_});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "one 11 exact");
  table_.take_closed({closed(one_, 0, 2 * kSecond)});
  look(3 * kSecond, {two_});
  flow(2, kSecond, 2 * kSecond);
  flow(3, 3 * kSecond, 4 * kSecond);
  EXPECT_EQ(server_of(2), "one 11 exact");
  EXPECT_EQ(server_of(3), "two 12 exact");
  table_.take_closed({closed(two_, 2 * kSecond + kSecond / 2, 5 * kSecond)});
  flow(4, kSecond, 2 * kSecond);
  flow(5, 3 * kSecond, 4 * kSecond);
  flow(6, kSecond, 4 * kSecond);
  EXPECT_EQ(server_of(4), "one 11 exact");
  EXPECT_EQ(server_of(5), "two 12 exact");
  EXPECT_EQ(server_of(6), "two 12 exact");
}

// A server that connects a socket of its own to each client (RFC 1350 does so) shares nothing.
TEST_F(SharedSockets, WhoIsConnectedComesFirst) {
  model::Socket connected = udp_socket(2, at("127.0.0.1", 5600), "child", 12);
  connected.remote = at("127.0.0.1", 40'001);
  look(0, {one_, connected});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "child 12 exact");
  table_.take_closed({closed(connected, 0, 2 * kSecond)});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "child 12 exact");
}

// One socket, two processes, each with a peer of its own: the last user is not every row's owner.
TEST_F(SharedSockets, ASocketOfTwoProcesses) {
  model::Socket used_by_kid0 = udp_socket(1, any_, "kid0", 11);
  model::Socket used_by_kid1 = udp_socket(1, any_, "kid1", 12);
  used_by_kid0.owner.holders = used_by_kid1.owner.holders = 2;
  look(kSecond, {used_by_kid0});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "kid0 11 inferred");
  look(3 * kSecond, {used_by_kid1});
  flow(1, 0, kSecond);
  flow(2, 2 * kSecond, 3 * kSecond);
  EXPECT_EQ(server_of(1), "kid0 11 inferred");
  EXPECT_EQ(server_of(2), "kid1 12 inferred");
  // The one that is left was not the only one, nor is the one that lets go last.
  used_by_kid1.owner.holders = 1;
  look(4 * kSecond, {used_by_kid1});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "kid0 11 inferred");
  table_.take_closed({closed(used_by_kid1, -kSecond, 5 * kSecond)});
  flow(1, 0, kSecond);
  flow(2, 2 * kSecond, 3 * kSecond);
  EXPECT_EQ(server_of(1), "kid0 11 inferred");
  EXPECT_EQ(server_of(2), "kid1 12 inferred");
}

// Who holds it besides has never used it (socket activation).
TEST_F(SharedSockets, ASocketThatOneOfItsHoldersUses) {
  model::Socket activated = udp_socket(1, any_, "service", 12);
  activated.owner.holders = 2;
  activated.users = model::SocketUsers::kOne;
  activated.peers = std::make_shared<const model::SocketPeers>(
      model::SocketPeers{.peers = {{.peer = at("127.0.0.1", 40'001), .sent = 1, .received = 1}}});
  look(kSecond, {activated});
  flow(1, 0, kSecond);
  flow(2, 0, kSecond);
  EXPECT_EQ(server_of(1), "service 12 exact");
  EXPECT_EQ(server_of(2), "service 12 inferred") << "nobody has taken what this peer sent";
  // From its end on nobody else can.
  table_.take_closed({closed(activated, 0, 2 * kSecond)});
  flow(2, 0, kSecond);
  EXPECT_EQ(server_of(2), "service 12 exact");
}

// No look has seen two holders, but the kernel has seen two users.
TEST_F(SharedSockets, ASocketThatTwoHaveUsed) {
  model::Socket used_by_both = udp_socket(1, any_, "kid1", 12);
  used_by_both.users = model::SocketUsers::kSeveral;
  look(kSecond, {used_by_both});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "kid1 12 inferred");
  table_.take_closed({closed(used_by_both, 0, 2 * kSecond)});
  flow(2, 0, kSecond);
  EXPECT_EQ(server_of(2), "kid1 12 inferred");
  used_by_both.cookie = 2;
  used_by_both.local = at("127.0.0.1", 5600);
  used_by_both.remote = at("127.0.0.1", 40'003);
  look(4 * kSecond, {used_by_both});
  flow(3, 3 * kSecond, 4 * kSecond);
  EXPECT_EQ(server_of(3), "kid1 12 exact") << "a connection is handed on";
}

TEST_F(SharedSockets, AnIpv6SocketThatTakesIpv4OrDoesNot) {
  model::Socket any_v6 = udp_socket(1, at("::", 5600), "one", 11);
  any_v6.v6_only = true;
  look(0, {any_v6});
  flow(1, 0, kSecond);
  flow(2, 0, kSecond, "::1");
  EXPECT_EQ(server_of(1), "nobody");
  EXPECT_EQ(server_of(2), "one 11 exact");
  any_v6.v6_only.reset();  // an end does not tell
  table_.take_closed({closed(any_v6, 0, 2 * kSecond)});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "nobody");
  model::Socket both = udp_socket(2, at("::", 5600), "two", 12);
  both.v6_only = false;
  look(3 * kSecond, {both});
  flow(3, 3 * kSecond, 4 * kSecond);
  EXPECT_EQ(server_of(3), "two 12 exact");
}

// Nobody has told whether it is IPV6_V6ONLY.
TEST_F(SharedSockets, AnIpv4FlowOfASocketBoundToAnyIpv6Address) {
  const model::Socket any_v6 = udp_socket(1, at("::", 5600), "one", 11);
  look(0, {any_v6});
  flow(1, 0, kSecond);
  flow(2, 0, kSecond, "::1");
  EXPECT_EQ(server_of(1), "one 11 inferred");
  EXPECT_EQ(server_of(2), "one 11 exact");
  table_.take_closed({closed(any_v6, 0, 2 * kSecond)});
  flow(1, 0, kSecond);
  EXPECT_EQ(server_of(1), "one 11 inferred");
}

}  // namespace
}  // namespace netwatch::pipeline
