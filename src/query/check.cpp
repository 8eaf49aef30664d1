#include "query/check.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "query/lexer.h"
#include "query/names.h"

namespace netwatch::query {
namespace {

using model::FieldDef;
using model::FieldType;
using model::FilterNode;
using model::FilterOp;
using model::FlowField;

std::unexpected<FilterError> refuse(std::size_t column, std::string message,
                                    std::string suggestion = {}) {
  return std::unexpected(FilterError{column, std::move(message), std::move(suggestion)});
}

bool is_textual(FieldType type) { return type == FieldType::kText || type == FieldType::kBytes; }

bool is_relational(FilterOp op) {
  return op == FilterOp::kLess || op == FilterOp::kLessEqual || op == FilterOp::kGreater ||
         op == FilterOp::kGreaterEqual;
}

bool can_be_asked(FieldType type, FilterOp op) {
  if (op == FilterOp::kContains || op == FilterOp::kMatches) return is_textual(type);
  if (is_relational(op)) return type != FieldType::kBool && type != FieldType::kAddress;
  return true;
}

// Why an operator does not fit its field, and what does.
std::unexpected<FilterError> refuse_operator(const Comparison& comparison, const FieldDef& field) {
  const std::string name = shown(comparison.name);
  std::string message = name + " is " + std::string(wanted(field.type)) + ": " +
                        std::string(spelling(comparison.op)) + " does not apply";
  std::string suggestion = name + " ==";
  if (field.type == FieldType::kAddress) suggestion = name + " in {10.0.0.0/8}";
  return refuse(comparison.op_column, std::move(message), std::move(suggestion));
}

NodePtr make_leaf(FilterOp op, std::uint32_t column) {
  auto node = std::make_unique<FilterNode>();
  node->op = op;
  node->column = column;
  return node;
}

// A name may stand for fields of several protocols; one literal must mean the same in all.
const FieldDef* odd_one_out(const std::vector<const FieldDef*>& fields) {
  for (const FieldDef* field : fields) {
    if (field->type != fields.front()->type) return field;
    if (!(measure_of(*field) == measure_of(*fields.front()))) return field;
  }
  return nullptr;
}

bool looks_numeric(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Wireshark's number for what is kept as a text here (dns.flags.rcode == 3): it would never match.
bool is_foreign_number(const FieldDef& field, const Comparison& comparison,
                       const WrittenValue& value) {
  const bool foreign = field.type == FieldType::kText && !comparison.short_form &&
                       comparison.name.find('.') != std::string::npos &&
                       !equal_ignoring_case(comparison.name, field.name);
  return foreign && !value.quoted && looks_numeric(value.text);
}

std::expected<void, FilterError> add_literals(const Catalog& catalog, FilterNode& node,
                                              const Comparison& comparison) {
  const FieldDef& field = *node.fields.front();
  const bool transport = flow_field_of(catalog, field) == FlowField::kL4;
  for (const WrittenValue& value : comparison.values) {
    if (!transport && is_foreign_number(field, comparison, value)) {
      return refuse(value.column,
                    shown(comparison.name) + " is " + std::string(field.name) +
                        " here, a text: a number wants quotes",
                    std::string(field.name) + " == \"" + shown(value.text) + "\"");
    }
    auto literal = read_literal(field, value);
    if (!literal) {
      return refuse(value.column, shown(comparison.name) + " " + literal.error().message,
                    std::move(literal.error().suggestion));
    }
    node.literals.push_back(std::move(*literal));
  }
  return {};
}

// name:value of a text field asks for a part of it, whatever the case.
void loosen(FilterNode& node) {
  node.op = FilterOp::kContains;
  node.fold_case = true;
  node.literals.front().text = to_lower(node.literals.front().text);
}

bool looks_like_address(std::string_view text) {
  const bool digits = text.find_first_not_of("0123456789./") == std::string_view::npos;
  return digits && text.find_first_of("./") != std::string_view::npos;
}

// Whether some field's name begins with the part of `word` before its first dot.
bool names_a_family(const Catalog& catalog, std::string_view word) {
  const std::size_t dot = word.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view family = word.substr(0, dot + 1);
  const auto names = known_names(catalog);
  return std::any_of(names.begin(), names.end(), [family](const KnownName& known) {
    return known.name.size() > family.size() &&
           equal_ignoring_case(known.name.substr(0, family.size()), family);
  });
}

LeafResult text_search(const Catalog& catalog, std::string_view text, std::uint32_t column) {
  LeafResult leaf;
  leaf->node = make_leaf(FilterOp::kContains, column);
  leaf->node->fold_case = true;
  leaf->node->literals.emplace_back().text = to_lower(text);
  for (const FlowField own : {FlowField::kName, FlowField::kApp, FlowField::kOwnerName}) {
    if (const FieldDef* field = flow_field(catalog, own)) leaf->node->fields.push_back(field);
  }
  for (const FieldDef* field : catalog.find("host")) {
    const auto& fields = leaf->node->fields;
    const bool there = std::find(fields.begin(), fields.end(), field) != fields.end();
    if (!there && field->type == FieldType::kText) leaf->node->fields.push_back(field);
  }
  return leaf;
}

// own == literal, over fields of the flow itself.
NodePtr own_leaf(const Catalog& catalog, std::initializer_list<FlowField> own,
                 model::FilterLiteral literal, std::uint32_t column) {
  NodePtr node = make_leaf(FilterOp::kEqual, column);
  node->literals.push_back(std::move(literal));
  for (const FlowField id : own) {
    if (const FieldDef* field = flow_field(catalog, id)) node->fields.push_back(field);
  }
  return node;
}

NodePtr protocol_leaf(const Catalog& catalog, std::string spelt, std::uint32_t column) {
  model::FilterLiteral literal;
  literal.text = std::move(spelt);
  return own_leaf(catalog, {FlowField::kApp, FlowField::kL4}, std::move(literal), column);
}

// The network of a bare word: an address, a prefix, or a whole IP version.
std::optional<model::FilterLiteral> bare_network(std::string_view word) {
  if (equal_ignoring_case(word, "ipv4")) return read_network("0.0.0.0/0");
  if (equal_ignoring_case(word, "ipv6")) return read_network("::/0");
  return read_network(word);
}

// Wireshark's names tell transports and IP versions apart where a flow's field does not.
NodePtr guard_of(const Catalog& catalog, const FilterNode& node, std::string_view name) {
  const FieldDef& field = *node.fields.front();
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos || !flow_field_of(catalog, field)) return nullptr;
  const std::string prefix = to_lower(name.substr(0, dot));
  if (field.name.starts_with(prefix + ".")) return nullptr;
  if (prefix == "ipv6") {
    return own_leaf(catalog, {FlowField::kIpAddr}, *bare_network(prefix), node.column);
  }
  if (prefix != "tcp" && prefix != "udp" && prefix != "sctp") return nullptr;
  model::FilterLiteral literal;
  literal.text = prefix;
  return own_leaf(catalog, {FlowField::kL4}, std::move(literal), node.column);
}

// The transport is kept by name; Wireshark's users know its number.
void spell_transports(const Catalog& catalog, FilterNode& node) {
  if (flow_field_of(catalog, *node.fields.front()) != FlowField::kL4) return;
  for (model::FilterLiteral& literal : node.literals) {
    unsigned number = 0;
    const char* end = literal.text.data() + literal.text.size();
    const auto read = std::from_chars(literal.text.data(), end, number);
    const bool is_number = read.ec == std::errc{} && read.ptr == end && number < 256;
    literal.text = is_number ? std::string(model::ip_proto_name(static_cast<std::uint8_t>(number)))
                             : to_lower(literal.text);
  }
}

}  // namespace

std::string_view spelling(FilterOp op) {
  switch (op) {
    case FilterOp::kAnd:
      return "and";
    case FilterOp::kOr:
      return "or";
    case FilterOp::kNot:
      return "not";
    case FilterOp::kExists:
      return "";
    case FilterOp::kEqual:
      return "==";
    case FilterOp::kNotEqual:
      return "!=";
    case FilterOp::kLess:
      return "<";
    case FilterOp::kLessEqual:
      return "<=";
    case FilterOp::kGreater:
      return ">";
    case FilterOp::kGreaterEqual:
      return ">=";
    case FilterOp::kIn:
      return "in";
    case FilterOp::kContains:
      return "contains";
    case FilterOp::kMatches:
      return "matches";
  }
  return "";
}

FilterError unknown_field(const Catalog& catalog, const std::string& name, std::uint32_t column) {
  const std::string spelt = protocol_spelling(catalog, name);
  if (!spelt.empty()) {
    return {column, shown(name) + " is a protocol: it stands alone and has no value of its own",
            spelt};
  }
  return {column, "there is no field " + shown(name), nearest_name(catalog, name, true)};
}

LeafResult check_comparison(const Catalog& catalog, const Comparison& comparison,
                            bool& column_is_in_pattern) {
  LeafResult leaf;
  leaf->node = make_leaf(comparison.op, comparison.column);
  FilterNode& node = *leaf->node;
  node.fields = catalog.find(comparison.name);
  if (node.fields.empty()) {
    return std::unexpected(unknown_field(catalog, comparison.name, comparison.column));
  }
  leaf->guard = guard_of(catalog, node, comparison.name);
  if (comparison.op == FilterOp::kExists) return leaf;
  if (const FieldDef* odd = odd_one_out(node.fields)) {
    return refuse(comparison.column,
                  shown(comparison.name) + " stands for fields of different types",
                  std::string(odd->name));
  }
  const FieldType type = node.fields.front()->type;
  if (!can_be_asked(type, comparison.op)) return refuse_operator(comparison, *node.fields.front());
  if (comparison.op == FilterOp::kMatches) {
    const WrittenValue& value = comparison.values.front();
    if (value.high) return refuse(value.column, "a pattern wants quotes", "r\"...\"");
    auto pattern = Pattern::compile(value.text);
    if (!pattern) {
      column_is_in_pattern = true;
      Pattern::Error& error = pattern.error();
      return refuse(error.offset, std::move(error.message), std::move(error.suggestion));
    }
    node.literals.emplace_back().text = value.text;
    leaf->pattern = std::move(*pattern);
    return leaf;
  }
  const auto added = add_literals(catalog, node, comparison);
  if (!added) return std::unexpected(added.error());
  spell_transports(catalog, node);
  if (comparison.short_form && type == FieldType::kText && comparison.op == FilterOp::kEqual) {
    loosen(node);
  }
  return leaf;
}

LeafResult check_bare(const Catalog& catalog, const std::string& text, bool quoted,
                      std::uint32_t column) {
  if (text.empty()) return refuse(column, "an empty text is part of every name");
  if (quoted) return text_search(catalog, text, column);
  std::string spelt = protocol_spelling(catalog, text);
  if (!spelt.empty()) {
    return CheckedLeaf{protocol_leaf(catalog, std::move(spelt), column), std::nullopt, nullptr};
  }
  if (!catalog.find(text).empty()) {
    bool ignored = false;
    return check_comparison(catalog, {text, column, FilterOp::kExists, column, false, {}}, ignored);
  }
  if (auto network = bare_network(text)) {
    return CheckedLeaf{own_leaf(catalog, {FlowField::kIpAddr}, std::move(*network), column),
                       std::nullopt, nullptr};
  }
  const std::string in_quotes = "\"" + shown(text) + "\"";
  if (looks_numeric(text)) {
    return refuse(column, "a number alone does not say what it counts", "port:" + shown(text));
  }
  if (looks_like_address(text)) {
    return refuse(column, shown(text) + " is neither an IP address nor a network", in_quotes);
  }
  if (names_a_family(catalog, text)) {
    FilterError error = unknown_field(catalog, text, column);
    if (error.suggestion.empty()) {
      error.message += "; to search for it as a text, quote it";
      error.suggestion = in_quotes;
    }
    return std::unexpected(std::move(error));
  }
  if (text.find('*') != std::string::npos) {
    return refuse(column, "there is no wildcard *: a bare word is found anywhere in a name",
                  in_quotes);
  }
  return text_search(catalog, text, column);
}

}  // namespace netwatch::query
