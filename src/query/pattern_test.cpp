#include "query/pattern.h"

#include <gtest/gtest.h>

namespace netwatch::query {
namespace {

struct Search {
  std::string_view pattern;
  std::string_view text;
  bool found;
};

void PrintTo(const Search& search, std::ostream* out) {
  *out << search.pattern << " in " << search.text;
}

class PatternSearch : public testing::TestWithParam<Search> {};

TEST_P(PatternSearch, Finds) {
  const auto pattern = Pattern::compile(GetParam().pattern);
  ASSERT_TRUE(pattern) << pattern.error().message;
  EXPECT_EQ(pattern->search(GetParam().text), GetParam().found);
}

using namespace std::string_view_literals;

constexpr Search kSearches[] = {
    {"", "", true},
    {"", "abc", true},
    {"abc", "xxabcxx", true},
    {"abc", "ab", false},
    {"ABC", "xabc", true},
    {"abc", "xABC", true},
    {"a.c", "abc", true},
    {"a.c", "a\nc", true},
    {"a.c", "ac", false},
    {"^abc", "abcd", true},
    {"^abc", "xabc", false},
    {"abc$", "xabc", true},
    {"abc$", "abcx", false},
    {"abc$", "abc\n", false},  // the end, not the end of a line
    {"^$", "", true},
    {"^$", "a", false},
    {"ab*c", "ac", true},
    {"ab*c", "abbbc", true},
    {"ab+c", "ac", false},
    {"ab+c", "abc", true},
    {"ab?c", "abbc", false},
    {"ab?c", "abc", true},
    {"ab*?c", "abbc", true},
    {"^a{3}$", "aaa", true},
    {"^a{3}$", "aa", false},
    {"^a{3}$", "aaaa", false},
    {"^a{2,}$", "a", false},
    {"^a{2,}$", "aaaaa", true},
    {"^a{2,4}$", "aaaa", true},
    {"^a{2,4}$", "aaaaa", false},
    {"^a{0}b$", "b", true},
    {"^(ab|cd){2}$", "abcd", true},
    {"^(ab|cd){2}$", "abc", false},
    {"cat|dog", "hotdog", true},
    {"^(cat|dog)$", "hotdog", false},
    {"a(|b)c", "ac", true},
    {"a(?:b|c)d", "acd", true},
    {"(a*)*b", "aab", true},
    {"(a*)*$", "b", true},
    {"(|a)+b", "b", true},
    {"[abc]", "xxb", true},
    {"[a-c]{2}", "xbcx", true},
    {"[A-C]", "b", true},
    {"[^a-z]", "ABC", false},  // case counts in neither direction
    {"[^a-z]", "a1", true},
    {"[]a]", "]", true},
    {"[^]a]", "]", false},
    {"[a-]", "-", true},
    {"[\\d.]+$", "1.2.3", true},
    {"[\\w-]+@", "a-b@", true},
    {"\\d+", "abc", false},
    {"\\D", "123", false},
    {"\\w\\W\\w", "a-b", true},
    {"\\s", "a\tb", true},
    {"\\S", " \t\r\n", false},
    {"\\bcat\\b", "a cat sat", true},
    {"\\bcat\\b", "concat", false},
    {"\\Bcat", "concat", true},
    {"\\x2e\\.", "..", true},
    {"\\(\\)\\[\\]\\{\\}\\*\\+\\?\\|\\^\\$\\\\", "()[]{}*+?|^$\\", true},
    {"a{x}", "a{x}", true},  // no repetition: itself
    {"\\xff", "\xff", true},
    {"\\x00", "a\0b"sv, true},
    {"^.{2}$", "\xC3\xA9", true},  // bytes
    {"(com|net|org)$", "www.example.org", true},
    {"^([a-z0-9]+\\.)+example\\.org$", "a.b.c.example.org", true},
};
INSTANTIATE_TEST_SUITE_P(Table, PatternSearch, testing::ValuesIn(kSearches));

struct BadPattern {
  std::string_view pattern;
  std::size_t offset;
  std::string_view message;
};

void PrintTo(const BadPattern& bad, std::ostream* out) { *out << bad.pattern; }

class PatternRefusal : public testing::TestWithParam<BadPattern> {};

TEST_P(PatternRefusal, Points) {
  const auto pattern = Pattern::compile(GetParam().pattern);
  ASSERT_FALSE(pattern);
  EXPECT_EQ(pattern.error().offset, GetParam().offset);
  EXPECT_NE(pattern.error().message.find(GetParam().message), std::string::npos)
      << pattern.error().message;
}

constexpr BadPattern kBadPatterns[] = {
    {"(", 0, "never closed"},
    {"a(b", 1, "never closed"},
    {"a)", 1, "no ("},
    {"[a", 0, "never closed"},
    {"[]", 0, "never closed"},
    {"*", 0, "nothing before"},
    {"a|+", 2, "nothing before"},
    {"a**", 2, "repeated"},
    {"a*+", 2, "repeated"},
    {"^*", 0, "anchor"},
    {"a{2,1}", 1, "below its start"},
    {"a{2", 1, "no repetition"},
    {"a{256}", 2, "at most 255"},
    {"a{1,99999999999999999999}", 4, "at most 255"},
    {"[z-a]", 1, "no end"},
    {"[a-\\d]", 1, "no end"},
    {"[[:alpha:]]", 1, "POSIX"},
    {"(?=a)", 0, "look-around"},
    {"(?i)a", 0, "look-around"},
    {"(a)\\1", 3, "back references"},
    {"\\q", 0, "means nothing"},
    {"\\xg0", 0, "means nothing"},
    {"a\\", 1, "ends after"},
    {"(a{200}){200}", 0, "too large"},
    {"((((a{255}){255}){255}){255}){255}", 0, "too large"},
    {"((((){255}){255}){255}){255}", 0, "too large"},
};
INSTANTIATE_TEST_SUITE_P(Table, PatternRefusal, testing::ValuesIn(kBadPatterns));

TEST(Pattern, BoundsGroupsAndSize) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "a" + std::string(depth, ')');
  };
  EXPECT_TRUE(Pattern::compile(nested(Pattern::kMaxGroupDepth)));
  EXPECT_FALSE(Pattern::compile(nested(Pattern::kMaxGroupDepth + 1)));
  EXPECT_FALSE(Pattern::compile(std::string(100'000, '(')));
  EXPECT_TRUE(Pattern::compile(std::string(Pattern::kMaxInstructions - 1, 'a')));
  EXPECT_FALSE(Pattern::compile(std::string(Pattern::kMaxInstructions, 'a')));
  const auto largest = Pattern::compile("(.{0,255}){2}");
  ASSERT_TRUE(largest);
  EXPECT_LE(largest->size(), Pattern::kMaxInstructions);
}

// Expressions that take a backtracking engine exponential or cubic time.
TEST(Pattern, StaysLinear) {
  const std::string as(4000, 'a');
  for (const std::string_view expression :
       {"(a+)+$", "(a*)*b", "(a|a)*b", "(a|aa)+$", "a*a*a*a*a*a*a*a*b", "(.*)(.*)(.*)(.*)x",
        "([a-z]+)*[0-9]", "(a?){100}a{100}b", "((a*)*)*b"}) {
    const auto pattern = Pattern::compile(expression);
    ASSERT_TRUE(pattern) << expression;
    std::uint64_t steps = 0;
    (void)pattern->search(as + "!", &steps);
    EXPECT_GT(steps, 0U);
    EXPECT_LE(steps, 2 * pattern->size() * (as.size() + 2)) << expression;
    // Twice the text, about twice the steps.
    std::uint64_t half_steps = 0;
    (void)pattern->search(as.substr(2000) + "!", &half_steps);
    EXPECT_LE(steps, 2 * half_steps + 2 * pattern->size() * pattern->size()) << expression;
  }
}

}  // namespace
}  // namespace netwatch::query
