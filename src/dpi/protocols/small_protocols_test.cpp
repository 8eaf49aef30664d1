// What captures cannot show of NNTP, MGCP, PPTP, TNS and Git: what is none of them, hostile
// lengths, gaps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {

extern const ProtocolDef kGit;
extern const ProtocolDef kMgcp;
extern const ProtocolDef kNntp;
extern const ProtocolDef kPptp;
extern const ProtocolDef kTns;

namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

const std::string kPptpHead = "0001 1a2b3c4d";
const std::string kTnsFixed = "013f 012c 0000 2000 ffff 7f08 0000 0001";

struct Case {
  std::string_view name;
  const ProtocolDef* protocol;
  std::string client;
  std::string server;
  Probe expected;
};

const Case kCases[] = {
    {"NntpGreeting", &kNntp, "", "200 a.example InterNetNews NNRP server ready\r\n", Probe::kYes},
    {"NntpGreetingAndAny", &kNntp, "DATE\r\n", "200 hello\r\n", Probe::kYes},
    {"NntpGreetingAlone", &kNntp, "", "200 hello\r\n", Probe::kMore},
    {"NntpGroupSelected", &kNntp, "", "211 217 3 219 a.group\r\n", Probe::kYes},
    {"FtpSystem", &kNntp, "", "211 End\r\n", Probe::kNo},
    {"FtpGreeting", &kNntp, "", "220 ProFTPD\r\n", Probe::kNo},
    {"FtpOk", &kNntp, "MODE S\r\n", "200 ok\r\n", Probe::kYes},  // as much as is seen of it
    {"HttpHead", &kNntp, "HEAD / HTTP/1.1\r\n", "", Probe::kMore},
    {"NntpReader", &kNntp, "mode reader\r\n", "", Probe::kYes},

    {"Mgcp", &kMgcp, "RSIP 1 *@gw MGCP 1.0\r\n", "", Probe::kYes},
    {"MgcpNoEndpoint", &kMgcp, "RSIP 1 gw MGCP 1.0\r\n", "", Probe::kNo},
    {"MgcpNoNumber", &kMgcp, "RSIP 0 *@gw MGCP 1.0\r\n", "", Probe::kNo},
    {"MgcpOther", &kMgcp, "INFO 1 a@gw SIP/2.0\r\n", "", Probe::kNo},
    {"MgcpAnswer", &kMgcp, "200 1 OK\r\n", "", Probe::kNo},  // it may be anybody's

    {"Pptp", &kPptp, from_hex("0010" + kPptpHead + "000c"), "", Probe::kMore},
    {"PptpClear", &kPptp, from_hex("0010" + kPptpHead + "000c0000 0001 0000"), "", Probe::kYes},
    {"PptpOtherSize", &kPptp, from_hex("0011" + kPptpHead + "000c0000 0001 0000"), "", Probe::kNo},
    {"PptpOtherCookie", &kPptp, from_hex("0010 0001 1a2b3c4e"), "", Probe::kNo},
    {"PptpOtherType", &kPptp, from_hex("0010" + kPptpHead + "00100000 0001 0000"), "", Probe::kNo},

    {"TnsConnect", &kTns,
     from_hex("0027 0000 01 00 0000" + kTnsFixed + "0005 0022 00000800 4141") + "(X=1)", "",
     Probe::kYes},
    {"TnsConnectFollows", &kTns,
     from_hex("0022 0000 01 00 0000" + kTnsFixed + "0123 0022 00000800 4141"), "", Probe::kYes},
    {"TnsNoBracket", &kTns,
     from_hex("0027 0000 01 00 0000" + kTnsFixed + "0005 0022 00000800 4141") + "[X=1]", "",
     Probe::kNo},
    {"TnsDescriptionElsewhere", &kTns,
     from_hex("0027 0000 01 00 0000" + kTnsFixed + "0005 0023 00000800 4141") + "(X=1)", "",
     Probe::kNo},
    {"TnsChecksum", &kTns, from_hex("0027 0001 01 00 0000"), "", Probe::kNo},
    {"TnsRefuse", &kTns, "", from_hex("0014 0000 04 00 0000 22 00 0008") + "(ERR=12)", Probe::kYes},
    {"TnsRefuseOverrun", &kTns, "", from_hex("0014 0000 04 00 0000 22 00 0009") + "(ERR=12)",
     Probe::kNo},

    {"Git", &kGit, "0032git-upload-pack /a", "", Probe::kMore},
    {"GitService", &kGit, "0032git-upload-pack /a.git", "", Probe::kYes},
    {"GitVersion", &kGit, "", "000eversion 2\n", Probe::kYes},
    {"GitOther", &kGit, "0032git-upload-park /a.git", "", Probe::kNo},
    {"GitNoLength", &kGit, "00x2git-upload-pack /a.git", "", Probe::kNo},
};

TEST(SmallProtocols, AreToldByContent) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    ProbeInput input{.sides = {},
                     .latest = one.server.empty() ? kClient : kServer,
                     .datagram = one.protocol == &kMgcp};
    input.sides[0] = base::as_bytes(one.client);
    input.sides[1] = base::as_bytes(one.server);
    EXPECT_EQ(one.protocol->probe(input), one.expected);
  }
}

TEST(Nntp, AnArticleIsNoCommand) {
  Feeder feeder(kNntp, 3);
  feeder.stream(kServer, "201 no posting here\r\n");
  feeder.stream(kClient, "IHAVE <1@a>\r\n");
  feeder.stream(kServer, "335 send\r\n");
  feeder.stream(kClient, "Subject: x\r\n\r\nQUIT\r\n..\r\n.\r\n");
  feeder.stream(kServer, "235 ok\r\n");
  EXPECT_THAT(feeder.context.odds, IsEmpty());
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< response status=201 text=no posting here server=no posting here",
                          "> request command=IHAVE argument=<1@a>",
                          "< response status=335 text=send latency_us=0",
                          "< response status=235 text=ok latency_us=0"));
}

TEST(Nntp, TlsFollowsItsOffer) {
  Feeder feeder(kNntp);
  feeder.stream(kServer, "200 nntp\r\n");
  feeder.stream(kClient, "STARTTLS\r\n");
  feeder.stream(kServer, "382 go on\r\n");
  EXPECT_TRUE(feeder.context.handed_on);
}

TEST(Mgcp, AMessageBehindOneThatIsFineMayBeBad) {
  Feeder feeder(kMgcp);
  feeder.datagram(kClient, "200 1 OK\r\n.\r\nnonsense\r\n");
  EXPECT_EQ(feeder.context.records.size(), 1U);
  EXPECT_THAT(feeder.context.odds, ElementsAre("bad_message"));
}

TEST(Pptp, WhatHasNoNameIsANumber) {
  Feeder feeder(kPptp, 1);
  feeder.stream(kServer, from_hex("0010" + kPptpHead + "00040000 09 07 0000"));
  EXPECT_THAT(feeder.context.records, ElementsAre("< stop_reply result=9"));
}

TEST(Pptp, BehindAGapAMessageIsFoundAgain) {
  Feeder feeder(kPptp);
  const std::string clear = from_hex("0010" + kPptpHead + "000c0000 0001 0000");
  feeder.stream(kClient, clear + clear.substr(0, 5));
  feeder.gap(kClient, 100);
  feeder.stream(kClient, "tail of something");
  feeder.stream(kClient, clear);
  EXPECT_EQ(feeder.context.records.size(), 2U);
}

TEST(Tns, BracketsThatNeverCloseEnd) {
  const std::string text = "(DESCRIPTION=(ADDRESS=(HOST=(((((PORT=1(CID=(USER=bob";
  const std::string size = {'\0', static_cast<char>(text.size())};
  const std::string length = {'\0', static_cast<char>(34 + text.size())};
  Feeder feeder(kTns, 4);
  feeder.stream(kClient, length + from_hex("0000 01 00 0000" + kTnsFixed) + size +
                             from_hex("0022 00000800 4141") + text);
  EXPECT_THAT(feeder.context.records, ElementsAre("> connect version=319 user=bob"));
}

TEST(Git, ALineMayLackItsEnds) {
  for (const std::string line : {"0014git-upload-pack ", "0017git-receive-pack /a"}) {
    Feeder feeder(kGit);
    feeder.stream(kClient, line);
    EXPECT_THAT(feeder.context.records, ElementsAre(HasSubstr("service=")));
  }
}

}  // namespace
}  // namespace netwatch::dpi
