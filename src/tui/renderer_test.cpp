#include "tui/renderer.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace netwatch::tui {
namespace {

// A terminal just large enough to judge the renderer: CUP, SGR, ED 2, modes; one code point after
// another, with the widths of a terminal that knows of no clusters (each code point on its own).
class TinyTerminal {
 public:
  TinyTerminal(int width, int height) : screen_(width, height) {}

  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      if (bytes.starts_with("\x1b[")) {
        bytes.remove_prefix(2);
        std::size_t end = 0;
        while (bytes[end] < 0x40) ++end;
        sequence(bytes.substr(0, end), bytes[end]);
        bytes.remove_prefix(end + 1);
        continue;
      }
      GraphemeCursor cursor(bytes);
      const auto cluster = cursor.next();
      if (x_ + cluster->columns <= screen_.width()) screen_.put(x_, y_, cluster->text, style_);
      // Gets every width wrong that is not plain, as real terminals do.
      x_ += cluster->text.size() > 4 ? 3 : cluster->columns;
      bytes = cursor.rest();
    }
  }
  [[nodiscard]] const Canvas& screen() const { return screen_; }
  [[nodiscard]] bool synchronized() const { return sync_opened_ > 0 && !sync_open_; }
  [[nodiscard]] bool cursor_shown() const { return cursor_shown_; }
  [[nodiscard]] std::pair<int, int> cursor() const { return {x_, y_}; }

 private:
  static std::vector<int> numbers(std::string_view text) {
    std::vector<int> out{0};
    for (const char c : text) {
      if (c == ';') {
        out.push_back(0);
      } else if (c >= '0' && c <= '9') {
        out.back() = out.back() * 10 + (c - '0');
      }
    }
    return out;
  }

  void sequence(std::string_view parameters, char final_byte) {
    if (final_byte == 'H') {
      const auto n = numbers(parameters);
      y_ = n[0] - 1;
      x_ = n.size() > 1 ? n[1] - 1 : 0;
    } else if (final_byte == 'm') {
      select(numbers(parameters));
    } else if (final_byte == 'J') {
      screen_ = Canvas(screen_.width(), screen_.height());
    } else if (parameters == "?2026") {
      sync_open_ = final_byte == 'h';
      sync_opened_ += sync_open_ ? 1 : 0;
    } else if (parameters == "?25") {
      cursor_shown_ = final_byte == 'h';
    }
  }

  void select(const std::vector<int>& n) {
    static const std::map<int, std::uint8_t> kAttributes{{1, attribute::kBold},
                                                         {2, attribute::kDim},
                                                         {3, attribute::kItalic},
                                                         {4, attribute::kUnderline},
                                                         {7, attribute::kReverse}};
    const auto byte = [](int value) { return static_cast<std::uint8_t>(value); };
    for (std::size_t i = 0; i < n.size(); ++i) {
      const int code = n[i];
      if (code == 0) style_ = {};
      if (const auto bit = kAttributes.find(code); bit != kAttributes.end()) {
        style_ = style_.with(bit->second);
      }
      if (code == 38 || code == 48) {
        const bool direct = n[i + 1] == 2;
        const Color color =
            direct ? Color{Color::Kind::kRgb, byte(n[i + 2]), byte(n[i + 3]), byte(n[i + 4])}
                   : Color::palette(byte(n[i + 2]));
        (code == 38 ? style_.fg : style_.bg) = color;
        i += direct ? 4 : 2;
        continue;
      }
      if (code >= 30 && code < 38) style_.fg = Color::palette(byte(code - 30));
      if (code >= 40 && code < 48) style_.bg = Color::palette(byte(code - 40));
      if (code >= 90 && code < 98) style_.fg = Color::palette(byte(code - 82));
      if (code >= 100 && code < 108) style_.bg = Color::palette(byte(code - 92));
      if (code == 39) style_.fg = {};
      if (code == 49) style_.bg = {};
    }
  }

  Canvas screen_;
  int x_ = 0;
  int y_ = 0;
  Style style_;
  bool sync_open_ = false;
  int sync_opened_ = 0;
  bool cursor_shown_ = true;
};

// A canvas of random text, wide and combined clusters, colours and attributes.
Canvas random_canvas(std::mt19937& random, int width, int height) {
  static constexpr std::array<std::string_view, 8> kTexts{"a", "xyz", "日本",        "e\u0301",
                                                          "│", "⣿",   "👩‍💻", " "};
  const auto pick = [&random](unsigned below) { return random() % below; };
  Canvas canvas(width, height);
  for (int i = 0; i < 60; ++i) {
    Style style;
    if (pick(2) == 0) style.fg = Color::rgb(static_cast<std::uint32_t>(random() & 0xFFFFFF));
    if (pick(3) == 0) style.bg = Color::palette(static_cast<std::uint8_t>(pick(256)));
    style.attributes = static_cast<std::uint8_t>(pick(32));
    canvas.put(static_cast<int>(pick(static_cast<unsigned>(width))),
               static_cast<int>(pick(static_cast<unsigned>(height))), kTexts[pick(kTexts.size())],
               style);
  }
  return canvas;
}

TEST(Renderer, TerminalShowsWhatTheCanvasSays) {
  std::mt19937 random(7);
  Renderer renderer({ColorDepth::kTrue, true});
  TinyTerminal terminal(30, 8);
  Canvas canvas = random_canvas(random, 30, 8);
  for (int frame = 0; frame < 300; ++frame) {
    terminal.feed(renderer.frame(canvas));
    ASSERT_EQ(terminal.screen().to_text(), canvas.to_text()) << "frame " << frame;
    ASSERT_EQ(terminal.screen().to_styles(), canvas.to_styles()) << "frame " << frame;
    ASSERT_TRUE(terminal.synchronized());
    if (frame % 3 == 0) {
      canvas = random_canvas(random, 30, 8);
    } else {
      canvas.put(static_cast<int>(random() % 30), static_cast<int>(random() % 8), "日", {});
      canvas.put(static_cast<int>(random() % 30), static_cast<int>(random() % 8), "q", {});
    }
  }
}

TEST(Renderer, WritesOnlyWhatDiffers) {
  Renderer renderer({ColorDepth::kTrue, true});
  Canvas canvas(200, 50);
  renderer.frame(canvas);
  EXPECT_EQ(renderer.frame(canvas), "");
  canvas.put(100, 20, "new", {Color::palette(2), {}, 0});
  EXPECT_EQ(renderer.frame(canvas), "\x1b[?2026h\x1b[?25l\x1b[21;101H\x1b[32mnew\x1b[?2026l");
  renderer.invalidate();
  EXPECT_GT(renderer.frame(canvas).size(), 200U * 50U);
}

TEST(Renderer, ShowsTheCursorWhereAsked) {
  Renderer renderer({ColorDepth::kTrue, true});
  TinyTerminal terminal(10, 2);
  Canvas canvas(10, 2);
  canvas.set_cursor(4, 1);
  terminal.feed(renderer.frame(canvas));
  EXPECT_TRUE(terminal.cursor_shown());
  EXPECT_EQ(terminal.cursor(), (std::pair{4, 1}));
  terminal.feed(renderer.frame(Canvas(10, 2)));
  EXPECT_FALSE(terminal.cursor_shown());
}

TEST(Renderer, ColourDepths) {
  Canvas canvas(1, 1);
  canvas.put(0, 0, "x", {Color::rgb(0xFF0000), Color::rgb(0x000080), attribute::kReverseIfMono});
  const auto bytes = [&](ColorDepth depth) {
    Renderer renderer({depth, true});
    return std::string(renderer.frame(canvas));
  };
  EXPECT_NE(bytes(ColorDepth::kTrue).find("38;2;255;0;0;48;2;0;0;128m"), std::string::npos);
  EXPECT_NE(bytes(ColorDepth::k256).find("38;5;196;48;5;18m"), std::string::npos);
  EXPECT_NE(bytes(ColorDepth::k16).find("91;44m"), std::string::npos);
  EXPECT_NE(bytes(ColorDepth::kMono).find("\x1b[0;7mx"), std::string::npos);
}

TEST(Renderer, AsciiWhereTheLocaleIsNotUtf8) {
  Canvas canvas(12, 1);
  canvas.put(0, 0, "╭─│●○▼⣿█…日", {});
  Renderer renderer({ColorDepth::kMono, false});
  const std::string bytes(renderer.frame(canvas));
  EXPECT_NE(bytes.find("+-|*ov##~??"), std::string::npos) << bytes;
  for (const char c : bytes) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST(TerminalTraits, FromTheEnvironment) {
  struct Case {
    std::map<std::string, std::string> set;
    ColorDepth depth;
    bool utf8;
  };
  for (const Case& c : std::initializer_list<Case>{
           {{{"TERM", "xterm-256color"}, {"LANG", "en_GB.UTF-8"}}, ColorDepth::k256, true},
           {{{"TERM", "xterm-256color"}, {"COLORTERM", "truecolor"}}, ColorDepth::kTrue, false},
           {{{"TERM", "xterm"}, {"LC_ALL", "C"}, {"LANG", "de.UTF-8"}}, ColorDepth::k16, false},
           {{{"TERM", "linux"}, {"LC_CTYPE", "C.utf8"}}, ColorDepth::k16, true},
           {{{"TERM", "vt100"}}, ColorDepth::kMono, false},
           {{}, ColorDepth::kMono, false},
           {{{"TERM", "xterm-direct"}, {"NO_COLOR", "1"}}, ColorDepth::kMono, false},
           {{{"TERM", "xterm-direct"}, {"NO_COLOR", ""}}, ColorDepth::kTrue, false},
       }) {
    const auto traits = traits_from_environment([&](const char* name) -> const char* {
      const auto found = c.set.find(name);
      return found == c.set.end() ? nullptr : found->second.c_str();
    });
    EXPECT_EQ(traits.depth, c.depth);
    EXPECT_EQ(traits.utf8, c.utf8);
  }
}

}  // namespace
}  // namespace netwatch::tui
