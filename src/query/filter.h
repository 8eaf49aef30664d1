#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/field.h"
#include "model/filter.h"
#include "model/flow.h"
#include "model/record.h"

// The one filter language (docs/filter.md). The subject is a flow.
namespace netwatch::query {

// All names a filter may use: the flow's own fields and those of every protocol's records.
class Catalog {
 public:
  explicit Catalog(std::vector<const model::Schema*> schemas);  // schemas[0]: model::flow_schema()
  // Fields that `name` stands for: a full name, an alias or a short form; empty if unknown.
  [[nodiscard]] std::vector<const model::FieldDef*> find(std::string_view name) const;
  // Whether `name` is a protocol ("tls", "tcp"): true of flows that speak it.
  [[nodiscard]] bool is_protocol(std::string_view name) const;
  // The known name nearest to a misspelt one; empty if none is near.
  [[nodiscard]] std::string nearest(std::string_view name) const;
  // For completion and docs: every name with its definition.
  [[nodiscard]] const std::vector<const model::Schema*>& schemas() const { return schemas_; }

 private:
  std::vector<const model::Schema*> schemas_;
};

struct FilterError {
  std::size_t column = 0;  // 0-based, in bytes of the text
  std::string message;     // what is wrong
  std::string suggestion;  // what to write instead; may be empty
  // Three lines for a terminal: the text, a caret under the column, the message and what to write
  // instead. Sanitised; a long text is cut around the column.
  [[nodiscard]] std::string render(std::string_view text) const;
};

// A checked filter. Immutable; safe from any thread. At most kMaxLeaves comparisons.
class Filter {
 public:
  static constexpr std::size_t kMaxLeaves = 64;
  static constexpr std::size_t kMaxDepth = 64;        // of ( ) and not
  static constexpr std::size_t kMaxTextBytes = 4096;  // of the filter's text

  // An empty text is an error: a caller without a filter has none to parse.
  static std::expected<Filter, FilterError> parse(std::string_view text, const Catalog& catalog);

  // What the records of a flow have answered so far; start with {} for each flow.
  struct Evidence {
    std::uint64_t seen = 0;   // leaves whose field occurred
    std::uint64_t equal = 0;  // leaves for which some value matched
  };
  // Adds what one record of the flow answers.
  void note(Evidence& evidence, const model::Record& record) const;
  // The verdict over the flow's own fields and the evidence of its records so far.
  [[nodiscard]] bool matches(const model::Flow& flow, const Evidence& evidence) const;
  // Whether records matter at all: false lets callers skip note().
  [[nodiscard]] bool uses_records() const { return uses_records_; }

  [[nodiscard]] const model::FilterNode& tree() const { return *root_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::shared_ptr<const model::FilterNode> root_;
  std::shared_ptr<const void> compiled_;  // regular expressions by leaf
  bool uses_records_ = false;
};

}  // namespace netwatch::query
