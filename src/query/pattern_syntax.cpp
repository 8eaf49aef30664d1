#include "query/pattern_syntax.h"

#include <string>
#include <utility>

namespace netwatch::query {
namespace {

using Kind = PatternNode::Kind;
using Op = Pattern::Op;
using ByteSet = Pattern::ByteSet;

void add_range(ByteSet& set, unsigned low, unsigned high) {
  for (unsigned byte = low; byte <= high; ++byte) set[byte >> 6] |= 1ULL << (byte & 63);
}

bool holds(const ByteSet& set, unsigned byte) { return ((set[byte >> 6] >> (byte & 63)) & 1) != 0; }

void invert(ByteSet& set) {
  for (std::uint64_t& word : set) word = ~word;
}

void add_set(ByteSet& set, const ByteSet& more) {
  for (std::size_t i = 0; i < set.size(); ++i) set[i] |= more[i];
}

void fold_case(ByteSet& set) {
  for (unsigned upper = 'A'; upper <= 'Z'; ++upper) {
    const unsigned lower = upper + ('a' - 'A');
    if (holds(set, upper) || holds(set, lower)) {
      add_range(set, upper, upper);
      add_range(set, lower, lower);
    }
  }
}

// \d \w \s and their opposites; nothing if `letter` names no class.
std::optional<ByteSet> named_class(char letter) {
  ByteSet set{};
  switch (letter) {
    case 'd':
    case 'D':
      add_range(set, '0', '9');
      break;
    case 'w':
    case 'W':
      for (unsigned byte = 0; byte < 256; ++byte) {
        if (is_word_byte(static_cast<std::uint8_t>(byte))) add_range(set, byte, byte);
      }
      break;
    case 's':
    case 'S':
      add_range(set, '\t', '\r');
      add_range(set, ' ', ' ');
      break;
    default:
      return std::nullopt;
  }
  if (letter == 'D' || letter == 'W' || letter == 'S') invert(set);
  return set;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  std::expected<PatternTree, Pattern::Error> run() {
    tree_.root = parse_either(0);
    if (!failed_ && at_ < text_.size()) fail(at_, "there is no ( for this )", "\\)");
    if (failed_) return std::unexpected(std::move(error_));
    return std::move(tree_);
  }

 private:
  [[nodiscard]] bool more() const { return !failed_ && at_ < text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void fail(std::size_t offset, std::string message, std::string suggestion = {}) {
    if (failed_) return;
    failed_ = true;
    error_ = {offset, std::move(message), std::move(suggestion)};
  }

  std::uint32_t add(PatternNode node) {
    tree_.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(tree_.nodes.size() - 1);
  }

  std::uint32_t add_single(Op op, std::uint8_t byte = 0, std::uint16_t first = 0) {
    PatternNode node;
    node.kind = Kind::kSingle;
    node.single = {op, byte, first, 0};
    return add(std::move(node));
  }

  std::uint32_t add_class(const ByteSet& set) {
    if (tree_.classes.size() >= Pattern::kMaxInstructions) {
      fail(at_, "too many character classes");
      return 0;
    }
    tree_.classes.push_back(set);
    return add_single(Op::kClass, 0, static_cast<std::uint16_t>(tree_.classes.size() - 1));
  }

  std::uint32_t add_byte(std::uint8_t byte) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<std::uint8_t>(byte - 'A' + 'a');
    return add_single(Op::kByte, byte);
  }

  std::uint32_t parse_either(unsigned depth) {
    PatternNode node;
    node.kind = Kind::kEither;
    node.children.push_back(parse_sequence(depth));
    while (more() && peek() == '|') {
      ++at_;
      node.children.push_back(parse_sequence(depth));
    }
    if (node.children.size() == 1) return node.children.front();
    return add(std::move(node));
  }

  std::uint32_t parse_sequence(unsigned depth) {
    PatternNode node;
    node.kind = Kind::kSequence;
    while (more() && peek() != '|' && peek() != ')') node.children.push_back(parse_piece(depth));
    if (node.children.empty()) node.kind = Kind::kEmpty;
    if (node.children.size() == 1) return node.children.front();
    return add(std::move(node));
  }

  // An atom and its quantifier.
  std::uint32_t parse_piece(unsigned depth) {
    const std::size_t start = at_;
    std::uint32_t atom = parse_atom(depth);
    if (!more()) return atom;
    PatternNode node;
    if (!parse_quantifier(node)) return atom;
    const char first = text_[start];
    if (first == '^' || first == '$') fail(start, "an anchor cannot be repeated");
    if (peek() == '?') ++at_;  // lazy: the same answer
    const std::size_t again = at_;
    PatternNode ignored;
    if (parse_quantifier(ignored)) fail(again, "a repetition cannot itself be repeated", "( )");
    node.kind = Kind::kRepeat;
    node.children.push_back(atom);
    return add(std::move(node));
  }

  bool parse_quantifier(PatternNode& node) {
    switch (peek()) {
      case '*':
        node.unbounded = true;
        break;
      case '+':
        node.min = 1;
        node.unbounded = true;
        break;
      case '?':
        node.max = 1;
        break;
      case '{':
        if (!is_digit(peek(1))) return false;  // a brace like any other byte
        parse_bounds(node);
        return true;
      default:
        return false;
    }
    ++at_;
    return true;
  }

  unsigned parse_count() {
    unsigned value = 0;
    const std::size_t start = at_;
    while (is_digit(peek())) {
      value = value * 10 + static_cast<unsigned>(peek() - '0');
      ++at_;
      if (value > Pattern::kMaxRepeat) {
        fail(start, "at most " + std::to_string(Pattern::kMaxRepeat) + " repetitions are allowed");
        return 0;
      }
    }
    return value;
  }

  void parse_bounds(PatternNode& node) {
    const std::size_t start = at_;
    ++at_;
    node.min = parse_count();
    node.max = node.min;
    if (peek() == ',') {
      ++at_;
      if (peek() == '}') {
        node.unbounded = true;
      } else {
        node.max = parse_count();
      }
    }
    if (failed_) return;
    if (peek() != '}') return fail(start, "this { } is no repetition", "{m,n}");
    ++at_;
    if (!node.unbounded && node.max < node.min) fail(start, "the repetition ends below its start");
  }

  std::uint32_t parse_atom(unsigned depth) {
    const std::size_t start = at_;
    const char c = text_[at_++];
    switch (c) {
      case '(':
        return parse_group(depth, start);
      case '[':
        return parse_class(start);
      case '\\':
        return parse_escape(start);
      case '.':
        return add_single(Op::kAny);
      case '^':
        return add_single(Op::kBegin);
      case '$':
        return add_single(Op::kEnd);
      case '*':
      case '+':
      case '?':
        fail(start, std::string("there is nothing before ") + c + " to repeat",
             std::string("\\") + c);
        return 0;
      default:
        return add_byte(static_cast<std::uint8_t>(c));
    }
  }

  std::uint32_t parse_group(unsigned depth, std::size_t start) {
    if (depth >= Pattern::kMaxGroupDepth) {
      fail(start, "groups are nested too deeply");
      return 0;
    }
    if (peek() == '?') {
      if (peek(1) != ':') {
        fail(start, "look-around, names and switches are not spoken", "(?: )");
        return 0;
      }
      at_ += 2;
    }
    const std::uint32_t inside = parse_either(depth + 1);
    if (failed_) return 0;
    if (peek() != ')' || at_ >= text_.size()) {
      fail(start, "this ( is never closed", ")");
      return 0;
    }
    ++at_;
    return inside;
  }

  // After a backslash: one byte with a name of its own; nothing if it has none.
  std::optional<std::uint8_t> parse_escaped_byte(std::size_t start) {
    if (at_ >= text_.size()) {
      fail(start, "the expression ends after \\", "\\\\");
      return std::nullopt;
    }
    const char c = text_[at_++];
    switch (c) {
      case 'n':
        return std::uint8_t{'\n'};
      case 't':
        return std::uint8_t{'\t'};
      case 'r':
        return std::uint8_t{'\r'};
      case 'f':
        return std::uint8_t{'\f'};
      case 'v':
        return std::uint8_t{'\v'};
      case 'x': {
        const int high = hex_digit(peek());
        const int low = hex_digit(peek(1));
        if (high < 0 || low < 0) break;
        at_ += 2;
        return static_cast<std::uint8_t>(high * 16 + low);
      }
      default:
        if (!is_word_byte(static_cast<std::uint8_t>(c))) return static_cast<std::uint8_t>(c);
        break;
    }
    if (c >= '1' && c <= '9') {
      fail(start, "back references are not spoken: they cannot be searched in linear time");
    } else {
      fail(start, std::string("\\") + (static_cast<unsigned char>(c) < 0x80 ? c : '?') +
                      " means nothing here");
    }
    return std::nullopt;
  }

  std::uint32_t parse_escape(std::size_t start) {
    if (peek() == 'b' || peek() == 'B') {
      return add_single(text_[at_++] == 'b' ? Op::kWordEdge : Op::kNotWordEdge);
    }
    if (const auto set = named_class(peek())) {
      ++at_;
      return add_class(*set);
    }
    const auto byte = parse_escaped_byte(start);
    return byte ? add_byte(*byte) : 0;
  }

  // One member of [ ]: a byte, or a named class, which is added to `set` at once.
  std::optional<std::uint8_t> parse_member(ByteSet& set) {
    const std::size_t start = at_;
    const char c = text_[at_++];
    if (c == '[' && (peek() == ':' || peek() == '.' || peek() == '=')) {
      fail(start, "POSIX class names are not spoken", "\\d \\w \\s");
      return std::nullopt;
    }
    if (c != '\\') return static_cast<std::uint8_t>(c);
    if (const auto named = named_class(peek())) {
      ++at_;
      add_set(set, *named);
      return std::nullopt;
    }
    return parse_escaped_byte(start);
  }

  std::uint32_t parse_class(std::size_t start) {
    ByteSet set{};
    const bool negated = peek() == '^';
    if (negated) ++at_;
    for (bool first = true; more() && (first || peek() != ']'); first = false) {
      const std::size_t member_at = at_;
      const auto low = parse_member(set);
      if (failed_) return 0;
      if (!low) continue;
      std::uint8_t high = *low;
      if (peek() == '-' && peek(1) != ']' && at_ + 1 < text_.size()) {
        ++at_;
        const auto end = parse_member(set);
        if (failed_) return 0;
        if (!end || *end < *low) {
          fail(member_at, "this range of [ ] has no end above its start");
          return 0;
        }
        high = *end;
      }
      add_range(set, *low, high);
    }
    if (!more()) {
      fail(start, "this [ is never closed", "]");
      return 0;
    }
    ++at_;
    fold_case(set);
    if (negated) invert(set);
    return add_class(set);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  PatternTree tree_;
  bool failed_ = false;
  Pattern::Error error_;
};

}  // namespace

std::expected<PatternTree, Pattern::Error> parse_pattern(std::string_view expression) {
  return PatternParser(expression).run();
}

}  // namespace netwatch::query
