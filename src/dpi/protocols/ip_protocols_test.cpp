// What the captures of testdata cannot show of ICMP, IGMP and SCTP: messages that are cut, lie
// about their lengths or come out of order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kIcmp;
extern const ProtocolDef kIcmp6;
extern const ProtocolDef kIgmp;
extern const ProtocolDef kSctp;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

Probe probe(const ProtocolDef& def, const std::string& bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return def.probe(input);
}

// A quoted IPv4 header, from 192.0.2.1 to 192.0.2.2.
std::string quoted(const std::string& fragment_and_ttl_proto, const std::string& rest) {
  return from_hex("45000028 0001" + fragment_and_ttl_proto + "0000 c0000201 c0000202" + rest);
}

TEST(Icmp, AnErrorSaysWhichPacketItIsAbout) {
  Feeder feeder(kIcmp);
  feeder.datagram(kServer, from_hex("0301 0000 00000000") + quoted("0000 4006", "0050c350"));
  feeder.datagram(kServer, from_hex("0304 0000 00000578") + quoted("0001 4011", "00350035"));
  feeder.datagram(kServer, from_hex("0363 0000 00000000 45000028"));
  EXPECT_THAT(
      feeder.context.records,
      ElementsAre("< unreachable reason=host_unreachable code_number=1 quoted_proto=tcp "
                  "quoted_src=192.0.2.1 quoted_sport=80 quoted_dst=192.0.2.2 quoted_dport=50000",
                  // A later fragment has no ports.
                  "< unreachable reason=fragmentation_needed code_number=4 "
                  "next_hop_mtu_bytes=1400 quoted_proto=udp quoted_src=192.0.2.1 "
                  "quoted_dst=192.0.2.2",
                  "< unreachable code_number=99"));
}

TEST(Icmp, EchoesAreNotItsBusiness) {
  EXPECT_EQ(probe(kIcmp, from_hex("0800 0000 00010001")), Probe::kNo);
  EXPECT_EQ(probe(kIcmp6, from_hex("8000 0000 00010001")), Probe::kNo);
  EXPECT_EQ(probe(kIcmp, from_hex("0301 0000 000000")), Probe::kNo);
}

TEST(Ndp, OptionsThatOverrunAreOddAndEndTheMessage) {
  const std::string target(16, '\x20');
  Feeder feeder(kIcmp6);
  feeder.datagram(kClient, from_hex("8700 0000 00000000") + target + from_hex("0100"));
  feeder.datagram(kClient, from_hex("8700 0000 00000000") + target + from_hex("01ff 0200"));
  feeder.datagram(kClient, from_hex("8700 0000 00000000") + target.substr(1));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> neighbor_solicitation target=2020:2020:2020:2020:2020:2020:2020:2020",
                          "> neighbor_solicitation target=2020:2020:2020:2020:2020:2020:2020:2020",
                          "> neighbor_solicitation"));
  EXPECT_EQ(feeder.context.odds.size(), 3);
}

TEST(Mld, AQueryForAllGroupsNamesNone) {
  Feeder feeder(kIcmp6);
  feeder.datagram(kServer, from_hex("8200 0000 27100000") + std::string(16, '\0'));
  EXPECT_THAT(feeder.context.records, ElementsAre("< group_query"));
}

TEST(Igmp, ReportsThatPromiseMoreThanTheyHoldAreOdd) {
  Feeder feeder(kIgmp);
  feeder.datagram(kClient, from_hex("2200 0000 0000 ffff 04000000 ef010203"));
  feeder.datagram(kClient, from_hex("2200 0000 0000 0001 0100ffff ef010203 c0000209"));
  EXPECT_THAT(feeder.context.records, ElementsAre("> report version=3 group=239.1.2.3 mode=to_ex",
                                                  "> report version=3 group=239.1.2.3 mode=is_in"));
  EXPECT_EQ(feeder.context.odds.size(), 2);
  EXPECT_EQ(probe(kIgmp, from_hex("1300 0000 e0000001")), Probe::kNo);
}

const std::string kCommon = from_hex("9c40 0050 00000001 00000000");

// A DATA chunk of stream 0 with an unspecified payload protocol.
std::string data(const std::string& tsn, const std::string& text) {
  const auto len = static_cast<char>(16 + text.size());
  return kCommon + from_hex("0003 00") + len + from_hex(tsn + "0000 0000 00000000") + text;
}

TEST(Sctp, TheFirstStreamIsTheChildUntilItsOrderIsLost) {
  Feeder feeder(kSctp);
  feeder.datagram(kClient, data("ffffffff", "GET "));
  feeder.datagram(kClient, data("ffffffff", "GET "));  // sent again
  feeder.datagram(kClient, data("00000000", "/ HT"));
  feeder.datagram(kClient, data("00000002", "lost"));
  feeder.datagram(kClient, data("00000001", "late"));
  EXPECT_EQ(feeder.context.children[0], "GET / HT");
  EXPECT_THAT(feeder.context.records, ElementsAre("> payload ppid=0"));
}

TEST(Sctp, ANewAssociationBeginsAnew) {
  Feeder feeder(kSctp);
  const std::string init = from_hex("0100 0014 00000007 00010000 000a 000a 00000005");
  for (const char* tag : {"00000007", "00000007", "00000008"}) {
    std::string begin = init;
    begin.replace(4, 4, from_hex(tag));
    feeder.datagram(kClient, kCommon + begin + begin);
    feeder.datagram(kClient, kCommon + from_hex("0700 0004") + from_hex("0700 0004"));
  }
  EXPECT_THAT(
      feeder.context.records,
      ElementsAre("> init outbound_streams=10 inbound_streams=10 window_bytes=65536", "> shutdown",
                  "> init outbound_streams=10 inbound_streams=10 window_bytes=65536",
                  "> shutdown"));
}

TEST(Sctp, ChunksThatLieAreOdd) {
  Feeder feeder(kSctp);
  feeder.datagram(kClient, kCommon + from_hex("0003 0003"));
  feeder.datagram(kClient, kCommon + from_hex("0003 ffff 00"));
  feeder.datagram(kClient, kCommon + from_hex("0100 0008 00000001"));
  EXPECT_THAT(feeder.context.records, IsEmpty());
  EXPECT_THAT(feeder.context.odds, ElementsAre("chunk_overrun", "chunk_overrun", "init_short"));
  EXPECT_EQ(probe(kSctp, kCommon + from_hex("2000 0004")), Probe::kNo);
}

}  // namespace
}  // namespace netwatch::dpi
