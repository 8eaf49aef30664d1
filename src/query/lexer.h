#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "model/filter.h"
#include "query/filter.h"

// Cuts the text of a filter into tokens (docs/filter.md, "Grammar").
namespace netwatch::query {

enum class TokenKind : std::uint8_t {
  kWord,    // a name, number, address, or bare text: "tls.sni", "10.0.0.0/8", "sni:example.org"
  kString,  // quoted; `text` is unescaped
  kOpen,
  kClose,
  kBraceOpen,
  kBraceClose,
  kComma,
  kDots,  // ".." of a range
  kAnd,
  kOr,
  kNot,
  kCompare,  // op: kEqual .. kGreaterEqual
  kIn,
  kContains,
  kMatches,
  kEnd,  // always the last one
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  model::FilterOp op = model::FilterOp::kAnd;  // of kCompare, kIn, kContains, kMatches
  bool raw = false;                            // a string written as r"..."
  std::uint32_t column = 0;
  std::uint32_t end = 0;  // column after the token
  std::string text;
};

std::expected<std::vector<Token>, FilterError> tokenize(std::string_view text);

// The column of byte `offset` of a string token's unescaped text, in the filter's text.
std::size_t column_inside(std::string_view text, const Token& string, std::size_t offset);

inline char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string to_lower(std::string_view text);

// `text` as a person may see it inside a message: sanitised and cut.
std::string shown(std::string_view text);

}  // namespace netwatch::query
