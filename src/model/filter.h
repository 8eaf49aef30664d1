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

// A literal on the right side of a comparison. For addresses: a prefix. For ranges: low..high.
struct FilterLiteral {
  std::string text;
  std::int64_t low = 0;
  std::int64_t high = 0;
  double real = 0;
  base::IpAddress address;
  base::IpAddress address_high;
  std::uint8_t prefix_bits = 128;
};

struct FilterNode {
  FilterOp op = FilterOp::kAnd;
  std::vector<std::unique_ptr<FilterNode>> children;  // of inner nodes
  std::vector<const FieldDef*> fields;  // of leaves: a name may stand for several (tcp.port)
  std::vector<FilterLiteral> literals;  // of leaves: one, or those of in {...}
  std::uint16_t leaf = 0;               // index among the leaves of the tree
  std::uint32_t column = 0;             // 0-based byte offset in the text, for errors
};

}  // namespace netwatch::model
