#include "pipeline/socket_filter.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "dpi/protocols.h"
#include "model/flow_fields.h"

namespace netwatch::pipeline {
namespace {

std::vector<const model::Schema*> schemas() {
  std::vector<const model::Schema*> all{&model::flow_schema()};
  for (const dpi::ProtocolDef* protocol : dpi::protocols()) all.push_back(protocol->schema);
  return all;
}

model::Socket curl() {
  model::Socket socket;
  socket.proto = model::ip_proto::kTcp;
  socket.state = model::TcpState::kEstablished;
  socket.local = {*base::IpAddress::parse("10.0.0.1"), 51514};
  socket.remote = {*base::IpAddress::parse("2001:db8::7"), 443};
  socket.uid = 1000;
  socket.rtt_us = 18'250;
  socket.bytes_sent = 1260;
  socket.retransmits = 2;
  auto process = std::make_shared<model::Process>();
  process->pid = 4242;
  process->comm = "curl";
  process->user = "alice";
  socket.owner = {model::Quality::kExact, model::OwnerVia::kEbpf, 1, std::move(process)};
  return socket;
}

model::Socket resolver() {
  model::Socket socket;
  socket.proto = model::ip_proto::kUdp;
  socket.local = {*base::IpAddress::parse("127.0.0.1"), 53};
  return socket;
}

bool accepts(std::string_view text, const model::Socket& socket) {
  auto filter = SocketFilter::parse(text, schemas());
  if (!filter) {
    ADD_FAILURE() << filter.error().render(text);
    return false;
  }
  return filter->accepts(socket);
}

TEST(SocketFilter, AnswersWhatASocketHas) {
  for (const char* text :
       {"process:curl", "curl", "state == ESTAB", "remote.port == 443", "local.ip == 10.0.0.0/8",
        "ip.addr == 2001:db8::/32", "tcp", "rtt_us > 10ms", "sent_bytes >= 1kB", "uid == 1000",
        "retransmitted == 2", "owner.quality == exact", "owner.via == ebpf", "user:alice",
        "not udp", "port:443 and not state:LISTEN", "pid:4242"}) {
    EXPECT_TRUE(accepts(text, curl())) << text;
    EXPECT_FALSE(accepts(text, resolver())) << text;
  }
}

TEST(SocketFilter, WhatIsUnknownMatchesNothing) {
  for (const char* text :
       {"state", "remote.port == 0", "remote.ip", "rtt_us < 1s", "sent_bytes == 0", "owner.name"}) {
    EXPECT_FALSE(accepts(text, resolver())) << text;
  }
  EXPECT_TRUE(accepts("udp and port:53 and owner.quality == unknown", resolver()));
}

TEST(SocketFilter, RefusesWhatASocketCannotAnswer) {
  const auto column = [](std::string_view text) -> std::size_t {
    const auto filter = SocketFilter::parse(text, schemas());
    return filter ? std::string_view::npos : filter.error().column;
  };
  EXPECT_EQ(column("tcp and tls.sni == example.org"), 8U);
  EXPECT_EQ(column("ip.src == 10.0.0.1"), 0U);  // nobody says who began
  EXPECT_EQ(column("app:tls"), 0U);
  EXPECT_EQ(column("tcp and (curl or packets > 3)"), 17U);
  EXPECT_EQ(column("local.prot == 3"), 0U);
  EXPECT_EQ(column("curl"), std::string_view::npos);
}

}  // namespace
}  // namespace netwatch::pipeline
