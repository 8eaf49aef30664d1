#include "tui/row_filter.h"

#include <algorithm>
#include <span>

#include "model/flow_fields.h"
#include "query/complete.h"
#include "tui/row_flow.h"

namespace netwatch::tui {
namespace {

bool is_flow_field(const model::FieldDef* field) {
  const std::span<const model::FieldDef> fields = model::flow_schema().fields;
  return std::any_of(fields.begin(), fields.end(),
                     [field](const model::FieldDef& known) { return &known == field; });
}

// The first leaf that no field of a flow can answer. Depth is bounded by Filter::kMaxDepth.
const model::FilterNode* unanswerable(const model::FilterNode& node) {
  if (node.op == model::FilterOp::kAnd || node.op == model::FilterOp::kOr ||
      node.op == model::FilterOp::kNot) {
    for (const auto& child : node.children) {
      if (const auto* found = unanswerable(*child)) return found;
    }
    return nullptr;
  }
  if (node.fields.empty()) return nullptr;
  return std::none_of(node.fields.begin(), node.fields.end(), is_flow_field) ? &node : nullptr;
}

CompiledFilter compile(std::string_view text, const query::Catalog& catalog) {
  CompiledFilter out;
  auto parsed = query::Filter::parse(text, catalog);
  if (!parsed) {
    out.problem = {parsed.error().column, parsed.error().message, parsed.error().suggestion};
    return out;
  }
  if (const model::FilterNode* leaf = unanswerable(parsed->tree())) {
    out.problem = {leaf->column,
                   std::string(leaf->fields[0]->name) +
                       " belongs to messages; this screen filters connections",
                   "name, app, owner.name, ip.addr, port, ..."};
    return out;
  }
  auto filter = std::make_shared<const query::Filter>(*std::move(parsed));
  auto flow = std::make_shared<RowFlow>();
  out.accepts = [filter, flow](const model::ConnectionRow& row) {
    return filter->matches(flow->of(row), {});
  };
  return out;
}

// Names of messages, which a row cannot answer, are left out. Those of connections come first.
Completion propose(std::string_view text, std::size_t cursor, const query::Catalog& all,
                   const query::Catalog& flows) {
  Completion out{query::completion_start(text, cursor), query::complete(text, cursor, flows)};
  for (std::string& word : query::complete(text, cursor, all)) {
    const auto fields = all.find(word);
    if (!fields.empty() && std::none_of(fields.begin(), fields.end(), is_flow_field)) continue;
    if (std::find(out.words.begin(), out.words.end(), word) != out.words.end()) continue;
    if (out.words.size() < query::kMaxProposals) out.words.push_back(std::move(word));
  }
  return out;
}

}  // namespace

FilterCompleter make_row_completer(std::shared_ptr<const query::Catalog> catalog) {
  const std::vector<const model::Schema*> schemas{&model::flow_schema()};
  auto flows = std::make_shared<const query::Catalog>(schemas);
  return [catalog = std::move(catalog), flows](std::string_view text, std::size_t cursor) {
    return propose(text, cursor, *catalog, *flows);
  };
}

FilterCompiler make_row_filter(std::shared_ptr<const query::Catalog> catalog) {
  return [catalog = std::move(catalog)](std::string_view text) { return compile(text, *catalog); };
}

}  // namespace netwatch::tui
