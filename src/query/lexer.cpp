#include "query/lexer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace netwatch::query {
namespace {

using model::FilterOp;

constexpr std::size_t kShownBytes = 48;

struct Keyword {
  std::string_view word;
  TokenKind kind;
  FilterOp op;
};
constexpr std::array<Keyword, 12> kKeywords{{
    {"and", TokenKind::kAnd, FilterOp::kAnd},
    {"or", TokenKind::kOr, FilterOp::kOr},
    {"not", TokenKind::kNot, FilterOp::kNot},
    {"eq", TokenKind::kCompare, FilterOp::kEqual},
    {"ne", TokenKind::kCompare, FilterOp::kNotEqual},
    {"lt", TokenKind::kCompare, FilterOp::kLess},
    {"le", TokenKind::kCompare, FilterOp::kLessEqual},
    {"gt", TokenKind::kCompare, FilterOp::kGreater},
    {"ge", TokenKind::kCompare, FilterOp::kGreaterEqual},
    {"in", TokenKind::kIn, FilterOp::kIn},
    {"contains", TokenKind::kContains, FilterOp::kContains},
    {"matches", TokenKind::kMatches, FilterOp::kMatches},
}};

// Longest first, so that the first that fits is meant.
constexpr std::array<Keyword, 15> kSymbols{{
    {"==", TokenKind::kCompare, FilterOp::kEqual},
    {"!=", TokenKind::kCompare, FilterOp::kNotEqual},
    {"<=", TokenKind::kCompare, FilterOp::kLessEqual},
    {">=", TokenKind::kCompare, FilterOp::kGreaterEqual},
    {"&&", TokenKind::kAnd, FilterOp::kAnd},
    {"||", TokenKind::kOr, FilterOp::kOr},
    {"<", TokenKind::kCompare, FilterOp::kLess},
    {">", TokenKind::kCompare, FilterOp::kGreater},
    {"!", TokenKind::kNot, FilterOp::kNot},
    {"~", TokenKind::kMatches, FilterOp::kMatches},
    {"(", TokenKind::kOpen, FilterOp::kAnd},
    {")", TokenKind::kClose, FilterOp::kAnd},
    {"{", TokenKind::kBraceOpen, FilterOp::kAnd},
    {"}", TokenKind::kBraceClose, FilterOp::kAnd},
    {",", TokenKind::kComma, FilterOp::kAnd},
}};

// What people write by habit and what is meant here.
struct Habit {
  std::string_view symbol;
  std::string_view message;
  std::string_view suggestion;
};
constexpr std::array<Habit, 16> kHabits{{
    {"===", "=== is not spoken; == asks whether any value is equal", "=="},
    {"!==", "!== is not spoken; != asks whether all values differ", "!="},
    {"^^", "exclusive or is not spoken", "(a or b) and not (a and b)"},
    {"=>", "=> is not an operator", ">="},
    {"=<", "=< is not an operator", "<="},
    {"<>", "<> is not an operator", "!="},
    {"=~", "=~ is not an operator", "matches"},
    {"=", "= does not compare", "=="},
    {"&", "& does not combine; bit masks are not spoken", "&&"},
    {"|", "| does not combine", "||"},
    {"[", "slices of a value are not spoken", "contains"},
    {"\xE2\x80\x9C", "curly quotes do not quote", "\""},
    {"\xE2\x80\x9D", "curly quotes do not quote", "\""},
    {"\xE2\x80\x9E", "curly quotes do not quote", "\""},
    {"\xE2\x80\x98", "curly quotes do not quote", "'"},
    {"\xE2\x80\x99", "curly quotes do not quote", "'"},
}};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_word_char(char c) {
  if (static_cast<unsigned char>(c) >= 0x80) return true;
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return c != '\0' && std::string_view("_.-:/*@%+#$?").find(c) != std::string_view::npos;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Bytes of the escape that `rest` begins with (its first byte is a backslash), and what it means.
struct Escape {
  std::size_t length = 0;  // 0: no such escape
  char value = '\0';
};
Escape read_escape(std::string_view rest) {
  if (rest.size() < 2) return {};
  switch (rest[1]) {
    case '"':
    case '\'':
    case '\\':
      return {2, rest[1]};
    case 'n':
      return {2, '\n'};
    case 't':
      return {2, '\t'};
    case 'r':
      return {2, '\r'};
    case 'x':
      if (rest.size() >= 4 && hex_digit(rest[2]) >= 0 && hex_digit(rest[3]) >= 0) {
        return {4, static_cast<char>(hex_digit(rest[2]) * 16 + hex_digit(rest[3]))};
      }
      return {};
    default:
      return {};
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::expected<std::vector<Token>, FilterError> run() {
    while (!failed_) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ == text_.size()) break;
      step();
    }
    if (failed_) return std::unexpected(std::move(error_));
    push(TokenKind::kEnd, at_);
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }

  void fail(std::size_t column, std::string message, std::string suggestion = {}) {
    failed_ = true;
    error_ = {column, std::move(message), std::move(suggestion)};
  }

  Token& push(TokenKind kind, std::size_t start) {
    Token& token = tokens_.emplace_back();
    token.kind = kind;
    token.column = static_cast<std::uint32_t>(start);
    token.end = static_cast<std::uint32_t>(at_);
    return token;
  }

  void step() {
    const char c = text_[at_];
    if (c == '"' || c == '\'') return read_string(false);
    if ((c == 'r' || c == 'R') && at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
      return read_string(true);
    }
    for (const Habit& habit : kHabits) {
      const bool known = habit.symbol.size() == 1 && rest().size() > 1 && rest()[1] == c;
      if (rest().starts_with(habit.symbol) && !known) {
        return fail(at_, std::string(habit.message), std::string(habit.suggestion));
      }
    }
    if (rest().starts_with("..")) {
      at_ += 2;
      push(TokenKind::kDots, at_ - 2);
      return;
    }
    if (is_word_char(c)) return read_word();
    for (const Keyword& symbol : kSymbols) {
      if (!rest().starts_with(symbol.word)) continue;
      at_ += symbol.word.size();
      push(symbol.kind, at_ - symbol.word.size()).op = symbol.op;
      return;
    }
    unexpected_character(c);
  }

  void unexpected_character(char c) {
    if (c == '\\') return fail(at_, "a backslash belongs into a quoted text", "r\"\\\"");
    if (c == ';') return fail(at_, "a filter is one expression", "and");
    if (c == ']') return fail(at_, "slices of a value are not spoken", "contains");
    fail(at_, "the character " + shown(std::string_view(&c, 1)) + " has no meaning here", "\" \"");
  }

  void read_word() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word_char(text_[at_]) && !rest().starts_with("..")) ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    const std::string lower = to_lower(word);
    for (const Keyword& keyword : kKeywords) {
      if (lower != keyword.word) continue;
      Token& token = push(keyword.kind, start);
      token.op = keyword.op;
      token.text = word;
      return;
    }
    push(TokenKind::kWord, start).text = word;
  }

  void read_string(bool raw) {
    const std::size_t start = at_;
    if (raw) ++at_;
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (raw || text_[at_] != '\\') {
        value += text_[at_++];
        continue;
      }
      const Escape escape = read_escape(rest());
      if (escape.length == 0) return fail_escape();
      value += escape.value;
      at_ += escape.length;
    }
    if (at_ == text_.size()) {
      return fail(start, std::string("this text has no closing ") + quote, std::string(1, quote));
    }
    ++at_;
    Token& token = push(TokenKind::kString, start);
    token.text = std::move(value);
    token.raw = raw;
  }

  void fail_escape() {
    const std::string escape = shown(rest().substr(0, 2));
    fail(at_, escape + " is no escape; double the backslash, or write a raw text r\"...\"",
         "\\" + escape);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
  bool failed_ = false;
  FilterError error_;
};

}  // namespace

std::expected<std::vector<Token>, FilterError> tokenize(std::string_view text) {
  if (text.size() > Filter::kMaxTextBytes) {
    return std::unexpected(
        FilterError{Filter::kMaxTextBytes,
                    "a filter is at most " + std::to_string(Filter::kMaxTextBytes) + " bytes long",
                    {}});
  }
  return Lexer(text).run();
}

std::size_t column_inside(std::string_view text, const Token& string, std::size_t offset) {
  std::size_t at = string.column + (string.raw ? 2 : 1);
  for (; offset > 0 && at + 1 < string.end; --offset) {
    const bool escaped = !string.raw && text[at] == '\\';
    at += escaped ? std::max<std::size_t>(read_escape(text.substr(at)).length, 1) : 1;
  }
  return at;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

std::string shown(std::string_view text) {
  if (text.size() <= kShownBytes) return base::sanitised(text);
  std::size_t cut = kShownBytes;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return base::sanitised(text.substr(0, cut)) + "...";
}

}  // namespace netwatch::query
