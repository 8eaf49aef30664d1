#include "query/pattern.h"

#include <algorithm>
#include <utility>

#include "query/pattern_syntax.h"

namespace netwatch::query {
namespace {

using Kind = PatternNode::Kind;
using Op = Pattern::Op;

// More than any program may hold, and far from an overflow.
constexpr std::size_t kTooMany = Pattern::kMaxInstructions + 1;

// Writes the instructions of a tree. Sizes are computed first and bottom up (children stand
// before their parents), so nothing is expanded that has no room.
class Emitter {
 public:
  explicit Emitter(const PatternTree& tree) : tree_(tree), sizes_(tree.nodes.size()) {}

  bool fits() {
    for (std::size_t i = 0; i < sizes_.size(); ++i) sizes_[i] = size_of(tree_.nodes[i]);
    return sizes_.empty() || sizes_[tree_.root] < Pattern::kMaxInstructions;
  }

  std::vector<Pattern::Instruction> run() {
    emit(tree_.root);
    push(Op::kMatch);
    return std::move(program_);
  }

 private:
  // Never 0: the empty expression counts too, so that repeating it is bounded as well.
  [[nodiscard]] std::size_t size_of(const PatternNode& node) const {
    std::size_t size = 0;
    for (const std::uint32_t child : node.children) {
      size += sizes_[child] + (node.kind == Kind::kEither ? 2 : 0);
    }
    if (node.kind == Kind::kRepeat) {
      const std::size_t optional = node.unbounded ? size + 2 : (node.max - node.min) * (size + 1);
      size = node.min * size + optional;
    }
    return std::clamp<std::size_t>(size, 1, kTooMany);
  }

  [[nodiscard]] std::uint16_t here() const { return static_cast<std::uint16_t>(program_.size()); }

  std::size_t push(Op op) {
    program_.push_back({op, 0, 0, 0});
    return program_.size() - 1;
  }

  void emit(std::uint32_t index) {
    const PatternNode& node = tree_.nodes[index];
    switch (node.kind) {
      case Kind::kEmpty:
        break;
      case Kind::kSingle:
        program_.push_back(node.single);
        break;
      case Kind::kSequence:
        for (const std::uint32_t child : node.children) emit(child);
        break;
      case Kind::kEither:
        emit_either(node);
        break;
      case Kind::kRepeat:
        emit_repeat(node);
        break;
    }
  }

  void emit_either(const PatternNode& node) {
    std::vector<std::size_t> jumps;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      if (i + 1 == node.children.size()) {
        emit(node.children[i]);
        break;
      }
      const std::size_t split = push(Op::kSplit);
      program_[split].first = here();
      emit(node.children[i]);
      jumps.push_back(push(Op::kJump));
      program_[split].second = here();
    }
    for (const std::size_t jump : jumps) program_[jump].first = here();
  }

  void emit_repeat(const PatternNode& node) {
    const std::uint32_t child = node.children.front();
    for (unsigned i = 0; i < node.min; ++i) emit(child);
    if (node.unbounded) {
      const std::size_t split = push(Op::kSplit);
      program_[split].first = here();
      emit(child);
      program_[push(Op::kJump)].first = static_cast<std::uint16_t>(split);
      program_[split].second = here();
      return;
    }
    std::vector<std::size_t> splits;
    for (unsigned i = node.min; i < node.max; ++i) {
      splits.push_back(push(Op::kSplit));
      program_[splits.back()].first = here();
      emit(child);
    }
    for (const std::size_t split : splits) program_[split].second = here();
  }

  const PatternTree& tree_;
  std::vector<std::size_t> sizes_;
  std::vector<Pattern::Instruction> program_;
};

std::uint8_t to_lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte - 'A' + 'a') : byte;
}

}  // namespace

std::expected<Pattern, Pattern::Error> Pattern::compile(std::string_view expression) {
  auto tree = parse_pattern(expression);
  if (!tree) return std::unexpected(std::move(tree.error()));
  Emitter emitter(*tree);
  if (!emitter.fits()) {
    return std::unexpected(Error{0, "the expression is too large (repetitions count in full)", {}});
  }
  Pattern pattern;
  pattern.program_ = emitter.run();
  pattern.classes_ = std::move(tree->classes);
  return pattern;
}

// The instructions that are alive at one place of the text, and what it takes to move them on.
// All on the stack: 8 KiB.
class Pattern::Search {
 public:
  Search(const Pattern& pattern, std::string_view text) : pattern_(pattern), text_(text) {}

  bool run(std::uint64_t& steps) {
    for (std::size_t at = 0;; ++at) {
      // A match may begin anywhere: the start is alive at every place.
      if (follow(0, at)) return finish(steps, true);
      if (at == text_.size()) return finish(steps, false);
      const auto byte = static_cast<std::uint8_t>(text_[at]);
      std::swap(alive_, before_);
      const std::size_t count = std::exchange(count_, 0);
      marks_.fill(0);
      for (std::size_t i = 0; i < count; ++i) {
        ++steps_;
        const std::uint16_t pc = before_[i];
        if (takes(pattern_.program_[pc], byte) &&
            follow(static_cast<std::uint16_t>(pc + 1), at + 1))
          return finish(steps, true);
      }
    }
  }

 private:
  bool finish(std::uint64_t& steps, bool found) const {
    steps += steps_;
    return found;
  }

  [[nodiscard]] bool takes(const Instruction& instruction, std::uint8_t byte) const {
    if (instruction.op == Op::kByte) return to_lower(byte) == instruction.byte;
    if (instruction.op == Op::kAny) return true;
    const ByteSet& set = pattern_.classes_[instruction.first];
    return ((set[byte >> 6] >> (byte & 63)) & 1) != 0;
  }

  [[nodiscard]] bool word_edge(std::size_t at) const {
    const bool before = at > 0 && is_word_byte(static_cast<std::uint8_t>(text_[at - 1]));
    const bool after = at < text_.size() && is_word_byte(static_cast<std::uint8_t>(text_[at]));
    return before != after;
  }

  void push(std::uint16_t pc) {
    std::uint64_t& word = marks_[pc >> 6];
    const std::uint64_t bit = 1ULL << (pc & 63);
    if ((word & bit) != 0) return;
    word |= bit;
    pending_[pending_count_++] = pc;
  }

  // Makes `pc` alive at `at`, and all that it leads to without taking a byte. Each instruction is
  // entered at most once for each place. True: the match is complete.
  bool follow(std::uint16_t start, std::size_t at) {
    push(start);
    while (pending_count_ > 0) {
      const std::uint16_t pc = pending_[--pending_count_];
      const Instruction& instruction = pattern_.program_[pc];
      ++steps_;
      bool passes = false;
      switch (instruction.op) {
        case Op::kMatch:
          return true;
        case Op::kJump:
          push(instruction.first);
          break;
        case Op::kSplit:
          push(instruction.first);
          push(instruction.second);
          break;
        case Op::kBegin:
          passes = at == 0;
          break;
        case Op::kEnd:
          passes = at == text_.size();
          break;
        case Op::kWordEdge:
          passes = word_edge(at);
          break;
        case Op::kNotWordEdge:
          passes = !word_edge(at);
          break;
        case Op::kByte:
        case Op::kAny:
        case Op::kClass:
          alive_[count_++] = pc;
          break;
      }
      if (passes) push(static_cast<std::uint16_t>(pc + 1));
    }
    return false;
  }

  const Pattern& pattern_;
  std::string_view text_;
  std::uint64_t steps_ = 0;
  std::size_t count_ = 0;
  std::size_t pending_count_ = 0;
  std::array<std::uint64_t, kMaxInstructions / 64> marks_{};
  std::array<std::uint16_t, kMaxInstructions> first_list_;
  std::array<std::uint16_t, kMaxInstructions> second_list_;
  std::array<std::uint16_t, kMaxInstructions> pending_;
  std::uint16_t* alive_ = first_list_.data();    // at the place at hand
  std::uint16_t* before_ = second_list_.data();  // at the byte before it
};

bool Pattern::search(std::string_view text, std::uint64_t* steps) const {
  std::uint64_t ignored = 0;
  Search search(*this, text);
  return search.run(steps != nullptr ? *steps : ignored);
}

}  // namespace netwatch::query
