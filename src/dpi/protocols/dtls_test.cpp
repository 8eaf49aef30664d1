#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "dpi/parts/certificate_test.h"
#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kDtls;
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string number(std::size_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift);
  }
  return out;
}
std::string record(int type, const std::string& body, int epoch = 0,
                   const std::string& version = "\xfe\xfd") {
  return static_cast<char>(type) + version + number(static_cast<std::size_t>(epoch), 2) +
         number(7, 6) + number(body.size(), 2) + body;
}
struct Message {
  int type;
  std::size_t number;
  std::string body;
  [[nodiscard]] std::string part(std::size_t from, std::size_t size) const {
    const std::string piece = body.substr(from, size);
    return static_cast<char>(type) + dpi::number(body.size(), 3) + dpi::number(number, 2) +
           dpi::number(from, 3) + dpi::number(piece.size(), 3) + piece;
  }
  [[nodiscard]] std::string whole() const { return part(0, body.size()); }
};
std::string extension(std::size_t type, const std::string& data) {
  return number(type, 2) + number(data.size(), 2) + data;
}
std::string client_hello(const std::string& extensions, char random = 'r') {
  return "\xfe\xfd" + std::string(32, random) + std::string("\0\x03\x41\x42\x43", 5) +
         number(2, 2) + "\xc0\x2f" + std::string("\1\0", 2) + number(extensions.size(), 2) +
         extensions;
}
std::string server_hello(const std::string& extensions, const std::string& random) {
  return "\xfe\xfd" + random + std::string("\0\xc0\x2f\0", 4) + number(extensions.size(), 2) +
         extensions;
}
const std::string kSni = extension(0, number(14, 2) + '\0' + number(11, 2) + "example.org");
const std::string kOffers13 = extension(43, "\x04\xfe\xfc\xfe\xfd");
const std::string kChosen13 = extension(43, "\xfe\xfc");
const std::string kRandom(32, 's');
const std::string kRetryRandom =
    from_hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
const Message kHello{1, 0, client_hello(kSni)};
const Message kVerify{3, 0,
                      "\xfe\xff\x03"
                      "abc"};
const std::string kChangeCipher = record(20, "\x01");
const std::string kSealed = record(23, std::string(24, 'x'), 1);

Probe probe(std::string_view bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return kDtls.probe(input);
}

TEST(DtlsProbe, AWholeDatagramMustFit) {
  const std::string hello = record(22, kHello.whole());
  EXPECT_EQ(probe(hello), Probe::kYes);
  EXPECT_EQ(probe(hello.substr(0, 60)), Probe::kYes);  // cut by a snapshot length
  EXPECT_EQ(probe(record(22, kHello.part(20, 40))), Probe::kYes);
  EXPECT_EQ(probe(hello + kSealed), Probe::kYes);
  EXPECT_EQ(probe(hello + "\x2c"
                          "sealed in DTLS 1.3's form"),
            Probe::kYes);
  EXPECT_EQ(probe(hello + "junk"), Probe::kNo);
  EXPECT_EQ(probe(kSealed), Probe::kYes);
  EXPECT_EQ(probe(kSealed + "x"), Probe::kNo);
  EXPECT_EQ(probe(record(23, "short", 1)), Probe::kNo);
  EXPECT_EQ(probe(record(23, std::string(24, 'x'), 0)), Probe::kNo);
  EXPECT_EQ(probe(record(21, "\x02\x28")), Probe::kYes);
  EXPECT_EQ(probe(record(21, "\x03\x28")), Probe::kNo);
  EXPECT_EQ(probe(record(22, kHello.whole(), 0, std::string("\x01\0", 2))), Probe::kYes);
  EXPECT_EQ(probe(record(22, kHello.whole(), 0, "\x03\x03")), Probe::kNo);
}

TEST(Dtls, FragmentsInAnyOrder) {
  const std::vector<std::string> parts{kHello.part(0, 30), kHello.part(30, 20),
                                       kHello.part(40, 999)};
  std::array<std::size_t, 3> order{0, 1, 2};
  do {
    Feeder feeder(kDtls);
    for (std::size_t i : order) {
      feeder.datagram(kClient, record(22, parts[i]));
      feeder.datagram(kClient, record(22, parts[i]));
    }
    ASSERT_THAT(feeder.context.records, SizeIs(1));
    EXPECT_THAT(feeder.context.records[0],
                AllOf(StartsWith("> client_hello version=DTLS 1.2 sni=example.org"),
                      HasSubstr("ja4=dd2d010100_")));
    EXPECT_THAT(feeder.context.odds, IsEmpty());
  } while (std::ranges::next_permutation(order).found);
}

TEST(Dtls, AHandshakeInClear) {
  Feeder feeder(kDtls);
  const Message again{1, 1, kHello.body};
  feeder.datagram(kClient, record(22, kHello.whole()));
  feeder.datagram(kClient, record(22, kHello.whole()));  // sent again
  feeder.datagram(kServer, record(22, kVerify.whole()));
  feeder.datagram(kClient, record(22, again.whole()));
  const std::string der = from_hex(kTestCertificateHex);
  const Message certificate{11, 2, number(der.size() + 3, 3) + number(der.size(), 3) + der};
  feeder.datagram(kServer, record(22, Message{2, 1, server_hello("", kRandom)}.whole() +
                                          certificate.part(0, 100)));
  feeder.datagram(kServer, "\x80 RTP, or something else");
  feeder.datagram(kServer, record(22, certificate.part(100, 4000)));
  EXPECT_FALSE(feeder.ended());
  feeder.datagram(kClient, kChangeCipher + kSealed);
  feeder.datagram(kServer, kChangeCipher + kSealed);
  EXPECT_TRUE(feeder.ended());
  ASSERT_THAT(feeder.context.records, SizeIs(4));
  EXPECT_EQ(feeder.context.records[1], "< hello_verify version=DTLS 1.0");
  EXPECT_THAT(feeder.context.records[2],
              StartsWith("< server_hello version=DTLS 1.2 "
                         "cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 hello_retry=false"));
  EXPECT_THAT(feeder.context.records[3], StartsWith("< certificate subject="));
  EXPECT_THAT(feeder.context.originators, IsEmpty());
}

TEST(Dtls, Version13WithARetry) {
  Feeder feeder(kDtls);
  feeder.datagram(kClient, record(22, Message{1, 0, client_hello(kOffers13)}.whole()));
  feeder.datagram(kServer,
                  record(22, Message{2, 0, server_hello(kChosen13, kRetryRandom)}.whole()));
  feeder.datagram(kClient, record(22, Message{1, 1, client_hello(kOffers13 + kSni)}.whole()));
  feeder.datagram(kServer, record(22, Message{2, 1, server_hello(kChosen13, kRandom)}.whole()));
  EXPECT_TRUE(feeder.ended());
  ASSERT_THAT(feeder.context.records, SizeIs(4));
  EXPECT_THAT(feeder.context.records[0],
              AllOf(StartsWith("> client_hello version=DTLS 1.3 "), HasSubstr("ja4=dd3i")));
  EXPECT_THAT(feeder.context.records[1], HasSubstr("hello_retry=true"));
  EXPECT_THAT(feeder.context.records[2], HasSubstr("sni=example.org"));
}

TEST(Dtls, AnotherAssociationOnTheSamePorts) {
  Feeder feeder(kDtls);
  feeder.datagram(kClient, record(22, kHello.whole()));
  feeder.datagram(kServer, record(22, kVerify.whole()));
  feeder.datagram(kClient, record(22, Message{1, 0, client_hello(kSni, 'q')}.whole()));
  EXPECT_THAT(feeder.context.records, SizeIs(3));
}

TEST(Dtls, AnUnfinishedHelloTellsItsName) {
  Feeder feeder(kDtls);
  const Message hello{1, 0, client_hello(kSni + extension(9999, std::string(300, 'x')))};
  feeder.datagram(kClient, record(22, hello.part(0, 200)));
  EXPECT_THAT(feeder.context.records, IsEmpty());
  for (int i = 0; i < 32; ++i) feeder.datagram(kServer, "\x80 RTP");
  EXPECT_TRUE(feeder.ended());
  EXPECT_THAT(feeder.context.records, ElementsAre("> client_hello sni=example.org (cut)"));
}

TEST(Dtls, AlertsInClearEndIt) {
  Feeder feeder(kDtls);
  feeder.datagram(kClient, record(22, kHello.whole()));
  feeder.datagram(kServer, record(21, "\x02\x28"));
  EXPECT_EQ(feeder.context.records.back(), "< alert alert_level=fatal alert=handshake_failure");
  EXPECT_TRUE(feeder.ended());
}

TEST(Dtls, TheServersHelloTellsWhoTheClientIs) {
  Feeder feeder(kDtls);
  feeder.datagram(kClient, record(22, Message{2, 0, server_hello("", kRandom)}.whole()));
  EXPECT_THAT(feeder.context.originators, ElementsAre(kServer));
}

TEST(Dtls, LengthsThatDoNotFitAreOdd) {
  Feeder feeder(kDtls);
  std::string bad = kHello.whole();
  bad[11] = '\x7f';  // the fragment is longer than the message
  feeder.datagram(kClient, record(22, kHello.whole() + bad));
  EXPECT_THAT(feeder.context.odds, ElementsAre("bad_fragment"));
  EXPECT_THAT(feeder.context.records, SizeIs(1));
}

}  // namespace
}  // namespace netwatch::dpi
