#include "base/text.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <random>
#include <string>

namespace netwatch::base {
namespace {

using namespace std::string_literals;

struct Case {
  std::string raw;
  std::string shown;
};

TEST(Text, ShowsWhatCannotBeSeen) {
  const Case cases[] = {
      {"", ""},
      {"plain text of more than eight bytes", "plain text of more than eight bytes"},
      {"na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80",
       "na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80"},
      {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
      {"a\0b"s, "a\\x00b"},
      {"tab\tnewline\r\n", "tab\\x09newline\\x0d\\x0a"},
      {"del\x7f", "del\\x7f"},
      {"c1 \xc2\x9b"s + "31m", "c1 \\u{9b}31m"},
      {"\xe2\x80\xae"s + "gpj.exe", "\\u{202e}gpj.exe"},
      {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}"},
      {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\u{200e}\\u{200f}\\u{61c}"},
      {"\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}"},
      {"a\xe2\x80\x8b\xef\xbb\xbf", "a\\u{200b}\\u{feff}"},
      {"\xf3\xa0\x81\xa1", "\\u{e0061}"},
      {"\xef\xbf\xbe\xef\xb7\x90\xf4\x8f\xbf\xbf", "\\u{fffe}\\u{fdd0}\\u{10ffff}"},
      // Malformed: lone and missing continuations, overlong forms, surrogates, out of range.
      {"\x80", "\\x80"},
      {"\xc3", "\\xc3"},
      {"\xc3(", "\\xc3("},
      {"\xc0\xaf", "\\xc0\\xaf"},
      {"\xe0\x80\x80", "\\xe0\\x80\\x80"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
      {"\xff\xfe", "\\xff\\xfe"},
      // A backslash stays, unless what follows would read as an escape of ours.
      {"C:\\Users\\x", "C:\\Users\\x"},
      {"\\n", "\\n"},
      {"\\x1b", "\\x5cx1b"},
      {"\\u{202e}", "\\x5cu{202e}"},
      {"\\u{}", "\\u{}"},
      {"\\\x1b", "\\\\x1b"},
      {"\\\\x41", "\\\\x5cx41"},
      {"say \"hi\"", "say \"hi\""},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(sanitised(c.raw), c.shown);
    EXPECT_EQ(restore_sanitised(c.shown), c.raw) << c.shown;
  }
}

TEST(Text, EveryByteAtEveryPlaceOfAWordIsSeen) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool plain = byte >= 0x20 && byte < 0x7f;
    for (std::size_t place = 0; place < 17; ++place) {
      std::string raw(17, 'a');
      raw[place] = static_cast<char>(byte);
      const std::string shown = sanitised(raw);
      EXPECT_EQ(shown == raw, plain) << byte << " at " << place;
      EXPECT_EQ(restore_sanitised(shown), raw);
      std::string json;
      append_json_string(json, raw);
      EXPECT_EQ(json.size(), 2 + shown.size() + (plain ? (byte == '"' || byte == '\\') : 1));
    }
  }
}

TEST(Text, JsonEscapesQuotesAndBackslashes) {
  std::string out = "[";
  append_json_string(out, "a\"b\\c\n\xe2\x80\xae");
  EXPECT_EQ(out, R"(["a\"b\\c\\x0a\\u{202e}")");
}

// Any bytes: what is shown is well-formed by an independent decoder, printable, and restorable.
TEST(Text, RandomBytesStayValidAndReversible) {
  std::mt19937 random(7);
  const std::string alphabet = "\\xu{}0123af\"\xe2\x80\xae\xc2\x9b\x1b\x7f\xf0\x9f\x98\x80z";
  for (int round = 0; round < 20'000; ++round) {
    std::string raw(random() % 24, ' ');
    for (char& c : raw) {
      c = round % 2 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    }
    const std::string shown = sanitised(raw);
    ASSERT_EQ(restore_sanitised(shown), raw) << shown;
    const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(shown.data());
    auto left = static_cast<utf8proc_ssize_t>(shown.size());
    while (left > 0) {
      utf8proc_int32_t code = 0;
      const utf8proc_ssize_t used = utf8proc_iterate(at, left, &code);
      ASSERT_GT(used, 0) << shown;
      const utf8proc_category_t category = utf8proc_category(code);
      ASSERT_NE(category, UTF8PROC_CATEGORY_CC);
      ASSERT_NE(category, UTF8PROC_CATEGORY_ZL);
      ASSERT_NE(category, UTF8PROC_CATEGORY_ZP);
      at += used;
      left -= used;
    }
  }
}

// Every control and invisible format character of Unicode is escaped; a few prepended signs that
// are visible (Arabic number signs and their like) are the only format characters let through.
TEST(Text, WholeUnicodeRange) {
  const auto visible_format = [](utf8proc_int32_t code) {
    return (code >= 0x600 && code <= 0x605) || code == 0x6DD || code == 0x70F || code == 0x890 ||
           code == 0x891 || code == 0x8E2 || code == 0x110BD || code == 0x110CD;
  };
  for (utf8proc_int32_t code = 0x80; code <= 0x10FFFF; ++code) {
    if (!utf8proc_codepoint_valid(code)) continue;
    utf8proc_uint8_t bytes[4];
    const auto length = utf8proc_encode_char(code, bytes);
    const std::string raw(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    const bool kept = sanitised(raw) == raw;
    const utf8proc_category_t category = utf8proc_category(code);
    if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_ZL ||
        category == UTF8PROC_CATEGORY_ZP ||
        (category == UTF8PROC_CATEGORY_CF && !visible_format(code))) {
      EXPECT_FALSE(kept) << std::hex << code;
    }
    if (category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LU ||
        category == UTF8PROC_CATEGORY_SO || category == UTF8PROC_CATEGORY_ND) {
      EXPECT_TRUE(kept) << std::hex << code;
    }
  }
}

}  // namespace
}  // namespace netwatch::base
