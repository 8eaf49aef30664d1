#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "model/field.h"

namespace netwatch::model {

// The syntax tree of a filter, checked against the schemas: every name is resolved, every literal
// has the type of its field. Made by query::parse, walked by query's matcher.
enum class FilterOp : std::uint8_t {
  kAnd,
  kOr,
  kNot,     // inner nodes
  kExists,  // leaves, from here on
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kContains,
  kMatches,
};

// A literal on the right side of a comparison, in the form its field's type asks for.
struct FilterLiteral {
  std::string text;       // kText, kBytes (raw), and the pattern of kMatches
  std::int64_t low = 0;   // numbers, times, durations: low..high; the bits of a kUint beyond int64
  std::int64_t high = 0;  // equal to low unless a range, or what a duration rounds away
  double real = 0;        // kReal: real..real_high
  double real_high = 0;
  base::IpAddress address;  // kAddress: a prefix, or a range address..address_high
  base::IpAddress address_high;
  std::uint8_t prefix_bits = 128;  // of the address's own family
  bool range = false;              // written as low..high
};

struct FilterNode {
  FilterOp op = FilterOp::kAnd;
  std::vector<std::unique_ptr<FilterNode>> children;  // of inner nodes
  std::vector<const FieldDef*> fields;  // of leaves: a name may stand for several (tcp.port)
  std::vector<FilterLiteral> literals;  // of leaves: one, or those of in {...}
  std::uint16_t leaf = 0;               // index among the leaves of the tree
  std::uint32_t column = 0;             // 0-based byte offset in the text, for errors
  bool fold_case = false;               // kContains: ASCII case does not count; text is lower case
};

}  // namespace netwatch::model
