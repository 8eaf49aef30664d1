// Which end of a connection is whose, and when it is over, as sockets tell.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline/live_table.h"
#include "pipeline/live_table_fixture.h"

namespace netwatch::pipeline {
namespace {

model::ClosedSocket closed_socket(const model::Endpoint& local, const model::Endpoint& remote,
                                  const char* comm, base::TimeNs closed_ns) {
  model::ClosedSocket closed;
  closed.socket = tcp_socket(local, remote, owned_by(comm, 7));
  closed.socket.inode = 0;
  closed.socket.bytes_sent = 100;
  closed.socket.bytes_received = 200;
  closed.opened_ns = kStart - 1;
  closed.closed_ns = closed_ns;
  return closed;
}

class LiveTableEnds : public testing::Test {
 protected:
  LiveTableEnds() {
    model::Interface interface;
    interface.name = "eth0";
    interface.addresses = {mine_.address};
    table_.take_interfaces({.taken_ns = kStart, .interfaces = {interface}});
    table_.publish(kStart, kStart, {});
  }
  void look(std::vector<model::Socket> sockets) {
    table_.take_sockets({.taken_ns = kStart, .sockets = std::move(sockets)});
  }
  // The only row, a second later.
  model::ConnectionRow row() {
    now_ns_ += kSecond;
    snapshot_ = table_.publish(now_ns_, now_ns_, {});
    EXPECT_EQ(snapshot_->chunks.size(), 1U);
    EXPECT_EQ(snapshot_->chunks.at(0)->rows.size(), 1U);
    return snapshot_->chunks.at(0)->rows.at(0);
  }

  const model::Endpoint mine_ = at("192.0.2.10", 50000);
  const model::Endpoint theirs_ = at("198.51.100.7", 443);
  base::TimeNs now_ns_ = kStart;
  model::SnapshotPtr snapshot_;
  LiveTable table_{{.source = "any", .interface = {}, .capturing = true}};
};

// A flow waits for packets that may still come: that is no reason to call it open.
TEST_F(LiveTableEnds, ASocketThatIsGoneSaysSoBeforeItsFlowEnds) {
  const auto socket = tcp_socket(mine_, theirs_, owned_by("curl", 7));
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1, 1));
  look({socket});
  EXPECT_FALSE(row().socket_gone);
  table_.take_closed({closed_socket(mine_, theirs_, "curl", kStart + 1)});
  EXPECT_EQ(row().end, model::FlowEnd::kOpen);
  EXPECT_TRUE(row().socket_gone);
  table_.on_flow(tcp_flow(1, mine_, theirs_, 2, 2));
  EXPECT_TRUE(row().socket_gone);
  // TCP still ends it.
  auto ending = socket;
  ending.state = model::TcpState::kFinWait1;
  ending.inode = 0;
  look({ending});
  EXPECT_EQ(row().state, model::TcpState::kFinWait1);
  look({});
  EXPECT_TRUE(row().socket_gone);
}

TEST_F(LiveTableEnds, ASocketThatCameAndWentBeforeItsFlowIsGone) {
  table_.take_closed({closed_socket(mine_, theirs_, "curl", kStart + 1)});
  table_.on_flow(tcp_flow(1, mine_, theirs_, 1, 1));
  EXPECT_TRUE(row().socket_gone);
}

class LiveTableOriginator : public LiveTableEnds {
 protected:
  LiveTableOriginator() { table_.set_capturing(false); }
  static model::Socket listener(const model::Endpoint& local) {
    model::Socket socket = tcp_socket(local, {}, owned_by("srv", 8));
    socket.state = model::TcpState::kListen;
    return socket;
  }
  // Of the two sockets in this order, and whatever else.
  model::ConnectionRow row_of(const model::Endpoint& first, const model::Endpoint& second,
                              std::vector<model::Socket> more) {
    more.push_back(socket_at(first, second));
    more.push_back(socket_at(second, first));
    look(std::move(more));
    return row();
  }
  [[nodiscard]] model::Socket socket_at(const model::Endpoint& local,
                                        const model::Endpoint& remote) const {
    const bool is_client = local == client_;
    model::Socket socket = tcp_socket(local, remote, owned_by(is_client ? "cli" : "srv", 7));
    socket.bytes_sent = is_client ? 1000 : 20;
    socket.bytes_received = is_client ? 20 : 1000;
    return socket;
  }
  void expect_from_client(const model::ConnectionRow& row) const {
    EXPECT_EQ(row.local, client_);
    EXPECT_TRUE(row.local_is_originator);
    EXPECT_TRUE(row.originator_known);
    EXPECT_EQ(row.owners[0].name, "cli");
    EXPECT_EQ(row.owners[1].name, "srv");
    EXPECT_EQ(row.kernel_up_bytes, 1000U);
    EXPECT_EQ(row.kernel_down_bytes, 20U);
    EXPECT_EQ(snapshot_->talkers.at(0)->process, "cli");
  }

  // The beginner's port is the lower one: ports decide nothing.
  const model::Endpoint client_ = at("127.0.0.1", 7000);
  const model::Endpoint server_ = at("127.0.0.1", 8099);
};

TEST_F(LiveTableOriginator, WhoListensHasNotBegunIt) {
  expect_from_client(row_of(server_, client_, {listener(server_)}));
}

TEST_F(LiveTableOriginator, TheOrderOfALookDoesNotMatter) {
  expect_from_client(row_of(client_, server_, {listener(server_)}));
}

TEST_F(LiveTableOriginator, AListenerOfAnyAddressAndOfBothFamilies) {
  expect_from_client(row_of(server_, client_, {listener(at("0.0.0.0", 8099))}));
  LiveTable other({.source = "any", .interface = {}, .capturing = false});
  other.take_sockets({.taken_ns = kStart,
                      .sockets = {listener(at("::", 8099)), socket_at(server_, client_),
                                  socket_at(client_, server_)}});
  EXPECT_EQ(other.publish(kStart, kStart, {})->row(0)->local, client_);
}

TEST_F(LiveTableOriginator, WhatWasFoundStaysWhenTheListenerCloses) {
  row_of(server_, client_, {listener(server_)});
  expect_from_client(row_of(server_, client_, {listener(client_)}));
}

// `nc -l` closes its listener when it has accepted.
TEST_F(LiveTableOriginator, WhereNothingTellsTheRowSaysSo) {
  for (const auto& [first, second] : {std::pair(server_, client_), std::pair(client_, server_)}) {
    LiveTable table({.source = "any", .interface = {}, .capturing = false});
    table.take_sockets(
        {.taken_ns = kStart, .sockets = {socket_at(first, second), socket_at(second, first)}});
    const auto snapshot = table.publish(kStart, kStart, {});
    const model::ConnectionRow& row = *snapshot->row(0);
    EXPECT_FALSE(row.originator_known);
    EXPECT_EQ(row.local, server_) << "the order is always the same";
    EXPECT_EQ(row.owners[0].name, "srv");
    EXPECT_EQ(row.owners[1].name, "cli");
  }
}

TEST_F(LiveTableOriginator, BothHaveEnded) {
  look({listener(server_)});
  auto server = closed_socket(server_, client_, "srv", kStart + 2);
  server.socket.bytes_sent = 20;
  server.socket.bytes_received = 1000;
  auto client = closed_socket(client_, server_, "cli", kStart + 1);
  client.socket.bytes_sent = 1000;
  client.socket.bytes_received = 20;
  table_.take_closed({server, client});
  expect_from_client(row());
}

TEST_F(LiveTableOriginator, OfOtherHosts) {
  look({tcp_socket(mine_, theirs_)});
  EXPECT_TRUE(row().local_is_originator);
  LiveTable other({.source = "any", .interface = {}, .capturing = false});
  other.take_sockets(
      {.taken_ns = kStart,
       .sockets = {listener(at("0.0.0.0", mine_.port)), tcp_socket(mine_, theirs_)}});
  const auto snapshot = other.publish(kStart, kStart, {});
  EXPECT_EQ(snapshot->row(0)->local, mine_);
  EXPECT_FALSE(snapshot->row(0)->local_is_originator);
}

// A flow knows better: it has seen the SYN.
TEST_F(LiveTableOriginator, AFlowDecides) {
  row_of(server_, client_, {listener(client_)});
  table_.on_flow(tcp_flow(1, client_, server_, 10, 20));
  look({listener(client_), socket_at(server_, client_), socket_at(client_, server_)});
  const auto row = this->row();
  EXPECT_EQ(row.local, client_);
  EXPECT_TRUE(row.local_is_originator);
  EXPECT_EQ(row.owners[0].name, "cli");
  EXPECT_EQ(row.kernel_up_bytes, 1000U);
}

}  // namespace
}  // namespace netwatch::pipeline
