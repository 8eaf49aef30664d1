#include "tui/canvas.h"

#include <gtest/gtest.h>

namespace netwatch::tui {
namespace {

TEST(Grapheme, WidthsByCluster) {
  struct Case {
    std::string_view text;
    int columns;
  };
  for (const auto& [text, columns] : std::initializer_list<Case>{
           {"abc", 3},
           {"日本", 4},
           {"e\u0301", 1},                               // base and combining acute
           {"ｶ", 1},                                     // half-width
           {"→●▲é", 4},                                  // ambiguous ones are narrow
           {"👩‍💻", 2},                           // one cluster by a joiner
           {"🇫🇷", 2},                                    // a pair of regional indicators
           {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", 2},  // conjoining Hangul
       }) {
    EXPECT_EQ(text_columns(text), columns) << text;
  }
}

TEST(Grapheme, NothingHostileSurvives) {
  struct Case {
    std::string_view raw;
    std::string_view shown;
  };
  for (const auto& [raw, shown] : std::initializer_list<Case>{
           {"a\x1b[2Jb", "a�[2Jb"},
           {"a\tb\nc\x7f", "a�b�c�"},
           {"\xC2\x9B"
            "31m",
            "�31m"},                   // C1 CSI
           {"x\xE2\x80\xAEy", "x�y"},  // right-to-left override
           {"x\xEF\xBB\xBFy", "x�y"},  // byte order mark
           {"\xFF\xC0\xAF", "���"},    // never UTF-8
           {"\xE2\x82", "��"},         // cut short
           {"\xED\xA0\x80", "���"},    // a surrogate
           {"\xCC\x81x", "�x"},        // a mark without a base
       }) {
    Canvas canvas(20, 1);
    canvas.put(0, 0, raw, {});
    EXPECT_EQ(canvas.to_text(), std::string(shown) + "\n");
  }
}

TEST(Grapheme, LongClustersAreCutAtACodePoint) {
  std::string zalgo = "z";
  for (int i = 0; i < 100; ++i) zalgo += "\u0301";
  GraphemeCursor cursor(zalgo);
  const auto cluster = cursor.next();
  ASSERT_TRUE(cluster);
  EXPECT_EQ(cluster->text.size(), 15U);
  EXPECT_FALSE(cursor.next()) << "the rest of the cluster is gone, not shown apart";
}

TEST(Grapheme, Truncates) {
  EXPECT_EQ(truncated("example.org", 11), "example.org");
  EXPECT_EQ(truncated("example.org", 8), "example…");
  EXPECT_EQ(truncated("日本語", 4), "日…");
  EXPECT_EQ(truncated("日本語", 5), "日本…");
  EXPECT_EQ(truncated("x", 0), "");
}

TEST(Canvas, ClipsOnEverySide) {
  Canvas canvas(4, 2);
  EXPECT_EQ(canvas.put(-2, 0, "abcdefgh", {}), 6);
  canvas.put(0, 5, "no", {});
  canvas.put(9, 0, "no", {});
  canvas.fill({-3, 1, 100, 100}, {}, "x");
  EXPECT_EQ(canvas.to_text(), "cdef\nxxxx\n");
}

TEST(Canvas, WideClustersNeverHalf) {
  Canvas canvas(5, 1);
  canvas.put(0, 0, "日本", {});
  canvas.put(1, 0, "x", {});  // on the right half of the first
  EXPECT_EQ(canvas.to_text(), " x本\n");
  EXPECT_EQ(canvas.at(0, 0).columns, 1);
  canvas.put(2, 0, "y", {});  // on the left half of the second
  EXPECT_EQ(canvas.to_text(), " xy\n");
  canvas.put(4, 0, "日", {});  // no room for both halves
  EXPECT_EQ(canvas.to_text(), " xy\n");
}

TEST(Canvas, AlignsFields) {
  Canvas canvas(12, 3);
  canvas.put_field(0, 0, 10, "ab", {}, Align::kRight);
  canvas.put_field(0, 1, 10, "ab", {}, Align::kCentre);
  canvas.put_field(0, 2, 6, "abcdefgh", {}, Align::kRight);
  EXPECT_EQ(canvas.to_text(), "        ab\n    ab\nabcde…\n");
}

TEST(Canvas, StylesPlaneTellsStyles) {
  Canvas canvas(6, 2);
  canvas.put(1, 0, "ab", {Color::rgb(0xFF0000), {}, attribute::kBold});
  canvas.tint({2, 0, 1, 2}, Color::palette(4));
  EXPECT_EQ(canvas.to_styles(),
            ".ab\n..c\n"
            ". default on default\n"
            "a #ff0000 on default bold\n"
            "b #ff0000 on palette-4 bold\n"
            "c default on palette-4\n");
}

TEST(Canvas, HostileSizesAreClamped) {
  const Canvas none(-5, 100);
  EXPECT_EQ(none.width(), 0);
  EXPECT_EQ(Canvas(1 << 30, 1).width(), Canvas::kMaxSide);
}

}  // namespace
}  // namespace netwatch::tui
