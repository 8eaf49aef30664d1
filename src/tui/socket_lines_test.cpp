#include "tui/socket_lines.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tui/grapheme.h"

namespace netwatch::tui {
namespace {

model::Endpoint end(std::string_view address, std::uint16_t port) {
  return {*base::IpAddress::parse(address), port};
}

model::Owner owner(const char* comm, const char* user) {
  auto process = std::make_shared<model::Process>();
  process->pid = 4242;
  process->comm = comm;
  process->user = user;
  process->uid = 1000;
  return {model::Quality::kExact, model::OwnerVia::kEbpf, 1, std::move(process)};
}

std::vector<model::Socket> some() {
  model::Socket curl;
  curl.proto = model::ip_proto::kTcp;
  curl.state = model::TcpState::kEstablished;
  curl.local = end("192.168.1.10", 51514);
  curl.remote = end("192.0.2.7", 443);
  curl.owner = owner("curl", "alice");
  curl.rtt_us = 18'250;
  curl.bytes_sent = 1260;
  curl.bytes_received = 8464;
  curl.retransmits = 0;
  model::Socket hostile = curl;
  hostile.state = model::TcpState::kCloseWait;
  hostile.local = end("2001:db8:1234:5678:9abc:def0:1234:5678", 51514);
  hostile.remote = end("2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", 65535);
  hostile.owner = owner("a\x1b[2Jb\xe2\x80\xae", "");
  hostile.rtt_us = -1;
  model::Socket resolver;
  resolver.proto = model::ip_proto::kUdp;
  resolver.local = end("127.0.0.1", 53);
  return {curl, hostile, resolver};
}

std::vector<std::string> lines(const std::vector<model::Socket>& sockets, int columns) {
  std::vector<const model::Socket*> rows;
  rows.reserve(sockets.size());
  for (const model::Socket& socket : sockets) rows.push_back(&socket);
  const std::string text = socket_lines(rows, columns);
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t stop = text.find('\n', begin);
    out.push_back(text.substr(begin, stop - begin));
    begin = stop + 1;
  }
  return out;
}

TEST(SocketLines, InAPipeNothingIsCut) {
  const auto out = lines(some(), 0);
  ASSERT_EQ(out.size(), 4U);
  EXPECT_TRUE(out[0].starts_with("L4   STATE       LOCAL")) << out[0];
  for (const char* part : {"tcp  ESTAB ", "192.168.1.10:51514 ", "192.0.2.7:443 ", "curl ",
                           "  4242  alice  exact    ebpf  1.26 kB   8.46 kB  18 ms     0"}) {
    EXPECT_NE(out[1].find(part), std::string::npos) << part << " in " << out[1];
  }
  EXPECT_NE(out[2].find("[2001:db8:ffff:ffff:ffff:ffff:ffff:fffe]:65535  "), std::string::npos);
  // What has no name is shown by its number.
  EXPECT_NE(out[2].find("  1000  "), std::string::npos) << out[2];
  EXPECT_NE(out[3].find("127.0.0.1:53 "), std::string::npos);
  EXPECT_NE(out[3].find("  *  "), std::string::npos);
  EXPECT_NE(out[3].find("  unknown  –"), std::string::npos) << out[3];
}

TEST(SocketLines, HostileNamesDoNothing) {
  const auto out = lines(some(), 0);
  EXPECT_NE(out[2].find("a\\x1b[2Jb\\u{202e}"), std::string::npos) << out[2];
}

TEST(SocketLines, FitsEveryTerminalAndKeepsPorts) {
  for (int columns = 1; columns <= 240; ++columns) {
    for (const std::string& line : lines(some(), columns)) {
      EXPECT_LE(text_columns(line), columns) << line;
    }
  }
  const auto out = lines(some(), 80);
  for (const char* part : {":51514 ", ":65535 ", "CLOSE-WAIT", " 4242 ", "exact"}) {
    EXPECT_NE(out[2].find(part), std::string::npos) << part << " in " << out[2];
  }
  EXPECT_EQ(lines(some(), 240), lines(some(), 0));
}

TEST(SocketLines, OfNoneThereIsTheHead) { EXPECT_EQ(lines({}, 80).size(), 1U); }

}  // namespace
}  // namespace netwatch::tui
