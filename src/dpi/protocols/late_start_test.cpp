// Streams that begin in their middle, messages that are damaged, and answers of another protocol
// than the one that was asked in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {

extern const ProtocolDef kTls;
extern const ProtocolDef kSsh;
extern const ProtocolDef kHttp;
extern const ProtocolDef kGquic;
extern const ProtocolDef kRedis;
extern const ProtocolDef kRadius;
extern const ProtocolDef kStun;

namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::StartsWith;

const std::string kKexinitLists = [] {
  std::string lists;
  for (std::string_view list : {"curve25519-sha256", "ssh-rsa", "a", "b", "c", "d", "e", "f"}) {
    lists += std::string("\0\0\0", 3) + static_cast<char>(list.size());
    lists += list;
  }
  return lists + std::string(8 + 5, '\0');
}();
// RFC 4253 6 and 7.1: four bytes of padding.
const std::string kKexinit = [] {
  const std::string payload = '\x14' + std::string(16, '\x5a') + kKexinitLists;
  const auto length = static_cast<char>(1 + payload.size() + 4);
  return std::string("\0\0\0", 3) + length + '\4' + payload + "pads";
}();
const std::string kGoogleHello =
    from_hex("0d 00db40daa3bbe2ff 51303234 01 2cb2614dbcf34c78f55d56e9 00 a0 01 1900") + "CHLO" +
    from_hex("01000000 534e4900 09000000") + "a.example";
const std::string kAlert = from_hex("1503010016") + std::string(22, '\x9d');

struct Case {
  std::string_view name;
  const ProtocolDef* protocol;
  std::string bytes;
  Probe expected;
};
std::string with(std::string bytes, std::size_t at, char value) {
  bytes[at] = value;
  return bytes;
}

const Case kCases[] = {
    {"EncryptedAlert", &kTls, kAlert, Probe::kYes},
    {"EncryptedAlertByHalf", &kTls, kAlert.substr(0, 20), Probe::kMore},
    {"EncryptedAlertAndAnother", &kTls, kAlert + kAlert, Probe::kYes},
    {"EncryptedAlertAndNoRecord", &kTls, kAlert + "GET / HTTP/1.1", Probe::kNo},
    {"TooShortToBeEncrypted", &kTls, from_hex("1503010003 010203"), Probe::kNo},
    {"EncryptedFinished", &kTls, from_hex("1603030028") + std::string(40, '\xcc'), Probe::kYes},
    {"Kexinit", &kSsh, kKexinit, Probe::kYes},
    {"KexinitByHalf", &kSsh, kKexinit.substr(0, 20), Probe::kMore},
    {"KexinitOfOtherBytes", &kSsh, with(kKexinit, 28, '\x01'), Probe::kNo},
    {"NoKexinit", &kSsh, with(kKexinit, 5, '\x1e'), Probe::kNo},
    {"GoogleHello", &kGquic, kGoogleHello, Probe::kYes},
    {"GoogleReset", &kGquic, with(kGoogleHello, 0, '\x0f'), Probe::kNo},
    {"OtherVersion", &kGquic, with(kGoogleHello, 9, 'R'), Probe::kNo},
    {"RedisError", &kRedis, "-ERR unknown command 'x'\r\n", Probe::kYes},
    {"Pop3Error", &kRedis, "-ERR unknown user\r\n", Probe::kNo},
    {"ClassicWithZoomsAttribute", &kStun,
     from_hex("0001 000c c15dae63585d14392e582c260403bf30 0101 0008") + "12345678", Probe::kYes},
    {"ClassicWithOther", &kStun,
     from_hex("0001 000c c15dae63585d14392e582c260403bf30 0301 0008") + "12345678", Probe::kNo},
    {"DamagedWithUser", &kRadius,
     from_hex("010a0020 5e0e2b78773314628ae3d5ea0efe915e 0108") + "alice1" + from_hex("2500 0000"),
     Probe::kYes},
    {"DamagedWithout", &kRadius,
     from_hex("010a0020 5e0e2b78773314628ae3d5ea0efe915e 0208") + "alice1" + from_hex("2500 0000"),
     Probe::kNo},
};

TEST(LateStart, IsToldByContent) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    ProbeInput input{.sides = {}, .latest = kClient};
    input.sides[0] = base::as_bytes(one.bytes);
    EXPECT_EQ(one.protocol->probe(input), one.expected);
  }
}

TEST(LateStart, AKexinitWithoutItsIdentificationIsRead) {
  for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
    SCOPED_TRACE(chunk);
    Feeder feed(kSsh, chunk);
    feed.stream(kClient, kKexinit);
    ASSERT_EQ(feed.context.records.size(), 1U);
    EXPECT_THAT(feed.context.records[0], StartsWith("> kexinit hassh="));
  }
}

TEST(LateStart, AnIdentificationEndsAtANul) {
  Feeder feed(kSsh);
  feed.stream(kServer, "SSH-2.0-x" + std::string(100, '\0') + "\r\n");
  EXPECT_THAT(feed.context.records, ElementsAre("< banner server=SSH-2.0-x"));
  EXPECT_THAT(feed.context.odds, ElementsAre("nul_in_identification"));
}

TEST(LateStart, AnSshServerThatIsAskedInHttpIsHandedOn) {
  Feeder feed(kHttp);
  feed.stream(kClient, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(feed.context.handed_on);
  feed.stream(kServer, "SSH-2.0-x\r\n");
  EXPECT_TRUE(feed.context.handed_on);
  EXPECT_EQ(feed.held(kServer), "SSH-2.0-x\r\n");
  EXPECT_THAT(feed.context.odds, IsEmpty());
}

TEST(LateStart, GooglesHelloTellsVersionAndName) {
  Feeder feed(kGquic);
  feed.datagram(kServer, kGoogleHello);
  ASSERT_EQ(feed.context.records.size(), 1U);
  EXPECT_THAT(feed.context.records[0],
              StartsWith("< client_hello version=Q024 sni=a.example cid="));
  EXPECT_THAT(feed.context.originators, ElementsAre(kServer));
  EXPECT_TRUE(feed.ended());
}

TEST(LateStart, ADamagedAttributeIsOdd) {
  Feeder feed(kRadius);
  feed.datagram(kClient, from_hex("010a0020 5e0e2b78773314628ae3d5ea0efe915e 0108") + "alice1" +
                             from_hex("2500 0000"));
  EXPECT_EQ(feed.context.records.size(), 1U);
  EXPECT_THAT(feed.context.odds, ElementsAre("attribute_length"));
}

}  // namespace
}  // namespace netwatch::dpi
