#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/filter.h"
#include "model/flow_fields.h"
#include "model/record.h"
#include "query/filter.h"
#include "query/pattern.h"

// What evaluation needs besides the tree, so that it looks nothing up and allocates nothing.
namespace netwatch::query {

struct CompiledLeaf {
  const model::FilterNode* node = nullptr;
  std::optional<Pattern> pattern;             // of kMatches
  std::vector<model::FlowField> flow_fields;  // those of the flow itself
};

struct CompiledFilter {
  // For one array of FieldDefs: by field id, the leaves (bits) that ask about it.
  struct Interest {
    const model::FieldDef* fields = nullptr;
    std::vector<std::uint64_t> leaves;
  };
  std::vector<CompiledLeaf> leaves;  // by FilterNode::leaf
  std::vector<Interest> interests;   // of records
};

// Fills flow_fields and interests from the tree; `leaves` hold their nodes and patterns already.
void connect(CompiledFilter& filter, const Catalog& catalog);

// Whether one value answers a leaf: for kNotEqual, whether it equals; for kExists, always.
bool answers(const CompiledLeaf& leaf, const model::FieldValue& value);

}  // namespace netwatch::query
