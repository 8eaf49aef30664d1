#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "query/pattern.h"

// The syntax tree of a regular expression: what Pattern::compile turns into instructions.
namespace netwatch::query {

struct PatternNode {
  enum class Kind : std::uint8_t {
    kEmpty,
    kSingle,    // one instruction: `single`
    kSequence,  // children one after the other
    kEither,    // one of the children
    kRepeat,    // children[0], min to max times
  };
  Kind kind = Kind::kEmpty;
  Pattern::Instruction single;
  std::vector<std::uint32_t> children;  // indices into PatternTree::nodes
  unsigned min = 0;
  unsigned max = 0;
  bool unbounded = false;
};

struct PatternTree {
  std::vector<PatternNode> nodes;
  std::vector<Pattern::ByteSet> classes;
  std::uint32_t root = 0;
};

// Recursion is bounded by Pattern::kMaxGroupDepth, the tree by the length of the expression.
std::expected<PatternTree, Pattern::Error> parse_pattern(std::string_view expression);

inline bool is_word_byte(std::uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '_';
}

}  // namespace netwatch::query
