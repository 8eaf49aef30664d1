// BitTorrent's peers: handshakes, and pieces that are counted but not kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dpi/parts/hex_test.h"
#include "dpi/protocol.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kBittorrent;
namespace {

using ::testing::Contains;
using testing::Feeder;
using ::testing::HasSubstr;
using testing::kClient;
using testing::kServer;

std::string handshake(const std::string& peer) {
  return "\x13"
         "BitTorrent protocol" +
         from_hex("0000000000100005") + std::string(20, 'h') + peer;
}
std::string message(const std::string& body) {
  const auto size = static_cast<std::uint32_t>(body.size());
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xFF);
  return out + body;
}
std::string piece(std::size_t size) { return message("\x07" + std::string(8 + size, 'p')); }

TEST(Bittorrent, HandshakesAndCounts) {
  const std::string extended =
      message(std::string("\x14\0", 2) +
              "d1:md11:ut_metadatai2e6:ut_pexi1ee1:pi6881e4:reqqi250e1:v5:abc 1e");
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    Feeder feeder(kBittorrent, step);
    feeder.stream(kClient, handshake("-TR3000-abcdefghijkl") + extended);
    feeder.stream(kServer, handshake("A2-1-36-0-abcdefghij"));
    feeder.stream(kClient, message("\x06" + std::string(12, 'r')) + std::string(4, '\0'));
    feeder.stream(kServer, piece(1000) + piece(24));
    feeder.end();
    EXPECT_THAT(feeder.context.records,
                Contains(HasSubstr("client=Transmission 3000 reserved_bits=")));
    EXPECT_THAT(feeder.context.records, Contains(HasSubstr("client=aria2 1.36.0")));
    EXPECT_THAT(feeder.context.records, Contains(HasSubstr("features=dht features=fast "
                                                           "features=extensions")));
    EXPECT_THAT(feeder.context.records,
                Contains("> extended version=abc 1 port=6881 extensions=ut_metadata "
                         "extensions=ut_pex queue=250"));
    EXPECT_THAT(feeder.context.records, Contains("> transfer pieces=0 piece_bytes=0 requests=1"));
    EXPECT_THAT(feeder.context.records,
                Contains("< transfer pieces=2 piece_bytes=1024 requests=0"));
    EXPECT_EQ(feeder.context.records.size(), 5U);
  }
}

TEST(Bittorrent, PiecesAreNotKeptAndMayBeLost) {
  Feeder feeder(kBittorrent);
  feeder.stream(kServer, handshake("-TR3000-abcdefghijkl"));
  const std::string whole = piece(16384);
  feeder.stream(kServer, whole.substr(0, 100));
  EXPECT_EQ(feeder.held(kServer), "");
  feeder.gap(kServer, whole.size() - 200);
  feeder.stream(kServer, whole.substr(whole.size() - 100) + piece(5));
  feeder.end();
  EXPECT_THAT(feeder.context.records, Contains("< transfer pieces=2 piece_bytes=16389 requests=0"));
}

TEST(Bittorrent, WhatIsNoMessageIsNotReadOn) {
  Feeder feeder(kBittorrent);
  feeder.stream(kClient, handshake("-TR3000-abcdefghijkl") + std::string(8, '\xff') + piece(5));
  EXPECT_EQ(feeder.context.odds, std::vector<std::string>{"bad_message"});
  feeder.end();
  EXPECT_EQ(feeder.context.records.size(), 1U);
}

TEST(Bittorrent, APieceThatTheCaptureCutIsPassedOver) {
  Feeder feeder(kBittorrent);
  feeder.stream(kServer, handshake("-TR3000-abcdefghijkl"));
  feeder.stream(kServer, piece(1000).substr(0, 100), true);
  feeder.gap(kServer, 500);
  feeder.stream(kServer, std::string(100, 'p'), true);
  feeder.gap(kServer, 313);
  feeder.stream(kServer, piece(5));
  feeder.end();
  EXPECT_THAT(feeder.context.records, Contains("< transfer pieces=2 piece_bytes=1005 requests=0"));
}

TEST(Bittorrent, AnExtendedMessageOfNothingIsRefused) {
  const std::string extended = message(std::string("\x14\0", 2) + "d1:v5:abc 1e");
  Feeder feeder(kBittorrent);
  feeder.stream(kClient, handshake("-TR3000-abcdefghijkl") + message("\x14") +
                             std::string(4, '\0') + extended);
  EXPECT_EQ(feeder.context.odds, std::vector<std::string>{"bad_message"});
  EXPECT_THAT(feeder.context.records, Contains("> extended version=abc 1"));
}

TEST(Bittorrent, WhatIsOnlyAnnouncedIsNotCounted) {
  Feeder feeder(kBittorrent);
  feeder.stream(kServer, handshake("-TR3000-abcdefghijkl"));
  feeder.stream(kServer, piece(1000) + piece(10'000'000).substr(0, 33));
  feeder.end();
  EXPECT_THAT(feeder.context.records, Contains("< transfer pieces=2 piece_bytes=1020 requests=0"));
}

}  // namespace
}  // namespace netwatch::dpi
