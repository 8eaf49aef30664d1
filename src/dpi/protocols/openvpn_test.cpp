#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kOpenvpn;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

const std::string kOne = "SESSION1";
const std::string kTwo = "session2";

std::string u32(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}
// What --tls-auth with a hash of `hash` bytes adds.
std::string auth(std::size_t hash, std::uint32_t number) {
  return hash == 0 ? "" : std::string(hash, '\x77') + u32(number) + u32(1700000000);
}
std::string packet(int opcode, const std::string& session, const std::string& body,
                   std::size_t hash = 0, int key = 0) {
  return static_cast<char>(opcode << 3 | key) + session + auth(hash, 1) + body;
}
std::string client_reset(std::size_t hash = 0) {
  return packet(7, kOne, std::string(1, '\0') + u32(0), hash);
}
std::string server_reset(std::size_t hash = 0) {
  return packet(8, kTwo, "\x01" + u32(0) + kOne + u32(0), hash);
}
std::string control(const std::string& session, std::uint32_t number, const std::string& payload,
                    std::size_t hash = 0, int key = 0) {
  return packet(4, session, std::string(1, '\0') + u32(number) + payload, hash, key);
}
std::string data() { return packet(6, "anything at all", ""); }
std::string behind_length(const std::string& bytes) {
  return std::string{static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())} + bytes;
}
std::string crypt_reset(int opcode, std::size_t rest) {
  return packet(opcode, kOne, u32(1) + u32(1700000000) + std::string(rest, '\x99'));
}

Probe probe(std::string_view bytes, bool datagram = true) {
  ProbeInput input;
  input.datagram = datagram;
  input.sides[0] = base::as_bytes(bytes);
  return kOpenvpn.first.has(static_cast<std::uint8_t>(bytes[0])) ? kOpenvpn.probe(input)
                                                                 : Probe::kNo;
}

TEST(OpenvpnProbe, FindsTheHmacByContent) {
  for (std::size_t hash : {0U, 16U, 20U, 28U, 32U, 48U, 64U}) {
    EXPECT_EQ(probe(client_reset(hash)), Probe::kYes) << hash;
    EXPECT_EQ(probe(server_reset(hash)), Probe::kYes) << hash;
    EXPECT_EQ(probe(control(kOne, 1, "\x16\x03\x01...", hash)), Probe::kYes) << hash;
    EXPECT_EQ(probe(behind_length(client_reset(hash)), false), Probe::kYes) << hash;
  }
  EXPECT_EQ(probe(client_reset(24)), Probe::kNo);
  EXPECT_EQ(probe(control(kOne, 1, "GET / HTTP/1.1")), Probe::kNo);
  EXPECT_EQ(probe(client_reset() + "x"), Probe::kNo);
  EXPECT_EQ(probe(packet(7, std::string(8, '\0'), std::string(5, '\0'))), Probe::kNo);
  EXPECT_EQ(probe(data()), Probe::kNo);
  // With an HMAC there are a packet number and a time, which must be possible.
  const std::string hashed = static_cast<char>(7 << 3) + kOne + std::string(20, '\x77');
  EXPECT_EQ(probe(hashed + u32(1) + u32(1700000000) + std::string(5, '\0')), Probe::kYes);
  EXPECT_EQ(probe(hashed + u32(0) + u32(1700000000) + std::string(5, '\0')), Probe::kNo);
  EXPECT_EQ(probe(hashed + u32(1) + u32(12345) + std::string(5, '\0')), Probe::kNo);
  const std::string stream = behind_length(client_reset(20));
  for (std::size_t n = 1; n < stream.size(); ++n) {
    EXPECT_EQ(probe(stream.substr(0, n), false), Probe::kMore) << n;
  }
}

TEST(OpenvpnProbe, TlsCryptIsKnownByItsSizes) {
  EXPECT_EQ(probe(crypt_reset(7, 32 + 5)), Probe::kYes);
  EXPECT_EQ(probe(crypt_reset(8, 32 + 17)), Probe::kYes);
  EXPECT_EQ(probe(crypt_reset(7, 32 + 6)), Probe::kNo);
  std::string wrapped = crypt_reset(10, 32 + 5 + 298) + std::string("\x01\x2c", 2);
  EXPECT_EQ(probe(wrapped), Probe::kYes);
  wrapped.back() = '\x2d';
  EXPECT_EQ(probe(wrapped), Probe::kNo);
}

TEST(Openvpn, MessagesBecomeAStream) {
  for (std::size_t hash : {0U, 32U}) {
    Feeder feeder(kOpenvpn);
    feeder.datagram(kClient, client_reset(hash));
    feeder.datagram(kClient, client_reset(hash));
    feeder.datagram(kServer, server_reset(hash));
    feeder.datagram(kClient, control(kOne, 2, "second ", hash));
    feeder.datagram(kClient, control(kOne, 1, "first ", hash));
    feeder.datagram(kClient, control(kOne, 1, "first ", hash));
    feeder.datagram(kClient, control(kOne, 3, "other key ", hash, 1));
    feeder.datagram(kClient, control(kTwo, 3, "other session ", hash));
    feeder.datagram(kServer, control(kTwo, 1, "answer", hash));
    feeder.datagram(kClient, control(kOne, 3, "third", hash));
    EXPECT_EQ(feeder.context.children[0], "first second third");
    EXPECT_EQ(feeder.context.children[1], "answer");
    ASSERT_EQ(feeder.context.records.size(), 2U);
    EXPECT_EQ(feeder.context.records[0],
              "> client_reset opcode=7 session=SESSION1 protection=" +
                  std::string(hash == 0 ? "none" : "tls-auth hmac_bytes=32"));
    EXPECT_THAT(feeder.context.originators, ElementsAre(kClient, kClient));
    EXPECT_THAT(feeder.context.odds, IsEmpty());
  }
}

TEST(Openvpn, OverTcpSegmentsDoNotMatter) {
  for (std::size_t chunk : {std::size_t{1}, std::size_t{30}, std::size_t{1000}}) {
    Feeder feeder(kOpenvpn, chunk);
    feeder.stream(kClient, behind_length(client_reset(20)) +
                               behind_length(control(kOne, 1, "one ", 20)) + behind_length(data()) +
                               behind_length(control(kOne, 2, "two", 20)));
    EXPECT_EQ(feeder.context.records.size(), 1U);
    EXPECT_EQ(feeder.context.children[0], "one two");
    EXPECT_FALSE(feeder.ended());
  }
}

TEST(Openvpn, CaptureMayBeginAfterTheResets) {
  Feeder feeder(kOpenvpn);
  feeder.datagram(kServer, control(kTwo, 1, "\x16\x03\x03 hello ", 64));
  feeder.datagram(kServer, control(kTwo, 2, "rest", 64));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< control opcode=4 session=session2 protection=tls-auth hmac_bytes=64"));
  EXPECT_EQ(feeder.context.children[1], "\x16\x03\x03 hello rest");
}

TEST(Openvpn, LetsGoOnceNothingMoreCanBeTold) {
  Feeder unread(kOpenvpn);
  unread.context.child_wanted = false;
  unread.datagram(kClient, client_reset());
  EXPECT_FALSE(unread.ended());
  unread.datagram(kClient, control(kOne, 1, "x"));
  EXPECT_TRUE(unread.ended());

  Feeder tunnel(kOpenvpn);
  tunnel.datagram(kClient, client_reset());
  for (int i = 0; i < 16; ++i) tunnel.datagram(kClient, data());
  EXPECT_TRUE(tunnel.ended());

  Feeder opaque(kOpenvpn);
  opaque.datagram(kClient, crypt_reset(7, 32 + 5));
  EXPECT_THAT(opaque.context.records.at(0), HasSubstr("protection=tls-crypt"));
  for (int i = 0; i < 8; ++i) opaque.datagram(kClient, control(kOne, 1, "unreadable"));
  EXPECT_TRUE(opaque.ended());
  EXPECT_EQ(opaque.context.children[0], "");
}

}  // namespace
}  // namespace netwatch::dpi
