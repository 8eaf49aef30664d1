// Which end of a connection is whose, and when it is over, as sockets tell.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline/live_table.h"

namespace netwatch::pipeline {
namespace {

constexpr base::TimeNs kSecond = base::kNsPerSecond;
constexpr base::TimeNs kStart = 1'700'000'000 * kSecond;

model::Endpoint at(const char* address, std::uint16_t port) {
  return {*base::IpAddress::parse(address), port};
}

model::Owner owned_by(const char* comm, std::uint32_t pid) {
  auto process = std::make_shared<model::Process>();
  process->pid = pid;
  process->comm = comm;
  return {.quality = model::Quality::kInferred,
          .via = model::OwnerVia::kSockDiag,
          .holders = 1,
          .process = std::move(process)};
}

model::Socket tcp_socket(const model::Endpoint& local, const model::Endpoint& remote,
                         model::Owner owner = {}) {
  model::Socket socket;
  socket.local = local;
  socket.remote = remote;
  socket.proto = model::ip_proto::kTcp;
  socket.state = model::TcpState::kEstablished;
  socket.inode = 4711;
  socket.owner = std::move(owner);
  return socket;
}

model::Flow tcp_flow(model::FlowId id, const model::Endpoint& orig, const model::Endpoint& resp,
                     std::uint64_t sent, std::uint64_t received) {
  model::Flow flow;
  flow.id = id;
  flow.proto = model::ip_proto::kTcp;
  flow.orig = orig;
  flow.resp = resp;
  flow.first_ns = flow.last_ns = kStart;
  flow.sides[0].wire_bytes = sent;
  flow.sides[1].wire_bytes = received;
  return flow;
}

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

}  // namespace
}  // namespace netwatch::pipeline
