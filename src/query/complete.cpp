#include "query/complete.h"

#include <algorithm>
#include <initializer_list>

#include "query/lexer.h"
#include "query/names.h"

namespace netwatch::query {
namespace {

using model::FieldType;

// A comma stays out: it ends a word in a set.
bool is_name_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '.' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

bool starts_ignoring_case(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && equal_ignoring_case(text.substr(0, start.size()), start);
}

bool holds_ignoring_case(std::string_view text, std::string_view part) {
  return to_lower(text).find(to_lower(part)) != std::string::npos;
}

std::vector<std::string> that_start(std::initializer_list<std::string_view> words,
                                    std::string_view typed) {
  std::vector<std::string> proposals;
  for (const std::string_view word : words) {
    if (starts_ignoring_case(word, typed)) proposals.emplace_back(word);
  }
  return proposals;
}

// Names that begin with what was typed, plain ones first; then names that hold it.
std::vector<std::string> names_like(const Catalog& catalog, std::string_view typed) {
  std::vector<std::string> proposals;
  const std::vector<KnownName> names = known_names(catalog);
  const auto add = [&](bool aliases, bool beginnings) {
    for (const KnownName& known : names) {
      const bool begins = starts_ignoring_case(known.name, typed);
      if (known.is_alias != aliases || begins != beginnings) continue;
      if (!begins && !holds_ignoring_case(known.name, typed)) continue;
      if (proposals.size() < kMaxProposals) proposals.emplace_back(known.name);
    }
  };
  add(false, true);
  add(true, true);
  if (typed.size() >= 2) {
    add(false, false);
    add(true, false);
  }
  for (const std::string_view word : {"not", "("}) {
    if (proposals.size() < kMaxProposals && starts_ignoring_case(word, typed)) {
      proposals.emplace_back(word);
    }
  }
  return proposals;
}

std::vector<std::string> operators_for(FieldType type, std::string_view typed) {
  switch (type) {
    case FieldType::kBool:
      return that_start({"==", "!=", "and", "or"}, typed);
    case FieldType::kText:
    case FieldType::kBytes:
      return that_start({"==", "!=", "contains", "matches", "in", "and", "or"}, typed);
    case FieldType::kAddress:
      return that_start({"==", "!=", "in", "and", "or"}, typed);
    default:
      return that_start({"==", "!=", "<", "<=", ">", ">=", "in", "and", "or"}, typed);
  }
}

bool takes_value(TokenKind kind) {
  return kind == TokenKind::kCompare || kind == TokenKind::kContains ||
         kind == TokenKind::kMatches || kind == TokenKind::kIn || kind == TokenKind::kDots ||
         kind == TokenKind::kBraceOpen || kind == TokenKind::kComma;
}

// Whether the tokens end inside the braces of a set.
bool in_set(const std::vector<Token>& tokens) {
  bool open = false;
  for (const Token& token : tokens) {
    if (token.kind == TokenKind::kBraceOpen) open = true;
    if (token.kind == TokenKind::kBraceClose) open = false;
  }
  return open;
}

}  // namespace

std::size_t completion_start(std::string_view text, std::size_t cursor) {
  std::size_t start = std::min(cursor, text.size());
  while (start > 0 && is_name_char(text[start - 1])) --start;
  return start;
}

std::vector<std::string> complete(std::string_view text, std::size_t cursor,
                                  const Catalog& catalog) {
  cursor = std::min(cursor, text.size());
  const std::size_t start = completion_start(text, cursor);
  const std::string_view typed = text.substr(start, cursor - start);
  // A word behind `name:` is a value.
  if (start > 0 && text[start - 1] == ':') return {};
  const auto tokens = tokenize(text.substr(0, start));
  if (!tokens || in_set(*tokens)) return {};
  // The last is the end.
  const std::size_t count = tokens->size() - 1;
  if (count == 0) return names_like(catalog, typed);
  const Token& last = (*tokens)[count - 1];
  const Token* before = count > 1 ? &(*tokens)[count - 2] : nullptr;
  switch (last.kind) {
    case TokenKind::kAnd:
    case TokenKind::kOr:
    case TokenKind::kNot:
    case TokenKind::kOpen:
      return names_like(catalog, typed);
    case TokenKind::kCompare: {
      if (before == nullptr || before->kind != TokenKind::kWord) return {};
      const auto fields = catalog.find(before->text);
      if (fields.empty() || fields.front()->type != FieldType::kBool) return {};
      return that_start({"true", "false"}, typed);
    }
    case TokenKind::kWord: {
      const bool is_value = before != nullptr && takes_value(before->kind);
      const auto fields =
          is_value ? std::vector<const model::FieldDef*>{} : catalog.find(last.text);
      if (!fields.empty()) return operators_for(fields.front()->type, typed);
      return that_start({"and", "or"}, typed);
    }
    case TokenKind::kString:
    case TokenKind::kClose:
    case TokenKind::kBraceClose:
      return that_start({"and", "or"}, typed);
    default:
      return {};
  }
}

}  // namespace netwatch::query
