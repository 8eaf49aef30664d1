// Sockets of other network namespaces beside ours: equal addresses are not the same connection.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline/live_table.h"
#include "pipeline/live_table_fixture.h"

namespace netwatch::pipeline {
namespace {

constexpr std::uint64_t kOurs = 4'026'531'840;
constexpr std::uint64_t kTheirs = 4'026'532'999;

model::Socket socket_in(std::uint64_t netns, const model::Endpoint& local,
                        const model::Endpoint& remote, const char* comm) {
  model::Socket socket;
  socket.proto = model::ip_proto::kTcp;
  socket.state = model::TcpState::kEstablished;
  socket.local = local;
  socket.remote = remote;
  socket.netns = netns;
  socket.inode = socket.cookie = 4711;  // older kernels number each namespace's
  socket.bytes_sent = socket.bytes_received = 10;
  auto process = std::make_shared<model::Process>();
  process->pid = netns == kOurs ? 7 : 8;
  process->comm = comm;
  socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, std::move(process)};
  return socket;
}

model::Flow flow_of(model::FlowId id, const model::Endpoint& orig, const model::Endpoint& resp) {
  model::Flow flow;
  flow.id = id;
  flow.proto = model::ip_proto::kTcp;
  flow.orig = orig;
  flow.resp = resp;
  flow.first_ns = flow.last_ns = kStart;
  flow.sides[0].wire_bytes = 100;
  return flow;
}

class LiveTableNamespaces : public testing::Test {
 protected:
  LiveTableNamespaces() {
    model::Interface interface;
    interface.name = "eth0";
    interface.addresses = {mine_.address};
    table_.take_interfaces({.taken_ns = kStart, .interfaces = {interface}});
    table_.publish(kStart, kStart, {});
  }
  void look(std::vector<model::Socket> sockets) {
    model::SocketTable table{.taken_ns = kStart, .sockets = std::move(sockets)};
    table.own_netns = kOurs;
    table.namespaces.resize(2);
    table.namespaces[0].inode = kOurs;
    table.namespaces[0].own = true;
    table.namespaces[1].inode = kTheirs;
    table.namespaces[1].container = "c0ffee";
    table_.take_sockets(table);
  }
  model::SnapshotPtr publish() { return table_.publish(kStart + kSecond, kStart + kSecond, {}); }
  // The rows as "owner of local/owner of remote, container, flow or none".
  std::vector<std::string> rows() {
    const auto snapshot = publish();
    std::vector<std::string> out;
    for (const auto& chunk : snapshot->chunks) {
      for (const model::ConnectionRow& row : chunk->rows) {
        if (row.vacant) continue;
        std::string line(row.owners[0].name);
        line += "/" + std::string(row.owners[1].name);
        if (const auto* netns = snapshot->namespace_of(row)) line += " in " + netns->container;
        if (row.flow != model::kNoFlow) line += " flow";
        if (row.end != model::FlowEnd::kOpen) line += " ended";
        out.push_back(line);
      }
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  using Lines = std::vector<std::string>;

  const model::Endpoint mine_ = at("10.0.0.2", 50000);
  const model::Endpoint theirs_ = at("10.0.0.7", 443);
  LiveTable table_{{.source = "any", .interface = {}, .capturing = true, .netns = kOurs}};
};

TEST_F(LiveTableNamespaces, EqualEndsAreAConnectionEach) {
  look({socket_in(kTheirs, mine_, theirs_, "inside"), socket_in(kOurs, mine_, theirs_, "curl")});
  table_.on_flow(flow_of(1, mine_, theirs_));
  EXPECT_EQ(rows(), (Lines{"curl/ flow", "inside/ in c0ffee"}));
  look({socket_in(kTheirs, mine_, theirs_, "inside")});
  EXPECT_EQ(rows(), (Lines{"curl/ flow", "inside/ in c0ffee"}));
}

TEST_F(LiveTableNamespaces, AFlowOfOursIsNoSocketsOfAnother) {
  table_.on_flow(flow_of(1, mine_, theirs_));
  look({socket_in(kTheirs, mine_, theirs_, "inside")});
  EXPECT_EQ(rows(), (Lines{"/ flow", "inside/ in c0ffee"}));
}

TEST_F(LiveTableNamespaces, LoopbackOfEach) {
  const auto client = at("127.0.0.1", 40'000);
  const auto server = at("127.0.0.1", 80);
  look({socket_in(kTheirs, client, server, "curl2"), socket_in(kTheirs, server, client, "nginx2"),
        socket_in(kOurs, client, server, "curl"), socket_in(kOurs, server, client, "nginx")});
  table_.on_flow(flow_of(1, client, server));
  EXPECT_EQ(rows(), (Lines{"curl/nginx flow", "curl2/nginx2 in c0ffee"}));
}

// A listener of ours tells nothing of a connection elsewhere.
TEST_F(LiveTableNamespaces, WhoListensInEach) {
  const auto client = at("10.0.0.9", 40'000);
  const auto server = at("10.0.0.9", 80);
  auto ours = socket_in(kOurs, client, {}, "other");
  auto theirs = socket_in(kTheirs, server, {}, "nginx");
  ours.state = theirs.state = model::TcpState::kListen;
  look({ours, theirs, socket_in(kTheirs, server, client, "nginx"),
        socket_in(kTheirs, client, server, "curl")});
  EXPECT_EQ(rows(), Lines{"curl/nginx in c0ffee"});
}

TEST_F(LiveTableNamespaces, AnEndOfAnotherEndsNothingOfOurs) {
  auto unnamed = socket_in(kOurs, mine_, theirs_, "");
  unnamed.owner = {};
  look({unnamed});
  table_.on_flow(flow_of(1, mine_, theirs_));
  table_.take_closed({{.socket = socket_in(kTheirs, mine_, theirs_, "inside"),
                       .opened_ns = kStart - 1,
                       .closed_ns = kStart + 1}});
  // No packet of it will ever be seen: what its end tells is its row, also while we capture.
  EXPECT_EQ(rows(), (Lines{"/ flow", "inside/ in c0ffee ended"}));
  // The same number as that of the socket which is there.
  look({socket_in(kOurs, mine_, theirs_, "curl")});
  EXPECT_EQ(rows(), (Lines{"curl/ flow", "inside/ in c0ffee ended"}));
}

TEST_F(LiveTableNamespaces, ALookThatIsOlderThanAnEndBringsNothingBack) {
  const auto inside = socket_in(kTheirs, mine_, theirs_, "inside");
  look({inside});
  table_.take_closed({{.socket = inside, .opened_ns = kStart - 1, .closed_ns = kStart + 1}});
  auto kept = inside;
  kept.kept = true;
  look({kept});
  EXPECT_EQ(rows(), Lines{"inside/ in c0ffee ended"});
}

TEST_F(LiveTableNamespaces, WhatALookDidNotReadAnewStays) {
  auto inside = socket_in(kTheirs, mine_, theirs_, "inside");
  look({inside});
  inside.kept = true;
  look({inside});
  look({inside});
  EXPECT_EQ(rows(), Lines{"inside/ in c0ffee"});
}

// Two seconds lie between two looks, and a publication in between.
TEST_F(LiveTableNamespaces, RatesAreOfAllTheTimeBetweenTwoLooks) {
  auto inside = socket_in(kTheirs, mine_, theirs_, "inside");
  int seconds = 0;
  const auto second = [&](bool anew, std::int64_t sent) {
    inside.kept = !anew;
    inside.bytes_sent = sent;
    look({inside});
    ++seconds;
    const base::TimeNs now_ns = kStart + seconds * kSecond;
    const auto snapshot = table_.publish(now_ns, now_ns, {});
    return snapshot->chunks[0]->rows[0].up_rate;
  };
  second(true, 0);
  second(false, 0);
  EXPECT_FLOAT_EQ(second(true, 3000), 1500);
  EXPECT_FLOAT_EQ(second(false, 3000), 1500);
  EXPECT_FLOAT_EQ(second(true, 3000), 0);
  EXPECT_FLOAT_EQ(second(true, 4000), 1000);
  for (int i = 0; i < 40; ++i) second(false, 4000);
  EXPECT_FLOAT_EQ(second(false, 4000), 0) << "nobody looks any more";
}

TEST_F(LiveTableNamespaces, EndsBeforeTheFirstLookAreApartToo) {
  table_.take_closed({{.socket = socket_in(kTheirs, mine_, theirs_, "inside"),
                       .opened_ns = kStart - 1,
                       .closed_ns = kStart + 1}});
  table_.on_flow(flow_of(1, mine_, theirs_));
  EXPECT_EQ(rows(), (Lines{"/ flow", "inside/ ended"}));
}

}  // namespace
}  // namespace netwatch::pipeline
