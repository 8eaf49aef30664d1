#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kProxy;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

Probe probe(std::string_view bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return kProxy.probe(input);
}

std::string u16(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::string value(int type, const std::string& bytes) {
  return static_cast<char>(type) + u16(bytes.size()) + bytes;
}
std::string binary(int command, int family, const std::string& body) {
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + static_cast<char>(0x20 + command) +
         static_cast<char>(family) + u16(body.size()) + body;
}
const std::string kV4 = from_hex("c0000201 c0000202 dc04 01bb");
const std::string kLine = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
const std::string kLineRecord =
    "> proxied version=1 transport=tcp4 source=192.0.2.1 source_port=56324 destination=192.0.2.2 "
    "destination_port=443";

TEST(ProxyProbe, BelievesWholeHeadersOnly) {
  EXPECT_EQ(probe(kLine), Probe::kYes);
  EXPECT_EQ(probe("PROXY UNKNOWN whatever\r\n"), Probe::kYes);
  EXPECT_EQ(probe("PROXY UNKNOWN\r\n"), Probe::kYes);
  for (std::size_t n = 1; n < kLine.size(); ++n) EXPECT_EQ(probe(kLine.substr(0, n)), Probe::kMore);
  EXPECT_EQ(probe("PROXYFIND / HTTP/1.1\r\n"), Probe::kNo);
  EXPECT_EQ(probe("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), Probe::kNo);
  EXPECT_EQ(probe("PROXY TCP4 192.0.2.1 192.0.2.2 56324 65536\r\n"), Probe::kNo);
  EXPECT_EQ(probe("PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n"), Probe::kNo);
  EXPECT_EQ(probe("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), Probe::kNo);
  EXPECT_EQ(probe("PROXY " + std::string(101, 'x')), Probe::kNo);

  const std::string header = binary(1, 0x11, kV4);
  for (std::size_t n = 1; n < 16; ++n) EXPECT_EQ(probe(header.substr(0, n)), Probe::kMore);
  EXPECT_EQ(probe(header.substr(0, 16)), Probe::kYes);
  EXPECT_EQ(probe(binary(0, 0, "")), Probe::kYes);
  EXPECT_EQ(probe(binary(2, 0x11, kV4)), Probe::kNo);
  EXPECT_EQ(probe(binary(1, 0x13, kV4)), Probe::kNo);
  EXPECT_EQ(probe(binary(1, 0x21, kV4)), Probe::kNo);  // too short for two IPv6 addresses
}

TEST(Proxy, LineIsReadAndTheRestHandedOn) {
  for (std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    Feeder feeder(kProxy, chunk);
    feeder.stream(kClient, kLine + "GET /");
    EXPECT_THAT(feeder.context.records, ElementsAre(kLineRecord));
    EXPECT_TRUE(feeder.context.handed_on);
    EXPECT_EQ(feeder.held(kClient), "GET /");
  }
}

TEST(Proxy, UnknownTellsNothing) {
  Feeder feeder(kProxy);
  feeder.stream(kClient, "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\nx");
  EXPECT_THAT(feeder.context.records, ElementsAre("> proxied version=1"));
  EXPECT_EQ(feeder.held(kClient), "x");
}

TEST(Proxy, ValuesOfVersion2) {
  const std::string tls = std::string("\x03\0\0\0\0", 5) + value(0x21, "TLSv1.3") +
                          value(0x22, "client.example") + value(0x23, "TLS_AES_128_GCM_SHA256");
  const std::string header = binary(
      1, 0x21,
      from_hex("20010db8000000000000000000000001 20010db8000000000000000000000002 0001 0002") +
          value(0x01, "h2") + value(0x02, "www.example.org") + value(0x04, "padding") +
          value(0x05, "id") + value(0x20, tls) + value(0x30, "blue") + value(0xea, "vpc"));
  for (std::size_t chunk : {std::size_t{1}, std::size_t{1000}}) {
    Feeder feeder(kProxy, chunk);
    feeder.stream(kClient, header + "next");
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> proxied version=2 transport=tcp6 source=2001:db8::1 source_port=1 "
                            "destination=2001:db8::2 destination_port=2 alpn=h2 "
                            "authority=www.example.org unique_id=id tls_verified=true "
                            "tls_version=TLSv1.3 tls_client=client.example "
                            "tls_cipher=TLS_AES_128_GCM_SHA256 namespace=blue"));
    EXPECT_THAT(feeder.context.odds, IsEmpty());
    EXPECT_EQ(feeder.held(kClient), "next");
  }
}

TEST(Proxy, WhatOverrunsIsOddAndTheRestStillHandedOn) {
  Feeder feeder(kProxy);
  feeder.stream(kClient, binary(1, 0x11, kV4 + "\x02" + u16(9) + "short") + "next");
  EXPECT_THAT(feeder.context.odds, ElementsAre("value_overrun"));
  EXPECT_EQ(feeder.context.records.size(), 1U);
  EXPECT_EQ(feeder.held(kClient), "next");
}

TEST(Proxy, LocalHeaderHasNoAddresses) {
  Feeder feeder(kProxy);
  feeder.stream(kClient, binary(0, 0x11, kV4) + "x");
  EXPECT_THAT(feeder.context.records, ElementsAre("> local version=2"));
}

TEST(Proxy, UnixSocketsHavePaths) {
  std::string paths = "/run/a" + std::string(102, '\0') + "/run/b" + std::string(102, '\0');
  Feeder feeder(kProxy);
  feeder.stream(kClient, binary(1, 0x31, paths));
  EXPECT_THAT(
      feeder.context.records,
      ElementsAre("> proxied version=2 transport=unix source_path=/run/a destination_path=/run/b"));
}

TEST(Proxy, DatagramsCarryDatagrams) {
  Feeder feeder(kProxy);
  const std::string header = binary(1, 0x12, kV4);
  feeder.datagram(kClient, header + "question");
  feeder.datagram(kServer, "answer");
  feeder.datagram(kClient, header + "another");
  EXPECT_EQ(feeder.context.records.size(), 1U);
  EXPECT_EQ(feeder.context.children[0], "question|another|");
  EXPECT_EQ(feeder.context.children[1], "answer|");
}

}  // namespace
}  // namespace netwatch::dpi
