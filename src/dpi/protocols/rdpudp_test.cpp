#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kRdpudp;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

Probe probe(std::string_view bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return kRdpudp.probe(input);
}

std::string syn(const std::string& version, const std::string& flags = "1801") {
  return from_hex("ffffffff 0040" + flags + "0b127f15 04d0 04d0" +
                  "00112233445566778899aabbccddeeff 00000000000000000000000000000000" + "0001" +
                  version) +
         std::string(1176, '\0');
}
std::string syn_ack(const std::string& version) {
  return from_hex("0b127f15 0040 1005 0f94ea0b 04d0 04d0 0001" + version) + std::string(1212, '\0');
}
// Versions 1 and 2: number, number, payload behind a vector of one element.
std::string data(const std::string& number, const std::string& payload) {
  return from_hex("0f94ea0b 0040 000c 0001 00 00" + number + number) + payload;
}
std::string swapped(std::string packet) {
  std::swap(packet[0], packet[7]);
  return packet;
}
// Version 3: the payload's first byte is the eighth.
std::string data2(char number, const std::string& payload) {
  return swapped(from_hex("e0 04c0 6400") + number + '\0' + payload);
}
const std::string kSynFields =
    "lossy=false up_mtu=1232 down_mtu=1232 "
    "correlation_id=" +
    from_hex("00112233445566778899aabbccddeeff");

TEST(Rdpudp, IsKnownByItsSyn) {
  EXPECT_EQ(probe(syn("0002")), Probe::kYes);
  EXPECT_EQ(probe(syn_ack("0002")), Probe::kYes);
  std::string other = syn("0002");
  other[3] = 0;  // acknowledges although the flag says that it does not
  EXPECT_EQ(probe(other), Probe::kNo);
  other = syn("0002");
  other[13] = '\x6b';  // an MTU that the specification does not allow
  other[12] = '\x04';
  EXPECT_EQ(probe(other), Probe::kNo);
  EXPECT_EQ(probe(syn("0002", "1809")), Probe::kNo);  // no SYN carries data
  EXPECT_EQ(probe(syn("0002", "3801")), Probe::kNo);
}

TEST(Rdpudp, InTheMiddleByATlsRecord) {
  EXPECT_EQ(probe(data("0b127f16", from_hex("160303 0010 0100000c"))), Probe::kYes);
  EXPECT_EQ(probe(data("0b127f16", "neither TLS nor anything")), Probe::kNo);
  Feeder feeder(kRdpudp);
  feeder.datagram(kServer, data("0b127f16", from_hex("160303 0010 01")));
  feeder.datagram(kServer, data("0b127f17", "more"));
  EXPECT_THAT(feeder.context.records, ElementsAre("< data"));
  EXPECT_EQ(feeder.context.children[1], from_hex("160303 0010 01") + "more");
}

TEST(Rdpudp, Version2CarriesAStream) {
  Feeder feeder(kRdpudp);
  feeder.datagram(kClient, syn("0101"));
  feeder.datagram(kClient, syn("0101"));
  feeder.datagram(kServer, syn_ack("0002"));
  feeder.datagram(kClient, data("0b127f17", "two "));
  feeder.datagram(kClient, data("0b127f16", "one "));
  feeder.datagram(kClient, data("0b127f16", "one "));
  feeder.datagram(kClient, from_hex("0f94ea0b 0040 0004 0001 00 00"));  // nothing but an ACK
  feeder.datagram(kClient, from_hex("0f94ea0b 0040 011c 0001 00 00 00000000"));  // FEC
  feeder.datagram(kClient, data("0b127f18", "three"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> syn version=3 " + kSynFields,
                          "< syn_ack version=2 lossy=false up_mtu=1232 down_mtu=1232"));
  EXPECT_EQ(feeder.context.children[0], "one two three");
  EXPECT_THAT(feeder.context.originators, ElementsAre(kClient, kClient));
}

TEST(Rdpudp, Version3ExchangesTwoBytes) {
  Feeder feeder(kRdpudp);
  feeder.datagram(kClient, syn("0101"));
  feeder.datagram(kServer, syn_ack("0101"));
  feeder.datagram(kClient, data2(2, "two "));
  // DELAYACKINFO, AOA and a dummy are passed over.
  feeder.datagram(kClient, swapped(from_hex("e0 14c1 01f401 6400 6400 0100") + "one "));
  feeder.datagram(kClient, swapped(from_hex("f0 14c0 6500 6500 0000") + "dummy"));
  feeder.datagram(kClient, swapped(from_hex("e0 01c0 0100 000000 00 02 0000")));  // an ACK
  feeder.datagram(kClient, swapped(from_hex("e0 0cc0 6600 0100 82 000000 00 0101 0300") + "three"));
  EXPECT_EQ(feeder.context.children[0], "one two three");
  EXPECT_THAT(feeder.context.odds, IsEmpty());
}

TEST(Rdpudp, Version3NumbersWrap) {
  Feeder feeder(kRdpudp);
  feeder.datagram(kServer, syn_ack("0101"));
  feeder.datagram(kServer, swapped(from_hex("e0 04c0 6400 ffff") + "a"));
  feeder.datagram(kServer, swapped(from_hex("e0 04c0 6400 0100") + "c"));
  feeder.datagram(kServer, swapped(from_hex("e0 04c0 6400 0000") + "b"));
  EXPECT_EQ(feeder.context.children[1], "abc");
}

TEST(Rdpudp, TheLossyTransportCarriesDatagrams) {
  Feeder feeder(kRdpudp);
  feeder.datagram(kClient, syn("0002", "1a01"));
  feeder.datagram(kServer, syn_ack("0002"));
  feeder.datagram(kClient, data("0b127f18", "three"));
  feeder.datagram(kClient, data("0b127f16", "one"));
  EXPECT_EQ(feeder.context.children[0], "three|one|");
}

TEST(Rdpudp, LetsGo) {
  Feeder feeder(kRdpudp);
  feeder.datagram(kClient, syn("0002"));
  feeder.datagram(kServer, syn_ack("0002"));
  feeder.context.child_wanted = false;
  feeder.datagram(kClient, data("0b127f16", "nobody reads this"));
  EXPECT_TRUE(feeder.ended());
}

}  // namespace
}  // namespace netwatch::dpi
