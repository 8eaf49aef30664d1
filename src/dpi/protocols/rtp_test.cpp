// RTP and RTCP: by content alone, as announced by SIP and RTSP, inside other streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "dpi/analyzer.h"
#include "dpi/parts/hex_test.h"
#include "dpi/parts/media_note.h"
#include "dpi/parts/rtp_packet.h"
#include "dpi/protocols/feeder_test.h"

namespace netwatch::dpi {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kServer;

std::string be(std::uint64_t value, unsigned count) {
  std::string out;
  for (unsigned i = count; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}

struct Rtp {
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint8_t type = 0;
  std::uint32_t ssrc = 0x11223344;
  std::size_t payload = 20;
};
std::string packet(const Rtp& rtp) {
  return be(0x80, 1) + be(rtp.type, 1) + be(rtp.sequence, 2) + be(rtp.timestamp, 4) +
         be(rtp.ssrc, 4) + std::string(rtp.payload, '\x55');
}

// The whole table of protocols over flows between two hosts.
class MediaTest : public ::testing::Test, public AnalyzerSink {
 public:
  void on_record(const model::Record& record) override {
    lines_.push_back((record.side == kClient ? "> " : "< ") + std::string(record.schema->proto) +
                     " " + testing::record_text(record));
  }
  void on_app(std::uint64_t flow, std::uint8_t, std::string_view name) override {
    lines_.push_back(std::to_string(flow) + " is " + std::string(name));
  }
  void on_originator(std::uint64_t, model::Side) override {}
  void on_parent(std::uint64_t flow, std::uint64_t parent) override {
    lines_.push_back(std::to_string(flow) + " of " + std::to_string(parent));
  }

 protected:
  [[nodiscard]] FlowRef ref(std::uint64_t flow) const {
    const auto [orig, resp] = ports_[flow];
    return {.id = flow,
            .proto = tcp_ ? std::uint8_t{6} : std::uint8_t{17},
            .orig_port = orig,
            .resp_port = resp,
            .hosts = &hosts_};
  }
  Appetite feed(std::uint64_t flow, model::Side side, std::string_view text) {
    return analyzer_.feed(
        slots_[flow], ref(flow),
        {.side = side, .time_ns = now_ns_, .bytes = base::as_bytes(text), .datagram = !tcp_});
  }
  void pass_ms(std::int64_t ms) { now_ns_ += ms * 1'000'000; }
  void end(std::uint64_t flow) { analyzer_.end(slots_[flow], ref(flow), now_ns_, 1); }

  std::vector<std::string> lines_;
  std::array<base::IpAddress, 2> hosts_{*base::IpAddress::parse("192.0.2.1"),
                                        *base::IpAddress::parse("192.0.2.2")};
  std::array<std::pair<std::uint16_t, std::uint16_t>, 4> ports_{
      {{1, 1}, {5060, 5060}, {4000, 6000}, {4001, 6001}}};
  bool tcp_ = false;
  base::TimeNs now_ns_ = base::kNsPerSecond;
  Analyzer analyzer_{*this, AnalyzerBudget{}};
  std::array<std::uint32_t, 4> slots_{};
};

TEST_F(MediaTest, IsToldByPacketsThatFollowFromEachOther) {
  for (std::uint16_t i = 0; i < 4; ++i) {
    feed(2, kClient,
         packet({.sequence = static_cast<std::uint16_t>(65534 + i), .timestamp = i * 160U}));
    pass_ms(20);
    if (i < 3) {
      EXPECT_THAT(lines_, IsEmpty());
    }
  }
  EXPECT_THAT(lines_,
              ElementsAre("2 is rtp", "> rtp start ssrc=287454020 payload_type=0 codec=PCMU/8000"));
  feed(2, kClient, packet({.sequence = 4, .timestamp = 960}));
  end(2);
  EXPECT_EQ(lines_.back(),
            "> rtp stream ssrc=287454020 payload_type=0 codec=PCMU/8000 packets=5 data_bytes=100 "
            "lost=2 jitter_us=2500 duration_us=80000");
}

struct Stranger {
  const char* name;
  std::string (*datagram)(std::uint32_t i);
};
class Strangers : public MediaTest, public ::testing::WithParamInterface<Stranger> {};

TEST_P(Strangers, AreNotTakenForMediaAndAreLetGo) {
  Appetite appetite = Appetite::kBytes;
  for (std::uint32_t i = 0; i < 16 && appetite == Appetite::kBytes; ++i) {
    appetite = feed(2, i % 3 == 2 ? kServer : kClient, GetParam().datagram(i));
    pass_ms(20);
  }
  EXPECT_EQ(appetite, Appetite::kNone);
  EXPECT_THAT(lines_, IsEmpty());
  EXPECT_EQ(analyzer_.live(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    All, Strangers,
    ::testing::Values(
        Stranger{"constant", [](std::uint32_t) { return packet({.sequence = 7}); }},
        Stranger{"only_counted",
                 [](std::uint32_t i) {
                   return packet({.sequence = static_cast<std::uint16_t>(i * 40)});
                 }},
        Stranger{"other_sender_each",
                 [](std::uint32_t i) {
                   return packet({.sequence = static_cast<std::uint16_t>(i), .ssrc = i + 1});
                 }},
        Stranger{"clock_jumps",
                 [](std::uint32_t i) {
                   return packet(
                       {.sequence = static_cast<std::uint16_t>(i), .timestamp = i * 0x9E3779B9U});
                 }},
        Stranger{"unassigned_type",
                 [](std::uint32_t i) {
                   return packet({.sequence = static_cast<std::uint16_t>(i),
                                  .timestamp = i * 160,
                                  .type = 50});
                 }},
        Stranger{
            "control_that_does_not_add_up",
            [](std::uint32_t i) { return from_hex("80c80006") + be(i, 4) + std::string(21, 'x'); }},
        Stranger{"single_reports_of_others",
                 [](std::uint32_t i) { return from_hex("80c90001") + be(i + 1, 4); }}),
    [](const auto& one) { return one.param.name; });

const std::string kCompound = from_hex(
                                  "81c8000c 00000001 0000000011110000 00000000 00000005 00000064"
                                  "00000002 40000003 00000007 00000010 00000000 00000000"
                                  "81ca0004 00000001 0108") +
                              "alice@ho" + from_hex("0000");

TEST_F(MediaTest, ACompoundOfReportsIsEnough) {
  feed(3, kClient, kCompound);
  EXPECT_THAT(lines_, ElementsAre("3 is rtcp",
                                  "> rtcp report ssrc=1 types=sr packets=5 octets=100 source=2 "
                                  "fraction_lost=64 lost=3 jitter=16 types=sdes "
                                  "cname=alice@ho"));
  // It was held for half a second of the two that passed.
  pass_ms(2000);
  feed(3, kServer,
       from_hex("81c90007 00000002 00000001 00 ffffff 00000000 00000001 00001111"
                "00008000 81ca0002 00000002 01 01 62 00"));
  EXPECT_THAT(lines_.back(), HasSubstr("lost=-1 jitter=1 round_trip_us=1500000"));
}

TEST_F(MediaTest, ReportsAreFewFeedbackIsNamedOnce) {
  const std::string nack = from_hex("80c90001 00000002 81cd0003 00000002 00000001 00070000");
  feed(3, kClient, kCompound);
  for (int i = 0; i < 100; ++i) {
    pass_ms(100);
    feed(3, kServer, nack);
    feed(3, kClient, kCompound);
  }
  EXPECT_EQ(std::ranges::count_if(lines_, [](auto& one) { return one.starts_with("< rtcp"); }), 1);
  EXPECT_EQ(std::ranges::count_if(lines_, [](auto& one) { return one.starts_with("> rtcp"); }), 1);
  EXPECT_THAT(lines_, Contains(HasSubstr("types=rtpfb feedback=nack")));
  pass_ms(60'000);
  feed(3, kServer, nack);
  EXPECT_EQ(std::ranges::count_if(lines_, [](auto& one) { return one.starts_with("< rtcp"); }), 2);
  feed(3, kServer, from_hex("80c90001 00000002 81cb0003 00000002 07") + "so long");
  EXPECT_THAT(lines_.back(), HasSubstr("types=bye"));
}

std::string invite(std::string_view profile) {
  const std::string sdp =
      "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
      "m=audio 4000 " +
      std::string(profile) +
      " 0 101\r\n"
      "a=rtpmap:101 opus/48000/2\r\n";
  return "INVITE sip:bob@192.0.2.2 SIP/2.0\r\nCall-ID: call-1\r\nContent-Length: " +
         std::to_string(sdp.size()) + "\r\n\r\n" + sdp;
}

TEST_F(MediaTest, SipNamesTheCodecAndTheCall) {
  feed(1, kClient, invite("RTP/AVP"));
  lines_.clear();
  feed(2, kServer, packet({.sequence = 1, .type = 101}));
  feed(2, kServer, packet({.sequence = 2, .timestamp = 960, .type = 101}));
  EXPECT_THAT(lines_, ElementsAre("2 of 1", "2 is rtp",
                                  "< rtp start ssrc=287454020 payload_type=101 codec=opus/48000/2 "
                                  "media=audio call_id=call-1"));
  lines_.clear();
  feed(3, kServer, kCompound);
  EXPECT_THAT(lines_, Contains("3 of 1"));
  EXPECT_THAT(lines_, Contains("3 is rtcp"));
}

TEST_F(MediaTest, SecureMediaAreCountedAndTheirReportsNotRead) {
  feed(1, kClient, invite("RTP/SAVP"));
  lines_.clear();
  feed(2, kServer, packet({.sequence = 1}));
  feed(2, kServer, packet({.sequence = 2, .timestamp = 160}));
  EXPECT_THAT(lines_.back(), HasSubstr("codec=PCMU/8000 media=audio encrypted=true"));
  feed(3, kServer, from_hex("80c80006 00000001") + std::string(34, '\x99'));
  EXPECT_EQ(lines_.back(), "< rtcp report ssrc=1 types=sr encrypted=true");
}

TEST_F(MediaTest, OthersOnAnAnnouncedPortAreWhatTheyAre) {
  feed(1, kClient, invite("RTP/AVP"));
  lines_.clear();
  feed(2, kServer, from_hex("0001 0000 2112a442 0102030405060708090a0b0c"));  // STUN
  EXPECT_THAT(lines_, Contains("2 is stun"));
  // And media behind it are the child, named as announced.
  feed(2, kServer, packet({.sequence = 1, .type = 101}));
  feed(2, kServer, packet({.sequence = 2, .timestamp = 960, .type = 101}));
  EXPECT_THAT(lines_.back(), HasSubstr("codec=opus/48000/2"));
}

TEST_F(MediaTest, RtspCarriesThem) {
  tcp_ = true;
  const std::string sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
  feed(1, kClient, "DESCRIBE rtsp://h/f RTSP/1.0\r\nCSeq: 1\r\n\r\n");
  feed(1, kServer,
       "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: " + std::to_string(sdp.size()) + "\r\n\r\n" +
           sdp);
  feed(1, kClient, "SETUP rtsp://h/f/1 RTSP/1.0\r\nCSeq: 2\r\n\r\n");
  feed(1, kServer, "RTSP/1.0 200 OK\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n");
  lines_.clear();
  for (std::uint16_t i = 0; i < 2; ++i) {
    const std::string data = packet({.sequence = i, .timestamp = i * 3000U, .type = 96});
    const std::string frame = "$" + be(0, 1) + be(data.size(), 2) + data;
    feed(1, kServer, frame.substr(0, 9));  // in two segments
    feed(1, kServer, frame.substr(9));
  }
  EXPECT_THAT(lines_, ElementsAre("1 is rtp",
                                  "< rtp start ssrc=287454020 payload_type=96 "
                                  "codec=H264/90000 media=video"));
}

TEST_F(MediaTest, ManySendersAreBounded) {
  for (std::uint16_t i = 0; i < 5; ++i) {
    feed(2, kClient, packet({.sequence = i, .timestamp = i * 160U}));
  }
  for (std::uint32_t ssrc = 1; ssrc < 1000; ++ssrc) {
    feed(2, kClient, packet({.sequence = 1, .ssrc = ssrc}));
    feed(2, kClient, packet({.sequence = 2, .timestamp = 160, .ssrc = ssrc}));
  }
  EXPECT_LE(lines_.size(), 140U);
}

TEST(MediaNote, DescriptionsMayEndAnywhere) {
  const std::string sdp = "v=0\r\nm=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000\r\nm=";
  for (std::size_t size = 0; size <= sdp.size(); ++size) {
    MediaNote note;
    note_media(std::string_view(sdp).substr(0, size), "call", note);
    if (size == sdp.size()) {
      EXPECT_EQ(note.format(96).codec, "opus/48000");
      EXPECT_TRUE(note.format(0).known);
    }
  }
}

TEST(MediaNote, KeepsWhatFits) {
  MediaNote note;
  note.begin("RTP/SAVPF", std::string(200, 'x'));
  EXPECT_TRUE(note.secure());
  EXPECT_EQ(note.call(), "");
  for (int i = 96; i < 128; ++i) note.add_format(std::to_string(i), "video", "H264/90000");
  EXPECT_EQ(note.format(96).codec, "H264/90000");
  EXPECT_FALSE(note.format(127).known);
  EXPECT_LE(note.bytes().size(), Expected::kMaxNoteBytes);
}

}  // namespace
}  // namespace netwatch::dpi
