#include "query/filter.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>

#include "query/filter_fixture.h"

namespace netwatch::query {
namespace {

using namespace fixture;  // NOLINT(google-build-using-namespace)
using model::RecordBuilder;

Filter parse(std::string_view text) {
  auto filter = Filter::parse(text, catalog());
  if (!filter) {
    ADD_FAILURE() << filter.error().render(text);
    return *Filter::parse("tcp", catalog());
  }
  return *std::move(filter);
}

void note(const Filter& filter, Filter::Evidence& evidence, const model::Schema& schema,
          const std::function<void(RecordBuilder&)>& fill) {
  RecordBuilder builder;
  builder.start(schema, 0);
  fill(builder);
  filter.note(evidence, builder.view());
}

// The records of web_flow(): two TLS messages and one HTTP exchange.
void note_records(const Filter& filter, Filter::Evidence& evidence) {
  note(filter, evidence, kTls, [](RecordBuilder& r) {
    r.add_text(kSni, "www.Example.org");
    r.add_text(kAlpn, "h2");
    r.add_text(kAlpn, "http/1.1");
    r.add_bool(kResumed, false);
    r.add_bytes(kRandom, base::as_bytes("\x16\x03GET\x01"));
    r.add_text(kJa4, "t13d1516h2_8daaf6152771_02713d6af862");
  });
  note(filter, evidence, kTls, [](RecordBuilder& r) {
    r.add_uint(kNotAfter, 1'763'640'000'000'000'000);  // 2025-11-20T12:00:00Z
    r.add_int(kOffset, -5);
    r.add_real(kScore, 0.25);
  });
  note(filter, evidence, kHttp, [](RecordBuilder& r) {
    r.add_text(kHost, "cdn.example.net");
    r.add_uint(kStatus, 404);
    r.add_uint(kBody, 5'000'000);
    r.add_uint(kLatency, 120'000'000);  // 120 ms
    r.add_address(kAnswers, *base::IpAddress::parse("10.1.2.3"));
    r.add_address(kAnswers, *base::IpAddress::parse("2001:db8::7"));
    r.add_uint(kWait, 1'500);
  });
}

struct Case {
  std::string_view filter;
  bool web;  // expected of web_flow() with its records
  bool dns;  // expected of dns_flow(), which has none
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.filter; }

class FilterVerdict : public testing::TestWithParam<Case> {};

TEST_P(FilterVerdict, IsAsExpected) {
  const Filter filter = parse(GetParam().filter);
  Filter::Evidence evidence;
  note_records(filter, evidence);
  EXPECT_EQ(filter.matches(web_flow(), evidence), GetParam().web);
  EXPECT_EQ(filter.matches(dns_flow(), {}), GetParam().dns);
  EXPECT_EQ(filter.text(), GetParam().filter);
}

constexpr Case kBareWords[] = {
    {"tls", true, false},
    {"TLS", true, false},
    {"tcp", true, false},
    {"udp", false, true},
    {"dns", false, true},    // no schema here: found in the application's name
    {"http", false, false},  // the flow speaks http2, not http
    {"icmpv6", false, false},
    {"example", true, false},
    {"EXAMPLE.ORG", true, false},
    {"cdn.example", true, false},  // only a record says so
    {"curl", true, false},
    {"\"example.o\"", true, false},
    {"192.168.1.10", true, false},
    {"192.168.0.0/16", true, false},
    {"192.168.1.10/31", true, false},
    {"192.168.1.8/31", false, false},
    {"2001:db8::/32", false, true},
    {"2001:db8::10", false, true},
    {"2001:db8::11", false, false},
    {"::/0", false, true},
    {"0.0.0.0/0", true, false},
    {"ipv6", false, true},
    {"ipv4", true, false},
    {"ip", true, true},
};
INSTANTIATE_TEST_SUITE_P(BareWords, FilterVerdict, testing::ValuesIn(kBareWords));

constexpr Case kComparisons[] = {
    {"tcp.port == 443", true, false},
    {"tcp.port eq 51514", true, false},
    {"udp.port == 53", false, true},
    {"port == 0x1bb", true, false},
    {"port != 53", true, false},
    {"port > 443", true, true},
    {"port < 54", false, true},
    {"dstport le 53", false, true},
    {"tcp.dstport == 443", true, false},
    {"udp.dstport == 443", false, false},  // alias of dstport, but of UDP
    {"udp.dstport == 53", false, true},
    {"tcp.dstport == 53", false, false},
    {"tcp.dstport != 53", true, false},
    {"ipv6.addr", false, true},
    {"ipv6.src == 2001:db8::10", false, true},
    {"ip.addr == 93.184.216.0/24", true, false},
    {"ip.addr != 93.184.216.0/24", false, true},
    {"ip.src == 2001:db8::/32", false, true},
    {"packets == 40", true, false},
    {"packets >= 40", true, false},
    {"packets > 40", false, false},
    {"wire_bytes > 41k", true, false},
    {"wire_bytes > 42kB", false, false},
    {"wire_bytes == 42KB", true, false},
    {"wire_bytes < 0.0402MiB", true, true},
    {"wire_bytes >= 0.0402MiB", false, false},
    {"rtt_us == 23500", true, false},
    {"rtt_us > 20ms", true, false},
    {"rtt_us < 23.5ms", false, false},
    {"duration_us >= 2.5s", true, false},
    {"duration_us >= 1min", false, false},
    {"l4 == TCP", true, false},
    {"ip.proto == 17", false, true},
    {"conn_state == SF", true, false},
    {"conn_state == sf", false, false},
    {"owner.pid == 4711", true, false},
    {"owner.quality == exact", true, false},
    {"flow == 2f1", true, false},
    {"orig.ip == 192.168.1.10", true, false},
    {"resp.ip == 192.168.1.10", false, false},
    {"resp.port == 443 and orig.port > 50000", true, false},
    {"orig.wire_bytes == 2kB", true, false},
    {"resp.wire_bytes == 2kB", false, false},
    {"resp.retransmitted == 2", true, false},
    {"orig.owner.name == curl", true, false},
    {"resp.owner.name", false, false},
    {"resp.owner.quality == unknown", true, true},
    {"tunnel == vxlan", false, true},
    {"tunnel == gre and tunnel_id == 7", false, true},
    {"not tunnel", true, false},
    {"ts >= 1970-01-01T00:00:01Z and ts_end < 1970-01-01T00:00:04Z", true, true},
    {"end == closed", false, false},
    {"tls.sni == www.Example.org", true, false},
    {"tls.sni == www.example.org", false, false},
    {"tls.handshake.extensions_server_name == \"www.Example.org\"", true, false},
    {"tls.handshake.extensions_server_name != \"5\"", true, false},
    {"tls.sni != 5", true, false},
    {"TLS.SNI == \"www.Example.org\"", true, false},
    {"tls.sni >= \"www\"", true, false},
    {"tls.sni < \"www\"", false, false},
    {"tls.resumed == false", true, false},
    {"tls.resumed == true", false, false},
    {"tls.resumed != true", true, false},
    {"tls.resumed", true, false},  // it occurs
    {"tls.random == 16:03:47:45:54:01", true, false},
    {"tls.random == 160347455401", true, false},
    {"tls.random contains \"GET\"", true, false},
    {"tls.random contains 03-47", true, false},
    {"tls.random contains 0348", false, false},
    {"tls.not_after == 2025-11-20T12:00:00Z", true, false},
    {"tls.not_after < 2025-11-21", true, false},
    {"tls.not_after > \"2025-11-20 12:00:00.000000001\"", false, false},
    {"tls.offset == -5", true, false},
    {"tls.offset < 0", true, false},
    {"tls.offset > 0xffff", false, false},
    {"tls.score == 0.25", true, false},
    {"tls.score > 2.4e-1", true, false},
    {"http.status == 404", true, false},
    {"http.response.code >= 400", true, false},
    {"http.body_bytes == 5MB", true, false},
    {"http.body_bytes >= 5MiB", false, false},
    {"http.latency_us == 120000", true, false},
    {"http.latency_us >= 0.12s", true, false},
    {"http.wait_ms == 1500", true, false},
    {"http.wait_ms == 1.5s", true, false},
    {"http.answers == 10.0.0.0/8", true, false},
};
INSTANTIATE_TEST_SUITE_P(Comparisons, FilterVerdict, testing::ValuesIn(kComparisons));

constexpr Case kWordsAndSets[] = {
    {"sni:example.ORG", true, false},
    {"sni:\"example.org\"", true, false},
    {"sni: example.org", true, false},
    {"host:cdn", true, false},
    {"host:dns", false, false},
    {"app:http", true, false},  // part of http2
    {"app:dns", false, true},
    {"process:CURL", true, false},
    {"process:wget", false, false},
    {"pid:4711", true, false},
    {"user:ada", true, false},
    {"port:53", false, true},
    {"port:50..60", false, true},
    {"port:{53 443}", true, true},
    {"tcp.port:443", true, false},
    {"ip:10.0.0.0/8", false, false},
    {"ip:192.168.0.0/16", true, false},
    {"ja4:t13d1516", true, false},
    {"ja4:T13D1516H2", true, false},
    {"tls.resumed:false", true, false},
    {"port in {80, 443, 8000..8100}", true, false},
    {"port in {80 443 8000..8100}", true, false},
    {"port in {50..52,54}", false, false},
    {"port in {50 .. 53}", false, true},
    {"port not in {80, 443}", false, true},
    {"not port in {80, 443}", false, true},
    {"ip.addr in {10.0.0.0/8, 192.168.1.9..192.168.1.11}", true, false},
    {"ip.addr in {192.168.1.11..192.168.1.20}", false, false},
    {"ip.addr in {2001:db8::1..2001:db8::ff}", false, true},
    {"tls.alpn in {\"h3\", \"h2\"}", true, false},
    {"http.latency_us in {100ms..200ms}", true, false},
    {"tls.offset in {-10..-1}", true, false},
    {"tls.score in {0.2..0.3}", true, false},
    {"tls.sni contains Example", true, false},
    {"tls.sni contains example", false, false},
    {"name contains \"ample\"", true, false},
    {"tls.sni matches \"^WWW\"", true, false},
    {"tls.sni matches r\"\\.org$\"", true, false},
    {"tls.sni matches \"\\\\.org$\"", true, false},
    {"tls.sni ~ \"example\\\\.(com|org)\"", true, false},
    {"tls.sni matches \"^example\"", false, false},
    {"tls.sni not matches \"^example\"", true, true},
    {"tls.sni == 'www.Example.org'", true, false},
    {"tls.sni == \"www\\x2eExample.org\"", true, false},
    {"tls.sni", true, false},
    {"ja4", true, false},
    {"!tls.sni", false, true},
};
INSTANTIATE_TEST_SUITE_P(WordsAndSets, FilterVerdict, testing::ValuesIn(kWordsAndSets));

constexpr Case kLogic[] = {
    {"tls and tcp", true, false},
    {"tls && udp", false, false},
    {"tls or udp", true, true},
    {"tls || dns", true, true},
    {"not tls", false, true},
    {"!tls", false, true},
    {"not not tls", true, false},
    {"!!tls", true, false},
    // `and` binds tighter than `or`, `not` tighter than both.
    {"tls or udp and icmp", true, false},
    {"(tls or udp) and icmp", false, false},
    {"icmp and udp or tls", true, false},
    {"not tls or tcp", true, true},
    {"not (tls or tcp)", false, true},
    {"not tls and udp", false, true},
    {"not port == 443", false, true},
    {"TLS AND NOT UDP", true, false},
    {"tls and(port==443)and!udp", true, false},
    {"http.status >= 400 and tls.sni contains Example or udp", true, true},
};
INSTANTIATE_TEST_SUITE_P(Logic, FilterVerdict, testing::ValuesIn(kLogic));

// `!=`: the field occurs and all its values, of all records, differ.
TEST(FilterNotEqual, AsksAllValuesOfAllRecords) {
  const auto verdict = [](std::string_view text,
                          const std::vector<std::vector<std::uint64_t>>& records) {
    const Filter filter = parse(text);
    Filter::Evidence evidence;
    for (const auto& values : records) {
      note(filter, evidence, kHttp, [&values](RecordBuilder& r) {
        for (const std::uint64_t value : values) r.add_uint(kStatus, value);
      });
    }
    return filter.matches(dns_flow(), evidence);
  };
  EXPECT_TRUE(verdict("http.status != 200", {{404}, {500}}));
  EXPECT_FALSE(verdict("http.status != 200", {{404}, {200}}));
  EXPECT_FALSE(verdict("http.status != 200", {{200}, {404}}));
  EXPECT_FALSE(verdict("http.status != 200", {{404, 200}}));
  EXPECT_FALSE(verdict("http.status != 200", {}));  // it does not occur
  EXPECT_FALSE(verdict("http.status != 200", {{}}));
  EXPECT_TRUE(verdict("not http.status == 200", {}));  // the plain negation does not ask for it
  EXPECT_TRUE(verdict("not http.status == 200", {{404}}));
  EXPECT_FALSE(verdict("not http.status == 200", {{404}, {200}}));
  EXPECT_TRUE(verdict("http.status == 200", {{404}, {200}}));
  EXPECT_TRUE(verdict("http.status == 200 and http.status == 404", {{404}, {200}}));
  EXPECT_TRUE(verdict("http.status > 400 and http.status != 200", {{404}, {500}}));
  EXPECT_TRUE(verdict("not http.status != 200", {}));
}

// A name that several protocols share asks about all of them.
TEST(Filter, SharedNameAsksEverySchema) {
  const Filter filter = parse("ja4 == abc");
  Filter::Evidence evidence;
  note(filter, evidence, kTls, [](RecordBuilder& r) { r.add_text(kJa4, "xyz"); });
  EXPECT_FALSE(filter.matches(dns_flow(), evidence));
  note(filter, evidence, kHttp, [](RecordBuilder& r) { r.add_text(kHttpJa4, "abc"); });
  EXPECT_TRUE(filter.matches(dns_flow(), evidence));
}

TEST(Filter, RecordsOfUnknownSchemasSayNothing) {
  static constexpr std::array<FieldDef, 1> kOther{{{.name = "tls.sni"}}};
  static constexpr model::Schema kUnknown{"other", "Other", kKinds, kOther};
  const Filter filter = parse("tls.sni");
  Filter::Evidence evidence;
  note(filter, evidence, kUnknown, [](RecordBuilder& r) { r.add_text(0, "a"); });
  EXPECT_EQ(evidence.seen, 0U);
}

TEST(Filter, KnowsWhetherRecordsMatter) {
  EXPECT_TRUE(parse("tls.sni").uses_records());
  EXPECT_TRUE(parse("tcp and host:example").uses_records());
  EXPECT_FALSE(parse("tcp and port == 443 and process:curl").uses_records());
  EXPECT_FALSE(parse("tls").uses_records());
}

TEST(Filter, UnsignedValuesAreComparedUnsigned) {
  const auto matches = [](std::string_view text) {
    const Filter filter = parse(text);
    Filter::Evidence evidence;
    note(filter, evidence, kHttp, [](RecordBuilder& r) { r.add_uint(kBody, ~std::uint64_t{0}); });
    return filter.matches(dns_flow(), evidence);
  };
  EXPECT_TRUE(matches("http.body_bytes > 1"));
  EXPECT_TRUE(matches("http.body_bytes == 18446744073709551615"));
  EXPECT_TRUE(matches("http.body_bytes in {9223372036854775808..18446744073709551615}"));
  EXPECT_FALSE(matches("http.body_bytes < 18446744073709551615"));
}

// 23500.4 us is written as 23500 everywhere: that is what a filter's number means.
TEST(Filter, DurationsCompareAsTheyAreShown) {
  const auto matches = [](std::string_view text) {
    const Filter filter = parse(text);
    Filter::Evidence evidence;
    note(filter, evidence, kHttp, [](RecordBuilder& r) { r.add_uint(kLatency, 23'500'400); });
    return filter.matches(dns_flow(), evidence);
  };
  EXPECT_TRUE(matches("http.latency_us == 23500"));
  EXPECT_TRUE(matches("http.latency_us == 23.5ms"));
  EXPECT_TRUE(matches("http.latency_us <= 23500"));
  EXPECT_TRUE(matches("http.latency_us >= 23500"));
  EXPECT_TRUE(matches("http.latency_us in {23400..23500}"));
  EXPECT_FALSE(matches("http.latency_us > 23500"));
  EXPECT_FALSE(matches("http.latency_us < 23500"));
  EXPECT_FALSE(matches("http.latency_us != 23500"));
  EXPECT_TRUE(matches("http.latency_us == 23500400ns"));
  EXPECT_FALSE(matches("http.latency_us == 23500000ns"));
  EXPECT_TRUE(matches("http.latency_us > 23500000ns"));
}

TEST(Filter, NestsAsDeepAsItSays) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "tls" + std::string(depth, ')');
  };
  EXPECT_TRUE(parse(nested(Filter::kMaxDepth - 1)).matches(web_flow(), {}));
  const std::string too_deep = nested(Filter::kMaxDepth);
  const auto refused = Filter::parse(too_deep, catalog());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().column, Filter::kMaxDepth);
  EXPECT_FALSE(Filter::parse(std::string(4000, '!') + "tls", catalog()));
  EXPECT_FALSE(Filter::parse(std::string(4000, '('), catalog()));
}

TEST(Filter, HoldsAsManyComparisonsAsItSays) {
  std::string text = "port == 1";
  for (std::size_t i = 1; i < Filter::kMaxLeaves - 1; ++i) text += " or port == 1";
  EXPECT_FALSE(parse(text).matches(web_flow(), {}));
  text += " or tls.sni == last";  // the highest bit of the evidence
  const Filter full = parse(text);
  Filter::Evidence evidence;
  EXPECT_FALSE(full.matches(web_flow(), evidence));
  note(full, evidence, kTls, [](RecordBuilder& r) { r.add_text(kSni, "last"); });
  EXPECT_TRUE(full.matches(web_flow(), evidence));
  const auto refused = Filter::parse(text + " or udp", catalog());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().column, text.size() + 4);
}

// The first table of docs/filter.md.
TEST(Filter, UnderstandsTheExamplesOfItsPage) {
  std::ifstream page(NETWATCH_SOURCE_DIR "/docs/filter.md");
  std::size_t examples = 0;
  for (std::string line; std::getline(page, line) && !line.starts_with("## Grammar");) {
    if (!line.starts_with("| `")) continue;
    const std::string example = line.substr(3, line.find("` |") - 3);
    const auto filter = Filter::parse(example, catalog());
    EXPECT_TRUE(filter) << (filter ? "" : filter.error().render(example));
    ++examples;
  }
  EXPECT_GE(examples, 15U);
}

TEST(Filter, TreeIsResolved) {
  const Filter filter = parse("tcp.port == 80 or not name");
  const model::FilterNode& root = filter.tree();
  ASSERT_EQ(root.op, model::FilterOp::kOr);
  ASSERT_EQ(root.children.size(), 2U);
  EXPECT_EQ(root.children[0]->op, model::FilterOp::kEqual);
  EXPECT_EQ(root.children[0]->fields.front()->name, "tcp.port");
  EXPECT_EQ(root.children[0]->literals.front().low, 80);
  EXPECT_EQ(root.children[1]->op, model::FilterOp::kNot);
  EXPECT_EQ(root.children[1]->column, 18U);
}

}  // namespace
}  // namespace netwatch::query
