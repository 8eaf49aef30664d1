// Industrial control, trade and TDS: what is none of theirs, lengths that lie, pieces and gaps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kIec104;
extern const ProtocolDef kS7comm;
extern const ProtocolDef kS7commPlus;
extern const ProtocolDef kEnip;
extern const ProtocolDef kFix;
extern const ProtocolDef kBacnet;
extern const ProtocolDef kOpcua;
extern const ProtocolDef kTds;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using testing::kClient;
using testing::kServer;
using ::testing::SizeIs;

Probe probe(const ProtocolDef& def, std::string_view bytes, bool datagram = false) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  input.datagram = datagram;
  return def.probe(input);
}

const std::string kStart = from_hex("68 04 07 00 00 00");
const std::string kInterrogate = from_hex("68 0e 0000 0000 64 01 06 00 0300 000000 14");
const std::string kCotpConnect = from_hex("0300 0016 11 e0 0000 0001 00 c0010a c1020100 c2020102");
const std::string kS7Read =
    from_hex("0300 001f 02f080 32 01 0000 0001 000e 0000 04 01 120a10 02 000a 0001 84 000000");
const std::string kRegister =
    from_hex("6500 0400 00000000 00000000 0000000000000000 00000000 01000000");
const std::string kIdentity = from_hex("6300 0000 00000000 00000000 0000000000000000 00000000");
const std::string kHeartbeat =
    "8=FIX.4.2\1"
    "9=5\1"
    "35=0\1"
    "10=161\1";
const std::string kWhoIs = from_hex("81 0b 000c 01 20 ffff 00 ff 10 08");
const std::string kHello = from_hex(
                               "48454c46 28000000 00000000 00000100 00000100 00000000 00000000 "
                               "08000000") +
                           "opc.tcp:";
const std::string kPrelogin =
    from_hex("12 01 001a 0000 01 00 00 000b 0006 01 0011 0001 ff 110000000000 02");

struct Case {
  const ProtocolDef& def;
  std::string bytes;
  bool datagram;
};

// What it takes to be sure: never less than all of the first message, or of its head.
TEST(ControlProbe, BelievesAWholeFirstMessage) {
  const std::vector<Case> cases{
      {kIec104, kStart, false},  {kIec104, kInterrogate, false},
      {kS7comm, kS7Read, false}, {kEnip, kRegister, false},
      {kEnip, kIdentity, true},  {kFix, kHeartbeat, false},
      {kBacnet, kWhoIs, true},   {kOpcua, kHello, false},
      {kTds, kPrelogin, false},  {kS7comm, kCotpConnect + kS7Read, false}};
  for (const Case& one : cases) {
    EXPECT_EQ(probe(one.def, one.bytes, one.datagram), Probe::kYes) << one.def.name;
    for (std::size_t n = 1; n < one.bytes.size(); ++n) {
      const Probe part = probe(one.def, one.bytes.substr(0, n), one.datagram);
      EXPECT_EQ(part == Probe::kNo, one.datagram) << one.def.name << " " << n;
    }
  }
}

TEST(ControlProbe, RefusesWhatDoesNotAddUp) {
  const std::vector<Case> cases{
      {kIec104, from_hex("68 04 07 00 00 01"), false},                             // reserved
      {kIec104, from_hex("68 04 0f 00 00 00"), false},                             // two functions
      {kIec104, from_hex("68 0f 0000 0000 64 01 06 00 0300 000000 1414"), false},  // one too many
      {kIec104, from_hex("68 0e 0000 0000 64 01 00 00 0300 000000 14"), false},    // no cause
      {kIec104, from_hex("68 0e 0000 0000 c8 01 06 00 0300 000000 14"), false},    // no such type
      {kIec104, kStart + "GET / HTTP", false},
      {kS7comm, from_hex("0300 001f 02f080 32 01 0000 0001 000f 0000 04 01"), false},  // sizes
      {kS7comm, from_hex("0300 0013 02f080 7f65 0102030405060708090a"), false},        // RDP, MMS
      {kS7commPlus, kS7Read, false},
      {kEnip, from_hex("6500 0400 00000000 00000000 0000000000000000 00000001 01000000"), false},
      {kEnip, from_hex("6500 0500 00000000 00000000 0000000000000000 00000000 0100000000"), false},
      {kEnip, kIdentity + "x", true},
      {kFix,
       "8=FIX.4.2\1"
       "8=5\1"
       "35=0\1",
       false},
      {kFix, "8=FOX.4.2\1", false},
      {kFix,
       "8=FIX.4.2\1"
       "9=x\1"
       "35=0\1",
       false},
      {kBacnet, from_hex("81 0b 000d 01 20 ffff 00 ff 10 08"), true},  // longer than it is
      {kBacnet, from_hex("81 0b 000c 01 30 ffff 00 ff 10 08"), true},  // reserved
      {kBacnet, from_hex("81 0b 000c 02 20 ffff 00 ff 10 08"), true},  // no such version
      {kOpcua, from_hex("48454c46 29000000 00000000 00000100 00000100 00000000 00000000 08000000"),
       false},
      {kOpcua, "HELLO world", false},
      {kTds, from_hex("12 01 001a 0000 01 00 00 000c 0006 01 0011 0001 ff 110000000000 02"), false},
      {kTds, from_hex("04 01 000c 0000 01 00 fd000000"), false}};
  for (const Case& one : cases) {
    EXPECT_EQ(probe(one.def, one.bytes, one.datagram), Probe::kNo)
        << one.def.name << " " << one.bytes.size();
  }
}

// What another protocol sent in the middle of its stream: zeros, but for a first byte.
TEST(EnipProbe, OfAStreamACommandWithoutDataNeedsItsAnswer) {
  EXPECT_EQ(probe(kEnip, kIdentity), Probe::kMore);
  ProbeInput input;
  const std::string answer =
      from_hex("6300 0600 00000000 00000000 0000000000000000 00000000 0100 0c00 0000");
  input.sides = {base::as_bytes(kIdentity), base::as_bytes(answer)};
  EXPECT_EQ(kEnip.probe(input), Probe::kYes);
}

// A connection alone may be another's: RDP, MMS and H.323 begin with the same packets.
TEST(S7comm, AConnectionAloneIsNobodys) {
  EXPECT_EQ(probe(kS7comm, kCotpConnect), Probe::kMore);
  const std::string plus = from_hex("0300 0013 02f080 72 01 0004 61626364 72010000");
  EXPECT_EQ(probe(kS7commPlus, kCotpConnect + plus), Probe::kYes);
  EXPECT_EQ(probe(kS7comm, kCotpConnect + plus), Probe::kNo);
}

TEST(S7comm, TheSameReadIsReportedOnceUnlessItFails) {
  for (std::size_t chunk : {1U, 9U, 1000U}) {
    Feeder feeder(kS7comm, chunk);
    const std::string answer =
        from_hex("0300 0019 02f080 32 03 0000 0001 0002 0004 0000 04 01 ff 04 0000");
    std::string refused = answer;
    refused[21] = '\x0a';
    for (int i = 0; i < 3; ++i) {
      feeder.stream(kClient, kS7Read);
      feeder.stream(kServer, i == 2 ? refused : answer);
    }
    EXPECT_THAT(feeder.context.records,
                ElementsAre(HasSubstr("item=DB1.DBX0.0 byte 10"), HasSubstr("item_status=success"),
                            HasSubstr("item_status=object_does_not_exist")));
  }
}

TEST(Iec104, CountsWhatIsMonitoredAndReportsTheFirst) {
  Feeder feeder(kIec104, 4);
  const std::string measured = from_hex("68 12 0000 0000 0d 01 03 00 0300 010000 0000c841 00");
  feeder.stream(kServer, kStart + measured + measured + measured);
  feeder.end();
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("startdt_act"), HasSubstr("value=25"),
                                                  "< summary asdus=3 objects=3"));
}

TEST(Iec104, BehindAGapASegmentOfFramesGoesOn) {
  Feeder feeder(kIec104);
  feeder.stream(kClient, kStart);
  feeder.gap(kClient, 100);
  feeder.stream(kClient, "h\4 the tail of something");
  feeder.stream(kClient, kInterrogate);
  EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("startdt"), HasSubstr("C_IC_NA_1")));
}

TEST(Fix, MasksPasswordsWhateverLiesInRawData) {
  std::string body =
      "35=A\1"
      "95=9\1"
      "96=ab\1"
      "553=cd\1"
      "553=alice\1"
      "554=secret\1";
  const std::string logon =
      "8=FIX.4.4\1"
      "9=" +
      std::to_string(body.size()) + "\1" + body + "10=000\1";
  Feeder feeder(kFix, 3);
  feeder.stream(kClient, logon);
  EXPECT_THAT(
      feeder.context.records,
      ElementsAre("> message version=FIX.4.4 type=Logon type_id=A user=alice password=***"));
  EXPECT_THAT(feeder.context.odds, ElementsAre("bad_checksum"));
}

TEST(Enip, APathThatEndsEarlyIsNone) {
  Feeder feeder(kEnip);
  feeder.stream(kClient, kRegister + from_hex("6f00 1400 01000000 00000000 0000000000000000 "
                                              "00000000 00000000 0500 0200 0000 0000 b200 0400 "
                                              "4c 7f 91ff"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre(HasSubstr("register_session"),
                          "> request command=send_rr_data session_handle=1"));
}

TEST(Bacnet, TagsThatAreLongerThanTheirMessageSayNothing) {
  Feeder feeder(kBacnet);
  feeder.datagram(kClient, from_hex("81 0a 0011 01 04 00 05 01 0f 0c 00800003 1d ff"));
  feeder.datagram(kClient, from_hex("81 0a 000f 01 00 10 00 c4 02000096 22 01"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre(HasSubstr("object=analog_value:3"), HasSubstr("i_am device=150")));
}

TEST(Opcua, TextsThatAreLongerThanTheirMessageSayNothing) {
  Feeder feeder(kOpcua);
  feeder.stream(kClient, kHello);
  feeder.stream(kServer, from_hex("45525246 10000000 00007d80 ffffff7f"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> hello endpoint_url=opc.tcp:", HasSubstr("error")));
}

// [MS-TDS] 3.2.5.2: a handshake in pre-login packets, then the login as bare records.
TEST(Tds, TlsIsCarried) {
  Feeder feeder(kTds, 5);
  feeder.stream(kClient, kPrelogin);
  feeder.stream(kClient, from_hex("12 01 000d 0000 01 00") + from_hex("1603010000"));
  feeder.stream(kClient, from_hex("1703030002 abcd"));
  EXPECT_EQ(feeder.context.children[0], from_hex("1603010000 1703030002 abcd"));
  EXPECT_THAT(feeder.context.records, SizeIs(1));
}

TEST(Tds, OffsetsBeyondTheLoginSayNothing) {
  std::string login = from_hex("10 01 0066 0000 01 00 5e000000 04000074");
  login.resize(0x66, '\0');
  login[8 + 36] = '\x5e';
  login[8 + 38] = '\1';  // a host of one character behind the end
  login[8 + 40] = '\x56';
  login[8 + 42] = '\1';  // a user within it
  login[8 + 0x56] = 'u';
  Feeder feeder(kTds);
  feeder.stream(kClient, login);
  EXPECT_THAT(feeder.context.records, ElementsAre("> login version=7.4 user=u"));
}

}  // namespace
}  // namespace netwatch::dpi
