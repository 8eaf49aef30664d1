#include <algorithm>
#include <bit>

#include "query/compiled.h"
#include "query/lexer.h"
#include "query/names.h"

namespace netwatch::query {
namespace {

using model::FieldType;
using model::FieldValue;
using model::FilterLiteral;
using model::FilterNode;
using model::FilterOp;

static_assert(Filter::kMaxLeaves <= 64, "Evidence holds one bit for each leaf");

bool equals(const FieldValue& value, const FilterLiteral& literal) {
  switch (value.def->type) {
    case FieldType::kBool:
      return value.boolean() == (literal.low != 0);
    case FieldType::kUint:
      return value.uint() >= static_cast<std::uint64_t>(literal.low) &&
             value.uint() <= static_cast<std::uint64_t>(literal.high);
    case FieldType::kInt:
    case FieldType::kTime:
    case FieldType::kDuration:
      return value.sint() >= literal.low && value.sint() <= literal.high;
    case FieldType::kReal:
      return value.real() >= literal.real && value.real() <= literal.real_high;
    case FieldType::kText:
    case FieldType::kBytes:
      return value.text() == literal.text;
    case FieldType::kAddress: {
      const base::IpAddress address = value.address();
      if (!literal.range) return address.in_prefix(literal.address, literal.prefix_bits);
      return address.is_v4() == literal.address.is_v4() && address >= literal.address &&
             address <= literal.address_high;
    }
  }
  return false;
}

// Against one end of the literal: a duration's low and high differ by what its unit rounds away.
std::partial_ordering order(const FieldValue& value, const FilterLiteral& literal, bool high_end) {
  const std::int64_t end = high_end ? literal.high : literal.low;
  switch (value.def->type) {
    case FieldType::kUint:
      return value.uint() <=> static_cast<std::uint64_t>(end);
    case FieldType::kReal:
      return value.real() <=> literal.real;
    case FieldType::kText:
    case FieldType::kBytes:
      return value.text() <=> std::string_view(literal.text);
    case FieldType::kInt:
    case FieldType::kTime:
    case FieldType::kDuration:
      return value.sint() <=> end;
    case FieldType::kBool:
    case FieldType::kAddress:
      break;  // refused by the check
  }
  return std::partial_ordering::unordered;
}

// `part` is lower case.
bool contains_ignoring_case(std::string_view text, std::string_view part) {
  const auto same = [](char mine, char theirs) { return to_lower(mine) == theirs; };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end() ||
         part.empty();
}

bool contains(const FieldValue& value, const FilterNode& node) {
  const std::string& part = node.literals.front().text;
  if (node.fold_case) return contains_ignoring_case(value.text(), part);
  return value.text().find(part) != std::string_view::npos;
}

// The flow's own answer to one leaf, added to `evidence`.
void ask_flow(const CompiledLeaf& leaf, const model::Flow& flow, model::RecordBuilder& builder,
              Filter::Evidence& evidence) {
  const std::uint64_t bit = 1ULL << leaf.node->leaf;
  for (const model::FlowField field : leaf.flow_fields) {
    builder.start(model::flow_schema(), 0);
    model::add_flow_field(builder, flow, field);
    const model::Record record = builder.view();
    model::ValueCursor values(record);
    while (const auto value = values.next()) {
      evidence.seen |= bit;
      if (!answers(leaf, *value)) continue;
      evidence.equal |= bit;
      return;
    }
  }
}

class Verdict {
 public:
  Verdict(const CompiledFilter& filter, const model::Flow& flow, const Filter::Evidence& evidence)
      : filter_(filter), flow_(flow), evidence_(evidence) {}

  // Recursion is bounded by the depth that the parser allows.
  bool of(const FilterNode& node) {
    const auto holds = [this](const auto& child) { return of(*child); };
    switch (node.op) {
      case FilterOp::kAnd:
        return std::all_of(node.children.begin(), node.children.end(), holds);
      case FilterOp::kOr:
        return std::any_of(node.children.begin(), node.children.end(), holds);
      case FilterOp::kNot:
        return !of(*node.children.front());
      default:
        return of_leaf(node);
    }
  }

 private:
  bool of_leaf(const FilterNode& node) {
    const std::uint64_t bit = 1ULL << node.leaf;
    const CompiledLeaf& leaf = filter_.leaves[node.leaf];
    if ((evidence_.equal & bit) == 0) ask_flow(leaf, flow_, builder_, evidence_);
    const bool seen = (evidence_.seen & bit) != 0;
    const bool equal = (evidence_.equal & bit) != 0;
    return node.op == FilterOp::kNotEqual ? seen && !equal : equal;
  }

  const CompiledFilter& filter_;
  const model::Flow& flow_;
  Filter::Evidence evidence_;
  model::RecordBuilder builder_;
};

const CompiledFilter& compiled_of(const std::shared_ptr<const void>& compiled) {
  return *static_cast<const CompiledFilter*>(compiled.get());
}

}  // namespace

bool answers(const CompiledLeaf& leaf, const FieldValue& value) {
  const FilterNode& node = *leaf.node;
  const auto equal = [&value](const FilterLiteral& literal) { return equals(value, literal); };
  switch (node.op) {
    case FilterOp::kExists:
      return true;
    case FilterOp::kEqual:
    case FilterOp::kNotEqual:
    case FilterOp::kIn:
      return std::any_of(node.literals.begin(), node.literals.end(), equal);
    case FilterOp::kLess:
      return order(value, node.literals.front(), false) < 0;
    case FilterOp::kLessEqual:
      return order(value, node.literals.front(), true) <= 0;
    case FilterOp::kGreater:
      return order(value, node.literals.front(), true) > 0;
    case FilterOp::kGreaterEqual:
      return order(value, node.literals.front(), false) >= 0;
    case FilterOp::kContains:
      return contains(value, node);
    case FilterOp::kMatches:
      return leaf.pattern && leaf.pattern->search(value.text());
    case FilterOp::kAnd:
    case FilterOp::kOr:
    case FilterOp::kNot:
      break;
  }
  return false;
}

void connect(CompiledFilter& filter, const Catalog& catalog) {
  for (CompiledLeaf& leaf : filter.leaves) {
    for (const model::FieldDef* field : leaf.node->fields) {
      if (const auto own = flow_field_of(catalog, *field)) leaf.flow_fields.push_back(*own);
    }
  }
  for (std::size_t i = 1; i < catalog.schemas().size(); ++i) {
    const auto& fields = catalog.schemas()[i]->fields;
    CompiledFilter::Interest interest{fields.data(), std::vector<std::uint64_t>(fields.size())};
    bool wanted = false;
    for (const CompiledLeaf& leaf : filter.leaves) {
      for (std::size_t id = 0; id < fields.size(); ++id) {
        const auto& asked = leaf.node->fields;
        if (std::find(asked.begin(), asked.end(), &fields[id]) == asked.end()) continue;
        interest.leaves[id] |= 1ULL << leaf.node->leaf;
        wanted = true;
      }
    }
    if (wanted) filter.interests.push_back(std::move(interest));
  }
}

void Filter::note(Evidence& evidence, const model::Record& record) const {
  const CompiledFilter& filter = compiled_of(compiled_);
  const auto interest = std::find_if(
      filter.interests.begin(), filter.interests.end(),
      [&record](const auto& known) { return known.fields == record.schema->fields.data(); });
  if (interest == filter.interests.end()) return;
  model::ValueCursor values(record);
  while (const auto value = values.next()) {
    const auto id = static_cast<std::size_t>(value->def - interest->fields);
    if (id >= interest->leaves.size()) continue;
    // A leaf that one value has answered is answered.
    std::uint64_t open = interest->leaves[id] & ~evidence.equal;
    evidence.seen |= open;
    for (; open != 0; open &= open - 1) {
      const auto leaf = static_cast<std::size_t>(std::countr_zero(open));
      if (answers(filter.leaves[leaf], *value)) evidence.equal |= 1ULL << leaf;
    }
  }
}

bool Filter::matches(const model::Flow& flow, const Evidence& evidence) const {
  return Verdict(compiled_of(compiled_), flow, evidence).of(*root_);
}

}  // namespace netwatch::query
