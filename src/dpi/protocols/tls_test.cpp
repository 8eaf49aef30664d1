#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "dpi/analyzer.h"
#include "dpi/parts/certificate_test.h"
#include "dpi/parts/hex_test.h"
#include "dpi/protocols.h"

namespace netwatch::dpi {

extern const ProtocolDef kTls;

namespace {

using model::Side;

constexpr Side kClient = Side::kOriginator;
constexpr Side kServer = Side::kResponder;
constexpr std::array kTable{&kTls};

class Log final : public AnalyzerSink {
 public:
  void on_record(const model::Record& record) override {
    std::string line(record.kind_name());
    line += record.side == kClient ? " <" : " >";
    if (record.cut) line += " cut";
    model::ValueCursor values(record);
    while (auto value = values.next()) {
      line += ' ';
      line += value->def->name;
      if (value->def->type == model::FieldType::kText) line += '=' + std::string(value->text());
      if (value->def->type == model::FieldType::kBool) line += value->boolean() ? "=1" : "=0";
    }
    lines.push_back(line);
  }
  void on_app(std::uint64_t, std::uint8_t, std::string_view name) override { app = name; }
  void on_originator(std::uint64_t, Side side) override { originator = side; }

  std::vector<std::string> lines;
  std::string app;
  Side originator = kClient;
};

struct Part {
  Side side;
  std::string bytes;
};

struct Outcome {
  Log log;
  Appetite appetite = Appetite::kBytes;
  std::uint64_t odd = 0;
};

// Feeds the parts, cut into segments of `step` bytes.
Outcome run(const std::vector<Part>& parts, std::size_t step = 1 << 20) {
  Outcome out;
  Analyzer analyzer(out.log, {}, kTable);
  std::uint32_t slot = 0;
  const FlowRef flow{.id = 1, .proto = 6, .resp_port = 443};
  for (const Part& part : parts) {
    for (std::size_t at = 0; at < part.bytes.size(); at += step) {
      if (out.appetite == Appetite::kNone) break;
      const std::string_view text = std::string_view(part.bytes).substr(at, step);
      out.appetite = analyzer.feed(slot, flow, {.side = part.side, .bytes = base::as_bytes(text)});
    }
  }
  analyzer.end(slot, flow, 0, 0);
  out.odd = analyzer.drops()[model::Drop::kDecoderOdd];
  EXPECT_EQ(analyzer.live(), 0U);
  return out;
}

std::string u16(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::string u24(std::size_t value) { return static_cast<char>(value >> 16) + u16(value); }
std::string record(int type, const std::string& body) {
  return static_cast<char>(type) + std::string("\x03\x03") + u16(body.size()) + body;
}
std::string message(int type, const std::string& body) {
  return static_cast<char>(type) + u24(body.size()) + body;
}
// One message over records of `step` bytes each.
std::string split(const std::string& bytes, std::size_t step) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) out += record(22, bytes.substr(at, step));
  return out;
}
std::string extension(int type, const std::string& data) {
  return u16(static_cast<std::size_t>(type)) + u16(data.size()) + data;
}

const std::string kSni = extension(0, u16(14) + '\0' + u16(11) + "example.org");
const std::string kAlpn = extension(16, u16(12) + "\x02h2\x08http/1.1");
const std::string kVersions = extension(43, std::string("\x04\x03\x04\x03\x03", 5));
const std::string kEch = extension(0xfe0d, "x");

std::string client_hello(const std::string& extensions) {
  return message(1, "\x03\x03" + std::string(32, 'r') + '\0' + u16(4) +
                        std::string("\x13\x01\xc0\x2f\x01\x00", 6) + u16(extensions.size()) +
                        extensions);
}
std::string server_hello(const std::string& cipher, const std::string& extensions,
                         const std::string& random = std::string(32, 's')) {
  return message(2,
                 "\x03\x03" + random + '\0' + cipher + '\0' + u16(extensions.size()) + extensions);
}
const std::string kHello13 = client_hello(kSni + kAlpn + kVersions + kEch);
const std::string kHello12 = client_hello(kSni);
const std::string kChosen13 = extension(43, std::string("\x03\x04", 2));
const std::string kServer13 = server_hello("\x13\x01", kChosen13);
const std::string kServer12 =
    server_hello("\xc0\x2f", extension(16, u16(3) + std::string("\x02h2")));
const std::string kRetry =
    server_hello("\x13\x01", kChosen13,
                 from_hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"));
const std::string kCcs = record(20, "\x01");
const std::string kData = record(23, std::string(40, 'x'));

std::string certificate_message() {
  const std::string der = from_hex(kTestCertificateHex);
  const std::string entry = u24(der.size()) + der;
  const std::string chain = entry + u24(700) + std::string(700, 'c');
  return message(11, u24(chain.size()) + chain);
}

const std::string kClientLine13 =
    "client_hello < tls.version=TLS 1.3 tls.sni=example.org "
    "ja3=1a45665515489623217da6de67bab70c ja4=t13d0204h2_c1929292aa6b_19db675bb9c5 tls.ech=1 "
    "tls.alpn=h2 tls.alpn=http/1.1 tls.supported_versions=TLS 1.3 tls.supported_versions=TLS 1.2";
const std::string kServerLine13 =
    "server_hello > tls.version=TLS 1.3 tls.cipher=TLS_AES_128_GCM_SHA256 tls.hello_retry=0 "
    "ja3s=cce84e7a8b742462e40afb585a3e3ccc";

std::vector<Part> handshake12() {
  return {{kClient, record(22, kHello12)},
          {kServer, record(22, kServer12 + certificate_message() + message(14, ""))},
          {kClient, record(22, message(16, std::string(66, 'k'))) + kCcs},
          {kServer, kCcs + kData}};
}

TEST(Tls, ReportsATls13Handshake) {
  const Outcome out =
      run({{kClient, record(22, kHello13)}, {kServer, record(22, kServer13) + kCcs + kData}});
  EXPECT_EQ(out.log.lines, (std::vector<std::string>{kClientLine13, kServerLine13}));
  EXPECT_EQ(out.log.app, "tls");
  EXPECT_EQ(out.odd, 0U);
  EXPECT_EQ(out.appetite, Appetite::kNone);
}

TEST(Tls, ReportsATls12HandshakeWithItsCertificate) {
  const Outcome out = run(handshake12());
  ASSERT_EQ(out.log.lines.size(), 3U);
  EXPECT_EQ(out.log.lines[0].substr(0, 53),
            "client_hello < tls.version=TLS 1.2 tls.sni=example.or");
  EXPECT_NE(out.log.lines[1].find("tls.cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            std::string::npos);
  EXPECT_NE(out.log.lines[1].find("tls.alpn=h2"), std::string::npos);
  EXPECT_EQ(out.log.lines[2],
            "certificate > tls.subject=CN=www.example.org,O=Beispiel\\, Inc,C=DE "
            "tls.issuer=CN=www.example.org,O=Beispiel\\, Inc,C=DE tls.not_before tls.not_after "
            "tls.certificate_sha256 tls.san=www.example.org tls.san=*.example.org "
            "tls.san=192.0.2.7 tls.san=2001:db8::1 tls.san=a@example.org");
  EXPECT_EQ(out.appetite, Appetite::kNone);
  EXPECT_EQ(out.odd, 0U);
}

TEST(Tls, SegmentsAndRecordsDoNotMatter) {
  const std::vector<std::string> whole = run(handshake12()).log.lines;
  for (std::size_t step : {1U, 2U, 5U, 6U, 100U, 1448U}) {
    EXPECT_EQ(run(handshake12(), step).log.lines, whole) << step;
    for (std::size_t record_bytes : {1U, 3U, 7U, 300U}) {
      const std::vector<Part> parts{
          {kClient, split(kHello12, record_bytes)},
          {kServer, split(kServer12 + certificate_message() + message(14, ""), record_bytes)}};
      EXPECT_EQ(run(parts, step).log.lines, whole) << step << " in records of " << record_bytes;
    }
  }
}

TEST(Tls, OtherRecordsMayComeBetween) {
  const std::string heartbeat = record(24, std::string(20, 'h'));
  const std::string warning = record(21, "\x01\x70");
  const std::string first = record(22, kServer12.substr(0, 20));
  const std::string second = record(22, kServer12.substr(20));
  const Outcome out = run({{kClient, record(22, kHello12) + heartbeat},
                           {kServer, warning + first + heartbeat + second}});
  ASSERT_EQ(out.log.lines.size(), 3U);
  EXPECT_EQ(out.log.lines[1], "alert > tls.alert_level=warning tls.alert=unrecognized_name");
  EXPECT_EQ(out.log.lines[2].substr(0, 14), "server_hello >");
}

TEST(Tls, ASecondHelloAfterARetryIsASecondRecord) {
  const Outcome out = run({{kClient, record(22, kHello13)},
                           {kServer, record(22, kRetry) + kCcs},
                           {kClient, kCcs + record(22, kHello13)},
                           {kServer, record(22, kServer13) + kData}},
                          3);
  ASSERT_EQ(out.log.lines.size(), 4U);
  EXPECT_EQ(out.log.lines[0], kClientLine13);
  EXPECT_NE(out.log.lines[1].find("tls.hello_retry=1"), std::string::npos);
  EXPECT_EQ(out.log.lines[2], kClientLine13);
  EXPECT_EQ(out.log.lines[3], kServerLine13);
  EXPECT_EQ(out.appetite, Appetite::kNone);
}

TEST(Tls, EarlyDataDoesNotEndTheWaitForASecondHello) {
  const Outcome out = run({{kClient, record(22, kHello13) + kCcs + kData + kData},
                           {kServer, record(22, kRetry)},
                           {kClient, record(22, kHello13)}});
  EXPECT_EQ(out.log.lines.size(), 3U);
}

TEST(Tls, TheServersSideAloneIsEnough) {
  const Outcome out = run({{kClient, record(22, kServer12 + certificate_message())}});
  ASSERT_EQ(out.log.lines.size(), 2U);
  EXPECT_EQ(out.log.originator, kServer);
}

TEST(Tls, AnEncryptedFlowIsLetGo) {
  const Outcome out = run({{kClient, kData}, {kServer, kData}});
  EXPECT_EQ(out.log.app, "tls");
  EXPECT_TRUE(out.log.lines.empty());
  EXPECT_EQ(out.appetite, Appetite::kNone);
}

TEST(Tls, AFatalAlertEndsIt) {
  const Outcome out = run({{kClient, record(22, kHello13)}, {kServer, record(21, "\x02\x28")}});
  ASSERT_EQ(out.log.lines.size(), 2U);
  EXPECT_EQ(out.log.lines[1], "alert > tls.alert_level=fatal tls.alert=handshake_failure");
  EXPECT_EQ(out.appetite, Appetite::kNone);
}

TEST(Tls, ReadsTheHelloInTheFormOfSsl2) {
  const std::string body = std::string("\x01\x03\x01", 3) + u16(6) + u16(0) + u16(16) +
                           std::string("\x00\x00\x2f\x00\x00\x35", 6) + std::string(16, 'c');
  const std::string hello = static_cast<char>(0x80) + std::string(1, static_cast<char>(31)) + body;
  for (std::size_t step : {1U, 100U}) {
    const Outcome out = run({{kClient, hello}, {kServer, record(22, kServer12)}}, step);
    ASSERT_EQ(out.log.lines.size(), 2U);
    EXPECT_EQ(out.log.lines[0], "client_hello < tls.version=TLS 1.0");
    EXPECT_EQ(out.log.app, "tls");
  }
}

TEST(Tls, ContentDecidesNotThePort) {
  for (const char* hex : {"474554202f20485454502f312e310d0a0d0a", "160309010001000000",
                          "5353482d322e302d780d0a", "16030100056300000100", "1503010002092828",
                          "16030100050100000100", "1703030004aabbccdd", "801f010301000500000010"}) {
    const Outcome out = run({{kClient, from_hex(hex)}, {kServer, "nothing"}});
    EXPECT_EQ(out.log.app, "") << hex;
  }
}

TEST(Tls, DamageIsOddAndEndsTheSide) {
  std::string overrun = kHello12;
  overrun[overrun.size() - 18] = 1;  // the length of the server name extension
  const Outcome broken = run({{kClient, record(22, overrun)}});
  EXPECT_EQ(broken.log.lines.size(), 1U);
  EXPECT_EQ(broken.odd, 1U);
  const Outcome plain =
      run({{kClient, record(22, kHello13)}, {kServer, "HTTP/1.1 400 Bad\r\n\r\n"}});
  EXPECT_EQ(plain.log.lines.size(), 1U);
  EXPECT_EQ(plain.odd, 1U);
}

// A server that speaks no TLS is heard in its own words.
TEST(Tls, AnAnswerInClearIsReadOn) {
  for (const std::size_t step : {1U, 100U}) {
    Log log;
    Analyzer analyzer(log, {}, protocols());
    std::uint32_t slot = 0;
    const FlowRef flow{.id = 1, .proto = 6};
    const std::string hello = record(22, kHello13);
    analyzer.feed(slot, flow, {.side = kClient, .bytes = base::as_bytes(hello)});
    const std::string_view answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    for (std::size_t at = 0; at < answer.size(); at += step) {
      const base::Bytes part = base::as_bytes(answer.substr(at, step));
      ASSERT_EQ(analyzer.feed(slot, flow, {.side = kServer, .bytes = part}), Appetite::kBytes);
    }
    ASSERT_EQ(log.lines.size(), 2U);
    EXPECT_EQ(log.lines[1].substr(0, 22), "response > http.status");
  }
}

// What a snapshot length or a lost packet leaves of a hello may tell the name already.
TEST(Tls, ACutHelloStillTellsTheName) {
  const std::string hello = record(22, client_hello(kSni + extension(21, std::string(500, '\0'))));
  for (const bool by_gap : {false, true}) {
    Log log;
    Analyzer analyzer(log, {}, kTable);
    std::uint32_t slot = 0;
    const FlowRef flow{.id = 1, .proto = 6};
    const std::string_view part = std::string_view(hello).substr(0, 200);
    analyzer.feed(slot, flow, {.side = kClient, .bytes = base::as_bytes(part), .cut = !by_gap});
    if (by_gap) analyzer.feed(slot, flow, {.side = kClient, .bytes = {}, .gap_bytes = 400});
    EXPECT_EQ(log.lines, (std::vector<std::string>{"client_hello < cut tls.sni=example.org"}));
  }
}

}  // namespace
}  // namespace netwatch::dpi
