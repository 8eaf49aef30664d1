#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kRdp;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using testing::kClient;
using testing::kServer;

Probe probe(const std::string& client, const std::string& server = "") {
  ProbeInput input;
  input.sides = {base::as_bytes(client), base::as_bytes(server)};
  return kRdp.probe(input);
}

std::string tpkt(const std::string& body) {
  const std::size_t size = body.size() + 4;
  return std::string("\x03\0", 2) + static_cast<char>(size >> 8) + static_cast<char>(size) + body;
}
std::string connect(const std::string& fixed, const std::string& variable) {
  return tpkt(static_cast<char>(variable.size() + 6) + from_hex(fixed) + variable);
}
std::string request(const std::string& variable) { return connect("e000000000 00", variable); }
std::string confirm(const std::string& variable) { return connect("d000001234 00", variable); }

const std::string kWantsTls = from_hex("01 00 0800 0b000000");
const std::string kCookie = "Cookie: mstshash=alice\r\n";
const std::string kTakesTls = from_hex("02 1f 0800 01000000");
// MCS Connect Initial as far as it matters: the key, a length of two bytes, the core block.
std::string connect_initial() {
  return tpkt(from_hex("02f080 7f65 820001") + "Duca" +
              from_hex("8128 01c0 d800 04000800 8007 3804 01ca 03aa 09040000 80250000") +
              from_hex("6c00 6100 fc00 ac20 00d8 0000 0000 0000"
                       "0000 0000 0000 0000 0000 0000 0000 0000"));
}

TEST(RdpProbe, NeedsSomethingOfItsOwn) {
  EXPECT_EQ(probe(request(kCookie)), Probe::kYes);
  EXPECT_EQ(probe(request(kWantsTls)), Probe::kYes);
  EXPECT_EQ(probe(request(kCookie + kWantsTls)), Probe::kYes);
  EXPECT_EQ(probe("", confirm(kTakesTls)), Probe::kYes);
  // Other users of ISO transport over TCP (S7, MMS) name their ends.
  EXPECT_EQ(probe(request(from_hex("c1020100 c2020102 c0010a"))), Probe::kNo);
  EXPECT_EQ(probe("", confirm(from_hex("c1020100 c2020102 c0010a"))), Probe::kNo);
  EXPECT_EQ(probe(request(kTakesTls)), Probe::kNo);
  const std::string whole = request(kCookie);
  for (std::size_t n = 1; n < 19; ++n) EXPECT_EQ(probe(whole.substr(0, n)), Probe::kMore) << n;
  // Without negotiation only what follows tells.
  EXPECT_EQ(probe(request("")), Probe::kMore);
  EXPECT_EQ(probe(request("") + connect_initial()), Probe::kYes);
  EXPECT_EQ(probe(request("") + tpkt(from_hex("02f080 3201"))), Probe::kNo);  // S7
}

TEST(Rdp, TlsIsHandedOn) {
  for (std::size_t chunk : {std::size_t{1}, std::size_t{1000}}) {
    Feeder feeder(kRdp, chunk);
    feeder.stream(kClient, request(kCookie + kWantsTls));
    feeder.stream(kServer, confirm(kTakesTls) + "hello");
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> request user=alice requested=tls requested=credssp "
                            "requested=credssp_early",
                            "< response selected=tls"));
    EXPECT_TRUE(feeder.context.handed_on);
    EXPECT_EQ(feeder.held(kServer), "hello");
  }
}

TEST(Rdp, TlsIsHandedOnWhenOnlyTheClientIsSeen) {
  Feeder feeder(kRdp);
  feeder.stream(kClient, request("Cookie: msts=3640205228.15629.0000\r\n" + kWantsTls));
  feeder.stream(kClient, "\x16\x03\x01 hello");
  EXPECT_TRUE(feeder.context.handed_on);
  EXPECT_EQ(feeder.held(kClient), "\x16\x03\x01 hello");
  EXPECT_EQ(feeder.context.records.at(0).substr(0, 45),
            "> request routing_token=msts=3640205228.15629");
}

TEST(Rdp, InClearTheClientTellsItsName) {
  Feeder feeder(kRdp, 9);
  feeder.stream(kClient, request(kCookie));
  feeder.stream(kServer, confirm(""));
  feeder.stream(kClient, connect_initial());
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> request user=alice", "< response selected=rdp",
                          "> client client_name=la\xc3\xbc\xe2\x82\xac? client_build=9600 "
                          "keyboard_layout=1033 desktop_width=1920 desktop_height=1080"));
  EXPECT_TRUE(feeder.ended());
  EXPECT_FALSE(feeder.context.handed_on);
}

TEST(Rdp, RefusalsAreNamed) {
  Feeder feeder(kRdp);
  feeder.stream(kClient, request(kWantsTls));
  feeder.stream(kServer, confirm(from_hex("03 00 0800 05000000")));
  EXPECT_EQ(feeder.context.records.back(), "< response failure=credssp_required");
  EXPECT_FALSE(feeder.context.handed_on);
}

}  // namespace
}  // namespace netwatch::dpi
