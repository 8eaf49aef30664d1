#include "dpi/parts/line_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dpi/parts/frame_decoder.h"
#include "dpi/parts/sasl.h"
#include "dpi/parts/sql_text.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
namespace {

using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

constexpr std::string_view kKinds[] = {"line"};
constexpr model::FieldDef kFields[] = {{.name = "x.text", .help = "", .max_bytes = 16}};
constexpr model::Schema kSchema{.proto = "x", .title = "X", .kinds = kKinds, .fields = kFields};

void report(std::string_view text, model::Side side, Context& context) {
  context.record().start(kSchema, 0);
  context.record().add_text(0, text);
  context.emit(side);
}

class Lines final : public LineDecoder {
 protected:
  Onward on_line(const Line& line) override {
    if (line.text == "tls") expect_tls();
    report(line.text, line.side, line.context);
    return {.skip = line.text == "skip" ? 10U : 0U};
  }
};
const ProtocolDef kLines{
    .name = "x", .first = {}, .state_bytes = sizeof(Lines), .make = make_decoder<Lines>};

// One byte of length, then so many bytes times 1,000.
class Frames final : public FrameDecoder {
 protected:
  FrameSize size_of(base::Bytes bytes, model::Side /*side*/) override {
    return bytes[0] == 'x' ? FrameSize::bad() : FrameSize::known(bytes[0] * 1000U + 1);
  }
  Onward on_frame(const Frame& frame) override {
    report(std::to_string(frame.size) + "/" + std::to_string(frame.bytes.size()), frame.side,
           frame.context);
    return {};
  }
};
const ProtocolDef kFrames{
    .name = "x", .first = {}, .state_bytes = sizeof(Frames), .make = make_decoder<Frames>};

TEST(LineDecoder, LinesAreTheSameHoweverTheyArrive) {
  for (std::size_t chunk : {1U, 3U, 1000U}) {
    Feeder feeder(kLines, chunk);
    feeder.stream(kClient, "a\r\nskip\n0123456789b\n\r\nrest");
    EXPECT_THAT(feeder.context.records,
                ElementsAre("> line text=a", "> line text=skip", "> line text=b", "> line text="));
    EXPECT_EQ(feeder.held(kClient), "rest");
  }
}

TEST(LineDecoder, AnEndlessLineIsShownOnceAndNotKept) {
  Feeder feeder(kLines, 1000);
  feeder.stream(kClient, std::string(1'000'000, 'x') + "\nnext\n");
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> line text=xxxxxxxxxxxxxxxx (cut)", "> line text=next"));
  EXPECT_THAT(feeder.context.odds, ElementsAre("line_too_long"));
  EXPECT_EQ(feeder.held(kClient), "");
}

TEST(LineDecoder, BehindAGapLinesBeginAtTheNextEnd) {
  Feeder feeder(kLines);
  feeder.stream(kClient, "begun");
  feeder.gap(kClient, 10);
  feeder.stream(kClient, "tail\nnext\n");
  EXPECT_THAT(feeder.context.records, ElementsAre("> line text=next"));
}

TEST(LineDecoder, TlsBehindAnOfferNeedsNoAnswer) {
  Feeder feeder(kLines);
  feeder.stream(kClient, "tls\n\x16\x03\x01hello");
  EXPECT_TRUE(feeder.context.handed_on);
  EXPECT_EQ(feeder.held(kClient), "\x16\x03\x01hello");
}

TEST(LineDecoder, ASideThatBeginsWithTlsIsHandedOn) {
  Feeder feeder(kLines);
  feeder.stream(kServer, "220 hello\n");
  feeder.stream(kClient, "\x16\x03\x01hello");
  EXPECT_TRUE(feeder.context.handed_on);
  Feeder later(kLines);
  later.stream(kClient, "a\n\x16\x03\n");
  EXPECT_FALSE(later.context.handed_on);
}

TEST(FrameDecoder, LongFramesAreShownInPartAndTheirRestPassedOver) {
  for (std::size_t chunk : {1U, 700U, 1000000U}) {
    Feeder feeder(kFrames, chunk);
    feeder.stream(kClient, std::string(1, 100) + std::string(100'000, 'x') + std::string(1, '\0'));
    EXPECT_THAT(feeder.context.records, ElementsAre("> line text=100001/16384", "> line text=1/1"));
    EXPECT_THAT(feeder.context.odds, IsEmpty());
  }
}

TEST(FrameDecoder, WhatIsNoFrameIsNotMineOrElseOdd) {
  Feeder first(kFrames);
  first.stream(kClient, "x");
  EXPECT_TRUE(first.ended());
  Feeder second(kFrames);
  second.stream(kClient, std::string("\0x", 2));
  second.stream(kClient, "more");
  EXPECT_FALSE(second.ended());
  EXPECT_THAT(second.context.odds, ElementsAre("bad_frame"));
  EXPECT_EQ(second.held(kClient), "");
}

TEST(ReplyLine, OnlyCodesOfThreeDigits) {
  EXPECT_EQ(parse_reply_line("250-x")->code, 250);
  EXPECT_TRUE(parse_reply_line("250-x")->more);
  EXPECT_EQ(parse_reply_line("221")->text, "");
  for (std::string_view line : {"", "22", "2200", "abc hello", "999 x", "099 x", "250x"}) {
    EXPECT_FALSE(parse_reply_line(line)) << line;
  }
}

TEST(WaitingRequests, ThoseBeyondItsRoomHaveNoTime) {
  WaitingRequests waiting;
  for (int i = 0; i < 20; ++i) waiting.push(i);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(waiting.answered(100), 100 - i);
  for (int i = 8; i < 20; ++i) EXPECT_EQ(waiting.answered(100), std::nullopt);
  waiting.push(50);
  EXPECT_EQ(waiting.answered(60), 10);
  EXPECT_EQ(waiting.answered(60), std::nullopt);
}

TEST(Sasl, NamesAndNothingElse) {
  EXPECT_EQ(sasl_user("PLAIN", 0, "AGFsaWNlAHNlY3JldA=="), "alice");
  EXPECT_EQ(sasl_user("plain", 0, "emlkAGFsaWNlAHNlY3JldA=="), "alice");
  EXPECT_EQ(sasl_user("LOGIN", 0, "YWxpY2U="), "alice");
  EXPECT_EQ(sasl_user("LOGIN", 1, "c2VjcmV0"), std::nullopt);  // the password
  EXPECT_EQ(sasl_user("PLAIN", 0, "c2VjcmV0"), std::nullopt);
  EXPECT_EQ(sasl_user("PLAIN", 0, "*"), std::nullopt);
  EXPECT_EQ(sasl_user("CRAM-MD5", 0, "YWxpY2U="), std::nullopt);
}

TEST(SqlText, EndsBeforeASecret) {
  const auto text = [](std::string_view sql) { return std::string(SqlText(sql).text()); };
  EXPECT_EQ(text("SELECT 1"), "SELECT 1");
  EXPECT_EQ(text("CREATE USER a IDENTIFIED BY 'secret'"), "CREATE USER a IDENTIFIED BY ***");
  EXPECT_EQ(text("alter role a with password 'secret'; x"), "alter role a with password ***");
  EXPECT_EQ(text("SET PASSWORD FOR 'a' = 'secret'"), "SET PASSWORD ***");
  EXPECT_EQ(text("SELECT password FROM t WHERE a = 'b'"), "SELECT password FROM t WHERE a = 'b'");
  for (const char* sql : {"ALTER USER u PASSWORD\n'secret'", "ALTER USER u PASSWORD E'secret'",
                          "ALTER USER u PASSWORD /**/ 'secret'", "SET PASSWORD FOR\n'u' = 'secret'",
                          "CREATE SUBSCRIPTION s CONNECTION 'host=h password=secret'"}) {
    EXPECT_EQ(text(sql).find("secret"), std::string::npos) << sql;
    EXPECT_TRUE(text(sql).ends_with("***")) << sql;
  }
  EXPECT_EQ(text("INSERT INTO t (name, password) VALUES (1)"),
            "INSERT INTO t (name, password) VALUES (1)");
  const SqlText longest(std::string(5000, 'x') + " PASSWORD 'secret'");
  EXPECT_TRUE(longest.cut());
  EXPECT_LE(longest.text().size(), SqlText::kMaxBytes);
}

}  // namespace
}  // namespace netwatch::dpi
