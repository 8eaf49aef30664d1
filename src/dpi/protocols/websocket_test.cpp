#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/hex_test.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kWebsocket;
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

constexpr int kText = 0x81, kBinary = 0x82, kClose = 0x88, kPing = 0x89;

std::string frame(int first, const std::string& payload, bool masked = false) {
  std::string out(1, static_cast<char>(first));
  const int bit = masked ? 0x80 : 0;
  if (payload.size() < 126) {
    out += static_cast<char>(bit | static_cast<int>(payload.size()));
  } else {
    out += static_cast<char>(bit | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size());
  }
  if (!masked) return out + payload;
  const std::string key = from_hex("37fa213d");
  out += key;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(payload[i] ^ key[i % key.size()]);
  }
  return out;
}

TEST(Websocket, MessagesAndTheirPayload) {
  for (const std::size_t step : {std::size_t{1}, std::size_t{5}, SIZE_MAX}) {
    Feeder feeder(kWebsocket, step);
    // RFC 6455 section 5.7: in fragments, with a ping between them.
    feeder.stream(kClient,
                  frame(0x01, "Hel", true) + frame(kPing, "?", true) + frame(0x80, "lo", true));
    feeder.stream(kServer, frame(kBinary, std::string(300, 'x')));
    feeder.stream(kClient, frame(kText, "", true));
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> message type=text bytes=5 frames=2",
                            "< message type=binary bytes=300", "> message type=text bytes=0"))
        << step;
    EXPECT_EQ(feeder.context.children[0], "Hello");
    EXPECT_EQ(feeder.context.children[1], std::string(300, 'x'));
    EXPECT_THAT(feeder.context.odds, IsEmpty());
  }
}

TEST(Websocket, CompressedPayloadIsNotRead) {
  Feeder feeder(kWebsocket);
  feeder.stream(kServer, frame(0x41, "ab") + frame(0x80, "c") + frame(kText, "plain"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< message type=text bytes=3 frames=2 compressed=true",
                          "< message type=text bytes=5"));
  EXPECT_EQ(feeder.context.children[1], "plain");
}

TEST(Websocket, ManyMessagesAreCounted) {
  Feeder feeder(kWebsocket);
  feeder.context.child_wanted = false;
  for (int i = 0; i < 100; ++i) feeder.stream(kClient, frame(kBinary, "abc", true));
  EXPECT_EQ(feeder.context.records.size(), 8U);
  feeder.stream(kClient, frame(kClose, from_hex("03e8") + "bye", true));
  EXPECT_FALSE(feeder.ended());
  feeder.stream(kServer, frame(kClose, ""));
  EXPECT_TRUE(feeder.ended());
  EXPECT_EQ(feeder.context.records[8], "> close close_code=1000 reason=bye");
  EXPECT_EQ(feeder.context.records[9], "< close");
  EXPECT_EQ(feeder.context.records[10], "> summary messages=100 total_bytes=300");
}

TEST(Websocket, WhenNobodyReadsThePayloadItIsPassedOver) {
  Feeder feeder(kWebsocket);
  feeder.context.child_wanted = false;
  const std::string message = frame(kBinary, std::string(9000, 'x'));
  feeder.stream(kServer, message.substr(0, 3000));
  feeder.gap(kServer, 5000);
  feeder.stream(kServer, message.substr(8000) + frame(kText, "a"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("< message type=binary bytes=9000", "< message type=text bytes=1"));
}

TEST(Websocket, AGapInsideAMessageIsTheChilds) {
  Feeder feeder(kWebsocket);
  const std::string message = frame(kBinary, "0123456789", true);
  feeder.stream(kClient, message.substr(0, 8));
  feeder.gap(kClient, 3);
  feeder.stream(kClient, message.substr(11) + frame(kText, "on", true));
  EXPECT_EQ(feeder.context.children[0], "01[gap]56789on");
}

TEST(Websocket, AfterAGapBetweenMessagesASideIsNotRead) {
  Feeder feeder(kWebsocket);
  feeder.stream(kClient, frame(kText, "a", true));
  feeder.gap(kClient, 3);
  feeder.stream(kClient, frame(kText, "b", true));
  feeder.stream(kServer, frame(kText, "c"));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> message type=text bytes=1", "< message type=text bytes=1"));
}

TEST(Websocket, FramesThatCannotBe) {
  for (const std::string& bad :
       {frame(0x83, "x"), frame(0xA1, "x"), frame(0x80, "x"), frame(0x09, "x"),
        frame(kPing, std::string(126, 'x')), from_hex("817f ffffffffffffffff")}) {
    Feeder first(kWebsocket);
    first.stream(kServer, bad);
    EXPECT_TRUE(first.ended());
    EXPECT_THAT(first.context.records, IsEmpty());
    Feeder later(kWebsocket);
    later.stream(kServer, frame(kText, "x") + bad + frame(kText, "never"));
    EXPECT_FALSE(later.ended());
    EXPECT_THAT(later.context.odds, ElementsAre("bad_frame"));
    EXPECT_EQ(later.context.records.size(), 1U);
  }
}

TEST(Websocket, IsBelievedOnlyIfItWasAnnounced) {
  const std::string bytes = frame(kText, "hello");
  ProbeInput input{.sides = {base::as_bytes(bytes), {}}};
  EXPECT_EQ(kWebsocket.probe(input), Probe::kNo);
  input.expected = true;
  EXPECT_EQ(kWebsocket.probe(input), Probe::kYes);
  input.sides[0] = input.sides[0].first(1);
  EXPECT_EQ(kWebsocket.probe(input), Probe::kMore);
  const std::string text = "GET / HTTP/1.1\r\n";
  input.sides[0] = base::as_bytes(text);
  EXPECT_EQ(kWebsocket.probe(input), Probe::kNo);
}

// A length alone is nothing: what came is counted.
TEST(Websocket, WhatIsOnlyAnnouncedIsNotCounted) {
  const std::string head = from_hex("827f 3fffffffffffffff");
  for (const bool wanted : {true, false}) {
    Feeder feeder(kWebsocket);
    feeder.context.child_wanted = wanted;
    feeder.stream(kServer, frame(kText, "a") + head + "xyz");
    EXPECT_EQ(feeder.context.records.size(), 1U);
    feeder.end();
    EXPECT_THAT(feeder.context.records,
                ElementsAre("< message type=text bytes=1", "< message type=binary bytes=3 (cut)",
                            "< summary messages=2 total_bytes=4"));
  }
}

// The last frame's payload may be the last that comes: it is not cut for that.
TEST(Websocket, APayloadThatNobodyReadsIsWholeOnceItHasCome) {
  Feeder feeder(kWebsocket);
  feeder.context.child_wanted = false;
  const std::string message = frame(kBinary, std::string(9000, 'x'));
  feeder.stream(kServer, message.substr(0, 3000));
  EXPECT_THAT(feeder.context.records, IsEmpty());
  feeder.stream(kServer, message.substr(3000));
  feeder.end();
  EXPECT_THAT(feeder.context.records, ElementsAre("< message type=binary bytes=9000",
                                                  "< summary messages=1 total_bytes=9000"));
}

// RFC 6455 section 5.1.
TEST(Websocket, OnlyOneSideMasks) {
  Feeder same(kWebsocket);
  same.stream(kClient, frame(kText, "a", true) + frame(kText, "b") + frame(kText, "c"));
  EXPECT_THAT(same.context.odds, ElementsAre("bad_mask"));
  EXPECT_EQ(same.context.records.size(), 3U);
  Feeder both(kWebsocket);
  both.stream(kClient, frame(kText, "a", true));
  both.stream(kServer, frame(kText, "b", true));
  EXPECT_THAT(both.context.odds, ElementsAre("bad_mask"));
}

}  // namespace
}  // namespace netwatch::dpi
