#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dpi/analyzer.h"
#include "dpi/parts/hex_test.h"
#include "dpi/parts/http2_frame.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
extern const ProtocolDef kHttp2;
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::Feeder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;
using ::testing::Not;

constexpr int kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPush = 5, kGoaway = 7,
              kContinuation = 9;
constexpr int kEndHeaders = 4;

std::string frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
  std::string out;
  const auto put = [&out](std::size_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  };
  put(payload.size(), 3);
  put(static_cast<std::size_t>(type), 1);
  put(static_cast<std::size_t>(flags), 1);
  put(stream, 4);
  return out + payload;
}
std::string headers(std::uint32_t stream, const std::string& block) {
  return frame(kHeaders, kEndHeaders, stream, block);
}
// A literal without indexing, with a new name (RFC 7541 section 6.2.2); under 127 bytes each.
std::string literal(const std::string& name, const std::string& value, char form = '\0') {
  return form + std::string(1, static_cast<char>(name.size())) + name +
         static_cast<char>(value.size()) + value;
}
constexpr char kAdded = '\x40';

const std::string kStart(kHttp2Preface);
const std::string kNoSettings = frame(kSettings, 0, 0, "");
// RFC 7541 appendix C.4: three requests on one connection, in Huffman code.
const std::string kFirst = from_hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff");
const std::string kSecond = from_hex("8286 84be 5886 a8eb 1064 9cbf");
const std::string kThird = from_hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf");
const std::string kFirstRecord =
    "> request stream=1 method=GET scheme=http uri=/ host=www.example.com";
const std::string kSecondRecord =
    "> request stream=3 method=GET scheme=http uri=/ host=www.example.com";
const std::string kThirdRecord =
    "> request stream=5 method=GET scheme=https uri=/index.html host=www.example.com";
const std::string kGrpc =
    from_hex("8386") + literal(":path", "/a.B/C") + literal("content-type", "application/grpc");

struct Part {
  model::Side side;
  std::string bytes;
};
struct Exchange {
  const char* name;
  std::vector<Part> parts;
  std::vector<std::string> records;
  std::vector<std::string> odds;
};

const std::vector<Exchange> kExchanges{
    {"requests_share_a_table",
     {{kClient, kStart + kNoSettings + headers(1, kFirst) + headers(3, kSecond)},
      {kServer, kNoSettings + headers(3, from_hex("8d")) + frame(kData, 1, 3, "HTTP/1.1 200\r\n")},
      {kClient, headers(5, kThird)}},
     {kFirstRecord, kSecondRecord, "< response stream=3 status=404 latency_us=0", kThirdRecord},
     {}},
    {"interim_responses_are_not_the_answer",
     {{kClient, kStart + headers(1, kFirst)},
      {kServer, kNoSettings + headers(1, from_hex("0803313030")) + headers(1, from_hex("88"))}},
     {kFirstRecord, "< response stream=1 status=100",
      "< response stream=1 status=200 latency_us=0"},
     {}},
    {"padding_priority_and_continuation",
     {{kClient,
       kStart + frame(kHeaders, 0x28, 1, from_hex("03 80000000 07") + kFirst.substr(0, 2) + "pad") +
           frame(kContinuation, 0, 1, "") + frame(kContinuation, 0, 1, kFirst.substr(2, 5)) +
           frame(kContinuation, kEndHeaders, 1, kFirst.substr(7)) + headers(3, kSecond)}},
     {kFirstRecord, kSecondRecord},
     {}},
    {"too_much_padding",
     {{kClient, kStart + frame(kHeaders, 0x0C, 1, from_hex("09 82")) + headers(1, kFirst)}},
     {kFirstRecord},
     {"bad_padding"}},
    {"a_block_that_is_interrupted_is_reported_as_cut",
     {{kClient,
       kStart + frame(kHeaders, 0, 1, kFirst.substr(0, 3)) + kNoSettings + headers(3, kFirst)}},
     {"> request stream=1 method=GET scheme=http uri=/ (cut)",
      "> request stream=3 method=GET scheme=http uri=/ host=www.example.com"},
     {"header_block_interrupted"}},
    {"secrets_stay_away",
     {{kClient, kStart + headers(1, kFirst.substr(0, 3) + literal(":authority", "u:secret@h") +
                                        literal("cookie", "secret=1") +
                                        literal("authorization", "Basic secret") +
                                        literal("referer", "http://u:secret@h/"))}},
     {"> request stream=1 method=GET scheme=http uri=/ host=h cookie=true auth_scheme=Basic "
      "referer=http://u:***@h/"},
     {"user_in_authority"}},
    {"push_reset_and_goaway",
     {{kClient, kStart + headers(1, kFirst)},
      {kServer, kNoSettings + frame(kPush, kEndHeaders, 1, from_hex("00000002 8286 84")) +
                    headers(2, from_hex("88")) + frame(kReset, 0, 1, from_hex("00000007")) +
                    frame(kGoaway, 0, 0, from_hex("80000001 000000ff") + "why")}},
     {kFirstRecord, "< push_promise stream=1 method=GET scheme=http uri=/ promised_stream=2",
      "< response stream=2 status=200", "< reset stream=1 error=REFUSED_STREAM",
      "< goaway last_stream=1 error=0xff debug=why"},
     {}},
    {"nobody_answers_itself",
     {{kClient, kStart + headers(1, kFirst) + headers(1, from_hex("88"))},
      {kServer, kNoSettings + headers(1, from_hex("8d")) + headers(3, from_hex("8286 84"))}},
     {kFirstRecord, "< response stream=1 status=404 latency_us=0"},
     {"wrong_side", "wrong_side"}},
    {"settings_once_the_last_value_counts",
     {{kClient, kStart +
                    frame(kSettings, 0, 0,
                          from_hex("0003 00000001 0003 00000002 fe03 "
                                   "00000001")) +
                    frame(kSettings, 0, 0, from_hex("0003 00000005"))}},
     {"> settings settings.max_concurrent_streams=2"},
     {}},
    {"grpc_with_trailers",
     {{kClient, kStart + headers(1, kGrpc)},
      {kServer, kNoSettings +
                    headers(1, from_hex("88") + literal("content-type", "application/grpc+proto")) +
                    frame(kData, 0, 1, "x") +
                    headers(1, literal("grpc-status", "5") + literal("grpc-message", "none"))}},
     {"> request stream=1 method=POST scheme=http uri=/a.B/C content_type=application/grpc "
      "service=a.B method=C",
      "< response stream=1 status=200 content_type=application/grpc+proto latency_us=0",
      "< trailers stream=1 status=5 message=none duration_us=0"},
     {}},
    {"trailers_that_say_nothing_known_are_no_record",
     {{kClient, kStart + headers(1, kFirst) + headers(1, literal("x-sum", "1"))},
      {kServer, kNoSettings + headers(1, from_hex("88")) + headers(1, literal("x-sum", "1"))}},
     {kFirstRecord, "< response stream=1 status=200 latency_us=0"},
     {}},
    {"an_index_that_never_was",
     {{kClient, kStart + headers(1, from_hex("8286 84be")) + headers(3, kFirst)}},
     {"> request stream=1 method=GET scheme=http uri=/ (cut)",
      "> request stream=3 method=GET scheme=http uri=/ host=www.example.com"},
     {"bad_header_index"}},
    {"a_broken_block_costs_the_table",
     {{kClient,
       kStart + headers(1, kFirst) + headers(3, from_hex("8286 ff")) + headers(5, kThird)}},
     {kFirstRecord, "> request stream=3 method=GET scheme=http (cut)",
      "> request stream=5 method=GET scheme=https uri=/index.html"},
     {"bad_header_block"}},
    {"a_capture_that_begins_in_the_middle",
     {{kClient, headers(7, kSecond) + headers(9, kThird)}, {kServer, headers(7, from_hex("88c0"))}},
     {"> request stream=7 method=GET scheme=http uri=/",
      "> request stream=9 method=GET scheme=https uri=/index.html",
      "< response stream=7 status=200 latency_us=0"},
     {}},
    {"what_was_added_since_is_known",
     {{kClient, headers(7, from_hex("8286 84") + literal(":authority", "h", kAdded)) +
                    headers(9, from_hex("8286 84be") + literal("user-agent", "u", kAdded)) +
                    headers(11, from_hex("8286 84bf be c0"))}},
     {"> request stream=7 method=GET scheme=http uri=/ host=h",
      "> request stream=9 method=GET scheme=http uri=/ host=h user_agent=u",
      "> request stream=11 method=GET scheme=http uri=/ host=h user_agent=u"},
     {}},
    {"a_name_that_is_not_known_keeps_its_place",
     {{kClient, headers(7, from_hex("8286 84") + literal(":authority", "h", kAdded) +
                               from_hex("7f00 0178")) +
                    headers(9, from_hex("8286 84bf")) + headers(11, from_hex("8286 84be"))}},
     {"> request stream=7 method=GET scheme=http uri=/ host=h",
      "> request stream=9 method=GET scheme=http uri=/ host=h",
      "> request stream=11 method=GET scheme=http uri=/"},
     {}},
    {"frames_that_cannot_be",
     {{kClient, kStart + headers(1, kFirst) + frame(kReset, 0, 1, "xx")},
      {kClient, "what follows is passed over"},
      {kClient, headers(3, kFirst)}},
     {kFirstRecord, "> request stream=3 method=GET scheme=http uri=/ host=www.example.com"},
     {"bad_frame"}},
};

class Http2Exchange : public ::testing::TestWithParam<Exchange> {};

TEST_P(Http2Exchange, IsReported) {
  const Exchange& exchange = GetParam();
  Feeder feeder(kHttp2);
  for (const Part& part : exchange.parts) feeder.stream(part.side, part.bytes);
  EXPECT_EQ(feeder.context.records, exchange.records);
  EXPECT_EQ(feeder.context.odds, exchange.odds);
}

class Http2InPieces : public Http2Exchange {};

TEST_P(Http2InPieces, IsReportedAllTheSame) {
  const Exchange& exchange = GetParam();
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{40}}) {
    Feeder feeder(kHttp2, step);
    for (const Part& part : exchange.parts) feeder.stream(part.side, part.bytes);
    EXPECT_EQ(feeder.context.records, exchange.records) << step;
    EXPECT_EQ(feeder.context.odds, exchange.odds) << step;
  }
}

std::string name_of(const ::testing::TestParamInfo<Exchange>& one) { return one.param.name; }
INSTANTIATE_TEST_SUITE_P(All, Http2Exchange, ::testing::ValuesIn(kExchanges), name_of);
// But for the last: where frames must be found again, segments count.
INSTANTIATE_TEST_SUITE_P(All, Http2InPieces,
                         ::testing::ValuesIn(kExchanges.begin(), kExchanges.end() - 1), name_of);

TEST(Http2, SaysWhatItCarriesOnce) {
  Feeder feeder(kHttp2);
  feeder.stream(kClient, kStart + headers(1, kGrpc) + headers(3, kGrpc));
  EXPECT_THAT(feeder.context.carried, ElementsAre("grpc"));
  Feeder web(kHttp2);
  web.stream(kClient, kStart + headers(1, kFirst.substr(0, 3) +
                                              literal("content-type", "application/grpc-web")));
  EXPECT_THAT(web.context.carried, IsEmpty());
  Feeder middle(kHttp2);
  middle.stream(kServer, headers(7, from_hex("88c0")) + headers(7, literal("grpc-status", "0")));
  EXPECT_THAT(middle.context.carried, ElementsAre("grpc"));
}

TEST(Http2, LatencyIsToTheHeaderDurationToTheStatus) {
  Feeder feeder(kHttp2);
  feeder.stream(kClient, kStart + headers(1, kGrpc));
  feeder.pass_us(20);
  feeder.stream(kServer, kNoSettings + headers(1, from_hex("88")));
  feeder.pass_us(30);
  feeder.stream(kServer, headers(1, literal("grpc-status", "0")));
  EXPECT_THAT(feeder.context.records[1], HasSubstr("latency_us=20"));
  EXPECT_THAT(feeder.context.records[2], HasSubstr("duration_us=50"));
}

TEST(Http2, TheSideOfThePrefaceAsks) {
  Feeder feeder(kHttp2);
  feeder.stream(kServer, kStart);
  EXPECT_THAT(feeder.context.originators, ElementsAre(kServer));
  Feeder middle(kHttp2);
  middle.stream(kClient, headers(7, from_hex("88 84")));
  EXPECT_THAT(middle.context.originators, ElementsAre(kServer));
}

TEST(Http2, BodiesArePassedOverWithTheirGaps) {
  Feeder feeder(kHttp2);
  const std::string body = frame(kData, 0, 1, std::string(10000, 'x'));
  feeder.stream(kClient, kStart + headers(1, kFirst) + body.substr(0, 2000));
  EXPECT_THAT(feeder.held(kClient), IsEmpty());
  feeder.gap(kClient, 7000);
  feeder.stream(kClient, body.substr(9000) + headers(3, kSecond));
  EXPECT_THAT(feeder.context.records, ElementsAre(kFirstRecord, kSecondRecord));
}

TEST(Http2, BehindAGapFramesBeginWithASegment) {
  Feeder feeder(kHttp2);
  feeder.stream(kClient, kStart + headers(1, kFirst) + headers(3, kSecond).substr(0, 13));
  feeder.gap(kClient, 100);
  feeder.stream(kClient, "the end of something");
  feeder.stream(kClient, headers(5, kThird));
  EXPECT_THAT(feeder.context.records,
              ElementsAre(kFirstRecord,
                          "> request stream=3 method=GET scheme=http uri=/ "
                          "host=www.example.com (cut)",
                          "> request stream=5 method=GET scheme=https uri=/index.html"));
}

TEST(Http2, WhatTheCaptureCutIsReportedAsFarAsItGoes) {
  Feeder feeder(kHttp2);
  feeder.stream(kClient, kStart + headers(1, kFirst).substr(0, 12), true);
  feeder.gap(kClient, headers(1, kFirst).size() - 12);
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> request stream=1 method=GET scheme=http uri=/ (cut)"));
  feeder.stream(kClient, headers(3, kFirst));
  EXPECT_EQ(feeder.context.records.size(), 2U);
}

// A few bytes stand for very many: a large entry, then references to it.
TEST(Http2, DecompressionBombsAreBounded) {
  Feeder feeder(kHttp2);
  std::string block =
      from_hex("8286 84") + "\x40\x01z\x7f" + from_hex("e11d") + std::string(3936, 'z');
  block += std::string(12000, '\xbe');  // 47 MB
  feeder.stream(kClient, kStart + headers(1, block) + headers(3, kFirst));
  EXPECT_THAT(feeder.context.records,
              ElementsAre("> request stream=1 method=GET scheme=http uri=/ (cut)",
                          "> request stream=3 method=GET scheme=http uri=/ "
                          "host=www.example.com"));
  EXPECT_THAT(feeder.context.odds, ElementsAre("header_list_too_long"));
}

// The same over many blocks: one long text, then frames of 13 bytes that refer to it.
TEST(Http2, TextsOfAConnectionAreBounded) {
  Feeder feeder(kHttp2);
  const std::string agent = "\x7a\x7f" + from_hex("e107") + std::string(1120, 'u');
  feeder.stream(kClient, kStart + headers(1, from_hex("8286 84") + agent));
  std::size_t sent = 0;
  for (std::uint32_t stream = 3; stream < 4003; stream += 2) {
    const std::string bytes = headers(stream, from_hex("8286 84be"));
    sent += bytes.size();
    feeder.stream(kClient, bytes);
  }
  ASSERT_EQ(feeder.context.records.size(), 2001U);
  EXPECT_THAT(feeder.context.records[1], HasSubstr("user_agent=uuu"));
  std::size_t text = 0;
  std::size_t cut = 0;
  for (const std::string& record : feeder.context.records) {
    text += static_cast<std::size_t>(std::ranges::count(record, 'u'));
    cut += record.ends_with(" (cut)") ? 1 : 0;
  }
  EXPECT_LT(text, (std::size_t{64} << 10) + 17 * sent);
  EXPECT_GT(cut, 1000U);
  EXPECT_THAT(feeder.context.odds, ElementsAre("header_list_too_long"));
}

TEST(Http2, TablesThatDoNotFitAreGivenUpAndCounted) {
  Feeder feeder(kHttp2);
  std::string block = from_hex("3fe1ff03");  // a table of 64 KiB
  for (int i = 0; i < 160; ++i) {
    block += literal("n" + std::to_string(i), std::string(120, 'v'), kAdded);
  }
  feeder.stream(kClient, kStart + headers(1, from_hex("8286 84")));
  for (std::uint32_t stream = 3; stream < 9; stream += 2) {
    feeder.stream(kClient, headers(stream, block));
  }
  feeder.stream(kClient, headers(11, kFirst) + headers(13, kSecond));
  EXPECT_THAT(feeder.context.odds, Contains("header_table_too_large"));
  EXPECT_THAT(feeder.context.odds, Each("header_table_too_large"));
  EXPECT_EQ(feeder.context.records.back(),
            "> request stream=13 method=GET scheme=http uri=/ host=www.example.com");
}

TEST(Http2, OneStringMayNotTakeAllRoom) {
  Feeder feeder(kHttp2);
  const std::string huge = "\x40\x01z\x7f" + from_hex("8176") + std::string(15232, 'z');
  feeder.stream(kClient, kStart + headers(1, from_hex("8286 84") + huge) + headers(3, kFirst));
  EXPECT_THAT(feeder.context.odds, ElementsAre("header_too_long"));
  EXPECT_THAT(feeder.context.records.back(), HasSubstr("host=www.example.com"));
}

TEST(Http2, EndlessContinuationIsNotHeld) {
  Feeder feeder(kHttp2);
  feeder.stream(kClient, kStart + frame(kHeaders, 0, 1, kFirst));
  for (int i = 0; i < 20; ++i) {
    feeder.stream(kClient, frame(kContinuation, 0, 1, literal("x", std::string(120, 'y'))));
    feeder.stream(kClient, frame(kContinuation, 0, 1, std::string(9000, '\x84')));
    EXPECT_LE(feeder.held(kClient).size(), std::size_t{48} << 10);
  }
  feeder.stream(kClient, frame(kContinuation, kEndHeaders, 1, ""));
  feeder.stream(kClient, headers(3, kFirst));
  EXPECT_THAT(feeder.context.odds, Contains("header_block_too_long"));
  EXPECT_THAT(feeder.context.records, ElementsAre(kFirstRecord + " (cut)",
                                                  "> request stream=3 method=GET scheme=http uri=/ "
                                                  "host=www.example.com"));
}

TEST(Http2, IsToldByContent) {
  const auto start = [](const std::string& bytes) { return classify_http2(base::as_bytes(bytes)); };
  EXPECT_EQ(start(kStart), Http2Start::kPreface);
  EXPECT_EQ(start("PRI * HT"), Http2Start::kMore);
  EXPECT_EQ(start("PRI * HTTP/2.0\r\n\r\nXX"), Http2Start::kNo);
  EXPECT_EQ(start(frame(kSettings, 0, 0, from_hex("0003 00000064"))), Http2Start::kSettings);
  EXPECT_EQ(start(kNoSettings + frame(kSettings, 1, 0, "")), Http2Start::kSettings);
  EXPECT_EQ(start(kNoSettings), Http2Start::kMore);
  EXPECT_EQ(start(kNoSettings + std::string(9, '\0')), Http2Start::kNo);
  EXPECT_EQ(start(frame(kSettings, 0, 0, from_hex("0000 00000064"))), Http2Start::kNo);
  EXPECT_EQ(start(frame(kSettings, 0, 0, from_hex("0002 00000064"))), Http2Start::kNo);
  EXPECT_EQ(start(frame(kSettings, 0, 0, from_hex("0005 00000064"))), Http2Start::kNo);
  EXPECT_EQ(start(headers(7, kSecond)), Http2Start::kMiddle);
  EXPECT_EQ(start(frame(kData, 0, 5, "abc") + headers(7, from_hex("88c0"))), Http2Start::kMiddle);
  EXPECT_EQ(start(headers(7, kSecond).substr(0, 15)), Http2Start::kMore);
  EXPECT_EQ(start(headers(7, from_hex("88"))), Http2Start::kNo);         // too little
  EXPECT_EQ(start(headers(7, from_hex("8684 8586"))), Http2Start::kNo);  // no method
  EXPECT_EQ(start(headers(0, kSecond)), Http2Start::kNo);
  EXPECT_EQ(start(headers(7, kSecond + "\x40")), Http2Start::kNo);  // does not end where it should
  EXPECT_EQ(start(frame(kData, 0, 5, "abc")), Http2Start::kNo);     // anybody's
  EXPECT_EQ(start(std::string(64, '\0')), Http2Start::kNo);
}

// Behind HTTP/1.1, through the engine: the upgraded request is answered on stream 1.
class Upgraded : public ::testing::Test, public AnalyzerSink {
 protected:
  void on_record(const model::Record& record) override {
    lines_.push_back(std::to_string(record.layer) + " " + std::string(record.schema->proto) + " " +
                     testing::record_text(record));
  }
  void on_app(std::uint64_t, std::uint8_t layer, std::string_view name) override {
    lines_.push_back("app " + std::to_string(layer) + " " + std::string(name));
  }
  void on_originator(std::uint64_t, model::Side) override {}
  void feed(model::Side side, const std::string& bytes) {
    analyzer_.feed(slot_, {.id = 1}, {.side = side, .bytes = base::as_bytes(bytes)});
  }

  std::vector<std::string> lines_;
  Analyzer analyzer_{*this, {.decoder_bytes = 1 << 20, .held_bytes = 1 << 20}};
  std::uint32_t slot_ = 0;
};

TEST_F(Upgraded, ToHttp2) {
  feed(kClient, "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  feed(kServer, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + kNoSettings +
                    headers(1, from_hex("88")));
  feed(kClient, kStart + headers(3, kGrpc));
  EXPECT_THAT(lines_, Contains("app 0 http"));
  EXPECT_THAT(lines_, Contains("app 1 http2"));
  EXPECT_THAT(lines_, Contains("1 http2 response stream=1 status=200"));
  EXPECT_EQ(lines_.back(), "app 2 grpc");
  analyzer_.end(slot_, {.id = 1}, 0, 0);
  EXPECT_EQ(analyzer_.live(), 0U);
}

TEST_F(Upgraded, ToWebsocket) {
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  feed(kClient, "GET /chat HTTP/1.1\r\n" + upgrade);
  // The server speaks first: what looks like HTTP inside a message is one level further in.
  feed(kServer, "HTTP/1.1 101 S\r\n" + upgrade + "\x81\x05hello");
  EXPECT_THAT(lines_, Contains("app 1 websocket"));
  EXPECT_THAT(lines_, Contains("1 websocket message type=text bytes=5"));
  EXPECT_THAT(lines_, Each(Not(HasSubstr("secret"))));
}

TEST_F(Upgraded, NobodyElseIsTakenForWebsocket) {
  feed(kServer, "\x81\x05hello");
  feed(kClient, "\x81\x85" + std::string(4, '\0') + "hello");
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(Upgraded, WhatWasAnnouncedWronglyIsProbed) {
  feed(kClient, "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  feed(kServer, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n");
  feed(kServer, "SSH-2.0-x\r\n");
  EXPECT_THAT(lines_, Contains("1 ssh banner server=SSH-2.0-x"));
}

}  // namespace
}  // namespace netwatch::dpi
