// What the captures of testdata cannot show of BGP: messages that lie about their lengths.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kBgp;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using testing::kClient;
using testing::kServer;

std::string message(char type, const std::string& body) {
  const std::size_t size = 19 + body.size();
  return std::string(16, '\xff') + static_cast<char>(size >> 8) + static_cast<char>(size) + type +
         body;
}

Probe probe(const std::string& bytes) {
  ProbeInput input;
  input.sides[0] = base::as_bytes(bytes);
  return kBgp.probe(input);
}

TEST(Bgp, OnlyAMarkerBeforeAMessageThatCanBeIsOne) {
  EXPECT_EQ(probe(message(4, "")), Probe::kYes);
  EXPECT_EQ(probe(message(4, "").substr(0, 10)), Probe::kMore);
  EXPECT_EQ(probe(message(4, "x")), Probe::kNo);  // a keep-alive has no body
  EXPECT_EQ(probe(message(6, "")), Probe::kNo);   // no such type
  EXPECT_EQ(probe(std::string(40, '\xff')), Probe::kNo);
  EXPECT_EQ(probe(message(1, '\x03' + std::string(9, '\0'))), Probe::kNo);  // version 3
}

TEST(Bgp, PathsHaveNumbersOfTwoOrFourBytes) {
  const std::string two = from_hex("0000 0007 400204 0201 fde9");
  const std::string four = from_hex("0000 000b 400208 0101 fa56ea01 0200");
  for (std::size_t chunk : {1U, 1000U}) {
    Feeder feeder(kBgp, chunk);
    feeder.stream(kClient, message(2, two) + message(2, four));
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> update as_path=65001", "> update as_path={4200000001} "));
  }
}

TEST(Bgp, LengthsThatOverrunAreOdd) {
  Feeder feeder(kBgp);
  feeder.stream(kServer, message(2, from_hex("ffff 0000")));
  feeder.stream(kServer, message(2, from_hex("0000 0003 400109")));
  feeder.stream(kServer, message(2, from_hex("0000 0000 21 0a000000")));
  feeder.stream(kServer, message(3, from_hex("0602 80") + "x"));
  EXPECT_THAT(feeder.context.odds, ElementsAre("message_overrun", "message_overrun",
                                               "message_overrun", "message_overrun"));
}

}  // namespace
}  // namespace netwatch::dpi
