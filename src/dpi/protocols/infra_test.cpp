// What the captures of testdata cannot show of the protocols that run a network: hostile and cut
// input, secrets, and forms that no packaged program sends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kDhcp;
extern const ProtocolDef kNtp;
extern const ProtocolDef kSnmp;
extern const ProtocolDef kSsdp;
extern const ProtocolDef kSyslog;
extern const ProtocolDef kRadius;
extern const ProtocolDef kTftp;
extern const ProtocolDef kNbns;
extern const ProtocolDef kKerberos;
extern const ProtocolDef kCoap;
extern const ProtocolDef kWireguard;
extern const ProtocolDef kIke;
extern const ProtocolDef kUtp;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

Probe probe(const ProtocolDef& def, std::string_view bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return def.probe(input);
}

std::string dhcp(const std::string& options, const std::string& file = "") {
  std::string message = from_hex("02010600 00000007 00000000") + std::string(16, '\0') +
                        from_hex("020000000001") + std::string(10, '\0') + std::string(64, '\0');
  message += file + std::string(128 - file.size(), '\0') + from_hex("63825363");
  return message + options;
}

TEST(Dhcp, OptionsMayLieInTheNameFields) {
  Feeder feeder(kDhcp);
  feeder.datagram(kServer, dhcp(from_hex("350105 340101 ff"), from_hex("0c0168 ff")));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< ack transaction=7 type=5 client_mac=02:00:00:00:00:01 hostname=h"));
}

TEST(Dhcp, AnOptionThatOverrunsIsOdd) {
  Feeder feeder(kDhcp);
  feeder.datagram(kServer, dhcp(from_hex("350105 0cff68")));
  EXPECT_EQ(feeder.context.records.size(), 1);
  EXPECT_THAT(feeder.context.odds, ElementsAre("option_overrun"));
  EXPECT_EQ(probe(kDhcp, dhcp("").substr(0, 239)), Probe::kNo);
}

TEST(Ntp, NumbersThatCannotBeAreNone) {
  const std::string client = from_hex("23000620") + std::string(44, '\0');
  EXPECT_EQ(probe(kNtp, client), Probe::kYes);
  EXPECT_EQ(probe(kNtp, client + "x"), Probe::kNo);
  EXPECT_EQ(probe(kNtp, client.substr(1)), Probe::kNo);
  std::string bad = client;
  bad[1] = 17;  // stratum
  EXPECT_EQ(probe(kNtp, bad), Probe::kNo);
  bad = client;
  bad[0] = 0x3b;  // version 7
  EXPECT_EQ(probe(kNtp, bad), Probe::kNo);
  // A server that received and sent in different centuries.
  std::string server = from_hex("240106e8") + std::string(44, '\0');
  server[32] = '\xe0';
  server[40] = '\x10';
  EXPECT_EQ(probe(kNtp, server), Probe::kNo);
}

TEST(Ntp, PrivateMessagesAddUp) {
  Feeder feeder(kNtp);
  feeder.datagram(kServer, from_hex("d700032a 0002 0048") + std::string(144, 'x'));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< private version=2 mode=7 opcode=mon_getlist_1 response=true items=2"));
  EXPECT_EQ(probe(kNtp, from_hex("d700032a 0002 0048") + std::string(143, 'x')), Probe::kNo);
}

const std::string kSnmpGet =
    from_hex("302a 020101 0406") + "s3cret" +
    from_hex("a01d 020203e9 020100 020100 3011 300f 060b2b0601040182374e010100 0500");

TEST(Snmp, CommunitiesStayOut) {
  Feeder feeder(kSnmp);
  feeder.datagram(kClient, kSnmpGet);
  ASSERT_EQ(feeder.context.records.size(), 1);
  EXPECT_THAT(feeder.context.records[0], Not(HasSubstr("s3cret")));
  EXPECT_THAT(feeder.context.records[0], HasSubstr("community=*** "));
}

TEST(Snmp, LengthsThatDoNotAddUpAreNone) {
  EXPECT_EQ(probe(kSnmp, kSnmpGet), Probe::kYes);
  for (const std::size_t at : {1U, 6U, 14U}) {
    std::string bad = kSnmpGet;
    ++bad[at];
    EXPECT_NE(probe(kSnmp, bad), Probe::kYes) << at;
  }
  EXPECT_EQ(probe(kSnmp, kSnmpGet.substr(0, 20)), Probe::kMore);  // it may be a stream
}

TEST(Snmp, OverTcpInAnyPieces) {
  Feeder feeder(kSnmp, 5);
  feeder.stream(kClient, kSnmpGet + kSnmpGet);
  EXPECT_EQ(feeder.context.records.size(), 2);
}

TEST(Ssdp, AnswersOfHttpAreNotIts) {
  EXPECT_EQ(probe(kSsdp, "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"), Probe::kNo);
  EXPECT_EQ(probe(kSsdp, "HTTP/1.1 200 OK\r\nst: upnp:rootdevice\r\n\r\n"), Probe::kYes);
  EXPECT_EQ(probe(kSsdp, "NOTIFY sip:a SIP/2.0\r\n\r\n"), Probe::kNo);
}

TEST(Syslog, Forms) {
  Feeder feeder(kSyslog);
  feeder.datagram(kClient, "<34>Oct  1 22:14:15 host su[7]: failed");
  feeder.datagram(kClient, R"(<165>1 - - app - ID47 [a@1 b="\"]"][c@1] text)");
  feeder.datagram(kClient, "<0>no more than this");
  EXPECT_THAT(
      feeder.context.records,
      ElementsAre("> message facility=auth severity=crit time=Oct  1 22:14:15 host=host app=su "
                  "process=7 message=failed",
                  R"(> message facility=local4 severity=notice version=1 app=app msgid=ID47 )"
                  R"(structured=[a@1 b="\"]"][c@1] message=text)",
                  "> message facility=kern severity=emerg message=no more than this"));
}

TEST(Syslog, OtherTextInBracketsIsNone) {
  for (const char* text : {"<192>x", "<01>x", "<a>x", "<1234>x", "<34>\x01", "<34><x>", "34 <35"}) {
    EXPECT_NE(probe(kSyslog, text), Probe::kYes) << text;
  }
}

TEST(Syslog, FramesOfAStream) {
  Feeder feeder(kSyslog, 3);
  feeder.stream(kClient, "8 <13>one\n5 <13>a<14>three\n");
  EXPECT_EQ(feeder.context.records.size(), 3);
}

TEST(Radius, PasswordsStayOut) {
  const std::string message =
      from_hex("01 07 0026") + std::string(16, 'a') + from_hex("0212") + "0123456789abcdef";
  EXPECT_EQ(probe(kRadius, message), Probe::kYes);
  Feeder feeder(kRadius);
  feeder.datagram(kClient, message);
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> access_request code=1 id=7 password=true method=pap"));
  std::string bad = message;
  bad[21] = 0x11;  // the attributes do not add up
  EXPECT_EQ(probe(kRadius, bad), Probe::kNo);
  EXPECT_EQ(probe(kRadius, message + "x"), Probe::kNo);
}

TEST(Tftp, ATransferIsKnownByItsFirstBlock) {
  EXPECT_EQ(probe(kTftp, from_hex("0003 0001") + "some text"), Probe::kYes);
  EXPECT_EQ(probe(kTftp, from_hex("0003 0002") + "some text"), Probe::kNo);
  EXPECT_EQ(probe(kTftp, from_hex("0003 0001") + std::string(513, 'x')), Probe::kNo);
  EXPECT_EQ(probe(kTftp, from_hex("0003 0001 000a 0200 0000 0000 0000")), Probe::kNo);  // HSRP
  EXPECT_EQ(probe(kTftp, from_hex("0001") + "file"), Probe::kNo);
  EXPECT_EQ(probe(kTftp, from_hex("0001") + "file" + '\0' + "octet" + '\0'), Probe::kYes);
}

TEST(Nbns, NamesHaveAnEncodingOfTheirOwn) {
  const std::string head = from_hex("0001 0110 0001 0000 0000 0000 20");
  const std::string name = "EGEJEMEFFDCACACACACACACACACACACA";
  const std::string tail = from_hex("00 0020 0001");
  EXPECT_EQ(probe(kNbns, head + name + tail), Probe::kYes);
  std::string bad = name;
  bad[3] = 'Q';
  EXPECT_EQ(probe(kNbns, head + bad + tail), Probe::kNo);
  EXPECT_EQ(probe(kNbns, head + name), Probe::kNo);
}

TEST(Kerberos, OverTcpOnlyWithItsLength) {
  const std::string error = from_hex("7e29 3027 a003020105 a10302011e a411180f") +
                            "20260101000000Z" + from_hex("a503020100 a603020119");
  EXPECT_EQ(probe(kKerberos, error), Probe::kYes);
  EXPECT_EQ(probe(kKerberos, from_hex("0000002b") + error), Probe::kYes);
  EXPECT_EQ(probe(kKerberos, from_hex("0000002c") + error), Probe::kNo);
  Feeder feeder(kKerberos, 3);
  feeder.stream(kServer, from_hex("0000002b") + error);
  EXPECT_THAT(feeder.context.records, ElementsAre("< error type=30 error=preauth_required"));
}

TEST(Coap, OptionsHaveToBeKnown) {
  EXPECT_EQ(probe(kCoap, from_hex("4101 0001 aa b4") + "time"), Probe::kYes);
  EXPECT_EQ(probe(kCoap, from_hex("4101 0001 aa 24") + "time"), Probe::kNo);  // number 2
  EXPECT_EQ(probe(kCoap, from_hex("4101 0001 aa b5") + "time"), Probe::kNo);
  EXPECT_EQ(probe(kCoap, from_hex("4101 0001 aa b4") + "time\xff"), Probe::kNo);  // no payload
  EXPECT_EQ(probe(kCoap, "SETFLOW"), Probe::kNo);
}

TEST(Wireguard, ExactLengths) {
  EXPECT_EQ(probe(kWireguard, from_hex("01000000") + std::string(144, 'x')), Probe::kYes);
  EXPECT_EQ(probe(kWireguard, from_hex("01000000") + std::string(145, 'x')), Probe::kNo);
  EXPECT_EQ(probe(kWireguard, from_hex("01000001") + std::string(144, 'x')), Probe::kNo);
  const std::string data = from_hex("04000000 11111111 0500000000000000");
  EXPECT_EQ(probe(kWireguard, data + std::string(16, 'x')), Probe::kYes);
  EXPECT_EQ(probe(kWireguard, data + std::string(17, 'x')), Probe::kNo);
}

// A header, and one payload of version 2 that ends the chain.
std::string ike(const std::string& marker = "") {
  return marker + from_hex("1111111111111111 0000000000000000 28 20 22 08 00000000 00000024") +
         from_hex("00000008 01020304");
}

TEST(Ike, PayloadsAddUp) {
  EXPECT_EQ(probe(kIke, ike()), Probe::kYes);
  std::string bad = ike();
  bad[31] = 9;
  EXPECT_EQ(probe(kIke, bad), Probe::kNo);
  EXPECT_EQ(probe(kIke, ike() + "x"), Probe::kNo);
}

TEST(Ike, EspFollowsItsMarker) {
  const std::string esp = from_hex("deadbeef 00000001") + std::string(32, 'x');
  Feeder feeder(kIke);
  feeder.datagram(kClient, ike(std::string(4, '\0')));
  feeder.datagram(kClient, esp);
  feeder.datagram(kClient, esp);
  feeder.datagram(kClient, "\xff");  // keeps the NAT's state alive
  EXPECT_EQ(feeder.context.records.size(), 2);
  EXPECT_EQ(feeder.context.records.back(), "> esp esp_spi=3735928559");
  Feeder bare(kIke);
  bare.datagram(kClient, ike());
  bare.datagram(kClient, esp);
  EXPECT_TRUE(bare.ended());
}

TEST(Utp, CarriesAStreamInOrder) {
  const auto packet = [](const std::string& head, const std::string& sequence) {
    return from_hex(head + "0064 00000001 00000000 00040000" + sequence + "0000");
  };
  EXPECT_EQ(probe(kUtp, packet("4100", "0001")), Probe::kYes);
  EXPECT_EQ(probe(kUtp, packet("4100", "0001") + "x"), Probe::kNo);
  EXPECT_EQ(probe(kUtp, packet("0100", "0001")), Probe::kNo);
  Feeder feeder(kUtp);
  feeder.datagram(kClient, packet("4100", "0001"));
  feeder.datagram(kServer, packet("2100", "ffff"));
  feeder.datagram(kClient, packet("0100", "0003") + "two");
  feeder.datagram(kClient, packet("0100", "0002") + "one ");
  feeder.datagram(kServer, packet("0100", "ffff") + "three ");
  feeder.datagram(kServer, packet("0100", "0000") + "four");  // the number wrapped
  EXPECT_EQ(feeder.context.children[0], "one two");
  EXPECT_EQ(feeder.context.children[1], "three four");
}

}  // namespace
}  // namespace netwatch::dpi
