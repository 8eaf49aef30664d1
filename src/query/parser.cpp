#include <algorithm>
#include <optional>
#include <utility>

#include "query/check.h"
#include "query/lexer.h"
#include "query/names.h"

// Recursive descent over the tokens. Grammar: docs/filter.md.
namespace netwatch::query {
namespace {

using model::FilterNode;
using model::FilterOp;

bool starts_operand(TokenKind kind) {
  return kind == TokenKind::kWord || kind == TokenKind::kString || kind == TokenKind::kOpen ||
         kind == TokenKind::kNot;
}

bool is_operator(TokenKind kind) {
  return kind == TokenKind::kCompare || kind == TokenKind::kIn || kind == TokenKind::kContains ||
         kind == TokenKind::kMatches;
}

FilterOp mirrored(FilterOp op) {
  switch (op) {
    case FilterOp::kLess:
      return FilterOp::kGreater;
    case FilterOp::kLessEqual:
      return FilterOp::kGreaterEqual;
    case FilterOp::kGreater:
      return FilterOp::kLess;
    case FilterOp::kGreaterEqual:
      return FilterOp::kLessEqual;
    default:
      return op;
  }
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens, const Catalog& catalog)
      : text_(text), tokens_(std::move(tokens)), catalog_(catalog) {}

  std::expected<NodePtr, FilterError> run(CompiledFilter& compiled) {
    if (here().kind == TokenKind::kEnd) {
      fail(0, "the filter is empty", "tls");
    } else {
      root_ = parse_or(0);
      if (!failed_ && here().kind != TokenKind::kEnd) fail_leftover();
    }
    if (failed_) return std::unexpected(std::move(error_));
    compiled.leaves = std::move(leaves_);
    return std::move(root_);
  }

 private:
  [[nodiscard]] const Token& here() const { return tokens_[at_]; }
  [[nodiscard]] const Token& after(std::size_t ahead) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  // The end token stays.
  void advance() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  [[nodiscard]] std::string source(const Token& token) const {
    return shown(text_.substr(token.column, token.end - token.column));
  }

  NodePtr fail(std::size_t column, std::string message, std::string suggestion = {}) {
    if (!failed_) error_ = {column, std::move(message), std::move(suggestion)};
    failed_ = true;
    return nullptr;
  }

  void fail_leftover() {
    if (here().kind == TokenKind::kClose) {
      fail(here().column, "there is no ( for this )", "(");
    } else if (here().kind == TokenKind::kComma) {
      fail(here().column, "several values stand in a set", "{80, 443}");
    } else if (is_operator(here().kind)) {
      fail(here().column, "comparisons do not chain: join two of them", "and");
    } else {
      fail(here().column, source(here()) + " does not fit here");
    }
  }

  NodePtr parse_or(std::size_t depth) {
    return parse_joined(depth, TokenKind::kOr, FilterOp::kOr, &Parser::parse_and);
  }
  NodePtr parse_and(std::size_t depth) {
    return parse_joined(depth, TokenKind::kAnd, FilterOp::kAnd, &Parser::parse_unary);
  }

  NodePtr parse_joined(std::size_t depth, TokenKind joint, FilterOp op,
                       NodePtr (Parser::*part)(std::size_t)) {
    const std::uint32_t column = here().column;
    NodePtr first = (this->*part)(depth);
    if (failed_ || here().kind != joint) return first;
    auto node = std::make_unique<FilterNode>();
    node->op = op;
    node->column = column;
    node->children.push_back(std::move(first));
    while (!failed_ && here().kind == joint) {
      advance();
      node->children.push_back((this->*part)(depth));
    }
    return failed_ ? nullptr : std::move(node);
  }

  NodePtr parse_unary(std::size_t depth) {
    if (depth >= Filter::kMaxDepth) {
      return fail(here().column,
                  "the filter is nested more than " + std::to_string(Filter::kMaxDepth) + " deep");
    }
    NodePtr node;
    if (here().kind == TokenKind::kNot) {
      const std::uint32_t column = here().column;
      advance();
      node = negated(parse_unary(depth + 1), column);
    } else if (here().kind == TokenKind::kOpen) {
      node = parse_group(depth);
    } else {
      node = parse_operand();
    }
    if (!failed_ && starts_operand(here().kind)) {
      return fail(here().column, "and or or is missing before " + source(here()), "and");
    }
    return node;
  }

  NodePtr negated(NodePtr inner, std::uint32_t column) const {
    if (failed_) return nullptr;
    auto node = std::make_unique<FilterNode>();
    node->op = FilterOp::kNot;
    node->column = column;
    node->children.push_back(std::move(inner));
    return node;
  }

  NodePtr parse_group(std::size_t depth) {
    const std::uint32_t open = here().column;
    advance();
    NodePtr inner = parse_or(depth + 1);
    if (failed_) return nullptr;
    if (here().kind == TokenKind::kEnd) return fail(open, "this ( is never closed", ")");
    if (here().kind != TokenKind::kClose) {
      fail_leftover();
      return nullptr;
    }
    advance();
    return inner;
  }

  NodePtr parse_operand() {
    const Token& token = here();
    if (token.kind != TokenKind::kWord && token.kind != TokenKind::kString) return fail_operand();
    const bool negated_in = after(1).kind == TokenKind::kNot && is_operator(after(2).kind) &&
                            after(2).kind != TokenKind::kCompare;
    if (is_operator(after(1).kind) || negated_in) return parse_comparison(negated_in);
    if (token.kind == TokenKind::kWord) {
      const std::size_t colon = token.text.find(':');
      if (colon != std::string::npos && !read_network(token.text)) return parse_short(colon);
    }
    const std::uint32_t column = token.column;
    auto leaf = check_bare(catalog_, token.text, token.kind == TokenKind::kString, column);
    advance();
    return add_leaf(std::move(leaf));
  }

  NodePtr fail_operand() {
    const Token& token = here();
    if (token.kind == TokenKind::kEnd) {
      return fail(token.column,
                  "the filter ends where a field, a protocol or a text should follow");
    }
    if (token.kind == TokenKind::kClose && at_ > 0 && tokens_[at_ - 1].kind == TokenKind::kOpen) {
      return fail(token.column, "there is nothing between ( and )");
    }
    if (token.text.empty()) {
      return fail(token.column,
                  "a field, a protocol or a text should stand before " + source(token));
    }
    return fail(token.column, source(token) + " is an operator; as a text it wants quotes",
                "\"" + source(token) + "\"");
  }

  // field op value
  NodePtr parse_comparison(bool negated_in) {
    const Token& name = here();
    const Token& op = after(negated_in ? 2 : 1);
    if (name.kind == TokenKind::kString || catalog_.find(name.text).empty()) {
      return fail_left_side(name, op);
    }
    Comparison comparison{name.text, name.column, op.op, op.column, false, {}};
    const std::uint32_t not_column = after(1).column;
    advance();
    if (negated_in) advance();
    advance();
    if (op.kind == TokenKind::kIn) {
      parse_set(comparison);
    } else {
      parse_value(comparison, false);
    }
    NodePtr leaf = finish(comparison);
    return negated_in ? negated(std::move(leaf), not_column) : std::move(leaf);
  }

  // A value on the left, or a name that nobody knows.
  NodePtr fail_left_side(const Token& name, const Token& op) {
    const Token& right =
        tokens_[std::min(tokens_.size() - 1, static_cast<std::size_t>(&op - tokens_.data()) + 1)];
    const bool field_right = right.kind == TokenKind::kWord && !catalog_.find(right.text).empty();
    if (field_right && op.kind == TokenKind::kCompare) {
      return fail(
          name.column, "the field stands left of the operator, its value right",
          source(right) + " " + std::string(spelling(mirrored(op.op))) + " " + source(name));
    }
    if (name.kind == TokenKind::kString) {
      return fail(name.column, "a field's name is written without quotes",
                  catalog_.find(name.text).empty() ? "" : shown(name.text));
    }
    failed_ = true;
    error_ = unknown_field(catalog_, name.text, name.column);
    return nullptr;
  }

  // name:value, the value in the same word, quoted, or a set
  NodePtr parse_short(std::size_t colon) {
    const Token& word = here();
    const std::string name = word.text.substr(0, colon);
    if (catalog_.find(name).empty()) return fail_short(word, colon);
    const auto op_column = static_cast<std::uint32_t>(word.column + colon);
    Comparison comparison{name, word.column, FilterOp::kEqual, op_column, true, {}};
    std::string rest = word.text.substr(colon + 1);
    if (rest.empty()) {
      advance();
      if (here().kind == TokenKind::kBraceOpen) {
        comparison.op = FilterOp::kIn;
        parse_set(comparison);
      } else {
        parse_value(comparison, true);
      }
      return finish(comparison);
    }
    advance();
    WrittenValue value{std::move(rest), false, op_column + 1, std::nullopt};
    parse_range_end(value);
    comparison.values.push_back(std::move(value));
    return finish(comparison);
  }

  NodePtr fail_short(const Token& word, std::size_t colon) {
    const std::string name = word.text.substr(0, colon);
    const std::size_t last = word.text.rfind(':');
    const std::string tail = word.text.substr(last + 1);
    const bool port = !tail.empty() && tail.size() <= 5 &&
                      tail.find_first_not_of("0123456789") == std::string::npos;
    const std::string nearest = nearest_name(catalog_, name, true);
    if (port && nearest.empty() && !name.empty()) {
      std::string host = shown(word.text.substr(0, last));
      if (!read_network(host)) host = "host:" + host;
      return fail(word.column, "a name and a port are asked for one by one",
                  host + " and port:" + tail);
    }
    if (name.empty()) return fail(word.column, "a field's name should stand before :");
    FilterError error = unknown_field(catalog_, name, word.column);
    if (error.suggestion.empty()) {
      error.message += "; to search for a text with a colon, quote it";
      error.suggestion = "\"" + shown(word.text) + "\"";
    } else if (!catalog_.is_protocol(name)) {
      error.suggestion += ":" + shown(word.text.substr(colon + 1));
    }
    return fail(error.column, std::move(error.message), std::move(error.suggestion));
  }

  void parse_value(Comparison& comparison, bool ranges) {
    const Token& token = here();
    if (token.kind == TokenKind::kBraceOpen) {
      fail(comparison.op_column, "a set { } follows in", "in");
      return;
    }
    if (token.kind != TokenKind::kWord && token.kind != TokenKind::kString) {
      fail_value(token, comparison);
      return;
    }
    const bool is_field = token.kind == TokenKind::kWord &&
                          token.text.find('.') != std::string::npos &&
                          !catalog_.find(token.text).empty();
    if (is_field) {
      fail(token.column,
           "fields are compared with values, not with each other; a text wants quotes",
           "\"" + source(token) + "\"");
      return;
    }
    comparison.values.push_back(
        {token.text, token.kind == TokenKind::kString, token.column, std::nullopt});
    pattern_token_ = at_;
    advance();
    if (here().kind != TokenKind::kDots) return;
    if (ranges) return parse_range_end(comparison.values.back());
    if (comparison.op == FilterOp::kMatches) {
      fail(token.column, "a pattern wants quotes", "r\"...\"");
    } else {
      fail(here().column, "a range belongs into a set", "in {low..high}");
    }
  }

  void fail_value(const Token& token, const Comparison& comparison) {
    if (token.kind == TokenKind::kEnd) {
      fail(token.column,
           "the filter ends where a value of " + shown(comparison.name) + " should follow");
    } else if (!token.text.empty()) {
      fail(token.column, source(token) + " is an operator; as a text it wants quotes",
           "\"" + source(token) + "\"");
    } else {
      fail(token.column,
           "a value of " + shown(comparison.name) + " should stand before " + source(token));
    }
  }

  // ..high
  void parse_range_end(WrittenValue& value) {
    if (here().kind != TokenKind::kDots) return;
    advance();
    if (here().kind != TokenKind::kWord && here().kind != TokenKind::kString) {
      fail(here().column, "the range has no end", value.text + ".." + value.text);
      return;
    }
    value.high = here().text;
    advance();
  }

  // { value value..value, ... }
  void parse_set(Comparison& comparison) {
    const std::uint32_t open = here().column;
    if (here().kind != TokenKind::kBraceOpen) {
      fail(open, "in wants a set in braces", "{80, 443}");
      return;
    }
    advance();
    while (!failed_ && here().kind != TokenKind::kBraceClose) {
      if (here().kind == TokenKind::kEnd) {
        fail(open, "this { is never closed", "}");
        return;
      }
      parse_value(comparison, true);
      if (here().kind == TokenKind::kComma) advance();
    }
    if (!failed_ && comparison.values.empty()) {
      fail(open, "this set is empty: nothing can be in it", "{80, 443}");
    }
    advance();
  }

  NodePtr finish(const Comparison& comparison) {
    if (failed_) return nullptr;
    bool in_pattern = false;
    auto leaf = check_comparison(catalog_, comparison, in_pattern);
    if (!leaf && in_pattern) {
      const Token& pattern = tokens_[pattern_token_];
      std::size_t& column = leaf.error().column;
      column = pattern.kind == TokenKind::kString ? column_inside(text_, pattern, column)
                                                  : pattern.column + column;
    }
    return add_leaf(std::move(leaf));
  }

  NodePtr add_leaf(LeafResult leaf) {
    if (!leaf) {
      FilterError& error = leaf.error();
      return fail(error.column, std::move(error.message), std::move(error.suggestion));
    }
    NodePtr node = number(std::move(leaf->node), std::move(leaf->pattern));
    if (failed_ || leaf->guard == nullptr) return node;
    auto both = std::make_unique<FilterNode>();
    both->op = FilterOp::kAnd;
    both->column = node->column;
    both->children.push_back(number(std::move(leaf->guard), std::nullopt));
    both->children.push_back(std::move(node));
    return failed_ ? nullptr : std::move(both);
  }

  NodePtr number(NodePtr leaf, std::optional<Pattern> pattern) {
    if (leaves_.size() >= Filter::kMaxLeaves) {
      return fail(leaf->column,
                  "a filter has at most " + std::to_string(Filter::kMaxLeaves) + " comparisons",
                  "in { }");
    }
    leaf->leaf = static_cast<std::uint16_t>(leaves_.size());
    leaves_.push_back({leaf.get(), std::move(pattern), {}});
    return leaf;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  const Catalog& catalog_;
  std::size_t at_ = 0;
  std::size_t pattern_token_ = 0;
  std::vector<CompiledLeaf> leaves_;
  NodePtr root_;
  bool failed_ = false;
  FilterError error_;
};

}  // namespace

std::expected<Filter, FilterError> Filter::parse(std::string_view text, const Catalog& catalog) {
  auto tokens = tokenize(text);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  const auto compiled = std::make_shared<CompiledFilter>();
  auto root = Parser(text, std::move(*tokens), catalog).run(*compiled);
  if (!root) return std::unexpected(std::move(root.error()));
  connect(*compiled, catalog);
  Filter filter;
  filter.text_ = text;
  filter.root_ = std::move(*root);
  filter.uses_records_ = !compiled->interests.empty();
  filter.compiled_ = compiled;
  return filter;
}

}  // namespace netwatch::query
