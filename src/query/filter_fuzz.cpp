// Hostile filters over hostile values: parsing, evaluation, errors and proposals never crash, and
// a filter is either understood or refused inside its own text.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "query/complete.h"
#include "query/filter_fixture.h"

namespace {

using namespace netwatch;  // NOLINT(google-build-using-namespace)

void require(bool holds) {
  if (!holds) std::abort();
}

// `value` in every field of a schema.
void fill(model::RecordBuilder& builder, const model::Schema& schema, std::string_view value) {
  builder.start(schema, 0);
  std::uint64_t number = 0;
  for (const char c : value.substr(0, 8)) number = (number << 8) | static_cast<std::uint8_t>(c);
  std::array<std::uint8_t, 16> raw{};
  for (std::size_t i = 0; i < raw.size() && i < value.size(); ++i) {
    raw[i] = static_cast<std::uint8_t>(value[i]);
  }
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const auto id = static_cast<std::uint8_t>(i);
    switch (schema.fields[i].type) {
      case model::FieldType::kBool:
        builder.add_bool(id, (number & 1) != 0);
        break;
      case model::FieldType::kText:
      case model::FieldType::kBytes:
        builder.add_text(id, value);
        break;
      case model::FieldType::kAddress:
        builder.add_address(id, base::IpAddress::v6(raw.data()));
        builder.add_address(id, base::IpAddress::v4(raw.data()));
        break;
      default:
        builder.add_uint(id, number);
    }
  }
}

}  // namespace

// Input: the filter, a zero byte, the value that records and flows carry.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const query::Catalog catalog = query::fixture::catalog();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view text = input.substr(0, input.find('\0'));
  const std::string_view value =
      text.size() < input.size() ? input.substr(text.size() + 1) : std::string_view();

  const auto filter = query::Filter::parse(text, catalog);
  if (!filter) {
    require(filter.error().column <= text.size() && !filter.error().message.empty());
    require(!filter.error().render(text).empty());
  } else {
    static model::RecordBuilder builder;
    query::Filter::Evidence evidence;
    for (const model::Schema* schema : {&query::fixture::kTls, &query::fixture::kHttp}) {
      fill(builder, *schema, value);
      filter->note(evidence, builder.view());
    }
    require((evidence.equal & ~evidence.seen) == 0);
    require(filter->uses_records() || evidence.seen == 0);
    model::Flow flow = query::fixture::web_flow();
    flow.name = value;
    const bool verdict = filter->matches(flow, evidence);
    require(filter->matches(flow, evidence) == verdict);
    // Parentheses and a double negation change nothing.
    const auto wrapped = query::Filter::parse("not not (" + std::string(text) + ")", catalog);
    require(!wrapped || wrapped->matches(flow, evidence) == verdict);
  }
  const std::size_t cursor = value.empty() ? text.size() : static_cast<std::uint8_t>(value[0]);
  require(query::complete(text, cursor, catalog).size() <= query::kMaxProposals);
  return 0;
}
