// Secrets stay away where bytes were lost, where a peer errs, and in what only looks harmless.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kSmtp;
extern const ProtocolDef kPop3;
extern const ProtocolDef kFtp;
extern const ProtocolDef kTelnet;
extern const ProtocolDef kMongodb;
extern const ProtocolDef kMysql;
extern const ProtocolDef kVnc;
extern const ProtocolDef kSsdp;
extern const ProtocolDef kCoap;
namespace {

using ::testing::Contains;
using testing::Feeder;
using ::testing::HasSubstr;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

template <std::size_t kBytes>
std::string bytes(const char (&text)[kBytes]) {
  return {text, kBytes - 1};
}

std::string number(std::uint64_t value, unsigned count) {  // little-endian
  std::string out;
  for (unsigned i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}

// A lost segment in a login takes a step of it away: what follows must not be read as the name.
TEST(SecretsAfterLoss, SmtpAuthLogin) {
  for (const auto lost : {kClient, kServer}) {
    Feeder feeder(kSmtp);
    feeder.stream(kServer, "220 mx ESMTP\r\n");
    feeder.stream(kClient, "EHLO me\r\n");
    feeder.stream(kServer, "250-mx\r\n250 AUTH LOGIN\r\n");
    feeder.stream(kClient, "AUTH LOGIN\r\n");
    if (lost == kServer) feeder.gap(kServer, 18);
    if (lost == kClient) feeder.gap(kClient, 10);  // "YWxpY2U=": the name
    feeder.stream(kServer, "\r\n334 UGFzc3dvcmQ6\r\n");
    feeder.stream(kClient, "\r\nc2VjcmV0\r\n");
    feeder.stream(kServer, "235 ok\r\n");
    EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("secret"))));
    EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("c2VjcmV0"))));
    EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("user="))));
  }
}

TEST(SecretsAfterLoss, Pop3AuthLogin) {
  for (const auto lost : {kClient, kServer}) {
    Feeder feeder(kPop3);
    feeder.stream(kServer, "+OK ready\r\n");
    feeder.stream(kClient, "AUTH LOGIN\r\n");
    if (lost == kServer) feeder.gap(kServer, 16);
    if (lost == kClient) feeder.gap(kClient, 10);
    feeder.stream(kServer, "\r\n+ UGFzc3dvcmQ6\r\n");
    feeder.stream(kClient, "\r\nc2VjcmV0\r\n");
    feeder.stream(kServer, "+OK in\r\n");
    EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("secret"))));
    EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("c2VjcmV0"))));
    EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("user="))));
  }
}

TEST(Secrets, FtpSiteShowsItsFirstWordOnly) {
  Feeder feeder(kFtp);
  feeder.stream(kServer, "220 FTP\r\n");
  feeder.stream(kClient, "SITE GPASS secret\r\nSITE CHMOD 600 x\r\n");
  EXPECT_THAT(feeder.context.records, Contains("> request command=SITE argument=GPASS"));
  EXPECT_THAT(feeder.context.records, Contains("> request command=SITE argument=CHMOD"));
}

// "Last login:" greets who is in already (by other means, or before the capture began): what is
// typed next is a command, not a name.
TEST(Secrets, TelnetLastLoginIsNoPrompt) {
  for (const bool prompted : {false, true}) {
    Feeder feeder(kTelnet);
    feeder.stream(kServer, "\xff\xfd\x18\xff\xfb\x01");
    feeder.stream(kClient, "\xff\xfb\x18\xff\xfd\x01");
    feeder.stream(kServer, prompted ? "\r\nhost login: " : "\r\nLast login: ");
    feeder.stream(kClient, "hush\r\n");
    EXPECT_EQ(feeder.context.records.back() == "> login user=hush", prompted);
  }
}

std::string sasl_start(const std::string& mechanism, const std::string& payload) {
  const std::string elements = "\x10" + bytes("saslStart\0") + number(1, 4) + "\x02" +
                               bytes("mechanism\0") + number(mechanism.size() + 1, 4) + mechanism +
                               bytes("\0") + "\x05" + bytes("payload\0") +
                               number(payload.size(), 4) + bytes("\0") + payload;
  const std::string document = number(elements.size() + 5, 4) + elements + bytes("\0");
  const std::string body = bytes("\0\0\0\0\0") + document;
  return number(body.size() + 16, 4) + number(1, 4) + number(0, 4) + number(2013, 4) + body;
}

// Of PLAIN the payload is the password; only SCRAM's begins with the name.
TEST(Secrets, MongodbReadsTheNameOfScramOnly) {
  Feeder scram(kMongodb);
  scram.stream(kClient, sasl_start("SCRAM-SHA-256", "n,,n=alice,r=x"));
  EXPECT_THAT(scram.context.records, Contains(HasSubstr("user=alice")));
  Feeder plain(kMongodb);
  plain.stream(kClient, sasl_start("PLAIN", bytes("\0alice\0se,n=cret")));
  EXPECT_THAT(plain.context.records, Contains(HasSubstr("PLAIN")));
  EXPECT_THAT(plain.context.records, Not(Contains(HasSubstr("cret"))));
}

// An error quotes the statement that it is about.
TEST(Secrets, MysqlErrorsEndBeforeAPassword) {
  Feeder feeder(kMysql);
  feeder.stream(kServer, from_hex("2d000000 0a") + bytes("8.0.1\0") + from_hex("01000000") +
                             "12345678" + from_hex("00 0082 21 0200 0800 15") +
                             std::string(10, '\0') + bytes("plugin\0"));
  feeder.stream(kClient, from_hex("2d000001 00820000 00000001 21") + std::string(23, '\0') +
                             bytes("alice\0\6secret"));
  feeder.stream(kServer, from_hex("07000002 00000002000000"));
  feeder.stream(kClient, from_hex("09000000 03") + "SELECT 1");
  const std::string error =
      from_hex("ff2804") + "#42000near 'CREATE USER a IDENTIFIED BY 'hush' x' at line 1";
  feeder.stream(kServer, number(error.size(), 3) + "\x01" + error);
  EXPECT_THAT(feeder.context.records, Contains(HasSubstr("CREATE USER a IDENTIFIED BY")));
  EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("hush"))));
}

// A reason that says it is 4 GB long is told by its beginning, not waited for.
TEST(Limits, VncReasonIsBounded) {
  Feeder feeder(kVnc);
  feeder.stream(kServer, "RFB 003.008\n");
  feeder.stream(kClient, "RFB 003.008\n");
  feeder.stream(kServer, bytes("\0") + from_hex("ffffffff") + "Too many" + std::string(5000, '!'));
  EXPECT_TRUE(feeder.ended());
  EXPECT_THAT(feeder.context.records, Contains(HasSubstr("Too many!")));
}

TEST(Secrets, SsdpLocation) {
  Feeder feeder(kSsdp);
  feeder.datagram(kClient,
                  "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\n"
                  "NTS: ssdp:alive\r\nUSN: uuid:1::upnp:rootdevice\r\n"
                  "LOCATION: http://admin:secret@192.0.2.1/desc.xml\r\n\r\n");
  EXPECT_THAT(feeder.context.records,
              Contains(HasSubstr("location=http://admin:***@192.0.2.1/desc.xml")));
  EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("secret"))));
}

TEST(Secrets, CoapProxyUri) {
  const std::string uri = "http://admin:secret@192.0.2.1/a";
  Feeder feeder(kCoap);
  feeder.datagram(kClient, from_hex("40 01 1234") + from_hex("dd 16") +
                               static_cast<char>(uri.size() - 13) + uri);
  EXPECT_THAT(feeder.context.records,
              Contains(HasSubstr("proxy_uri=http://admin:***@192.0.2.1/a")));
  EXPECT_THAT(feeder.context.records, Not(Contains(HasSubstr("secret"))));
}

}  // namespace
}  // namespace netwatch::dpi
