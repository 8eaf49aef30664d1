#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kStun;
namespace {

using testing::Feeder;
using ::testing::HasSubstr;
using testing::kClient;
using testing::kServer;

Probe probe(std::string_view bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return kStun.probe(input);
}

// RFC 5769 section 2.1: a request with software, ICE's attributes, integrity and fingerprint.
const std::string kSample = from_hex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a683676592020200008001"
    "49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf");
// Section 2.2: its answer.
const std::string kAnswer = from_hex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147"
    "e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96");
const std::string kClassic = from_hex("00010000 0102030405060708090a0b0c0d0e0f10");

TEST(Stun, TheVectorsOfRfc5769) {
  EXPECT_EQ(probe(kSample), Probe::kYes);
  Feeder feeder(kStun);
  feeder.datagram(kClient, kSample);
  feeder.pass_us(250);
  feeder.datagram(kServer, kAnswer);
  ASSERT_EQ(feeder.context.records.size(), 2);
  EXPECT_THAT(feeder.context.records[0],
              HasSubstr("software=STUN test client controlling=false user=evtj:h6vY integrity=true "
                        "fingerprint=true"));
  EXPECT_THAT(feeder.context.records[1],
              HasSubstr("mapped_address=192.0.2.1 mapped_port=32853 integrity=true"));
  EXPECT_THAT(feeder.context.records[1], HasSubstr("latency_us=250"));
}

TEST(Stun, EverythingThatCanBeIsChecked) {
  std::string bad = kSample;
  bad[30] = 'x';  // the fingerprint does not fit
  EXPECT_EQ(probe(bad), Probe::kNo);
  bad = kSample;
  bad[4] = 0;  // no cookie, and what is classic has no such attributes
  EXPECT_EQ(probe(bad), Probe::kNo);
  EXPECT_EQ(probe(kSample.substr(0, 60)), Probe::kMore);
  EXPECT_EQ(probe(kClassic), Probe::kYes);
  EXPECT_EQ(probe(kClassic + "x"), Probe::kNo);
  // Modbus: its transaction is 1.
  EXPECT_EQ(probe(from_hex("00010000 0006 01 03 0000 000a 0000000000000000")), Probe::kNo);
}

TEST(Stun, WhatSharesTheFlowIsTheChild) {
  Feeder feeder(kStun);
  feeder.datagram(kClient, kSample);
  feeder.datagram(kClient, kSample);  // the same once more is no news
  feeder.datagram(kClient, "\x16 DTLS");
  feeder.datagram(kServer, from_hex("4001 0004") + "data");
  EXPECT_EQ(feeder.context.records.size(), 1);
  EXPECT_EQ(feeder.context.children[0], "\x16 DTLS|");
  EXPECT_EQ(feeder.context.children[1], "data|");
}

TEST(Stun, OverTcpInAnyPieces) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
    Feeder feeder(kStun, size);
    feeder.stream(kClient, kSample + from_hex("4001 0003") + "one?" + kSample);
    EXPECT_EQ(feeder.context.records.size(), 1) << size;
    EXPECT_EQ(feeder.context.children[0], "one|") << size;
  }
}

TEST(Stun, BehindALengthAsIceOverTcpHasIt) {
  const std::string framed = from_hex("006c") + kSample + from_hex("0004") + "RTP!";
  EXPECT_EQ(probe(framed), Probe::kYes);
  Feeder feeder(kStun);
  feeder.stream(kClient, framed);
  EXPECT_EQ(feeder.context.records.size(), 1);
  EXPECT_EQ(feeder.context.children[0], "RTP!|");
}

TEST(Stun, AnotherProtocolIsNotMine) {
  Feeder feeder(kStun);
  feeder.datagram(kClient, "hello");
  EXPECT_TRUE(feeder.ended());
}

}  // namespace
}  // namespace netwatch::dpi
