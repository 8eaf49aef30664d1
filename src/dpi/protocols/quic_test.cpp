#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "dpi/analyzer.h"
#include "dpi/parts/hex_test.h"
#include "dpi/protocols/quic_packets_test.h"

namespace netwatch::dpi {

extern const ProtocolDef kQuic;

namespace {

using model::Side;
using testing::be;
using testing::crypto_frame;
using testing::handshake;
using testing::initial;
using testing::Sender;

constexpr Side kClient = Side::kOriginator;
constexpr Side kServer = Side::kResponder;
constexpr std::array kTable{&kQuic};

class Log final : public AnalyzerSink {
 public:
  void on_record(const model::Record& record) override {
    std::string line(record.kind_name());
    line += record.side == kClient ? " <" : " >";
    if (record.cut) line += " cut";
    model::ValueCursor values(record);
    while (auto value = values.next()) {
      const std::string_view name = value->def->name;
      if (name == "quic.dcid" || name == "quic.scid") continue;
      line += ' ';
      line += name;
      if (name.starts_with("ja3")) continue;
      if (name == "ja4") {  // without its hashes
        line += '=' + std::string(value->text().substr(0, 10));
        continue;
      }
      if (value->def->type == model::FieldType::kText) line += '=' + std::string(value->text());
      if (value->def->type == model::FieldType::kBool) line += value->boolean() ? "=1" : "=0";
    }
    lines.push_back(line);
  }
  void on_app(std::uint64_t, std::uint8_t, std::string_view name) override { app = name; }
  void on_originator(std::uint64_t, Side side) override { originator = side; }
  void on_connection_id(std::uint64_t, Side side, std::string_view, base::Bytes id) override {
    ids.push_back((side == kClient ? "< chose " : "> chose ") + std::string(base::as_text(id)));
  }
  void on_carried_id(std::uint64_t, Side side, std::string_view, base::Bytes bytes) override {
    ids.push_back((side == kClient ? "< got " : "> got ") + std::string(base::as_text(bytes)));
  }

  std::vector<std::string> lines;
  std::vector<std::string> ids;
  std::string app;
  Side originator = kClient;
};

struct Flow {
  Flow() : analyzer(log, {}, kTable) {}
  ~Flow() { end(); }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  Flow& send(Side side, const std::string& datagram) {
    if (appetite == Appetite::kNone) return *this;
    appetite = analyzer.feed(slot, ref,
                             {.side = side, .bytes = base::as_bytes(datagram), .datagram = true});
    return *this;
  }
  void end() { analyzer.end(slot, ref, 0, 0); }
  [[nodiscard]] bool done() const { return appetite == Appetite::kNone; }
  [[nodiscard]] std::uint64_t odd() const { return analyzer.drops()[model::Drop::kDecoderOdd]; }

  Log log;
  Analyzer analyzer;
  std::uint32_t slot = 0;
  FlowRef ref{.id = 1, .proto = 17, .resp_port = 4433};
  Appetite appetite = Appetite::kBytes;
};

std::string u16(std::size_t value) { return be(2, value); }
std::string extension(std::size_t type, const std::string& data) {
  return u16(type) + u16(data.size()) + data;
}
std::string message(char type, const std::string& body) { return type + be(3, body.size()) + body; }
std::string client_hello(std::size_t filler = 0, std::string_view name = "example.org") {
  std::string extensions =
      extension(0, u16(name.size() + 3) + '\0' + u16(name.size()) + std::string(name)) +
      extension(16, u16(3) + "\x02h3") + extension(43, std::string("\x02\x03\x04"));
  extensions += extension(21, std::string(filler, '\0'));
  return message(1, "\x03\x03" + std::string(32, 'r') + '\0' + u16(2) + "\x13\x01" +
                        std::string("\x01\x00", 2) + u16(extensions.size()) + extensions);
}
// RFC 8446 4.1.3: what makes a ServerHello a HelloRetryRequest.
const std::string kRetryRandom =
    from_hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
std::string server_hello(const std::string& random = std::string(32, 's')) {
  const std::string extensions = extension(43, "\x03\x04") + extension(51, std::string(1100, 'k'));
  return message(
      2, "\x03\x03" + random + '\0' + "\x13\x01" + '\0' + u16(extensions.size()) + extensions);
}

const Sender kFromClient{.dcid = "12345678", .scid = "cli"};
const Sender kFromServer{.dcid = "cli", .scid = "server", .client = false};
const std::string kDcid = kFromClient.dcid;

const std::string kClientLine =
    "client_hello < quic.version=1 quic.sni=example.org ja3 ja4=q13d0104h3 quic.ech=0 quic.alpn=h3";
const std::string kServerLine =
    "server_hello > quic.version=1 quic.cipher=TLS_AES_128_GCM_SHA256 quic.hello_retry=0 ja3s";

std::string from_client(std::uint8_t number, const std::string& frames) {
  return initial(kFromClient, kDcid, number, frames);
}
std::string from_server(std::uint8_t number, const std::string& frames) {
  return initial(kFromServer, kDcid, number, frames);
}

using Lines = std::vector<std::string>;

TEST(QuicTest, ReadsBothHellosAndLetsGo) {
  Flow flow;
  flow.send(kClient, from_client(0, crypto_frame(0, client_hello())) + std::string(700, '\0'));
  EXPECT_EQ(flow.log.app, "quic");
  EXPECT_FALSE(flow.done());
  const std::string ack("\x02\x00\x00\x00\x00", 5);
  flow.send(kServer,
            from_server(0, ack + crypto_frame(0, server_hello())) + handshake(kFromServer));
  EXPECT_EQ(flow.log.lines, (Lines{kClientLine, kServerLine}));
  EXPECT_EQ(flow.log.ids, Lines{"> chose server"});
  EXPECT_TRUE(flow.done());
  EXPECT_EQ(flow.odd(), 0U);
}

// The name is known by then, or will not be.
TEST(QuicTest, TheServersIdIsToldOnceAHelloIsRead) {
  const std::string hello = client_hello();
  const std::string answer = server_hello();
  const std::string ack("\x02\x00\x00\x00\x00", 5);
  for (const bool client_whole : {false, true}) {
    Flow flow;
    flow.send(kClient, from_client(0, crypto_frame(0, hello.substr(0, 60))));
    flow.send(kServer, from_server(0, ack + std::string(20, '\0')));
    EXPECT_EQ(flow.log.ids, Lines{});
    if (client_whole) {
      flow.send(kClient, from_client(1, crypto_frame(60, hello.substr(60))));
      flow.send(kServer, from_server(1, ack + std::string(20, '\0')));
      EXPECT_EQ(flow.log.ids, Lines{"> chose server"});
    }
    flow.send(kServer, from_server(2, crypto_frame(0, answer)));
    EXPECT_EQ(flow.log.ids, Lines{"> chose server"});
  }
}

TEST(QuicTest, AForgedServersIdIsNotBelieved) {
  Flow flow;
  flow.send(kClient, from_client(0, crypto_frame(0, client_hello())));
  std::string forged = from_server(0, crypto_frame(0, server_hello()));
  forged.back() ^= 1;
  flow.send(kServer, forged).send(kServer, handshake(kFromServer));
  EXPECT_EQ(flow.log.ids, Lines{});
}

// RFC 9000 17.3.1; the Fixed Bit may be either (RFC 9287).
TEST(QuicTest, AShortHeaderCarriesAnId) {
  const std::string sealed(20, '.');
  for (const char first : {'\x40', '\x00', '\x7f'}) {
    Flow flow;
    flow.send(kClient, first + std::string("server") + sealed);
    flow.send(kServer, first + std::string("client and more of it") + sealed);
    EXPECT_EQ(flow.log.ids, (Lines{"> got server", "< got client and more of i"}));
    EXPECT_EQ(flow.log.app, "");
  }
  Flow cut;  // by a snaplen: the sealed part may have been there
  cut.analyzer.feed(
      cut.slot, cut.ref,
      {.side = kClient, .bytes = base::as_bytes("\x40server, cut"), .datagram = true, .cut = true});
  EXPECT_EQ(cut.log.ids, Lines{"> got server, cut"});
  for (const std::string& datagram :
       {'\x40' + std::string("ser") + sealed, std::string("\x40"), '\xc0' + sealed + sealed}) {
    Flow flow;
    flow.send(kClient, datagram);
    EXPECT_EQ(flow.log.ids, Lines{}) << base::to_hex(base::as_bytes(datagram));
  }
}

TEST(QuicTest, EveryVersionHasItsOwnKeys) {
  for (const auto& [number, name] :
       {std::pair{0x6b3343cfU, "2"}, std::pair{0xff00001dU, "draft-29"},
        std::pair{0xff000017U, "draft-23"}, std::pair{0xfaceb001U, "mvfst-1"},
        std::pair{0x1a2a3a4aU, "0x1a2a3a4a"}}) {
    Flow flow;
    Sender sender = kFromClient;
    sender.version = number;
    flow.send(kClient, initial(sender, kDcid, 0, crypto_frame(0, client_hello(1200))));
    ASSERT_EQ(flow.log.lines.size(), 1U) << name;
    EXPECT_NE(flow.log.lines[0].find(std::string("quic.version=") + name + " quic.sni=example.org"),
              std::string::npos);
  }
}

TEST(QuicTest, OneHelloOverThreeDatagrams) {
  const std::string hello = client_hello(2000);
  std::vector<int> order{0, 1, 2};
  const std::size_t third = hello.size() / 3 + 1;
  do {
    Flow flow;
    for (const int i : order) {
      const std::size_t at = static_cast<std::size_t>(i) * third;
      flow.send(kClient, from_client(static_cast<std::uint8_t>(i),
                                     crypto_frame(at, hello.substr(at, third))));
    }
    EXPECT_EQ(flow.log.lines, Lines{kClientLine});
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(QuicTest, ShuffledAndOverlappingFrames) {
  const std::string hello = client_hello(400);
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> frames;
    for (std::size_t at = 0; at < hello.size(); at += 29) {
      const std::size_t begin = at - std::min<std::size_t>(at, random() % 20);
      frames.push_back(crypto_frame(begin, hello.substr(begin, 29 + random() % 20 + (at - begin))));
      if (random() % 3 == 0) frames.emplace_back("\x01");
      if (random() % 3 == 0) frames.emplace_back(5, '\0');
    }
    std::shuffle(frames.begin(), frames.end(), random);
    Flow flow;
    std::string datagram;  // the packets are coalesced
    for (std::size_t at = 0; at < frames.size(); at += 8) {
      std::string packet;
      for (std::size_t i = at; i < std::min(at + 8, frames.size()); ++i) packet += frames[i];
      datagram += from_client(static_cast<std::uint8_t>(at), packet);
    }
    flow.send(kClient, datagram);
    EXPECT_EQ(flow.log.lines, Lines{kClientLine}) << round;
    EXPECT_EQ(flow.odd(), 0U);
  }
}

TEST(QuicTest, WhatCameFirstStays) {
  std::string other = client_hello();
  std::replace(other.begin(), other.end(), 'e', 'X');
  Flow flow;
  const std::string hello = client_hello();
  flow.send(kClient, from_client(0, crypto_frame(5, hello.substr(5)) + crypto_frame(0, other)));
  EXPECT_EQ(flow.log.lines, Lines{kClientLine});
}

TEST(QuicTest, AServerHelloOverTwoDatagramsWhileTheClientHelloIsMissingAPart) {
  const std::string hello = client_hello(1500);
  const std::string answer = server_hello();
  Flow flow;
  flow.send(kClient, from_client(0, crypto_frame(0, hello.substr(0, 1000))));
  flow.send(kServer, from_server(0, crypto_frame(600, answer.substr(600))));
  flow.send(kServer, from_server(1, crypto_frame(0, answer.substr(0, 600))));
  EXPECT_EQ(flow.log.lines, Lines{kServerLine});
  flow.send(kClient, from_client(1, crypto_frame(1000, hello.substr(1000))));
  EXPECT_EQ(flow.log.lines, (Lines{kServerLine, kClientLine}));
  EXPECT_TRUE(flow.done());
}

TEST(QuicTest, AHelloThatStaysIncompleteTellsItsName) {
  for (const std::size_t size : {std::size_t{300}, std::size_t{6000}}) {
    Flow flow;
    const std::string hello = client_hello(8000);
    for (std::size_t at = 0; at < size; at += 1000) {
      flow.send(
          kClient,
          from_client(static_cast<std::uint8_t>(at / 1000),
                      crypto_frame(at, hello.substr(at, std::min(size - at, std::size_t{1000})))));
    }
    EXPECT_TRUE(flow.log.lines.empty());
    flow.end();
    EXPECT_EQ(flow.log.lines, Lines{"client_hello < cut quic.version=1 quic.sni=example.org"});
    EXPECT_EQ(flow.odd() > 0, size > 3520);  // more than there is room for
  }
}

TEST(QuicTest, HelloRetryRequestMakesASecondRound) {
  const std::string first = client_hello();
  const std::string second = client_hello(100);
  const std::string retry = server_hello(kRetryRandom);
  Flow flow;
  flow.send(kClient, from_client(0, crypto_frame(0, first)));
  flow.send(kServer, from_server(0, crypto_frame(0, retry)));
  EXPECT_FALSE(flow.done());
  flow.send(kClient, from_client(1, crypto_frame(0, first)));  // late, and of no use
  flow.send(kClient, from_client(2, crypto_frame(first.size(), second)));
  flow.send(kServer, from_server(1, crypto_frame(retry.size(), server_hello())));
  const std::string retry_line =
      "server_hello > quic.version=1 quic.cipher=TLS_AES_128_GCM_SHA256 quic.hello_retry=1 ja3s";
  EXPECT_EQ(flow.log.lines, (Lines{kClientLine, retry_line, kClientLine, kServerLine}));
  EXPECT_TRUE(flow.done());
}

// RFC 9001 A.4 answers the packet of A.2, whose connection ID this is.
TEST(QuicTest, ARetryChangesTheKeys) {
  const std::string dcid = from_hex("8394c8f03e515708");
  const std::string retry =
      from_hex("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba");
  const std::string new_dcid = from_hex("f067a5502a4262b5");
  const std::string frames = crypto_frame(0, client_hello());
  std::string forged = retry;
  forged[16] = 'T';
  Flow flow;
  flow.send(kClient, initial({.dcid = dcid}, dcid, 0, frames));
  flow.send(kServer, forged);
  EXPECT_EQ(flow.odd(), 1U);
  flow.send(kServer, retry);
  flow.send(kClient, initial({.dcid = new_dcid}, new_dcid, 1, frames, "token"));
  flow.send(kServer, initial(kFromServer, new_dcid, 0, crypto_frame(0, server_hello())));
  // The hello that is repeated with the token is the same one.
  EXPECT_EQ(flow.log.lines, (Lines{kClientLine, "retry > quic.version=1", kServerLine}));
  EXPECT_EQ(flow.log.ids, Lines{"> chose server"});  // not the Retry's
  EXPECT_TRUE(flow.done());
}

TEST(QuicTest, AVersionIsNegotiated) {
  for (const std::string& dcid : {kDcid, std::string("another1")}) {  // clients do either
    const std::string negotiation = "\x80" + be(4, 0) +
                                    "\x03"
                                    "cli" +
                                    "\x08" + kDcid + be(4, 0x1a2a3a4a) + be(4, 0x6b3343cf) +
                                    be(4, 0xff00001d);
    Sender again = kFromClient;
    again.version = 0x6b3343cf;
    again.dcid = dcid;
    Flow flow;
    flow.send(kClient, from_client(0, crypto_frame(0, client_hello())));
    flow.send(kServer, negotiation).send(kServer, negotiation);
    flow.send(kClient, initial(again, again.dcid, 0, crypto_frame(0, client_hello())));
    const Lines out = flow.log.lines;
    ASSERT_EQ(out.size(), 3U);
    EXPECT_EQ(out[1],
              "version_negotiation > quic.supported_versions=2 quic.supported_versions=draft-29");
    EXPECT_TRUE(out[2].starts_with("client_hello < quic.version=2 quic.sni=example.org"));
  }
}

// RFC 9368: the server answers in another version, with keys from the same connection ID.
TEST(QuicTest, ACompatibleVersionChange) {
  Flow flow;
  Sender server = kFromServer;
  server.version = 0x6b3343cf;
  flow.send(kClient, from_client(0, crypto_frame(0, client_hello())));
  flow.send(kServer, initial(server, kDcid, 0, crypto_frame(0, server_hello())));
  ASSERT_EQ(flow.log.lines.size(), 2U);
  EXPECT_TRUE(flow.log.lines[1].starts_with("server_hello > quic.version=2"));
  EXPECT_TRUE(flow.done());
}

TEST(QuicTest, TheClientIsWhoeverSaysSo) {
  Flow flow;
  flow.send(kServer, from_client(0, crypto_frame(0, client_hello())));
  flow.send(kClient, from_server(0, crypto_frame(0, server_hello())));
  EXPECT_EQ(flow.log.originator, kServer);
  EXPECT_EQ(flow.log.lines.size(), 2U);
}

TEST(QuicTest, WithoutTheClientsFirstPacketItIsQuicAndNoMore) {
  Flow flow;
  const std::string packet = from_server(0, crypto_frame(0, server_hello()));
  for (int i = 0; i < 40 && !flow.done(); ++i) flow.send(kServer, packet);
  EXPECT_EQ(flow.log.app, "quic");
  EXPECT_TRUE(flow.log.lines.empty());
  EXPECT_TRUE(flow.done());
}

TEST(QuicTest, AFlowThatTellsNothingMoreIsLetGo) {
  Flow flow;
  flow.send(kClient, from_client(0, crypto_frame(0, client_hello())));
  int sent = 0;
  while (!flow.done() && sent < 100) {
    flow.send(kServer, "\x40 short header");
    ++sent;
  }
  EXPECT_EQ(sent, 64);
}

TEST(QuicTest, OtherDatagramsAreNotClaimed) {
  const std::string good = from_client(0, crypto_frame(0, client_hello()));
  std::string unknown_version = good;
  unknown_version[4] = '\x07';
  std::string no_fixed_bit = good;
  no_fixed_bit[0] = static_cast<char>(no_fixed_bit[0] & ~0x40);
  Sender reserved = kFromClient;
  reserved.version = 0x1a2a3a4a;
  for (const std::string& datagram :
       {unknown_version, no_fixed_bit, good.substr(0, 12), std::string("\x40 short header"),
        initial(reserved, kDcid, 0, crypto_frame(0, client_hello())),  // too short for its version
        "\x80" + be(4, 0) + std::string(2, '\0') + be(4, 7) + be(4, 8),
        testing::long_header({.dcid = std::string(21, 'd')}, 0) + std::string(60, '\0'),
        std::string(100, '\xff')}) {
    Flow flow;
    flow.send(kClient, datagram);
    EXPECT_EQ(flow.log.app, "") << base::to_hex(base::as_bytes(datagram.substr(0, 32)));
  }
}

TEST(QuicTest, WhatDoesNotBelongIsOdd) {
  for (const std::string& frames :
       {crypto_frame(0, message(11, std::string(40, 'x'))),  // no hello
        crypto_frame(0, message(1, "short")),                // no whole one
        crypto_frame(0, client_hello()) + "\x08stream",      // a frame of the 1-RTT space
        crypto_frame(1ULL << 29, "far away"),
        "\x06" + testing::varint(0) + testing::varint(500) + "short"}) {
    Flow flow;
    flow.send(kClient, from_client(0, frames + std::string(40, '\0')));
    EXPECT_EQ(flow.odd(), 1U) << base::to_hex(base::as_bytes(frames));
  }
}

TEST(QuicTest, GooglesHelloTellsItsName) {
  const std::string values =
      "extra"
      "www.example.org";
  const auto le = [](std::size_t value) {
    return std::string{static_cast<char>(value), '\0', '\0', '\0'};
  };
  const std::string whole =
      "CHLO" + le(2) + std::string("PAD\0", 4) + le(5) + std::string("SNI\0", 4) + le(20) + values;
  Sender sender = kFromClient;
  sender.version = 0x51303530;
  const std::string frame = "\x08" + testing::varint(0) + testing::varint(whole.size()) + whole;
  Flow flow;
  flow.send(kClient, initial(sender, kDcid, 1, std::string(60, '\0') + frame));
  EXPECT_EQ(flow.log.lines, Lines{"client_hello < quic.version=Q050 quic.sni=www.example.org"});
  EXPECT_TRUE(flow.done());
}

}  // namespace
}  // namespace netwatch::dpi
