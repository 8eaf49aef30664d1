#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kHttp;
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

struct Part {
  model::Side side;
  std::string bytes;
};

struct Exchange {
  const char* name;
  std::vector<Part> parts;
  std::vector<std::string> records;
  std::vector<std::string> odds;
};

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kGetRecord = "> request method=GET uri=/a version=HTTP/1.1 host=h";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const std::string kOkRecord =
    "< response status=200 version=HTTP/1.1 reason=OK content_length=2 latency_us=0";
const std::string kEmptyRecord =
    "< response status=204 version=HTTP/1.1 reason=No Content latency_us=0";
const std::string kEmpty = "HTTP/1.1 204 No Content\r\n\r\n";

const std::vector<Exchange> kExchanges{
    {"every_reported_field",
     {{kClient,
       "POST /p?q=1 HTTP/1.1\r\nhOsT:  www.example.org \r\nUser-Agent: ua/1\r\n"
       "Referer: http://r/\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
       "Cookie: secret=1\r\nAuthorization: Basic c2VjcmV0\r\nX-Forwarded-For: 192.0.2.1\r\n"
       "X-Other: no\r\n\r\nabc"},
      {kServer,
       "HTTP/1.0 302 Found\nServer: s/2\nLocation: /n\nSet-Cookie: secret=2\n"
       "Content-Encoding: gzip\nContent-Length: 0\nWWW-Authenticate: sometoken\n\n"}},
     {"> request method=POST uri=/p?q=1 version=HTTP/1.1 host=www.example.org user_agent=ua/1 "
      "referer=http://r/ content_type=text/plain content_length=3 cookie=true "
      "auth_scheme=Basic x_forwarded_for=192.0.2.1",
      "< response status=302 version=HTTP/1.0 reason=Found server=s/2 location=/n cookie=true "
      "content_encoding=gzip content_length=0 auth_scheme=other latency_us=0"},
     {}},
    {"pipelined",
     {{kClient, kGet + kGet + "\r\n" + kGet}, {kServer, kOk + kEmpty + kOk}},
     {kGetRecord, kGetRecord, kGetRecord, kOkRecord, kEmptyRecord, kOkRecord},
     {}},
    {"head_has_no_body",
     {{kClient, "HEAD / HTTP/1.1\r\n\r\n" + kGet},
      {kServer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + kOk}},
     {"> request method=HEAD uri=/ version=HTTP/1.1", kGetRecord, kOkRecord, kOkRecord},
     {}},
    {"interim_and_not_modified_have_no_body",
     {{kClient, kGet + kGet},
      {kServer,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n" + kEmpty}},
     {kGetRecord, kGetRecord, "< response status=100 version=HTTP/1.1 reason=Continue",
      "< response status=304 version=HTTP/1.1 reason=X content_length=9 latency_us=0",
      kEmptyRecord},
     {}},
    {"chunked_with_trailers",
     {{kClient, kGet + kGet},
      {kServer,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
       "5;x=y\r\nGET \n\r\n0A\r\n0123456789\r\n0\r\nT: 1\r\n\r\n" +
           kEmpty}},
     {kGetRecord, kGetRecord,
      "< response status=200 version=HTTP/1.1 reason=OK transfer_encoding=gzip, Chunked "
      "latency_us=0",
      kEmptyRecord},
     {}},
    {"until_close",
     {{kClient, kGet}, {kServer, "HTTP/1.0 200 OK\r\n\r\n" + kOk + kOk}},
     {kGetRecord, "< response status=200 version=HTTP/1.0 reason=OK latency_us=0"},
     {}},
    {"length_and_chunked_is_a_smuggling_attempt",
     {{kClient,
       "POST / HTTP/1.1\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
           kGet}},
     {"> request method=POST uri=/ version=HTTP/1.1 content_length=50 transfer_encoding=chunked",
      kGetRecord},
     {"length_and_encoding"}},
    {"folded_header",
     {{kClient, "GET / HTTP/1.1\r\nUser-Agent: a\r\n  \tb\r\nHost: h\r\n\r\n"}},
     {"> request method=GET uri=/ version=HTTP/1.1 user_agent=a b host=h"},
     {}},
    {"absolute_uri_gives_the_host_and_hides_the_password",
     {{kClient, "GET http://u:pw@x.example:81/y HTTP/1.0\r\n\r\n"}},
     {"> request method=GET uri=http://u:***@x.example:81/y version=HTTP/1.0 "
      "host=x.example:81"},
     {}},
    {"unregistered_method",
     {{kClient, "FROB /z HTTP/1.1\r\n\r\n"}},
     {"> request method=FROB uri=/z version=HTTP/1.1"},
     {}},
    {"malformed_request_line_of_a_known_method",
     {{kClient, "GET /HTTP/1.1\r\nHost: h\r\n\r\n"}},
     {"> request method=GET uri=/HTTP/1.1 host=h"},
     {"bad_request_line"}},
    {"bad_status",
     {{kServer, "HTTP/1.1 2xx ok\r\n\r\n"}},
     {"< response status=2 version=HTTP/1.1 reason=ok"},
     {"bad_status"}},
    {"two_hosts",
     {{kClient, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"}},
     {"> request method=GET uri=/ version=HTTP/1.1 host=a"},
     {"several_hosts"}},
    {"finds_the_next_start_line_behind_junk",
     {{kClient, kGet + "%%%% what is this\r\nand this\r\n" + kGet}},
     {kGetRecord, kGetRecord},
     {"bad_start_line"}},
    {"bad_chunk_size",
     {{kServer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n" + kEmpty}},
     {"< response status=200 version=HTTP/1.1 reason=OK transfer_encoding=chunked",
      "< response status=204 version=HTTP/1.1 reason=No Content"},
     {"bad_chunk_size"}},
    {"shoutcast",
     {{kServer, "ICY 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n"}},
     {"< response status=200 version=ICY reason=OK content_type=audio/mpeg"},
     {}},
};

TEST(HttpDecoder, ReadsExchangesHoweverTheyAreCut) {
  for (const Exchange& exchange : kExchanges) {
    for (std::size_t chunk_bytes : {SIZE_MAX, std::size_t{1}, std::size_t{3}, std::size_t{17}}) {
      SCOPED_TRACE(exchange.name + std::string(", pieces of ") + std::to_string(chunk_bytes));
      Feeder feeder(kHttp, chunk_bytes);
      for (const Part& part : exchange.parts) feeder.stream(part.side, part.bytes);
      EXPECT_EQ(feeder.context.records, exchange.records);
      EXPECT_EQ(feeder.context.odds, exchange.odds);
      EXPECT_FALSE(feeder.ended());
    }
  }
}

TEST(HttpDecoder, SecretsStayOut) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, kExchanges[0].parts[0].bytes);
  feeder.stream(kServer, kExchanges[0].parts[1].bytes);
  for (const std::string& record : feeder.context.records) {
    EXPECT_THAT(record, Not(HasSubstr("secret")));
    EXPECT_THAT(record, Not(HasSubstr("c2VjcmV0")));
    EXPECT_THAT(record, Not(HasSubstr("sometoken")));
  }
}

TEST(HttpDecoder, LatencyIsPerRequest) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, kGet);
  feeder.pass_us(100);
  feeder.stream(kClient, kGet);
  feeder.pass_us(50);
  feeder.stream(kServer, kEmpty);
  feeder.pass_us(7);
  feeder.stream(kServer, kEmpty);
  EXPECT_THAT(feeder.context.records[2], HasSubstr("latency_us=150"));
  EXPECT_THAT(feeder.context.records[3], HasSubstr("latency_us=57"));
}

TEST(HttpDecoder, MoreOutstandingRequestsThanAreRemembered) {
  Feeder feeder(kHttp);
  for (int i = 0; i < 20; ++i) feeder.stream(kClient, kGet);
  for (int i = 0; i < 20; ++i) feeder.stream(kServer, kEmpty);
  feeder.stream(kClient, kGet);
  feeder.pass_us(3);
  feeder.stream(kServer, kEmpty);
  ASSERT_EQ(feeder.context.records.size(), 42U);
  EXPECT_THAT(feeder.context.records[35], HasSubstr("latency_us="));       // the 16th response
  EXPECT_THAT(feeder.context.records[36], Not(HasSubstr("latency_us=")));  // the 17th
  EXPECT_THAT(feeder.context.records[41], HasSubstr("latency_us=3"));
}

TEST(HttpDecoder, BodiesAreSkippedNotRead) {
  Feeder feeder(kHttp);
  feeder.stream(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  feeder.gap(kServer, 999'999);  // inside the body: no harm
  feeder.stream(kServer, "x" + kEmpty);
  EXPECT_THAT(feeder.context.records, ::testing::SizeIs(2));
  EXPECT_THAT(feeder.context.odds, IsEmpty());
}

TEST(HttpDecoder, GapInAHeaderIsOddAndTheNextMessageIsFound) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, "GET /half HTTP/1.1\r\nUser-Agent: u\r\nHost: www.exam");
  feeder.gap(kClient, 10);
  feeder.stream(kClient, "tail of a header\r\n\r\n" + kGet);
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> request method=GET uri=/half version=HTTP/1.1 user_agent=u (cut)",
                          kGetRecord));
  EXPECT_THAT(feeder.context.odds, ElementsAre("gap_in_header"));
}

TEST(HttpDecoder, WhatIsKeptBeforeAGapIsReported) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, "GET /a HTT");
  feeder.gap(kClient, 400);
  feeder.stream(kServer, "HTTP/1.1 200 OK\r\nServer: s\r\nConte");
  feeder.gap(kServer, 1000);
  feeder.stream(kServer, kOk);
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> request method=GET uri=/a (cut)",
                          "< response status=200 version=HTTP/1.1 reason=OK server=s (cut)",
                          HasSubstr("status=200")));
}

TEST(HttpDecoder, HeaderMayEndWithOneReturnTooMany) {
  for (const std::size_t chunk_bytes : {std::size_t{1}, std::size_t{3}, SIZE_MAX}) {
    Feeder feeder(kHttp, chunk_bytes);
    feeder.stream(kServer, "HTTP/1.1 200 OK\r\nServer: s\n\r\r\nbody");
    EXPECT_THAT(feeder.context.records,
                ElementsAre("< response status=200 version=HTTP/1.1 reason=OK server=s"));
  }
}

TEST(HttpDecoder, RequestWithoutAVersionIsOneIfAHeaderFollows) {
  for (const std::size_t chunk_bytes : {std::size_t{1}, SIZE_MAX}) {
    Feeder feeder(kHttp, chunk_bytes);
    feeder.stream(kClient, "GET /a\r\nHost: h\r\n\r\n");
    EXPECT_THAT(feeder.context.records, ElementsAre("> request method=GET uri=/a host=h"));
    EXPECT_THAT(feeder.context.odds, ElementsAre("bad_request_line"));
  }
}

TEST(HttpDecoder, WhatTheCaptureKeptOfAHeaderIsReported) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, "GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: cur", true);
  EXPECT_THAT(feeder.context.records, ElementsAre(kGetRecord + " user_agent=cur (cut)"));
}

TEST(HttpDecoder, WhatTheCaptureKeptOfAStartLineIsReported) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, "GET /a HTT", true);
  feeder.gap(kClient, 400);
  feeder.stream(kClient, kGet);
  EXPECT_THAT(feeder.context.records, ElementsAre("> request method=GET uri=/a (cut)", kGetRecord));
  EXPECT_THAT(feeder.context.odds, IsEmpty());
}

TEST(HttpDecoder, HeaderOverTheLimitIsReportedAsFarAsItGoes) {
  Feeder feeder(kHttp, 1400);
  feeder.stream(kClient,
                "GET /a HTTP/1.1\r\nHost: h\r\nX: " + std::string(90'000, 'x') + "\r\n\r\n" + kGet);
  EXPECT_THAT(feeder.context.records, ElementsAre(kGetRecord + " (cut)", kGetRecord));
  EXPECT_THAT(feeder.context.odds, Contains("header_too_long"));
}

TEST(HttpDecoder, LongUriIsWhole) {
  const std::string uri = "/" + std::string(2000, 'u');
  Feeder feeder(kHttp, 500);
  feeder.stream(kClient, "GET " + uri + " HTTP/1.1\r\n\r\n");
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> request method=GET uri=" + uri + " version=HTTP/1.1"));
}

TEST(HttpDecoder, ConnectHandsTheTunnelOn) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n\x16\x03\x01");
  EXPECT_FALSE(feeder.context.handed_on);
  feeder.stream(kServer, "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03");
  EXPECT_TRUE(feeder.context.handed_on);
  EXPECT_EQ(feeder.held(kClient), "\x16\x03\x01");
  EXPECT_EQ(feeder.held(kServer), "\x16\x03\x03");
}

TEST(HttpDecoder, RefusedConnectStaysHttp) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, "CONNECT h:443 HTTP/1.1\r\n\r\n");
  feeder.stream(kServer, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  feeder.stream(kClient, kGet);
  EXPECT_FALSE(feeder.context.handed_on);
  EXPECT_EQ(feeder.context.records.back(), kGetRecord);
}

TEST(HttpDecoder, TunnelWithoutItsAnswerIsHandedOnWhenItHasSpoken) {
  Feeder feeder(kHttp);
  feeder.stream(kClient, "CONNECT h:443 HTTP/1.1\r\n\r\n");
  feeder.stream(kClient, std::string(100, '\x16'));
  EXPECT_FALSE(feeder.context.handed_on);
  feeder.stream(kClient, std::string(2000, '\x16'));
  EXPECT_TRUE(feeder.context.handed_on);
  EXPECT_EQ(feeder.held(kClient).size(), 2100U);
}

TEST(HttpDecoder, UpgradeHandsOnOnlyWhenTaken) {
  const std::string offer = "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  Feeder taken(kHttp);
  taken.stream(kClient, offer);
  taken.stream(kServer, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n\x81");
  EXPECT_TRUE(taken.context.handed_on);
  EXPECT_EQ(taken.held(kServer), "\x81");
  EXPECT_THAT(taken.context.records[1], HasSubstr("upgrade=websocket"));
  Feeder declined(kHttp);
  declined.stream(kClient, offer);
  declined.stream(kServer, kOk);
  declined.stream(kClient, kGet);
  EXPECT_FALSE(declined.context.handed_on);
  EXPECT_EQ(declined.context.records.back(), kGetRecord);
}

TEST(HttpDecoder, TheSideThatAsksIsTheOriginator) {
  Feeder asks(kHttp);
  asks.stream(kServer, kGet + kGet);
  EXPECT_THAT(asks.context.originators, ElementsAre(kServer));
  Feeder answers(kHttp);
  answers.stream(kClient, kOk);
  EXPECT_THAT(answers.context.originators, ElementsAre(kServer));
}

TEST(HttpProbe, TellsByContent) {
  struct Row {
    const char* client;
    const char* server;
    Probe expected;
  };
  const Row rows[] = {
      {"GET / HTTP/1.1\r\n", "", Probe::kYes},
      {"\r\nGET / HTTP/1.1\r\n", "", Probe::kYes},
      {"", "HTTP/1.1 200 OK\r\n", Probe::kYes},
      {"\x16\x03", "HTTP/1.1 400 Bad Request\r\n", Probe::kYes},
      {"NEWVERB /x HTTP/1.0\r\n", "", Probe::kYes},
      {"GET / HTT", "", Probe::kYes},
      {"GET / HT", "", Probe::kMore},
      {"NEWVERB / HTTP/1", "", Probe::kMore},
      {"GE", "", Probe::kMore},
      {"GET/ HTTP/1.1\r\n", "", Probe::kMore},
      {"", "HTTP", Probe::kMore},
      {"ET / HTTP/1.1\r\n", "", Probe::kMore},
      {"GET /a\r\nHost: h", "", Probe::kYes},
      {"GET /a\r\nHo", "", Probe::kMore},
      {"GET /a\r\n", "", Probe::kMore},
      {"GET /a\r\n\r\n", "", Probe::kNo},
      {"GET key\r\nHost: h", "", Probe::kNo},
      {"GET /a b\r\nHost: h", "", Probe::kNo},
      {"SET /a\r\nHost: h", "", Probe::kNo},
      {"OPTIONS * RTSP/1.0\r\n", "", Probe::kNo},
      {"INVITE sip:a@b SIP/2.0\r\n", "", Probe::kNo},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", Probe::kNo},
      {"\x16\x03\x01\x02", "", Probe::kNo},
      {"SSH-2.0-x\r\n", "", Probe::kNo},
      {"EHLO h\r\n", "220 h\r\n", Probe::kNo},
      {"", "", Probe::kNo},
  };
  for (const Row& row : rows) {
    ProbeInput input;
    input.sides = {base::as_bytes(row.client), base::as_bytes(row.server)};
    EXPECT_EQ(kHttp.probe(input), row.expected) << row.client << " | " << row.server;
  }
}

}  // namespace
}  // namespace netwatch::dpi
