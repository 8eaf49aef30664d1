#include <gtest/gtest.h>

#include "query/filter_fixture.h"
#include "query/names.h"

namespace netwatch::query {
namespace {

using namespace fixture;  // NOLINT(google-build-using-namespace)

struct Bad {
  std::string_view filter;
  std::size_t column;
  std::string_view message;  // part of it
  std::string_view suggestion;
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.filter; }

class FilterRefusal : public testing::TestWithParam<Bad> {};

TEST_P(FilterRefusal, PointsAndProposes) {
  const Bad& bad = GetParam();
  const auto filter = Filter::parse(bad.filter, catalog());
  ASSERT_FALSE(filter) << "was accepted";
  const FilterError& error = filter.error();
  EXPECT_EQ(error.column, bad.column) << error.render(bad.filter);
  EXPECT_NE(error.message.find(bad.message), std::string::npos) << error.message;
  EXPECT_EQ(error.suggestion, bad.suggestion) << error.message;
}

constexpr Bad kNames[] = {
    {"tls.snii == x", 0, "no field tls.snii", "tls.sni"},
    {"tls.sin == x", 0, "no field tls.sin", "tls.sni"},
    {"tls and tcp.prot == 80", 8, "no field tcp.prot", "tcp.port"},
    {"http.respnse.code == 200", 0, "no field", "http.response.code"},
    {"frobnicate == 1", 0, "no field frobnicate", ""},
    {"tls.snii", 0, "no field tls.snii", "tls.sni"},
    {"tls.frobnicate", 0, "quote it", "\"tls.frobnicate\""},
    {"tls == 1", 0, "is a protocol", "tls"},
    {"\"tls.sni\" == x", 0, "without quotes", "tls.sni"},
    {"prot:443", 0, "no field prot", "port:443"},
    {"example.org:443", 0, "one by one", "host:example.org and port:443"},
    {"10.0.0.1:443", 0, "one by one", "10.0.0.1 and port:443"},
    {"https://example.org/", 0, "no field https", "\"https://example.org/\""},
    {":443", 0, "before :", ""},
    {"http and :443", 9, "before :", ""},
    {"443", 0, "number alone", "port:443"},
    {"10.0.0.256", 0, "neither an IP address", "\"10.0.0.256\""},
    {"10.0.0.0/33", 0, "neither an IP address", "\"10.0.0.0/33\""},
    {"*.example.org", 0, "wildcard", "\"*.example.org\""},
};
INSTANTIATE_TEST_SUITE_P(Names, FilterRefusal, testing::ValuesIn(kNames));

constexpr Bad kTypes[] = {
    {"tcp.port == https", 12, "tcp.port wants a number", ""},
    {"port == 70000", 8, "at most 65535", "65535"},
    {"port > -1", 7, "never negative", "0"},
    {"port in {80, x}", 13, "wants a number", ""},
    {"port in {90..80}", 9, "rise", "80..90"},
    {"packets > 10ms", 10, "is a count", ""},
    {"packets > 1.5", 10, "whole number", ""},
    {"packets > 99999999999999999999", 10, "wants a number", ""},
    {"wire_bytes > 10ms", 13, "is in bytes", "10MB"},
    {"rtt_us > 10kB", 9, "is a time", "100ms"},
    {"rtt_us > 10d5", 9, "is a time", "100ms"},
    {"http.body_bytes > 99999999999G", 18, "fits into 64 bits", ""},
    {"ip.addr == example.org", 11, "wants an IP address", "host:example.org"},
    {"ip.addr == 10.0.0.0/64", 11, "wants an IP address", "10.0.0.0/8"},
    {"ip.addr < 10.0.0.1", 8, "< does not apply", "ip.addr in {10.0.0.0/8}"},
    {"ip.addr in {10.0.0.1..::1}", 12, "one IP version", ""},
    {"ip.addr contains 10", 8, "contains does not apply", "ip.addr in {10.0.0.0/8}"},
    {"port contains 4", 5, "contains does not apply", "port =="},
    {"port matches \"4\"", 5, "matches does not apply", "port =="},
    {"tls.resumed > true", 12, "> does not apply", "tls.resumed =="},
    {"tls.resumed == yes", 15, "true or false", "true"},
    {"tls.random == xyz", 14, "hexadecimal", "16:03:01"},
    {"tls.not_after < tomorrow", 16, "a time in UTC", "2026-11-20T12:00:00Z"},
    {"tls.not_after < 2026-02-30", 16, "a time in UTC", "2026-11-20T12:00:00Z"},
    {"tls.score == high", 13, "wants a number", ""},
    {"tls.score == nan", 13, "wants a number", ""},
    {"tls.sni == *.example.org", 11, "wildcard", "\"*.example.org\""},
    {"tls.handshake.extensions_server_name == 5", 40, "a text", "tls.sni == \"5\""},
    {"tls.sni in {a..b}", 12, "no ranges", ""},
    {"tls.sni == http.host", 11, "not with each other", "\"http.host\""},
};
INSTANTIATE_TEST_SUITE_P(Types, FilterRefusal, testing::ValuesIn(kTypes));

constexpr Bad kSyntax[] = {
    {"", 0, "empty", "tls"},
    {" \t", 0, "empty", "tls"},
    {"tcp.port = 80", 9, "does not compare", "=="},
    {"tls & tcp", 4, "does not combine", "&&"},
    {"tls | tcp", 4, "does not combine", "||"},
    {"port === 80", 5, "===", "=="},
    {"port !== 80", 5, "!==", "!="},
    {"port <> 80", 5, "<>", "!="},
    {"port => 80", 5, "=>", ">="},
    {"tls ^^ tcp", 4, "exclusive or", "(a or b) and not (a and b)"},
    {"tls.sni[0] == a", 7, "slices", "contains"},
    {"tls; tcp", 3, "one expression", "and"},
    {"tls tcp", 4, "and or or is missing", "and"},
    {"tls (tcp)", 4, "and or or is missing", "and"},
    {"port == 80 port == 81", 11, "and or or is missing", "and"},
    {"packets < 5 < 6", 12, "do not chain", "and"},
    {"443 == tcp.port", 0, "left of the operator", "tcp.port == 443"},
    {"1 < packets < 5", 0, "left of the operator", "packets > 1"},
    {"(tls", 0, "never closed", ")"},
    {"tls)", 3, "no ( for", "("},
    {"port:80,443", 7, "in a set", "{80, 443}"},
    {"()", 1, "nothing between", ""},
    {"tls and", 7, "ends where", ""},
    {"tls and or tcp", 8, "or is an operator", "\"or\""},
    {"== 5", 0, "should stand before", ""},
    {"port ==", 7, "a value of port", ""},
    {"port == and", 8, "and is an operator", "\"and\""},
    {"port == )", 8, "should stand before", ""},
    {"sni:", 4, "a value of sni", ""},
    {"port in 80", 8, "braces", "{80, 443}"},
    {"port in {80", 8, "never closed", "}"},
    {"port in {}", 8, "empty", "{80, 443}"},
    {"port in {80..}", 13, "no end", "80..80"},
    {"port == 80..90", 10, "into a set", "in {low..high}"},
    {"port == {80}", 5, "follows in", "in"},
    {"tls.sni == \"abc", 11, "no closing", "\""},
    {"tls.sni == 'abc", 11, "no closing", "'"},
    {"tls.sni == \xE2\x80\x9C"
     "abc\xE2\x80\x9D",
     11, "curly", "\""},
    {"tls.sni matches \"\\d\"", 17, "no escape", "\\\\d"},
    {"tls.sni == \\x", 11, "backslash", "r\"\\\""},
    {"\"\"", 0, "empty text", ""},
};
INSTANTIATE_TEST_SUITE_P(Syntax, FilterRefusal, testing::ValuesIn(kSyntax));

constexpr Bad kPatterns[] = {
    {"tls.sni matches \"a(b\"", 18, "never closed", ")"},
    {"tls.sni matches r\"ab[c\"", 20, "never closed", "]"},
    {"tls.sni matches \"\\x41\\\\x4(\"", 21, "means nothing", ""},
    {"tls.sni matches \"*a\"", 17, "nothing before *", "\\*"},
    {"tls.sni matches a..b", 16, "wants quotes", "r\"...\""},
    {"tls.sni matches r\"(a)\\1\"", 21, "back references", ""},
};
INSTANTIATE_TEST_SUITE_P(Patterns, FilterRefusal, testing::ValuesIn(kPatterns));

TEST(FilterRefusal, OfTooLongAText) {
  const std::string longest = "\"" + std::string(Filter::kMaxTextBytes - 2, 'a') + "\"";
  EXPECT_TRUE(Filter::parse(longest, catalog()));
  const auto refused = Filter::parse(longest + " ", catalog());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("4096"), std::string::npos);
}

// A name that is a number here and a duration there cannot be compared with one literal.
TEST(FilterRefusal, OfANameOfTwoMeanings) {
  static constexpr std::array<FieldDef, 1> kOneFields{{{.name = "x.at", .type = FieldType::kUint}}};
  static constexpr std::array<FieldDef, 1> kTwoFields{{{.name = "x.at"}}};
  static constexpr model::Schema kOne{"one", "One", kKinds, kOneFields};
  static constexpr model::Schema kTwo{"two", "Two", kKinds, kTwoFields};
  const Catalog both({&model::flow_schema(), &kOne, &kTwo});
  EXPECT_FALSE(Filter::parse("x.at == 5", both));
  EXPECT_TRUE(Filter::parse("x.at", both));
}

TEST(FilterErrorRender, PutsTheCaretUnderTheColumn) {
  const FilterError error{8, "what is wrong", "this"};
  EXPECT_EQ(error.render("tls and tcpp"),
            "tls and tcpp\n"
            "        ^\n"
            "what is wrong; try: this");
  const FilterError at_end{3, "more is missing", ""};
  EXPECT_EQ(at_end.render("tls"), "tls\n   ^\nmore is missing");
}

TEST(FilterErrorRender, CountsColumnsNotBytes) {
  // Tabs are one blank; a two-column character counts twice, a combining mark not at all.
  EXPECT_EQ((FilterError{3, "m", ""}).render("a\t\xC3\xA9"), "a \xC3\xA9\n  ^\nm");
  EXPECT_EQ((FilterError{4, "m", ""}).render("\xE6\xBC\xA2 x"), "\xE6\xBC\xA2 x\n   ^\nm");
  EXPECT_EQ((FilterError{4, "m", ""}).render("e\xCC\x81 x"), "e\xCC\x81 x\n  ^\nm");
}

TEST(FilterErrorRender, IsSafeToPrint) {
  const std::string_view hostile = "a\x1b[31m\xFF\xE2\x80\xAE b";
  const std::string shown = FilterError{hostile.size() - 1, "m\x1b", "\x07"}.render(hostile);
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_EQ(shown.find('\x07'), std::string::npos);
  EXPECT_EQ(shown.find("\xE2\x80\xAE"), std::string::npos);
}

TEST(FilterErrorRender, CutsALongTextAroundTheColumn) {
  const std::string text = std::string(1000, 'a') + "!" + std::string(1000, 'b');
  const std::string shown = FilterError{1000, "m", ""}.render(text);
  const std::string line = shown.substr(0, shown.find('\n'));
  const std::string marks = shown.substr(line.size() + 1, shown.find('^') - line.size() - 1);
  EXPECT_LE(line.size(), 110U);
  EXPECT_TRUE(line.starts_with("...a"));
  EXPECT_TRUE(line.ends_with("b..."));
  EXPECT_EQ(line[marks.size()], '!');
}

TEST(Catalog, FindsByNameAliasAndShortForm) {
  const Catalog names = catalog();
  const auto one = [&](std::string_view name) {
    const auto fields = names.find(name);
    return fields.empty() ? std::string_view("(none)") : fields.front()->name;
  };
  EXPECT_EQ(one("tls.sni"), "tls.sni");
  EXPECT_EQ(one("tls.handshake.extensions_server_name"), "tls.sni");
  EXPECT_EQ(one("sni"), "tls.sni");
  EXPECT_EQ(one("process"), "owner.name");
  EXPECT_EQ(one("port"), "port");
  EXPECT_EQ(one("tls.nothing"), "(none)");
  EXPECT_EQ(names.find("ja4").size(), 2U);   // of both schemas
  EXPECT_EQ(names.find("host").size(), 3U);  // flow name, SNI, Host header
  EXPECT_TRUE(names.is_protocol("http"));
  EXPECT_TRUE(names.is_protocol("udp"));
  EXPECT_FALSE(names.is_protocol("flow"));
}

TEST(Catalog, NearestIsNearOrNothing) {
  const Catalog names = catalog();
  EXPECT_EQ(names.nearest("tls.sno"), "tls.sni");
  EXPECT_EQ(names.nearest("htpp"), "http");
  EXPECT_EQ(names.nearest("owner.nmae"), "owner.name");
  EXPECT_EQ(names.nearest("zzzzzz"), "");
  EXPECT_EQ(names.nearest(""), "");
  EXPECT_EQ(names.nearest(std::string(500, 'a')), "");
}

TEST(EditDistance, CountsChangesUpToALimit) {
  EXPECT_EQ(edit_distance("port", "PORT", 3), 0U);
  EXPECT_EQ(edit_distance("prot", "port", 3), 1U);  // neighbours swapped
  EXPECT_EQ(edit_distance("sni", "snii", 3), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting", 3), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting", 2), 3U);  // limit + 1
  EXPECT_EQ(edit_distance("", "abc", 3), 3U);
}

}  // namespace
}  // namespace netwatch::query
