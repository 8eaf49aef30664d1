#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace netwatch::query {

// A regular expression that is searched in time proportional to text x program, whatever the
// text: all alternatives advance together (K. Thompson, "Regular Expression Search Algorithm",
// CACM 11(6), 1968), nothing backtracks, nothing recurses on the text, nothing is allocated.
//
// Syntax, over bytes: literals, `.` (any byte), [a-z] [^a-z], \d \w \s \D \W \S, \n \t \r \f \v
// \xHH, ( ) and (?: ), |, * + ? {m} {m,} {m,n}, ^ and $ (begin and end of the whole text), \b \B.
// A trailing ? (lazy) is read and changes nothing: only whether there is a match is asked for.
// ASCII letters match without regard to case. No back references and no look-around.
class Pattern {
 public:
  static constexpr std::size_t kMaxInstructions = 1024;
  static constexpr unsigned kMaxRepeat = 255;
  static constexpr unsigned kMaxGroupDepth = 32;

  struct Error {
    std::size_t offset = 0;  // in bytes of the expression
    std::string message;
    std::string suggestion;  // may be empty
  };
  static std::expected<Pattern, Error> compile(std::string_view expression);

  // Whether some part of `text` matches. Adds the instructions looked at to `steps`: at most
  // 2 * size() for each byte and for the end.
  [[nodiscard]] bool search(std::string_view text, std::uint64_t* steps = nullptr) const;
  // Instructions; at most kMaxInstructions.
  [[nodiscard]] std::size_t size() const { return program_.size(); }

  // One bit per byte value.
  using ByteSet = std::array<std::uint64_t, 4>;
  enum class Op : std::uint8_t {
    kByte,   // the byte `byte`, a letter being lower case; then the next instruction
    kAny,    // any byte; then the next
    kClass,  // a byte of classes_[first]; then the next
    kSplit,  // first and second
    kJump,   // first
    kBegin,  // the rest hold at a place in the text; then the next
    kEnd,
    kWordEdge,
    kNotWordEdge,
    kMatch,
  };
  struct Instruction {
    Op op = Op::kMatch;
    std::uint8_t byte = 0;
    std::uint16_t first = 0;
    std::uint16_t second = 0;
  };

 private:
  class Search;

  std::vector<Instruction> program_;
  std::vector<ByteSet> classes_;
};

}  // namespace netwatch::query
