// What the captures of testdata cannot show of Diameter, Cassandra and NATS: hostile and cut input,
// late starts, secrets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kDiameter;
extern const ProtocolDef kCql;
extern const ProtocolDef kNats;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

Probe probe(const ProtocolDef& def, std::string_view bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return def.probe(input);
}

const std::string kWatchdog =
    from_hex("0100002c 80000118 00000000 00000007 00000007 00000108 40000009") + "a" +
    from_hex("000000 00000128 4000000a") + "ex" + from_hex("0000");
const std::string kWatchdogAnswer =
    from_hex("01000020 00000118 00000000 00000007 00000007 0000010c 4000000c 000007d1");

TEST(Diameter, PairsByHopInAnyPieces) {
  for (std::size_t chunk : {1U, 9U, 1000U}) {
    Feeder feeder(kDiameter, chunk);
    feeder.stream(kClient, kWatchdog);
    feeder.pass_us(3);
    feeder.stream(kServer, kWatchdogAnswer);
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> request command=device_watchdog command_code=280 application=base "
                            "application_id=0 hop_by_hop=7 origin_host=a origin_realm=ex",
                            "< answer command=device_watchdog command_code=280 application=base "
                            "application_id=0 hop_by_hop=7 result_code=2001 result=success "
                            "latency_us=3"));
  }
}

TEST(Diameter, BehindAGapAWholeMessageGoesOn) {
  Feeder feeder(kDiameter);
  feeder.stream(kClient, kWatchdog);
  feeder.gap(kClient, 100);
  feeder.stream(kClient, "the tail of something");
  feeder.stream(kClient, kWatchdog);
  EXPECT_THAT(feeder.context.records, ::testing::SizeIs(2));
}

TEST(DiameterProbe, TheFirstMessageHasToAddUp) {
  EXPECT_EQ(probe(kDiameter, kWatchdog), Probe::kYes);
  for (std::size_t n = 1; n < kWatchdog.size(); ++n) {
    EXPECT_EQ(probe(kDiameter, kWatchdog.substr(0, n)), Probe::kMore) << n;
  }
  for (const auto& [at, value] :
       {std::pair{0, 2}, {3, 0x2d}, {4, 0x81}, {4, 0xA0}, {24, 0x41}, {27, 7}, {27, 0x10}}) {
    std::string bad = kWatchdog;
    bad[static_cast<std::size_t>(at)] = static_cast<char>(value);
    EXPECT_EQ(probe(kDiameter, bad), Probe::kNo) << at;
  }
}

TEST(Diameter, AttributesThatOverrunAreOdd) {
  std::string bad = kWatchdog + kWatchdog;
  bad[kWatchdog.size() + 27] = 0x7f;
  Feeder feeder(kDiameter);
  feeder.stream(kClient, bad);
  EXPECT_THAT(feeder.context.odds, ElementsAre("avp_length"));
  EXPECT_THAT(feeder.context.records, ::testing::SizeIs(2));
}

std::string cql(const std::string& head, const std::string& body) {
  std::string out = from_hex(head) + from_hex("00000000") + body;
  out[out.size() - body.size() - 1] = static_cast<char>(body.size());
  return out;
}
std::string counted(const std::string& text) {
  return std::string(3, '\0') + static_cast<char>(text.size()) + text;
}

TEST(Cql, ALateStartAtAStatement) {
  for (std::size_t chunk : {1U, 7U, 1000U}) {
    Feeder feeder(kCql, chunk);
    const std::string query =
        cql("04 00 0007 07", counted("SELECT * FROM t") + from_hex("0006 00"));
    EXPECT_EQ(probe(kCql, query), Probe::kYes);
    feeder.stream(kClient, query);
    feeder.pass_us(4);
    feeder.stream(kServer, cql("84 00 0007 08", from_hex("00000001")));
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> request version=4 operation=query stream=7 query=SELECT * FROM t "
                            "consistency_level=local_quorum",
                            "< response version=4 operation=result stream=7 result=void "
                            "latency_us=4"));
  }
}

TEST(Cql, PasswordsStayOut) {
  Feeder feeder(kCql);
  feeder.stream(kClient, cql("04 00 0001 07", counted("ALTER ROLE bob WITH PASSWORD='s3cret'")));
  feeder.stream(kClient, cql("04 00 0002 0f", counted(std::string("\0bob\0s3cret", 11))));
  feeder.stream(kClient, cql("04 00 0003 0f", counted("bob s3cret")));
  feeder.stream(kServer,
                cql("84 00 0001 00", from_hex("00002000 001a") + "near PASSWORD = 's3cret' x"));
  ASSERT_EQ(feeder.context.records.size(), 4);
  for (const std::string& record : feeder.context.records)
    EXPECT_THAT(record, Not(HasSubstr("s3c")));
  EXPECT_THAT(feeder.context.records[1], HasSubstr("user=bob"));
}

// Version 5 after STARTUP: several envelopes in one frame, and one in two frames.
TEST(Cql, EnvelopesInFrames) {
  const auto frame = [](const std::string& payload, bool whole) {
    std::string head(6, '\0');
    head[0] = static_cast<char>(payload.size());
    head[2] = whole ? 2 : 0;
    return head + payload + std::string(4, '\0');
  };
  const std::string options = from_hex("0001 000b") + "CQL_VERSION" + from_hex("0005") + "3.4.5";
  const std::string one = cql("05 00 0001 07", counted("USE a") + from_hex("0001"));
  const std::string two = cql("05 00 0002 07", counted("USE b") + from_hex("0001"));
  for (std::size_t chunk : {1U, 11U, 1000U}) {
    Feeder feeder(kCql, chunk);
    feeder.stream(kClient, cql("05 00 0000 01", options));
    feeder.stream(kClient, frame(one + two, true));
    feeder.stream(kClient, frame(one.substr(0, 18), false) + frame(one.substr(18), false));
    feeder.stream(kClient, frame(two.substr(0, 12), false) + frame(two.substr(12), false));
    feeder.stream(kClient, frame(two, true));
    EXPECT_THAT(feeder.context.records,
                ElementsAre(HasSubstr("operation=startup"), HasSubstr("query=USE a"),
                            HasSubstr("query=USE b"), HasSubstr("query=USE a"),
                            HasSubstr("operation=query stream=2"), HasSubstr("query=USE b")));
    EXPECT_THAT(feeder.context.odds, IsEmpty());
  }
}

TEST(Cql, AnEnvelopeThatIsNoneEndsItsFrame) {
  Feeder feeder(kCql);
  const std::string options = from_hex("0001 000b") + "CQL_VERSION" + from_hex("0005") + "3.4.5";
  feeder.stream(kClient, cql("05 00 0000 01", options));
  feeder.stream(kClient, from_hex("040002 000000") + "\x7f\x7f\x7f\x7f" + from_hex("00000000"));
  EXPECT_THAT(feeder.context.odds, ElementsAre("bad_envelope"));
}

TEST(CqlProbe, OtherBytesAreNone) {
  EXPECT_EQ(probe(kCql, from_hex("04 00 0000 05 00000000")), Probe::kYes);
  EXPECT_EQ(probe(kCql, from_hex("04 00 0000 05 00000001 00")), Probe::kNo);
  EXPECT_EQ(probe(kCql, from_hex("84 00 0000 05 00000000")), Probe::kNo);  // a server asks nothing
  EXPECT_EQ(probe(kCql, from_hex("04 20 0000 05 00000000")), Probe::kNo);  // flags
  EXPECT_EQ(probe(kCql, from_hex("05 01 00 05 01 00 01 00 00 50")), Probe::kNo);  // SOCKS
  EXPECT_EQ(probe(kCql, cql("04 00 0001 07", counted("\x01\x02\x03 FROM"))), Probe::kNo);
  EXPECT_EQ(probe(kCql, cql("04 00 0001 07", std::string("\0\0\x7f\xff", 4) + "SELECT 1")),
            Probe::kNo);
  EXPECT_EQ(probe(kCql, from_hex("04 00 0000")), Probe::kMore);
}

TEST(Nats, PayloadsArePassedOver) {
  for (std::size_t chunk : {1U, 5U, 1000U}) {
    Feeder feeder(kNats, chunk);
    feeder.stream(kClient, "PUB a 11\r\nPUB b 1\r\n\r\n\r\nPUB c 0\r\n\r\n");
    feeder.stream(kServer, "MSG c 9 d 2\r\nok\r\n");
    feeder.end();
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> publish subject=a bytes=11", "> publish subject=c bytes=0",
                            "< message subject=c sid=9 reply_to=d bytes=2",
                            "> summary published=2 delivered=1"));
  }
}

TEST(Nats, SecretsStayOut) {
  Feeder feeder(kNats);
  feeder.stream(kClient, "CONNECT {\"verbose\":false,\"auth_token\":\"s3cret\"}\r\n");
  feeder.stream(kClient, "CONNECT {\"user\": \"bob\", \"pass\": \"s3cret\"}\r\n");
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> connect password=***", "> connect user=bob password=***"));
}

TEST(Nats, TheSameSubjectIsNoNews) {
  Feeder feeder(kNats);
  for (int i = 0; i < 300; ++i) feeder.stream(kClient, "PUB t 1\r\nx\r\n");
  for (int i = 0; i < 300; ++i) {
    feeder.stream(kClient, "PUB t." + std::to_string(i) + " 1\r\nx\r\n");
  }
  feeder.end();
  EXPECT_EQ(feeder.context.records.size(), 129);
  EXPECT_EQ(feeder.context.records.back(), "> summary published=600 delivered=0");
}

TEST(NatsProbe, TextThatBeginsLikeIt) {
  EXPECT_EQ(probe(kNats, "INFO {\"server_id\":\"NA\""), Probe::kYes);
  EXPECT_EQ(probe(kNats, "INFO {\"other\":1}\r\n"), Probe::kNo);
  EXPECT_EQ(probe(kNats, "INFO sip:a SIP/2.0"), Probe::kNo);
  EXPECT_EQ(probe(kNats, "CONNECT a.example:443 HTTP/1.1"), Probe::kNo);
  EXPECT_EQ(probe(kNats, "PUB a 2\r\nok\r\n"), Probe::kYes);
  EXPECT_EQ(probe(kNats, "PUB a 2\r\nokay\r\n"), Probe::kNo);
  EXPECT_EQ(probe(kNats, "PUB a 99999999999999999999\r\n"), Probe::kNo);
  EXPECT_EQ(probe(kNats, "PU"), Probe::kMore);
}

}  // namespace
}  // namespace netwatch::dpi
