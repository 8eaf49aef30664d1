#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "query/compiled.h"
#include "query/filter.h"
#include "query/literal.h"

// From names and written values to checked leaves of the tree: resolves, converts, refuses.
namespace netwatch::query {

using NodePtr = std::unique_ptr<model::FilterNode>;

// One comparison as written.
struct Comparison {
  std::string name;
  std::uint32_t column = 0;  // of the name
  model::FilterOp op = model::FilterOp::kExists;
  std::uint32_t op_column = 0;
  bool short_form = false;  // name:value
  std::vector<WrittenValue> values;
};

// A leaf without its number, and its pattern if it is kMatches.
struct CheckedLeaf {
  NodePtr node;
  std::optional<Pattern> pattern;
  // What must be true besides: an alias may be narrower than its field (tcp.srcport, srcport).
  NodePtr guard;
};
using LeafResult = std::expected<CheckedLeaf, FilterError>;

// An error in a pattern has the offset in the pattern as its column.
LeafResult check_comparison(const Catalog& catalog, const Comparison& comparison,
                            bool& column_is_in_pattern);

// A word, or a quoted text, that stands alone.
LeafResult check_bare(const Catalog& catalog, const std::string& text, bool quoted,
                      std::uint32_t column);

// What is wrong with a name that stands for no field, and the nearest that does.
FilterError unknown_field(const Catalog& catalog, const std::string& name, std::uint32_t column);

// "==", "contains", ...: as messages and proposals write it.
std::string_view spelling(model::FilterOp op);

}  // namespace netwatch::query
